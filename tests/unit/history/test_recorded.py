"""Quotes, books and orders in the store: they come back as they were received."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tieout.errors import DataError, InputError
from tieout.history import Store
from tieout.market.chain import DataChain
from tieout.model.columns import BookColumns, OrderEventColumns, QuoteColumns, RecordedColumns
from tieout.model.instruments import Instrument

BITCOIN = Instrument(
    symbol="BTC/USDT:USDT",
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)
ROWS = 1_000


def numbers(seed: int, low: int, high: int) -> Any:
    return np.random.default_rng(seed).integers(low, high, ROWS)


def times() -> tuple[Any, Any]:
    venue = np.cumsum(numbers(1, 0, 1_000_000)) + 1_700_000_000_000_000_000
    return venue, venue + 1_000_000 + np.cumsum(numbers(2, 0, 10))


def a_book() -> BookColumns:
    return BookColumns(
        BITCOIN.symbol,
        *times(),
        numbers(3, 1, 5).astype(np.int8),
        (2 * numbers(4, 0, 2) - 1).astype(np.int8),
        numbers(5, 1, 10**6),
        numbers(6, 0, 10**6),
        numbers(7, 0, 2).astype(np.bool_),
    )


def some_quotes() -> QuoteColumns:
    return QuoteColumns(BITCOIN.symbol, *times(), *(numbers(each, 0, 10**6) for each in range(4)))


def some_orders() -> OrderEventColumns:
    return OrderEventColumns(
        BITCOIN.symbol,
        *times(),
        numbers(3, 1, 7).astype(np.int8),
        (numbers(4, 0, 3) - 1).astype(np.int8),
        numbers(5, 0, 10**6),
        numbers(6, 0, 10**6),
        numbers(7, 0, 2**62),
        numbers(8, 0, 2).astype(np.bool_),
    )


def pieces(columns: RecordedColumns, rows: int) -> list[RecordedColumns]:
    return [columns.rows(start, start + rows) for start in range(0, len(columns), rows)]


@pytest.mark.parametrize("made", [a_book, some_quotes, some_orders])
@pytest.mark.parametrize("rows", [1, 7, ROWS])
def test_what_was_received_comes_back_as_it_was(tmp_path: Path, made: Any, rows: int) -> None:
    columns = made()
    store = Store(tmp_path)

    dataset = store.write_recorded(
        "all", BITCOIN, pieces(columns, 100), source="a test", time_rule="ns"
    )
    found = list(dataset.recorded(rows=rows))

    for name in type(columns).__slots__[1:]:
        column = np.concatenate([getattr(each, name) for each in found])
        np.testing.assert_array_equal(column, getattr(columns, name))
        assert column.dtype == getattr(columns, name).dtype
    store.verify("all")


def test_a_period_is_cut_by_arrival(tmp_path: Path) -> None:
    columns = a_book()
    dataset = Store(tmp_path).write_recorded("b", BITCOIN, [columns], source="t", time_rule="ns")
    start, end = int(columns.arrival_time_ns[100]), int(columns.arrival_time_ns[200])

    found = list(dataset.recorded(start_ns=start, end_ns=end, rows=9))

    inside = (columns.arrival_time_ns >= start) & (columns.arrival_time_ns <= end)
    assert sum(map(len, found)) == int(inside.sum())


def test_trades_are_not_asked_for_where_a_book_is(tmp_path: Path) -> None:
    dataset = Store(tmp_path).write_recorded("b", BITCOIN, [a_book()], source="t", time_rule="ns")

    with pytest.raises(InputError, match="holds book"):
        dataset.batches(delay_ns=0)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("arrival_time_ns", 5, "received before the row above"),
        ("lots", -1, "lots is not possible"),
        ("lots", 2**60, "lots is not possible"),
        ("price_ticks", -3, "price_ticks is not possible"),
        ("side", 2, "side is not possible"),
        ("kind", 9, "kind is not possible"),
    ],
)
def test_a_row_that_cannot_be_is_named_and_nothing_is_left(
    tmp_path: Path, column: str, value: int, told: str
) -> None:
    columns = a_book()
    getattr(columns, column)[340] = value

    with pytest.raises(DataError, match=told) as refused:
        Store(tmp_path).write_recorded(
            "b", BITCOIN, pieces(columns, 100), source="t", time_rule="ns"
        )

    assert refused.value.row == 341
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("made", [a_book, some_quotes, some_orders])
def test_the_chain_of_what_was_seen_knows_every_value_but_the_arrival(made: Any) -> None:
    def chained(columns: RecordedColumns, rows: int) -> str:
        chain = DataChain()
        for each in pieces(columns, rows):
            chain.extend(each, 0, len(each))
        return chain.hexdigest()

    whole = chained(made(), ROWS)
    assert chained(made(), 7) == whole
    for name in type(made()).__slots__[1:]:
        changed = made()
        column = getattr(changed, name)
        column[500] = not column[500] if column.dtype == np.bool_ else column[500] + 1
        expected = name in ("arrival_time_ns", "last")
        assert (chained(changed, ROWS) == whole) is expected, name
