"""Adjusted histories as data sets of their own, for research on adjusted prices.

What is written is adjusted as of its last row: by every action that has taken effect by then. A run
on raw data sees the same prices at that moment, and earlier ones before.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.errors import InputError
from tieout.history._action_rows import in_order
from tieout.history.dataset import WITH_INTERVAL
from tieout.model.actions import PriceView, event_of
from tieout.model.views import FINER, Scales

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tieout.history.dataset import Dataset
    from tieout.history.store import Store
    from tieout.model.actions import Action
    from tieout.model.views import Scale

    Int64s = NDArray[np.int64]
    Chunk = dict[str, Int64s]

__all__ = ["write_adjusted"]

_PRICES: Final = {
    "bars": ("open_ticks", "high_ticks", "low_ticks", "close_ticks"),
    "trades": ("price_ticks",),
}
_SIZE: Final = {"bars": "volume_lots", "trades": "quantity_lots"}
_KNOWN_AT: Final = {"bars": "close_time_ns", "trades": "venue_time_ns"}


def write_adjusted(
    store: Store,
    name: str,
    dataset: Dataset,
    actions: Sequence[Action],
    *,
    view: str = "adjusted",
    tick_size: Decimal | None = None,
) -> Dataset:
    """Write bars or trades as a view has them at their end; the raw ones stay as they are.

    Prices are rounded half up to the tick and sizes to the lot.

    Args:
        store: Where it goes.
        name: Name in the store.
        dataset: Raw bars or trades.
        actions: Of the same instrument.
        view: `split_adjusted`, `adjusted` or `total_return`.
        tick_size: Of the adjusted prices; None: a ten-thousandth of the raw tick. It divides the
            raw tick.

    Raises:
        InputError: The data are of another kind, the actions of another instrument, or the tick is
            not a part of the raw one.
        DataError: A dividend is not below the price before it.
    """
    meta = dataset.meta
    instrument = meta.instrument
    parts = _parts(instrument.tick_size, tick_size, name)
    if meta.kind not in _PRICES:
        raise InputError(f"{meta.name} holds {meta.kind}; bars or trades can be adjusted")
    if view not in set(PriceView) - {PriceView.RAW}:
        allowed = ", ".join(each for each in PriceView if each is not PriceView.RAW)
        raise InputError(f"{name}: view {view!r}; allowed: {allowed}")
    strange = sorted({each.instrument for each in actions} - {instrument.symbol})
    if strange:
        raise InputError(
            f"{name}: the prices are of {instrument.symbol} and the actions of "
            f"{', '.join(strange)}; name the actions of the same instrument"
        )
    done = [each for each in in_order(actions) if each.venue_time_ns <= meta.last_time_ns]
    scales = Scales(
        [event_of(each, delay_ns=0) for each in done],
        view=PriceView(view),
        instrument=instrument,
        close_by=_Closes(dataset).close_by,
    )
    finer = msgspec.structs.replace(instrument, tick_size=instrument.tick_size / parts)
    return store.write(
        name,
        meta.kind,
        finer,
        (_adjusted(each, meta.kind, scales, parts) for each in _chunks(dataset)),
        interval_ns=meta.interval_ns if meta.kind in WITH_INTERVAL else 0,
        source=f"{meta.name} ({meta.fingerprint[:16]}), {view}",
        time_rule=f"{meta.time_rule}; {view} by {len(done)} corporate actions as of its last row",
    )


def _parts(raw: Decimal, wanted: Decimal | None, name: str) -> int:
    """Return how many adjusted ticks a raw one has."""
    if wanted is None:
        return FINER
    parts = raw / wanted if wanted > 0 else Decimal(0)
    if parts < 1 or parts != parts.to_integral_value():
        raise InputError(
            f"{name}: tick {wanted} is no part of the raw tick {raw}; divide that by a whole number"
        )
    return int(parts)


def _adjusted(chunk: Chunk, kind: str, scales: Scales, parts: int) -> Chunk:
    known = chunk[_KNOWN_AT[kind]]
    # A trade at the very instant of an action is one after it, a bar that closes then is before.
    closes = known if kind == "bars" else known + 1
    made = dict(chunk)
    for column in (*_PRICES[kind], _SIZE[kind]):
        made[column] = np.empty_like(chunk[column])
    edges = [0, *np.searchsorted(closes, scales.times, "right").tolist(), len(closes)]
    for low, high in pairwise(edges):
        if low < high:
            scale = scales.at(int(closes[low]))
            for column in _PRICES[kind]:
                made[column][low:high] = _each(chunk[column][low:high], scale, parts)
            sizes = chunk[_SIZE[kind]][low:high].tolist()
            made[_SIZE[kind]][low:high] = [scale.lots(each) for each in sizes]
    return made


def _each(ticks: Int64s, scale: Scale, parts: int) -> list[int]:
    return [scale.ticks(each, parts) for each in ticks.tolist()]


def _chunks(dataset: Dataset) -> Iterator[Chunk]:
    for each in dataset.batches(delay_ns=0):
        yield {name: getattr(each, name) for name in _columns(dataset)}


def _columns(dataset: Dataset) -> tuple[str, ...]:
    kind = dataset.meta.kind
    times = ("open_time_ns", "close_time_ns") if kind == "bars" else ("venue_time_ns",)
    rest = () if kind == "bars" else ("aggressor", "trade_id")
    return (*times, *_PRICES[kind], _SIZE[kind], *rest)


class _Closes:
    """The last price before a time, read off a data set."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def close_by(self, time_ns: int) -> int | None:
        """Return the last price of a row that was over by then."""
        kind = self._dataset.meta.kind
        last = None
        column = "close_ticks" if kind == "bars" else "price_ticks"
        until_ns = time_ns if kind == "bars" else time_ns - 1
        for each in self._dataset.batches(delay_ns=0, end_ns=until_ns):
            last = int(getattr(each, column)[-1])
        return last
