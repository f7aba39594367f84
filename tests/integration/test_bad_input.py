"""Bad market data through the command: exit 2, one message with all that helps, nothing left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.commands import in_this_process

if TYPE_CHECKING:
    from pathlib import Path

TRADE = ("--kind", "trades", "--symbol", "ES/USD:USD", "--tick", "0.25")
BAR = ("--kind", "bars", "--symbol", "ES/USD:USD", "--tick", "0.25", "--interval", "1m")
GOOD_TRADE = "2024-01-01 00:00:01,100.25,1\n"
GOOD_BAR = "2024-01-01 00:00:00,100,101,99.5,100.25,7\n"
TRADES = "time,price,quantity\n" + GOOD_TRADE
BARS = "time,open,high,low,close,volume\n" + GOOD_BAR

# What is wrong: the text of the file, the words of the command, what the message must say.
BAD: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "NaN": (TRADES + "2024-01-01 00:00:02,NaN,1\n", TRADE, ("row 2", "NaN")),
    "infinity": (TRADES + "2024-01-01 00:00:02,-inf,1\n", TRADE, ("row 2", "-inf")),
    "negative volume": (
        BARS + "2024-01-01 00:01:00,100,101,99.5,100.25,-7\n", BAR, ("row 2", "-7", "volume"),
    ),
    "high below low": (
        BARS + "2024-01-01 00:01:00,100,99,101,100,7\n", BAR, ("row 2", "99", "high"),
    ),
    "duplicate time": (BARS + GOOD_BAR, BAR, ("row 2", "00:00:00")),
    "backward time": (
        TRADES + "2024-01-01 00:00:00,100,1\n", TRADE, ("row 2", "2024-01-01"),
    ),
    "wrong column order": (
        "time,low,high,open,close,volume\n2024-01-01 00:00:00,101,99.5,100,100.25,7\n",
        BAR, ("row 1", "99.5"),
    ),
    "price off the tick": (
        TRADES + "2024-01-01 00:00:02,100.3,1\n", TRADE, ("row 2", "100.3", "0.25"),
    ),
    "empty file": ("", TRADE, ("empty",)),
    "header alone": ("time,price,quantity\n", TRADE, ("no row",)),
}  # fmt: skip


def refused(folder: Path, file: str, *words: str) -> str:
    done = in_this_process("import", file, *words, folder=folder)
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    message = done.stderr
    assert message.startswith("tieout: ")
    assert file in message
    assert message.count("\n") == 1
    assert not [each for each in (folder / "data").rglob("*") if each.is_file()]
    return message


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_row_value_limit_and_remedy(tmp_path: Path, case: str) -> None:
    text, words, said = BAD[case]
    (tmp_path / "bad.csv").write_text(text)

    message = refused(tmp_path, "bad.csv", *words)

    for each in said:
        assert each in message, message
    assert ("allowed:" in message) == said[0].startswith("row ")
    # The remedy is a sentence of its own.
    assert message.rstrip().endswith(".")


def test_a_truncated_parquet_is_refused(tmp_path: Path) -> None:
    whole = pa.table({"time": ["2024-01-01"] * 1000, "price": [1.0] * 1000, "quantity": [1] * 1000})
    pq.write_table(whole, tmp_path / "cut.parquet")
    data = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[: len(data) // 2])

    assert "cut.parquet" in refused(tmp_path, "cut.parquet", *TRADE)


def test_a_line_of_a_gigabyte_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "long.csv").open("wb") as file:
        file.write(b"time,price,quantity\n")
        file.truncate(1 << 30)

    assert "long.csv" in refused(tmp_path, "long.csv", *TRADE)


def test_an_unknown_column_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(TRADES)

    message = refused(tmp_path, "good.csv", *TRADE, "--column", "price=prix")

    assert "prix" in message
