"""Where an indicator's numbers stand: one flat float64 array, all zeros but tick and parameters.

SEEN                    bars taken
TICK                    size of a tick
OUTPUTS … (8)           what it says, in the unit it states; 0.0 until it says something
GIVEN … (8)             parameters; names of averages and seeds as the numbers below
MEMORY …                rings, sums and averages, laid out by each step for itself

A ring of n (n + 1)           values taken, then n places
A sum over n (n + 2)          the sum, then a ring
A mean over n (n + 3)         values taken, the mean, then a ring (used by `sma` and `wma` alone)
An extreme of n (2 n + 3)     values taken, first place, places filled, n numbers, n values

Prices are whole ticks and quantities whole lots, so sums of them are exact up to 2**53.
NaN inside a step means: not there yet. It is never written to an output.
"""

from __future__ import annotations

from typing import Final

__all__: list[str] = []

SEEN: Final = 0
TICK: Final = 1
OUTPUTS: Final = 2
OUTPUTS_MAX: Final = 8
GIVEN: Final = OUTPUTS + OUTPUTS_MAX
GIVEN_MAX: Final = 8
MEMORY: Final = GIVEN + GIVEN_MAX

RING: Final = 1
SUM: Final = 2
MEAN: Final = 3
EXTREME: Final = 3
"""What stands beside the places of a block."""

SMA: Final = 1
EMA: Final = 2
WILDER: Final = 3
WMA: Final = 4

FIRST: Final = 1
MEAN_OF_WINDOW: Final = 2

POPULATION: Final = 1
SAMPLE: Final = 2

AVERAGES: Final = {"sma": SMA, "ema": EMA, "wilder": WILDER, "wma": WMA}
"""Kinds of averages by name."""
SEEDS: Final = {"first": FIRST, "sma": MEAN_OF_WINDOW}
"""What an exponential average starts from, by name: the first value, or the first full mean."""
DEVIATIONS: Final = {"population": POPULATION, "sample": SAMPLE}
"""Whether squares are divided by n or by n − 1, by name."""
