"""A file is imported exactly or refused by name; nothing is ever half-written."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.history.builders import (
    BARS,
    ES,
    GOOD_BAR,
    GOOD_TRADE,
    TRADES,
    imported,
    left_behind,
    rows,
)
from tests.unit.history.builders import import_bars as bars
from tests.unit.history.builders import import_trades as trades
from tieout.errors import DataError, InputError
from tieout.history import Store, _files, import_file

if TYPE_CHECKING:
    from pathlib import Path


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
    "huge": ("2024-01-01 00:00:01,1e30,1", "price is too large", "1e30"),
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
    assert left_behind(tmp_path) == []


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
    "ragged": (TRADES.encode() + b"2024-01-01,1\n", "row 1: the row has a wrong number"),
    "not UTF-8": (TRADES.encode() + b"2024-01-01,\xff\xfe,1\n", "row 1: is not UTF-8"),
    "binary header": (b"\xff\xfe\x00time,price\n1,2\n", "not UTF-8"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_none_is_refused(tmp_path: Path, case: str) -> None:
    content, problem = BAD_FILES[case]
    with pytest.raises(DataError, match=problem):
        trades(tmp_path, content)
    assert left_behind(tmp_path) == []


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


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(
        st.builds(
            lambda second, price, quantity, more: f"{1704067200 + second},{price},{quantity}{more}",
            st.integers(0, 30),
            st.sampled_from(["1", "2.25", "2.2", "-1", "x", "1e1"]),
            st.sampled_from(["1", "1", "1", "0.05"]),
            st.sampled_from(["", "", "", "", ",7", "\n"]),
        ),
        min_size=1,
        max_size=40,
    ),
    block=st.integers(64, 400),
)
def test_what_is_kept_and_what_is_set_aside_does_not_depend_on_chunks(
    tmp_path: Path, lines: list[str], block: int
) -> None:
    text = TRADES + "\n".join(lines)
    found: list[Any] = []
    for block_bytes in (1 << 20, block):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_files, "_BLOCK_BYTES", block_bytes)
            try:
                made = trades(
                    tmp_path, text, name=f"s{len(left_behind(tmp_path))}", on_defect="set_aside"
                )
            except DataError as error:
                found.append(str(error))
                continue
        listing = made.path / "set_aside.csv"
        found.append(
            (
                made.meta.fingerprint,
                made.meta.defects,
                listing.read_text() if made.meta.defects else listing.exists(),
                rows(made, "trade_id"),
            )
        )
    assert found[0] == found[1]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(good=st.integers(1, 60), block=st.integers(64, 400), blank=st.booleans())
def test_the_first_bad_row_is_named_whatever_its_chunk(
    tmp_path: Path, good: int, block: int, blank: bool
) -> None:
    end = "\n\n" if blank else "\n"
    text = TRADES + f"1704067200,1,1{end}" * good + "1704067200,1.1,1\n" * 3 + "1704067199,1,1\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_files, "_BLOCK_BYTES", block)
        with pytest.raises(DataError, match="off the tick size") as refused:
            trades(tmp_path, text)
    assert refused.value.row == good + 1
    assert left_behind(tmp_path) == []


def test_the_first_bad_row_is_named_though_another_rule_is_looked_at_earlier(
    tmp_path: Path,
) -> None:
    text = TRADES + GOOD_TRADE + "2024-01-01 00:00:01,100.25,-1\nyesterday,100,1\n"
    with pytest.raises(DataError, match="quantity is not positive") as refused:
        trades(tmp_path, text)
    assert refused.value.row == 2


def test_rows_set_aside_are_listed_beside_the_data(tmp_path: Path) -> None:
    text = (
        f"{TRADES}{GOOD_TRADE}2024-01-01 00:00:01,-5,1\n2024-01-01 00:00:01,1,1,1\n"
        "2024-01-01 00:00:02,101,1\n2024-01-01 00:00:01,101,1\n2024-01-01 00:00:03,101,1\n"
        "2024-01-01 00:00:04,101,1\n2024-01-01"
    )

    made = trades(tmp_path, text, on_defect="set_aside")

    assert (made.path / "set_aside.csv").read_text().splitlines() == [
        "row,problem,value",
        "2,price is not positive,-5",
        '3,the row has a wrong number of values,"4 of 3: 2024-01-01 00:00:01,1,1,1"',
        "5,the time goes backwards,2024-01-01 00:00:01",
        "8,the row has a wrong number of values,1 of 3: 2024-01-01",
    ]
    assert made.meta.defects == {
        "price is not positive": 1,
        "the row has a wrong number of values": 2,
        "the time goes backwards": 1,
    }
    assert rows(made, "trade_id") == [1, 2, 3, 4]


def test_a_row_with_two_defects_is_set_aside_once(tmp_path: Path) -> None:
    text = f"{TRADES}{GOOD_TRADE}2024-01-01 00:00:01,-5,-1\n2024-01-01 00:00:02,1,1\n"
    made = trades(tmp_path, text, on_defect="set_aside")
    assert made.meta.defects == {"price is not positive": 1}


@pytest.mark.parametrize("block", [64, 100, 150, 1 << 20])
def test_rows_set_aside_are_listed_in_order_though_the_reader_looks_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(_files, "_BLOCK_BYTES", block)
    four = "1704067200,1,1\n1704067200,-1,1\n1704067200,1\n1704067200,1,1\n1704067200,1,1\n"
    made = trades(tmp_path, TRADES + four * 40, on_defect="set_aside")
    listed = (made.path / "set_aside.csv").read_text().splitlines()[1:]
    assert [int(line.split(",")[0]) for line in listed] == [
        row for start in range(0, 200, 5) for row in (start + 2, start + 3)
    ]


def test_one_stamp_from_the_future_does_not_put_later_rows_out_of_order(tmp_path: Path) -> None:
    stamps = [1, 2, 30, 3, 4, 31, 32, 33]
    text = TRADES + "".join(f"{1704067200 + each},1,1\n" for each in stamps)
    made = trades(tmp_path, text, on_defect="set_aside")
    kept = [each // 10**9 - 1704067200 for each in rows(made, "venue_time_ns")]
    assert kept == sorted(kept) == [1, 2, 30, 31, 32, 33]


def test_a_file_in_which_most_is_wrong_is_refused_even_when_rows_may_be_set_aside(
    tmp_path: Path,
) -> None:
    lines = "".join(f"2024-01-01 00:0{each}:00,100,99,101,100,1\n" for each in range(5))
    with pytest.raises(DataError, match="more rows are wrong than right"):
        bars(tmp_path, BARS + GOOD_BAR + lines, on_defect="set_aside")
    assert left_behind(tmp_path) == []


def test_bars_taken_for_shorter_than_they_are_are_refused(tmp_path: Path) -> None:
    hours = "".join(f"{1704067200 + 3600 * each},1,1,1,1,1\n" for each in range(10))
    with pytest.raises(DataError, match="--interval 1h"):
        bars(tmp_path, BARS + hours)
    assert bars(tmp_path, BARS + hours, interval="1h").meta.rows == 10


def test_bars_taken_for_longer_than_they_are_are_refused(tmp_path: Path) -> None:
    minutes = "".join(f"{1704067200 + 60 * each},1,1,1,1,1\n" for each in range(10))
    with pytest.raises(DataError, match="not a whole interval"):
        bars(tmp_path, BARS + minutes, interval="15m")
    hours = "".join(f"{1704067200 + 3600 * each},1,1,1,1,1\n" for each in range(10))
    with pytest.raises(DataError, match="begins before the last one ends"):
        bars(tmp_path, BARS + hours, interval="4h")


def test_bars_of_a_day_may_begin_at_any_hour(tmp_path: Path) -> None:
    lines = "2024-01-01 22:00,1,1,1,1,1\n2024-01-02 22:00,1,1,1,1,1\n2024-01-03 23:00,1,1,1,1,1\n"
    assert bars(tmp_path, BARS + lines, interval="1d").meta.rows == 3


def test_a_volume_between_two_lots_is_refused_or_rounded_down_and_counted(tmp_path: Path) -> None:
    text = BARS + GOOD_BAR + "2024-01-01 00:01:00,1,1,1,1,0.19\n"
    with pytest.raises(DataError, match="volume is off the lot size"):
        bars(tmp_path, text)

    made = bars(tmp_path, text, volume="round_down")

    assert rows(made, "volume_lots") == [70, 1]
    assert made.meta.defects == {"volume rounded down to the lot": 1}
    assert not (made.path / "set_aside.csv").exists()


def test_a_column_that_there_is_not_can_be_said_to_be_none(tmp_path: Path) -> None:
    made = bars(tmp_path, BARS.replace(",volume", ",x") + GOOD_BAR, mapping={"volume": "-"})
    assert rows(made, "volume_lots") == [0]
    with pytest.raises(InputError, match="need a column for close"):
        bars(tmp_path, BARS + GOOD_BAR, mapping={"close": "-"})


HEADERS = {
    "names in capitals": ("Timestamp,PRICE,Size\n1704067200,1,1\n", [0]),
    "date and time apart": ("Date,Time,Price,Volume\n2024.01.01,00:00:00,1,1\n", [0]),
    "sides in words": ("time,price,amount,aggressor\n1704067200,1,1,Seller\n", [-1]),
    "sides unknown": ("time,price,amount,side\n1704067200,1,1,\n1704067200,1,1,N\n", [0, 0]),
    "buyer was maker": ("time,price,qty,is_buyer_maker\n1704067200,1,1,True\n", [-1]),
    "seller was maker": ("time,price,qty,isBuyerMaker\n1704067200,1,1,false\n", [1]),
    "semicolons": ("time;price;quantity;side\n1704067200;1;1;b\n", [1]),
    "quotes": ('"time","price","quantity"\n"2024-01-01","1.00","1"\n', [0]),
    "spaces": ("time, price, quantity, side\n2024-01-01, 1.00, 1, s\n", [-1]),
    "a byte order mark": ("\ufefftime,price,quantity\n1704067200,1,1\n", [0]),
    "windows lines": ("time,price,quantity\r\n1704067200,1,1\r\n", [0]),
}


@pytest.mark.parametrize("case", HEADERS)
def test_common_files_need_no_mapping(tmp_path: Path, case: str) -> None:
    text, sides = HEADERS[case]
    made = trades(tmp_path, text)
    assert rows(made, "venue_time_ns") == [1704067200 * 10**9] * len(sides)
    assert rows(made, "aggressor") == sides


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("timestamp,date,price,qty", "several columns could be the time"),
        ("time,price,qty,volume", "several columns could be the quantity"),
        ("time,price,qty,side,is_buyer_maker", "two columns tell the side"),
    ],
)
def test_two_columns_that_could_be_one_field_are_not_guessed_between(
    tmp_path: Path, header: str, problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        trades(tmp_path, f"{header}\n1" + ",1" * header.count(",") + "\n")


def test_ids_of_the_venue_are_kept_and_must_ascend(tmp_path: Path) -> None:
    header = "time,price,quantity,id\n"
    made = trades(tmp_path, f"{header}1704067200,1,1,7\n1704067200,1,1,900\n")
    assert rows(made, "trade_id") == [7, 900]
    for id_, problem in (("7", "was there already"), ("6", "do not ascend"), ("x", "finite")):
        text = f"{header}1704067200,1,1,7\n1704067200,1,1,{id_}\n"
        with pytest.raises(DataError, match=problem) as refused:
            trades(tmp_path, text, name="other")
        assert refused.value.row == 2
    unordered = f"{header}1704067200,1,1,7\n1704067200,1,1,6\n"
    made = trades(tmp_path, unordered, name="other", mapping={"id": "-"})
    assert rows(made, "trade_id") == [1, 2]


def test_a_side_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither buy nor sell"):
        trades(tmp_path, "time,price,quantity,side\n1704067200,1,1,long\n")


def test_compressed_text_is_read_and_a_cut_off_one_refused(tmp_path: Path) -> None:
    packed = gzip.compress((TRADES + GOOD_TRADE).encode())
    assert rows(trades(tmp_path, packed, suffix=".csv.gz"), "price_ticks") == [401]
    with pytest.raises(DataError, match="cannot be read"):
        trades(tmp_path, packed[:-9], suffix=".csv.gz", name="cut")
    assert left_behind(tmp_path) == ["set"]


def test_a_form_of_time_can_be_given(tmp_path: Path) -> None:
    made = trades(tmp_path, TRADES + "1/1/2024 0:00,1,1\n", time_form="%d/%m/%Y %H:%M")
    assert rows(made, "venue_time_ns") == [1704067200 * 10**9]


def test_the_description_says_how_stamps_were_read(tmp_path: Path) -> None:
    made = bars(tmp_path, BARS + GOOD_BAR, stamp="close", time_note="the provider says so")
    assert made.meta.time_rule == (
        "stamps taken as UTC; a bar is stamped at its close; the provider says so"
    )
    assert made.meta.source.endswith("data.csv")


def test_progress_is_told_in_bytes_and_reaches_the_end(tmp_path: Path) -> None:
    told: list[tuple[float, float | None]] = []
    trades(tmp_path, TRADES + GOOD_TRADE, progress=lambda done, total: told.append((done, total)))
    size = (tmp_path / "data.csv").stat().st_size
    assert told[-1] == (size, size)


def test_progress_over_a_parquet_is_told_in_rows(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    pq.write_table(pa.table({"time": [1704067200], "price": [100.25], "quantity": [1.0]}), file)
    told: list[tuple[float, float | None]] = []
    made = import_file(
        Store(tmp_path / "store"),
        file,
        name="set",
        kind="trades",
        instrument=ES,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 1)]
    assert rows(made, "price_ticks") == [401]


def test_times_of_a_parquet_may_be_floats_since_1970(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    columns = {"timestamp": [1704067200.319019], "price": [100.25], "size": [1.0]}
    pq.write_table(pa.table(columns), file)
    store = Store(tmp_path / "store")
    made = import_file(store, file, name="set", kind="trades", instrument=ES)
    assert rows(made, "venue_time_ns") == [1704067200319019000]
