"""Explains live minus twin from journals and the venue's statement; never runs a market."""

from tieout.reconcile.attribution import Reconciliation, RungFigures, attribute
from tieout.reconcile.breaks import Break, Severity
from tieout.reconcile.candles import BarDifference, CandleComparison, Flip, compare_candles
from tieout.reconcile.figures import (
    METRIC_LIMITS,
    EquityPoint,
    Metrics,
    Slippage,
    alerts,
    drawdown,
    equity_curve,
    price_series,
    slippage_of,
)
from tieout.reconcile.frames import ColumnDifference, FrameComparison, compare_frames
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
from tieout.reconcile.orders import OrderLine, OrderOnRung
from tieout.reconcile.records import Downtime, Gap, RungRecord
from tieout.reconcile.rows import PARTS, Named, Row, Step
from tieout.reconcile.statement import StatementOpening, open_statement
from tieout.reconcile.steps import open_step
from tieout.reconcile.summary import RoundTrip, RunSummary, round_trips, summarise
from tieout.reconcile.valuation import Valuation, profit

__all__ = [
    "METRIC_LIMITS",
    "PARTS",
    "BarDifference",
    "Break",
    "CandleComparison",
    "ColumnDifference",
    "Discrepancy",
    "Downtime",
    "EquityPoint",
    "FillMatch",
    "Flip",
    "FrameComparison",
    "Gap",
    "Metrics",
    "ModelBand",
    "Named",
    "OrderLine",
    "OrderMatch",
    "OrderOnRung",
    "Reconciliation",
    "RoundTrip",
    "Row",
    "RunComparison",
    "RunSummary",
    "RungFigures",
    "RungRecord",
    "Severity",
    "Slippage",
    "StatementOpening",
    "Step",
    "Valuation",
    "alerts",
    "attribute",
    "compare_candles",
    "compare_frames",
    "compare_runs",
    "drawdown",
    "equity_curve",
    "match_fills",
    "match_orders",
    "open_statement",
    "open_step",
    "price_series",
    "profit",
    "round_trips",
    "slippage_of",
    "summarise",
]
