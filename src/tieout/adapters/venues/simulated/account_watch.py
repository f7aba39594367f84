"""The watch over one account that stands for several positions: when it is over, what is closed.

No position has a price of its own at which it is closed: it hangs on the prices of all others. So
bands are drawn around the prices of now, within which the account is surely not over, and each row
that leaves its band has the account looked at. What comes out is what a look at each row finds.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol

from tieout.adapters.venues.simulated.margin_watch import OwnOrders, own_order
from tieout.adapters.venues.simulated.price_rows import ANY_PRICE, PriceRows
from tieout.errors import InvariantViolated
from tieout.ledger.cross_margin import Stake, largest, room, safe_bands
from tieout.ledger.margin import liquidation_ticks, maintenance_margin
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import Fill, MarginWarned, OrderCancelled, OrderImposed, OrderRejected
from tieout.model.margin import LIQUIDATION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from tieout.adapters.venues.simulated.margins import Margins
    from tieout.adapters.venues.simulated.price_rows import PriceRow
    from tieout.market import CoreReport
    from tieout.model.columns import MarketColumns
    from tieout.model.events import CorporateAction, Report
    from tieout.model.orders import PlaceOrder

__all__ = ["AccountOrders", "AccountWatch"]

_WHOLE: Final = Fraction(1)
_LATE_NS: Final = 600_000_000_000
"""Rows that come later than this after their time are not set beside what was then."""


class AccountOrders(OwnOrders, Protocol):
    """What the watch asks of the venue besides."""

    def call_off(self, names: Iterable[str], at_ns: int, *, known_ns: int) -> None:
        """Cancel orders of the account at a venue time; it is told at `known_ns`, or later."""

    def told(self, report: Report, at_ns: int) -> None:
        """Tell a report about what happened at a venue time, once it is known."""

    def attend(self, symbol: str) -> None:
        """Look at a market again."""


class AccountWatch:
    """Watches the rows of all markets in which the account holds something; a `Watch`.

    A row is looked at when it is known. Its price is the worse end of it, and beside it stands for
    each other position the worst price of the same time, as far as that is known then: within a
    bar nobody knows which price came first. So it does not matter in which order rows of one time
    become known, and nothing is known before its row is.

    Args:
        margins: The account at the venue.
        venue: Where orders are placed and reports told.
        symbols: What may be held.
        from_ns: Rows that arrived by then are not looked at.
        response_ns: How long a report takes to us.

    Attributes:
        unseen: Numbers of stops that nobody sees; there are none.
    """

    def __init__(
        self,
        margins: Margins,
        venue: AccountOrders,
        symbols: Collection[str],
        *,
        from_ns: int,
        response_ns: int,
    ) -> None:
        self.unseen: Mapping[int, object] = {}
        self._margins = margins
        self._venue = venue
        self._response_ns = response_ns
        self._rows = {symbol: PriceRows(from_ns) for symbol in sorted(symbols)}
        self._reach_ns = _LATE_NS
        self._left_alone: set[str] = set()
        # Lots that are still to be closed, by decision; while there are some nobody looks.
        self._closing: dict[str, int] = {}
        self._stakes: list[Stake] = []
        self._is_warned = False
        self._draw(from_ns)

    def take(self, symbol: str, chunk: MarketColumns) -> None:
        """Know the rows that a market has been given."""
        assert isinstance(chunk, TradeColumns | BarColumns), chunk
        if isinstance(chunk, BarColumns):
            longest_ns = int((chunk.close_time_ns - chunk.open_time_ns).max())
            self._reach_ns = max(self._reach_ns, longest_ns + _LATE_NS)
        self._rows[symbol].take(chunk, reach_ns=self._reach_ns)

    def watches(self, symbol: str) -> bool:
        """Whether rows of a market are looked at."""
        return self._rows[symbol].is_watched

    def next_look_ns(self, symbol: str, until_ns: int) -> int | None:
        """Return when the next row of a market that has us look arrives, if by then; or None."""
        return self._rows[symbol].next_leaving_ns(until_ns)

    def last_ticks(self, symbol: str, arrival_ns: int) -> int | None:
        """Return the last price of a market that was known at a time of ours, or None."""
        last = self._rows[symbol].last(arrival_ns)
        return None if last is None else last.close

    def look_until(self, until_ns: int) -> None:
        """Look at the account wherever a row that arrives by then may have it over."""
        while True:
            looks = [each.next_leaving_ns(until_ns) for each in self._rows.values()]
            arrival_ns = min((each for each in looks if each is not None), default=None)
            if arrival_ns is None:
                return
            self._look(arrival_ns)

    def after(self, reports: Sequence[Report], moved: Mapping[str, int], *, now_ns: int) -> None:
        """Know what was told; what moved a position or the balance has the bands drawn anew."""
        self._left_alone.difference_update(moved)
        self._take(reports, moved, now_ns)

    def know(
        self,
        reports: Sequence[Report],
        moved: Mapping[str, int],
        *,
        unwatched: Collection[str],
        now_ns: int,
    ) -> None:
        """Know what another venue told, which closes some positions itself."""
        self._left_alone.difference_update(moved)
        self._left_alone.update(unwatched)
        self._take(reports, moved, now_ns)

    def acts(self, symbol: str, at_ns: int) -> None:
        """Do nothing: no stop rests on a price from before the action."""

    def acted(
        self,
        action: CorporateAction,
        *,
        from_ns: int,  # noqa: ARG002
        now_ns: int,
        carried: Callable[[int], int],
    ) -> None:
        """Look at prices from before an action as it leaves them, and at the account anew."""
        self._rows[action.instrument].carry(carried, action.venue_time_ns)
        self._draw(now_ns)

    def leave(self, symbol: str, at_ns: int) -> None:
        """Leave it to another venue to close a position; it still stands in the account."""
        self._left_alone.add(symbol)
        self._draw(at_ns)

    def warned(self, symbols: Collection[str], at_ns: int) -> None:
        """Know that the account was warned of as it stands: that is not said again."""
        if symbols:
            self._is_warned = True
            self._draw(at_ns)

    def resumes(self, order: PlaceOrder, lots: int) -> None:
        """Know of an order of the venue's own that was under way before the process stopped."""
        if order.decision_id.startswith(LIQUIDATION):
            self._closing[order.decision_id] = lots
            for each in self._rows.values():
                each.leave()

    def reports(self, row: CoreReport) -> Iterable[Report]:
        """Return what is told of an unseen stop; there are none here."""
        raise InvariantViolated(f"report {row} is of no stop of this watch")

    # -- inside -------------------------------------------------------------------------------

    def _take(self, reports: Sequence[Report], moved: Mapping[str, int], now_ns: int) -> None:
        ended = False
        for report in reports:
            if isinstance(report, OrderCancelled | OrderRejected):
                ended = self._closing.pop(report.decision_id, None) is not None or ended
            elif isinstance(report, Fill) and report.decision_id in self._closing:
                left = self._closing.pop(report.decision_id) - report.lots
                if left > 0:
                    self._closing[report.decision_id] = left
        if moved:
            self._is_warned = False
        if moved or ended:
            self._draw(now_ns)

    def _draw(self, now_ns: int) -> None:
        """Draw bands around the prices known now; rows that arrived by now are looked at."""
        self._stakes = self._margins.stakes()
        held = {each.symbol: self._rows[each.symbol] for each in self._stakes}
        for each in self._rows.values():
            each.pass_until(now_ns)
            each.leave()
        if self._closing or not held.keys() - self._left_alone:
            return
        prices = {symbol: self.last_ticks(symbol, now_ns) for symbol in held}
        bands = safe_bands(
            self._margins.terms,
            self._stakes,
            {symbol: ticks for symbol, ticks in prices.items() if ticks is not None},
            wallet=self._margins.balance,
            ratio=self._ratio,
        )
        # What began before it may have been beside prices that are outside of the bands now.
        calm_from_ns = max(each.ended_ns(now_ns) for each in held.values())
        for symbol, rows in held.items():
            rows.watch(bands[symbol] if bands else ANY_PRICE, calm_from_ns=calm_from_ns)
            self._venue.attend(symbol)

    @property
    def _ratio(self) -> Fraction:
        share = self._margins.terms.warning_ratio
        return _WHOLE if share is None or self._is_warned else Fraction(share)

    def _look(self, arrival_ns: int) -> None:
        """Look at the account at each row that arrived then and was not looked at."""
        found = sorted(
            (row.end_ns, each.symbol, row)
            for each in self._stakes
            for row in self._rows[each.symbol].arrived(arrival_ns)
        )
        for _, symbol, row in found:
            prices = self._worst(symbol, row, arrival_ns)
            # A print is one nanosecond long; a bar is known at its close.
            at_ns = row.end_ns - (row.end_ns - row.start_ns == 1)
            known_ns = max(arrival_ns, at_ns + self._response_ns)
            if self._ratio != _WHOLE and self._room(prices, self._ratio) <= 0:
                self._warn(prices, at_ns, known_ns)
            if self._room(prices, _WHOLE) <= 0:
                self._close(prices, at_ns, known_ns)
                break
        self._draw(arrival_ns)

    def _worst(self, symbol: str, row: PriceRow, arrival_ns: int) -> dict[str, int]:
        """Return the worst prices of the time of a row, its own among them."""
        start_ns = max(row.start_ns, arrival_ns - self._reach_ns)
        prices = {}
        for each in self._stakes:
            low_high: tuple[int, int] | None = (row.low, row.high)
            if each.symbol != symbol:
                low_high = self._rows[each.symbol].between(
                    start_ns, row.end_ns, arrival_ns=arrival_ns
                )
            if low_high is not None:
                prices[each.symbol] = low_high[each.lots < 0]
        return prices

    def _room(self, prices: Mapping[str, int], ratio: Fraction) -> int:
        margins = self._margins
        return room(margins.terms, self._stakes, prices, wallet=margins.balance, ratio=ratio)

    def _warn(self, prices: Mapping[str, int], at_ns: int, known_ns: int) -> None:
        self._is_warned = True
        stake = self._to_close(prices)
        if stake is None:
            return
        ticks = prices.get(stake.symbol, 0)
        warned = MarginWarned(
            instrument=stake.symbol,
            position_lots=stake.lots,
            price_ticks=ticks,
            liquidation_ticks=self._liquidation_ticks(stake, prices),
            venue_time_ns=at_ns,
            arrival_time_ns=known_ns,
        )
        self._venue.told(warned, at_ns)

    def _liquidation_ticks(self, stake: Stake, prices: Mapping[str, int]) -> int:
        """Return the price at which the account is over where all others stay; 0: none."""
        terms, wallet = self._margins.terms, self._margins.balance
        for each in self._stakes:
            if each is not stake:
                value = notional = each.cost
                if each.symbol in prices:
                    price = prices[each.symbol]
                    value = each.instrument.value(each.lots, price)
                    notional = each.instrument.notional(each.lots, price)
                wallet += value - each.cost - maintenance_margin(terms, notional)
        ticks = liquidation_ticks(
            terms, stake.instrument, lots=stake.lots, cost=stake.cost, wallet=wallet
        )
        return ticks or 0

    def _close(self, prices: Mapping[str, int], at_ns: int, known_ns: int) -> None:
        """Call off what may still trade, and close the position that asks for the most."""
        stake = self._to_close(prices)
        if stake is None:
            return
        symbol, lots = stake.symbol, abs(stake.lots)
        self._venue.call_off(self._margins.under_way.names(), at_ns, known_ns=known_ns)
        name = f"{LIQUIDATION}:{symbol}:{at_ns}:{lots}"
        order = own_order(name, symbol, -stake.lots, at_ns, stop_ticks=None)
        imposed = OrderImposed(
            order=order, reason=LIQUIDATION, venue_time_ns=at_ns, arrival_time_ns=known_ns
        )
        self._closing[name] = lots
        self._venue.told(imposed, at_ns)
        self._venue.tell_own(self._venue.send_own(order, at_ns, known_ns=known_ns))

    def _to_close(self, prices: Mapping[str, int]) -> Stake | None:
        ours = [each for each in self._stakes if each.symbol not in self._left_alone]
        return largest(self._margins.terms, ours, prices)
