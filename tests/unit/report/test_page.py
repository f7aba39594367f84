"""The report's page: it says what the tie-out says, exactly, and fetches nothing."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from tests.unit.reconcile.builders import (
    END,
    INSTRUMENTS,
    a_charge,
    a_fill,
    a_rung,
    a_statement,
    an_order,
    reconciled,
)
from tests.unit.reconcile.test_attribution import the_result
from tieout.errors import InputError
from tieout.model.money import decimal_text, money
from tieout.model.profiles import profile
from tieout.reconcile import Reconciliation, Step, summarise
from tieout.reconcile.statistics import LEAN, statistics_of
from tieout.report import picture, reconciliation_page, run_page, write_page
from tieout.report.charts import Line, divergence, equity_chart

PROFILE = profile("practice-1")
HOSTILE = "<script>alert(1)</script>&\"'"


def page_of(result: Reconciliation, **manifest: object) -> str:
    return reconciliation_page(result, manifest={"strategy": "Cross", **manifest}, profile=PROFILE)


def table_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="rows">(.*?)</script>', page, re.DOTALL)
    assert found
    table: dict[str, Any] = json.loads(found.group(1))
    return table


def a_summary(*records: object, **changes: Any) -> Any:
    return summarise(replace(a_rung(*records), **changes), INSTRUMENTS)


def test_the_page_has_every_step_and_part_to_the_last_digit() -> None:
    result = the_result()

    page = page_of(result)

    for step in Step:
        assert f"{decimal_text(result.steps[step])} USDT</span>" in page
        for amount in result.parts(step).values():
            assert not amount or f'<td class="number">{decimal_text(amount)}</td>' in page


def test_orders_and_rows_without_one_sum_to_the_difference() -> None:
    result = the_result()

    table = table_of(page_of(result))

    total = sum(Decimal(row[-1]) for row in table["rows"])
    rest = sum(row.amount for row in result.rows if not row.decision_id)
    assert total + Decimal(decimal_text(rest)) == Decimal(decimal_text(result.difference))
    first = table["heads"].index("data")
    for row in table["rows"]:
        assert sum(map(Decimal, row[first:-1])) == Decimal(row[-1])


def test_the_verdict_names_both_results_the_gap_and_its_largest_cause() -> None:
    page = page_of(the_result())

    verdict = re.search(r'class="verdict">(.*?)</p>', page)
    assert verdict
    assert "Live made" in verdict.group(1)
    assert "came out ahead by 11.83 USDT" in verdict.group(1)
    assert "Unexplained: 12.34." in verdict.group(1)


def test_equal_results_are_called_equal() -> None:
    rung = a_rung(an_order(1), a_fill(1))

    page = page_of(reconciled(rung))

    assert "the same to the last digit" in page
    assert "No break." in page


def test_without_a_statement_nothing_is_said_to_be_explained() -> None:
    page = page_of(reconciled(a_rung(an_order(1), a_fill(1)), statement=None))

    assert "There is no account statement" in page
    assert "Unexplained:" not in page


def test_a_run_that_did_nothing_has_a_page() -> None:
    page = page_of(reconciled(a_rung()))

    assert "There is none." in page
    assert "too few data" in page
    assert ">nan<" not in page.lower()


def test_no_address_is_in_any_page() -> None:
    pages = [
        page_of(the_result()),
        run_page(
            a_summary(),
            statistics=statistics_of(a_summary()),
            run_id="b",
            manifest={},
            profile=PROFILE,
        ),
    ]

    for page in pages:
        for part in ("http:", "https:", "//", "@import", "url(", "<link", " src=", "xmlns"):
            assert part not in page, part


def test_hostile_texts_stay_texts() -> None:
    order = an_order(1, origin=HOSTILE)
    result = reconciled(a_rung(order, a_fill(1)))
    line = msgspec.structs.replace(result.orders[0], decision_id=HOSTILE, instrument=HOSTILE)
    result = msgspec.structs.replace(
        result, orders=(line,), notes=(HOSTILE,), run_id=HOSTILE, currency=HOSTILE
    )

    page = page_of(result, strategy=HOSTILE)

    assert "<script>alert" not in page
    assert table_of(page)["rows"][0][0] == HOSTILE
    assert page.count("<script") == page.count("</script>") == 2


def test_the_same_result_gives_the_same_bytes() -> None:
    assert page_of(the_result()) == page_of(the_result())


def test_ten_thousand_orders_make_a_page_of_some_megabytes_in_seconds() -> None:
    result = the_result()
    line = result.orders[0]
    many = tuple(
        msgspec.structs.replace(line, decision_id=f"{number:024x}") for number in range(10_000)
    )
    begun = time.process_time()

    page = page_of(msgspec.structs.replace(result, orders=many))

    assert len(page) < 6_000_000
    assert time.process_time() - begun < 5
    assert len(table_of(page)["rows"]) == 10_000
    assert page.count("<tr>") < 500


def test_interruptions_are_set_off_on_the_chart() -> None:
    result = the_result()
    gap = msgspec.structs.replace(
        result.breaks[0],
        kind="connection_gap",
        evidence={
            "stream": "market",
            "reason": "reset",
            "lost_at_ns": END - 60 * 10**9,
            "restored_at_ns": None,
        },
    )

    page = page_of(msgspec.structs.replace(result, breaks=(gap,)))

    assert '<rect class="shade"' in page
    assert "market stream lost: reset" in page
    assert '<rect class="shade"' not in page_of(result)


@pytest.mark.parametrize(
    "points",
    [
        [(10**18, 5)],
        [(10**18, 5), (10**18 + 1, 5)],
        [(0, -(10**24)), (10**15, 10**24)],
        [(0, 10**30), (1, 10**30 + 1)],
    ],
)
def test_any_curve_can_be_drawn(points: list[tuple[int, int]]) -> None:
    chart = equity_chart([Line("live", "live", points), Line("twin", "twin", points)])

    drawn = ElementTree.fromstring(str(chart))
    for each in drawn.iter():
        for name in ("x", "y", "x1", "y1"):
            assert -1 <= float(each.get(name) or 0) <= 2000


def test_no_equity_is_said() -> None:
    assert "No equity is known" in equity_chart([Line("live", "live", [])])


def test_divergence_holds_each_value_until_the_next() -> None:
    live = Line("live", "live", [(0, 10), (4, 20)])
    twin = Line("twin", "twin", [(0, 10), (2, 13)])

    assert divergence(live, twin) == [(0, 0), (2, -3), (4, 7)]


def test_the_picture_is_one_well_formed_drawing() -> None:
    drawn = ElementTree.fromstring(picture(the_result()))

    assert drawn.tag.endswith("svg")
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == 3


def test_a_run_alone_shows_its_figures_and_trips() -> None:
    summary = a_summary(
        an_order(1), a_fill(1), an_order(2, side=-1), a_fill(2, side=-1), a_charge("-0.5")
    )

    page = run_page(
        summary,
        statistics=statistics_of(summary, convention=LEAN, risk_free=[(0, Fraction(3, 100))]),
        run_id="backtest-1",
        manifest={"data": "es"},
        profile=PROFILE,
    )

    assert decimal_text(summary.profit) in page
    assert f'<td>Convention of these</td><td class="number">{LEAN.words}</td>' in page
    assert 'a year</td><td class="number">3.00%</td>' in page
    assert 'Sortino ratio, a year</td><td class="number">too few data</td>' in page
    assert len(table_of(page)["rows"]) == len(summary.trips) == 1
    assert "<title>backtest-1</title>" in page


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    write_page(tmp_path / "new" / "report.html", "text")

    assert [each.name for each in (tmp_path / "new").iterdir()] == ["report.html"]
    assert (tmp_path / "new" / "report.html").read_text() == "text"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match=r"report\.html: the report cannot be written"):
        write_page(tmp_path / "file" / "report.html", "text")


def test_hidden_money_is_shown_as_unexplained() -> None:
    rung = a_rung(an_order(1), a_fill(1))

    page = page_of(reconciled(rung, statement=a_statement(rung, hidden="12.34")))

    assert "Unexplained: 12.34." in page
    assert money("12.34")
