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
        self._closes.append(bar.close_ticks)
        self._sum += bar.close_ticks
        if len(self._closes) > self._window:
            self._sum -= self._closes.popleft()
        if len(self._closes) == self._window:
            self.ready = True
            self.value = self._sum / self._window * self._tick


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
    """Highest high of the last `window` bars."""

    __slots__ = ("_tick", "_values", "_window", "ready", "value")

    def __init__(self, window: int, *, tick: float = 1.0) -> None:
        self._window = _positive("highest", window)
        self._tick = tick
        self._values: deque[int] = deque(maxlen=window)
        self.ready = False
        self.value = 0.0

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        self._values.append(bar.high_ticks)
        self.value = max(self._values) * self._tick
        self.ready = len(self._values) == self._window


class Lowest:
    """Lowest low of the last `window` bars."""

    __slots__ = ("_tick", "_values", "_window", "ready", "value")

    def __init__(self, window: int, *, tick: float = 1.0) -> None:
        self._window = _positive("lowest", window)
        self._tick = tick
        self._values: deque[int] = deque(maxlen=window)
        self.ready = False
        self.value = 0.0

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        self._values.append(bar.low_ticks)
        self.value = min(self._values) * self._tick
        self.ready = len(self._values) == self._window


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
