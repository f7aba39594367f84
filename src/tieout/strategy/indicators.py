"""Indicators with one incremental definition each, exact where integers allow it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from tieout.errors import SettingsError

if TYPE_CHECKING:
    from tieout.model.events import Bar

__all__ = ["INDICATORS", "Ema", "Highest", "Indicator", "Lowest", "Sma", "make_indicator"]


class Indicator(Protocol):
    """What the kernel and a strategy need of an indicator."""

    ready: bool
    value: float

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""


class Sma:
    """Simple moving average of closes; the sum is kept in whole ticks, so it never drifts.

    Args:
        window: Bars averaged, at least 1.
        tick: Size of one tick; all indicators work in ticks and give prices.
    """

    __slots__ = ("_closes", "_sum", "_tick", "_window", "ready", "value")

    def __init__(self, window: int, *, tick: float = 1.0) -> None:
        self._tick = tick
        self._window = _positive("sma", window)
        self._closes: deque[int] = deque()
        self._sum = 0
        self.ready = False
        self.value = 0.0

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        closes, window, close = self._closes, self._window, bar.close_ticks
        closes.append(close)
        self._sum += close
        if len(closes) > window:
            self._sum -= closes.popleft()
        elif len(closes) == window:
            self.ready = True
        if self.ready:
            self.value = self._sum / window * self._tick


class Ema:
    """Exponential moving average of closes, weight 2/(window + 1), seeded by the first close.

    Args:
        window: At least 1; `ready` after that many bars.
        tick: Size of one tick.
    """

    __slots__ = ("_mean_ticks", "_seen", "_tick", "_weight", "_window", "ready", "value")

    def __init__(self, window: int, *, tick: float = 1.0) -> None:
        self._tick = tick
        self._mean_ticks = 0.0
        self._window = _positive("ema", window)
        self._weight = 2.0 / (window + 1)
        self._seen = 0
        self.ready = False
        self.value = 0.0

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        self._seen += 1
        if self._seen == 1:
            self._mean_ticks = float(bar.close_ticks)
        else:
            self._mean_ticks += self._weight * (bar.close_ticks - self._mean_ticks)
        self.value = self._mean_ticks * self._tick
        self.ready = self._seen >= self._window


class Highest:
    """Highest high of the last `window` bars, at the same cost whatever the window.

    Only bars that may still become the highest are kept, so their highs are falling.
    """

    __slots__ = ("_kept", "_seen", "_tick", "_window", "ready", "value")

    def __init__(self, window: int, *, tick: float = 1.0) -> None:
        self._window = _positive("highest", window)
        self._tick = tick
        self._kept: deque[tuple[int, int]] = deque()
        self._seen = 0
        self.ready = False
        self.value = 0.0

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        kept, high = self._kept, bar.high_ticks
        self._seen += 1
        while kept and kept[-1][1] <= high:
            kept.pop()
        kept.append((self._seen, high))
        if kept[0][0] <= self._seen - self._window:
            kept.popleft()
        self.value = kept[0][1] * self._tick
        self.ready = self._seen >= self._window


class Lowest:
    """Lowest low of the last `window` bars, at the same cost whatever the window.

    Only bars that may still become the lowest are kept, so their lows are rising.
    """

    __slots__ = ("_kept", "_seen", "_tick", "_window", "ready", "value")

    def __init__(self, window: int, *, tick: float = 1.0) -> None:
        self._window = _positive("lowest", window)
        self._tick = tick
        self._kept: deque[tuple[int, int]] = deque()
        self._seen = 0
        self.ready = False
        self.value = 0.0

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        kept, low = self._kept, bar.low_ticks
        self._seen += 1
        while kept and kept[-1][1] >= low:
            kept.pop()
        kept.append((self._seen, low))
        if kept[0][0] <= self._seen - self._window:
            kept.popleft()
        self.value = kept[0][1] * self._tick
        self.ready = self._seen >= self._window


INDICATORS: dict[str, type[Sma] | type[Ema] | type[Highest] | type[Lowest]] = {
    "sma": Sma,
    "ema": Ema,
    "highest": Highest,
    "lowest": Lowest,
}
"""Indicators by the name `context.indicator` takes."""


def make_indicator(name: str, *arguments: int, tick: float) -> Indicator:
    """Return a new indicator that gives prices in multiples of `tick`.

    Raises:
        SettingsError: The name is unknown or an argument is out of range.
    """
    if name not in INDICATORS:
        raise SettingsError(f"indicator {name!r} is unknown; choose one of {', '.join(INDICATORS)}")
    return INDICATORS[name](*arguments, tick=tick)


def _positive(name: str, window: int) -> int:
    if window < 1:
        raise SettingsError(f"indicator {name}: window {window} must be at least 1")
    return window
