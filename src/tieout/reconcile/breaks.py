"""Breaks: records that should agree and do not, with how grave each is and what both sides say."""

from __future__ import annotations

from enum import IntEnum, unique
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.reconcile.matching import match_orders
from tieout.reconcile.rows import Evidence, Row, Step
from tieout.reconcile.steps import OrderSide, side_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tieout.model.events import Fill, OrderDenied
    from tieout.reconcile.records import RungRecord
    from tieout.reconcile.statement import StatementOpening
    from tieout.reconcile.valuation import Valuation

__all__ = ["Break", "Severity", "find_breaks"]

_PRICE_TOLERANCE: Final = Fraction(5, 1000)
_LOW_FILL_BPS: Final = 10
_LOW_FEE_BPS: Final = 1


@unique
class Severity(IntEnum):
    """How grave; a higher number is graver."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """Two records that should agree and do not.

    Attributes:
        kind: `signal_mismatch`, `quantity_mismatch`, `price_divergence`, `fill_divergence`,
            `missing_fill`, `extra_fill`, `partial_fill`, `denied`, `rejected`, `outcome_unknown`,
            `fee`, `funding`, `statement`, `foreign_order`, `connection_gap`, `restart`,
            `operator` or `strategy_failed`.
        order: Decision id; empty when no order is meant.
        amount: What it did to the profit, in internal money units; None where that is not known.
        evidence: What both sides say.
    """

    kind: str
    severity: Severity
    order: str
    amount: int | None
    evidence: Evidence


def find_breaks(
    twin: RungRecord,
    live: RungRecord,
    *,
    rows: Sequence[Row],
    opening: StatementOpening | None,
    valuation: Valuation,
) -> tuple[Break, ...]:
    """Return every break, the gravest and then the dearest first."""
    by_order: dict[str, int] = {}
    for row in rows:
        if row.decision_id:
            by_order[row.decision_id] = by_order.get(row.decision_id, 0) + row.amount
    found = [
        *_signals(twin, live, by_order),
        *_matched_orders(twin, live, by_order),
        *_refusals(twin, live, by_order),
        *_costs(rows, live, valuation),
        *_interruptions(twin, live),
    ]
    if opening is not None:
        found += _statement(rows, opening)
    else:
        found += _foreign_seen(live)
    return tuple(
        sorted(found, key=lambda each: (-each.severity, -abs(each.amount or 0), each.kind))
    )


def _signals(twin: RungRecord, live: RungRecord, by_order: Mapping[str, int]) -> Iterator[Break]:
    match = match_orders(twin, live)
    above, below = twin.fills_of(), live.fills_of()
    for decision_id in (*match.only_first, *match.changed, *match.only_second):
        first = side_of(twin, decision_id, above)
        second = side_of(live, decision_id, below)
        yield Break(
            kind="signal_mismatch",
            severity=Severity.HIGH,
            order=decision_id,
            amount=by_order.get(decision_id, 0),
            evidence={
                "twin": _said(first, twin.denied.get(decision_id)),
                "live": _said(second, live.denied.get(decision_id)),
            },
        )


def _matched_orders(
    twin: RungRecord, live: RungRecord, by_order: Mapping[str, int]
) -> Iterator[Break]:
    above, below = twin.fills_of(), live.fills_of()
    for decision_id in match_orders(twin, live).matched:
        first, second = side_of(twin, decision_id, above), side_of(live, decision_id, below)
        if first.order is None or second.order is None:
            continue
        evidence = {"twin": first.evidence(), "live": second.evidence()}
        for kind, severity, facts in _order_findings(first, second):
            yield Break(
                kind=kind,
                severity=severity,
                order=decision_id,
                amount=by_order.get(decision_id, 0),
                evidence={**evidence, **facts},
            )


def _order_findings(
    twin: OrderSide, live: OrderSide
) -> Iterator[tuple[str, Severity, dict[str, object]]]:
    assert twin.order is not None, twin
    assert live.order is not None, live
    if twin.order.lots != live.order.lots:
        yield "quantity_mismatch", Severity.MEDIUM, {}
    seen, known = twin.order.decision_price_ticks, live.order.decision_price_ticks
    if seen and known:
        apart = Fraction(abs(known - seen), seen)
        if apart > _PRICE_TOLERANCE:
            yield "price_divergence", Severity.MEDIUM, {"bps": _bps(apart)}
    if twin.fills and not live.fills:
        yield "missing_fill", Severity.MEDIUM, {}
    elif live.fills and not twin.fills:
        yield "extra_fill", Severity.MEDIUM, {}
    elif twin.fills:
        if twin.filled_lots != live.filled_lots:
            yield "partial_fill", Severity.MEDIUM, {}
        expected = _average(twin.fills)
        apart = abs(_average(live.fills) - expected) / expected
        if apart:
            grave = Severity.LOW if apart * 10_000 < _LOW_FILL_BPS else Severity.MEDIUM
            yield "fill_divergence", grave, {"bps": _bps(apart)}


def _refusals(twin: RungRecord, live: RungRecord, by_order: Mapping[str, int]) -> Iterator[Break]:
    for decision_id in dict.fromkeys((*twin.denied, *live.denied)):
        if (decision_id in twin.denied) == (decision_id in live.denied):
            continue
        denial = live.denied.get(decision_id) or twin.denied[decision_id]
        yield Break(
            kind="denied",
            severity=Severity.MEDIUM if decision_id in live.denied else Severity.LOW,
            order=decision_id,
            amount=by_order.get(decision_id, 0),
            evidence={
                "by": "live" if decision_id in live.denied else "twin",
                "rule": denial.rule,
                "detail": denial.detail,
                "origin": denial.origin,
            },
        )
    for decision_id, rejection in live.rejected.items():
        if decision_id not in twin.rejected:
            yield Break(
                kind="rejected",
                severity=Severity.MEDIUM,
                order=decision_id,
                amount=by_order.get(decision_id, 0),
                evidence={"reason": rejection.reason, "detail": rejection.detail},
            )
    for decision_id, doubt in live.unknown.items():
        yield Break(
            kind="outcome_unknown",
            severity=Severity.LOW,
            order=decision_id,
            amount=None,
            evidence={
                "detail": doubt.detail,
                "resolved": decision_id in live.accepted
                or decision_id in live.rejected
                or decision_id in live.fills_of(),
            },
        )


def _costs(rows: Sequence[Row], live: RungRecord, valuation: Valuation) -> Iterator[Break]:
    fills = live.fills_of()
    for row in rows:
        if row.step is Step.COST and row.part == "commission":
            notional = sum(map(valuation.notional, fills.get(row.decision_id, ())))
            small = abs(row.amount) * 10_000 < _LOW_FEE_BPS * notional
            yield Break(
                kind="fee",
                severity=Severity.LOW if small else Severity.MEDIUM,
                order=row.decision_id,
                amount=row.amount,
                evidence={"modelled": row.evidence["upper"], "charged": row.evidence["lower"]},
            )
        elif row.step is Step.COST and row.part == "funding":
            yield Break(
                kind="funding",
                severity=Severity.MEDIUM,
                order="",
                amount=row.amount,
                evidence={**row.evidence},
            )


def _interruptions(twin: RungRecord, live: RungRecord) -> Iterator[Break]:
    for gap in live.gaps:
        yield Break(
            kind="connection_gap",
            severity=Severity.LOW if gap.restored_at_ns is not None else Severity.MEDIUM,
            order="",
            amount=None,
            evidence={
                "stream": gap.stream,
                "reason": gap.reason,
                "lost_at_ns": gap.lost_at_ns,
                "restored_at_ns": gap.restored_at_ns,
                "backfilled": gap.backfilled,
            },
        )
    for down in live.downtimes:
        yield Break(
            kind="restart",
            severity=Severity.HIGH if down.state == "fresh" else Severity.LOW,
            order="",
            amount=None,
            evidence={
                "state": down.state,
                "since_ns": down.since_ns,
                "until_ns": down.until_ns,
            },
        )
    for command in live.commands:
        yield Break(
            kind="operator",
            severity=Severity.LOW,
            order="",
            amount=None,
            evidence={
                "command": command.command,
                "actor": command.actor,
                "at_ns": command.arrival_time_ns,
            },
        )
    known = {(each.error, each.origin) for each in twin.failures}
    for failure in live.failures:
        if (failure.error, failure.origin) not in known:
            yield Break(
                kind="strategy_failed",
                severity=Severity.HIGH,
                order="",
                amount=None,
                evidence={
                    "error": failure.error,
                    "detail": failure.detail,
                    "origin": failure.origin,
                },
            )


def _statement(rows: Sequence[Row], opening: StatementOpening) -> Iterator[Break]:
    for row in rows:
        if row.step is Step.UNEXPLAINED:
            yield Break(
                kind=row.part if row.part in {"fee", "funding"} else "statement",
                severity=(Severity.LOW if row.part in {"valuation", "rounding"} else Severity.HIGH),
                order=row.decision_id,
                amount=row.amount,
                evidence={"part": row.part, **row.evidence},
            )
    for named in opening.named:
        if named.kind != "transfer":
            yield Break(
                kind="foreign_order",
                severity=Severity.MEDIUM,
                order="",
                amount=named.amount,
                evidence={"named": named.kind, **named.evidence},
            )
    for remark in opening.remarks:
        yield Break(kind="statement", severity=Severity.LOW, order="", amount=None, evidence=remark)


def _foreign_seen(live: RungRecord) -> Iterator[Break]:
    for seen in live.foreign:
        yield Break(
            kind="foreign_order",
            severity=Severity.MEDIUM,
            order="",
            amount=None,
            evidence={
                "client_order_id": seen.client_order_id,
                "instrument": seen.instrument,
                "side": seen.side,
                "filled_lots": seen.filled_lots,
            },
        )


def _said(side: OrderSide, denial: OrderDenied | None) -> Evidence | None:
    if side.exists:
        order = side.order
        return {
            **(side.evidence() or {}),
            "instrument": None if order is None else order.instrument,
            "side": None if order is None else order.side,
            "origin": None if order is None else order.origin,
        }
    if denial is not None:
        return {"denied": denial.rule, "detail": denial.detail, "origin": denial.origin}
    return None


def _average(fills: Sequence[Fill]) -> Fraction:
    return Fraction(
        sum(fill.lots * fill.price_ticks for fill in fills), sum(fill.lots for fill in fills)
    )


def _bps(share: Fraction) -> float:
    return round(float(share * 10_000), 4)
