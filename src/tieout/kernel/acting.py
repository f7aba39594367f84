"""Corporate actions in a run: what they do, in one order, the same in every world.

    action ─▶ ledger ─▶ last price ─▶ venue ─▶ what is kept here ─▶ views of prices ─▶ strategy

An action is an input like any other. What it took effect on before the run began, positions and
orders, is as it left it: of such an action only the views of earlier prices know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.kernel.ports import ActingVenue
from tieout.ledger.actions import booking_of, carried_ticks
from tieout.model.actions import kind_of_event
from tieout.model.events import DividendPaid, Split
from tieout.model.splits import Ratio

if TYPE_CHECKING:
    from tieout.kernel.loop import Kernel
    from tieout.kernel.ports import Venue
    from tieout.model.events import ActionBooked, CorporateAction

__all__ = ["act", "origin_of_action"]


def act(kernel: Kernel, venue: Venue, action: CorporateAction) -> None:
    """Let an action take effect; the strategy is told by the kernel."""
    past = action.venue_time_ns <= kernel.started_ns
    held = kernel.position_lots(action.instrument)
    booked = None
    if not past and isinstance(action, Split | DividendPaid):
        booked = _book(kernel, action, held)
    if isinstance(venue, ActingVenue):
        venue.act(action, held_lots=held, past=past, booked=booked)
    if not past and not isinstance(action, DividendPaid):
        ratio = Ratio(action.new, action.old) if isinstance(action, Split) else None
        kernel.desk.acted(action.instrument, ratio, origin_of_action(action))
    kernel.subscriptions.acted(action)


def origin_of_action(action: CorporateAction) -> str:
    """Return the logical origin of an action: what a decision on it is named after."""
    kind = kind_of_event(action).name.lower()
    return f"action:{kind}:{action.instrument}:{action.venue_time_ns}"


def _book(kernel: Kernel, action: Split | DividendPaid, held: int) -> ActionBooked | None:
    symbol = action.instrument
    instrument = kernel.instruments[symbol]
    price = kernel.last_prices().get(symbol)
    booked = None
    if held:
        booked = booking_of(
            action,
            instrument,
            lots=held,
            price_ticks=price,
            decided_at_ns=kernel.moment.now_ns,
        )
        kernel.ledger.book_action(booked)
        kernel.write(booked)
    if price is not None:
        kernel.moment.prices[symbol] = carried_ticks(action, instrument, price)
    return booked
