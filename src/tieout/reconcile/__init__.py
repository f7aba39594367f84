"""Explains live minus twin from journals and the venue's statement; never runs a market."""

from tieout.reconcile.attribution import (
    OrderLine,
    OrderOnRung,
    Reconciliation,
    RungFigures,
    attribute,
)
from tieout.reconcile.breaks import Break, Severity
from tieout.reconcile.figures import (
    EquityPoint,
    Metrics,
    Slippage,
    drawdown,
    equity_curve,
    price_series,
    sharpe,
    slippage_of,
)
from tieout.reconcile.logic import ModelBand
from tieout.reconcile.matching import (
    Discrepancy,
    FillMatch,
    OrderMatch,
    RunComparison,
    compare_runs,
    match_fills,
    match_orders,
)
from tieout.reconcile.records import Downtime, Gap, RungRecord
from tieout.reconcile.rows import PARTS, Named, Row, Step
from tieout.reconcile.statement import StatementOpening, open_statement
from tieout.reconcile.steps import open_step
from tieout.reconcile.valuation import Valuation, profit

__all__ = [
    "PARTS",
    "Break",
    "Discrepancy",
    "Downtime",
    "EquityPoint",
    "FillMatch",
    "Gap",
    "Metrics",
    "ModelBand",
    "Named",
    "OrderLine",
    "OrderMatch",
    "OrderOnRung",
    "Reconciliation",
    "Row",
    "RunComparison",
    "RungFigures",
    "RungRecord",
    "Severity",
    "Slippage",
    "StatementOpening",
    "Step",
    "Valuation",
    "attribute",
    "compare_runs",
    "drawdown",
    "equity_curve",
    "match_fills",
    "match_orders",
    "open_statement",
    "open_step",
    "price_series",
    "profit",
    "sharpe",
    "slippage_of",
]
