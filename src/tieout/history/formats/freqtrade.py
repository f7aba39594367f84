"""Freqtrade's data folder: candles, trades, funding rates and mark prices, JSON, Feather, Parquet.

Candles are `PAIR-1m.ext`, `PAIR-1h-futures.ext`, `PAIR-8h-mark.ext`, `PAIR-8h-funding_rate.ext`,
trades `PAIR-trades.ext`. A candle's stamp is its open, in ms. JSON candles are lists without names:
[time, open, high, low, close, volume]. Some downloads keep their exchange's own order of columns,
or its newest-first order of rows; both are found out from the candles and said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from tieout.errors import DataError, InputError
from tieout.history._defects import SetAside
from tieout.history._files import Part, opened, parts
from tieout.history._stamps import StampReader
from tieout.history.formats.reading import Ask, Guess, Look, Surety, TableReading, length_of
from tieout.history.formats.table import only_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Freqtrade"]

_NAME: Final = re.compile(
    r".+?-(?:(?P<interval>\d+[smhd])(?:-(?P<candle>futures|mark|funding_rate))?|(?P<trades>trades))"
    r"\.(?:json|feather|parquet)"
)
_CANDLE: Final = ("date", "open", "high", "low", "close", "volume")
_TRADE: Final = ("timestamp", "id", "type", "side", "price", "amount", "cost")
_ORDERS: Final = (
    ("open", "high", "low", "close"),
    ("low", "high", "open", "close"),
    ("open", "close", "high", "low"),
)
"""How exchanges order the prices of a candle: most; Coinbase; KuCoin."""
_SURE: Final = 0.9
_KINDS: Final = {None: "bars", "futures": "bars", "mark": "mark", "funding_rate": "funding"}


class Freqtrade:
    """A file of the data folder, told by its name and its content."""

    name = "freqtrade"
    kinds = ("bars", "trades", "funding", "mark")

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the name and the columns, or the shape of the JSON."""
        named = _NAME.fullmatch(look.name)
        if look.schema:
            columns = tuple(look.schema)
            if columns == _TRADE:
                return Guess(Surety.CONTENT, "its columns are those of Freqtrade's trades")
            if columns == _CANDLE and named:
                return Guess(Surety.CONTENT, f"candles named {look.path.name}")
            return None
        if _is_trades_csv(look):
            return Guess(Surety.CONTENT, "its columns are those of Freqtrade's trades")
        start = look.head[:400].decode("utf-8", "replace").replace(" ", "")
        if start.startswith('[{"') and '"takerOrMaker"' in look.head.decode("utf-8", "replace"):
            return Guess(Surety.CONTENT, "trades as ccxt gives them")
        if named and re.match(r"\[\[\d{12,13}(\.0)?,", start):
            return Guess(Surety.CONTENT, f"lists of numbers, named {look.path.name}")
        return None

    def read(self, look: Look, ask: Ask) -> TableReading:
        """Begin to read the file."""
        file = str(look.path)
        named = _NAME.fullmatch(look.name)
        told = named["interval"] if named else None
        kind = ask.kind or (
            "trades"
            if (named and named["trades"]) or _is_trades_csv(look) or "side" in look.columns
            or look.head[:2] == b"[{"
            else _KINDS[named["candle"] if named else None]
        )  # fmt: skip
        if kind not in self.kinds:
            raise InputError(f"{file}: kind {kind!r}; of freqtrade: {', '.join(self.kinds)}")
        if told and ask.interval and length_of(told, file) != length_of(ask.interval, file):
            raise InputError(
                f"{file}: its name says {told}, --interval says {ask.interval}; which is it? "
                "Rename the file or leave the option out"
            )
        length = told or ask.interval
        if kind in ("bars", "mark") and length is None:
            raise InputError(f"{file}: how long is a bar? Say --interval 1m")
        notes: list[str] = [
            f"Freqtrade {named['candle'] or kind}" if named else f"Freqtrade {kind}"
        ]
        if look.schema or _is_trades_csv(look):
            source = parts(look.path, set_aside=ask.set_aside, progress=ask.progress)
        else:
            source = _json_parts(look.path, kind, notes, set_aside=ask.set_aside)
        columns = {each: each for each in ("open", "high", "low", "close", "volume")}
        fields = {
            "bars": {"time": "date", **columns},
            "mark": {"time": "date", **{each: each for each in _ORDERS[0]}},
            "funding": {"time": "date", "rate": "open"},
            "trades": {
                "time": "timestamp",
                "price": "price",
                "quantity": "amount",
                "side": "side",
                "id": "id",
            },
        }
        return TableReading(
            kind=kind,
            parts=only_rows(source, ask.only, file),
            columns={**fields[kind], **ask.mapping},
            stamps=StampReader(file),
            interval_ns=length_of(length, file) if length and kind != "trades" else 0,
            stamp="open" if kind in ("bars", "mark") else None,
            stamp_why="Freqtrade stamps a candle at its open",
            notes=tuple(notes),
        )


def _is_trades_csv(look: Look) -> bool:
    return not look.schema and set(_TRADE) <= set(look.columns) and look.head[:1] != b"["


def _json_parts(path: Path, kind: str, notes: list[str], *, set_aside: bool) -> Iterator[Part]:
    """Return a JSON file as one part; what is found out about its columns is noted at once."""
    try:
        with path.open("rb") as raw, opened(path, None, raw) as file:
            # A number with a fraction comes as text, so that no digit is lost.
            rows = msgspec.json.Decoder(list[Any], float_hook=str).decode(file.read())
    except Exception as error:
        if not isinstance(error, OSError | EOFError | ValueError | RecursionError) and (
            type(error).__module__ != "zlib"
        ):
            raise
        raise DataError(
            f"is no whole JSON ({str(error)[:200]})",
            file=str(path),
            remedy="It may be cut off; fetch it again.",
        ) from error
    names = _TRADE if kind == "trades" else _CANDLE
    values, numbers, ragged = _listed(rows, names, path, set_aside=set_aside)
    table = pa.table(
        {name: pa.array(values[place], pa.string()) for place, name in enumerate(names)}
    )
    if kind in ("bars", "mark") and numbers:
        table = _in_order(table, notes)
    return iter((Part(table, np.array(numbers, np.int64), tuple(ragged)),))


def _listed(
    rows: Sequence[Any], names: tuple[str, ...], path: Path, *, set_aside: bool
) -> tuple[list[list[str | None]], list[int], list[SetAside]]:
    values: list[list[str | None]] = [[] for _ in names]
    numbers: list[int] = []
    ragged: list[SetAside] = []
    for number, row in enumerate(rows, start=1):
        cells = [row.get(name) for name in names] if isinstance(row, dict) else row
        simple = isinstance(cells, list) and not any(
            isinstance(each, list | dict) for each in cells
        )
        if not simple or len(cells) != len(names):
            wrong = SetAside(number, "the row has a wrong number of values", str(row)[:80])
            if not set_aside:
                raise DataError(
                    wrong.problem,
                    file=str(path),
                    row=number,
                    value=wrong.value,
                    limit=f"{len(names)}: {', '.join(names)}",
                    remedy="Mend the row, or leave such rows out with --set-aside.",
                )
            ragged.append(wrong)
            continue
        numbers.append(number)
        for column, cell in zip(values, cells, strict=True):
            column.append(None if cell is None else str(cell))
    return values, numbers, ragged


def _in_order(table: Any, notes: list[str]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Name the prices by the only known order in which no candle contradicts itself."""
    try:
        prices = [
            np.asarray(table.column(name).combine_chunks().cast(pa.float64()))
            for name in _ORDERS[0]
        ]
    except pa.ArrowInvalid:
        return table  # Some value is no number; its row will be named.
    sound = {}
    for order in _ORDERS:
        opened, high, low, close = (prices[order.index(name)] for name in _ORDERS[0])
        sound[order] = float(
            ((low <= opened) & (opened <= high) & (low <= close) & (close <= high)).mean()
        )
    fitting = [order for order in _ORDERS if sound[order] == 1.0]
    if sound[_ORDERS[0]] >= _SURE or len(fitting) != 1:
        return table
    order = fitting[0]
    wrong = round((1 - sound[_ORDERS[0]]) * len(table))
    notes.append(
        f"columns found to be time, {', '.join(order)}, volume: read as open, high, low, close "
        f"{wrong:,} of {len(table):,} bars contradict themselves"
    )
    return table.rename_columns(["date", *order, "volume"])
