"""A judge finds each defect where it was put, and nothing in files without one."""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tieout.errors import DataError, InputError, ReadingFailed
from tieout.history.judging import KINDS, Finding, judge
from tieout.history.judging.names import named

HOUR = 3_600_000
DAMAGES = int(os.environ.get("TIEOUT_EXAMPLES", "60"))
START = 1_672_531_200_000
"""The first of January 2023, a Sunday."""


def candles(count: int = 400, *, step: int = HOUR, seed: int = 1) -> list[list[float]]:
    """Return candles as venues send them: time in ms, open, high, low, close, volume."""
    draws = np.random.default_rng(seed)
    closes = 20_000 * np.exp(np.cumsum(draws.normal(0, 0.002, count)))
    opens = np.concatenate(([20_000.0], closes[:-1]))
    highs = np.maximum(opens, closes) * (1 + draws.uniform(0, 0.001, count))
    lows = np.minimum(opens, closes) * (1 - draws.uniform(0, 0.001, count))
    return [
        [START + place * step, *(round(float(each), 2) for each in row), 1.0 + place % 7]
        for place, row in enumerate(zip(opens, highs, lows, closes, strict=True))
    ]


def written(folder: Path, rows: list[Any], name: str = "kraken_BTC_USD-1h.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(rows))
    return path


def rates(count: int, *, every_h: int = 8, first_h: int = 0, seed: int = 2) -> list[str]:
    draws = np.random.default_rng(seed).normal(0, 1e-4, count)
    start = np.datetime64("2023-01-01T00:00")
    times = [start + np.timedelta64(first_h + every_h * place, "h") for place in range(count)]
    return [
        f"{str(time).replace('T', ' ')}:00,{rate:.8f}"
        for time, rate in zip(times, draws, strict=True)
    ]


def written_rates(folder: Path, lines: list[str], name: str) -> Path:
    path = folder / name
    path.write_text("\n".join(["Date,Funding Rate", *lines]))
    return path


def kinds(found: list[Finding]) -> set[str]:
    return {each.kind for each in found}


def only(found: list[Finding], kind: str) -> Finding:
    (one,) = [each for each in found if each.kind == kind]
    assert one.remedy
    return one


def test_sound_candles_are_found_sound(tmp_path: Path) -> None:
    assert judge([written(tmp_path, candles())]) == []


def test_sound_rates_are_found_sound(tmp_path: Path) -> None:
    assert judge([written_rates(tmp_path, rates(90), "binance_BTC_USDT_funding.csv")]) == []


def test_a_time_that_is_there_twice_is_named_with_its_row(tmp_path: Path) -> None:
    rows = candles()
    rows.insert(7, [*rows[6][:4], rows[6][4] + 1, 9.0])

    found = only(judge([written(tmp_path, rows)]), "duplicate")

    assert found.rows == (8,)
    assert "1 with other values" in found.detail


def test_the_newest_row_first_is_one_finding_and_hides_no_other(tmp_path: Path) -> None:
    rows = candles()
    rows[100][2] = 0.5
    found = judge([written(tmp_path, rows[::-1])])

    assert kinds(found) == {"disorder", "impossible_bar"}
    assert "newest row comes first" in only(found, "disorder").detail
    assert only(found, "impossible_bar").rows == (300,)


@pytest.mark.parametrize(
    ("name", "market"),
    [
        ("BTCUSD_PERP-1m-2024-01.csv", "BTC/USD futures"),
        ("BTCUSD_240329-1m-2024-01.csv", "BTC/USD futures of 240329"),
        ("BTCUSD_202401.csv", "BTC/USD"),
        ("BTCUSD-1m-2024-01.csv", "BTC/USD"),
    ],
)
def test_a_contract_that_expires_is_a_market_of_its_own(name: str, market: str) -> None:
    assert named(Path(name)).market == market


def test_a_few_rows_out_of_order_are_named(tmp_path: Path) -> None:
    rows = candles()
    rows[10], rows[11] = rows[11], rows[10]

    assert only(judge([written(tmp_path, rows)]), "disorder").rows == (12,)


@pytest.mark.parametrize("order", [(3, 2, 1, 4), (2, 1, 3, 4), (4, 3, 2, 1)])
def test_prices_under_wrong_headers_are_put_right(tmp_path: Path, order: tuple[int, ...]) -> None:
    rows = [[row[0], *(row[each] for each in order), row[5]] for row in candles()]

    found = judge([written(tmp_path, rows)])

    assert kinds(found) == {"column_order"}
    names = ("open", "high", "low", "close")
    # The k-th written column holds the field of the same number.
    mapping = {names[held - 1]: names[place] for place, held in enumerate(order)}
    remedy = only(found, "column_order").remedy
    assert all(f"--column {field}={header}" in remedy for field, header in mapping.items())


def test_missing_hours_are_counted_and_shown_at_the_row_after(tmp_path: Path) -> None:
    rows = candles()
    del rows[50:53], rows[200]

    found = only(judge([written(tmp_path, rows)]), "gap")

    assert found.rows == (51, 201)
    assert "4 bars are missing (1.0%) in 2 holes; the longest has 3 bars" in found.detail


def test_a_hole_at_the_same_hours_every_day_is_called_so(tmp_path: Path) -> None:
    rows = [row for row in candles(720) if not 2 <= row[0] // HOUR % 24 < 5]

    found = only(judge([written(tmp_path, rows)]), "gap")

    assert "lack the hours 02:00 to 05:00 UTC" in found.detail


def test_weekends_are_no_defect(tmp_path: Path) -> None:
    rows = [row for row in candles(1400) if (row[0] // (24 * HOUR) + 4) % 7 not in (0, 6)]

    found = only(judge([written(tmp_path, rows)]), "gap")

    assert found.severity == "note"
    assert "weekends" in found.detail


@pytest.mark.parametrize(("sold_in_hole", "kind"), [(0.0, "halt"), (3.0, "gap")])
def test_a_coarser_file_tells_a_halt_from_a_loss(
    tmp_path: Path, sold_in_hole: float, kind: str
) -> None:
    fine = candles(400)
    del fine[200:203]
    coarse = []
    for opened in range(START, START + 400 * HOUR, 4 * HOUR):
        inside = [row for row in fine if opened <= row[0] < opened + 4 * HOUR]
        volume = sum(row[5] for row in inside)
        volume += sold_in_hole if opened == fine[200][0] - 3 * HOUR else 0
        highest, lowest = max(row[2] for row in inside), min(row[3] for row in inside)
        coarse.append([opened, inside[0][1], highest, lowest, inside[-1][4], volume])

    found = judge([written(tmp_path, fine), written(tmp_path, coarse, "kraken_BTC_USD-4h.json")])

    verdict = [each for each in found if "by the bars of 4h" in each.detail]
    assert [(each.kind, each.rows) for each in verdict] == [(kind, (201,))]


def test_a_bar_there_and_back_is_an_outlier_and_a_crash_is_none(tmp_path: Path) -> None:
    rows = candles()
    rows[100][3] = rows[100][3] * 0.7
    for row in rows[300:]:
        row[1:5] = [round(each * 0.8, 2) for each in row[1:5]]

    assert only(judge([written(tmp_path, rows)]), "outlier").rows == (101,)


def test_a_far_extreme_among_bars_as_wide_is_the_market_and_no_outlier(tmp_path: Path) -> None:
    rows = candles()
    for row in rows[98:103]:
        row[2], row[3] = row[2] * 1.04, row[3] * 0.96

    assert judge([written(tmp_path, rows)]) == []


def test_a_new_unit_is_named_where_it_begins(tmp_path: Path) -> None:
    rows = candles()
    for row in rows[300:]:
        row[1:5] = [each / 1000 for each in row[1:5]]

    assert only(judge([written(tmp_path, rows)]), "unit").rows == (301,)


def test_bars_of_another_interval_than_the_name_says_are_named(tmp_path: Path) -> None:
    found = judge([written(tmp_path, candles(step=2 * HOUR))])

    assert "the name says 1h, the rows are 2h apart" in only(found, "interval").detail


def test_bars_without_volume_and_flat_ones_are_notes(tmp_path: Path) -> None:
    rows = candles()
    for row in rows[100:115]:
        row[1:] = [rows[99][4]] * 4 + [0.0]

    found = judge([written(tmp_path, rows)])

    assert {(each.kind, each.severity.value) for each in found} == {
        ("zero_volume", "note"),
        ("flat_run", "note"),
    }


def test_two_providers_with_the_same_closes_are_one(tmp_path: Path) -> None:
    rows = candles()
    one = written(tmp_path, rows)
    other = written(tmp_path, rows[5:], "bitfinex_BTC_USD-1h.json")

    found = judge([one, other])

    assert [(each.kind, each.file) for each in found] == [
        ("mislabelled_provider", str(one)),
        ("mislabelled_provider", str(other)),
    ]


def test_two_providers_of_their_own_are_left_alone(tmp_path: Path) -> None:
    one = written(tmp_path, candles())
    other = written(tmp_path, candles(seed=7), "bitfinex_BTC_USD-1h.json")

    assert judge([one, other]) == []


def test_candles_in_another_zone_are_found_beside_the_right_ones(tmp_path: Path) -> None:
    one = written(tmp_path, candles())
    late = [[row[0] + 3 * HOUR, *row[1:]] for row in candles()]
    other = written(tmp_path, late, "kraken_BTC_USD-1h-again.json")

    found = judge([one, other])

    assert {each.kind for each in found} == {"time_zone"}
    by_file = {each.file: each.remedy for each in found}
    assert by_file[str(other)].endswith("UTC+3.")
    assert by_file[str(one)].endswith("UTC-3.")


@pytest.mark.parametrize(
    ("venue", "first_h", "zone"),
    [("binance", 3, "UTC+3"), ("kucoin", 7, "UTC+3"), ("okx", 7, "UTC-1")],
)
def test_funding_at_hours_that_are_not_the_venues_is_in_another_zone(
    tmp_path: Path, venue: str, first_h: int, zone: str
) -> None:
    path = written_rates(tmp_path, rates(90, first_h=first_h), f"{venue}_BTC_funding.csv")

    assert f"they are in {zone}" in only(judge([path]), "time_zone").detail


def test_funding_at_other_intervals_is_noted(tmp_path: Path) -> None:
    hourly = written_rates(tmp_path, rates(90, every_h=1), "dydx_BTC_funding.csv")
    shifted = written_rates(tmp_path, rates(90, first_h=4), "kucoin_BTC_funding.csv")

    found = judge([hourly, shifted])

    assert [(each.kind, each.severity.value) for each in found] == [("interval", "note")] * 2
    assert "at 04:00, 12:00, 20:00 UTC" in found[1].detail


def test_missing_rates_are_a_gap(tmp_path: Path) -> None:
    lines = rates(90)
    del lines[30:33]

    found = only(judge([written_rates(tmp_path, lines, "gate_BTC_funding.csv")]), "gap")

    assert found.rows == (31,)
    assert "3 rates are missing" in found.detail


@pytest.mark.parametrize(("late_ms", "found_ones"), [(-1270, {"clock_skew"}), (40, set())])
def test_messages_received_before_they_were_sent_tell_of_a_wrong_clock(
    tmp_path: Path, late_ms: int, found_ones: set[str]
) -> None:
    sent = [START + place * 100 for place in range(50)]
    message = '{"data":{"e":"trade","E":%d}}'
    lines = [f"{(each + late_ms) * 1_000_000} {message % each}" for each in sent]
    path = tmp_path / "capture.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))

    found = judge([path])

    assert kinds(found) == found_ones
    assert all("1.270 s behind" in each.detail for each in found)


def test_trades_are_judged_by_ids_prices_and_silences(tmp_path: Path) -> None:
    rows = [
        {
            "timestamp": START + place * 1000,
            "id": 1000 + place,
            "price": 100 + place % 3,
            "amount": 1.0,
        }
        for place in range(2000)
    ]
    rows[700]["price"] = 150
    rows[800]["id"] = rows[799]["id"]
    for row in rows[1500:]:
        row["timestamp"] += HOUR

    found = judge([written(tmp_path, rows, "trades.json")])

    assert {(each.kind, each.rows) for each in found} == {
        ("outlier", (701,)),
        ("duplicate", (801,)),
        ("gap", (1501,)),
        # What the second one took from the run of ids.
        ("gap", (802,)),
    }


def test_crossed_quotes_are_named(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"timestamp": [START, START + 1, START + 2], "bid": [10.0, 11.0, 10.0], "ask": [10.5] * 3}
    )
    table.write_parquet(tmp_path / "quotes.parquet")

    assert only(judge([tmp_path / "quotes.parquet"]), "crossed").rows == (2,)


def test_rows_that_cannot_be_read_are_counted_and_the_rest_is_judged(tmp_path: Path) -> None:
    lines = ["time,open,high,low,close,volume"]
    lines += [",".join(str(each) for each in row) for row in candles()]
    lines[5] = lines[5].replace(".", "x", 1)
    path = tmp_path / "kraken_BTC_USD-1h.csv"
    path.write_text("\n".join(lines))

    found = judge([path])

    assert only(found, "unreadable").rows == (5,)
    assert kinds(found) == {"unreadable", "gap"}


@pytest.mark.parametrize(
    "form", ["csv", "csv-above", "klines", "feather", "parquet", "json.gz", "12h-clock"]
)
def test_every_form_of_a_file_is_judged_alike(tmp_path: Path, form: str) -> None:
    rows = candles()
    del rows[50:53]
    lines = [",".join(str(each) for each in row) for row in rows]
    header = "time,open,high,low,close,volume"
    table = pl.DataFrame(rows, schema=header.split(","), orient="row").with_columns(
        pl.from_epoch(pl.col("time").cast(pl.Int64), "ms")
    )
    path = tmp_path / f"kraken_BTC_USD-1h.{form.replace('klines', 'zip.csv').replace('-above', '')}"
    match form:
        case "csv":
            path.write_text("\n".join([header, *lines]))
        case "csv-above":
            path.write_text("\n".join(["Stamps are UTC,https://example.org", header, *lines]))
        case "klines":
            path.write_text("\n".join(f"{each},0,0,0,0,0,0" for each in lines))
        case "feather":
            table.write_ipc(path)
        case "parquet":
            table.write_parquet(path)
        case "json.gz":
            path.write_bytes(gzip.compress(json.dumps(rows).encode()))
        case _:
            path = tmp_path / "kraken_BTC_USD-1h.csv"
            clocks = table["time"].dt.strftime("%Y-%m-%d %I-%p").to_list()
            later = [
                f"{clock},{line.partition(',')[2]}"
                for clock, line in zip(clocks, lines, strict=True)
            ]
            path.write_text("\n".join([header, *later]))

    found = judge([path])

    assert [(each.kind, each.rows) for each in found] == [("gap", (51,))]


def test_a_file_that_is_named_and_not_known_is_refused_and_one_in_a_folder_is_told(
    tmp_path: Path,
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("id,status\n1,done\n")

    assert only(judge([tmp_path]), "not_judged").file == str(path)
    with pytest.raises(DataError, match="of no form that is known here"):
        judge([path])


def test_a_time_beyond_64_bits_is_unreadable_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "BTC_USDT-1m.json"
    rows = [[1_704_067_200_000 + 60_000 * n, 1, 1, 1, 1, 1] for n in range(9)]
    rows[4][0] = 10**30
    path.write_text(json.dumps(rows))

    assert only(judge([path]), "unreadable").rows == (5,)


@pytest.mark.parametrize("start", [b"PAR1", b"ARROW1"])
def test_a_damaged_table_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    """Its reader in compiled code may panic, which is no exception that a caller expects."""
    monkeypatch.setattr("tieout.history._files.ReadingFailed", AssertionError)
    table = pl.DataFrame({"date": [1_704_067_200_000 + 60_000 * n for n in range(99)]})
    table = table.with_columns(pl.lit(1.0).alias(name) for name in ("open", "high", "low", "close"))
    path = tmp_path / "BTC_USDT-1m.table"
    (table.write_parquet if start == b"PAR1" else table.write_ipc)(path)
    whole = path.read_bytes()
    assert whole.startswith(start)

    for at in range(len(start), len(whole), 13):
        path.write_bytes(whole[:at] + bytes(3) + whole[at + 3 :])
        with suppress(InputError):
            judge([path])


def test_letters_that_are_none_beside_the_columns_do_not_matter(tmp_path: Path) -> None:
    table = pa.table(
        {
            "time": [1_704_067_200_000 + 60_000 * n for n in range(9)],
            **{name: [1.0] * 9 for name in ("open", "high", "low", "close")},
        }
    ).replace_schema_metadata({"by": b"\xd4\x80"})
    path = tmp_path / "BTC_USDT-1m.parquet"
    pq.write_table(table, path)

    assert judge([path]) == []


def test_a_damaged_zip_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "20240102_trade.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("20240102_spy_minute_trade.csv", "34200000,1,1,1,1,9\n" * 5)
    whole = path.read_bytes()
    directory = whole.index(b"PK\x01\x02")

    for damaged in (
        whole[: directory + 8] + b"\x00\x08" + whole[directory + 10 : -40] + b"\x93" + whole[-39:],
        whole[:6] + b"\x01" + whole[7 : directory + 8] + b"\x01" + whole[directory + 9 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"20240102_trade\.zip: cannot be read"):
            judge([path])


def test_a_file_that_breaks_its_reader_does_not_keep_the_others_from_being_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("id,status\n1,done\n")

    def broken(_: Path) -> None:
        raise IndexError("what nobody thought of")

    module = sys.modules["tieout.history.judging.judge"]
    monkeypatch.setattr(module, "judge_borrow", broken)

    told = only(judge([tmp_path]), "not_judged")
    assert (told.file, "its reader broke (IndexError" in told.detail) == (str(path), True)
    with pytest.raises(ReadingFailed, match="its reader broke"):
        judge([path])


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        judge([tmp_path / "none.csv"])
    with pytest.raises(InputError, match="no file is there"):
        judge([tmp_path])


@pytest.mark.parametrize("seed", range(DAMAGES))
def test_a_damaged_file_is_judged_or_refused_and_never_breaks_the_judge(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    rows = candles(60)
    lines = ["time,open,high,low,close,volume", *(",".join(map(str, row)) for row in rows)]
    content = bytearray(
        dice.choice(
            ["\n".join(lines).encode(), json.dumps(rows).encode(), gzip.compress(b"x" * 99)]
        )
    )
    for _ in range(dice.randint(1, 30)):
        content[dice.randrange(len(content))] = dice.randrange(256)
    if dice.random() < 0.3:
        del content[dice.randrange(len(content)) :]
    path = tmp_path / "kraken_BTC_USD-1h.csv"
    path.write_bytes(content)

    try:
        found = judge([path])
    except InputError:
        return
    assert kinds(found) <= set(KINDS)
