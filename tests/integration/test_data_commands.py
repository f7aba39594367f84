"""What a person sees of importing, listing, showing and verifying market data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import as_json, in_this_process
from tests.unit.history.formats.files import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

BTC = ("--symbol", "BTC/USDT:USDT", "--tick", "0.01", "--lot", "0.001")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with two data sets in its store: bars, and funding."""
    for sample in SAMPLES.values():
        if sample.name in ("BTCUSDT-1m-2024-01.csv", "BTCUSDT-fundingRate-2024-01.csv"):
            (tmp_path / sample.name).write_bytes(sample.content())
    for name, file in (
        ("minutes", "BTCUSDT-1m-2024-01.csv"),
        ("rates", "BTCUSDT-fundingRate-2024-01.csv"),
    ):
        done = in_this_process("import", file, "--name", name, *BTC, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "found: " in done.stdout
    return tmp_path


def test_the_store_is_listed(project: Path) -> None:
    listed = as_json("data", "ls", "--json", folder=project)["data"]

    assert [(each["name"], each["kind"], each["rows"]) for each in listed] == [
        ("minutes", "bars", 5),
        ("rates", "funding", 2),
    ]
    assert all(each["bytes"] > 0 for each in listed)
    told = in_this_process("data", "ls", folder=project).stdout
    assert "minutes  5 bars  BTC/USDT:USDT  2024-01-01 00:01:00.000" in told


def test_rows_are_shown_exactly(project: Path) -> None:
    (shown,) = as_json("data", "show", "rates", "--json", folder=project)["data"]

    assert [each["rate"] for each in shown["ends"]] == [
        "0.000100000000000000",
        "-0.000375000000000000",
    ]
    assert shown["ends"][1]["venue_time"] == "2024-01-01 08:00:00.003000000"
    told = in_this_process("data", "show", "minutes", "--rows", "1", folder=project).stdout
    assert "2024-01-01 00:00:00.000000000  2024-01-01 00:01:00.000000000  100.10" in told


def test_what_is_sound_is_said_to_be(project: Path) -> None:
    done = in_this_process("data", "verify", folder=project)

    assert (done.returncode, done.stdout) == (0, "minutes  sound\nrates  sound\n")


def test_damage_is_named_and_gives_exit_code_one(project: Path) -> None:
    rows = project / "data" / "minutes" / "part.parquet"
    other = project / "data" / "rates" / "part.parquet"
    rows.write_bytes(other.read_bytes())
    done = in_this_process("data", "verify", "--json", folder=project)

    assert done.returncode == 1
    assert '"name": "minutes", "sound": false' in done.stdout
    assert '"name": "rates", "sound": true' in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("data", "show", "nothing"), "no data set 'nothing'"),
        (("data", "show", "rates", "--rows", "-1"), "--rows -1: 0 or more"),
        (("import", "BTCUSDT-1m-2024-01.csv", "--against", "none", *BTC), "--against none"),
        (("import", "BTCUSDT-1m-2024-01.csv", "--only", "x", *BTC), "--only 'x'"),
    ],
)
def test_wrong_words_are_refused(project: Path, words: tuple[str, ...], told: str) -> None:
    done = in_this_process(*words, folder=project)

    assert done.returncode == 2
    assert told in " ".join((done.stdout + done.stderr).split())


def test_a_file_can_be_named_to_tell_what_stamps_mean(project: Path) -> None:
    rows = (project / "BTCUSDT-1m-2024-01.csv").read_text()
    header = "time,open,high,low,close,volume"
    prices = [(100 + at * 7 % 31, at) for at in range(40)]
    fine = [f"2024-01-01 00:{at:02d}:30,{price},1" for price, at in prices]
    coarse = [f"2024-01-01 00:{at:02d},{price},{price},{price},{price},1" for price, at in prices]
    (project / "t.csv").write_text("\n".join(("time,price,quantity", *fine)) + "\n")
    (project / "b.csv").write_text("\n".join((header, *coarse)) + "\n")
    assert rows

    words = ("import", "b.csv", "--interval", "1m", "--against", "t.csv", *BTC)
    made = as_json(*words, "--name", "b", "--json", folder=project)
    refused = in_this_process(*words, "--name", "c", "--stamp", "close", folder=project)

    assert "if a stamp is the open, 0 if it is the close" in made["time_rule"]
    assert refused.returncode == 2
    assert "agree if a stamp is the open, 0 if it is the close" in refused.stderr


KNOWN = "time,open,high,low,close,volume,known_time\n"


def test_bars_with_known_times_are_imported_shown_and_revised(tmp_path: Path) -> None:
    rows = [
        f"2024-01-01 00:0{minute}:00,100,101,99,100,5,2024-01-01 00:{minute + 1:02d}:30\n"
        for minute in range(3)
    ]
    (tmp_path / "known.csv").write_text(KNOWN + "".join(rows))
    (tmp_path / "later.csv").write_text(
        "time,open,high,low,close,volume\n2024-01-01 00:01:00,100,101,99,101,5\n"
    )
    words = ("import", "known.csv", "--interval", "1m", *BTC)
    made = as_json(*words, folder=tmp_path)
    later = ("import", "later.csv", "--revise", "known", "--known-at", "2024-01-02T09:00")
    revised = as_json(*later, folder=tmp_path)
    shown = in_this_process("data", "show", "known", folder=tmp_path)
    verified = in_this_process("data", "verify", folder=tmp_path)

    assert "published" in made["known"]
    assert (made["revised"], revised["revised"]) == (0, 1)
    assert made["fingerprint"] != revised["fingerprint"]
    assert "2024-01-02 09:00:00.000000000" in shown.stdout
    assert "known sound" in " ".join(verified.stdout.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--published-after", "-2d"), "'-2d'"),
        (("--published-after", "soon"), "36h or 2d"),
        (("--published-after", "36h"), "a sample is taken as it is"),
        (("--outage", "2024-01-01"), "--outage"),
        (("--outage", "2024-01-02/2024-01-01"), "is empty"),
        (("--known-at", "2024-01-02"), "--known-at goes with --revise"),
        (("--revise", "none"), "no data set 'none'"),
        (("--revise", "none", "--name", "x"), "leave --name and --outage out"),
    ],
)
def test_wrong_words_about_known_times_are_refused(
    project: Path, words: tuple[str, ...], told: str
) -> None:
    before = sorted((project / "data").iterdir())
    source = ("import", "BTCUSDT-1m-2024-01.csv", "--name", "new", *BTC)
    if "36h" in words:
        source = ("import", "es-trades")
    if "--revise" in words:
        source = ("import", "BTCUSDT-1m-2024-01.csv")
    done = in_this_process(*source, *words, folder=project)
    assert done.returncode == 2
    assert told in " ".join((done.stdout + done.stderr).split())
    assert sorted((project / "data").iterdir()) == before


def test_later_versions_of_bars_are_no_duplicates(tmp_path: Path) -> None:
    rows = [
        f"2024-01-01 00:{minute:02d}:00,100,101,99,100,5,2024-01-01 01:00:00\n"
        for minute in range(30)
    ]
    again = "2024-01-01 00:05:00,100,101,99,101,5,2024-01-01 02:00:00\n"
    (tmp_path / "log.csv").write_text(KNOWN + "".join(rows) + again)
    found = json.loads(
        in_this_process("data", "judge", "log.csv", "--json", folder=tmp_path).stdout
    )

    kinds = [(each["kind"], each["severity"], each["rows"]) for each in found]
    assert ("revised", "note", [31]) in kinds
    assert not {"duplicate", "disorder"} & {kind for kind, _, _ in kinds}


def test_what_there_is_to_borrow_is_imported_shown_verified_and_judged(tmp_path: Path) -> None:
    rows = ("date,rate,available", "2024-01-02,0.0025,1000", "2024-01-03,,0", "2024-01-04,-0.01,")
    (tmp_path / "lent.csv").write_text("\n".join(rows) + "\n")
    shares = ("--symbol", "AAPL/USD", "--tick", "0.01")

    judged = in_this_process("data", "judge", "lent.csv", folder=tmp_path)
    done = in_this_process("import", "lent.csv", *shares, folder=tmp_path)
    (listed,) = as_json("data", "ls", "--json", folder=tmp_path)["data"]
    (shown,) = as_json("data", "show", "lent", "--json", folder=tmp_path)["data"]
    sound = in_this_process("data", "verify", folder=tmp_path)

    assert (judged.returncode, judged.stdout) == (0, "no finding\n")
    assert done.returncode == 0, done.stderr
    assert (listed["kind"], listed["rows"]) == ("borrow", 3)
    assert shown["known"] == "by a time of its own for each row"
    assert [(each["rate"], each["available"]) for each in shown["ends"]] == [
        ("0.002500000000", "1000"),
        ("-", "0"),
        ("-0.010000000000", "-"),
    ]
    assert sound.stdout == "lent  sound\n"
