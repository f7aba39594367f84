"""An instrument's rules by date: its tick, its lot and its least order were others before.

Integers count the *finest* tick and lot that the instrument ever had: that is its unit, so prices
and quantities of all its history can be compared. A coarser rule is kept as a number of units.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import InputError, OrderRefused
from tieout.model.decimals import check_decimals
from tieout.model.instruments import Instrument, as_decimal
from tieout.model.orders import Side

if TYPE_CHECKING:
    from tieout.model.orders import PlaceOrder

__all__ = ["DatedInstrument", "DatedRules", "RulesChanged", "RulesRow", "in_force"]


class RulesRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Rules that hold from a time on, until the next row.

    Attributes:
        effective_time_ns: From when on.
        tick_size: Smallest price step.
        lot_size: Smallest quantity step.
        min_notional: Smallest price·quantity of an order that opens; 0 for none.
        min_quantity: Smallest order; 0: a lot.
        known_time_ns: When it could be known; 0: when it held.
    """

    effective_time_ns: int
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal = Decimal(0)
    min_quantity: Decimal = Decimal(0)
    known_time_ns: int = 0

    @property
    def acts_ns(self) -> int:
        """When it holds for somebody who can only act on what he knows."""
        return max(self.effective_time_ns, self.known_time_ns)


class RulesChanged(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, tag=62):
    """Other rules hold for an instrument from now on. An input.

    Attributes:
        instrument: Symbol.
        tick_size, lot_size, min_notional, min_quantity: As decimal text; as in `RulesRow`.
        venue_time_ns: Since when they hold.
        arrival_time_ns: When we knew, and never before they held.
    """

    instrument: str
    tick_size: str
    lot_size: str
    min_notional: str
    min_quantity: str
    venue_time_ns: int
    arrival_time_ns: int


class DatedRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All rules an instrument had, in order.

    Attributes:
        name: Name in the store.
        symbol: The instrument.
        source: Where they are from, in words.
        rows: By effective time.

    Raises:
        InputError: Rows are out of order, or a step is not positive.
    """

    name: str
    symbol: str
    source: str = ""
    rows: tuple[RulesRow, ...]

    def __post_init__(self) -> None:
        check_decimals(f"rules {self.name}", self)
        before: RulesRow | None = None
        for number, row in enumerate(self.rows, start=1):
            where = f"rules {self.name}, row {number}"
            for word, least in (
                ("tick_size", True),
                ("lot_size", True),
                ("min_notional", False),
                ("min_quantity", False),
            ):
                value: Decimal = getattr(row, word)
                if value < 0 or (least and not value):
                    raise InputError(
                        f"{where}: {word} {value} must be {'positive' if least else '0 or more'}"
                    )
            if before is not None and not (
                row.effective_time_ns > before.effective_time_ns and row.acts_ns > before.acts_ns
            ):
                raise InputError(
                    f"{where}: {row.effective_time_ns} (known {row.acts_ns}) does not come after "
                    f"{before.effective_time_ns} (known {before.acts_ns}); sort the rows by time, "
                    "one for each change"
                )
            before = row
        if not self.rows:
            raise InputError(f"rules {self.name}: there is no row in it; give one for each change")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its rows."""
        whole = sha256(b"tieout rules 1")
        whole.update(msgspec.json.encode([self.symbol, self.rows]))
        return whole.hexdigest()

    def check_units(self, instrument: Instrument) -> None:
        """Check that every step is a whole number of an instrument's units.

        Raises:
            InputError: One is not: the instrument's tick or lot is not the finest there was.
        """
        for row in self.rows:
            for word, step, unit in (
                ("tick", row.tick_size, instrument.tick_size),
                ("lot", row.lot_size, instrument.lot_size),
                ("least quantity", row.min_quantity, instrument.lot_size),
            ):
                if step % unit:
                    raise InputError(
                        f"{self.symbol}: rules {self.name} have the {word} {step} from "
                        f"{row.effective_time_ns} on, which is no multiple of {unit}, that of its "
                        f"data; import the data with the finest {word} there ever was"
                    )

    def known_at(self, start_ns: int) -> RulesChanged:
        """Return the rules that hold at the start of a run.

        Raises:
            InputError: The first ones hold only later.
        """
        held = [each for each in self.rows if each.acts_ns <= start_ns]
        if not held:
            raise InputError(
                f"{self.symbol}: rules {self.name} begin at {self.rows[0].acts_ns}, after the "
                f"start of the run, {start_ns}; add the rules that held then"
            )
        return self._changed(held[-1], start_ns)

    def changes(self, start_ns: int) -> list[RulesChanged]:
        """Return the changes after a start, in order of arrival."""
        return [self._changed(each, each.acts_ns) for each in self.rows if each.acts_ns > start_ns]

    def _changed(self, row: RulesRow, at_ns: int) -> RulesChanged:
        return RulesChanged(
            instrument=self.symbol,
            tick_size=f"{row.tick_size:f}",
            lot_size=f"{row.lot_size:f}",
            min_notional=f"{row.min_notional:f}",
            min_quantity=f"{row.min_quantity:f}",
            venue_time_ns=row.effective_time_ns,
            arrival_time_ns=at_ns,
        )


class DatedInstrument(Instrument, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """An instrument with the rules in force now, coarser than its units or as fine.

    `tick_size` and `lot_size` are the units that all integers count; orders must lie on the steps.

    Attributes:
        tick_step: Units between two prices that an order may have.
        lot_step: Units between two quantities that an order may have.
    """

    tick_step: int = 1
    lot_step: int = 1

    @property
    def price_step(self) -> Decimal:
        """Smallest price step in force."""
        return self.tick_size * self.tick_step

    @property
    def quantity_step(self) -> Decimal:
        """Smallest quantity step in force."""
        return self.lot_size * self.lot_step

    def exact_ticks(self, price: Decimal | str | float) -> int:
        """Return a price that must lie on the step in force as ticks.

        Raises:
            OrderRefused: It does not.
        """
        ticks = super().exact_ticks(price)
        if ticks % self.tick_step:
            raise OrderRefused(
                f"{self.symbol}: price {price} is not a multiple of {self.price_step}, the tick "
                "now; round it with instrument.round_price(side=...)"
            )
        return ticks

    def exact_lots(self, quantity: Decimal | str | float) -> int:
        """Return a quantity that must lie on the step in force as lots.

        Raises:
            OrderRefused: It does not.
        """
        lots = super().exact_lots(quantity)
        if lots % self.lot_step:
            raise OrderRefused(
                f"{self.symbol}: quantity {quantity} is not a multiple of {self.quantity_step}, "
                "the lot now; round it with instrument.round_quantity()"
            )
        return lots

    def round_price(self, price: Decimal | str | float, *, side: Side) -> int:
        """Return the nearest price in force that is no worse for us: a buy down, a sell up."""
        ticks = super().round_price(price, side=side)
        down = ticks // self.tick_step * self.tick_step
        if down == ticks or side is Side.BUY:
            return down
        return down + self.tick_step

    def round_stop(self, price: Decimal | str | float) -> int:
        """Return the price in force nearest to a trigger price, ties to even steps."""
        steps = as_decimal(price) / self.price_step
        return int(steps.to_integral_value(rounding=ROUND_HALF_EVEN)) * self.tick_step

    def round_quantity(self, quantity: Decimal | str | float) -> int:
        """Return a quantity in force, rounded toward zero: never more than was asked for."""
        return self.whole_lots(super().round_quantity(quantity))

    def whole_lots(self, lots: int) -> int:
        """Return lots rounded toward zero to what an order may have now."""
        whole = abs(lots) // self.lot_step * self.lot_step
        return whole if lots >= 0 else -whole

    def off_step(self, order: PlaceOrder) -> str | None:
        """Return why an order does not lie on the steps in force, or None."""
        if order.lots % self.lot_step:
            return (
                f"{self.symbol}: quantity {self.quantity(order.lots)} is not a multiple of "
                f"{self.quantity_step}, the lot now; round it with instrument.round_quantity()"
            )
        for word in ("limit", "stop"):
            ticks: int | None = getattr(order, f"{word}_ticks")
            if ticks is not None and ticks % self.tick_step:
                return (
                    f"{self.symbol}: {word} price {self.price(ticks)} is not a multiple of "
                    f"{self.price_step}, the tick now; round it with instrument.round_price()"
                )
        return None


def in_force(unit: Instrument, changed: RulesChanged) -> DatedInstrument:
    """Return an instrument with the rules of a change.

    Raises:
        InputError: A step is no whole number of the instrument's units.
    """
    tick, lot = Decimal(changed.tick_size), Decimal(changed.lot_size)
    tick_step, lot_step = tick / unit.tick_size, lot / unit.lot_size
    least = Decimal(changed.min_quantity) / unit.lot_size
    if any(each != each.to_integral_value() for each in (tick_step, lot_step, least)):
        raise InputError(
            f"{unit.symbol}: tick {tick}, lot {lot} and least quantity {changed.min_quantity} are "
            f"no multiples of its units {unit.tick_size} and {unit.lot_size}; import its data with "
            "the finest there ever were"
        )
    kept = {name: getattr(unit, name) for name in Instrument.__struct_fields__}
    changes = {
        "min_lots": max(int(least), int(lot_step)),
        "min_notional": Decimal(changed.min_notional),
    }
    return DatedInstrument(
        **{**kept, **changes},
        tick_step=int(tick_step),
        lot_step=int(lot_step),
    )
