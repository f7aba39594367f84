"""What there is to borrow comes in exactly, from three kinds of files, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.history.formats.files import instrument
from tieout.errors import DataError, InputError
from tieout.history import Ask, Dataset, Store, import_any
from tieout.model.borrow import BorrowRate
from tieout.model.instruments import InstrumentType

if TYPE_CHECKING:
    from pathlib import Path

NEW_YORK = ZoneInfo("America/New_York")
SHARES = instrument(symbol="AAPL/USD", venue_symbol="AAPLUSD", lot_size=Decimal(1), currency="USD")
HEAD = ("#BOF|2021.10.14|01:45:03", "#SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|")


def at(year: int, month: int, day: int, *clock: int, zone: Any = UTC) -> int:
    return int(datetime(year, month, day, *clock, tzinfo=zone).timestamp()) * 10**9


def percent(share: str) -> int:
    """Return a rate in percent as the integer that it is kept as."""
    return int(Decimal(share) * 10**16)


def stored(folder: Path, name: str, *rows: str, shares: Any = SHARES, **said: Any) -> Dataset:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    form = said.pop("form", "auto")
    ask = Ask(instrument=shares, **said)
    return import_any(Store(folder / "store"), path, ask, name="made", form=form)


def shortable(folder: Path, *rows: str, **said: Any) -> Dataset:
    said = {"zone": "America/New_York", **said}
    return stored(folder, "equity/usa/shortable/broker/symbols/aapl.csv", *rows, **said)


def snapshot(folder: Path, *rows: str, **said: Any) -> Dataset:
    said = {"zone": "America/New_York", **said}
    return stored(folder, "usa.txt", *HEAD, *rows, "#EOF|9", **said)


def table(folder: Path, *rows: str, **said: Any) -> Dataset:
    form = "table" if "mapping" in said else "auto"
    return stored(folder, "lent.csv", *rows, **{"form": form, **said})


# -- LEAN -----------------------------------------------------------------------------------------


def test_a_day_begins_at_midnight_in_new_york_and_the_fee_is_the_rate(tmp_path: Path) -> None:
    made = shortable(tmp_path, "20131004,1000,3.8500,0.2500", "20131104,900,-1.5,0.3000")

    first = at(2013, 10, 4, zone=NEW_YORK)
    later = at(2013, 11, 4, zone=NEW_YORK)
    assert made.borrow() == [
        BorrowRate(first, percent("0.25"), 1000, first),
        BorrowRate(later, percent("0.30"), 900, later),
    ]
    # Summer time has ended in between.
    assert (first % 86_400_000_000_000, later % 86_400_000_000_000) == (4 * 3600e9, 5 * 3600e9)
    assert made.meta.defects == {"rebate rate left out: it is interest on the proceeds": 2}
    assert made.meta.instrument.type is InstrumentType.STOCK


def test_what_a_line_does_not_tell_is_not_told(tmp_path: Path) -> None:
    made = shortable(
        tmp_path, "#DATE,AVAILABLE", "20131004,1000,3.85,", "20131005,,,0.5", "20131006,7"
    )

    assert [(each.rate_e18, each.available_lots) for each in made.borrow()] == [
        (None, 1000),
        (percent("0.5"), None),
        (None, 7),
    ]


@pytest.mark.parametrize(
    ("line", "row", "problem"),
    [
        ("20131005,many,,0.25", 2, "available is not a finite number"),
        ("20131005,-1,,0.25", 2, "what is available is negative"),
        ("20131005,1000,,a lot", 2, "rate is not a finite number"),
        ("20131005,1000,,100001", 2, "the rate is beyond all reason"),
        ("20131005,1000,,0.00000000001", 2, "rate is off the 12th decimal"),
        ("20131005,,,", 2, "the row tells neither a rate nor what is available"),
        ("20131305,1000,,0.25", 2, "the time is not readable"),
        ("20131003,1000,,0.25", 2, "the time goes backwards"),
        ("20131004,1000,,0.25", 2, "the time was there already"),
        ("20131005,1000,,0.25,7", 2, "the row has a wrong number of values"),
        ("20131005", 2, "the row has a wrong number of values"),
    ],
)
def test_a_bad_line_is_named_and_can_be_set_aside(
    tmp_path: Path, line: str, row: int, problem: str
) -> None:
    rows = ("20131004,1000,,0.25", line, "20131007,800,,0.25")

    with pytest.raises(DataError) as refused:
        shortable(tmp_path, *rows)
    made = shortable(tmp_path, *rows, set_aside=True)

    error = refused.value
    assert (error.problem, error.row) == (problem, row)
    assert error.value
    assert error.remedy
    assert str(tmp_path) in str(error.file)
    assert made.meta.rows == 2
    assert made.meta.defects[problem] == 1


def test_the_zone_is_that_of_the_folder_or_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="say it with --zone"):
        shortable(tmp_path, "20131004,1000,,0.25", zone=None)


def test_shares_are_whole_lots_rounded_down(tmp_path: Path) -> None:
    hundreds = instrument(symbol="AAPL/USD", lot_size=Decimal(100), currency="USD")

    made = shortable(tmp_path, "20131004,1050", "20131005,99", shares=hundreds)

    assert [each.available_lots for each in made.borrow()] == [10, 0]
    assert made.meta.defects == {"what is available rounded down to the lot": 2}


def test_leans_own_files(tmp_path: Path, test_data: Path) -> None:
    lean = test_data / "lean"
    folder = lean / "data" / "equity" / "usa" / "shortable" / "testbrokerage" / "symbols"
    store = Store(tmp_path / "store")

    def taken(path: Path, name: str, zone: str | None = None) -> Dataset:
        return import_any(store, path, Ask(instrument=SHARES, zone=zone), name=name)

    apple, spiders = taken(folder / "aapl.csv", "aapl"), taken(folder / "spy.csv", "spy")
    google = taken(folder / "goocv.csv", "goocv")
    broker = lean / "testdata" / "equity" / "usa" / "shortable" / "testinteractivebrokers"
    brokers = taken(broker / "symbols" / "aapl.csv", "ib", "America/New_York")

    assert [each.meta.rows for each in (apple, spiders, google, brokers)] == [9, 10, 1, 2]
    assert apple.borrow()[0] == BorrowRate(
        at(2013, 10, 4, zone=NEW_YORK), None, 1000, at(2013, 10, 4, zone=NEW_YORK)
    )
    assert {each.rate_e18 for each in spiders.borrow()} == {percent("0.25")}
    assert [each.available_lots for each in spiders.borrow()][-2:] == [25000, 100]
    assert google.borrow()[0].available_lots == 5000
    assert [each.rate_e18 for each in brokers.borrow()] == [percent("0.25"), percent("0.3")]
    for name in store.names():
        store.verify(name)


# -- snapshots ------------------------------------------------------------------------------------


def test_a_snapshot_gives_the_line_of_the_instrument(tmp_path: Path) -> None:
    made = snapshot(
        tmp_path,
        "A|USD|AGILENT|1715006|XXX|2.8137|0.2563|>10000000|",
        "AAPL|EUR|APPLE IN EUROPE|2|XXX|2.8|0.1|5|",
        "AAPL|USD|APPLE INC|265598|XXX|2.8|0.1563|>10000000|",
    )

    when = at(2021, 10, 14, 1, 45, 3, zone=NEW_YORK)
    assert made.borrow() == [BorrowRate(when, percent("0.1563"), 10_000_000, when)]


def test_the_brokers_number_chooses_among_several(tmp_path: Path) -> None:
    rows = ("AAPL|USD|APPLE|1|X|NA|NA|50|", "AAPL|USD|APPLE|2|X|1.0|7.25|60|")

    with pytest.raises(DataError, match="several lines are of AAPL/USD"):
        snapshot(tmp_path, *rows)
    made = snapshot(tmp_path, *rows, instrument_id=1)

    assert [(each.rate_e18, each.available_lots) for each in made.borrow()] == [(None, 50)]


def test_snapshots_of_a_folder_are_a_series(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    (folder / "README.txt").write_text("of the broker\n")
    for day, available in ((14, 50), (15, 0), (18, 70)):
        line = f"AAPL|USD|APPLE|1|X|1.0|0.25|{available}|"
        text = "\n".join((f"#BOF|2021.10.{day}|09:30:00", HEAD[1], line, "#EOF|1"))
        (folder / f"usa-202110{day}.txt").write_text(text)

    ask = Ask(instrument=SHARES, zone="America/New_York")
    made = import_any(Store(tmp_path / "store"), folder, ask, name="made")

    assert [(each.since_ns, each.available_lots) for each in made.borrow()] == [
        (at(2021, 10, day, 9, 30, zone=NEW_YORK), lots)
        for day, lots in ((14, 50), (15, 0), (18, 70))
    ]


def test_an_instrument_that_is_not_in_a_snapshot_is_not_taken_for_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the instrument is not in the snapshot") as refused:
        snapshot(tmp_path, "A|USD|AGILENT|1715006|XXX|2.8137|0.2563|>10000000|")

    assert refused.value.value == "AAPL/USD"


def test_a_line_that_ends_before_a_column_is_refused_where_a_head_has_columns_without_a_name(
    tmp_path: Path,
) -> None:
    head = HEAD[1].replace("|FEERATE", "|||FEERATE")
    line = "AAPL|USD|APPLE|1|X|1.0|||0.25|"
    said = {"zone": "America/New_York"}

    with pytest.raises(DataError, match=r"usa\.txt, row 1: .*values"):
        stored(tmp_path, "usa.txt", HEAD[0], head, line.removesuffix("|"), "#EOF|1", **said)
    made = stored(tmp_path, "usa.txt", HEAD[0], head, f"{line}50|", "#EOF|1", **said)
    assert [each.available_lots for each in made.borrow()] == [50]


def test_a_snapshots_zone_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which zone its time is in"):
        snapshot(tmp_path, "AAPL|USD|APPLE|1|X|1.0|0.25|50|", zone=None)


# -- tables ---------------------------------------------------------------------------------------


def test_a_table_tells_shares_of_one_and_may_be_known_later(tmp_path: Path) -> None:
    made = table(
        tmp_path,
        "date,fee_rate,available,known_time",
        "2024-01-02,0.0025,1000,2024-01-03 09:00",
        "2024-01-03,-0.01,,2024-01-01",
    )

    assert made.borrow() == [
        BorrowRate(at(2024, 1, 2), percent("0.25"), 1000, at(2024, 1, 3, 9)),
        BorrowRate(at(2024, 1, 3), -percent("1"), None, at(2024, 1, 1)),
    ]


def test_a_rate_alone_is_one_of_borrowing_where_that_is_said(tmp_path: Path) -> None:
    rows = ("time,rate", "2024-01-02,0.0025", "2024-01-09,9.5")

    made = table(tmp_path, *rows, kind="borrow")

    assert [(each.rate_e18, each.available_lots) for each in made.borrow()] == [
        (percent("0.25"), None),
        (percent("950"), None),
    ]


def test_columns_are_mapped_and_one_of_them_is_needed(tmp_path: Path) -> None:
    rows = ("day,left", "2024-01-02,12")

    made = table(tmp_path, *rows, kind="borrow", mapping={"time": "day", "available": "left"})

    assert [each.available_lots for each in made.borrow()] == [12]
    with pytest.raises(DataError, match="no column for a rate or for what is available"):
        table(tmp_path, *rows, kind="borrow", mapping={"time": "day"})
    with pytest.raises(InputError, match="funding need a column for rate"):
        table(tmp_path, *rows, kind="funding", mapping={"time": "day", "rate": "-"})


def test_a_parquet_file_has_nothing_where_a_float_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "lent.parquet"
    when = pa.array([at(2024, 1, day) for day in (2, 3, 4)], pa.timestamp("ns", "UTC"))
    given = {"time": when, "rate": [0.0025, float("nan"), None], "available": [None, 5.0, 0.0]}
    pq.write_table(pa.table(given), path)

    made = import_any(Store(tmp_path / "store"), path, Ask(instrument=SHARES), name="made")

    assert [(each.rate_e18, each.available_lots) for each in made.borrow()] == [
        (percent("0.25"), None),
        (None, 5),
        (None, 0),
    ]


def test_no_delay_is_laid_over_known_times(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="borrow have no publication delay"):
        table(tmp_path, "date,available", "2024-01-02,12", published_after_ns=1)


def test_a_data_set_of_another_kind_has_nothing_to_borrow(tmp_path: Path) -> None:
    made = table(tmp_path, "time,price,quantity", "2024-01-02,12.5,3")

    with pytest.raises(InputError, match="holds trades; what there is to borrow"):
        made.borrow()


def test_a_time_that_stands_for_another_is_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="known beyond the times") as refused:
        table(tmp_path, "date,available", "2024-01-02,12", "2085-01-02,12")
    with pytest.raises(DataError, match="the time goes backwards") as back:
        stored(tmp_path, "quotes.csv", "time,bid,ask", "2024-01-02,1,2", "2024-01-01,1,2")

    assert (refused.value.row, refused.value.value) == (2, "2085-01-02")
    assert (back.value.row, back.value.value) == (2, "2024-01-01")
