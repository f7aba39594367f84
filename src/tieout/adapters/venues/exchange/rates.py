"""How fast we may ask: our own limiter, fed by the weight the venue reports in each answer."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING, Final

from tieout.errors import VenueError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tieout.adapters.clocks import VenueClock

__all__ = ["RateLimiter", "RequestKind"]

MINUTE: Final = 60_000_000_000
_WEIGHT_MAX: Final = 2_400
_BAN_NS: Final = 120_000_000_000
"""The shortest ban of the venue; taken when it refuses us without saying for how long."""


@unique
class RequestKind(IntEnum):
    """What a request is for; the more urgent, the more of the budget it may use."""

    QUERY = 1
    ORDER = 2
    CANCEL = 3


class RateLimiter:
    """Counts the weight used in this minute and holds requests back before the venue would.

    The venue counts by the minute of its own clock and tells the sum in `X-MBX-USED-WEIGHT-1M`;
    other processes behind the same address are in that figure too. Queries wait for the next
    minute. Orders are refused at once, since a late order is another order. Cancels wait only
    while we are banned.

    Args:
        clock: The venue's time.
        query_share: Share of the budget that queries may use.
    """

    def __init__(self, clock: VenueClock, query_share: Decimal) -> None:
        self._clock = clock
        self._query_share = query_share
        self.weight_max = _WEIGHT_MAX
        self._minute = 0
        self.used_weight = 0
        self.banned_until_ns = 0

    async def admit(self, kind: RequestKind) -> None:
        """Return when a request may leave.

        Raises:
            VenueError: An order, and the budget is used up or the venue has banned us.
        """
        while (wait_until_ns := self._free_at_ns(kind)) is not None:
            if kind is RequestKind.ORDER:
                raise VenueError(
                    f"request weight {self.used_weight} of {self.weight_max} a minute is used, or "
                    "the venue asked us to wait; an order is not sent late, decide again"
                )
            await self._clock.sleep_until(wait_until_ns)
        self._roll()
        # Until the answer tells the true sum; a burst must not run ahead of it.
        self.used_weight += 1

    def observe(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the figures of an answer."""
        self._roll()
        lowered = {name.lower(): value for name, value in headers.items()}
        used = lowered.get("x-mbx-used-weight-1m", "")
        if used.isdecimal():
            self.used_weight = int(used)
        if status in (418, 429):
            retry_after = lowered.get("retry-after", "")
            wait_ns = int(retry_after) * 1_000_000_000 if retry_after.isdecimal() else _BAN_NS
            self.banned_until_ns = max(self.banned_until_ns, self._clock.now_ns() + wait_ns)

    def _free_at_ns(self, kind: RequestKind) -> int | None:
        """Return when to look again, or None when the way is free now."""
        self._roll()
        if self._clock.now_ns() < self.banned_until_ns:
            return self.banned_until_ns
        if kind is RequestKind.CANCEL:
            return None
        is_query = kind is RequestKind.QUERY
        budget = int(self.weight_max * self._query_share) if is_query else self.weight_max
        return None if self.used_weight < budget else (self._minute + 1) * MINUTE

    def _roll(self) -> None:
        minute = self._clock.now_ns() // MINUTE
        if minute != self._minute:
            self._minute = minute
            self.used_weight = 0
