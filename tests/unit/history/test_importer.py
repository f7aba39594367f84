"""A file is imported exactly or refused by name; nothing is ever half-written."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tieout.errors import DataError, InputError
from tieout.history import Store, bars_from_trades, import_file
from tieout.model.columns import TradeColumns
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from pathlib import Path

ES = Instrument(
    symbol="ES/USD:USD", venue_symbol="ES", tick_size=Decimal("0.25"), lot_size=Decimal("0.1")
)
TRADES = "time,price,quantity\n"
BARS = "time,open,high,low,close,volume\n"
GOOD_TRADE = "2024-01-01 00:00:00.5,100.25,1\n"
GOOD_BAR = "2024-01-01 00:00:00,100,101,99.5,100.25,7\n"


def trades(folder: Path, text: str | bytes, **options: Any) -> Any:
    return imported(folder, text, kind="trades", **options)


def bars(folder: Path, text: str | bytes, **options: Any) -> Any:
    return imported(folder, text, kind="bars", interval="1m", **options)


def imported(folder: Path, text: str | bytes, *, suffix: str = ".csv", **options: Any) -> Any:
    file = folder / f"data{suffix}"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_file(Store(folder / "store"), file, name="set", instrument=ES, **options)


def rows(dataset: Any, column: str) -> list[int]:
    return [int(each) for batch in dataset.batches(delay_ns=0) for each in getattr(batch, column)]


def test_trades_come_in_as_exact_ticks_and_lots(tmp_path: Path) -> None:
    made = trades(
        tmp_path,
        "time,price,quantity,side\n"
        "2024-01-01 00:00:00.5,100.25,1.3,buy\n2024-01-01T00:00:01,100.5,0.1,SELL\n",
    )

    assert rows(made, "price_ticks") == [401, 402]
    assert rows(made, "quantity_lots") == [13, 1]
    assert rows(made, "aggressor") == [1, -1]
    assert rows(made, "trade_id") == [1, 2]
    assert rows(made, "venue_time_ns") == [1704067200500000000, 1704067201000000000]
    made.verify()


@pytest.mark.parametrize(
    ("stamp", "opens"), [("open", 1704067200000000000), ("close", 1704067140000000000)]
)
def test_bars_know_whether_they_are_stamped_at_open_or_close(
    tmp_path: Path, stamp: str, opens: int
) -> None:
    made = bars(tmp_path, BARS + GOOD_BAR, stamp=stamp)
    assert rows(made, "open_time_ns") == [opens]
    assert rows(made, "close_time_ns") == [opens + 60_000_000_000]


@pytest.mark.parametrize(
    "text",
    ["1704067200", "1704067200000", "1704067200000000", "1704067200000000000"],
)
def test_whole_numbers_are_times_in_the_unit_their_size_tells(tmp_path: Path, text: str) -> None:
    made = trades(tmp_path, f"{TRADES}{text},100,1\n")
    assert rows(made, "venue_time_ns") == [1704067200 * 10**9]


def test_day_first_dates_and_time_zones_are_read(tmp_path: Path) -> None:
    made = trades(tmp_path, f"{TRADES}31.12.2023 19:00:00.250,100,1\n", zone="America/New_York")
    assert rows(made, "venue_time_ns") == [1704067200250000000]


BAD_TRADES = {
    "not a number": ("2024-01-01 00:00:01,NaN,1", "price is not a finite number", "NaN"),
    "infinite": ("2024-01-01 00:00:01,inf,1", "price is not a finite number", "inf"),
    "missing": ("2024-01-01 00:00:01,,1", "price is not a finite number", ""),
    "negative price": ("2024-01-01 00:00:01,-1,1", "price is not positive", "-1"),
    "zero price": ("2024-01-01 00:00:01,0,1", "price is not positive", "0"),
    "negative quantity": ("2024-01-01 00:00:01,100,-2", "quantity is not positive", "-2"),
    "off the tick": ("2024-01-01 00:00:01,100.3,1", "price is off the tick size", "100.3"),
    "far off the tick": (
        "2024-01-01 00:00:01,100.2500000000000001,1",
        "price is off the tick size",
        "100.2500000000000001",
    ),
    "off the lot": ("2024-01-01 00:00:01,100,1.05", "quantity is off the lot size", "1.05"),
    "backward time": ("2023-12-31 23:59:59,100,1", "the time goes backwards", "2023-12-31"),
    "no time": ("yesterday,100,1", "the time is not readable", "yesterday"),
    "huge": ("2024-01-01 00:00:01,1e30,1", "price is off the tick size", "1e30"),
}


@pytest.mark.parametrize("case", BAD_TRADES)
def test_a_bad_trade_is_refused_with_file_row_value_and_remedy(tmp_path: Path, case: str) -> None:
    line, problem, value = BAD_TRADES[case]

    with pytest.raises(DataError) as refused:
        trades(tmp_path, f"{TRADES}{GOOD_TRADE}{line}\n{GOOD_TRADE}")

    error = refused.value
    assert error.problem == problem
    assert error.row == 2
    assert error.value is not None
    assert error.value.startswith(value)
    assert error.file.endswith("data.csv")
    assert "--set-aside" in error.remedy
    assert not (tmp_path / "store").exists() or not list((tmp_path / "store").iterdir())


BAD_BARS = {
    "high below low": ("100,99,101,100,1", "high is below low"),
    "open above high": ("102,101,99,100,1", "open lies outside of low and high"),
    "close below low": ("100,101,99,98,1", "close lies outside of low and high"),
    "negative volume": ("100,101,99,100,-1", "volume is negative"),
    "columns in another order": ("99,99.5,101,100,1", "high is below low"),
}


@pytest.mark.parametrize("case", BAD_BARS)
def test_an_impossible_bar_is_refused(tmp_path: Path, case: str) -> None:
    line, problem = BAD_BARS[case]
    with pytest.raises(DataError, match=problem) as refused:
        bars(tmp_path, f"{BARS}{GOOD_BAR}2024-01-01 00:01:00,{line}\n")
    assert refused.value.row == 2


@pytest.mark.parametrize(
    ("stamp", "problem"),
    [
        ("2024-01-01 00:00:00", "was there already"),
        ("2023-12-31 23:00:00", "goes backwards"),
        ("2024-01-01 00:01:30", "whole interval"),
    ],
)
def test_bars_ascend_by_whole_intervals(tmp_path: Path, stamp: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        bars(tmp_path, f"{BARS}{GOOD_BAR}{stamp},100,101,99,100,1\n")


BAD_FILES = {
    "empty": (b"", "the file is empty"),
    "header only": (TRADES.encode(), "there is no row"),
    "no column": (b"time,price\n2024-01-01,1\n", "no column for quantity"),
    "twice a column": (b"time,price,price,quantity\n1,1,1,1\n", "names a column twice"),
    "ragged": (TRADES.encode() + b"2024-01-01,1\n", "no regular CSV"),
    "not UTF-8": (TRADES.encode() + b"2024-01-01,\xff\xfe,1\n", "no regular CSV"),
    "binary header": (b"\xff\xfe\x00time,price\n1,2\n", "not UTF-8"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_none_is_refused(tmp_path: Path, case: str) -> None:
    content, problem = BAD_FILES[case]
    with pytest.raises(DataError, match=problem):
        trades(tmp_path, content)
    assert not (tmp_path / "store" / "set").exists()


def test_a_line_without_end_is_refused_before_it_is_held(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    with file.open("wb") as opened:
        opened.write(TRADES.encode() + GOOD_TRADE.encode())
        opened.truncate(1 << 30)  # a gibibyte of zero bytes, sparse

    with pytest.raises(DataError, match="the line is too long") as refused:
        import_file(Store(tmp_path / "store"), file, name="set", kind="trades", instrument=ES)

    assert refused.value.row == 2


def test_a_truncated_parquet_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    pq.write_table(pa.table({"time": [1704067200], "price": [100.25], "quantity": [1.0]}), file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match="no whole Parquet file"):
        import_file(Store(tmp_path / "store"), file, name="set", kind="trades", instrument=ES)


@pytest.mark.parametrize(
    ("price", "problem"), [(float("nan"), "finite"), (float("inf"), "finite"), (100.3, "off the")]
)
def test_floats_of_a_parquet_are_held_to_the_tick(
    tmp_path: Path, price: float, problem: str
) -> None:
    file = tmp_path / "data.parquet"
    columns = {
        "time": pa.array([1704067200, 1704067201]),
        "price": [100.25, price],
        "quantity": [0.3, 1.0],
    }
    pq.write_table(pa.table(columns), file)
    with pytest.raises(DataError, match=problem) as refused:
        import_file(Store(tmp_path / "store"), file, name="set", kind="trades", instrument=ES)
    assert refused.value.row == 2


def test_defects_can_be_set_aside_and_are_counted(tmp_path: Path) -> None:
    text = f"{TRADES}{GOOD_TRADE}2024-01-01 00:00:01,-5,1\n2024-01-01 00:00:02,101,1\n"
    made = trades(tmp_path, text, on_defect="set_aside")

    assert rows(made, "price_ticks") == [401, 404]
    assert made.meta.defects == {"price is not positive": 1}
    assert made.meta.rows == 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"kind": "quotes"}, "allowed: trades, bars"),
        ({"kind": "bars"}, "need an interval"),
        ({"kind": "bars", "interval": "1x"}, "whole number"),
        ({"kind": "trades", "stamp": "middle"}, "allowed: open, close"),
        ({"kind": "trades", "on_defect": "guess"}, "allowed: refuse"),
        ({"kind": "trades", "mapping": {"prize": "price"}}, "mapping names prize"),
        ({"kind": "trades", "mapping": {"price": "close"}}, "no column 'close'"),
        ({"kind": "trades", "zone": "Mars/Olympus"}, "Mars/Olympus"),
    ],
)
def test_an_impossible_request_says_what_is_possible(
    tmp_path: Path, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        imported(tmp_path, TRADES + GOOD_TRADE, **options)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for path, problem in ((tmp_path / "no.csv", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=problem):
            import_file(store, path, name="set", kind="trades", instrument=ES)
    file = tmp_path / "data.csv"
    file.write_text(TRADES + GOOD_TRADE)
    with pytest.raises(InputError, match="whose data"):
        import_file(store, file, name="set", kind="trades", instrument=None)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden"])
def test_names_that_are_no_names_are_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "data.csv"
    file.write_text(TRADES + GOOD_TRADE)
    with pytest.raises(InputError, match="name"):
        import_file(Store(tmp_path / "s"), file, name=name, kind="trades", instrument=ES)


def test_a_name_is_never_overwritten(tmp_path: Path) -> None:
    trades(tmp_path, TRADES + GOOD_TRADE)
    with pytest.raises(InputError, match="exists"):
        trades(tmp_path, TRADES + GOOD_TRADE)


def test_changed_bytes_in_the_store_are_noticed(tmp_path: Path) -> None:
    made = trades(tmp_path, TRADES + GOOD_TRADE * 50)
    part = tmp_path / "store" / "set" / "part.parquet"
    content = bytearray(part.read_bytes())
    content[40] ^= 1
    part.write_bytes(content)
    with pytest.raises(DataError):
        made.verify()
    part.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read"):
        list(made.batches(delay_ns=0))


def test_a_damaged_description_and_an_unknown_set_are_named(tmp_path: Path) -> None:
    trades(tmp_path, TRADES + GOOD_TRADE)
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match="there are: set"):
        store.dataset("other")
    (tmp_path / "store" / "set" / "meta.json").write_text("{}")
    with pytest.raises(DataError, match="Import the data again"):
        store.dataset("set")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 400_000), min_size=1, max_size=50), st.integers(1, 60))
def test_the_fingerprint_is_of_the_content_and_reading_does_not_depend_on_chunks(
    tmp_path: Path, ticks: list[int], chunk: int
) -> None:
    lines = [f"{1704067200 + row},{Decimal(each) / 4},1\n" for row, each in enumerate(ticks)]
    store = Store(tmp_path / "many")
    name = f"s{len(store.names())}"
    file = tmp_path / "many.csv"
    file.write_text(TRADES + "".join(lines))
    made = import_file(store, file, name=name, kind="trades", instrument=ES)

    read = [
        int(each) for batch in made.batches(delay_ns=0, rows=chunk) for each in batch.price_ticks
    ]  # type: ignore[union-attr]
    assert read == ticks
    file.write_text(TRADES + "".join(lines) + f"{1704067200 + len(ticks)},1,1\n")
    longer = import_file(store, file, name=name + "x", kind="trades", instrument=ES)
    assert longer.meta.fingerprint != made.meta.fingerprint


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 50)), min_size=1, max_size=60),
    st.integers(1, 60),
)
def test_bars_from_trades_do_not_depend_on_chunks(
    given_trades: list[tuple[int, int]], chunk: int
) -> None:
    second = 10**9
    when = 60 * second + np.cumsum([step for step, _ in given_trades]) * second
    price = np.array([each for _, each in given_trades], np.int64)
    rows_count = len(when)
    whole = TradeColumns(
        "ES",
        when,
        when,
        price,
        np.ones(rows_count, np.int64),
        np.zeros(rows_count, np.int8),
        np.arange(rows_count, dtype=np.int64),
    )
    pieces = [whole.rows(start, start + chunk) for start in range(0, rows_count, chunk)]

    def plain(parts: list[TradeColumns]) -> list[tuple[int, ...]]:
        return [
            row
            for bars_part in bars_from_trades(parts, 60 * second, delay_ns=5)
            for row in zip(
                bars_part.open_time_ns.tolist(),
                bars_part.arrival_time_ns.tolist(),
                bars_part.open_ticks.tolist(),
                bars_part.high_ticks.tolist(),
                bars_part.low_ticks.tolist(),
                bars_part.close_ticks.tolist(),
                bars_part.volume_lots.tolist(),
                strict=True,
            )
        ]

    naive = []
    for minute in sorted(set((when // (60 * second)).tolist())):
        inside = price[when // (60 * second) == minute]
        start = minute * 60 * second
        naive.append(
            (
                start,
                start + 60 * second + 5,
                int(inside[0]),
                int(inside.max()),
                int(inside.min()),
                int(inside[-1]),
                len(inside),
            )
        )
    assert plain([whole]) == plain(pieces) == naive


def test_an_interval_of_bars_must_be_positive() -> None:
    with pytest.raises(InputError, match="positive"):
        next(bars_from_trades([], 0, delay_ns=0))
