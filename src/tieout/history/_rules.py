"""What stored trades and bars must satisfy, one row and from row to row, across chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from tieout.errors import DataError
from tieout.history._borrow_rows import NOT_TOLD
from tieout.model.actions import ActionKind
from tieout.model.availability import KNOWN_NS_MAX
from tieout.model.columns import interval_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tieout.history._defects import Defects

    Int64s = NDArray[np.int64]
    Chunk = Mapping[str, Int64s]

__all__ = [
    "ActionRules",
    "BarRules",
    "BorrowRules",
    "FundingRules",
    "QuoteRules",
    "Rules",
    "ShownValue",
    "TradeRules",
    "rules_of",
]

_HOUR_NS = 3_600_000_000_000
_ORDER = "is the order of the columns right? Map them with --column, or use --set-aside."
_INTERVAL_ROWS_MIN = 10


class ShownValue(Protocol):
    """Gives the value of a field in a row of the present chunk, as the file has it."""

    def __call__(self, field: str, row: int) -> str:
        """Return it as text."""


class Rules(Protocol):
    """Judges chunks of one kind in order."""

    def judge(self, chunk: Chunk, shown: ShownValue, defects: Defects) -> None:
        """Mark what cannot be right."""

    def finish(self, file: str) -> None:
        """Judge the data as a whole; may raise."""


def rules_of(kind: str, interval_ns: int) -> Rules:
    """Return the rules for rows of a kind."""
    match kind:
        case "trades":
            return TradeRules()
        case "quotes":
            return QuoteRules()
        case "funding":
            return FundingRules()
        case "actions":
            return ActionRules()
        case "borrow":
            return BorrowRules()
        case _:
            return BarRules(interval_ns)


class TradeRules:
    """Judges chunks of trades in order; remembers the last one kept."""

    def __init__(self) -> None:
        self._last_ns = _NEVER
        self._last_id = _NEVER

    def judge(self, chunk: Chunk, shown: ShownValue, defects: Defects) -> None:
        """Mark what cannot be right: prices, quantities, times and ids."""
        for field, column in (("price", "price_ticks"), ("quantity", "quantity_lots")):
            defects.mark(
                chunk[column] <= 0,
                f"{field} is not positive",
                lambda row, field=field: shown(field, row),  # type: ignore[misc]
                limit="above 0",
            )
        when, ids = chunk["venue_time_ns"], chunk["trade_id"]
        defects.mark(
            when < _highest_before(when, defects.kept, self._last_ns),
            "the time goes backwards",
            lambda row: shown("time", row),
            limit="ascending times",
        )
        self._last_ns = _last(when, defects.kept, self._last_ns)
        before = _highest_before(ids, defects.kept, self._last_id)
        remedy = "If they are no running numbers, do not take them: --column id=-."
        defects.mark(
            ids == before,
            "the trade was there already",
            lambda row: shown("id", row),
            limit="each id once",
        )
        defects.mark(
            ids < before,
            "trade ids do not ascend",
            lambda row: shown("id", row),
            limit="ascending ids",
            remedy=remedy,
        )
        self._last_id = _last(ids, defects.kept, self._last_id)
        _mark_known(chunk, when, shown, defects)

    def finish(self, file: str) -> None:
        """Nothing is known of trades at their end that was not known before."""


class BarRules:
    """Judges chunks of bars in order; remembers the last one kept.

    Args:
        interval_ns: Length of a bar.
    """

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._last_ns = _NEVER
        self._first_ns: int | None = None
        self._rows = 0
        self._shortest_ns: int | None = None

    def judge(self, chunk: Chunk, shown: ShownValue, defects: Defects) -> None:
        """Mark what cannot be right: prices, volume and times."""
        high, low = chunk["high_ticks"], chunk["low_ticks"]
        for field in ("open", "high", "low", "close"):
            defects.mark(
                chunk[f"{field}_ticks"] <= 0,
                f"{field} is not positive",
                lambda row, field=field: shown(field, row),  # type: ignore[misc]
                limit="above 0",
            )
        defects.mark(
            high < low,
            "high is below low",
            lambda row: f"high {shown('high', row)}, low {shown('low', row)}",
            limit="low to high",
            remedy=f"High below low: {_ORDER}",
        )
        for field in ("open", "close"):
            ticks = chunk[f"{field}_ticks"]
            defects.mark(
                (ticks > high) | (ticks < low),
                f"{field} lies outside of low and high",
                lambda row, field=field: (  # type: ignore[misc]
                    f"{field} {shown(field, row)}, low {shown('low', row)}, "
                    f"high {shown('high', row)}"
                ),
                limit="low to high",
                remedy=f"An impossible bar: {_ORDER}",
            )
        if "volume_lots" in chunk:
            defects.mark(
                chunk["volume_lots"] < 0,
                "volume is negative",
                lambda row: shown("volume", row),
                limit="0 or more",
            )
        self._judge_times(chunk["open_time_ns"], _first_versions(chunk), shown, defects)
        _mark_known(chunk, chunk["close_time_ns"], shown, defects)
        _mark_versions(chunk, shown, defects)

    def finish(self, file: str) -> None:
        """Refuse data whose bars are longer than they are said to be.

        Raises:
            DataError: No two bars are closer together than two intervals. A bar taken for
                shorter than it is would be known before it is over.
        """
        shortest = self._shortest_ns
        if self._rows < _INTERVAL_ROWS_MIN or shortest is None:
            return
        if shortest >= 2 * self._interval_ns:
            raise DataError(
                f"no two bars are as close as {_length(self._interval_ns)}",
                file=file,
                value=f"the closest are {_length(shortest)} apart",
                limit="some bars that follow each other",
                remedy=f"Say how long a bar is: --interval {_length(shortest)}?",
            )

    def _judge_times(
        self, opened: Int64s, first: NDArray[np.bool_], shown: ShownValue, defects: Defects
    ) -> None:
        # Later versions of a bar lie behind it, and have its time.
        kept = defects.kept & first
        if self._first_ns is None and kept.any():
            self._first_ns = int(opened[np.argmax(kept)])
        grid_ns = min(self._interval_ns, _HOUR_NS)
        if self._first_ns is not None:
            defects.mark(
                first & ((opened - self._first_ns) % grid_ns != 0),
                f"the stamp is not a whole interval of {_length(grid_ns)} from the first one",
                lambda row: shown("time", row),
                limit=f"multiples of {_length(grid_ns)}",
            )
        kept = defects.kept & first
        before = _highest_before(opened, kept, self._last_ns)
        defects.mark(
            first & (opened == before),
            "the time was there already",
            lambda row: shown("time", row),
            limit="each time once",
        )
        defects.mark(
            first & (opened < before),
            "the time goes backwards",
            lambda row: shown("time", row),
            limit="ascending times",
            remedy="Sort the file by time, oldest first.",
        )
        kept = defects.kept & first
        # What was marked just now no longer counts as the bar before; what overlaps does, so that
        # the verdict is the same wherever a chunk ends.
        before = _highest_before(opened, kept, self._last_ns)
        distance = np.where(before == _NEVER, self._interval_ns, opened - before)
        self._note_distances(opened[kept])
        self._last_ns = _last(opened, kept, self._last_ns)
        defects.mark(
            first & (distance < self._interval_ns),
            "the bar begins before the last one ends",
            lambda row: shown("time", row),
            limit=f"bars of {_length(self._interval_ns)}",
            remedy="Is the interval right? Say it with --interval.",
        )

    def _note_distances(self, opened: Int64s) -> None:
        if not len(opened):
            return
        if self._rows:
            opened = np.concatenate(([self._last_ns], opened))
            self._rows -= 1
        self._rows += len(opened)
        if len(opened) > 1:
            shortest = int(np.diff(opened).min())
            known = self._shortest_ns
            self._shortest_ns = shortest if known is None else min(known, shortest)


class QuoteRules:
    """Judges chunks of quotes in order; remembers the last arrival, and how many were crossed."""

    def __init__(self) -> None:
        self._last_ns = _NEVER
        self._rows = 0
        self._crossed = 0

    def judge(self, chunk: Chunk, shown: ShownValue, defects: Defects) -> None:
        """Mark negative prices and sizes, and what was received before the row above it."""
        for field, column in (
            ("bid", "bid_ticks"),
            ("ask", "ask_ticks"),
            ("bid_quantity", "bid_lots"),
            ("ask_quantity", "ask_lots"),
        ):
            defects.mark(
                chunk[column] < 0,
                f"{field} is negative".replace("_", " "),
                lambda row, field=field: shown(field, row),  # type: ignore[misc]
                limit="0 (nobody) or more",
            )
        arrival = chunk["arrival_time_ns"]
        defects.mark(
            arrival < _highest_before(arrival, defects.kept, self._last_ns),
            "the time goes backwards",
            lambda row: shown("arrival", row),
            limit="ascending times",
        )
        self._last_ns = _last(arrival, defects.kept, self._last_ns)
        whole = (chunk["bid_ticks"] > 0) & (chunk["ask_ticks"] > 0) & defects.kept
        self._rows += int(whole.sum())
        self._crossed += int((whole & (chunk["bid_ticks"] > chunk["ask_ticks"])).sum())

    def finish(self, file: str) -> None:
        """Refuse data whose bids stand above its asks.

        Raises:
            DataError: Most of them do: the columns are in the wrong order.
        """
        if self._crossed * 2 > self._rows:
            raise DataError(
                "most bids are above their asks",
                file=file,
                value=f"{self._crossed:,} of {self._rows:,}",
                limit="less than half",
                remedy="Are bid and ask exchanged? Map them with --column.",
            )


class FundingRules:
    """Judges a funding series."""

    def __init__(self) -> None:
        self._last_ns = _NEVER

    def judge(self, chunk: Chunk, shown: ShownValue, defects: Defects) -> None:
        """Mark rates no venue could charge, and times that do not ascend."""
        defects.mark(
            np.abs(chunk["rate_e18"]) > _RATE_MAX_E18,
            "the rate is beyond all reason",
            lambda row: shown("rate", row),
            limit="-1 … 1, as a fraction: 0.0001 is one basis point",
        )
        defects.mark(
            chunk["interval_ns"] <= 0,
            "the interval is not positive",
            lambda row: shown("interval", row),
            limit="above 0",
        )
        defects.mark(
            chunk["mark_ticks"] < 0,
            "mark is negative",
            lambda row: shown("mark", row),
            limit="0 (not told) or more",
        )
        self._last_ns = _judge_each_time_once(chunk, self._last_ns, shown, defects)

    def finish(self, file: str) -> None:
        """Nothing is known of a series at its end that was not known before."""


class BorrowRules:
    """Judges what borrowing costs, and how much there is, in order of time."""

    def __init__(self) -> None:
        self._last_ns = _NEVER

    def judge(self, chunk: Chunk, shown: ShownValue, defects: Defects) -> None:
        """Mark what nobody lends at, less than nothing to lend, and times that do not ascend."""
        rate, available = chunk["rate_e12"], chunk["available_lots"]
        has_rate, has_available = rate != NOT_TOLD, available != NOT_TOLD
        defects.mark(
            has_rate & (np.abs(rate) > _BORROW_RATE_MAX_E12),
            "the rate is beyond all reason",
            lambda row: shown("rate", row),
            limit="-1000 … 1000 a year, as a fraction: 0.0025 is a quarter of a percent",
        )
        defects.mark(
            has_available & (available < 0),
            "what is available is negative",
            lambda row: shown("available", row),
            limit="0 or more",
        )
        defects.mark(
            ~(has_rate | has_available),
            "the row tells neither a rate nor what is available",
            lambda row: shown("time", row),
            limit="one of them",
        )
        defects.mark(
            chunk["known_time_ns"] > KNOWN_NS_MAX,
            "the row is known beyond the times that are known here",
            lambda row: shown("known_time", row),
            limit="up to 2079",
        )
        self._last_ns = _judge_each_time_once(chunk, self._last_ns, shown, defects)

    def finish(self, file: str) -> None:
        """Nothing is known of a series at its end that was not known before."""


class ActionRules:
    """Judges corporate actions in the order in which they take effect."""

    def __init__(self) -> None:
        self._last = (_NEVER, 0)

    def judge(self, chunk: Chunk, shown: ShownValue, defects: Defects) -> None:
        """Mark values that no action has, and actions that are out of order or there twice."""
        kind, value = chunk["action"], chunk["value"]
        defects.mark(
            (kind < 1) | (kind > max(ActionKind)),
            "there is no such action",
            lambda row: shown("action", row),
            limit=", ".join(f"{int(each)} {each.name.lower()}" for each in ActionKind),
        )
        needs_value = (kind == ActionKind.SPLIT) | (kind == ActionKind.DIVIDEND)
        defects.mark(
            (needs_value & (value <= 0)) | (chunk["per"] <= 0) | (chunk["reference"] < 0),
            "the value is not positive",
            lambda row: f"{shown('value', row)} per {shown('per', row)}",
            limit="above 0",
        )
        before = self._last
        wrong = np.zeros(len(kind), np.bool_)
        for row, here in enumerate(
            zip(chunk["venue_time_ns"].tolist(), kind.tolist(), strict=True)
        ):
            wrong[row] = here <= before
            before = max(before, here)
        self._last = before
        defects.mark(
            wrong,
            "the action was there already, or comes after a later one",
            lambda row: shown("time", row),
            limit="each action of an instant once, in order of time",
        )

    def finish(self, file: str) -> None:
        """Nothing is known of actions at their end that was not known before."""


def _judge_each_time_once(chunk: Chunk, last_ns: int, shown: ShownValue, defects: Defects) -> int:
    """Mark times that do not ascend; return the last one kept."""
    when = chunk["venue_time_ns"]
    before = _highest_before(when, defects.kept, last_ns)
    defects.mark(
        when == before,
        "the time was there already",
        lambda row: shown("time", row),
        limit="each time once",
    )
    defects.mark(
        when < before,
        "the time goes backwards",
        lambda row: shown("time", row),
        limit="ascending times",
    )
    return _last(when, defects.kept, last_ns)


def _first_versions(chunk: Chunk) -> NDArray[np.bool_]:
    """Return which rows are the first word on their bar."""
    if "revision" not in chunk:
        return np.ones(len(chunk["open_time_ns"]), np.bool_)
    first: NDArray[np.bool_] = chunk["revision"] == 0
    return first


def _mark_known(chunk: Chunk, over: Int64s, shown: ShownValue, defects: Defects) -> None:
    """Mark rows that would have been known before they were over, or beyond what is known here."""
    if "known_time_ns" not in chunk:
        return
    known = chunk["known_time_ns"]
    defects.mark(
        known < over,
        "the row was known before it was over",
        lambda row: shown("known_time", row),
        limit="the time of the trade, the close of the bar, or later",
        remedy=(
            "Are zone, interval and stamp right? A bar is over at its close: say --stamp close "
            "where stamps are closes. Mend the row, or leave such rows out with --set-aside."
        ),
    )
    defects.mark(
        known > KNOWN_NS_MAX,
        "the row is known beyond the times that are known here",
        lambda row: shown("known_time", row),
        limit="up to 2079",
    )


def _mark_versions(chunk: Chunk, shown: ShownValue, defects: Defects) -> None:
    """Mark versions of a bar that were not known later than the one before."""
    if "revision" not in chunk or not len(chunk["revision"]):
        return
    known, opened = chunk["known_time_ns"], chunk["open_time_ns"]
    again = np.concatenate(([False], (opened[1:] == opened[:-1]) & (known[1:] <= known[:-1])))
    defects.mark(
        again,
        "the bar was published twice at one time",
        lambda row: shown("known_time", row),
        limit="each version of a bar known later than the one before",
        remedy="Which of the rows is right? Leave the other one out.",
    )


_RATE_MAX_E18: Final = 10**18
_BORROW_RATE_MAX_E12: Final = 1000 * 10**12

_NEVER = int(np.iinfo(np.int64).min)
"""Stands for "nothing before" in a row of times or ids."""


def _highest_before(values: Int64s, kept: NDArray[np.bool_], last: int) -> Int64s:
    """Return, for each row, the highest value of a kept row before it."""
    candidates = np.concatenate(([last], np.where(kept, values, _NEVER)[:-1]))
    return np.maximum.accumulate(candidates)


def _last(values: Int64s, kept: NDArray[np.bool_], last: int) -> int:
    return int(values[kept][-1]) if kept.any() else last


def _length(length_ns: int) -> str:
    return f"{length_ns} ns" if length_ns % 1_000_000_000 else interval_name(length_ns)
