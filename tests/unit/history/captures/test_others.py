"""Bybit, Kraken and OKX captures: sequences and checksums, and what breaks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.history.captures.builders import MS, T0, T0_MS, an_instrument, capture, rebuilt
from tieout.errors import DataError
from tieout.history.captures import (
    kraken_checksum,
    okx_checksum,
    read_bybit,
    read_kraken,
    read_okx,
)

if TYPE_CHECKING:
    from pathlib import Path

XRP = an_instrument("XRPUSDT", "0.0001", "1")
PAIR = an_instrument("XMR/USD", "0.01", "0.001")


def bybit(at: int, kind: str, update: int, **sides: Any) -> tuple[int, Any]:
    data = {"s": "XRPUSDT", "u": update, "b": sides.get("b", []), "a": sides.get("a", [])}
    times = {"ts": T0_MS + at, "cts": T0_MS + at - 1}
    return at, {"topic": "orderbook.50.XRPUSDT", "type": kind, "data": data} | times


def some_bybit(third: int) -> list[tuple[int, Any]]:
    return [
        bybit(1, "delta", 6, b=[["1.9", "1"]]),
        bybit(2, "snapshot", 7, b=[["1.9531", "5"]], a=[["1.9532", "6"]]),
        bybit(3, "delta", third, b=[["1.9531", "0"], ["1.9530", "4"]]),
        bybit(4, "delta", third + 1, a=[["1.9532", "9"]]),
    ]


def test_bybit_deltas_follow_one_another(tmp_path: Path) -> None:
    found = read_bybit(capture(tmp_path, some_bybit(8)), XRP)
    book = rebuilt(found)
    assert (book.levels(1), book.levels(-1)) == ([(19530, 4)], [(19532, 9)])
    assert found.book.venue_time_ns[-1] == T0 + 3 * MS


def test_a_lost_bybit_delta_is_a_gap(tmp_path: Path) -> None:
    found = read_bybit(capture(tmp_path, some_bybit(9)), XRP)
    assert [(gap.row, gap.expected, gap.found) for gap in found.gaps] == [(3, "u = 8", "u = 9")]
    assert rebuilt(found).best(-1) is None


def test_a_bybit_update_of_one_is_a_snapshot(tmp_path: Path) -> None:
    told = [*some_bybit(8), bybit(5, "delta", 1, b=[["1.9", "2"]], a=[["2", "3"]])]
    found = read_bybit(capture(tmp_path, told), XRP)
    assert (rebuilt(found).levels(1), found.gaps) == ([(19000, 2)], ())


def test_bybit_trades_have_the_takers_side(tmp_path: Path) -> None:
    trades = [
        {"T": T0_MS, "s": "XRPUSDT", "S": "Buy", "v": "3", "p": "1.95", "i": "77"},
        {"T": T0_MS, "s": "XRPUSDT", "S": "Sell", "v": "4", "p": "1.94", "i": "0a-0b"},
    ]
    message = {"topic": "publicTrade.XRPUSDT", "ts": T0_MS + 1, "data": trades}
    found = read_bybit(capture(tmp_path, [(2, message)]), XRP).trades
    assert found.aggressor.tolist() == [1, -1]
    assert found.trade_id.tolist()[0] == 77
    assert found.trade_id.tolist()[1] > 0


def test_a_bybit_message_that_lacks_a_field_is_named(tmp_path: Path) -> None:
    message = {"topic": "orderbook.50.XRPUSDT", "ts": T0_MS, "data": {}}
    with pytest.raises(DataError, match="lacks a field") as refused:
        read_bybit(capture(tmp_path, [(1, message)]), XRP)
    assert refused.value.row == 1


# -- checksums ------------------------------------------------------------------------------------


def test_krakens_checksum_is_that_of_its_own_example() -> None:
    """Source: the example of the venue's page on book checksums, WebSocket API v1."""
    asks = [(f"{0.05005 + 0.00005 * step:.5f}", "0.00000500") for step in range(10)]
    # The example has no level at 0.04985.
    bids = [(f"{0.05 - 0.00005 * step:.5f}", "0.00000500") for step in range(11) if step != 3]
    assert kraken_checksum(bids, asks) == 974947235


def test_okxs_checksum_takes_bids_and_asks_in_turn() -> None:
    """Source: the text of the venue's example, 3366.1:7:3366.8:9:3366:6:3368:8."""
    bids, asks = [("3366.1", "7"), ("3366", "6")], [("3366.8", "9"), ("3368", "8")]
    assert okx_checksum(bids, asks) == -1881014294
    one_sided = [("3366.1", "7")]
    assert okx_checksum(one_sided, asks) != okx_checksum(bids, asks)


def kraken(at: int, told: dict[str, Any]) -> tuple[int, Any]:
    return at, [1, told, "book-10", "XMR/USD"]


def kraken_levels(at: int, *levels: tuple[str, str]) -> list[list[str]]:
    return [
        [price, size, f"{(T0_MS + at) // 1000}.{(T0_MS + at) % 1000:03d}000"]
        for price, size in levels
    ]


def some_kraken(size: str) -> list[tuple[int, Any]]:
    bids, asks = [("10.00", "1.000"), ("9.99", "2.000")], [("10.01", "3.000")]
    after = [("10.00", "1.500"), ("9.99", "2.000")]
    change = {"b": kraken_levels(2, ("10.00", size)), "c": str(kraken_checksum(after, asks))}
    opening = {"as": kraken_levels(1, *asks), "bs": kraken_levels(1, *bids)}
    return [kraken(3, opening), kraken(4, change)]


def test_a_kraken_change_whose_checksum_agrees_is_taken(tmp_path: Path) -> None:
    found = read_kraken(capture(tmp_path, some_kraken("1.500")), PAIR)
    assert rebuilt(found).levels(1) == [(1000, 1500), (999, 2000)]
    assert found.gaps == ()
    assert found.book.venue_time_ns[-1] == T0 + 2 * MS


def test_a_kraken_change_whose_checksum_differs_is_a_gap(tmp_path: Path) -> None:
    found = read_kraken(capture(tmp_path, some_kraken("1.501")), PAIR)
    (gap,) = found.gaps
    assert (gap.row, gap.problem) == (2, "checksum")
    assert gap.expected != gap.found
    assert rebuilt(found).best(1) is None


def test_levels_beyond_the_depth_that_the_venue_keeps_go(tmp_path: Path) -> None:
    bids = [(f"{10 - place / 100:.2f}", "1.000") for place in range(10)]
    better = {"b": kraken_levels(2, ("10.01", "1.000"))}
    opening = {"as": kraken_levels(1, ("10.05", "3.000")), "bs": kraken_levels(1, *bids)}
    found = read_kraken(capture(tmp_path, [kraken(3, opening), kraken(4, better)]), PAIR)
    assert [price for price, _ in rebuilt(found).levels(1)] == list(range(1001, 991, -1))


def test_kraken_trades_have_the_takers_side(tmp_path: Path) -> None:
    stamp = f"{T0_MS // 1000}.000100"
    trades = [["10.00", "0.500", stamp, "b", "m", ""], ["10.00", "0.500", stamp, "s", "l", ""]]
    told = [(1, [0, trades, "trade", "XMR/USD"])]
    assert read_kraken(capture(tmp_path, told), PAIR).trades.aggressor.tolist() == [1, -1]


def okx(at: int, action: str, checksum: int, **sides: Any) -> tuple[int, Any]:
    data = {"asks": sides["asks"], "bids": sides["bids"], "ts": str(T0_MS + at)}
    arg = {"channel": "books", "instId": "XMR/USD"}
    return at, {"arg": arg, "action": action, "data": [data | {"checksum": checksum}]}


@pytest.mark.parametrize(("off", "gaps"), [(0, 0), (1, 1)])
def test_an_okx_change_is_taken_when_its_checksum_agrees(
    tmp_path: Path, off: int, gaps: int
) -> None:
    bids, asks = [("10.0", "1")], [("10.01", "3")]
    after = [("10.0", "2")]
    told = [
        okx(
            1,
            "snapshot",
            okx_checksum(bids, asks),
            bids=[["10.0", "1", "0", "1"]],
            asks=[["10.01", "3", "0", "1"]],
        ),
        okx(2, "update", okx_checksum(after, asks) + off, bids=[["10.0", "2", "0", "1"]], asks=[]),
    ]
    found = read_okx(capture(tmp_path, told), PAIR)
    assert len(found.gaps) == gaps
    assert (rebuilt(found).best(1) is None) == bool(gaps)
