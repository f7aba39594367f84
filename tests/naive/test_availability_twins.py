"""Stored rows arrive when plain numbers say, whatever is read at once and from where on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.naive.availability import Row, arrivals, matched
from tests.unit.history.builders import ES, MINUTE, SECOND, T0, left_behind
from tieout.history import Availability, Store, _writer, matched_rows, seen_rows
from tieout.history.revisions import numbered
from tieout.model.availability import DrawnFeed, MeasuredArrival, MeasuredFeed
from tieout.model.latencies import WHOLE, Quantiles

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history import Dataset

DRAWN = DrawnFeed(delay=Quantiles(((0, 0), (500_000, 3 * SECOND), (WHOLE, 90 * SECOND))))
MEASURED = MeasuredFeed(
    log=(
        MeasuredArrival(T0 + MINUTE, T0 + MINUTE + 5),
        MeasuredArrival(T0 + 3 * MINUTE, T0 + 3 * MINUTE + 40 * SECOND),
        MeasuredArrival(T0 + 9 * MINUTE, T0 + 9 * MINUTE + SECOND),
    )
)
ways = st.builds(
    Availability,
    stream=st.sampled_from(["bars:1m:ES", "bars:1m:NQ"]),
    record_ns=st.just(MINUTE),
    look_ns=st.sampled_from([0, 0, 7 * SECOND, 2 * MINUTE]),
    offset_ns=st.sampled_from([0, 5 * SECOND]),
    feed_ns=st.sampled_from([0, 3 * SECOND]),
    feed=st.sampled_from([None, DRAWN, MEASURED]),
    seed=st.integers(0, 2),
    outages=st.sampled_from([(), ((T0 + 2 * MINUTE, T0 + 5 * MINUTE),)]),
)
late = st.sampled_from([0, 1, 59 * SECOND, MINUTE, 5 * MINUTE, 40 * MINUTE])


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_writer, "_GROUP_ROWS", 4)


def bars(rows: list[Row]) -> dict[str, Any]:
    closes = np.array([each.over_ns for each in rows], np.int64)
    price = 400 + np.arange(len(rows), dtype=np.int64)
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots")
    return {
        "open_time_ns": closes - MINUTE,
        "close_time_ns": closes,
        **dict.fromkeys(names, price),
        "known_time_ns": np.array([each.known_ns or 0 for each in rows], np.int64),
        "revision": numbered(closes),
    }


def stored(folder: Path, rows: list[Row], **settings_: Any) -> Dataset:
    name = f"s{len(left_behind(folder))}"
    return Store(folder / "store").write(
        name, "bars", ES, [bars(rows)], interval_ns=MINUTE, source="a test", **settings_
    )


def told(dataset: Dataset, how: Availability, **options: Any) -> list[tuple[int, int, int]]:
    return [
        row
        for each in seen_rows(dataset, how, **options)
        for row in zip(
            each.arrival_time_ns.tolist(),
            each.close_time_ns.tolist(),  # type: ignore[union-attr]
            each.revision.tolist(),  # type: ignore[union-attr]
            strict=True,
        )
    ]


def expected(rows: list[Row], how: Availability) -> list[tuple[int, int, int]]:
    return [(when, row.over_ns, row.revision) for when, row in arrivals(rows, how)]


def check(dataset: Dataset, rows: list[Row], how: Availability, at_a_time: int) -> None:
    whole = expected(rows, how)
    assert told(dataset, how, rows=at_a_time) == whole
    begin, end = whole[len(whole) // 3][0], whole[2 * len(whole) // 3][0]
    part = [row for row in whole if begin <= row[0] <= end]
    assert told(dataset, how, rows=at_a_time, start_ns=begin, end_ns=end) == part
    assert told(dataset, how, start_ns=begin + 1) == [row for row in whole if row[0] > begin]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    apart=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    how=ways,
    published_after=st.sampled_from([0, 0, 90 * SECOND]),
    at_a_time=st.integers(1, 9),
)
def test_bars_that_are_published_a_while_later_arrive_as_plain_numbers_say(
    tmp_path: Path, apart: list[int], how: Availability, published_after: int, at_a_time: int
) -> None:
    closes = T0 + MINUTE * np.cumsum([1, 1, *apart])
    rows = [Row(close, None, close) for close in closes.tolist()]
    how = replace(how, published_after_ns=published_after)
    check(stored(tmp_path, rows, published_after_ns=published_after), rows, how, at_a_time)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    versions=st.lists(st.lists(late, min_size=1, max_size=3, unique=True), min_size=1, max_size=20),
    how=ways,
    known=st.sampled_from(["published", "received"]),
    at_a_time=st.integers(1, 9),
)
def test_versions_arrive_when_they_were_known_in_whatever_order_that_was(
    tmp_path: Path, versions: list[list[int]], how: Availability, known: str, at_a_time: int
) -> None:
    rows = [
        Row(close, close + after, close, revision)
        for close, laters in ((T0 + MINUTE * n, sorted(each)) for n, each in enumerate(versions, 1))
        for revision, after in enumerate(laters)
    ]
    how = replace(how, known=known)
    dataset = stored(tmp_path, rows, known=known)
    check(dataset, rows, how, at_a_time)
    assert dataset.meta.revised == sum(row.revision > 0 for row in rows)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    versions=st.lists(st.lists(late, min_size=1, max_size=3, unique=True), min_size=1, max_size=20),
    how=ways,
    known=st.sampled_from(["published", "received"]),
    at_a_time=st.integers(1, 9),
)
def test_the_venue_s_market_is_the_best_word_on_each_bar_in_the_venue_s_order(
    tmp_path: Path, versions: list[list[int]], how: Availability, known: str, at_a_time: int
) -> None:
    rows = [
        Row(close, close + after, close, revision)
        for close, laters in ((T0 + MINUTE * n, sorted(each)) for n, each in enumerate(versions, 1))
        for revision, after in enumerate(laters)
    ]
    how = replace(how, known=known)
    dataset = stored(tmp_path, rows, known=known)

    given_ = [
        (arrival, price - 400)
        for each in matched_rows(dataset, how, rows=at_a_time)
        for arrival, price in zip(
            each.arrival_time_ns.tolist(),
            each.close_ticks.tolist(),  # type: ignore[union-attr]
            strict=True,
        )
    ]

    assert given_ == matched(rows, how)


@settings(max_examples=60)
@given(how=ways, sent=st.lists(st.integers(T0, T0 + 20 * MINUTE), min_size=1, max_size=50))
def test_delays_of_columns_are_those_of_single_rows(how: Availability, sent: list[int]) -> None:
    rows = [Row(each, None, each, place % 3) for place, each in enumerate(sent)]
    when, revision = np.array(sent, np.int64), np.array([row.revision for row in rows], np.int64)

    delays = how.delays(when, when, revision).tolist()

    alone = replace(how, outages=(), look_ns=0)
    assert [w + d for w, d in zip(sent, delays, strict=True)] == [
        arrivals([row], alone)[0][0] for row in rows
    ]


def test_lines_between_rows_of_a_log_that_lie_years_apart_are_exact() -> None:
    year = 365 * 86_400 * SECOND
    log = MeasuredFeed(
        log=(MeasuredArrival(T0, T0 + 1), MeasuredArrival(T0 + year, T0 + year + 3_599 * SECOND))
    )
    how = Availability(stream="bars", feed=log)
    sent = np.array([T0 - 5, T0, T0 + year // 3, T0 + year - 1, T0 + 2 * year], np.int64)
    delays = how.delays(sent, sent, None).tolist()
    assert delays == [log.delay_ns(each, 0) for each in sent.tolist()]
