"""Where things lie on a chart: thinning, ticks on money and time axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point = tuple[int, int]

__all__ = ["Span", "money_ticks", "thinned", "time_ticks"]

_SECOND = 1_000_000_000
_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
    86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 15_552_000, 31_536_000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """A range of values laid over a range of pixels; an empty range lies in the middle."""

    low: int
    high: int
    from_pixel: float
    to_pixel: float

    def at(self, value: int) -> float:
        """Return the pixel of a value."""
        if self.high == self.low:
            return (self.from_pixel + self.to_pixel) / 2
        part = (value - self.low) / (self.high - self.low)
        return self.from_pixel + part * (self.to_pixel - self.from_pixel)


def thinned(points: Sequence[Point], buckets: int) -> list[Point]:
    """Return points that draw the same line: of each stretch of time its extremes.

    First and last are kept, and so is every spike.

    Args:
        points: (time, value), in order of time.
        buckets: Into how many stretches the time is cut; at most two points of each are kept.
    """
    if len(points) <= 2 * buckets:
        return list(points)
    start, end = points[0][0], points[-1][0]
    length = max(end - start, 1)
    kept: dict[int, tuple[Point, Point]] = {}
    for point in points[1:-1]:
        bucket = (point[0] - start) * buckets // length
        lowest, highest = kept.get(bucket, (point, point))
        kept[bucket] = (
            point if point[1] < lowest[1] else lowest,
            point if point[1] > highest[1] else highest,
        )
    middle = [each for pair in kept.values() for each in sorted(set(pair))]
    return [points[0], *middle, points[-1]]


def money_ticks(low: int, high: int, wanted: int) -> list[int]:
    """Return round values inside of a range of money units, about as many as wanted."""
    if high <= low:
        return [low]
    rough = -(-(high - low) // wanted)
    power = 10 ** (len(str(rough)) - 1)
    step = next((power * each for each in (1, 2, 5) if power * each >= rough), power * 10)
    return list(range(-(-low // step) * step, high + 1, step))


def time_ticks(start_ns: int, end_ns: int, wanted: int) -> list[int]:
    """Return round UTC times inside of a range, at most about as many as wanted."""
    if end_ns <= start_ns:
        return [start_ns]
    rough = (end_ns - start_ns) / wanted
    step = next((each * _SECOND for each in _STEPS_S if each * _SECOND >= rough), None)
    step = step or ceil(rough / (_STEPS_S[-1] * _SECOND)) * _STEPS_S[-1] * _SECOND
    first = -(-start_ns // step) * step
    return list(range(first, end_ns + 1, step))
