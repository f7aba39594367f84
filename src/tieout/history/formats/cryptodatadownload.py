"""CryptoDataDownload's CSV files: hours and days of one pair, newest first.

The first line may name the site. Dates are `2019-10-17 09-AM`, or ISO; UTC; a bar is stamped at its
open. Two volumes: of the base, which is taken, and of the quote currency.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tieout.errors import InputError
from tieout.history._files import CsvShape, Part, parts
from tieout.history._stamps import StampReader, with_24_hours
from tieout.history.formats.reading import Ask, Guess, Look, Surety, TableReading, length_of
from tieout.history.formats.table import only_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CryptoDataDownload"]

_SITE: Final = "cryptodatadownload.com"
_NAMED: Final = re.compile(r"[-_](1h|d|1d|minute|1min)(?=[-_.]|$)", re.IGNORECASE)
_LENGTHS: Final = {"1h": "1h", "d": "1d", "1d": "1d", "minute": "1m", "1min": "1m"}


class CryptoDataDownload:
    """A file told by its first line or by its columns."""

    name = "cryptodatadownload"
    kinds = ("bars",)

    def detect(self, look: Look) -> Guess | None:
        """Return a guess where the site is named, or symbol and two volumes stand in the header."""
        if look.schema or not look.lines:
            return None
        if _SITE in look.lines[0].lower():
            return Guess(Surety.CONTENT, "its first line names the site")
        if look.columns[:2] == ["date", "symbol"] and {"volumefrom", "volumeto"} <= set(
            look.columns
        ):
            return Guess(Surety.CONTENT, f"the header is {look.lines[0][:80]}")
        return None

    def read(self, look: Look, ask: Ask) -> TableReading:
        """Begin to read the file."""
        file = str(look.path)
        if ask.kind not in (None, "bars"):
            raise InputError(f"{file}: kind {ask.kind!r}; of {self.name}: bars")
        before = 2 if look.lines and _SITE in look.lines[0].lower() else 1
        if len(look.lines) < before:
            raise InputError(f"{file}: there is no header in it; give another file")
        header = [each.strip() for each in look.lines[before - 1].split(",")]
        volume = next((each for each in header if each.lower().startswith("volume")), "")
        named = _NAMED.search(look.name)
        told = ask.interval or (_LENGTHS[named[1].lower()] if named else None)
        if told is None:
            raise InputError(f"{file}: how long is a bar? Say --interval 1h")
        lower = {each.lower(): each for each in header}
        missing = [each for each in ("date", "open", "high", "low", "close") if each not in lower]
        if missing or not volume:
            raise InputError(f"{file}: no column {', '.join(missing) or 'volume'} in its header")
        source = parts(
            look.path,
            set_aside=ask.set_aside,
            progress=ask.progress,
            shape=CsvShape(names=tuple(header), lines_before=before, member=look.member),
        )
        return TableReading(
            kind="bars",
            parts=only_rows(_with_24_hours(source, lower["date"]), ask.only, file),
            columns={
                "time": lower["date"],
                **{each: lower[each] for each in ("open", "high", "low", "close")},
                "volume": volume,
                **ask.mapping,
            },
            stamps=StampReader(file, zone="UTC"),
            interval_ns=length_of(told, file),
            stamp="open",
            stamp_why="CryptoDataDownload stamps a bar at its open",
            notes=(f"CryptoDataDownload, volume from {volume}",),
        )


def _with_24_hours(source: Iterator[Part], name: str) -> Iterator[Part]:
    for part in source:
        mended = with_24_hours(part.table.column(name).combine_chunks())
        place = part.table.column_names.index(name)
        yield Part(part.table.set_column(place, name, mended), part.rows, part.ragged)
