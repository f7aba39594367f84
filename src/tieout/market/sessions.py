"""When a market trades: sessions [open, close) in venue time, or always."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tieout.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DAY_NS", "Sessions"]

DAY_NS: Final = 86_400_000_000_000


class Sessions:
    """The sessions of one instrument, known in advance.

    Args:
        sessions: Pairs [open, close), UTC nanoseconds, ascending; empty: always open.

    Raises:
        SettingsError: They overlap, do not ascend, or one closes before it opens.
    """

    def __init__(self, sessions: Sequence[tuple[int, int]] = ()) -> None:
        edges = [edge for each in sessions for edge in each]
        for one, other in pairwise(edges):
            # One session may open when the one before closes; none is empty.
            if one > other or (one == other and edges.index(one) % 2 == 0):
                raise SettingsError(
                    f"sessions: {other} follows {one}; sessions must ascend and not overlap, "
                    "sort and merge them"
                )
        self._opens = [each[0] for each in sessions]
        self._closes = [each[1] for each in sessions]

    @property
    def always(self) -> bool:
        """Whether the market never closes."""
        return not self._opens

    def holds(self, time_ns: int) -> bool:
        """Return whether the market is open at a time."""
        session = self.closing_after(time_ns)
        return self.always or (session is not None and session[0] <= time_ns)

    def closing_after(self, time_ns: int) -> tuple[int, int] | None:
        """Return the first session that closes after a time, or None."""
        return self._at(bisect_right(self._closes, time_ns))

    def opening_after(self, time_ns: int) -> tuple[int, int] | None:
        """Return the first session that opens after a time, or None."""
        return self._at(bisect_right(self._opens, time_ns))

    def day_end_ns(self, time_ns: int) -> int | None:
        """Return when an order for the day ends that arrives at a time; None: no session is left.

        The close of the session it arrives in or waits for; 00:00 UTC where the market never
        closes.
        """
        if self.always:
            return (time_ns // DAY_NS + 1) * DAY_NS
        session = self.closing_after(time_ns)
        return None if session is None else session[1]

    def _at(self, place: int) -> tuple[int, int] | None:
        if place >= len(self._opens):
            return None
        return self._opens[place], self._closes[place]
