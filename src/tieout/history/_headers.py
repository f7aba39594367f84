"""Which column of a file holds which field, by name, without guessing between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["FIELDS", "NONE", "columns_of"]

FIELDS: Final = {
    "trades": ("date", "time", "price", "quantity", "side", "buyer_is_maker", "id"),
    "bars": ("date", "time", "open", "high", "low", "close", "volume"),
}
"""What a mapping can name, by kind."""

NONE: Final = "-"
"""Given as a column's name: there is no such column, whatever the headers look like."""

_NEEDED = {
    "trades": ("time", "price", "quantity"),
    "bars": ("time", "open", "high", "low", "close", "volume"),
}
_CAN_BE_NONE = {"side", "buyer_is_maker", "id", "volume", "date"}
_KNOWN: Final = {
    "time": (
        *("time", "datetime", "date", "timestamp", "timestamps", "date time", "date/time", ""),
        *("gmt time", "open time", "open_time", "opentime", "time (utc)", "date (utc)"),
    ),
    "price": ("price", "last", "last price", "trade price"),
    "quantity": ("quantity", "qty", "volume", "size", "amount"),
    "side": ("side", "aggressor", "aggressor side", "taker_side", "taker side"),
    "buyer_is_maker": ("is_buyer_maker", "isbuyermaker", "buyer_is_maker"),
    "id": ("id", "trade_id", "tradeid", "trade id", "agg_trade_id"),
    "open": ("open", "<open>"),
    "high": ("high", "<high>"),
    "low": ("low", "<low>"),
    "close": ("close", "<close>"),
    "volume": ("volume", "vol", "<vol>"),
}


def columns_of(
    path: Path, kind: str, names: Sequence[str], mapping: Mapping[str, str]
) -> dict[str, str]:
    """Return field to column: what the mapping says, and for the rest the known names.

    A column of dates and a column of times beside it are taken together.

    Raises:
        InputError: The mapping names a field or a column that there is not.
        DataError: A field has no column, or several would do.
    """
    _check_mapping(path, kind, names, mapping)
    found = {field: column for field, column in mapping.items() if column != NONE}
    for field in FIELDS[kind]:
        if field in mapping or field == "date":
            continue
        taken = set(found.values())
        fitting = [
            name for name in names if name.strip().lower() in _KNOWN[field] and name not in taken
        ]
        if field == "time" and [each.lower() for each in sorted(fitting)] == ["date", "time"]:
            found["date"], found["time"] = sorted(fitting)
        elif len(fitting) > 1:
            raise DataError(
                f"several columns could be the {field}",
                file=str(path),
                value=", ".join(repr(each) for each in fitting),
                remedy=f"Say which: --column {field}=HEADER.",
            )
        elif fitting:
            found[field] = fitting[0]
        elif field in _NEEDED[kind]:
            raise DataError(
                f"there is no column for {field}",
                file=str(path),
                value=", ".join(names)[:200],
                remedy=f"Name it: --column {field}=HEADER.",
            )
    if "side" in found and "buyer_is_maker" in found:
        raise DataError(
            "two columns tell the side",
            file=str(path),
            value=f"{found['side']}, {found['buyer_is_maker']}",
            remedy=f"Leave one out: --column side={NONE}.",
        )
    return found


def _check_mapping(path: Path, kind: str, names: Sequence[str], mapping: Mapping[str, str]) -> None:
    fields = FIELDS[kind]
    for field, column in mapping.items():
        if field not in fields:
            raise InputError(f"{path}: mapping names {field}; {kind} have {', '.join(fields)}")
        if column == NONE and field not in _CAN_BE_NONE:
            raise InputError(f"{path}: {kind} need a column for {field}; name one")
        if column not in (NONE, *names):
            raise InputError(f"{path}: no column {column!r} for {field}; it has {', '.join(names)}")
