"""Decisions and reports that compiled code wrote down, as numbers, and the records they stand for.

    block   what does not change in it, the orders open at its start, and words
    words   whole numbers, packed; each entry begins with its kind:
            PLACED     number, key, revision, place, decided at, price or 0, signed lots, type,
                       limit or trigger, 0
            CANCELLED  number, key, revision, place, decided at
            CLOCK      0, due, woke at
            report     kind + REPORT_KINDS, number, arrival, venue time, then
                       fill: lots, price, fee, liquidity, reference, half spread, assumed
                       funding: lots, price, amount; end, cancel, refusal, rejection: lots, reason

Packed, a kind is one byte. Every other word is a difference: of a time to the time before it in the
block, of anything else to the same word of the last entry of its kind. A difference d is written as
2·d or −2·d − 1, seven bits a byte, lowest first; a byte of 128 and more says that another follows.

An order's identity is made when a block is read: it is a hash of what the words say, so nothing is
lost by not writing it down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tieout.model.events import (
    CancelRejected,
    ClockReached,
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.identity import decision_id
from tieout.model.orders import (
    REJECTED,
    CancelOrder,
    OrderType,
    PlaceOrder,
    TimeInForce,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tieout.model.events import Report

__all__ = ["Block", "KnownOrder", "entries_of", "order_of", "records_of"]

PLACED: Final = 1
CANCELLED: Final = 2
CLOCK: Final = 3
REPORT_KINDS: Final = 10
FILL: Final = 11
TRIGGER: Final = 12
EXPIRY: Final = 13
CANCEL: Final = 14
CANCEL_REFUSAL: Final = 15
FUNDING: Final = 16
ACCEPTANCE: Final = 17
REJECTION: Final = 18
POST_WISH: Final = 6

_LENGTHS: Final = {
    PLACED: 11,
    CANCELLED: 6,
    CLOCK: 4,
    FILL: 11,
    TRIGGER: 4,
    EXPIRY: 6,
    CANCEL: 6,
    CANCEL_REFUSAL: 6,
    FUNDING: 7,
    ACCEPTANCE: 4,
    REJECTION: 6,
}
_TYPES: Final = {
    2: OrderType.MARKET,
    3: OrderType.LIMIT,
    4: OrderType.STOP_MARKET,
    POST_WISH: OrderType.LIMIT,
}
"""Order types by the kind of wish."""

REASONS: Final = {
    0: "requested",
    1: "time_in_force",
    2: "expired",
    3: "post_only",
    4: "reduce_only",
    5: "final",
    6: "unknown_order",
}


class KnownOrder(msgspec.Struct, frozen=True, array_like=True):
    """An order that was open before a block began.

    Attributes:
        number: As the words name it.
        decision_id: Its identity.
        side: +1 or −1.
        fills: How many there were.
    """

    number: int
    decision_id: str
    side: int
    fills: int


class Block(msgspec.Struct, frozen=True, array_like=True):
    """A run of decisions and reports, in their order.

    Attributes:
        strategy: Name of the strategy: part of every identity.
        instrument: Symbol.
        currency: Of the fees.
        origin: What origins begin with: `trade:SYMBOL`, `bar:RULE:SYMBOL`, or `timer:NAME`.
        revised: Whether an origin ends with a revision: those of bars do.
        resolution: What decided a fill that was not assumed.
        funding_rate: Decimal text.
        known: Orders open at the start.
        words: See above.
    """

    strategy: str
    instrument: str
    currency: str
    origin: str
    revised: bool
    resolution: str
    funding_rate: str
    known: tuple[KnownOrder, ...]
    words: bytes

    def origin_of(self, key: int, revision: int) -> str:
        """Return the origin of what is decided on a row."""
        return f"{self.origin}:{key}:{revision}" if self.revised else f"{self.origin}:{key}"


class _Known:
    """An order while a block is read."""

    __slots__ = ("fills", "identity", "side")

    def __init__(self, identity: str, side: int, fills: int) -> None:
        self.identity = identity
        self.side = side
        self.fills = fills


def records_of(block: Block) -> Iterator[PlaceOrder | CancelOrder | ClockReached | Report]:
    """Yield the very records that the kernel's loop would have written."""
    known = {each.number: _Known(each.decision_id, each.side, each.fills) for each in block.known}
    for kind, number, *row in entries_of(block):
        if kind == PLACED:
            order = order_of(block, row)
            known[number] = _Known(order.decision_id, order.side, 0)
            yield order
        elif kind == CANCELLED:
            yield _cancelled(block, known[number].identity, row)
        elif kind == FUNDING:
            yield _funding(block, row)
        elif kind == CLOCK:
            yield ClockReached(arrival_time_ns=row[0], woke_at_ns=row[1])
        else:
            yield _report(block, kind, known[number], row)


def entries_of(block: Block) -> Iterator[list[int]]:
    """Yield the words of each entry, its kind first."""
    words = iter(block.words)
    last: dict[tuple[int, int], int] = {}
    for kind in words:
        entry = [kind]
        times = _times(kind, named_by_time=block.revised)
        for place in range(1, _LENGTHS[kind]):
            folded = shift = 0
            byte = 128
            while byte >= 128:
                byte = next(words)
                folded |= (byte & 127) << shift
                shift += 7
            key = (0, 0) if place in times else (kind, place)
            word = last.get(key, 0) + (-(folded + 1) // 2 if folded & 1 else folded // 2)
            last[key] = word
            entry.append(word)
        yield entry


def _times(kind: int, *, named_by_time: bool) -> tuple[int, ...]:
    """Return the places of an entry's times."""
    if kind >= REPORT_KINDS or kind == CLOCK:
        return 2, 3
    return (2, 5) if named_by_time else (5,)


def order_of(block: Block, row: Sequence[int]) -> PlaceOrder:
    """Return an order by its words, from the key on."""
    key, revision, place, decided_at_ns, price, lots, wish, limit, _ = row
    origin = block.origin_of(key, revision)
    kind = _TYPES[wish]
    return PlaceOrder(
        decision_id=decision_id(block.strategy, origin, place),
        instrument=block.instrument,
        side=1 if lots > 0 else -1,
        order_type=int(kind),
        lots=abs(lots),
        limit_ticks=limit if kind is OrderType.LIMIT else None,
        stop_ticks=limit if kind is OrderType.STOP_MARKET else None,
        time_in_force=int(TimeInForce.GOOD_TILL_CANCEL),
        decided_at_ns=decided_at_ns,
        decision_price_ticks=price or None,
        post_only=wish == POST_WISH,
        origin=origin,
    )


def _cancelled(block: Block, order: str, row: list[int]) -> CancelOrder:
    key, revision, place, decided_at_ns = row
    origin = block.origin_of(key, revision)
    return CancelOrder(
        decision_id=decision_id(block.strategy, origin, place),
        order_decision_id=order,
        decided_at_ns=decided_at_ns,
        origin=origin,
    )


def _funding(block: Block, row: list[int]) -> FundingCharged:
    arrival_ns, venue_time_ns, lots, price, amount = row
    return FundingCharged(
        instrument=block.instrument,
        charge_id=f"{block.instrument}-{venue_time_ns}",
        amount=amount,
        rate=block.funding_rate,
        position_lots=lots,
        mark_ticks=price,
        venue_time_ns=venue_time_ns,
        arrival_time_ns=arrival_ns,
    )


def _report(block: Block, kind: int, order: _Known, row: list[int]) -> Report:
    identity = order.identity
    arrival_ns, venue_time_ns, *more = row
    if kind == FILL:
        order.fills += 1
        lots, price, fee, liquidity, reference, half_spread, assumed = more
        return Fill(
            decision_id=identity,
            trade_id=f"{identity}-{order.fills}",
            instrument=block.instrument,
            side=order.side,
            lots=lots,
            price_ticks=price,
            fee=fee,
            fee_currency=block.currency,
            liquidity=liquidity,
            venue_time_ns=venue_time_ns,
            arrival_time_ns=arrival_ns,
            reference_ticks=reference,
            half_spread_microticks=half_spread,
            resolved_by="assumed" if assumed else block.resolution,
        )
    if kind == ACCEPTANCE:
        return OrderAccepted(
            decision_id=identity,
            venue_order_id=f"S{identity}",
            venue_time_ns=venue_time_ns,
            arrival_time_ns=arrival_ns,
        )
    if kind == TRIGGER:
        return OrderTriggered(
            decision_id=identity, venue_time_ns=venue_time_ns, arrival_time_ns=arrival_ns
        )
    lots, reason = more
    if kind == REJECTION:
        return OrderRejected(
            decision_id=identity,
            reason=REASONS[reason],
            detail=REJECTED[REASONS[reason]],
            venue_time_ns=venue_time_ns,
            arrival_time_ns=arrival_ns,
        )
    if kind == CANCEL_REFUSAL:
        return CancelRejected(
            decision_id=identity,
            reason=REASONS[reason],
            venue_time_ns=venue_time_ns,
            arrival_time_ns=arrival_ns,
        )
    return OrderCancelled(
        decision_id=identity,
        reason=REASONS[reason],
        filled_lots=lots,
        venue_time_ns=venue_time_ns,
        arrival_time_ns=arrival_ns,
    )
