"""Corporate actions: what happens to an instrument itself, as data, and how prices look across it.

At one instant they take effect in the order of their numbers: a dividend is paid on the units that
were held, then these are split, then the symbol changes, then the instrument ends.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum, unique

import msgspec

from tieout.errors import InvariantViolated
from tieout.model.events import CorporateAction, Delisted, DividendPaid, Split, SymbolChanged

__all__ = ["Action", "ActionKind", "PriceView", "event_of", "kind_of_event"]


@unique
class ActionKind(IntEnum):
    """What an action does; the number is its place among those of one instant."""

    DIVIDEND = 1
    SPLIT = 2
    SYMBOL_CHANGE = 3
    DELISTING = 4


@unique
class PriceView(StrEnum):
    """How past prices are seen once an action has taken effect; orders and cash are always raw.

    RAW is as it traded. SPLIT_ADJUSTED divides earlier prices by the splits since. ADJUSTED takes
    off the dividends since as well, as shares of the close before each. TOTAL_RETURN divides by
    the splits since and adds the dividends paid before, so that later prices rise by them.
    """

    RAW = "raw"
    SPLIT_ADJUSTED = "split_adjusted"
    ADJUSTED = "adjusted"
    TOTAL_RETURN = "total_return"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A corporate action as it is stored.

    Attributes:
        instrument: Symbol.
        kind: What it does.
        venue_time_ns: When it takes effect there: the first instant of the ex-date.
        known_time_ns: When one could know of it; nothing changes before.
        value: A split's new units; a dividend's money a unit, in internal units; else 0.
        per: A split's old units; else 1.
        reference: Raw close before it, internal money units a unit; 0: not told.
        text: A symbol change's new symbol; else empty.
    """

    instrument: str
    kind: ActionKind
    venue_time_ns: int
    known_time_ns: int
    value: int = 0
    per: int = 1
    reference: int = 0
    text: str = ""


def event_of(action: Action, *, delay_ns: int) -> CorporateAction:
    """Return an action as the event that a run is given.

    It arrives once all that happened before it has arrived, so that no bar from before comes after.

    Args:
        action: As stored.
        delay_ns: How long after it took effect that is; not negative.
    """
    told = {
        "instrument": action.instrument,
        "venue_time_ns": action.venue_time_ns,
        "arrival_time_ns": max(action.venue_time_ns + delay_ns, action.known_time_ns),
    }
    match action.kind:
        case ActionKind.DIVIDEND:
            return DividendPaid(amount=action.value, reference=action.reference, **told)  # type: ignore[arg-type]
        case ActionKind.SPLIT:
            return Split(new=action.value, old=action.per, **told)  # type: ignore[arg-type]
        case ActionKind.SYMBOL_CHANGE:
            return SymbolChanged(symbol=action.text, **told)  # type: ignore[arg-type]
        case ActionKind.DELISTING:
            return Delisted(**told)  # type: ignore[arg-type]


def kind_of_event(event: CorporateAction) -> ActionKind:
    """Return what an event of an action does."""
    kind = _KINDS.get(type(event))
    if kind is None:
        raise InvariantViolated(f"{event} is no corporate action")
    return kind


_KINDS: dict[type, ActionKind] = {
    DividendPaid: ActionKind.DIVIDEND,
    Split: ActionKind.SPLIT,
    SymbolChanged: ActionKind.SYMBOL_CHANGE,
    Delisted: ActionKind.DELISTING,
}
