"""Files that say when their rows were known, and data that is published some time later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.history.builders import (
    ES,
    MINUTE,
    SECOND,
    T0,
    bar_columns,
    import_bars,
    import_trades,
    left_behind,
    rows,
    trade_columns,
)
from tieout.errors import DataError, InputError
from tieout.history import Ask, Availability, Store, import_any, matched_rows, seen_rows
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tieout.history import Dataset

KNOWN_BARS = "time,open,high,low,close,volume,known_time\n"
KNOWN_TRADES = "time,price,quantity,received\n"
HOW = Availability(stream="a test", record_ns=MINUTE)


def bar(minute: int, close: str, known: str) -> str:
    return f"2024-01-01 00:{minute:02d}:00,100,103,99,{close},7,2024-01-01 00:{known}\n"


def seen(dataset: Dataset, **options: Any) -> list[tuple[int, int, int]]:
    """Return seconds since T0 of arrival and close, and the revision."""
    how = Availability(stream="a test", record_ns=MINUTE, known=dataset.meta.known, **options)
    return [
        ((arrival - T0) // SECOND, (close - T0) // SECOND, revision)
        for each in seen_rows(dataset, how)
        if isinstance(each, BarColumns)
        for arrival, close, revision in zip(
            each.arrival_time_ns.tolist(),
            each.close_time_ns.tolist(),
            each.revision.tolist(),
            strict=True,
        )
    ]


def column(batches: Iterable[Any], name: str) -> list[int]:
    return [each for batch in batches for each in getattr(batch, name).tolist()]


def test_a_column_of_known_times_says_when_bars_are_seen(tmp_path: Path) -> None:
    made = import_bars(
        tmp_path, KNOWN_BARS + bar(0, "100", "01:05") + bar(1, "101", "09:00") + bar(2, "102", "03")
    )

    assert (made.meta.known, made.meta.revised) == ("published", 0)
    assert made.meta.last_known_ns == T0 + 9 * MINUTE
    assert seen(made, feed_ns=3 * SECOND) == [(68, 60, 0), (183, 180, 0), (543, 120, 0)]
    made.verify()


def test_a_bar_that_is_published_again_with_other_values_is_a_revision(tmp_path: Path) -> None:
    made = import_bars(
        tmp_path,
        KNOWN_BARS
        + bar(0, "100", "01:00")
        + bar(1, "101", "02:00")
        + bar(0, "101", "05:00")
        + bar(1, "101", "06:00")
        + bar(0, "102", "07:00"),
    )

    assert seen(made) == [(60, 60, 0), (120, 120, 0), (300, 60, 1), (420, 60, 2)]
    assert made.meta.revised == 2
    assert made.meta.defects == {"published again unchanged": 1}


def test_the_venue_s_market_is_the_last_version_of_each_bar_at_the_time_of_the_first(
    tmp_path: Path,
) -> None:
    made = import_bars(
        tmp_path, KNOWN_BARS + bar(0, "100", "01:00") + bar(0, "102", "50:00") + bar(1, "99", "02")
    )

    how = Availability(stream="a test", record_ns=MINUTE, feed_ns=SECOND, known="published")
    matched = list(matched_rows(made, how))

    assert column(matched, "close_ticks") == [408, 396]
    assert column(matched, "arrival_time_ns") == [T0 + 61 * SECOND, T0 + 121 * SECOND]
    assert column(matched, "revision") == [0, 0]
    assert rows(made, "close_ticks", rows=1) == [408, 396]


def test_trades_keep_the_time_at_which_each_was_received_and_nothing_is_added(
    tmp_path: Path,
) -> None:
    text = (
        KNOWN_TRADES
        + "2024-01-01 00:00:01,100,1,2024-01-01 00:00:01.2\n"
        + "2024-01-01 00:00:02,100.25,1,2024-01-01 00:00:04\n"
        + "2024-01-01 00:00:03,100.5,1,2024-01-01 00:00:03.1\n"
    )
    made = import_trades(tmp_path, text, mapping={"arrival": "received"})

    how = Availability(stream="a test", feed_ns=SECOND, look_ns=MINUTE, known=made.meta.known)
    seen_ = list(seen_rows(made, how))
    matched = column(matched_rows(made, how), "arrival_time_ns")

    assert made.meta.known == "received"
    assert [(each - T0) / SECOND for each in column(seen_, "arrival_time_ns")] == [1.2, 3.1, 4.0]
    assert column(seen_, "price_ticks") == [400, 402, 401]
    # In the venue's order a fill waits for its print, and for the one that came late before it.
    assert [(each - T0) / SECOND for each in matched] == [1.2, 4.0, 4.0]


def test_headers_that_only_look_like_a_receipt_change_nothing(tmp_path: Path) -> None:
    text = KNOWN_TRADES + "2024-01-01 00:00:01,100,1,2024-01-01 00:00:09\n"
    assert import_trades(tmp_path, text).meta.known == ""


def test_what_was_published_two_days_later_is_seen_two_days_later(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    day = 24 * 60 * MINUTE
    columns = bar_columns([400, 404], interval_ns=day)
    chunk = {name: getattr(columns, name) for name in BarColumns.__slots__[2:]}
    made = store.write(
        "set", "bars", ES, [chunk], interval_ns=day, source="a test", published_after_ns=2 * day
    )
    plain = store.write("plain", "bars", ES, [chunk], interval_ns=day, source="a test")

    how = Availability(stream="a test", record_ns=day, published_after_ns=2 * day)
    (batch,) = seen_rows(made, how)

    assert (batch.arrival_time_ns - columns.close_time_ns).tolist() == [2 * day, 2 * day]
    assert made.meta.fingerprint != plain.meta.fingerprint
    assert b"published_after_ns" not in (plain.path / "meta.json").read_bytes()
    assert store.dataset("set").meta == made.meta


@pytest.mark.parametrize(
    ("text", "row", "value", "words"),
    [
        (bar(0, "100", "00:59"), 1, "00:00:59", "the row was known before it was over"),
        (
            bar(0, "100", "01:00") + bar(1, "101", "01:59"),
            2,
            "00:01:59",
            "the row was known before it was over",
        ),
        (
            bar(0, "100", "02:00") + bar(0, "101", "02:00"),
            2,
            "00:02:00",
            "the bar was published twice at one time",
        ),
        (bar(0, "100", "x"), 1, "x", "the time is not readable"),
        (
            "2024-01-01 00:00:00,100,103,99,100,7,2099-01-01 00:00:00\n",
            1,
            "2099",
            "known beyond the times",
        ),
    ],
)
def test_a_known_time_that_cannot_be_is_refused_by_row(
    tmp_path: Path, text: str, row: int, value: str, words: str
) -> None:
    with pytest.raises(DataError, match=words) as refused:
        import_bars(tmp_path, KNOWN_BARS + text)

    assert refused.value.row == row
    assert value in str(refused.value.value)
    assert refused.value.remedy
    assert left_behind(tmp_path) == []


def test_a_trade_that_was_known_before_it_traded_is_refused_by_row(tmp_path: Path) -> None:
    text = KNOWN_TRADES + "2024-01-01 00:00:02,100,1,2024-01-01 00:00:01\n"
    with pytest.raises(DataError, match="row 1: the row was known before it was over"):
        import_trades(tmp_path, text, mapping={"known_time": "received"})
    assert left_behind(tmp_path) == []


def test_rows_with_impossible_known_times_can_be_set_aside(tmp_path: Path) -> None:
    made = import_bars(
        tmp_path,
        KNOWN_BARS + bar(0, "100", "00:59") + bar(1, "101", "02:00") + bar(2, "101", "03:00"),
        on_defect="set_aside",
    )
    assert made.meta.rows == 2
    assert made.meta.defects == {"the row was known before it was over": 1}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"published_after_ns": -1}, "published_after_ns -1; allowed: 0 …"),
        ({"published_after_ns": 2**60}, "3660 days"),
        ({"known": "guessed"}, "known 'guessed'; allowed: published, received"),
        ({"known": "published", "published_after_ns": 5}, "leave the delay out"),
        ({"outages": [(5, 5)]}, "outage 5 … 5 ns is empty"),
        ({"outages": [(5, 9), (8, 12)]}, "begins before 9"),
    ],
)
def test_terms_that_cannot_be_are_refused(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    columns = trade_columns([400])
    chunk = {name: getattr(columns, name) for name in TradeColumns.__slots__[1:]}
    with pytest.raises(InputError, match=words):
        Store(tmp_path / "store").write("set", "trades", ES, [chunk], source="a", **settings)
    assert left_behind(tmp_path) == []


def test_of_funding_nobody_knows_when_it_was_published(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="funding have no publication delay"):
        Store(tmp_path / "s").writer("set", "funding", ES, source="a", published_after_ns=1)


def test_a_row_has_one_known_time(tmp_path: Path) -> None:
    text = KNOWN_TRADES + "2024-01-01 00:00:01,100,1,2024-01-01 00:00:09\n"
    with pytest.raises(InputError, match="known_time and arrival"):
        import_trades(tmp_path, text, mapping={"arrival": "received", "known_time": "received"})


def test_any_table_has_known_times_and_a_delay_by_one_import(tmp_path: Path) -> None:
    store, file = Store(tmp_path / "store"), tmp_path / "bars.csv"
    file.write_text(KNOWN_BARS + bar(0, "100", "01:05") + bar(0, "101", "04:00"))
    ask = Ask(instrument=ES, interval="1m")
    made = import_any(store, file, ask, name="known")
    mapping = {"known_time": "-"}
    file.write_text(KNOWN_BARS + bar(0, "100", "01:05"))
    late = Ask(instrument=ES, interval="1m", mapping=mapping, published_after_ns=MINUTE)
    other = import_any(store, file, late, name="late")

    assert (made.meta.known, made.meta.revised) == ("published", 1)
    assert (other.meta.known, other.meta.published_after_ns) == ("", MINUTE)


def test_a_row_that_would_arrive_beyond_all_times_is_named(tmp_path: Path) -> None:
    made = import_bars(
        tmp_path, KNOWN_BARS + "2024-01-01 00:00:00,100,103,99,100,7,2079-08-01 00:00:00\n"
    )
    with pytest.raises(DataError, match="beyond the times that are known here"):
        seen(made, look_ns=31 * 24 * 60 * MINUTE)


def test_rows_of_an_outage_are_seen_when_it_is_over(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    columns = trade_columns([400, 401, 402, 403])
    chunk = {name: getattr(columns, name) for name in TradeColumns.__slots__[1:]}
    outages = [(T0 + 2 * SECOND, T0 + 4 * SECOND)]
    made = store.write("set", "trades", ES, [chunk], source="a test", outages=outages)

    how = Availability(stream="a test", outages=made.meta.outages)
    (batch,) = seen_rows(made, how)

    assert ((batch.arrival_time_ns - T0) // SECOND).tolist() == [1, 4, 4, 4]
    np.testing.assert_array_equal(batch.venue_time_ns, columns.venue_time_ns)
