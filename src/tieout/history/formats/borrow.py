"""What borrowing for a short costs, and how much there is: LEAN's files and a broker's snapshots.

LEAN keeps a file for each symbol, `equity/usa/shortable/BROKER/symbols/aapl.csv`, with a line for
each day: the day, shares available, the rebate rate and the fee rate, both in percent a year. The
last two may be empty or missing. A day begins at midnight of the market's zone.

    20131004,1000,,0.2500

Interactive Brokers publishes snapshots of everything that can be borrowed then; several of them are
a series. They do not say their zone. `NA` is not told; `>10000000` is taken as that many.

    #BOF|2021.10.14|01:45:03
    #SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|
    A|USD|AGILENT TECHNOLOGIES INC|1715006|XXXXXXXU1016|2.8137|0.2563|>10000000|
    #EOF|1

The fee rate is what a short pays. The rebate rate is the interest on the short's proceeds with that
fee already taken off; what an account's cash earns is no matter of the position, and who gets that
interest hangs on the account, so it is left out. Where no fee is told the rate is not told.

Source: the readme of LEAN's data folder; the header lines of the published snapshots.
"""

from __future__ import annotations

import csv
import zlib
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from tieout.errors import DataError, InputError
from tieout.history._defects import SetAside
from tieout.history._files import Part, opened
from tieout.history._stamps import StampReader
from tieout.history.formats.lean import zone_of_folder
from tieout.history.formats.reading import Ask, Guess, Look, Surety, TableReading
from tieout.history.formats.table import only_rows
from tieout.model.instruments import InstrumentType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["SNAPSHOT_BEGINS", "BorrowSnapshot", "LeanShortable"]

SNAPSHOT_BEGINS: Final = b"#BOF|"
"""What a snapshot begins with."""

_PERCENT: Final = Decimal("0.01")
_COLUMNS: Final = {"time": "time", "available": "available", "rate": "rate"}
_REBATE: Final = "rebate rate left out: it is interest on the proceeds"
_LEAN_WIDTHS: Final = (2, 3, 4)
_NEEDED: Final = ("#SYM", "CUR", "CON", "FEERATE", "AVAILABLE")
_ROWS_AT_A_TIME: Final = 65_536
_WRONG_WIDTH: Final = "the row has a wrong number of values"


# -- LEAN -------------------------------------------------------------------------------------


class LeanShortable:
    """`equity/usa/shortable/BROKER/symbols/aapl.csv`."""

    name = "lean-shortable"
    kinds = ("borrow",)

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the folders above the file."""
        words = look.path.absolute().parts
        if len(words) < 7 or look.path.suffix.lower() != ".csv":
            return None
        if (words[-2], words[-4]) != ("symbols", "shortable"):
            return None
        return Guess(Surety.CONTENT, f"{'/'.join(words[-6:-1])} is a place of LEAN's folder")

    def read(self, look: Look, ask: Ask) -> TableReading:
        """Begin to read the file."""
        _only_borrow(look, ask)
        folders = look.path.absolute().parents
        if len(folders) < 6:
            raise InputError(
                f"{look.path}: LEAN's files say what they hold by their folders, such as "
                "equity/usa/shortable/BROKER/symbols/aapl.csv; leave them where they are"
            )
        market, security, root = folders[3], folders[4], folders[5]
        file, symbol = str(look.path), look.path.stem
        zone = zone_of_folder(root, security.name, market.name, symbol, ask, file)
        counted: Counter[str] = Counter()
        source = _lean_parts(look.path, counted, set_aside=ask.set_aside)
        return TableReading(
            kind="borrow",
            parts=only_rows(source, ask.only, file),
            columns=_COLUMNS,
            stamps=StampReader(file, zone=zone),
            rate_unit=_PERCENT,
            counted=counted,
            notes=(
                f"LEAN {security.name} {market.name} shortable of {folders[1].name}",
                "fee rates, in percent a year; a day begins at midnight, and what was told last "
                "holds on over days that are missing",
            ),
            instrument_type=InstrumentType.STOCK if security.name == "equity" else None,
        )


def _lean_parts(path: Path, counted: Counter[str], *, set_aside: bool) -> Iterator[Part]:
    """Yield the lines of a file as a table; a comment is no row."""
    kept: list[tuple[str, ...]] = []
    numbers: list[int] = []
    ragged: list[SetAside] = []
    number = 0
    for cells in _csv_lines(path):
        if cells[0].startswith("#"):
            continue
        number += 1
        if len(cells) not in _LEAN_WIDTHS:
            values = f"{len(cells)} of 2 to 4: {','.join(cells)[:60]}"
            wrong = SetAside(number, _WRONG_WIDTH, values)
            if not set_aside:
                raise _wrong_row(path, wrong, "date, available, rebate rate, fee rate")
            ragged.append(wrong)
            continue
        day, available, rebate, fee = (*(each.strip() for each in cells), "", "")[:4]
        counted[_REBATE] += bool(rebate)
        kept.append((day, available, fee))
        numbers.append(number)
        if len(kept) == _ROWS_AT_A_TIME:
            yield _part(kept, numbers, ragged)
            kept, numbers, ragged = [], [], []
    if not counted[_REBATE]:
        del counted[_REBATE]
    if kept or ragged:
        yield _part(kept, numbers, ragged)


def _csv_lines(path: Path) -> Iterator[list[str]]:
    """Yield the values of lines that have some."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for cells in csv.reader(file):
                if any(each.strip() for each in cells):
                    yield cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _not_read(path, error) from error


# -- snapshots --------------------------------------------------------------------------------


class BorrowSnapshot:
    """A broker's list of what can be borrowed at a moment, of which one instrument is taken."""

    name = "ib-shortstock"
    kinds = ("borrow",)

    def detect(self, look: Look) -> Guess | None:
        """Return a guess where the first two lines are those of a snapshot."""
        if len(look.lines) < 2 or not look.lines[0].startswith(SNAPSHOT_BEGINS.decode()):
            return None
        if not look.lines[1].startswith("#SYM|"):
            return None
        return Guess(Surety.CONTENT, f"a list of what can be borrowed: {look.lines[1][:80]}")

    def read(self, look: Look, ask: Ask) -> TableReading:
        """Read the instrument's line of the file."""
        _only_borrow(look, ask)
        file = str(look.path)
        if not ask.zone:
            raise InputError(
                f"{file}: a snapshot does not say which zone its time is in; say it with --zone, "
                "such as America/New_York"
            )
        return TableReading(
            kind="borrow",
            parts=_snapshot_parts(look, ask),
            columns=_COLUMNS,
            stamps=StampReader(file, zone=ask.zone),
            rate_unit=_PERCENT,
            notes=("fee rates, in percent a year; what was told last holds on",),
            instrument_type=InstrumentType.STOCK,
        )


def _snapshot_parts(look: Look, ask: Ask) -> Iterator[Part]:
    """Yield the instrument's line as a table of one row."""
    path = look.path
    at, names = _snapshot_head(path, look.lines)
    found: list[tuple[int, list[str]]] = []
    for number, cells in _snapshot_lines(path, look):
        if not _is_of(cells, names, ask):
            continue
        if len(cells) <= max(names.values()):
            wrong = SetAside(number, _WRONG_WIDTH, "|".join(cells)[:60])
            if not ask.set_aside:
                raise _wrong_row(path, wrong, "|".join(names))
            yield _part([], [], [wrong])
            return
        found.append((number, cells))
    symbol = ask.instrument.symbol
    if len(found) > 1:
        numbers = ", ".join(cells[names["CON"]] for _, cells in found)
        raise DataError(
            f"several lines are of {symbol}",
            file=str(path),
            row=found[1][0],
            value=numbers,
            remedy="Say which with --instrument-id, the broker's number in the column CON.",
        )
    if not found:
        missing = SetAside(1, "the instrument is not in the snapshot", symbol)
        if not ask.set_aside:
            raise DataError(
                missing.problem,
                file=str(path),
                value=symbol,
                limit=f"a line of it in {ask.instrument.currency}",
                remedy=(
                    "Name it as the snapshot does with --venue-symbol or --instrument-id; leave "
                    "snapshots without it out with --set-aside, or give a table with 0 available."
                ),
            )
        yield _part([], [], [missing])
        return
    number, cells = found[0]
    available, fee = (cells[names[each]].strip() for each in ("AVAILABLE", "FEERATE"))
    told = (at, _told(available).removeprefix(">"), _told(fee))
    yield _part([told], [number], [])


def _snapshot_head(path: Path, lines: Sequence[str]) -> tuple[str, dict[str, int]]:
    """Return the time of a snapshot as text, and where its columns are."""
    head = lines[0].split("|") if lines else []
    columns = [each.strip() for each in lines[1].split("|")] if len(lines) > 1 else []
    names = {name: place for place, name in enumerate(columns) if name}
    missing = [each for each in _NEEDED if each not in names]
    if len(head) < 3 or head[0] != "#BOF" or missing:
        raise DataError(
            "the first two lines are not those of a snapshot",
            file=str(path),
            value=" ".join(lines[:2])[:120],
            limit="#BOF|date|time and #SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|",
            remedy="Fetch the file again.",
        )
    return f"{head[1].strip()} {head[2].strip()}", names


def _snapshot_lines(path: Path, look: Look) -> Iterator[tuple[int, list[str]]]:
    """Yield the one-based rows of a snapshot, comments left out."""
    number = 0
    try:
        with path.open("rb") as raw, opened(path, look.member, raw) as file:
            for line in file:
                text = line.decode("utf-8-sig", "replace").strip()
                if text and not text.startswith("#"):
                    number += 1
                    yield number, text.split("|")
    except (OSError, EOFError, zlib.error) as error:
        raise _not_read(path, error) from error


def _is_of(cells: Sequence[str], names: dict[str, int], ask: Ask) -> bool:
    """Return whether a line is of the instrument: by the broker's number, or symbol and money."""

    def told(name: str) -> str:
        return cells[names[name]].strip() if names[name] < len(cells) else ""

    if ask.instrument_id is not None:
        return told("CON") == str(ask.instrument_id)
    instrument = ask.instrument
    symbols = (instrument.venue_symbol, instrument.symbol.partition("/")[0])
    return told("#SYM") in symbols and told("CUR") == instrument.currency


def _told(text: str) -> str:
    return "" if text.upper() == "NA" else text


# -- both -------------------------------------------------------------------------------------


def _only_borrow(look: Look, ask: Ask) -> None:
    if ask.kind not in (None, "borrow"):
        raise InputError(f"{look.path}: kind {ask.kind!r}; of such a file: borrow")


def _part(
    rows: Sequence[tuple[str, ...]], numbers: Sequence[int], ragged: Sequence[SetAside]
) -> Part:
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    table = pa.table(
        {
            name: pa.array(list(values), pa.string())
            for name, values in zip(("time", "available", "rate"), columns, strict=True)
        }
    )
    return Part(table, np.array(numbers, np.int64), tuple(ragged))


def _wrong_row(path: Path, wrong: SetAside, limit: str) -> DataError:
    return DataError(
        wrong.problem,
        file=str(path),
        row=wrong.row,
        value=wrong.value,
        limit=limit,
        remedy="Mend the row, or leave such rows out with --set-aside.",
    )


def _not_read(path: Path, error: Exception) -> DataError:
    return DataError(f"cannot be read ({error})", file=str(path), remedy="Fetch the file again.")
