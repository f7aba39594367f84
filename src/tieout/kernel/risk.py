"""The risk gate: every order passes it, in every world, and each refusal says why."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import SettingsError
from tieout.model.decimals import check_decimals
from tieout.model.money import money
from tieout.model.rules import DatedInstrument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.instruments import Instrument
    from tieout.model.orders import PlaceOrder

__all__ = ["RiskGate", "RiskLimits"]

_MINUTE_NS = 60_000_000_000


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hard limits of a run; None means the limit is not set.

    Attributes:
        order_notional_max: Largest order, in account currency: the coin, of inverse contracts.
        position_notional_max: Largest position with all open orders filled, per instrument.
        open_orders_max: Most orders open at once.
        orders_per_minute_max: Most orders in any 60 s of our clock.
        input_age_ns_max: Orders that add exposure are refused when the event they rest on is
            older than this on arrival.
    """

    order_notional_max: Decimal | None = None
    position_notional_max: Decimal | None = None
    open_orders_max: int = 200
    orders_per_minute_max: int = 100_000
    input_age_ns_max: int = 60_000_000_000

    def __post_init__(self) -> None:
        check_decimals("risk", self)
        for name in ("order_notional_max", "position_notional_max"):
            value: Decimal | None = getattr(self, name)
            if value is not None and value <= 0:
                raise SettingsError(f"risk: {name} {value} must be a positive amount")
        for name in ("open_orders_max", "orders_per_minute_max", "input_age_ns_max"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"risk: {name} {getattr(self, name)} must be positive")


class RiskGate:
    """Checks one order at a time against the limits and the instrument's own rules."""

    def __init__(self, limits: RiskLimits) -> None:
        self.limits = limits
        self.halted_by = ""
        self._order_max = _optional_money(limits.order_notional_max)
        self._position_max = _optional_money(limits.position_notional_max)
        self._limits_amounts = self._order_max is not None or self._position_max is not None
        self._recent: deque[int] = deque()

    def halt(self, reason: str) -> None:
        """Refuse every further order until the run ends."""
        self.halted_by = self.halted_by or reason

    @property
    def money_limits(self) -> tuple[int | None, int | None]:
        """Largest order and largest position, in internal money units; None: not set."""
        return self._order_max, self._position_max

    @property
    def recent(self) -> Sequence[int]:
        """When the last orders left, oldest first; those over a minute ago may be missing."""
        return tuple(self._recent)

    @recent.setter
    def recent(self, times: Sequence[int]) -> None:
        self._recent = deque(times)

    def objection(
        self,
        order: PlaceOrder,
        instrument: Instrument,
        *,
        position_lots: int,
        open_lots: int,
        open_orders: int,
        input_age_ns: int,
    ) -> tuple[str, str] | None:
        """Return (rule, explanation) when the order must not leave, else None.

        An order that is kept back for now, and one that is to be amended, are asked about as they
        would be then. What leaves is asked about by `too_often` as well.

        Args:
            order: The wish, rounded.
            instrument: Its instrument.
            position_lots: Signed lots held.
            open_lots: Signed lots of orders that may still open, unknown ones in full.
            open_orders: How many orders are open.
            input_age_ns: Arrival minus venue time of the event the wish rests on.
        """
        if self.halted_by:
            return "halted", f"{order.instrument}: the run is halted ({self.halted_by})"
        if not instrument.min_lots <= order.lots <= instrument.max_lots:
            return "quantity", (
                f"{order.instrument}: {order.lots} lots; allowed: {instrument.min_lots} … "
                f"{instrument.max_lots}; change the size"
            )
        if type(instrument) is DatedInstrument:
            off_step = instrument.off_step(order)
            if off_step is not None:
                return "rules", off_step
        signed = order.lots * order.side
        reduces = order.reduce_only or (
            position_lots * order.side < 0 and order.lots <= abs(position_lots)
        )
        if input_age_ns > self.limits.input_age_ns_max and not reduces:
            return "stale_input", (
                f"{order.instrument}: decided on input {input_age_ns / 1e9:.3f} s old; allowed: "
                f"{self.limits.input_age_ns_max / 1e9:.3f} s; wait for fresh data"
            )
        if self._limits_amounts or instrument.min_notional:
            after_lots = position_lots + open_lots + signed
            refusal = self._amounts(order, instrument, after_lots, reduces)
            if refusal is not None:
                return refusal
        if open_orders >= self.limits.open_orders_max:
            return "open_orders", (
                f"{order.instrument}: {open_orders} orders are open; allowed: "
                f"{self.limits.open_orders_max}; cancel some first"
            )
        return None

    def _amounts(
        self,
        order: PlaceOrder,
        instrument: Instrument,
        after_lots: int,
        reduces: bool,  # noqa: FBT001
    ) -> tuple[str, str] | None:
        price = order.limit_ticks or order.stop_ticks or order.decision_price_ticks
        if price is None:
            if not self._limits_amounts:
                return None
            return "no_price", f"{order.instrument}: no price seen yet; wait for market data"
        notional = instrument.notional(order.lots, price)
        shown = _coins if instrument.inverse else _cents
        if instrument.min_notional and not reduces and notional < money(instrument.min_notional):
            return "min_notional", (
                f"{order.instrument}: notional {shown(notional)} is under the venue's least "
                f"{instrument.min_notional}; trade more or not at all"
            )
        if self._order_max is not None and notional > self._order_max and not reduces:
            return "order_notional_max", (
                f"{order.instrument}: notional {shown(notional)}; allowed: "
                f"{self.limits.order_notional_max}; trade less or raise the limit"
            )
        after = abs(instrument.notional(after_lots, price))
        if self._position_max is not None and after > self._position_max and not reduces:
            return "position_notional_max", (
                f"{order.instrument}: position would be {shown(after)}; allowed: "
                f"{self.limits.position_notional_max}; trade less or raise the limit"
            )
        return None

    def too_often(self, order: PlaceOrder) -> tuple[str, str] | None:
        """Return why there were too many orders of late, or None; then this one counts as sent."""
        recent = self._recent
        now = order.decided_at_ns
        while recent and recent[0] <= now - _MINUTE_NS:
            recent.popleft()
        if len(recent) >= self.limits.orders_per_minute_max:
            return "orders_per_minute", (
                f"{order.instrument}: {len(recent)} orders in the last minute; allowed: "
                f"{self.limits.orders_per_minute_max}; slow the strategy down"
            )
        recent.append(now)
        return None


def _cents(amount: int) -> str:
    return f"{amount / 1e12:.2f}"


def _coins(amount: int) -> str:
    """Return an amount of coin, of which a hundredth is much."""
    return f"{amount / 1e12:.8f}"


def _optional_money(amount: Decimal | None) -> int | None:
    return None if amount is None else money(amount)
