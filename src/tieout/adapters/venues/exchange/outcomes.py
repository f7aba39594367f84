"""What an error on an order tells about the order: refused for sure, or not known at all.

Only errors listed here are taken for a refusal. Anything else — a time-out, a 5xx, a cut
connection, a code nobody documented — leaves the outcome unknown: the venue may have the order.

Source: Binance USD-M futures, error codes and "general information" (HTTP return codes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tieout.errors import TieoutError, VenueError

__all__ = [
    "NOT_FOUND_CODES",
    "Refused",
    "RequestFailed",
    "RequestRecord",
    "Unknown",
    "create_outcome",
]


@dataclass(slots=True)
class RequestRecord:
    """What happened to one request on its way.

    Attributes:
        sent: Whether it was handed to a connection.
        unreachable: No connection could be made, so that no byte of it left.
        status: HTTP status of the answer; None without one.
        code: The venue's error code; None without one.
        text: The venue's own words.
    """

    sent: bool = False
    unreachable: bool = False
    status: int | None = None
    code: int | None = None
    text: str = ""


class RequestFailed(VenueError):
    """A request without a good answer; what is known of it is in `record`."""

    def __init__(self, what: str, record: RequestRecord, cause: Exception) -> None:
        self.record = record
        status = "no answer" if record.status is None else f"status {record.status}"
        super().__init__(f"{what}: {status}: {_words(record, cause)}")

    @property
    def is_not_found(self) -> bool:
        """Whether the venue says that it has no such order."""
        return self.record.code in NOT_FOUND_CODES


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue does not have the order and never will."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Only the venue can tell."""

    detail: str


_ADDRESS: Final = re.compile(r"\S+://\S+")

NOT_FOUND_CODES: Final = frozenset({-2011, -2013})
"""Codes that say no open order, or no order at all, has this id."""

_REASONS: Final = {
    -1002: "permission",
    -1003: "rate_limited",
    -1013: "filter",
    -1015: "rate_limited",
    -1021: "timestamp",
    -1022: "signature",
    -1111: "precision",
    -1121: "unknown_symbol",
    -2010: "rejected",
    -2014: "permission",
    -2015: "permission",
    -2018: "insufficient_margin",
    -2019: "insufficient_margin",
    -2020: "not_fillable",
    -2021: "would_trigger",
    -2022: "reduce_only",
    -2023: "liquidation",
    -2024: "insufficient_position",
    -2025: "open_orders_max",
    -2027: "position_max",
    -2028: "leverage",
    -4003: "quantity",
    -4004: "quantity",
    -4005: "quantity",
    -4014: "price",
    -4023: "quantity",
    -4131: "price_band",
    -4164: "min_notional",
    -5021: "not_fillable",
    -5022: "not_fillable",
    -5028: "timestamp",
}
"""Machine words for the refusals a strategy may care about; others are named by their code."""

_REFUSED_CODES: Final = frozenset(_REASONS) | {-1008, -1014, -1020, -1023, -2026}
_REFUSED_RANGES: Final = (range(-1199, -1099), range(-4999, -3999))
_DUPLICATE_CODES: Final = frozenset({-4111, -4115, -4116})
"""Our ids are a function of the decision: a duplicate is our own order, already there."""

_BUSY_TEXTS: Final = ("Service Unavailable", "Internal error; unable to process")
"""Texts of a 503 that the venue documents as a definite failure."""


def create_outcome(record: RequestRecord, error: Exception) -> Refused | Unknown:
    """Return what a failed create tells.

    Args:
        record: What happened to the request.
        error: What the client library raised.
    """
    detail = _words(record, error)
    if not record.sent:
        return Refused("not_sent", detail)
    if record.unreachable:
        return Refused("unreachable", detail)
    if record.status in (418, 429):
        return Refused("rate_limited", detail)
    if record.status == 503 and any(text in record.text for text in _BUSY_TEXTS):
        return Refused("venue_busy", detail)
    if record.code is not None and record.status is not None and 400 <= record.status < 500:
        return _coded(record.code, detail)
    return Unknown(detail)


def _coded(code: int, detail: str) -> Refused | Unknown:
    if code in _DUPLICATE_CODES:
        return Unknown(f"the venue knows this id already: {detail}")
    if code in _REFUSED_CODES or any(code in each for each in _REFUSED_RANGES):
        return Refused(_REASONS.get(code, f"venue_{-code}"), detail)
    return Unknown(detail)


def _words(record: RequestRecord, error: Exception) -> str:
    """Return what was said, without addresses: they carry signatures, and ports that change."""
    if record.text:
        return record.text
    if error.__cause__ is not None and not isinstance(error, TieoutError):
        return f"{type(error).__name__} ({type(error.__cause__).__name__})"
    return _ADDRESS.sub("…", str(error))[:300] or type(error).__name__
