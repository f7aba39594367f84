"""LEAN's data folder: trades, quotes and bars by security, market and resolution.

`equity/usa/minute/ibm/20131007_trade.zip` is a day; `equity/usa/daily/ibm.zip` is a whole history.
A zip holds a CSV without a header; of futures one for each contract. Times are local to the data
time zone of the folder's market hours: milliseconds since midnight, or `20131007 09:00`. A bar is
stamped at its open. Prices of equities and options are ten-thousandths. Quote bars become quotes at
the close of their bar, which is when they were true and known, or bars of one side.

Source: the readme.md of each folder of LEAN's data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import DataError, InputError
from tieout.history._files import CsvShape, Part, parts
from tieout.history._numbers import scaled
from tieout.history._stamps import StampReader
from tieout.history.formats.reading import Ask, Guess, Look, Surety, TableReading
from tieout.history.formats.table import only_rows
from tieout.model.instruments import InstrumentType

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Lean", "zone_of_folder"]

_SECURITIES: Final = {
    "equity": InstrumentType.STOCK,
    "option": InstrumentType.OPTION,
    "crypto": InstrumentType.SPOT,
    "cryptofuture": InstrumentType.PERPETUAL,
    "forex": InstrumentType.FX,
    "cfd": InstrumentType.CFD,
    "future": InstrumentType.FUTURE,
    "index": InstrumentType.INDEX,
}
_RESOLUTIONS: Final = {
    "tick": 0,
    "second": 10**9,
    "minute": 60 * 10**9,
    "hour": 3600 * 10**9,
    "daily": 86_400 * 10**9,
}
_BAR: Final = ("time", "open", "high", "low", "close", "volume")
_QUOTE_BAR: Final = (
    "time",
    *(
        f"{side}_{each}"
        for side in ("bid", "ask")
        for each in ("open", "high", "low", "close", "size")
    ),
)
_TRADE_TICK: Final = ("time", "price", "quantity", "exchange", "condition", "suspicious")
_QUOTE_TICK: Final = (
    *("time", "bid", "bid_size", "ask", "ask_size", "exchange", "condition", "suspicious"),
)
_DAY: Final = re.compile(r"(\d{8})_(trade|quote|openinterest)")
_WHOLE: Final = re.compile(r"(.+?)(?:_(trade|quote|openinterest))?")
_FIXED_OFFSET: Final = re.compile(r"UTC([+-])(\d\d)")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a file's place in the folder says of it."""

    root: Path
    security: str
    market: str
    resolution: str
    symbol: str
    day: str | None
    what: str

    @property
    def length_ns(self) -> int:
        return _RESOLUTIONS.get(self.resolution, 0)


class Lean:
    """A file of the data folder, told by its place."""

    name = "lean"
    kinds = ("bars", "trades", "quotes", "funding")

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the folders above the file."""
        place = _place(look.path)
        if place is None:
            return None
        told = f"{place.security}/{place.market}/{place.resolution} is a place of LEAN's folder"
        return Guess(Surety.CONTENT, told)

    def read(self, look: Look, ask: Ask) -> TableReading:
        """Begin to read the file."""
        file, place = str(look.path), _place(look.path)
        if place is None:
            raise InputError(
                f"{file}: LEAN's files say what they hold by their folders, such as "
                "equity/usa/minute/ibm/20131007_trade.zip; leave them where they are"
            )
        if place.what == "openinterest":
            raise InputError(f"{file}: there is no kind for open interest; name trades or quotes")
        zone = _zone(place, ask, file)
        if place.resolution == "margin_interest":
            return _funding(look, ask, place, zone)
        names = _names(look, place)
        kind = _kind(place, ask, file)
        source = parts(
            look.path,
            set_aside=ask.set_aside,
            progress=ask.progress,
            shape=CsvShape(names=names, lines_before=0, member=_member(look, ask, place)),
        )
        source = only_rows(source, ask.only, file)
        at_close = kind == "quotes" and place.length_ns > 0
        counted: dict[str, int] = {}
        state: dict[str, int] = {}
        source = (
            _finished(each, place, kind, file, counted, state, at_close=at_close) for each in source
        )
        notes = [f"LEAN {place.security} {place.market} {place.resolution} {place.what}"]
        if at_close:
            notes.append("the quote at the close of each bar, true and known then")
        elif kind == "quotes" and "exchange" in names:
            notes.append("a row that tells of one side leaves the other as it was")
        return TableReading(
            kind=kind,
            parts=source,
            columns=_columns(kind, ask, names),
            stamps=StampReader(file, zone=zone),
            interval_ns=place.length_ns if kind == "bars" else 0,
            stamp="open" if kind == "bars" else None,
            stamp_why="LEAN stamps a bar at its open",
            price_unit=Decimal("0.0001") if place.security in ("equity", "option") else Decimal(1),
            counted=counted,
            notes=tuple(notes),
            instrument_type=_SECURITIES[place.security],
        )


def _place(path: Path) -> _Place | None:
    words = path.absolute().parts
    for at, word in enumerate(words):
        rest = words[at:]
        if word not in _SECURITIES or len(rest) < 4:
            continue
        security, market, resolution = rest[:3]
        root = path.absolute().parents[len(rest) - 1]
        stem, _, ending = rest[-1].rpartition(".")
        if resolution == "margin_interest" and ending == "csv" and len(rest) == 4:
            return _Place(root, security, market, resolution, stem, None, "funding")
        if resolution not in _RESOLUTIONS or ending != "zip":
            continue
        day, whole = _DAY.fullmatch(stem), _WHOLE.fullmatch(stem)
        if len(rest) == 5 and day and resolution in ("tick", "second", "minute"):
            return _Place(root, security, market, resolution, rest[3], day[1], day[2])
        if len(rest) == 4 and whole and resolution in ("hour", "daily"):
            usual = "quote" if security in ("forex", "cfd") else "trade"
            return _Place(root, security, market, resolution, whole[1], None, whole[2] or usual)
    return None


def zone_of_folder(root: Path, security: str, market: str, symbol: str, ask: Ask, file: str) -> str:
    """Return the zone of a symbol's times by the folder's market hours.

    Raises:
        InputError: Nobody says it, or a person says another.
    """
    return _zone(_Place(root, security, market, "", symbol, None, ""), ask, file)


def _zone(place: _Place, ask: Ask, file: str) -> str:
    """Return the zone of the folder's market hours, which a person may give where there are none.

    Raises:
        InputError: Nobody says it, or a person says another.
    """
    told = None
    database = place.root / "market-hours" / "market-hours-database.json"
    if database.is_file():
        try:
            entries = msgspec.json.decode(database.read_bytes())["entries"]
            words = {word.lower(): each["dataTimeZone"] for word, each in entries.items()}
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"is no database of market hours ({error!r})",
                file=str(database),
                remedy="Fetch LEAN's folder again.",
            ) from error
        kind = f"{place.security}-{place.market}"
        told = words.get(f"{kind}-{place.symbol}".lower(), words.get(f"{kind}-[*]".lower()))
        fixed = _FIXED_OFFSET.fullmatch(told or "")
        if fixed:
            # The zones of the tz database count the other way.
            told = f"Etc/GMT{'+' if fixed[1] == '-' else '-'}{int(fixed[2])}"
    if told and ask.zone and told != ask.zone:
        raise InputError(
            f"{file}: its market hours say {told}, --zone says {ask.zone}; leave the option out"
        )
    if not (told or ask.zone):
        raise InputError(
            f"{file}: which zone are its times in? There is no "
            "market-hours/market-hours-database.json above it; say it with --zone"
        )
    return told or ask.zone or "UTC"


def _kind(place: _Place, ask: Ask, file: str) -> str:
    kinds = {
        ("trade", True): ("bars",),
        ("trade", False): ("trades",),
        ("quote", True): ("quotes", "bars"),
        ("quote", False): ("quotes",),
    }[place.what, place.length_ns > 0]
    kind = ask.kind or kinds[0]
    if kind not in kinds:
        raise InputError(f"{file}: kind {kind!r}; of such a file: {', '.join(kinds)}")
    if place.what == "quote" and kind == "bars" and ask.side not in ("bid", "ask"):
        raise InputError(f"{file}: bars of bids or of asks? Say --side bid or --side ask")
    return kind


def _names(look: Look, place: _Place) -> tuple[str, ...]:
    if place.length_ns:
        return _BAR if place.what == "trade" else _QUOTE_BAR
    whole = _TRADE_TICK if place.what == "trade" else _QUOTE_TICK
    count = len(look.cells)
    if place.security in ("forex", "cfd"):
        return ("time", "bid", "ask")
    return whole[:count] if count >= (3 if place.what == "trade" else 5) else whole


def _columns(kind: str, ask: Ask, names: tuple[str, ...]) -> dict[str, str]:
    match kind:
        case "bars" if "bid_open" in names:
            return {"time": "time", **{each: f"{ask.side}_{each}" for each in _BAR[1:5]}}
        case "bars":
            return {each: each for each in _BAR}
        case "quotes":
            return {
                "time": "time",
                "bid": "bid",
                "bid_quantity": "bid_size",
                "ask": "ask",
                "ask_quantity": "ask_size",
            }
        case _:
            return {"time": "time", "price": "price", "quantity": "quantity"}


def _member(look: Look, ask: Ask, place: _Place) -> str:
    if look.member is not None:
        return look.member
    chosen = [
        each for each in look.members if each.endswith((f"_{ask.member}.csv", f"{ask.member}"))
    ]
    if ask.member and len(chosen) == 1:
        return chosen[0]
    names = [each.rpartition("_")[2].removesuffix(".csv") for each in look.members[:6]]
    raise InputError(
        f"{look.path}: it holds {len(look.members)} contracts of {place.symbol}; say which: "
        f"--member {' or '.join(names)}"
    )


def _finished(
    part: Part,
    place: _Place,
    kind: str,
    file: str,
    counted: dict[str, int],
    state: dict[str, int],
    *,
    at_close: bool,
) -> Part:
    """Give a part whole times, and quotes both of their sides."""
    table = part.table
    if place.day is not None:
        when = _since_midnight(table.column("time").combine_chunks(), place.day, part, file)
        if at_close:
            when = when + place.length_ns
        table = table.set_column(0, "time", pa.array(when, pa.timestamp("ns")))
    elif at_close:
        when, wrong = StampReader(file).read(table.column("time").combine_chunks())
        late = pa.array(when + place.length_ns, pa.timestamp("ns"), mask=wrong)
        table = table.set_column(0, "time", late)
    if at_close:
        table = pa.table(
            {
                "time": table.column("time"),
                **{
                    name: _zero_for_none(table.column(f"{name[:3]}_{last}"))
                    for name, last in (
                        ("bid", "close"),
                        ("bid_size", "size"),
                        ("ask", "close"),
                        ("ask_size", "size"),
                    )
                },
            }
        )
    elif kind == "quotes":
        table = _last_told(table, part, file, state)
    if "suspicious" in table.column_names:
        flagged = int(pc.sum(pc.equal(table.column("suspicious"), "1")).as_py() or 0)
        if flagged:
            named = "flagged suspicious by the vendor, kept"
            counted[named] = counted.get(named, 0) + flagged
    return Part(table, part.rows, part.ragged)


def _since_midnight(column: Any, day: str, part: Part, file: str) -> NDArray[np.int64]:  # noqa: ANN401
    read = scaled(column, Decimal("0.000001"))
    wrong = read.unreadable | read.huge | read.off
    wrong |= (read.steps < 0) | (read.steps >= 86_400 * 10**9)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            "the time is not readable",
            file=file,
            row=int(part.rows[row]),
            value=str(column[row]),
            limit="milliseconds since midnight, below 86,400,000",
            remedy="Mend the row, or fetch the file again.",
        )
    try:
        midnight = np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}", "ns").astype(np.int64)
    except ValueError as error:
        raise DataError(
            f"its name has no day ({error})", file=file, value=day, remedy="Rename the file."
        ) from error
    return read.steps + int(midnight)


def _zero_for_none(column: Any) -> Any:  # noqa: ANN401
    return pc.if_else(pc.equal(column, ""), "0", column)


def _last_told(table: Any, part: Part, file: str, state: dict[str, int]) -> Any:  # noqa: ANN401
    """Return bids and asks of which a row that tells of one side leaves the other as it was.

    A row has 0 for the side it does not tell of. Which exchange told it does not matter: these are
    the best ones of the market, and the closes of LEAN's minutes are the last of them.
    """
    count = len(part.rows)
    made: dict[str, Any] = {"time": table.column("time")}
    for side in ("bid", "ask"):
        if f"{side}_size" not in table.column_names:
            made[side] = table.column(side)
            made[f"{side}_size"] = pa.array(["0"] * count)
            continue
        price = _whole(table, side, part, file)
        place = np.maximum.accumulate(np.where(price > 0, np.arange(count), -1))
        for name, values in (
            (side, price),
            (f"{side}_size", _whole(table, f"{side}_size", part, file)),
        ):
            held = np.where(place >= 0, values[place], state.get(name, 0))
            made[name] = pa.array(held)
            state[name] = int(held[-1]) if count else state.get(name, 0)
    if "suspicious" in table.column_names:
        made["suspicious"] = table.column("suspicious")
    return pa.table(made)


def _whole(table: Any, name: str, part: Part, file: str) -> NDArray[np.int64]:  # noqa: ANN401
    column = table.column(name).combine_chunks()
    read = scaled(column, Decimal(1))
    wrong = read.unreadable | read.huge | read.off | (read.steps < 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{name} is no whole number",
            file=file,
            row=int(part.rows[row]),
            value=str(column[row]),
            remedy="Mend the row, or fetch the file again.",
        )
    return read.steps


def _funding(look: Look, ask: Ask, place: _Place, zone: str) -> TableReading:
    source = parts(
        look.path,
        set_aside=ask.set_aside,
        progress=ask.progress,
        shape=CsvShape(names=("time", "rate"), lines_before=0),
    )
    # The rate is for eight hours, whatever holes the file has.
    return TableReading(
        kind="funding",
        parts=only_rows(source, ask.only, str(look.path)),
        columns={"time": "time", "rate": "rate"},
        stamps=StampReader(str(look.path), zone=zone),
        interval_ns=8 * 3600 * 10**9,
        notes=(f"LEAN {place.security} {place.market} margin interest, for 8 h",),
        instrument_type=_SECURITIES[place.security],
    )
