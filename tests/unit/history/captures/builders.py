"""Captures made up line by line, and books rebuilt from what a reader found."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tieout.market.book import Book
from tieout.model.instruments import Instrument

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.history.captures import Capture

T0_MS = 1_700_000_000_000
T0 = T0_MS * 1_000_000
MS = 1_000_000


def an_instrument(name: str = "BTCUSDT", tick: str = "0.1", lot: str = "0.001") -> Instrument:
    """Return an instrument of a venue."""
    return Instrument(
        symbol=name, venue_symbol=name, tick_size=Decimal(tick), lot_size=Decimal(lot)
    )


def capture(folder: Path, messages: list[tuple[int, Any]]) -> Path:
    """Write (milliseconds since T0, message) as a capture."""
    path = folder / "capture.gz"
    lines = [f"{T0 + at * MS} {json.dumps(message)}\n" for at, message in messages]
    path.write_bytes(gzip.compress("".join(lines).encode()))
    return path


def rebuilt(found: Capture) -> Book:
    """Return the book after all rows; none of them may be a break."""
    book = Book(found.book.instrument)
    book.apply(found.book)
    assert list(book.breaks) == []
    return book
