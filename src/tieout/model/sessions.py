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
    """The sessions of one market, known in advance: the one notion of them.

    Args:
        sessions: Pairs [open, close), UTC nanoseconds, ascending; empty: always open.

    Raises:
        SettingsError: They overlap, do not ascend, or one closes before it opens.
    """

    def __init__(self, sessions: Sequence[tuple[int, int]] = ()) -> None:
        self._opens = [each[0] for each in sessions]
        self._closes = [each[1] for each in sessions]
        for opened, closed in sessions:
            if opened >= closed:
                raise SettingsError(
                    f"sessions: [{opened}, {closed}) closes before it opens, or at once; sessions "
                    "must ascend and not overlap, give pairs of [open, close)"
                )
        # One session may open when the one before closes.
        for (_, closed), (opened, _) in pairwise(sessions):
            if closed > opened:
                raise SettingsError(
                    f"sessions: {opened} follows {closed}; sessions must ascend and not overlap, "
                    "sort and merge them"
                )

    @property
    def always(self) -> bool:
        """Whether the market never closes."""
        return not self._opens

    def holding(self, time_ns: int) -> tuple[int, int] | None:
        """Return the session that holds a time, or None between sessions."""
        found = self.closing_after(time_ns)
        return found if found is not None and found[0] <= time_ns else None

    def closing_after(self, time_ns: int) -> tuple[int, int] | None:
        """Return the first session that closes after a time, or None."""
        return self._at(bisect_right(self._closes, time_ns))

    def opening_after(self, time_ns: int) -> tuple[int, int] | None:
        """Return the first session that opens after a time, or None."""
        return self._at(bisect_right(self._opens, time_ns))

    def day_end_ns(self, time_ns: int, *, midnight_ns: int = 0) -> int | None:
        """Return when an order for the day ends that arrives at a time; None: no session is left.

        The close of the session it arrives in or waits for.

        Args:
            time_ns: When it arrives.
            midnight_ns: When a day ends where the market never closes, after 00:00 UTC.
        """
        if self.always:
            return ((time_ns - midnight_ns) // DAY_NS + 1) * DAY_NS + midnight_ns
        session = self.closing_after(time_ns)
        return None if session is None else session[1]

    def _at(self, place: int) -> tuple[int, int] | None:
        if place >= len(self._opens):
            return None
        return self._opens[place], self._closes[place]
