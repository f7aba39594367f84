"""Every format is known from its file, and its rows come in exactly."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.history.formats import files
from tests.unit.history.formats.files import MS, SAMPLES, Sample, imported, lines, zipped
from tieout.errors import DataError, InputError, ReadingFailed
from tieout.history import FORMATS, Store
from tieout.history.captures import STREAMS
from tieout.model.instruments import InstrumentType

if TYPE_CHECKING:
    from pathlib import Path

NS = MS * 1_000_000
MINUTE = 60 * 10**9


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_file_is_known_and_all_of_it_comes_in(tmp_path: Path, sample: Sample) -> None:
    made = imported(tmp_path, sample)

    assert (made.meta.kind, made.meta.rows) == (sample.kind, sample.rows)
    assert f"format {sample.form}, found: " in made.meta.time_rule
    assert made.meta.defects.keys() <= {"rows for the exchange's order alone"}
    Store(tmp_path / "store").verify("made")


def test_every_format_that_is_not_recorded_has_a_sample() -> None:
    recorded = {"binance", "bybit", "kraken", "okx", "mbo", *STREAMS}

    assert {each.form for each in SAMPLES.values()} | recorded == set(FORMATS)


def stored(made: Any, column: str) -> list[int]:
    import pyarrow.parquet as pq

    values: list[int] = pq.read_table(made.part)[column].to_pylist()
    return values


def sample(name: str) -> Sample:
    return next(each for each in SAMPLES.values() if each.name == name)


def test_a_kline_in_microseconds_is_the_same_bar(tmp_path: Path) -> None:
    one = imported(tmp_path / "a", sample("BTCUSDT-1m-2024-01.csv"))
    other = imported(tmp_path / "b", sample("BTCUSDT-1m-2025-01-01.zip"))

    assert one.meta.fingerprint == other.meta.fingerprint
    assert stored(one, "open_time_ns")[0] == NS
    assert stored(one, "open_ticks") == [10010, 10011, 10012, 10013, 10014]


def test_a_kline_that_is_longer_than_its_name_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not as long as its file says") as refused:
        imported(tmp_path, Sample("BTCUSDT-5m-2024-01.csv", files.klines, "", "", 0))

    assert refused.value.row == 1


def test_a_name_and_an_option_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its name says 1m, --interval says 5m"):
        imported(tmp_path, sample("BTCUSDT-1m-2024-01.csv"), interval="5m")
    with pytest.raises(InputError, match="--stamp close, but"):
        imported(tmp_path, sample("BTCUSDT-1m-2024-01.csv"), stamp="close")


def test_the_buyer_was_the_maker_so_a_seller_came(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("BTCUSDT-trades-2024-01-01.csv"))

    assert stored(made, "aggressor") == [-1, 1, -1, 1]


def test_funding_keeps_its_eighteen_digits_and_its_interval(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("BTCUSDT-fundingRate-2024-01.csv")).funding()

    assert made.rate_e18.tolist() == [10**14, -375 * 10**12]
    assert made.interval_ns.tolist() == [480 * MINUTE] * 2
    assert made.venue_time_ns.tolist() == [NS, NS + 28_800_003 * 10**6]


def test_of_a_ticker_the_last_rate_before_its_time_was_charged(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("derivative_ticker.csv.gz")).funding()

    assert made.rate_e18.tolist() == [12 * 10**13, -3 * 10**14]
    assert made.mark_ticks.tolist() == [10045, 10045]


def test_marks_are_bars_that_nobody_traded(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("BTC_USDT_USDT-1m-mark.parquet"))

    (marks,) = made.marks()
    assert marks.open_ticks.tolist() == [10010, 10020, 10030, 10040]
    assert not marks.volume_lots.any()
    with pytest.raises(InputError, match="trades or bars are asked for"):
        made.batches(delay_ns=0)


def test_candles_of_another_order_of_columns_and_rows_are_the_same(tmp_path: Path) -> None:
    one = imported(tmp_path / "a", sample("BTC_USDT-1m.json"))
    other = imported(tmp_path / "b", sample("BTC_USDT-1m.json.gz"))

    assert one.meta.fingerprint == other.meta.fingerprint
    assert "columns found to be time, low, high, open, close" in other.meta.time_rule
    assert "newest first in the file" in other.meta.time_rule


def test_a_book_is_cleared_before_a_snapshot_and_whole_after_each_message(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("incremental_book_L2.csv.gz"))

    (book,) = made.recorded()
    assert book.kind.tolist() == [3, 4, 4, 1, 1, 1]
    assert book.last.tolist() == [False, False, True, False, True, True]
    assert (book.arrival_time_ns - book.venue_time_ns).tolist() == [700_000] * 6
    assert book.lots.tolist() == [0, 1000, 2000, 0, 3000, 1500]


def test_depth_that_misses_an_update_is_cleared_and_counted(tmp_path: Path) -> None:
    given = sample("depth.csv")
    broken = given.content().replace(b",101,1,8", b",101,1,7")

    made = imported(tmp_path, given, broken)

    assert made.meta.defects == {"gap: sequence": 1}
    (book,) = made.recorded()
    assert book.kind.tolist() == [3, 4, 4, 1, 3, 1]


def test_times_of_lean_are_local_and_its_prices_ten_thousandths(tmp_path: Path) -> None:
    made = imported(tmp_path, sample(files.LEAN))

    # Half past nine in New York's winter.
    assert stored(made, "open_time_ns")[0] == NS + (24 * 60 + 14 * 60 + 30) * MINUTE
    assert stored(made, "open_ticks") == [47250, 47255]


def test_leans_own_zone_is_taken_and_another_one_refused(tmp_path: Path) -> None:
    given = sample(files.LEAN)
    with pytest.raises(InputError, match="which zone are its times in"):
        imported(tmp_path, given, zone=None)
    hours = tmp_path / "lean/market-hours/market-hours-database.json"
    hours.parent.mkdir(parents=True)
    hours.write_text('{"entries": {"Equity-usa-[*]": {"dataTimeZone": "America/New_York"}}}')

    assert "America/New_York" in imported(tmp_path, given, zone=None).meta.time_rule
    with pytest.raises(InputError, match="market hours say America/New_York"):
        imported(tmp_path, given, zone="UTC")


def test_the_folder_says_what_is_traded_and_nobody_may_say_otherwise(tmp_path: Path) -> None:
    given = sample(files.LEAN)
    perpetual = files.instrument(type=InstrumentType.PERPETUAL)

    made = imported(tmp_path / "a", given)

    assert made.meta.instrument.type is InstrumentType.STOCK
    assert not made.meta.instrument.pays_funding
    with pytest.raises(InputError, match="is of type stock, and --type says perpetual"):
        imported(tmp_path / "b", given, instrument=perpetual)


def test_a_side_that_a_tick_does_not_tell_of_stays_as_it_was(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("lean/equity/usa/tick/spy/20240102_quote.zip"))

    assert stored(made, "bid_ticks") == [47250, 47250]
    assert stored(made, "ask_ticks") == [0, 47251]
    assert stored(made, "ask_lots") == [0, 7000]


def test_quote_bars_are_quotes_at_their_close_or_bars_of_a_side(tmp_path: Path) -> None:
    given = sample("lean/forex/oanda/daily/eurusd.zip")
    quotes = imported(tmp_path / "q", given)
    bids = imported(tmp_path / "b", given, kind="bars", side="bid")

    assert stored(quotes, "venue_time_ns") == [NS + 48 * 60 * MINUTE, NS + 72 * 60 * MINUTE]
    assert stored(quotes, "ask_ticks") == [160, 160]
    assert stored(bids, "high_ticks") == [200, 200]
    with pytest.raises(InputError, match="Say --side bid"):
        imported(tmp_path / "c", given, kind="bars")


def test_a_folder_of_days_is_one_data_set(tmp_path: Path) -> None:
    from tieout.history import Ask, import_any

    given = sample(files.LEAN)
    imported(tmp_path, given)
    (tmp_path / given.name).with_name("20240103_trade.zip").write_bytes(
        zipped("20240103_spy_minute_trade.csv", lines("34200000,4725000,4726000,4724000,4725500,1"))
    )
    ask = Ask(instrument=files.instrument(), zone="America/New_York")

    made = import_any(Store(tmp_path / "all"), (tmp_path / given.name).parent, ask, name="days")

    assert made.meta.rows == 3
    assert "2 files" in made.meta.source


def test_of_a_zip_of_contracts_one_is_named(tmp_path: Path) -> None:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for month in ("202403", "202406"):
            name = f"20240102_es_minute_trade_{month}.csv"
            archive.writestr(name, "0,100.25,100.5,100,100.25,5\n")
    given = Sample(
        "lean/future/cme/minute/es/20240102_trade.zip", buffer.getvalue, "lean", "bars", 1
    )

    with pytest.raises(InputError, match="--member 202403 or 202406"):
        imported(tmp_path, given, zone="UTC")
    assert imported(tmp_path, given, zone="UTC", member="202406").meta.rows == 1


def test_recorded_rows_and_trades_of_an_array_of_events(tmp_path: Path) -> None:
    given = sample("events.npz")
    book = imported(tmp_path / "b", given)
    trades = imported(tmp_path / "t", given, kind="trades")

    assert book.meta.defects == {"rows for the exchange's order alone": 1}
    (rows,) = book.recorded()
    assert rows.kind.tolist() == [3, 4, 4, 1, 2]
    assert rows.last.tolist() == [False, False, True, True, True]
    assert stored(trades, "aggressor") == [-1]
    assert stored(trades, "quantity_lots") == [500]


def test_records_of_a_top_of_book_are_quotes_and_their_prints_trades(tmp_path: Path) -> None:
    given = sample("es.dbn")
    quotes = imported(tmp_path / "q", given)
    trades = imported(tmp_path / "t", given, kind="trades")

    assert stored(quotes, "bid_ticks") == [10000, 10025, 10050]
    assert stored(quotes, "arrival_time_ns")[0] == NS + 140_000
    assert stored(trades, "quantity_lots") == [3, 3, 3]
    assert stored(trades, "aggressor") == [1, 1, 1]


def test_numbers_of_sixteen_bytes_are_read_to_the_last_digit(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("quotes.parquet"))

    assert stored(made, "bid_ticks") == [10001, 10002]
    assert stored(made, "bid_lots") == [10**9, 2000]


def test_levels_without_a_price_are_found_by_their_id(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("BITMEX.ws.1.0.gz"))

    (book,) = made.recorded()
    assert book.price_ticks.tolist() == [0, 10050, 10100, 10050, 10100, 10100]
    assert book.lots.tolist() == [0, 6000, 5000, 9000, 0, 2000]


def test_hours_of_half_a_day_are_hours(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("Gemini_BTCUSD_1h.csv"))

    assert [(each - NS) // (60 * MINUTE) for each in stored(made, "open_time_ns")] == [11, 12, 13]


def test_only_the_rows_that_were_asked_for_come_in(tmp_path: Path) -> None:
    text = lines("time,venue,price,quantity", "2024-01-01 00:00:01,a,100,1", "2024-01-01,b,101,1")
    given = Sample("two.csv", lambda: text, "table", "trades", 1)

    made = imported(tmp_path, given, only={"venue": "a"})

    assert stored(made, "price_ticks") == [10000]
    with pytest.raises(InputError, match="no column 'place'"):
        imported(tmp_path / "x", given, only={"place": "a"})


def test_a_file_that_could_be_two_formats_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieout.history.formats import detection

    class Twin:
        name, kinds = "twin", ("trades",)

        def detect(self, look: Any) -> Any:
            return FORMATS["table"].detect(look)

    monkeypatch.setattr(detection, "_ALL", (FORMATS["table"], Twin()))
    with pytest.raises(DataError, match="--format table or --format twin"):
        imported(tmp_path, sample("own.csv"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"what,ever\n1,2\n", "no format is known"),
        (b"time,open,high,low,close,volume,bid,ask\n", "how long is a bar"),
        (b"time,price,quantity,bid,ask\n", "trades or quotes|quotes or trades"),
        (b"PK\x05\x06" + bytes(18), "no format is known"),
        (b"PK\x03\x04 no zip", "cannot be read"),
        (b"\x1f\x8b no gzip", "cannot be read|damaged"),
        (b"PAR1 no parquet", "cannot be read"),
        (b"ARROW1 no feather", "cannot be read"),
        (b"", "the file is empty"),
    ],
)
def test_what_nobody_knows_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        imported(tmp_path, Sample("x.bin", lambda: content, "", "", 0))


def test_a_zone_of_letters_that_are_none_is_refused(tmp_path: Path) -> None:
    given = sample("BTC_USDT_USDT-8h-funding_rate.feather")
    content = given.content()
    assert b"UTC" in content

    for form in ("auto", given.form):
        with pytest.raises(InputError, match=r"cannot be read \(.*codec can't decode"):
            imported(tmp_path, given, content.replace(b"UTC", b"U\xd4C"), form=form)


def test_what_breaks_a_reader_is_named_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sample("own.csv")

    def broken(*_: object) -> None:
        raise KeyError("what nobody thought of")

    monkeypatch.setattr(type(FORMATS[given.form]), "read", broken)
    told = r"own\.csv: its reader broke \(KeyError: .*report"
    with pytest.raises(ReadingFailed, match=told) as broke:
        imported(tmp_path, given)

    assert isinstance(broke.value.__cause__, KeyError)
    assert Store(tmp_path / "store").names() == []


def test_a_full_disk_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sample("own.csv")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(FORMATS[given.form]), "read", full)
    with pytest.raises(OSError, match="No space left"):
        imported(tmp_path, given)


def test_funding_without_a_zone_at_unusual_hours_is_refused(tmp_path: Path) -> None:
    text = lines(
        "time,rate", *(f"2024-01-0{d} {h}:00,0.0001" for d in (1, 2) for h in ("03", "11", "19"))
    )
    given = Sample("rates.csv", lambda: text, "table", "funding", 6)

    with pytest.raises(DataError, match=r"6 of 6 rates every 8h at 03:00, 11:00, 19:00"):
        imported(tmp_path, given)
    local = imported(tmp_path / "l", given, zone="Etc/GMT-3")
    assert local.meta.first_time_ns == NS
    assert imported(tmp_path / "u", given, zone="UTC").meta.first_time_ns == NS + 180 * MINUTE


def minutes(at: int, count: int, *, shift: int = 0) -> list[str]:
    """Return minutes of a market that opens at an hour, stamped so many minutes late."""
    rows = []
    for each in range(count):
        price = 100 + (each * 7919 + at) % 97
        minute = at * 60 + each + shift
        stamp = f"2024-01-{1 + minute // 1440:02d} {minute // 60 % 24:02d}:{minute % 60:02d}"
        rows.append(f"{stamp},{price},{price + 1},{price - 1},{price},1")
    return rows


@pytest.mark.parametrize(("shift", "stamp"), [(0, "open"), (1, "close")])
def test_pauses_of_a_market_tell_what_a_stamp_is(tmp_path: Path, shift: int, stamp: str) -> None:
    days = [row for hour in (8, 13, 32, 37, 56) for row in minutes(hour, 120, shift=shift)]
    given = Sample("m.csv", lambda: lines("time,open,high,low,close,volume", *days), "", "", 0)

    made = imported(tmp_path, given, interval="1m")

    assert f"stamped at its {stamp}" in made.meta.time_rule
    assert made.meta.first_time_ns == NS + (8 * 60 + 1) * MINUTE
    other = {"open": "close", "close": "open"}[stamp]
    with pytest.raises(DataError, match=r"its pauses: of 4 [04] agree"):
        imported(tmp_path / "x", given, interval="1m", stamp=other)


@pytest.mark.parametrize(("shift", "stamp"), [(0, "open"), (1, "close")])
def test_finer_data_of_the_store_tells_what_a_stamp_is(
    tmp_path: Path, shift: int, stamp: str
) -> None:
    # Trades within each minute, at the prices that its bar has.
    rows = minutes(8, 60)
    trades = [
        f"{row[:16]}:{second},{price},1"
        for row in rows
        for second, price in zip(("05", "15", "25", "35"), row.split(",")[1:5], strict=True)
    ]
    fine = Sample("t.csv", lambda: lines("time,price,quantity", *trades), "", "", 0)
    imported(tmp_path, fine).path.rename(tmp_path / "store" / "trades")
    meta = tmp_path / "store" / "trades" / "meta.json"
    meta.write_text(meta.read_text().replace('"name": "made"', '"name": "trades"'))
    bars = lines("time,open,high,low,close,volume", *minutes(8, 60, shift=shift))
    given = Sample("m.csv", lambda: bars, "", "", 0)

    made = imported(tmp_path, given, interval="1m")

    assert f"stamped at its {stamp}" in made.meta.time_rule
    assert "found by trades of trades" in made.meta.time_rule
    assert made.meta.first_time_ns == NS + (8 * 60 + 1) * MINUTE


def test_rows_of_a_reading_keep_their_numbers_in_the_file(tmp_path: Path) -> None:
    from tieout.history import Ask, open_reading
    from tieout.history.formats import TableReading

    given = sample("BTCUSDT-trades-2024-01-01.csv")
    path = tmp_path / given.name
    path.write_bytes(given.content())

    chosen, guess, reading = open_reading(path, Ask(instrument=files.instrument()))

    assert isinstance(reading, TableReading)
    assert (chosen.name, guess is not None) == ("binance-trades", True)
    assert [int(row) for part in reading.parts for row in part.rows] == [1, 2, 3, 4]


def test_a_price_off_the_tick_is_named_and_can_be_set_aside(tmp_path: Path) -> None:
    given = sample("trades.csv.gz")
    wrong = gzip.compress(
        gzip.decompress(given.content()).replace(b"2,buy,100.5,", b"2,buy,100.505,")
    )

    with pytest.raises(DataError, match=r"row 2: price is off the tick size \(value 100.505\)"):
        imported(tmp_path, given, wrong)
    kept = imported(tmp_path, given, wrong, set_aside=True)
    assert (kept.meta.rows, kept.meta.defects) == (3, {"price is off the tick size": 1})


def test_ticks_and_lots_are_whole_numbers_of_what_the_file_says(tmp_path: Path) -> None:
    made = imported(tmp_path, sample("trades.csv.gz"), lot=Decimal("0.25"))

    assert np.array(stored(made, "quantity_lots")).tolist() == [1, 1, 1, 1]


def test_trades_that_are_newest_first_are_turned_round_and_numbered(tmp_path: Path) -> None:
    text = lines(
        "time,price,quantity", *(f"2024-01-01 00:00:0{at},10{at},1" for at in (4, 3, 2, 1))
    )

    made = imported(tmp_path, Sample("new.csv", lambda: text, "table", "trades", 4))

    assert stored(made, "price_ticks") == [10100, 10200, 10300, 10400]
    assert stored(made, "trade_id") == [1, 2, 3, 4]
