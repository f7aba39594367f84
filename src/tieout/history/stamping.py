"""What the stamp of a bar means, found out: from finer data of the same market, or from the bars.

A bar stamped t covers [t, t + length) if t is its open, [t − length, t) if t is its close. Finer
rows say which of the two windows has its prices. Without any, markets that pause tell: they begin
and end at whole half hours, so that the first stamp after a pause is one if it is an open, and the
last stamp before a pause is one if it is a close.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import DataError, InputError
from tieout.history._rows import RowReader
from tieout.model.columns import BarColumns, interval_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tieout.history._files import Part
    from tieout.history._rows import Layout
    from tieout.history.dataset import Dataset
    from tieout.history.formats.reading import Ask, TableReading
    from tieout.history.store import Store
    from tieout.model.columns import MarketColumns
    from tieout.model.instruments import Instrument

    Int64s = NDArray[np.int64]

__all__ = ["StampEvidence", "judge_by_finer", "judge_by_pauses", "settle_stamp"]

_HALF_HOUR_NS: Final = 1_800_000_000_000
_BARS_SEEN: Final = 20_000
_BARS_MIN: Final = 10
_PAUSES_MIN: Final = 3
_MOST: Final = 0.8
_FEW: Final = 0.2
_PRICES: Final = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")


@dataclass(frozen=True, slots=True)
class StampEvidence:
    """What speaks for either reading.

    Attributes:
        source: Where it comes from, in words.
        of: How many cases could speak.
        open, close: How many spoke for a stamp at the open, and at the close.
    """

    source: str
    of: int
    open: int
    close: int

    @property
    def verdict(self) -> str | None:
        """`open` or `close` where most cases agree and few do not, else None."""
        for name, yes, no in (("open", self.open, self.close), ("close", self.close, self.open)):
            if self.of and yes >= _MOST * self.of and no <= _FEW * self.of:
                return name
        return None

    def __str__(self) -> str:
        return (
            f"{self.source}: of {self.of:,} {self.open:,} agree if a stamp is the open, "
            f"{self.close:,} if it is the close"
        )


def settle_stamp(
    store: Store,
    rows: Iterator[tuple[Layout, Part]],
    reading: TableReading,
    ask: Ask,
    file: str,
    against: Dataset | None,
) -> tuple[str, str]:
    """Return what stamps are, and why.

    Args:
        store: Searched for finer data of the same instrument, where none is named.
        rows: The file's rows, read a first time.
        reading: What the format knows.
        ask: What a person says.
        file: Named in errors.
        against: Finer data that was named.

    Raises:
        InputError: A person and the format say different things.
        DataError: What was said contradicts the data.
    """
    said, why = reading.stamp, reading.stamp_why
    if said and ask.stamp and said != ask.stamp:
        raise InputError(
            f"{file}: --stamp {ask.stamp}, but {why}; leave the option out, or name another "
            "--format"
        )
    bars = _bars(rows, reading, ask.instrument)
    seen: list[StampEvidence] = []
    finer = [against] if against is not None else _finer(store, ask.instrument, reading.interval_ns)
    for each in finer:
        evidence = judge_by_finer(bars, ask.instrument, each)
        if evidence is not None:
            seen.append(evidence)
    pauses = judge_by_pauses(bars)
    if pauses is not None:
        seen.append(pauses)
    found = next((each for each in seen if each.verdict), None)
    if found is None:
        if said:
            return said, why
        return "open", "nothing in it says otherwise: stamps are taken for the open"
    if said and said != found.verdict:
        raise DataError(
            f"a bar would be stamped at its {said}, and its prices say {found.verdict}",
            file=file,
            value=str(found),
            limit=why or "what was said",
            remedy=f"Say --stamp {found.verdict}, or check zone, interval and instrument.",
        )
    told = f"found by {found}"
    return found.verdict or "open", f"{why}; {told}" if said else told


def judge_by_finer(
    bars: BarColumns, instrument: Instrument, finer: Dataset
) -> StampEvidence | None:
    """Return how many bars have the prices of either window, or None where too few can be compared.

    Args:
        bars: As if their stamps were their opens.
        instrument: Whose bars they are.
        finer: Trades, or shorter bars, of the same market.

    Raises:
        InputError: The data is not finer.
    """
    length = bars.interval_ns
    if finer.meta.kind not in ("trades", "bars") or finer.meta.interval_ns >= length:
        raise InputError(
            f"{finer.meta.name}: {finer.meta.kind} of {finer.meta.interval_ns} ns are not finer "
            f"than bars of {interval_name(length)}; name trades, or shorter bars"
        )
    if not len(bars):
        return None
    stamps = bars.open_time_ns
    first, last = int(stamps[0]), int(stamps[-1])
    made = _windows(finer, first - length, last + length, length)
    if made is None:
        return None
    starts, prices = made
    # A window that the finer data begins or ends in is not whole.
    known_from = finer.meta.first_time_ns - finer.meta.interval_ns
    ours = np.column_stack([getattr(bars, name) for name in _PRICES])
    up, down = _factors(instrument, finer.meta.instrument)
    agree: dict[str, NDArray[np.bool_]] = {}
    there: dict[str, NDArray[np.bool_]] = {}
    for name, window in (("open", stamps), ("close", stamps - length)):
        place = np.searchsorted(starts, window)
        inside = np.minimum(place, len(starts) - 1)
        found = (starts[inside] == window) & (window >= known_from)
        found &= window + length <= finer.meta.last_time_ns
        there[name] = found
        agree[name] = found & (ours * up == prices[inside] * down).all(axis=1)
    both = there["open"] & there["close"]
    # A bar whose two windows have the same prices says nothing.
    tells = both & ~(agree["open"] & agree["close"])
    of = int(tells.sum())
    if of < _BARS_MIN:
        return None
    return StampEvidence(
        f"{finer.meta.kind} of {finer.meta.name}",
        of,
        int((agree["open"] & tells).sum()),
        int((agree["close"] & tells).sum()),
    )


def judge_by_pauses(bars: BarColumns) -> StampEvidence | None:
    """Return what the edges of a market's pauses say, or None where there are too few.

    Args:
        bars: As if their stamps were their opens.
    """
    length = bars.interval_ns
    if length * 2 > _HALF_HOUR_NS or len(bars) < _BARS_MIN:
        return None
    stamps = bars.open_time_ns
    gaps = np.flatnonzero(np.diff(stamps) >= _HALF_HOUR_NS + length)
    before, after = stamps[gaps] % _HALF_HOUR_NS, stamps[gaps + 1] % _HALF_HOUR_NS
    as_open = (after == 0) & (before == _HALF_HOUR_NS - length)
    as_close = (after == length) & (before == 0)
    if len(gaps) < _PAUSES_MIN:
        return None
    return StampEvidence("its pauses", len(gaps), int(as_open.sum()), int(as_close.sum()))


def _bars(
    rows: Iterator[tuple[Layout, Part]], reading: TableReading, instrument: Instrument
) -> BarColumns:
    """Return the first bars that are right, as if stamped at their opens."""
    reader = RowReader(
        "mark", instrument, interval_ns=reading.interval_ns, volume="round_down", set_aside=True
    )
    chunks: list[dict[str, Int64s]] = []
    seen, file = 0, None
    for layout, part in rows:
        if layout.file != file:
            reader.begin(layout)
            file = layout.file
        if not len(part.rows):
            continue
        chunk, defects = reader.chunk(part)
        chunks.append({name: each[defects.kept] for name, each in chunk.items()})
        seen += int(defects.kept.sum())
        if seen >= _BARS_SEEN:
            break
    names = ("open_time_ns", "close_time_ns", *_PRICES)
    none = np.empty(0, np.int64)
    columns = {
        name: np.concatenate([none, *(each[name] for each in chunks)])[:_BARS_SEEN]
        for name in names
    }
    count = len(columns["open_time_ns"])
    return BarColumns(
        instrument.symbol,
        reading.interval_ns,
        columns["open_time_ns"],
        columns["close_time_ns"],
        columns["close_time_ns"],
        columns["open_ticks"],
        columns["high_ticks"],
        columns["low_ticks"],
        columns["close_ticks"],
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.bool_),
    )


def _finer(store: Store, instrument: Instrument, length_ns: int) -> list[Dataset]:
    """Return an instrument's data sets that are finer, trades first, then the shortest bars."""
    found = []
    for name in store.names():
        try:
            each = store.dataset(name)
        except DataError:
            continue  # A damaged neighbour is not this import's business.
        meta = each.meta
        if meta.instrument.symbol != instrument.symbol or meta.kind not in ("trades", "bars"):
            continue
        if meta.interval_ns < length_ns and (
            not meta.interval_ns or length_ns % meta.interval_ns == 0
        ):
            found.append(each)
    return sorted(found, key=lambda each: each.meta.interval_ns)


def _windows(
    finer: Dataset, from_ns: int, to_ns: int, length_ns: int
) -> tuple[Int64s, Int64s] | None:
    """Return the starts of windows, and open, high, low and close of the finer rows in each."""
    starts: list[Int64s] = []
    prices: list[Int64s] = []
    batches = finer.batches(delay_ns=0, start_ns=from_ns, end_ns=to_ns + length_ns)
    phase = (from_ns + length_ns) % length_ns
    for each in batches:
        when, rows = _rows(each)
        window = (when - phase) // length_ns * length_ns + phase
        begins = np.flatnonzero(np.diff(window, prepend=window[0] - 1))
        opened, high, low, close = rows
        ends = np.append(begins[1:], len(window)) - 1
        made = np.column_stack(
            (
                opened[begins],
                np.maximum.reduceat(high, begins),
                np.minimum.reduceat(low, begins),
                close[ends],
            )
        )
        found = window[begins]
        if starts and starts[-1][-1] == found[0]:
            # A window goes on from the batch before.
            old, new = prices[-1][-1], made[0]
            made[0] = (old[0], max(old[1], new[1]), min(old[2], new[2]), new[3])
            starts[-1], prices[-1] = starts[-1][:-1], prices[-1][:-1]
            if not len(starts[-1]):
                starts.pop()
                prices.pop()
        starts.append(found)
        prices.append(made)
    return (np.concatenate(starts), np.concatenate(prices)) if starts else None


def _rows(columns: MarketColumns) -> tuple[Int64s, tuple[Int64s, Int64s, Int64s, Int64s]]:
    if isinstance(columns, BarColumns):
        return columns.open_time_ns, (
            columns.open_ticks,
            columns.high_ticks,
            columns.low_ticks,
            columns.close_ticks,
        )
    price = columns.price_ticks
    return columns.venue_time_ns, (price, price, price, price)


def _factors(ours: Instrument, theirs: Instrument) -> tuple[int, int]:
    """Return what ticks of two instruments are multiplied with to be comparable."""
    over, under = (ours.tick_size / theirs.tick_size).as_integer_ratio()
    return (over, under) if max(over, under) < 10**6 else (1, 1)
