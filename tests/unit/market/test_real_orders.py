"""A real hour, order by order: true queues, our orders in them, and models held against them.

The folder is named by TIEOUT_TEST_DATA; without it these tests are skipped, and the made-up
streams of the naive twins stand alone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.queue_models import EVERY, FILE, MODELS, OPEN_NS, TICK, Tracked, score, track
from tests.support.own_orders import NEVER, K, a_core, an_order
from tieout.history.mbo import MboFacts, MboFile
from tieout.market.order_book import BreakKind, OrderBook
from tieout.market.queues import QueueModel
from tieout.model.columns import BookKind, OrderAction
from tieout.model.events import Liquidity

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.model.columns import OrderEventColumns


@pytest.fixture(scope="module")
def hour(test_data: Path) -> OrderEventColumns:
    """An hour of an index future from its opening auction on, with the snapshot before it."""
    if not (test_data / FILE).is_file():
        pytest.skip(f"TIEOUT_TEST_DATA has no {FILE}")
    file = MboFile(test_data / FILE, instrument="ESH4", tick_size=TICK)
    rows = file.read()
    assert file.facts == MboFacts(
        records=68_792, snapshot_records=8_725, aggressor_fills=107, unsure_arrivals=8_725
    )
    return rows


@pytest.fixture(scope="module")
def sample(hour: OrderEventColumns) -> list[Tracked]:
    """Every fifth order that joined a queue near the best price, and what the models thought."""
    models = [QueueModel.named(name) for name in MODELS]
    return track(hour, models, open_ns=OPEN_NS, every=EVERY)


def test_the_book_of_a_real_hour_holds_and_only_its_auction_crosses(
    hour: OrderEventColumns,
) -> None:
    book = OrderBook()

    book.apply(hour)

    assert (len(book), book.best_bid, book.best_ask) == (11_217, 19_240, 19_241)
    assert book.break_counts == {BreakKind.UNKNOWN_ORDER: 7, BreakKind.CROSSED_BOOK: 1}
    unknown = [each for each in book.breaks if each.kind == BreakKind.UNKNOWN_ORDER]
    assert all(hour.action[each.row] == OrderAction.FILL for each in unknown)


def test_every_fill_of_a_real_hour_was_at_the_front_of_our_queue(hour: OrderEventColumns) -> None:
    """Whoever stood ahead of a filled order filled too, went, or moved in the same event."""
    book, found, start = OrderBook(), Counter[str](), 0
    is_fill = hour.action == OrderAction.FILL
    for end in (np.flatnonzero(hour.last) + 1).tolist():
        event = hour.rows(start, end)
        ahead: list[tuple[int, int, int, list[int]]] = []
        for row in np.flatnonzero(is_fill[start:end]).tolist():
            filled = book.order(int(event.order_id[row]))
            if filled is None or filled.price_ticks != event.price_ticks[row]:
                found["of the auction"] += 1
                continue
            queue = [each for each, _ in book.queue_at(filled.side, filled.price_ticks)]
            before = queue[: queue.index(filled.order_id)]
            ahead.append((filled.side, filled.price_ticks, filled.order_id, before))
        book.apply(event)
        filled_ids = set(event.order_id[is_fill[start:end]].tolist())
        for side, price, _, before in ahead:
            still = {each for each, _ in book.queue_at(side, price)}
            passed_over = [each for each in before if each in still and each not in filled_ids]
            found["behind somebody" if passed_over else "at the front"] += 1
        start = end

    assert found == {"at the front": 6_232, "of the auction": 32}


def test_the_levels_of_a_real_hour_rebuild_the_same_book(hour: OrderEventColumns) -> None:
    book = OrderBook()
    rows = book.levels_of(hour)

    held: dict[tuple[int, int], int] = {}
    for kind, side, price, lots in zip(
        rows.kind.tolist(),
        rows.side.tolist(),
        rows.price_ticks.tolist(),
        rows.lots.tolist(),
        strict=True,
    ):
        if kind == BookKind.LEVEL:
            held[side, price] = lots

    left = {level: lots for level, lots in held.items() if lots}
    told = {(side, price): lots for side in (1, -1) for price, lots in book.levels(side)}
    assert left == told
    assert int(np.count_nonzero(rows.last)) == int(np.count_nonzero(hour.last))


def test_an_order_of_ours_right_behind_a_real_one_never_fills_before_it(
    hour: OrderEventColumns, sample: list[Tracked]
) -> None:
    """Placed at the moment of a real order, which a tie puts ahead of ours."""
    chosen = [each for each in sample if each.filled_ns is not None][::12]
    waited = 0
    for real in chosen:
        core = a_core(feed_latency_ns_max=10**9)
        row = int(np.flatnonzero(hour.order_id == real.order_id)[0])
        came_ns = int(hour.venue_time_ns[row])
        core.place(1, an_order(real.side, 1, limit=real.price), arrival_ns=came_ns, response_ns=0)
        core.give(hour)
        reports = core.commit(NEVER)

        fills = [each for each in reports if each.kind == K.FILL]
        assert all(each.venue_time_ns >= (real.filled_ns or 0) for each in fills)
        assert all(each.liquidity == Liquidity.MAKER for each in fills)
        waited += bool(fills)

    assert (len(chosen), waited) == (63, 63)


GOLDENS = {
    # model: predicted, of those filled, missed, false fills, early
    "pessimistic": (623, 608, 147, 15, 0),
    "power-1": (833, 732, 18, 101, 234),
    "power-2": (796, 721, 29, 75, 158),
    "power-3": (772, 710, 40, 62, 139),
    "power-share-2": (878, 740, 10, 138, 275),
    "power-rest-2": (761, 705, 46, 56, 118),
    "log": (855, 733, 16, 122, 259),
    "log-share": (758, 705, 46, 53, 134),
}
ERRORS = {
    # model: mean and 95th percentile of the error of the queue ahead in lots
    "pessimistic": (3.7223, 14.0),
    "power-1": (7.4932, 27.3576),
    "power-2": (6.227, 24.3341),
    "power-3": (5.6416, 22.2887),
    "power-share-2": (9.0852, 32.5386),
    "power-rest-2": (4.5823, 18.8931),
    "log": (7.9382, 29.2704),
    "log-share": (3.857, 15.0719),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_error_of_a_queue_model_on_a_real_hour_is_what_it_was(
    name: str, sample: list[Tracked]
) -> None:
    found = score(sample, MODELS.index(name))

    assert (found.model, found.orders, found.filled, found.moments) == (name, 2613, 748, 93_372)
    fills = (found.predicted, found.predicted_and_filled, found.missed)
    assert (*fills, found.false_fills, found.early) == GOLDENS[name]
    assert (found.error_lots_mean, found.error_lots_p95) == ERRORS[name]


def test_prints_alone_never_bring_an_order_forward_too_early(sample: list[Tracked]) -> None:
    """The pessimistic model fills nothing before it filled in truth."""
    assert score(sample, MODELS.index("pessimistic")).early == 0
