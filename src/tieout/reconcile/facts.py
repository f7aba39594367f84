"""A reconciliation as one JSON object: exact decimal texts for money, numbers for statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.model.money import decimal_text
from tieout.model.orders import OrderType, Side
from tieout.reconcile.figures import alerts
from tieout.reconcile.rows import Row, Step

if TYPE_CHECKING:
    from fractions import Fraction

    from tieout.reconcile.attribution import Reconciliation, RungFigures
    from tieout.reconcile.breaks import Break
    from tieout.reconcile.orders import OrderLine

__all__ = ["facts_of"]


def facts_of(result: Reconciliation) -> dict[str, object]:
    """Return everything a reconciliation says; the text of the amounts sums as the amounts do."""
    return {
        "run": result.run_id,
        "currency": result.currency,
        "live_pnl": decimal_text(result.live_pnl),
        "twin_pnl": decimal_text(result.twin_pnl),
        "difference": decimal_text(result.difference),
        "steps": {str(step): decimal_text(amount) for step, amount in result.steps.items()},
        **{
            f"{step}_parts": {
                part: decimal_text(amount) for part, amount in result.parts(step).items()
            }
            for step in Step
        },
        "metrics": {
            name: _number(value) for name, value in msgspec.structs.asdict(result.metrics).items()
        },
        "alerts": list(alerts(result.metrics)),
        "slippage": {
            name: decimal_text(value)
            for name, value in msgspec.structs.asdict(result.slippage).items()
        },
        "breaks": [_break_facts(each) for each in result.breaks],
        "rungs": [_rung_facts(each) for each in result.rungs],
        "account_change": (
            None if result.account_change is None else decimal_text(result.account_change)
        ),
        "named": [
            {
                "kind": each.kind,
                "amount": decimal_text(each.amount),
                "evidence": each.evidence,
            }
            for each in result.named
        ],
        "model_error_band": {
            "orders": result.model_band.orders,
            "measured_on": result.model_band.measured_on,
            "low": _amount(result.model_band.low),
            "high": _amount(result.model_band.high),
        },
        "orders": [_order_facts(each) for each in result.orders],
        "rows": [_row_facts(each) for each in result.rows],
        "has_statement": result.has_statement,
        "profile": result.profile,
        "notes": list(result.notes),
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _amount(units: int | None) -> str | None:
    return None if units is None else decimal_text(units)


def _break_facts(each: Break) -> dict[str, object]:
    return {
        "kind": each.kind,
        "severity": each.severity.name,
        "order": each.order,
        "amount": _amount(each.amount),
        "evidence": each.evidence,
    }


def _rung_facts(each: RungFigures) -> dict[str, object]:
    return {
        "rung": each.rung,
        "name": each.name,
        "profit": decimal_text(each.profit),
        "gross": decimal_text(each.gross),
        "fees": decimal_text(each.fees),
        "funding": decimal_text(each.funding),
        # Most instruments pay none, and their records need no line for it.
        **({"dividends": decimal_text(each.dividends)} if each.dividends else {}),
        "orders": each.orders,
        "fills": each.fills,
        "simulated_share": _number(each.simulated_share),
        "drawdown": _amount(each.drawdown),
        "drawdown_share": _number(each.drawdown_share),
        "sharpe": each.sharpe,
    }


def _order_facts(line: OrderLine) -> dict[str, object]:
    return {
        "decision_id": line.decision_id,
        "instrument": line.instrument,
        "side": Side(line.side).name.lower() if line.side else "",
        "order_type": OrderType(line.order_type).name.lower() if line.order_type else "",
        "origin": line.origin,
        "decided_at_ns": line.decided_at_ns,
        "matched": line.matched,
        "rungs": [
            {
                "rung": each.rung,
                "filled_lots": each.filled_lots,
                "average_price": (
                    None if each.average_price is None else f"{each.average_price:f}"
                ),
                "fee": decimal_text(each.fee),
            }
            for each in line.rungs
        ],
        "steps": {str(step): decimal_text(amount) for step, amount in line.steps.items()},
        "amount": decimal_text(line.amount),
        "slippage": _amount(line.slippage),
        "slippage_bps": _number(line.slippage_bps),
    }


def _row_facts(row: Row) -> dict[str, object]:
    return {
        "step": str(row.step),
        "part": row.part,
        "order": row.decision_id,
        "amount": decimal_text(row.amount),
        "evidence": row.evidence,
    }
