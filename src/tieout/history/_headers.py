"""Which column of a file holds which field, by name, without guessing between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["FIELDS", "NONE", "columns_of", "kinds_of"]

FIELDS: Final = {
    "trades": (
        *("date", "time", "price", "quantity", "side", "buyer_is_maker", "id"),
        *("known_time", "arrival"),
    ),
    "bars": ("date", "time", "open", "high", "low", "close", "volume", "known_time", "arrival"),
    "mark": ("date", "time", "open", "high", "low", "close"),
    "quotes": ("date", "time", "arrival", "bid", "bid_quantity", "ask", "ask_quantity"),
    "funding": ("date", "time", "rate", "interval", "mark"),
    "borrow": ("date", "time", "rate", "available", "known_time"),
}
"""What a mapping can name, by kind."""

NONE: Final = "-"
"""Given as a column's name: there is no such column, whatever the headers look like."""

_NEEDED = {
    "trades": ("time", "price", "quantity"),
    "bars": ("time", "open", "high", "low", "close", "volume"),
    "mark": ("time", "open", "high", "low", "close"),
    "quotes": ("time", "bid", "ask"),
    "funding": ("time", "rate"),
    "borrow": ("time",),
}
_TELLING: Final = {"borrow": ("time", "available")}
"""Of a rate alone nobody knows whether it is one of funding or of borrowing."""
_CAN_BE_NONE = {
    *("side", "buyer_is_maker", "id", "volume", "date"),
    *("arrival", "bid_quantity", "ask_quantity", "interval", "mark", "known_time"),
}
_BORROW_NEEDS_ONE_OF: Final = ("rate", "available")
_KNOWN: Final = {
    "time": (
        *("time", "datetime", "date", "timestamp", "timestamps", "date time", "date/time", ""),
        *("gmt time", "open time", "open_time", "opentime", "time (utc)", "date (utc)"),
        *("timestamp_utc", "unix"),
    ),
    "price": ("price", "last", "last price", "trade price"),
    "quantity": ("quantity", "qty", "volume", "size", "amount"),
    "side": ("side", "aggressor", "aggressor side", "taker_side", "taker side"),
    "buyer_is_maker": ("is_buyer_maker", "isbuyermaker", "buyer_is_maker", "buyer_maker"),
    "id": ("id", "trade_id", "tradeid", "trade id", "agg_trade_id"),
    "open": ("open", "<open>"),
    "high": ("high", "<high>"),
    "low": ("low", "<low>"),
    "close": ("close", "<close>"),
    "volume": ("volume", "vol", "<vol>"),
    "known_time": ("known_time",),
    "arrival": ("arrival", "local_timestamp", "local timestamp", "receive_time", "received"),
    "bid": ("bid", "bid_price", "best_bid_price", "best_bid", "bid price"),
    "bid_quantity": (
        *("bid_quantity", "bid_size", "bid_qty", "bid_amount", "best_bid_qty", "bid size"),
    ),
    "ask": ("ask", "ask_price", "best_ask_price", "best_ask", "ask price"),
    "ask_quantity": (
        *("ask_quantity", "ask_size", "ask_qty", "ask_amount", "best_ask_qty", "ask size"),
    ),
    "rate": ("rate", "funding_rate", "funding rate", "last_funding_rate", "fundingrate"),
    "interval": ("funding_interval_hours", "interval_hours"),
    "mark": ("mark", "mark_price", "mark price", "markprice"),
    "available": (
        *("available", "available_shares", "shares_available", "shortable", "shortable_shares"),
    ),
}

_BORROW_RATE: Final = (
    *(
        "rate",
        "borrow_rate",
        "borrow rate",
        "borrow_fee",
        "borrow_fee_rate",
        "fee_rate",
        "fee rate",
    ),
)
"""What the rate of borrowing is called; most of these names would be no funding."""


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
        known = _BORROW_RATE if (kind, field) == ("borrow", "rate") else _KNOWN[field]
        if field == "arrival" and kind in ("trades", "bars"):
            # Of these nobody expects it, and a receipt that is none would change every result.
            continue
        taken = set(found.values())
        fitting = [name for name in names if name.strip().lower() in known and name not in taken]
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
    if kind == "borrow" and not found.keys() & set(_BORROW_NEEDS_ONE_OF):
        raise DataError(
            "there is no column for a rate or for what is available",
            file=str(path),
            value=", ".join(names)[:200],
            remedy="Name one: --column rate=HEADER, --column available=HEADER.",
        )
    if "side" in found and "buyer_is_maker" in found:
        raise DataError(
            "two columns tell the side",
            file=str(path),
            value=f"{found['side']}, {found['buyer_is_maker']}",
            remedy=f"Leave one out: --column side={NONE}.",
        )
    if "known_time" in found and "arrival" in found:
        raise InputError(
            f"{path}: known_time and arrival; a row has one of them: published, or received. Say "
            f"--column known_time={NONE}, or leave arrival out"
        )
    return found


def kinds_of(names: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    """Return the kinds that columns of these names could be; a mapping names further ones."""
    lower = {each.strip().lower() for each in names}
    has = {field for field, known in _KNOWN.items() if lower & set(known)}
    has |= {field for field, column in mapping.items() if column != NONE}
    for field, column in mapping.items():
        if column == NONE:
            has.discard(field)
    # A file of bars may lack a volume; prices of a mark are bars until somebody says otherwise.
    found = [
        kind
        for kind in ("bars", "quotes", "borrow", "funding", "trades")
        if set(_TELLING.get(kind, _NEEDED[kind])) - {"volume"} <= has
    ]
    return found[:1] if {"bars", "borrow", "funding"} & set(found) else found


def _check_mapping(path: Path, kind: str, names: Sequence[str], mapping: Mapping[str, str]) -> None:
    fields = FIELDS[kind]
    for field, column in mapping.items():
        if field not in fields:
            raise InputError(f"{path}: mapping names {field}; {kind} have {', '.join(fields)}")
        optional = _BORROW_NEEDS_ONE_OF if kind == "borrow" else ()
        if column == NONE and field not in (*_CAN_BE_NONE, *optional):
            raise InputError(f"{path}: {kind} need a column for {field}; name one")
        if column not in (NONE, *names):
            raise InputError(f"{path}: no column {column!r} for {field}; it has {', '.join(names)}")
