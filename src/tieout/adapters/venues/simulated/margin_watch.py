"""The watch over positions on margin: where the venue closes one, and where it warns of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tieout.market import ReportKind
from tieout.model.events import MarginWarned, OrderImposed
from tieout.model.margin import LIQUIDATION
from tieout.model.orders import OrderType, PlaceOrder, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from tieout.adapters.venues.simulated.margins import Margins
    from tieout.market import CoreReport
    from tieout.model.events import CorporateAction, Report

__all__ = ["OWN", "MarginWatch", "OwnOrders", "Watch", "own_order"]

OWN: Final = "venue:"
"""What the origins of the venue's own orders begin with."""

_OUT_OF_REACH: Final = 10**10
"""A limit in ticks at which nobody ever buys."""


class OwnOrders(Protocol):
    """What a watch asks of the venue: orders of the venue's own, in its markets."""

    def send_own(self, order: PlaceOrder, at_ns: int, *, known_ns: int = 0) -> int:
        """Let an order of the venue's own arrive; return its number.

        Nothing of it is told before `known_ns`.
        """

    def drop_own(self, number: int, at_ns: int) -> None:
        """Take an order of the venue's own back."""

    def tell_own(self, number: int) -> PlaceOrder:
        """Tell what becomes of an order of the venue's own from now on; return the order."""


class Watch(Protocol):
    """What watches an account on margin.

    Attributes:
        unseen: Numbers of stops that nobody sees: what cores say of them goes to `reports`.
    """

    @property
    def unseen(self) -> Mapping[int, object]:
        """Numbers of its stops."""

    def reports(self, row: CoreReport) -> Iterable[Report]:
        """Return what is told of an unseen stop."""

    def look_until(self, until_ns: int) -> None:
        """Act on rows that arrived by then, all of which the markets have been given."""

    def after(self, reports: Sequence[Report], moved: Mapping[str, int], *, now_ns: int) -> None:
        """Watch what is held after some reports.

        Args:
            reports: That were told, in order of arrival.
            moved: When a symbol was last traded, or paid for, in venue time.
            now_ns: By when all that is told was known.
        """

    def know(
        self,
        reports: Sequence[Report],
        moved: Mapping[str, int],
        *,
        unwatched: Collection[str],
        now_ns: int,
    ) -> None:
        """Watch what is held after another venue's reports, but for what that venue closes."""

    def acts(self, symbol: str, at_ns: int) -> None:
        """Take back what rests on prices from before an action."""

    def acted(
        self,
        action: CorporateAction,
        *,
        from_ns: int,
        now_ns: int,
        carried: Callable[[int], int],
    ) -> None:
        """Watch a position as a corporate action left it.

        Args:
            action: The action.
            from_ns: From which venue time on.
            now_ns: When it is known.
            carried: Returns a price from before it as it is after it, in ticks.
        """

    def leave(self, symbol: str, at_ns: int) -> None:
        """Close a position no longer, and do not warn of that."""

    def warned(self, symbols: Collection[str], at_ns: int) -> None:
        """Know which positions were warned of as they stand: that is not said again."""

    def resumes(self, order: PlaceOrder, lots: int) -> None:
        """Know of an order of the venue's own that was under way before the process stopped."""


class MarginWatch:
    """Watches positions that stand for themselves, by stops that nobody sees; a `Watch`.

    Args:
        margins: The account at the venue.
        venue: Where the stops rest.

    Attributes:
        unseen: Numbers of the stops: of these only the trigger is told.
    """

    def __init__(self, margins: Margins, venue: OwnOrders) -> None:
        self._margins = margins
        self._venue = venue
        # By number; None: the position is closed there, else a warning of that is told.
        self.unseen: dict[int, MarginWarned | None] = {}
        self._guarding: dict[str, int] = {}
        self._warning: dict[str, int] = {}

    def look_until(self, until_ns: int) -> None:
        """Do nothing: the stops act in the markets."""

    def after(self, reports: Sequence[Report], moved: Mapping[str, int], *, now_ns: int) -> None:  # noqa: ARG002
        """Watch each position that was moved as it is now."""
        for symbol, at_ns in moved.items():
            self.over(symbol, at_ns)

    def know(
        self,
        reports: Sequence[Report],  # noqa: ARG002
        moved: Mapping[str, int],
        *,
        unwatched: Collection[str],
        now_ns: int,  # noqa: ARG002
    ) -> None:
        """Watch each position that was moved, but for what another venue closes."""
        for symbol, at_ns in moved.items():
            if symbol in unwatched:
                self.leave(symbol, at_ns)
            else:
                self.over(symbol, at_ns)

    def acts(self, symbol: str, at_ns: int) -> None:
        """Take the stops back: they are placed anew, and told of to nobody."""
        self.leave(symbol, at_ns)

    def acted(
        self,
        action: CorporateAction,
        *,
        from_ns: int,
        now_ns: int,  # noqa: ARG002
        carried: Callable[[int], int],  # noqa: ARG002
    ) -> None:
        """Watch a position as a corporate action left it."""
        self.over(action.instrument, from_ns)

    def over(self, symbol: str, at_ns: int) -> None:
        """Watch a position as it is now: it was bought, sold or paid for at that venue time."""
        lots, ticks = self._margins.held(symbol), self._margins.liquidation_ticks(symbol)
        self.leave(symbol, at_ns)
        if not lots or ticks is None:
            return
        self._warn_at(symbol, lots, ticks, at_ns)
        name = f"{LIQUIDATION}:{symbol}:{at_ns}:{abs(lots)}"
        number = self._venue.send_own(
            own_order(name, symbol, -lots, at_ns, stop_ticks=ticks), at_ns
        )
        self.unseen[number] = None
        self._guarding[symbol] = number

    def leave(self, symbol: str, at_ns: int) -> None:
        """Watch a position no longer: neither close it nor warn of that."""
        for known in (self._guarding, self._warning):
            number = known.pop(symbol, None)
            if number is not None:
                self._venue.drop_own(number, at_ns)

    def warned(self, symbols: Collection[str], at_ns: int) -> None:
        """Know which positions were warned of as they stand: that is not said again."""
        for symbol in symbols:
            number = self._warning.pop(symbol, None)
            if number is not None:
                self._venue.drop_own(number, at_ns)

    def resumes(self, order: PlaceOrder, lots: int) -> None:
        """Do nothing: an order that closes a position does not keep it from being watched."""

    def reports(self, row: CoreReport) -> Iterable[Report]:
        """Return what is told of an unseen stop: nothing before its trigger, then what it is."""
        if row.kind != ReportKind.TRIGGER:
            return ()
        warned = self.unseen[row.order]
        if warned is not None:
            # Of its order nothing else is told.
            told = msgspec.structs.replace(
                warned, venue_time_ns=row.venue_time_ns, arrival_time_ns=row.arrival_ns
            )
            return (told,)
        imposed = OrderImposed(
            order=self._venue.tell_own(row.order),
            reason=LIQUIDATION,
            venue_time_ns=row.venue_time_ns,
            arrival_time_ns=row.arrival_ns,
        )
        return (imposed,)

    def _warn_at(self, symbol: str, lots: int, liquidation_ticks: int, at_ns: int) -> None:
        """Have the venue warn at a price, by a stop-limit order whose limit is out of reach."""
        ticks = self._margins.warning_ticks(symbol)
        if ticks is None:
            return
        order = own_order(f"warning:{symbol}:{at_ns}", symbol, -lots, at_ns, stop_ticks=ticks)
        order = msgspec.structs.replace(
            order,
            order_type=int(OrderType.STOP_LIMIT),
            limit_ticks=1 if lots < 0 else _OUT_OF_REACH,
            reduce_only=False,
        )
        number = self._venue.send_own(order, at_ns)
        self.unseen[number] = MarginWarned(
            instrument=symbol,
            position_lots=lots,
            price_ticks=ticks,
            liquidation_ticks=liquidation_ticks,
            venue_time_ns=at_ns,
            arrival_time_ns=at_ns,
        )
        self._warning[symbol] = number


def own_order(
    name: str, symbol: str, lots: int, at_ns: int, *, stop_ticks: int | None
) -> PlaceOrder:
    """Return an order of the venue's own, which only reduces.

    Args:
        name: Its decision id; what stands before the first colon says why it is.
        symbol: What it trades.
        lots: Signed, to be traded.
        at_ns: When it came to be, in venue time.
        stop_ticks: Its trigger; None: a market order.
    """
    kind = OrderType.MARKET if stop_ticks is None else OrderType.STOP_MARKET
    return PlaceOrder(
        decision_id=name,
        instrument=symbol,
        side=1 if lots > 0 else -1,
        order_type=int(kind),
        lots=abs(lots),
        limit_ticks=None,
        stop_ticks=stop_ticks,
        time_in_force=int(TimeInForce.GOOD_TILL_CANCEL),
        decided_at_ns=at_ns,
        decision_price_ticks=stop_ticks,
        origin=f"{OWN}{name.split(':', 1)[0]}",
        reduce_only=True,
    )
