"""From shares of the equity to whole lots: what a small account can hold, and what it cannot."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from tieout.model.money import money

if TYPE_CHECKING:
    from decimal import Decimal

    from tieout.model.instruments import Instrument

__all__ = ["Held", "lots_for"]


class Held(NamedTuple):
    """What a weight comes to.

    Attributes:
        lots: Signed, held once the order has filled.
        order_lots: Signed, to trade now; 0: nothing.
        reason: Why it is not the weight rounded toward zero: `min_quantity`, `min_notional`,
            `max_quantity`; empty where it is.
    """

    lots: int
    order_lots: int
    reason: str


def lots_for(
    instrument: Instrument, weight: Decimal, *, equity: int, price_ticks: int, held_lots: int
) -> Held:
    """Return the lots nearest to a share of the equity that the venue lets us hold.

    The position is rounded toward zero: it is never larger, long or short, than was asked for. An
    order under the venue's least quantity or notional is not sent, and what is held stays; closing
    a position is no order under the least notional. One over the largest quantity is cut to it.

    Args:
        instrument: Its rules.
        weight: Of the equity; negative is short. Both are in the currency that profit is paid in,
            so of an inverse contract the notional in the coin is this share of the coins.
        equity: In money units.
        price_ticks: What a lot is priced at.
        held_lots: Signed, what is held or under way.
    """
    exact = instrument.lots_worth(Fraction(weight) * equity, price_ticks)
    wanted = instrument.whole_lots(int(exact))
    # What is held may have been bought by other rules.
    order = instrument.whole_lots(wanted - held_lots)
    wanted = held_lots + order
    if not order:
        return Held(held_lots, 0, "")
    if abs(order) < instrument.min_lots:
        return Held(held_lots, 0, "min_quantity")
    reduces = abs(wanted) < abs(held_lots) and wanted * held_lots >= 0
    notional = instrument.notional(abs(order), price_ticks)
    if not reduces and notional < money(instrument.min_notional):
        return Held(held_lots, 0, "min_notional")
    if abs(order) > instrument.max_lots:
        most = instrument.whole_lots(instrument.max_lots)
        order = most if order > 0 else -most
        return Held(held_lots + order, order, "max_quantity")
    return Held(wanted, order, "")
