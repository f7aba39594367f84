"""Reports as single HTML files that open offline: nothing in them has an address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tieout.errors import InputError
from tieout.model.orders import OrderType
from tieout.reconcile import Step, alerts
from tieout.report import charts, words
from tieout.report.charts import Line, Shade, WaterfallBar
from tieout.report.numbers import (
    bps,
    cents,
    clock,
    exact,
    price,
    rate,
    share,
    signed_cents,
    statistic,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tieout.model.profiles import SimulationProfile
    from tieout.reconcile import Break, OrderLine, Reconciliation, RoundTrip, RunSummary
    from tieout.reconcile.statistics import RunStatistics

__all__ = ["ENVIRONMENT", "picture", "reconciliation_page", "run_page", "write_page"]

_ROWS_SHOWN: Final = 200
"""Rows of a step, and of a table while scripts are off, that are written out."""

ENVIRONMENT: Final = Environment(
    loader=PackageLoader("tieout.report", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def reconciliation_page(
    result: Reconciliation, *, manifest: Mapping[str, object], profile: SimulationProfile
) -> str:
    """Return the report on a live run and its twin.

    Args:
        result: The tie-out.
        manifest: What the run was made of, for reading.
        profile: What its twin assumed.
    """
    return ENVIRONMENT.get_template("reconciliation.html").render(
        title=f"{result.run_id}: live and twin",
        result=result,
        verdict=words.verdict(result),
        equity=charts.equity_chart(_curves(result), _shades(result.breaks), digits=result.digits),
        waterfall=charts.waterfall(_bars(result), digits=result.digits),
        steps=[_step(result, step) for step in Step],
        metrics=_metrics(result),
        breaks=sorted(result.breaks, key=lambda each: -each.severity),
        table=_order_table(result.orders),
        manifest=manifest,
        assumptions=words.assumptions(profile),
        profile=profile.name,
        about_breaks=words.BREAKS,
    )


def run_page(
    summary: RunSummary,
    *,
    statistics: RunStatistics,
    run_id: str,
    manifest: Mapping[str, object],
    profile: SimulationProfile,
) -> str:
    """Return the report on one run alone: a backtest, a twin, or a run that is not tied out.

    Args:
        summary: The run's figures.
        statistics: Those that hang on a convention.
        run_id: Its id.
        manifest: What the run was made of, for reading.
        profile: What it assumed.
    """
    curve = Line("equity", "live", summary.equity)
    return ENVIRONMENT.get_template("run.html").render(
        title=run_id,
        summary=summary,
        equity=charts.equity_chart([curve], digits=summary.digits),
        figures=_figures(summary, statistics),
        table=_trip_table(summary.trips),
        manifest=manifest,
        assumptions=words.assumptions(profile),
        profile=profile.name,
    )


def picture(result: Reconciliation) -> str:
    """Return the two curves and the waterfall as SVG files of their own would be, one text."""
    return charts.standalone(
        charts.stacked(
            [
                charts.equity_chart(_curves(result), _shades(result.breaks), digits=result.digits),
                charts.waterfall(_bars(result), digits=result.digits),
            ]
        )
    )


def write_page(path: Path, html: str) -> None:
    """Write a page whole or not at all.

    Raises:
        InputError: The folder cannot be written to.
    """
    half = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("w", encoding="utf-8") as file:
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        with suppress(OSError):
            half.unlink(missing_ok=True)
        raise InputError(
            f"{path}: the report cannot be written ({error.strerror}); choose another --output"
        ) from error


# -- what the pictures show -----------------------------------------------------------------------


def _curves(result: Reconciliation) -> list[Line]:
    return [
        Line("live", "live", result.equity_live),
        Line("twin", "twin", result.equity_twin),
    ]


def _bars(result: Reconciliation) -> list[WaterfallBar]:
    bars = [WaterfallBar("twin", result.twin_pnl, result.twin_pnl)]
    level = result.twin_pnl
    for step, amount in result.steps.items():
        bars.append(WaterfallBar(str(step), level, level + amount))
        level += amount
    assert level == result.live_pnl, (level, result.live_pnl)
    return [*bars, WaterfallBar("live", level, level)]


def _shades(breaks: Sequence[Break]) -> list[Shade]:
    """Return the times in which a stream, or the whole process, was not there."""
    found = []
    for each in breaks:
        facts = each.evidence
        if each.kind == "connection_gap":
            lost, back = facts["lost_at_ns"], facts["restored_at_ns"]
            reason = f"{facts['stream']} stream lost: {facts['reason']}"
        elif each.kind == "restart":
            lost, back = facts["since_ns"], facts["until_ns"]
            reason = "the process was down"
        else:
            continue
        if isinstance(lost, int):
            found.append(Shade(lost, back if isinstance(back, int) else lost, reason))
    return found


# -- what the tables show -------------------------------------------------------------------------


def _step(result: Reconciliation, step: Step) -> dict[str, Any]:
    rows = sorted(
        (row for row in result.rows if row.step is step), key=lambda row: -abs(row.amount)
    )
    return {
        "name": str(step),
        "meaning": words.STEPS[step],
        "amount": result.steps[step],
        "parts": [(part, amount) for part, amount in result.parts(step).items() if amount],
        "rows": [
            (row.part, row.decision_id, row.amount, _evidence(row.evidence))
            for row in rows[:_ROWS_SHOWN]
        ],
        "hidden": max(len(rows) - _ROWS_SHOWN, 0),
    }


def _metrics(result: Reconciliation) -> list[tuple[str, str, str, bool, str]]:
    beyond = alerts(result.metrics)
    return [
        (name, statistic(value), words.limit_of(name), name in beyond, words.METRICS[name])
        for name, value in msgspec.structs.asdict(result.metrics).items()
    ]


def _figures(summary: RunSummary, told: RunStatistics) -> list[tuple[str, str]]:
    currency = summary.currency
    return [
        ("Profit", f"{exact(summary.profit)} {currency}"),
        ("Profit on equity at start", share(summary.gain)),
        ("Equity at the end", f"{exact(summary.end_equity)} {currency}"),
        ("Fees", f"{exact(summary.fees)} {currency}"),
        ("Funding received", f"{exact(summary.funding)} {currency}"),
        *(
            (("Dividends received", f"{exact(summary.dividends)} {currency}"),)
            if summary.dividends
            else ()
        ),
        ("Turnover", f"{cents(summary.turnover, summary.digits)} {currency}"),
        ("Deepest drawdown", f"{exact(summary.drawdown)} {currency}"),
        ("Deepest drawdown, share", share(summary.drawdown_share)),
        ("Return, a year", rate(told.annual_return)),
        ("Deviation of returns, a year", rate(told.annual_deviation)),
        ("Sharpe ratio, a year", statistic(told.sharpe)),
        ("Sortino ratio, a year", statistic(told.sortino)),
        ("Rate free of risk in both, a year", rate(told.risk_free)),
        ("Convention of these", told.convention.words),
        ("Orders", f"{summary.orders:,}"),
        ("Refused by the risk gate", f"{summary.denied:,}"),
        ("Rejected by the venue", f"{summary.rejected:,}"),
        ("Fills", f"{summary.fills:,}"),
        ("Round trips", f"{len(summary.trips):,}"),
        ("Round trips won", share(summary.win_rate)),
        ("Profit factor", statistic(summary.profit_factor)),
        ("Time in the market", share(summary.exposure)),
        ("Slippage", f"{exact(summary.slippage.total)} {currency}"),
    ]


def _order_table(orders: Sequence[OrderLine]) -> dict[str, Any]:
    heads = [
        "order", "time (UTC)", "instrument", "side", "type", "on both", "twin lots", "twin price",
        "live lots", "live price", "slippage bps", *map(str, Step), "sum",
    ]  # fmt: skip
    return _table(heads, [_order_cells(line) for line in orders], first_number=6)


def _order_cells(line: OrderLine) -> list[str]:
    on = {each.rung: each for each in line.rungs}
    cells = [
        line.decision_id,
        clock(line.decided_at_ns),
        line.instrument,
        {1: "buy", -1: "sell"}.get(line.side, ""),
        OrderType(line.order_type).name.lower().replace("_", " ") if line.order_type else "",
        "both" if line.matched else ("live only" if 4 in on else "twin only"),
    ]
    for rung in (0, 4):
        at = on.get(rung)
        cells += ["", ""] if at is None else [str(at.filled_lots), price(at.average_price)]
    amounts = [exact(line.steps[step]) for step in Step]
    return [*cells, bps(line.slippage_bps), *amounts, exact(line.amount)]


def _trip_table(trips: Sequence[RoundTrip]) -> dict[str, Any]:
    heads = ["opened (UTC)", "closed (UTC)", "instrument", "side", "lots", "fees", "profit"]
    rows = [
        [
            clock(trip.opened_ns),
            "open" if trip.closed_ns is None else clock(trip.closed_ns),
            trip.instrument,
            "long" if trip.side > 0 else "short",
            str(trip.lots),
            exact(trip.fees),
            exact(trip.profit),
        ]
        for trip in trips
    ]
    return _table(heads, rows, first_number=4)


def _table(heads: list[str], rows: list[list[str]], *, first_number: int) -> dict[str, Any]:
    """Return a table for the template: its first rows written out, all of them as data."""
    data = msgspec.json.encode({"heads": heads, "rows": rows, "first_number": first_number})
    # Inside of a script element only a `<` could end it.
    safe = data.decode().replace("<", "\\u003c")
    return {
        "heads": heads,
        "rows": rows[:_ROWS_SHOWN],
        "all": len(rows),
        "first_number": first_number,
        "data": Markup(safe),  # noqa: S704 - JSON without a `<` cannot leave its element
    }


def _evidence(facts: object, name: str = "") -> str:
    """Return a row's evidence as words and figures; times are shown as times."""
    if isinstance(facts, Mapping):
        said = [f"{key.replace('_', ' ')} {_evidence(value, key)}" for key, value in facts.items()]
        return ", ".join(said) if not name else f"({', '.join(said)})"
    if isinstance(facts, list | tuple):
        return "; ".join(_evidence(each, name) for each in facts) or "none"
    if name.endswith("_ns") and isinstance(facts, int):
        return clock(facts)
    return "none" if facts is None else str(facts)


ENVIRONMENT.filters |= {
    "bps": bps,
    "cents": cents,
    "clock": clock,
    "evidence": _evidence,
    "exact": exact,
    "share": share,
    "signed": signed_cents,
    "statistic": statistic,
    "words": lambda name: str(name).replace("_", " "),
}
ENVIRONMENT.globals["style"] = Markup(charts.STYLE)  # noqa: S704 - a constant of ours
