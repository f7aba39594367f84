"""How wide a market's spread was: from its quotes, or guessed from its bars.

Source of the guess: Abdi and Ranaldo (2017), A Simple Estimation of Bid-Ask Spreads from Daily
Close, High, and Low Prices: s² = 4·E[(c − m)(c − m')], where c is a bar's log close, m the middle
of its log high and low, and m' that of the next bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tieout.model.columns import BarColumns, QuoteColumns

__all__ = ["Spread", "spread_from_bars", "spread_from_quotes"]

_QUOTE_NS_MAX = 60_000_000_000
"""A quote counts for no longer than this, whenever the next one comes."""


class Spread(NamedTuple):
    """A spread and what it rests on.

    Attributes:
        bps: Of the middle price.
        rows: Quotes with two sides, or pairs of bars, that it is the mean of.
    """

    bps: float
    rows: int


def spread_from_quotes(quotes: Iterable[QuoteColumns]) -> Spread:
    """Return the mean spread of quotes, each weighted by how long it stood, a minute at most.

    Quotes with one side, and crossed ones, are left out.
    """
    total = weight = 0.0
    rows = 0
    for chunk in quotes:
        bid, ask = chunk.bid_ticks.astype(float), chunk.ask_ticks.astype(float)
        stood = np.diff(chunk.venue_time_ns, append=chunk.venue_time_ns[-1:])
        stood = np.clip(stood, 0, _QUOTE_NS_MAX) / 1e9
        good = (bid > 0) & (ask >= bid) & (stood > 0)
        if not good.any():
            continue
        share = 2.0 * (ask[good] - bid[good]) / (ask[good] + bid[good])
        total += float(np.sum(share * stood[good]))
        weight += float(np.sum(stood[good]))
        rows += int(np.count_nonzero(good))
    return Spread(total / weight * 1e4 if weight else 0.0, rows)


def spread_from_bars(bars: Iterable[BarColumns]) -> Spread:
    """Return Abdi and Ranaldo's guess over pairs of neighbouring bars that traded.

    0 where the mean is negative: prices ran on so far that bars do not tell the spread.
    """
    total, rows = 0.0, 0
    for chunk in bars:
        close = np.log(chunk.close_ticks.astype(float))
        middle = (
            np.log(chunk.high_ticks.astype(float)) + np.log(chunk.low_ticks.astype(float))
        ) / 2
        traded = chunk.volume_lots > 0
        follows = chunk.open_time_ns[1:] == chunk.close_time_ns[:-1]
        good = traded[:-1] & traded[1:] & follows
        product = (close[:-1] - middle[:-1]) * (close[:-1] - middle[1:])
        total += float(np.sum(product[good]))
        rows += int(np.count_nonzero(good))
    mean = 4.0 * total / rows if rows else 0.0
    return Spread(float(np.sqrt(mean)) * 1e4 if mean > 0 else 0.0, rows)
