"""The compiled matching on a book and its naive twin report the same on random markets."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.naive.book import CLEAR, LEVEL, SNAPSHOT, TRADE
from tests.naive.book_matching import NaiveBookMatching
from tests.support.books import book_rows, drive, plain
from tieout.market.book_matching import BookCore
from tieout.market.queues import QueueModel
from tieout.model.orders import AmendOrder, PlaceOrder
from tieout.model.profiles import FillLevel, FundingRule, SimulationProfile

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "400"))
TYPES = {
    "market": (1, False, None),
    "limit": (2, True, None),
    "stop": (3, False, "stop"),
    "stop limit": (4, True, "stop"),
    "touched": (5, False, "touch"),
    "limit touched": (6, True, "touch"),
    "to limit": (8, False, None),
}
LIVES = {"stays": 1, "once": 2, "all": 3}

MODELS = ["pessimistic", "power-1", "power-2.5", "power-share-2", "power-rest-3", "log"]
prices = st.integers(97, 103)
rows = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, 5, -1]),
        st.sampled_from([LEVEL] * 10 + [TRADE] * 8 + [SNAPSHOT, CLEAR]),
        st.sampled_from([1, -1, 1, -1, 0]),
        st.integers(0, 3),
        st.sampled_from([0, 1, 2, 3, 5, 9]),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([0, 0, 1, 3]),
    ),
    max_size=45,
)
wishes = st.lists(
    st.tuples(
        st.integers(0, 50),
        st.sampled_from(["limit"] * 6 + sorted(TYPES)),
        st.sampled_from([1, -1]),
        st.integers(1, 9),
        prices,
        prices,
        st.sampled_from(["stays"] * 8 + ["once", "all"]),
        st.sampled_from([False] * 5 + [True]),
        st.sampled_from([False] * 9 + [True]),
        st.sampled_from([None] * 9 + [3, 15, 40]),
    ),
    max_size=7,
)
changes = st.lists(
    st.tuples(
        st.integers(0, 50),
        st.integers(0, 6),
        st.booleans(),
        st.one_of(st.none(), st.integers(1, 9)),
        st.one_of(st.none(), prices),
        st.one_of(st.none(), st.none(), prices),
    ),
    max_size=5,
)
settings_of = st.tuples(
    st.sampled_from([0, 1, 4]),  # entry
    st.sampled_from([0, 1, 3]),  # response
    st.sampled_from([0, 2, 100]),  # how long a command waits
    st.sampled_from(MODELS),
    st.sampled_from([None, None, 7]),  # funding interval
    st.sampled_from([0, 0, 4, -3]),  # position at the start
)


class AsShipped:
    """A user's model that answers what a shipped one does."""

    name = "as-shipped"
    version = 1

    def __init__(self, model: QueueModel) -> None:
        self._model = model

    def ahead_after(self, ahead: int, traded: int, before: int, after: int) -> int:
        return self._model.ahead_after(
            ahead, before_lots=before, after_lots=after, traded_microlots=traded
        )


def the_market(given_rows: list[Any]) -> list[tuple[int, Any]]:
    """Return (arrival, row); sides of the book mostly keep apart around 100."""
    time, arrival = 1_000, 1_000
    told = [
        (arrival, (time, SNAPSHOT, side, 100 - side * offset + (side == -1), 4, offset + side == 1))
        for offset in (0, 1, 2)
        for side in (1, -1)
    ]
    for step, drawn, side, offset, size, last, latency in given_rows:
        time += step
        arrival = max(arrival, time + latency)
        kind = CLEAR if drawn != TRADE and side == 0 else drawn
        lots = max(1, size) if kind == TRADE else size
        price = 100 - side * offset + (side == -1)
        if kind == TRADE:
            # A buyer hits asks, a seller bids.
            price = 100 + side * offset + (side == 1)
        told.append((arrival, (time, kind, side, price, lots, last)))
    return told


def an_order(number: int, decided: int, wish: Any) -> tuple[PlaceOrder, dict[str, Any]]:
    _, name, side, lots, limit, stop, life, post_only, reduce_only, expires_in = wish
    order_type, has_limit, trigger = TYPES[name]
    post_only = post_only and has_limit and life == "stays"
    expires = None if expires_in is None else decided + expires_in
    terms = {
        "side": side,
        "lots": lots,
        "limit": limit if has_limit else None,
        "stop": stop if trigger else None,
        "trigger": trigger,
        "to_limit": name == "to limit",
        "life": life,
        "post_only": post_only,
        "reduce_only": reduce_only,
        "expires": expires,
    }
    order = PlaceOrder(
        decision_id=f"d{number}",
        instrument="X",
        side=side,
        order_type=order_type,
        lots=lots,
        limit_ticks=terms["limit"],
        stop_ticks=terms["stop"],
        time_in_force=LIVES[life],
        decided_at_ns=decided,
        decision_price_ticks=None,
        origin="test",
        expires_at_ns=expires,
        post_only=post_only,
        reduce_only=reduce_only,
    )
    return order, terms


def both(
    given_rows: list[Any],
    given_wishes: list[Any],
    given_changes: list[Any],
    chosen: Any,
    chunk: int,
    *,
    own: bool = False,
) -> tuple[list[Any], NaiveBookMatching, BookCore]:
    entry, answer, wait, model, interval, position = chosen
    queue = QueueModel.named(model)
    profile = SimulationProfile(
        name="random",
        fill_level=FillLevel.NAIVE,
        response_latency_ns=answer,
        funding_rule=FundingRule.NONE if interval is None else FundingRule.SIGNED,
        funding_interval_ns=interval or 1,
        funding_rate=Decimal("0.0001"),
    )
    core = BookCore(
        profile,
        position_lots=position,
        queue=None if own else queue,
        models={"queue": AsShipped(queue)} if own else None,
        feed_latency_ns_max=wait,
        window_ticks=16,
    )
    funding = None if interval is None else (interval, answer)
    naive = NaiveBookMatching(queue, wait_ns=wait, funding=funding, position=position)
    told = the_market(given_rows)
    todo: list[tuple[int, int, Any]] = []
    ordered = sorted(given_wishes, key=lambda each: each[0])
    for number, wish in enumerate(ordered):
        decided = 1_000 + wish[0]
        order, terms = an_order(number, decided, wish)
        todo.append((decided, 0, ("place", number, order, terms)))
    for step, number, is_cancel, lots, limit, stop in given_changes:
        if number < len(ordered):
            decided = max(1_000 + step, 1_000 + ordered[number][0])
            terms = {"lots": lots, "limit": limit, "stop": stop}
            todo.append((decided, 1, ("cancel" if is_cancel else "amend", number, None, terms)))
    acts = []
    for decided, _, (kind, number, order, terms) in sorted(todo, key=lambda each: each[:2]):
        # Cancels travel a little faster than orders, so that one may overtake its order.
        arrival = decided + (entry if kind == "place" else entry // 2)
        acts.append((decided, told_core(kind, number, order, terms, arrival, answer)))
        if kind == "cancel":
            naive.send(decided, arrival, answer, kind, number)
        else:
            naive.send(decided, arrival, answer, kind, number, **terms)
    for number, (arrival, row) in enumerate(told, start=1):
        naive.row(number, arrival, row)
    naive.finish(10_000)
    market = book_rows([row for _, row in told])
    if told:
        market.arrival_time_ns[:] = [arrival for arrival, _ in told]
    pieces = [market.rows(start, start + chunk) for start in range(0, len(told), chunk)]
    return drive(core, pieces, acts, 10_000), naive, core


def told_core(
    kind: str, number: int, order: PlaceOrder | None, terms: Any, arrival: int, answer: int
) -> Any:
    def act(core: BookCore) -> None:
        if kind == "place":
            assert order is not None
            core.place(number, order, arrival_ns=arrival, response_ns=answer)
        elif kind == "cancel":
            core.cancel(number, arrival_ns=arrival, response_ns=answer)
        else:
            amend = AmendOrder(
                decision_id="a",
                order_decision_id=f"d{number}",
                lots=terms["lots"],
                limit_ticks=terms["limit"],
                stop_ticks=terms["stop"],
                decided_at_ns=0,
                origin="test",
            )
            core.amend(number, amend, arrival_ns=arrival, response_ns=answer)

    return act


def agree(
    given_rows: list[Any],
    given_wishes: list[Any],
    given_changes: list[Any],
    chosen: Any,
    chunk: int,
    *,
    own: bool = False,
) -> None:
    found, naive, core = both(given_rows, given_wishes, given_changes, chosen, chunk, own=own)
    assert [plain(each) for each in found] == naive.reports
    assert core.position_lots == naive.position
    for order in naive.orders:
        ahead = core.queue_ahead_microlots(order["number"])
        assert ahead == (order["ahead"] if order["state"] == "resting" else None)


ARGUMENTS = (rows, wishes, changes, settings_of, st.integers(1, 45))


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(*ARGUMENTS)
def test_a_book_is_matched_as_the_naive_twin_matches_it(
    given_rows: list[Any],
    given_wishes: list[Any],
    given_changes: list[Any],
    chosen: Any,
    chunk: int,
) -> None:
    agree(given_rows, given_wishes, given_changes, chosen, chunk)


@settings(max_examples=EXAMPLES // 2, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(*ARGUMENTS)
def test_a_queue_model_of_ones_own_is_asked_as_the_shipped_ones_are(
    given_rows: list[Any],
    given_wishes: list[Any],
    given_changes: list[Any],
    chosen: Any,
    chunk: int,
) -> None:
    agree(given_rows, given_wishes, given_changes, chosen, chunk, own=True)


def a_dense_stream(seed: int) -> tuple[list[Any], list[Any], list[Any], Any, int]:
    """Draw a long stream with many orders, most of them near the best prices."""
    draw = np.random.default_rng(seed)

    def one(*options: Any) -> Any:
        return options[int(draw.integers(len(options)))]

    count = int(draw.integers(60, 160))
    given_rows = [
        (
            one(0, 0, 1, 1, 2, 4) if draw.random() < 0.98 else -1,
            one(*[LEVEL] * 9, *[TRADE] * 9, SNAPSHOT) if draw.random() < 0.98 else CLEAR,
            one(1, -1) if draw.random() < 0.95 else 0,
            int(draw.choice([0, 1, 2, 3], p=[0.5, 0.3, 0.15, 0.05])),
            int(draw.choice([0, 1, 2, 4, 8], p=[0.15, 0.2, 0.25, 0.25, 0.15])),
            bool(draw.random() < 0.85),
            one(0, 0, 0, 1, 3),
        )
        for _ in range(count)
    ]
    given_wishes = [
        (
            int(draw.integers(0, count)),
            "limit" if draw.random() < 0.7 else one(*sorted(TYPES)),
            side,
            int(draw.integers(1, 12)),
            int(100 + (side == -1) - side * draw.integers(-1, 3)),
            int(draw.integers(98, 104)),
            one(*["stays"] * 10, "once", "all"),
            bool(draw.random() < 0.2),
            bool(draw.random() < 0.1),
            None if draw.random() < 0.85 else int(draw.integers(0, 60)),
        )
        for side in draw.choice([1, -1], int(draw.integers(2, 14))).tolist()
    ]
    given_changes = [
        (
            int(draw.integers(0, count)),
            int(draw.integers(0, 14)),
            bool(draw.random() < 0.3),
            one(None, None, int(draw.integers(1, 14))),
            one(None, int(draw.integers(97, 104))),
            one(None, None, None, int(draw.integers(97, 104))),
        )
        for _ in range(int(draw.integers(0, 8)))
    ]
    chosen = (
        one(0, 1, 4),
        one(0, 1, 3),
        one(0, 2, 100),
        one(*MODELS),
        one(None, None, 7),
        one(0, 0, 4, -3),
    )
    return given_rows, given_wishes, given_changes, chosen, int(draw.integers(1, count))


@pytest.mark.parametrize("first", range(0, EXAMPLES, max(1, EXAMPLES // 4)))
def test_dense_streams_are_matched_as_the_naive_twin_matches_them(first: int) -> None:
    for seed in range(first, min(EXAMPLES, first + max(1, EXAMPLES // 4))):
        agree(*a_dense_stream(seed))


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_ten_thousand_dense_streams_are_matched_as_the_naive_twin_matches_them(first: int) -> None:
    for seed in range(first, first + 500):
        agree(*a_dense_stream(seed))


@pytest.mark.parametrize("seed", range(20))
def test_no_print_and_no_level_gives_more_than_it_has(seed: int) -> None:
    stream = a_dense_stream(seed + 50_000)
    found, naive, _ = both(*stream)
    rows_of = [row for _, row in the_market(stream[0])]
    shown: dict[tuple[int, int], int] = {}
    for time, kind, side, price, lots, _ in rows_of:
        if kind in (LEVEL, SNAPSHOT):
            # All that a level ever showed anew, the print sizes beside it.
            shown[side, price] = shown.get((side, price), 0) + lots
        if kind == TRADE:
            shown[0, time] = shown.get((0, time), 0) + lots
    taken: dict[tuple[int, int], int] = {}
    for report in found:
        if report.kind == 1 and report.liquidity == 2:
            side = next(e["side"] for e in naive.orders if e["number"] == report.order)
            key = (-side, report.price_ticks)
            taken[key] = taken.get(key, 0) + report.lots
    for key, lots in taken.items():
        assert lots <= shown[key]
    totals: dict[int, int] = {}
    for report in found:
        if report.kind == 1:
            totals[report.order] = totals.get(report.order, 0) + report.lots
    for order in naive.orders:
        assert totals.get(order["number"], 0) == order["filled"] <= order["lots"]


@pytest.mark.parametrize("seed", range(10))
def test_chunks_change_nothing(seed: int) -> None:
    given_rows, given_wishes, given_changes, chosen, _ = a_dense_stream(seed + 60_000)
    whole, *_ = both(given_rows, given_wishes, given_changes, chosen, 10_000)
    for chunk in (1, 7):
        parts, *_ = both(given_rows, given_wishes, given_changes, chosen, chunk)
        assert [plain(each) for each in parts] == [plain(each) for each in whole]
