"""How far queue models are from the true queue, measured on orders whose place is known.

    TIEOUT_TEST_DATA=… python -m benchmarks.queue_models

A market-by-order file tells of every order who stood ahead of it and when it filled. A sample of
its real orders is treated as if it were ours: the models see levels and prints alone, each order's
own lots taken off its level, and what they say is held against the truth. One JSON line a model.

What is measured, and over what:
- orders: new orders after the opening within `TICKS_MAX` of the best price of their side, behind
  somebody, that live until they fill, are cancelled, move, or grow; every `EVERY`th of them.
- error of the queue ahead: |model − truth| when an event that touched the order's level is whole,
  from the order's arrival until it fills or goes; each such moment counts once.
- a model's fill: a print at the order's price beyond what it has ahead, a print through the price,
  or an opposite order that crosses it. Truth's fill: the first fill row of the order.
- missed: it filled, and by then the model had not filled it. False: the model filled it, and it
  never did. Time error: model minus truth, of orders that both fill, to the end of the file.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tieout.history.mbo import MboFile
from tieout.market.queues import MICROLOTS, QueueModel
from tieout.model.columns import OrderAction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tieout.model.columns import OrderEventColumns

__all__ = ["MODELS", "Score", "Tracked", "score", "track"]

FILE: Final = "nautilus_testdata/esh4-glbx-mdp3-20231225.mbo.dbn.zst"
TICK: Final = Decimal("0.25")
OPEN_NS: Final = 1_703_545_201_000_000_000
"""A second after the opening: before it an auction gathers orders that cross."""
TICKS_MAX: Final = 4
EVERY: Final = 5
MODELS: Final = (
    "pessimistic",
    "power-1",
    "power-2",
    "power-3",
    "power-share-2",
    "power-rest-2",
    "log",
    "log-share",
)

Level = tuple[int, int]


@dataclass
class Guess:
    """What one model thinks of one order."""

    model: QueueModel
    ahead: int
    filled_ns: int | None = None
    errors: list[float] = field(default_factory=list)


@dataclass
class Tracked:
    """One real order as if it were ours.

    Attributes:
        ahead: Lots of each stranger ahead of it, by id.
        lots: Its own, as the levels show them; 0 once it is gone.
        shown: Lots of its level without its own when the level was last told.
        traded: Lots printed at its level since then.
        filled_ns: Venue time of its first fill.
        gone_ns: Venue time when it filled, was cancelled, moved or grew.
    """

    order_id: int
    side: int
    price: int
    lots: int
    ahead: dict[int, int]
    initial: int
    guesses: list[Guess]
    shown: int
    traded: int = 0
    filled_ns: int | None = None
    gone_ns: int | None = None

    @property
    def level(self) -> Level:
        """Side and price."""
        return self.side, self.price

    @property
    def is_done(self) -> bool:
        """Whether neither truth nor any model has more to say."""
        if self.gone_ns is None:
            return False
        return self.filled_ns is None or all(each.filled_ns is not None for each in self.guesses)


@dataclass
class Score:
    """One model against the truth."""

    model: str
    orders: int
    filled: int
    moments: int
    error_lots_mean: float
    error_lots_p95: float
    error_share_mean: float
    error_share_p95: float
    predicted: int
    predicted_and_filled: int
    missed: int
    false_fills: int
    time_error_s_p50: float
    time_error_s_p95: float
    early: int


class Market:
    """The true queues, and the sample of orders that is watched in them."""

    def __init__(self, models: Iterable[QueueModel], *, open_ns: int, every: int) -> None:
        self._models = tuple(models)
        self._open_ns, self._every = open_ns, every
        self._where: dict[int, Level] = {}
        self._lots: dict[int, int] = {}
        self._traded: dict[int, int] = defaultdict(int)
        self._queues: dict[Level, dict[int, int]] = defaultdict(dict)
        self._watched: dict[Level, list[Tracked]] = defaultdict(list)
        self._by_id: dict[int, Tracked] = {}
        self._touched: set[Level] = set()
        self._eligible = 0
        self.sample: list[Tracked] = []

    # -- rows ---------------------------------------------------------------------------------

    def row(self, at: int, action: int, level: Level, lots: int, order_id: int) -> None:
        """Let one row act; `at` is its venue time."""
        match action:
            case OrderAction.ADD:
                self._cross(at, level)
                self._join(at, level, lots, order_id)
            case OrderAction.MODIFY:
                self._modify(at, level, lots, order_id)
            case OrderAction.CANCEL:
                self._shrink(at, order_id, self._lots.get(order_id, 0) - lots)
            case OrderAction.FILL:
                self._traded[order_id] += lots
                tracked = self._by_id.get(order_id)
                if tracked is not None and tracked.filled_ns is None:
                    tracked.filled_ns = at
            case OrderAction.TRADE:
                self._print(at, level, lots)
            case _:
                raise ValueError(f"action {action} after the opening")

    def whole(self) -> None:
        """Tell the models of every level that the event changed, and compare with the truth."""
        for level in self._touched:
            size = sum(self._queues[level].values())
            for tracked in self._watched[level]:
                self._compare(tracked, size - tracked.lots)
            if self._watched[level]:
                kept = [each for each in self._watched[level] if not each.is_done]
                self._watched[level] = kept
        self._touched.clear()

    # -- truth --------------------------------------------------------------------------------

    def _join(self, at: int, level: Level, lots: int, order_id: int) -> None:
        queue = self._queues[level]
        self._watch(at, level, lots, order_id, queue)
        queue[order_id] = lots
        self._where[order_id], self._lots[order_id] = level, lots
        self._traded.pop(order_id, None)
        self._touched.add(level)

    def _modify(self, at: int, level: Level, lots: int, order_id: int) -> None:
        before = self._lots.get(order_id, 0)
        if self._where.get(order_id) == level and lots <= before - self._traded[order_id]:
            self._traded[order_id] = 0
            self._shrink(at, order_id, lots)
            return
        self._shrink(at, order_id, 0)
        self._cross(at, level)
        queue = self._queues[level]
        queue[order_id] = lots
        self._where[order_id], self._lots[order_id] = level, lots
        self._traded[order_id] = 0
        self._touched.add(level)

    def _shrink(self, at: int, order_id: int, lots: int) -> None:
        if order_id not in self._where:
            return
        level = self._where[order_id]
        self._touched.add(level)
        self._traded[order_id] = 0
        if lots > 0:
            self._queues[level][order_id] = self._lots[order_id] = lots
        else:
            del self._queues[level][order_id], self._where[order_id], self._lots[order_id]
        for tracked in self._watched[level]:
            if order_id in tracked.ahead:
                tracked.ahead[order_id] = max(0, lots)
        own = self._by_id.get(order_id)
        if own is not None:
            own.lots = max(0, lots)
            if lots <= 0:
                own.gone_ns = at
                del self._by_id[order_id]

    # -- the sample ---------------------------------------------------------------------------

    def _watch(
        self, at: int, level: Level, lots: int, order_id: int, queue: dict[int, int]
    ) -> None:
        if at < self._open_ns or not queue or not self._is_near(level):
            return
        self._eligible += 1
        if self._eligible % self._every:
            return
        size = sum(queue.values())
        guesses = [Guess(model, size * MICROLOTS) for model in self._models]
        tracked = Tracked(order_id, *level, lots, dict(queue), size, guesses, shown=size)
        self.sample.append(tracked)
        self._watched[level].append(tracked)
        self._by_id[order_id] = tracked

    def _is_near(self, level: Level) -> bool:
        side, price = level
        better = (price + side * ticks for ticks in range(TICKS_MAX + 1, TICKS_MAX + 60))
        return not any(self._queues.get((side, each)) for each in better)

    # -- the models ---------------------------------------------------------------------------

    def _print(self, at: int, level: Level, lots: int) -> None:
        """A print by an aggressor of a side meets orders of the other one."""
        aggressor, price = level
        for side in (1, -1) if aggressor == 0 else (-aggressor,):
            for (own_side, own_price), watched in self._watched.items():
                if own_side != side or side * own_price < side * price:
                    continue
                for tracked in watched:
                    if own_price == price:
                        tracked.traded += lots
                    for guess in tracked.guesses:
                        reached = lots * MICROLOTS > guess.ahead or own_price != price
                        if guess.filled_ns is None and reached:
                            guess.filled_ns = at
                        if own_price == price:
                            guess.ahead = max(0, guess.ahead - lots * MICROLOTS)

    def _cross(self, at: int, level: Level) -> None:
        """A new opposite order crosses an order that in truth is gone."""
        side, price = level
        for (own_side, own_price), watched in self._watched.items():
            if own_side == -side and side * price >= side * own_price:
                for tracked in watched:
                    for guess in tracked.guesses:
                        if guess.filled_ns is None and tracked.gone_ns is not None:
                            guess.filled_ns = at

    def _compare(self, tracked: Tracked, size: int) -> None:
        truth = sum(tracked.ahead.values())
        for guess in tracked.guesses:
            if guess.filled_ns is None:
                guess.ahead = guess.model.ahead_after(
                    guess.ahead,
                    before_lots=tracked.shown,
                    after_lots=size,
                    traded_microlots=tracked.traded * MICROLOTS,
                )
            if tracked.filled_ns is None and tracked.gone_ns is None:
                guess.errors.append(abs(guess.ahead / MICROLOTS - truth))
        tracked.shown, tracked.traded = size, 0


def track(
    rows: OrderEventColumns, models: Iterable[QueueModel], *, open_ns: int, every: int
) -> list[Tracked]:
    """Return the sampled orders with what each model thought of them."""
    market = Market(models, open_ns=open_ns, every=every)
    for at, action, side, price, lots, order_id, last in _cells(rows):
        market.row(at, action, (side, price), lots, order_id)
        if last:
            market.whole()
    return market.sample


def _cells(rows: OrderEventColumns) -> Iterator[tuple[Any, ...]]:
    return zip(
        rows.venue_time_ns.tolist(),
        rows.action.tolist(),
        rows.side.tolist(),
        rows.price_ticks.tolist(),
        rows.lots.tolist(),
        rows.order_id.tolist(),
        rows.last.tolist(),
        strict=True,
    )


def score(sample: list[Tracked], place: int) -> Score:
    """Return how one model, by its place among the guesses, did against the truth."""
    errors: list[float] = []
    shares: list[float] = []
    late: list[float] = []
    predicted = both = missed = false = early = 0
    for tracked in sample:
        guess = tracked.guesses[place]
        errors += guess.errors
        shares += [each / tracked.initial for each in guess.errors]
        true_ns, end_ns = tracked.filled_ns, tracked.gone_ns
        in_time = guess.filled_ns is not None and (end_ns is None or guess.filled_ns <= end_ns)
        predicted += in_time
        both += in_time and true_ns is not None
        false += in_time and true_ns is None
        if true_ns is not None:
            missed += guess.filled_ns is None or guess.filled_ns > true_ns
            if guess.filled_ns is not None:
                late.append((guess.filled_ns - true_ns) / 1e9)
                early += guess.filled_ns < true_ns
    return Score(
        model=sample[0].guesses[place].model.name,
        orders=len(sample),
        filled=sum(each.filled_ns is not None for each in sample),
        moments=len(errors),
        error_lots_mean=_rounded(np.mean(errors)),
        error_lots_p95=_rounded(np.quantile(errors, 0.95)),
        error_share_mean=_rounded(np.mean(shares)),
        error_share_p95=_rounded(np.quantile(shares, 0.95)),
        predicted=predicted,
        predicted_and_filled=both,
        missed=missed,
        false_fills=false,
        time_error_s_p50=_rounded(np.quantile(late, 0.5)),
        time_error_s_p95=_rounded(np.quantile(np.abs(late), 0.95)),
        early=early,
    )


def _rounded(value: Any) -> float:  # noqa: ANN401  numpy's scalars
    return round(float(value), 4)


def main() -> None:
    """Print one JSON line a model."""
    root = os.environ.get("TIEOUT_TEST_DATA")
    if root is None or not (Path(root) / FILE).is_file():
        raise SystemExit(f"set TIEOUT_TEST_DATA to a folder with {FILE}")
    rows = MboFile(Path(root) / FILE, instrument="ESH4", tick_size=TICK).read()
    models = [QueueModel.named(name) for name in MODELS]
    sample = track(rows, models, open_ns=OPEN_NS, every=EVERY)
    for place in range(len(models)):
        print(json.dumps(score(sample, place).__dict__))


if __name__ == "__main__":
    main()
