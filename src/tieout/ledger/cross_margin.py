"""One account that stands for several positions: how far it is from being over. Pure and exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tieout.ledger.margin import TICKS_MAX, maintenance_margin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from fractions import Fraction

    from tieout.model.instruments import Instrument
    from tieout.model.margin import MarginTerms

__all__ = ["NO_EDGE", "Band", "Stake", "largest", "room", "safe_bands"]

NO_EDGE: Final = 2**62
"""An upper edge that no price reaches; a lower one is 0."""

_WOBBLE: Final = 1
"""By how many money units the rounding of a margin may bend what is a straight line."""

_WOBBLE_INVERSE: Final = 3
"""The same of an inverse contract, whose value and notional are rounded too."""


class Stake(NamedTuple):
    """A position that stands in an account with others.

    Attributes:
        instrument: What is held.
        lots: Signed, not 0.
        cost: Value of the position when it was opened, as a ledger has it.
    """

    instrument: Instrument
    lots: int
    cost: int

    @property
    def symbol(self) -> str:
        """What is held, by name."""
        return self.instrument.symbol


class Band(NamedTuple):
    """Prices between which a position takes no more than its share of an account's room.

    Attributes:
        low: Highest price, in ticks, that is too low.
        high: Lowest price that is too high.
    """

    low: int
    high: int


def room(
    terms: MarginTerms,
    stakes: Sequence[Stake],
    prices: Mapping[str, int],
    *,
    wallet: int,
    ratio: Fraction,
) -> int:
    """Return how far an account is from being over; at 0 or less it is.

    That is `ratio` times the wallet and all open profit, less all maintenance margins; in money
    units times the denominator of `ratio`. A position without a price counts at its cost.

    Args:
        terms: The account's.
        stakes: Its positions.
        prices: In ticks, by symbol.
        wallet: The balance, without open profit.
        ratio: 1, or the share at which the venue warns.
    """
    return wallet * ratio.numerator + sum(
        _part(terms, each, prices.get(each.symbol), ratio) for each in stakes
    )


def largest(terms: MarginTerms, stakes: Sequence[Stake], prices: Mapping[str, int]) -> Stake | None:
    """Return the position with the largest maintenance margin, of equals the first by name."""

    def order(stake: Stake) -> tuple[int, str]:
        margin = maintenance_margin(terms, _notional(stake, prices.get(stake.symbol)))
        return -margin, stake.symbol

    return min(stakes, key=order, default=None)


def safe_bands(
    terms: MarginTerms,
    stakes: Sequence[Stake],
    prices: Mapping[str, int],
    *,
    wallet: int,
    ratio: Fraction,
) -> dict[str, Band] | None:
    """Return bands of prices: while each price is within its own, the account is not over.

    The room is shared by the value of the positions. What a position takes of it is a concave
    function of its price, since brackets ask for more the larger it is: so all prices at which it
    takes no more than its share lie together, and the ends are found by bisection. Of an inverse
    contract it is a concave function of one over the price, and they lie together just as well.

    Args:
        terms: The account's.
        stakes: Its positions.
        prices: In ticks, by symbol, the middles of the bands.
        wallet: The balance, without open profit.
        ratio: 1, or the share at which the venue warns.

    Returns:
        The bands by symbol; None where there is no room to share, or a price is not known.
    """
    if any(each.symbol not in prices for each in stakes):
        return None
    bent = sum(_WOBBLE_INVERSE if each.instrument.inverse else _WOBBLE for each in stakes)
    kept = 1 + ratio.denominator * bent
    shared = room(terms, stakes, prices, wallet=wallet, ratio=ratio) - kept
    if shared < 0:
        return None
    sizes = [abs(_notional(each, prices[each.symbol])) for each in stakes]
    return {
        each.symbol: _band(
            terms, each, prices[each.symbol], shared * size // max(1, sum(sizes)), ratio
        )
        for each, size in zip(stakes, sizes, strict=True)
    }


def _band(terms: MarginTerms, stake: Stake, ticks: int, share: int, ratio: Fraction) -> Band:
    least = _part(terms, stake, ticks, ratio) - share

    def takes_more(price: int) -> bool:
        return _part(terms, stake, price, ratio) < least

    low = 0
    if takes_more(1):
        low = ticks - _first(lambda steps: steps >= ticks or takes_more(ticks - steps))
    high = NO_EDGE
    if takes_more(TICKS_MAX):
        high = ticks + _first(lambda steps: takes_more(ticks + steps))
    return Band(max(low, 0), high)


def _first(is_beyond: Callable[[int], bool]) -> int:
    """Return the least positive number from which on something is so."""
    low, high = 0, 1
    while not is_beyond(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_beyond(middle) else (middle, high)
    return high


def _part(terms: MarginTerms, stake: Stake, ticks: int | None, ratio: Fraction) -> int:
    """Return what a position adds to the room: its open profit, less its maintenance margin."""
    profit = 0 if ticks is None else stake.instrument.value(stake.lots, ticks) - stake.cost
    margin = maintenance_margin(terms, _notional(stake, ticks))
    return profit * ratio.numerator - margin * ratio.denominator


def _notional(stake: Stake, ticks: int | None) -> int:
    return stake.cost if ticks is None else stake.instrument.notional(stake.lots, ticks)
