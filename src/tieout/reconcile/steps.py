"""Opens the difference of two rungs into rows, each from its own fills, none by subtraction.

A matched order has the same decision id, instrument and side on both rungs. Its first lots on one
rung stand against its first lots on the other:

    lots        0 ───────── common ────────── n ──────── left over ────────▶
    upper       │ fill A            │ fill B  │ fill B (its other part)  │
    lower       │ fill X │ fill Y             │
                  price: delay, half spread,    queue and partial, or missed
                  impact; fee

On common lots a price is reference + half spread + impact, each the fill's own; the difference of
the references is the delay, since both stand against the price at decision. Each part is the
difference of what the common lots are worth at two such prices, so that they sum whatever a tick is
worth there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum, unique
from math import floor
from typing import TYPE_CHECKING, Final

from tieout.errors import InvariantViolated
from tieout.model.actions import ActionKind
from tieout.model.events import Liquidity
from tieout.model.money import decimal_text
from tieout.reconcile.rows import ACTIONS_PART, VALUE_ROUNDING_PART, Evidence, Row, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from tieout.model.events import Fill, FundingCharged
    from tieout.model.orders import PlaceOrder
    from tieout.reconcile.records import RungRecord
    from tieout.reconcile.valuation import Valuation

__all__ = ["Component", "OrderSide", "Piece", "open_pieces", "open_step", "side_of"]

_MINUTE_NS: Final = 60_000_000_000


@unique
class Component(IntEnum):
    """How two rungs can differ in an order or a charge, whatever the cause."""

    DELAY = 1
    HALF_SPREAD = 2
    IMPACT = 3
    FEE = 4
    FEE_LIQUIDITY = 5
    FEE_LAST_DIGIT = 6
    PARTIAL = 7
    SIZE = 8
    MISSED = 9
    ONE_SIDED = 10
    FUNDING = 11
    FUNDING_POSITION = 12
    DIVIDEND = 13
    FRACTION = 14
    """What a split left over, and fractions of money units that were rounded across one."""
    ACROSS_SPLIT = 15
    """Fills before a split on one rung stand against fills after it on the other."""
    VALUE_ROUNDING = 16
    """Of inverse contracts: the value of a part of a fill, or of a position, is rounded."""


_PRICE: Final = (Component.DELAY, Component.HALF_SPREAD, Component.IMPACT)
_FEES: Final = (Component.FEE, Component.FEE_LIQUIDITY, Component.FEE_LAST_DIGIT)
_LOTS: Final = (Component.PARTIAL, Component.SIZE, Component.MISSED)
_ELSE: Final = (Component.ONE_SIDED, Component.FUNDING, Component.FUNDING_POSITION)
_ACTIONS: Final = dict.fromkeys(
    (Component.DIVIDEND, Component.FRACTION, Component.ACROSS_SPLIT), ACTIONS_PART
)

_ROUNDING: Final = {Component.VALUE_ROUNDING: VALUE_ROUNDING_PART}

_PART_OF: Final[Mapping[Step, Mapping[Component, str]]] = {
    Step.DATA: {
        **dict.fromkeys(_PRICE + _FEES, "price"),
        **dict.fromkeys(_LOTS, "quantity"),
        **dict.fromkeys(_ELSE, "knock_on"),
        **_ACTIONS,
        **_ROUNDING,
    },
    Step.EXECUTION: {
        Component.DELAY: "delay",
        Component.HALF_SPREAD: "half_spread",
        Component.IMPACT: "impact",
        Component.FEE: "impact",  # With the same rate it follows the price.
        Component.FEE_LAST_DIGIT: "impact",
        Component.FEE_LIQUIDITY: "queue_and_partial",  # Maker here, taker there.
        Component.PARTIAL: "queue_and_partial",
        Component.MISSED: "missed",
        Component.SIZE: "knock_on",
        **dict.fromkeys(_ELSE, "knock_on"),
        **_ACTIONS,
        **_ROUNDING,
    },
    Step.COST: {
        **dict.fromkeys(_PRICE + _LOTS, "knock_on"),
        Component.FEE: "commission",
        Component.FEE_LIQUIDITY: "commission",
        Component.FEE_LAST_DIGIT: "rounding",
        Component.ONE_SIDED: "knock_on",
        Component.FUNDING: "funding",
        Component.FUNDING_POSITION: "knock_on",
        **_ACTIONS,
        **_ROUNDING,
    },
}


@dataclass(frozen=True, slots=True)
class Piece:
    """One difference before a step gives it a part.

    Attributes:
        decision_id: Empty for funding.
        time_ns: When the order was decided or the charge fell.
        amount: Lower rung's profit minus the upper's, in internal money units.
    """

    component: Component
    decision_id: str
    time_ns: int
    amount: int
    evidence: Evidence


def open_step(
    upper: RungRecord, lower: RungRecord, *, step: Step, valuation: Valuation, grain: int = 0
) -> list[Row]:
    """Open what one ingredient changed, for the data, execution and cost steps.

    Args:
        upper: The rung nearer to the twin.
        lower: The rung nearer to the account.
        step: Which ingredient changed.
        valuation: Marks of the live run.
        grain: Last digit of the venue's money, in internal units; a fee difference no larger is
            rounding.

    Raises:
        InvariantViolated: `step` is opened by other rules.
    """
    parts = _PART_OF.get(step)
    if parts is None:
        raise InvariantViolated(f"step {step} has rules of its own; open it in its module")
    return _merged(
        Row(
            step=step,
            part=parts[piece.component],
            decision_id=piece.decision_id,
            amount=piece.amount,
            evidence=piece.evidence,
        )
        for piece in open_pieces(upper, lower, valuation=valuation, grain=grain)
    )


def open_pieces(
    upper: RungRecord, lower: RungRecord, *, valuation: Valuation, grain: int = 0
) -> list[Piece]:
    """Return every difference of two rungs; their amounts sum to the difference in profit."""
    upper_fills, lower_fills = upper.fills_of(), lower.fills_of()
    found: list[Piece] = []
    for decision_id in _in_order(upper, lower):
        found += _order_pieces(
            side_of(upper, decision_id, upper_fills),
            side_of(lower, decision_id, lower_fills),
            valuation,
            grain,
        )
    found += _funding_pieces(upper.funding, lower.funding)
    if upper.bookings or lower.bookings:
        found += _action_pieces(upper, lower, valuation)
    return [*found, *_value_pieces(upper, lower, valuation)]


@dataclass(frozen=True, slots=True)
class OrderSide:
    """One order on one rung.

    Attributes:
        order: None when the rung did not place it (or its journal lacks the decision).
        fills: In arrival order.
    """

    decision_id: str
    order: PlaceOrder | None
    fills: Sequence[Fill] = field(default=())

    @property
    def exists(self) -> bool:
        """Whether the rung placed it, or at least saw it trade."""
        return self.order is not None or bool(self.fills)

    @property
    def direction(self) -> tuple[str, int] | None:
        """Instrument and side."""
        if self.order is not None:
            return self.order.instrument, self.order.side
        return (self.fills[0].instrument, self.fills[0].side) if self.fills else None

    @property
    def filled_lots(self) -> int:
        """Lots traded in all."""
        return sum(fill.lots for fill in self.fills)

    @property
    def time_ns(self) -> int:
        """When it was decided; when it first traded where the decision is not known."""
        if self.order is not None:
            return self.order.decided_at_ns
        return self.fills[0].arrival_time_ns if self.fills else 0

    def evidence(self) -> Evidence | None:
        """Return what this side did, as plain facts."""
        if not self.exists:
            return None
        order = self.order
        return {
            "asked_lots": None if order is None else order.lots,
            "decision_price_ticks": None if order is None else order.decision_price_ticks,
            "decided_at_ns": None if order is None else order.decided_at_ns,
            "fills": [
                {
                    "lots": fill.lots,
                    "price_ticks": fill.price_ticks,
                    "fee": decimal_text(fill.fee),
                    "liquidity": Liquidity(fill.liquidity).name.lower(),
                    "trade_id": fill.trade_id,
                }
                for fill in self.fills
            ],
        }


def side_of(record: RungRecord, decision_id: str, fills: Mapping[str, Sequence[Fill]]) -> OrderSide:
    """Return one order as a rung has it."""
    return OrderSide(decision_id, record.orders.get(decision_id), fills.get(decision_id, ()))


def _in_order(upper: RungRecord, lower: RungRecord) -> list[str]:
    """Return all decisions that traded or were placed, each once, as the runs made them."""
    seen = dict.fromkeys(upper.orders)
    for record in (upper, lower):
        seen.update(dict.fromkeys(record.orders))
        seen.update(dict.fromkeys(fill.decision_id for fill in record.fills))
    return list(seen)


def _order_pieces(
    upper: OrderSide, lower: OrderSide, valuation: Valuation, grain: int
) -> list[Piece]:
    if upper.exists and lower.exists and upper.direction == lower.direction:
        amounts = _matched(upper, lower, valuation, grain)
        if valuation.splits:
            amounts = _across_splits(amounts, upper, lower, valuation)
        evidence = {"upper": upper.evidence(), "lower": lower.evidence()}
        return [
            Piece(component, lower.decision_id, lower.time_ns, amount, evidence)
            for component, amount in sorted(amounts.items())
            if amount
        ]
    found = []
    for side, sign in ((upper, -1), (lower, 1)):
        amount = sign * sum(valuation.fill_worth(fill) for fill in side.fills)
        if amount:
            which = "upper" if sign < 0 else "lower"
            found.append(
                Piece(
                    Component.ONE_SIDED,
                    side.decision_id,
                    side.time_ns,
                    amount,
                    {"only": which, which: side.evidence()},
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class _Slice:
    """Lots [start, stop) of one fill."""

    fill: Fill
    start: int
    stop: int

    @property
    def lots(self) -> int:
        return self.stop - self.start

    @property
    def fee(self) -> int:
        """This slice's share; the shares of a fill's slices sum to its fee, the rest goes last."""
        fill = self.fill
        return fill.fee * self.stop // fill.lots - fill.fee * self.start // fill.lots

    @property
    def reference_ticks(self) -> int:
        """Without a reference nobody can tell spread from delay: all of it counts as delay."""
        fill = self.fill
        return fill.price_ticks if fill.reference_ticks is None else fill.reference_ticks

    @property
    def half_spread_microticks(self) -> int:
        return 0 if self.fill.reference_ticks is None else self.fill.half_spread_microticks

    @property
    def signed_lots(self) -> int:
        return self.fill.side * self.lots

    def shift(self, valuation: Valuation) -> int:
        """Return what it cost to trade at its price and not at its reference."""
        prices = (self.reference_ticks, self.fill.price_ticks)
        return valuation.shift(self.fill.instrument, self.signed_lots, *prices)

    def half_spread(self, valuation: Valuation) -> Fraction:
        """Return what its half spread cost, unrounded."""
        at = (self.reference_ticks, self.half_spread_microticks)
        return valuation.half_spread(self.fill.instrument, self.signed_lots, *at)

    def rounding(self, valuation: Valuation) -> int:
        """Return what it is worth as a part of its fill less what as many lots are worth."""
        fill = self.fill
        alone = valuation.worth(
            fill.instrument, self.signed_lots, fill.price_ticks, fill.venue_time_ns
        )
        return valuation.slice_worth(fill, self.start, self.stop) - alone


def _matched(
    upper: OrderSide, lower: OrderSide, valuation: Valuation, grain: int
) -> dict[Component, int]:
    amounts: dict[Component, int] = defaultdict(int)
    asked = [side.order.lots for side in (upper, lower) if side.order is not None]
    asked_of_both = min(asked) if len(asked) == 2 else None
    nothing_on_one_side = not upper.fills or not lower.fills
    at = 0
    for above, below in _against(upper.fills, lower.fills):
        if above is not None and below is not None:
            _add_common(amounts, above, below, valuation)
            fee = _fee_component(above, below, grain)
            amounts[fee] -= below.fee - above.fee
            at += below.lots
            continue
        extra = below if above is None else above
        assert extra is not None, upper
        sign = 1 if above is None else -1
        for part, beyond in _cut(extra, at, asked_of_both):
            component = Component.MISSED if nothing_on_one_side else Component.PARTIAL
            amounts[Component.SIZE if beyond else component] += sign * _slice_worth(part, valuation)
        at += extra.lots
    return amounts


def _across_splits(
    amounts: dict[Component, int], upper: OrderSide, lower: OrderSide, valuation: Valuation
) -> dict[Component, int]:
    """Return the amounts of a matched order whose instrument was split since."""
    ratios = {
        valuation.ratio_since(fill.instrument, fill.venue_time_ns)
        for fill in (*upper.fills, *lower.fills)
    }
    whole = sum(map(valuation.fill_worth, lower.fills)) - sum(
        map(valuation.fill_worth, upper.fills)
    )
    if len(ratios) > 1:
        # Lots of before and of after it are no lots of one kind that could be laid side by side.
        return {Component.ACROSS_SPLIT: whole}
    amounts[Component.FRACTION] += whole - sum(amounts.values())
    return amounts


def _against(
    upper: Sequence[Fill], lower: Sequence[Fill]
) -> Iterator[tuple[_Slice | None, _Slice | None]]:
    """Lay two lists of fills side by side, lot by lot, first against first."""
    left, right = list(upper), list(lower)
    taken_left = taken_right = row = column = 0
    while row < len(left) and column < len(right):
        one, other = left[row], right[column]
        lots = min(one.lots - taken_left, other.lots - taken_right)
        yield (
            _Slice(one, taken_left, taken_left + lots),
            _Slice(other, taken_right, taken_right + lots),
        )
        taken_left += lots
        taken_right += lots
        if taken_left == one.lots:
            row, taken_left = row + 1, 0
        if taken_right == other.lots:
            column, taken_right = column + 1, 0
    for fill in left[row:]:
        yield _Slice(fill, taken_left, fill.lots), None
        taken_left = 0
    for fill in right[column:]:
        yield None, _Slice(fill, taken_right, fill.lots)
        taken_right = 0


def _add_common(
    amounts: dict[Component, int], above: _Slice, below: _Slice, valuation: Valuation
) -> None:
    symbol, lots = below.fill.instrument, below.fill.side * below.lots
    amounts[Component.DELAY] -= valuation.shift(
        symbol, lots, above.reference_ticks, below.reference_ticks
    )
    # A microtick of a lot can be finer than our money. The half spread rounds down, and the impact
    # begins there; both end at a fill's own price, so nothing is lost between them.
    shift = above.shift(valuation) - below.shift(valuation)
    spread = floor(above.half_spread(valuation) - below.half_spread(valuation))
    amounts[Component.HALF_SPREAD] += spread
    amounts[Component.IMPACT] += shift - spread
    if valuation.instrument(symbol).inverse:
        amounts[Component.VALUE_ROUNDING] += below.rounding(valuation) - above.rounding(valuation)


def _fee_component(above: _Slice, below: _Slice, grain: int) -> Component:
    if above.fill.liquidity != below.fill.liquidity:
        return Component.FEE_LIQUIDITY
    if abs(below.fee - above.fee) <= grain:
        return Component.FEE_LAST_DIGIT
    return Component.FEE


def _cut(extra: _Slice, at: int, asked: int | None) -> Iterator[tuple[_Slice, bool]]:
    """Part a slice that begins at lot `at` of its order where one side had asked for no more."""
    inside = extra.lots if asked is None else max(0, min(extra.lots, asked - at))
    if inside:
        yield _Slice(extra.fill, extra.start, extra.start + inside), False
    if inside < extra.lots:
        yield _Slice(extra.fill, extra.start + inside, extra.stop), True


def _slice_worth(part: _Slice, valuation: Valuation) -> int:
    return valuation.slice_worth(part.fill, part.start, part.stop) - part.fee


def _funding_pieces(
    upper: Sequence[FundingCharged], lower: Sequence[FundingCharged]
) -> Iterator[Piece]:
    """Compare funding by instrument and minute: venues stamp it some milliseconds late."""
    above, below = _by_charge_time(upper), _by_charge_time(lower)
    for key in sorted(above.keys() | below.keys()):
        symbol, minute = key
        ours, theirs = above.get(key, []), below.get(key, [])
        amount = sum(each.amount for each in theirs) - sum(each.amount for each in ours)
        if not amount:
            continue
        moved = {each.position_lots for each in (*ours, *theirs)}
        component = (
            Component.FUNDING if None in moved or len(moved) == 1 else Component.FUNDING_POSITION
        )
        yield Piece(
            component,
            "",
            minute * _MINUTE_NS,
            amount,
            {
                "instrument": symbol,
                "time_ns": minute * _MINUTE_NS,
                "upper": _charges(ours),
                "lower": _charges(theirs),
            },
        )


def _action_pieces(upper: RungRecord, lower: RungRecord, valuation: Valuation) -> Iterator[Piece]:
    """Compare dividends one by one, and what splits left over as a whole."""
    above, below = (
        {
            (each.instrument, each.effective_ns): each
            for each in record.bookings
            if each.kind == ActionKind.DIVIDEND
        }
        for record in (upper, lower)
    )
    for key in sorted(above.keys() | below.keys()):
        ours, theirs = above.get(key), below.get(key)
        amount = (theirs.cash if theirs else 0) - (ours.cash if ours else 0)
        if amount:
            symbol, time_ns = key
            evidence = {
                "instrument": symbol,
                "time_ns": time_ns,
                "upper_lots": ours.lots_before if ours else 0,
                "lower_lots": theirs.lots_before if theirs else 0,
            }
            yield Piece(Component.DIVIDEND, "", time_ns, amount, evidence)
    left = valuation.left_over(lower) - valuation.left_over(upper)
    if left:
        time_ns = min(each.effective_ns for each in (*upper.bookings, *lower.bookings))
        yield Piece(Component.FRACTION, "", time_ns, left, {"left_over_by_splits": left})


def _value_pieces(upper: RungRecord, lower: RungRecord, valuation: Valuation) -> Iterator[Piece]:
    """Compare what is rounded where fills add up to a position of inverse contracts."""
    above, below = valuation.value_rounding(upper), valuation.value_rounding(lower)
    if above != below:
        time_ns = max(fill.arrival_time_ns for fill in (*upper.fills, *lower.fills))
        evidence = {"upper": decimal_text(above), "lower": decimal_text(below)}
        yield Piece(Component.VALUE_ROUNDING, "", time_ns, below - above, evidence)


def _by_charge_time(
    charges: Sequence[FundingCharged],
) -> dict[tuple[str, int], list[FundingCharged]]:
    found: dict[tuple[str, int], list[FundingCharged]] = defaultdict(list)
    for each in charges:
        minute = (each.venue_time_ns + _MINUTE_NS // 2) // _MINUTE_NS
        found[each.instrument, minute].append(each)
    return dict(found)


def _charges(charges: Sequence[FundingCharged]) -> list[Evidence]:
    return [
        {
            "charge_id": each.charge_id,
            "amount": decimal_text(each.amount),
            "rate": each.rate,
            "position_lots": each.position_lots,
            "mark_ticks": each.mark_ticks,
        }
        for each in charges
    ]


def _merged(rows: Iterator[Row]) -> list[Row]:
    """Join rows of one order and part, so that a reader sees one figure for each."""
    joined: dict[tuple[str, str], Row] = {}
    apart: list[Row] = []
    for row in rows:
        if not row.decision_id:
            apart.append(row)
            continue
        key = (row.decision_id, row.part)
        earlier = joined.get(key)
        joined[key] = (
            row
            if earlier is None
            else Row(
                step=row.step,
                part=row.part,
                decision_id=row.decision_id,
                amount=earlier.amount + row.amount,
                evidence={**earlier.evidence, **row.evidence},
            )
        )
    return [row for row in joined.values() if row.amount] + apart
