"""Rows of books, trades and quotes as a reader finds them, and the columns they become."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tieout.errors import DataError
from tieout.model.columns import BookColumns, BookKind, QuoteColumns, TradeColumns
from tieout.model.decimals import plain_decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tieout.model.instruments import Instrument

__all__ = ["Capture", "CaptureGap", "RowBuilder", "Steps", "milliseconds"]

_MILLISECOND = 1_000_000


class CaptureGap(msgspec.Struct, frozen=True):
    """A place where a stream broke: from there to the next snapshot the book is not known.

    Attributes:
        row: One-based line of the file.
        arrival_ns: When it was received, offset applied.
        problem: What broke (`sequence`, `checksum`).
        expected, found: The two values that should agree.
    """

    row: int
    arrival_ns: int
    problem: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture holds, in order of arrival.

    Attributes:
        book: Levels, clears and prints, one stream.
        trades: The prints again, with their ids.
        quotes: Best bids and asks, where the venue sends them beside the book.
        update_ids: (n,) of each quote, the venue's number of the book it is of; 0: none.
        book_ids: (n,) of each row of the book, the venue's number of the book after it.
        gaps: Where the stream broke.
        least_latency_ns: Smallest time from the venue's stamp to ours, before any offset; None
            without stamps of ours.
    """

    book: BookColumns
    trades: TradeColumns
    quotes: QuoteColumns
    update_ids: np.ndarray[Any, np.dtype[np.int64]]
    book_ids: np.ndarray[Any, np.dtype[np.int64]]
    gaps: tuple[CaptureGap, ...]
    least_latency_ns: int | None


class Steps:
    """Turns decimal text into whole steps, exactly.

    Args:
        step: Size of one.
        name: What is counted, for errors.
    """

    def __init__(self, step: Decimal, name: str) -> None:
        self._step = step
        self._name = name
        # Prices and sizes come again and again; a division of decimals costs a microsecond.
        self._known: dict[str, int] = {}

    def count(self, text: str, *, file: str, row: int) -> int:
        """Return how many steps a number is.

        Raises:
            DataError: Not a number, negative, or not a whole number of steps.
        """
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._counted(text, file, row)
        return found

    def _counted(self, text: str, file: str, row: int) -> int:
        try:
            steps = plain_decimal(text) / self._step
            whole = int(steps)
        except (ArithmeticError, ValueError, TypeError):
            steps, whole = Decimal("NaN"), -1
        if not (steps == whole and 0 <= whole < 2**60):
            raise DataError(
                f"a {self._name} is not a whole number of steps",
                file=file,
                row=row,
                value=str(text),
                limit=f"0 or more, in steps of {self._step}",
                remedy="Check the instrument's tick and lot size, or mend the line.",
            )
        return whole


class RowBuilder:
    """Gathers rows; stamps are checked and the offset of the recorder's clock is applied here.

    Args:
        file: Named in errors.
        instrument: Whose ticks and lots are counted.
        clock_offset_ns: Venue's clock minus the recorder's, added to what the recorder stamped.

    Attributes:
        whole: Whether the book is known, and no message is half applied.
        least_latency_ns: As of `Capture`.
    """

    def __init__(self, file: str, instrument: Instrument, *, clock_offset_ns: int) -> None:
        self.file = file
        self.symbol = instrument.symbol
        self.ticks = Steps(instrument.tick_size, "price")
        self.lots = Steps(instrument.lot_size, "quantity")
        self.whole = False
        self.least_latency_ns: int | None = None
        self.gaps: list[CaptureGap] = []
        self._offset_ns = clock_offset_ns
        self._book: list[tuple[int, int, int, int, int, int, bool, int]] = []
        self._trades: list[tuple[int, int, int, int, int, int]] = []
        self._quotes: list[tuple[int, int, int, int, int, int, int]] = []

    def arrival(self, received_ns: int | None, stamped_ns: int, row: int) -> int:
        """Return when a message arrived by the venue's clock.

        Args:
            received_ns: The recorder's stamp; None: the venue's own is all there is.
            stamped_ns: When the venue sent it.
            row: Named in errors.

        Raises:
            DataError: It would have arrived before it was sent.
        """
        if received_ns is None:
            return stamped_ns
        latency = received_ns - stamped_ns
        if self.least_latency_ns is None or latency < self.least_latency_ns:
            self.least_latency_ns = latency
        arrival = received_ns + self._offset_ns
        if arrival < stamped_ns:
            raise DataError(
                "a message arrived before the venue sent it: the recorder's clock is behind",
                file=self.file,
                row=row,
                value=f"{latency + self._offset_ns} ns",
                limit="a latency of 0 or more",
                remedy=(
                    "Measure the offset with measure_clock_offset and pass it as clock_offset_ns."
                ),
            )
        return arrival

    def received(self, received_ns: int) -> int:
        """Return the recorder's stamp by the venue's clock, where the venue gave none."""
        return received_ns + self._offset_ns

    def levels(
        self,
        side: int,
        pairs: Iterable[Sequence[str]],
        *,
        kind: BookKind,
        row: int,
    ) -> list[tuple[int, int, int, int]]:
        """Return (kind, side, ticks, lots) of pairs of price and size."""
        ticks, lots = self.ticks.count, self.lots.count
        file = self.file
        try:
            return [
                (
                    int(kind),
                    side,
                    ticks(each[0], file=file, row=row),
                    lots(each[1], file=file, row=row),
                )
                for each in pairs
            ]
        except (IndexError, TypeError, KeyError) as error:
            raise self.fault("levels are not pairs of price and size", row, str(error)) from error

    def add_levels(
        self,
        levels: Sequence[tuple[int, int, int, int]],
        *,
        venue_time_ns: int,
        arrival_ns: int,
        book_id: int,
    ) -> None:
        """Add the rows of one message; the book is whole after the last of them."""
        end = len(levels) - 1
        self._book += [
            (venue_time_ns, arrival_ns, kind, side, ticks, lots, place == end, book_id)
            for place, (kind, side, ticks, lots) in enumerate(levels)
        ]
        self.whole = True

    def add_snapshot(
        self,
        bids: Sequence[tuple[int, int, int, int]],
        asks: Sequence[tuple[int, int, int, int]],
        *,
        venue_time_ns: int,
        arrival_ns: int,
        book_id: int,
    ) -> None:
        """Add a clear of both sides and the levels of a snapshot."""
        clear = (int(BookKind.CLEAR), 0, 0, 0)
        self.add_levels(
            [clear, *bids, *asks],
            venue_time_ns=venue_time_ns,
            arrival_ns=arrival_ns,
            book_id=book_id,
        )

    def add_gap(
        self,
        *,
        row: int,
        venue_time_ns: int,
        arrival_ns: int,
        problem: str,
        expected: object,
        found: object,
    ) -> None:
        """Note that the stream broke: the book is empty, and not whole until a snapshot."""
        self.gaps.append(CaptureGap(row, arrival_ns, problem, str(expected), str(found)))
        self._book.append((venue_time_ns, arrival_ns, int(BookKind.CLEAR), 0, 0, 0, False, 0))
        self.whole = False

    def add_trade(
        self,
        *,
        price: str,
        quantity: str,
        aggressor: int,
        trade_id: int,
        venue_time_ns: int,
        arrival_ns: int,
        row: int,
    ) -> None:
        """Add a print, to the trades and to the book's stream."""
        ticks = self.ticks.count(price, file=self.file, row=row)
        lots = self.lots.count(quantity, file=self.file, row=row)
        if not (ticks and lots):
            raise self.fault("a trade has no price or no size", row, f"{price} × {quantity}")
        self._trades.append((venue_time_ns, arrival_ns, ticks, lots, aggressor, trade_id))
        trade = int(BookKind.TRADE)
        self._book.append((venue_time_ns, arrival_ns, trade, aggressor, ticks, lots, self.whole, 0))

    def add_quote(
        self,
        *,
        bid: tuple[str, str],
        ask: tuple[str, str],
        venue_time_ns: int,
        arrival_ns: int,
        update_id: int,
        row: int,
    ) -> None:
        """Add best prices and sizes."""
        cells = [
            steps.count(text, file=self.file, row=row)
            for texts in (bid, ask)
            for steps, text in zip((self.ticks, self.lots), texts, strict=True)
        ]
        bid_ticks, bid_lots, ask_ticks, ask_lots = cells
        self._quotes.append(
            (venue_time_ns, arrival_ns, bid_ticks, bid_lots, ask_ticks, ask_lots, update_id)
        )

    def fault(self, problem: str, row: int, value: str) -> DataError:
        """Return the error that names a message which cannot be read."""
        return DataError(
            problem,
            file=self.file,
            row=row,
            value=value[:80],
            remedy="Check that the file is of this venue and form.",
        )

    def finish(self) -> Capture:
        """Return everything as columns."""
        book = _table(self._book, 8)
        trades = _table(self._trades, 6)
        quotes = _table(self._quotes, 7)
        return Capture(
            BookColumns(
                self.symbol,
                book[0],
                book[1],
                book[2].astype(np.int8),
                book[3].astype(np.int8),
                book[4],
                book[5],
                book[6].astype(np.bool_),
            ),
            TradeColumns(
                self.symbol,
                trades[0],
                trades[1],
                trades[2],
                trades[3],
                trades[4].astype(np.int8),
                trades[5],
            ),
            QuoteColumns(self.symbol, *quotes[:6]),
            quotes[6],
            book[7],
            tuple(self.gaps),
            self.least_latency_ns,
        )


def milliseconds(value: object, builder: RowBuilder, row: int) -> int:
    """Return a venue's stamp in milliseconds, a number or text, as nanoseconds."""
    try:
        found = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        found = 0
    if not 0 < found < 4_102_444_800_000:
        raise builder.fault("a message has no time of the venue", row, str(value))
    return int(found) * _MILLISECOND


def _table(rows: Sequence[tuple[int, ...]], width: int) -> list[Any]:
    table = np.array(rows, np.int64).reshape(-1, width)
    return [np.ascontiguousarray(table[:, column]) for column in range(width)]
