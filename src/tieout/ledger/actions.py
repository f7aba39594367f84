"""What corporate actions do to a position and to the last price: pure, exact, the same everywhere.

A split leaves whole lots; what is left over is paid in cash at the last price before it, which is
rounded half up at 10⁻¹² of the currency. A dividend is paid for what is held when it takes effect,
by whoever is short of it. The last price is carried over an action, divided by the split or less
the dividend, rounded half up to a tick, so that equity goes on where it stood.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tieout.errors import InputError
from tieout.model.actions import ActionKind
from tieout.model.events import ActionBooked, DividendPaid, Split
from tieout.model.money import MONEY_UNIT, round_half_up

if TYPE_CHECKING:
    from tieout.model.instruments import Instrument

__all__ = ["booking_of", "carried_ticks", "paid_ticks"]


def booking_of(
    action: Split | DividendPaid,
    instrument: Instrument,
    *,
    lots: int,
    price_ticks: int | None,
    decided_at_ns: int,
) -> ActionBooked:
    """Return what an action does to a position.

    Args:
        action: A split or a dividend of this instrument.
        instrument: Whose ticks and lots these are.
        lots: Signed, held just before; not 0.
        price_ticks: Last price before it. Without any, what a split leaves over is worth nothing.
        decided_at_ns: Our time.

    Raises:
        InputError: The instrument is inverse: such a contract is not split and pays no dividend.
    """
    if instrument.inverse:
        raise InputError(
            f"{instrument.symbol}: a corporate action at {action.venue_time_ns} of an inverse "
            "contract; there are none, so leave its data set of actions out"
        )
    told = {
        "instrument": instrument.symbol,
        "lots_before": lots,
        "price_ticks": price_ticks,
        "effective_ns": action.venue_time_ns,
        "decided_at_ns": decided_at_ns,
    }
    if isinstance(action, DividendPaid):
        units = Fraction(instrument.lot_size) * Fraction(instrument.multiplier) * lots
        owed = action.amount * units
        return ActionBooked(
            kind=int(ActionKind.DIVIDEND),
            lots_after=lots,
            new=1,
            old=1,
            cash=round_half_up(owed.numerator, owed.denominator),
            **told,  # type: ignore[arg-type]
        )
    side = 1 if lots > 0 else -1
    after, left_over = divmod(abs(lots) * action.new, action.old)
    # A lot of the new units is worth old/new of an old one; `left_over` counts them by old-ths.
    value = left_over * (price_ticks or 0) * instrument.tick_value
    return ActionBooked(
        kind=int(ActionKind.SPLIT),
        lots_after=side * after,
        new=action.new,
        old=action.old,
        cash=side * round_half_up(value, action.new),
        **told,  # type: ignore[arg-type]
    )


def carried_ticks(action: Split | DividendPaid, instrument: Instrument, price_ticks: int) -> int:
    """Return a last price as it is after an action, at least one tick."""
    if isinstance(action, Split):
        return max(1, round_half_up(price_ticks * action.old, action.new))
    return max(1, price_ticks - paid_ticks(action, instrument))


def paid_ticks(action: DividendPaid, instrument: Instrument) -> int:
    """Return by how many ticks a dividend lowers a price, rounded half up."""
    tick = Fraction(instrument.tick_size) * MONEY_UNIT
    paid = action.amount / tick
    return round_half_up(paid.numerator, paid.denominator)
