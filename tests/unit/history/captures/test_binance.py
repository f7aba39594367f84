"""Binance captures: how diffs hang on a snapshot and on one another, and what breaks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.history.captures.builders import MS, T0, T0_MS, an_instrument, capture, rebuilt
from tieout.errors import DataError
from tieout.history.captures import measure_clock_offset, read_binance
from tieout.model.columns import BookKind

if TYPE_CHECKING:
    from pathlib import Path

BTC = an_instrument()


def diff(at: int, first: int, last: int, before: int | None, **sides: Any) -> dict[str, Any]:
    data = {"e": "depthUpdate", "E": T0_MS + at, "s": "BTCUSDT", "U": first, "u": last}
    if before is not None:
        data |= {"pu": before, "T": T0_MS + at - 1}
    return {"stream": "s", "data": data | {"b": sides.get("b", []), "a": sides.get("a", [])}}


def snapshot(at: int, last_id: int, *, timed: bool = True) -> dict[str, Any]:
    times = {"E": T0_MS + at, "T": T0_MS + at - 1} if timed else {}
    bids, asks = [["100.0", "1.000"]], [["100.1", "2.000"]]
    return {"lastUpdateId": last_id, "bids": bids, "asks": asks} | times


def trade(at: int, number: int, *, maker_bought: bool, **more: Any) -> dict[str, Any]:
    data = {"e": "trade", "E": T0_MS + at, "T": T0_MS + at - 1, "s": "BTCUSDT", "t": number}
    return {"data": data | {"p": "100.1", "q": "0.5", "m": maker_bought} | more}


def futures(*, lost: bool = False) -> list[tuple[int, Any]]:
    """A diff before the snapshot, one that covers it, two that follow; of these one may be lost."""
    told = [
        (1, diff(1, 1, 4, 0, b=[["99.0", "9"]])),
        (2, diff(2, 5, 8, 4, b=[["99.9", "3"]])),
        (3, snapshot(3, 7)),
        (4, diff(4, 9, 9, 8, a=[["100.2", "4"]])),
        (5, diff(5, 10, 12, 9, a=[["100.1", "0"]])),
    ]
    return told[:3] + told[4:] if lost else told


def test_futures_diffs_hang_on_the_snapshot_that_one_of_them_covers(tmp_path: Path) -> None:
    found = read_binance(capture(tmp_path, futures()), BTC)
    book = rebuilt(found)
    assert (book.levels(1), book.levels(-1)) == ([(1000, 1000), (999, 3000)], [(1002, 4000)])
    assert found.gaps == ()
    assert sorted(set(found.book_ids.tolist())) == [7, 8, 9, 12]


def test_a_diff_from_before_the_snapshot_is_of_use_only_from_then_on(tmp_path: Path) -> None:
    book = read_binance(capture(tmp_path, futures()), BTC).book
    row = int((book.price_ticks == 999).argmax())
    assert book.venue_time_ns[row] == T0 + 1 * MS
    assert book.arrival_time_ns[row] == T0 + 3 * MS
    assert book.kind[0] == BookKind.CLEAR
    assert bool((book.arrival_time_ns[1:] >= book.arrival_time_ns[:-1]).all())


def test_a_lost_diff_is_a_gap_and_the_book_is_empty_until_a_snapshot(tmp_path: Path) -> None:
    found = read_binance(capture(tmp_path, futures(lost=True)), BTC)
    (gap,) = found.gaps
    assert (gap.row, gap.problem, gap.expected, gap.found) == (4, "sequence", "pu = 8", "pu = 9")
    assert rebuilt(found).best(1) is None
    assert not found.book.last[-1]

    later = [*futures(lost=True), (6, snapshot(6, 12)), (7, diff(7, 13, 13, 12, b=[["99.5", "1"]]))]
    again = read_binance(capture(tmp_path, later), BTC)
    assert len(again.gaps) == 1
    assert rebuilt(again).levels(1) == [(1000, 1000), (995, 1000)]


def spot(first: int) -> list[tuple[int, Any]]:
    return [
        (1, diff(1, 1, 4, None, b=[["99.0", "9"]])),
        (2, snapshot(2, 6, timed=False)),
        (3, diff(3, 5, 8, None, b=[["99.9", "3"]])),
        (4, diff(4, first, 9, None, a=[["100.2", "4"]])),
    ]


def test_spot_diffs_begin_where_the_last_one_ended(tmp_path: Path) -> None:
    found = read_binance(capture(tmp_path, spot(9)), BTC)
    assert rebuilt(found).levels(1) == [(1000, 1000), (999, 3000)]
    assert found.gaps == ()


@pytest.mark.parametrize("first", [8, 10])
def test_a_spot_diff_that_begins_elsewhere_is_a_gap(tmp_path: Path, first: int) -> None:
    (gap,) = read_binance(capture(tmp_path, spot(first)), BTC).gaps
    assert (gap.expected, gap.found) == ("U = 9", f"U = {first}")


def test_a_snapshot_older_than_the_first_diff_is_a_gap_and_not_a_book(tmp_path: Path) -> None:
    told = [(1, snapshot(1, 3)), (2, diff(2, 9, 12, 8, b=[["99.9", "3"]]))]
    (gap,) = read_binance(capture(tmp_path, told), BTC).gaps
    assert (gap.expected, gap.found) == ("U ≤ 3", "U = 9")


def test_prints_have_the_side_that_came_and_are_rows_of_both_streams(tmp_path: Path) -> None:
    told = [
        *futures(),
        (6, trade(6, 71, maker_bought=True)),
        (7, trade(7, 72, maker_bought=False, X="MARKET")),
        (8, trade(8, 73, maker_bought=False, X="INSURANCE_FUND")),
        (9, {"data": {"e": "trade", "s": "ETHUSDT"}}),
    ]
    found = read_binance(capture(tmp_path, told), BTC)
    assert found.trades.aggressor.tolist() == [-1, 1]
    assert found.trades.trade_id.tolist() == [71, 72]
    assert found.trades.venue_time_ns.tolist() == [T0 + 5 * MS, T0 + 6 * MS]
    prints = found.book.kind == BookKind.TRADE
    assert found.book.lots[prints].tolist() == [500, 500]


def test_best_prices_become_quotes(tmp_path: Path) -> None:
    data = {"u": 5, "s": "BTCUSDT", "b": "100.0", "B": "1", "a": "100.1", "A": "2"}
    timed = data | {"e": "bookTicker", "T": T0_MS, "E": T0_MS + 1}
    found = read_binance(capture(tmp_path, [(2, {"data": data}), (3, {"data": timed})]), BTC)
    quotes = found.quotes
    assert quotes.bid_ticks.tolist() == [1000, 1000]
    assert quotes.ask_lots.tolist() == [2000, 2000]
    # Without a time of the venue the arrival is all that is known.
    assert quotes.venue_time_ns.tolist() == [T0 + 2 * MS, T0]
    assert found.update_ids.tolist() == [5, 5]


def behind(by: int) -> list[tuple[int, Any]]:
    return [(at - by, message) for at, message in futures()]


def test_a_message_that_came_before_it_was_sent_is_refused_with_its_latency(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="recorder's clock is behind") as refused:
        read_binance(capture(tmp_path, behind(1270)), BTC)
    assert refused.value.row == 1
    assert refused.value.value == "-1270000000 ns"


def test_the_measured_offset_makes_the_fastest_message_take_no_time(tmp_path: Path) -> None:
    path = capture(tmp_path, behind(1270))
    offset = measure_clock_offset(path)
    assert offset == 1270 * MS
    found = read_binance(path, BTC, clock_offset_ns=offset)
    assert bool((found.book.arrival_time_ns >= found.book.venue_time_ns).all())
    assert found.least_latency_ns == -1270 * MS


def test_clocks_that_agree_are_left_alone(tmp_path: Path) -> None:
    assert measure_clock_offset(capture(tmp_path, futures())) == 0
    with pytest.raises(DataError, match="no message says when"):
        measure_clock_offset(capture(tmp_path, [(1, {"lastUpdateId": 5})]))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (diff(2, 5, 8, 4, b=[["99.95", "3"]]), "a price is not a whole number of steps"),
        (diff(2, 5, 8, 4, b=[["99.9", "0.0001"]]), "a quantity is not a whole number of steps"),
        (diff(2, 5, 8, 4, b=[["99.9", "-1"]]), "a quantity is not a whole number of steps"),
        (diff(2, 5, 8, 4, b=[["x", "1"]]), "a price is not a whole number of steps"),
        (diff(2, 5, 8, 4, b=[["99.9"]]), "levels are not pairs"),
        ({"data": {"e": "depthUpdate", "s": "BTCUSDT", "E": T0_MS}}, "lacks a field"),
        ({"data": {"e": "depthUpdate", "s": "BTCUSDT", "E": "x"}}, "has no time of the venue"),
        ([1], "is no object"),
    ],
)
def test_a_message_that_cannot_be_is_named_with_its_row(
    tmp_path: Path, data: Any, problem: str
) -> None:
    told = [(1, snapshot(1, 7)), (2, data)]
    with pytest.raises(DataError, match=problem) as refused:
        read_binance(capture(tmp_path, told), BTC)
    assert refused.value.row == 2
    assert refused.value.file.endswith("capture.gz")


def test_a_snapshot_without_any_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a snapshot has no time"):
        read_binance(capture(tmp_path, [(1, snapshot(1, 7, timed=False))]), BTC)
