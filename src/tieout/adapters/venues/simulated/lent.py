"""The market of a simulated venue as it is lent to a compiled run."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from tieout.model.money import MONEY_DIGITS
from tieout.model.profiles import FundingRule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.market import MatchingCore
    from tieout.market.book_matching import BookCore
    from tieout.model.orders import PlaceOrder
    from tieout.model.profiles import SimulationProfile

__all__ = ["Lent"]


class _TakeBack(Protocol):
    def __call__(
        self,
        *,
        numbers: tuple[int, int],
        orders: Sequence[tuple[int, PlaceOrder, int]],
        waiting: Sequence[tuple[Sequence[int], bool]],
        fills: tuple[int, int],
    ) -> None:
        """Know what a compiled run leaves under way."""


class Lent:
    """Implements `tieout.kernel.ports.LentMarket`.

    Args:
        instrument: Symbol.
        core: What matches.
        feed: Gives the core its next rows by a time; False when none are there.
        profile: Every assumption.
        ways: To the matching engine and back, of an order and of a cancel.
        numbers: Next order number, and how many reports there ever were.
        take_back: The venue's way to know what is left under way.
    """

    def __init__(
        self,
        instrument: str,
        core: MatchingCore | BookCore,
        feed: Callable[[int], bool],
        profile: SimulationProfile,
        ways: tuple[tuple[int, int], tuple[int, int]],
        numbers: tuple[int, int],
        take_back: _TakeBack,
    ) -> None:
        self._feed = feed
        self._take_back = take_back
        self.instrument = instrument
        self.core = core
        self.maker_rate = Fraction(profile.maker_fee_rate)
        self.taker_rate = Fraction(profile.taker_fee_rate)
        self.funding_rate = profile.funding_rate
        self.funding_against = profile.funding_rule is FundingRule.AGAINST
        self.rounding: int = 10 ** (MONEY_DIGITS - profile.fee_digits)
        self.ways = ways
        self.numbers = numbers

    @property
    def resolution(self) -> str:
        """What decides a fill that is not assumed."""
        return self.core.resolution

    def more(self, until_ns: int) -> bool:
        """Give the core its next rows; False when none are there by then."""
        return self._feed(until_ns)

    def take_back(
        self,
        *,
        numbers: tuple[int, int],
        orders: Sequence[tuple[int, PlaceOrder, int]],
        waiting: Sequence[tuple[Sequence[int], bool]],
        fills: tuple[int, int],
        unresolved: int,
        latest_arrival_ns: int,
    ) -> None:
        """Be the venue's own again."""
        self.core.take_back(unresolved=unresolved, latest_arrival_ns=latest_arrival_ns)
        self._take_back(numbers=numbers, orders=orders, waiting=waiting, fills=fills)
