"""The machine's clock, made monotone: it never goes backwards within a process."""

from __future__ import annotations

import time

__all__ = ["WallClock"]


class WallClock:
    """UTC nanoseconds; a step back of the system's clock is waited out by standing still."""

    def __init__(self) -> None:
        self._last_ns = 0

    def now_ns(self) -> int:
        """Return the time now."""
        self._last_ns = max(self._last_ns, time.time_ns())
        return self._last_ns
