"""What runs of LEAN are made of, and its figures to the digits that it prints."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tieout.model.actions import ActionKind
from tieout.model.money import money_decimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tieout.model.actions import Action
    from tieout.reconcile.statistics import RunStatistics

NEW_YORK = "America/New_York"


def ns(text: str, zone: str = NEW_YORK) -> int:
    """Return a local time as UTC nanoseconds."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * 10**9


def sessions(root: Path, entry: str, first: str, last: str) -> tuple[tuple[int, int], ...]:
    """Return the regular sessions of a market in LEAN's database, from one day to another."""
    database = root / "market-hours/market-hours-database.json"
    rules = json.loads(database.read_text())["entries"][entry]
    zone = rules["exchangeTimeZone"]
    closed = {_day(each) for each in rules.get("holidays", ())}
    early = {_day(day): time for day, time in rules.get("earlyCloses", {}).items()}
    found = []
    for day in _each_day(first, last):
        if day in closed:
            continue
        for part in rules[day.strftime("%A").lower()]:
            if part["state"] == "market":
                close = min(part["end"], early.get(day, part["end"]))
                found.append((ns(f"{day}T{part['start']}", zone), ns(f"{day}T{close}", zone)))
    return tuple(found)


def rates(root: Path) -> list[tuple[int, Fraction]]:
    """Return LEAN's rate free of risk as steps; before its file begins the first one holds."""
    with (root / "alternative/interest-rate/usa/interest-rate.csv").open() as file:
        steps = [(ns(day), Fraction(rate) / 100) for day, rate in list(csv.reader(file))[1:]]
    return [(0, steps[0][1]), *steps]


def in_cents(actions: Sequence[Action], factors: Path, table: Path) -> Path:
    """Write dividends to a table of actions in cents, as LEAN books them: close · (1 − ratio)."""
    rows = [
        (Decimal(price), Decimal(close))
        for _, price, _, close in (line.split(",") for line in factors.read_text().split())
    ]
    paid = [close * (1 - price / after) for (price, close), (after, _) in pairwise(rows)]
    lines = ["date,action,value,reference"]
    for each, amount in zip(actions, [each for each in paid if each], strict=True):
        assert each.kind is ActionKind.DIVIDEND, each
        day = datetime.fromtimestamp(each.venue_time_ns // 10**9, ZoneInfo(NEW_YORK)).date()
        cents = amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        lines.append(f"{day},dividend,{cents},{money_decimal(each.reference)}")
    table.write_text("\n".join(lines))
    return table


def expected(root: Path, named: str) -> dict[str, str]:
    """Return the figures that LEAN asserts of a run."""
    with (root / "expected_runs.csv").open() as file:
        (row,) = [each for each in csv.DictReader(file) if each["origin"].endswith(f"/{named}.cs")]
    return row


def printed(found: RunStatistics, *, orders: int, equity: Decimal, fees: Decimal) -> dict[str, str]:
    """Return a run's figures as LEAN prints them."""
    return {
        "total_orders": str(orders),
        "end_equity": _digits(equity, 2),
        "total_fees": str(fees.quantize(Decimal("0.01"), "ROUND_HALF_UP")),
        "net_profit": _percent(found.net_profit, 3),
        # Rounded as a share before it is made a percentage.
        "drawdown": _percent(round(found.drawdown or 0.0, 3), 3),
        "average_win": _percent(found.average_win, 2),
        "average_loss": _percent(found.average_loss, 2),
        "win_rate": _percent(found.win_rate, 0),
        "portfolio_turnover": _percent(found.turnover, 2),
        "annual_standard_deviation": _digits(found.annual_deviation, 3),
        "sharpe_ratio": _digits(found.sharpe, 3),
        "sortino_ratio": _digits(found.sortino, 3),
    }


def as_printed(row: dict[str, str], names: Any) -> dict[str, str]:
    """Return what LEAN asserts in the same form: no zeros that say nothing."""
    said = {name: row[name] for name in names}
    for name in ("end_equity", "net_profit", "drawdown"):
        percent = "%" if said[name].endswith("%") else ""
        said[name] = _plain(Decimal(said[name].rstrip("%"))) + percent
    return said


def _digits(value: float | Decimal | None, digits: int) -> str:
    exact = value if isinstance(value, Decimal) else Decimal(repr(value or 0.0))
    return _plain(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN))


def _percent(value: float | None, digits: int) -> str:
    return _digits((value or 0.0) * 100, digits) + "%"


def _plain(value: Decimal) -> str:
    text = f"{value.normalize():f}"
    return "0" if text in ("-0", "0") else text


def _day(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year, month, day)


def _each_day(first: str, last: str) -> Iterator[date]:
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        yield day
        day += timedelta(days=1)
