"""The compiled order book and its naive twin are the same on random streams."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.naive.order_book import ADD, CANCEL, CLEAR, FILL, MODIFY, TRADE, NaiveOrderBook
from tests.support.order_events import events, row
from tieout.errors import DataError
from tieout.market import order_book
from tieout.market.order_book import OrderBook
from tieout.model.columns import BookKind, OrderAction

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "400"))

actions = st.sampled_from([ADD] * 6 + [MODIFY] * 3 + [CANCEL] * 3 + [FILL] * 3 + [TRADE, CLEAR])
streams = st.lists(
    st.tuples(
        actions,
        st.integers(1, 9),
        st.sampled_from([1, -1]),
        st.integers(95, 105),
        st.integers(1, 5),
        st.integers(-1, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


def told(stream: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    now, found = 1_000, []
    for arrival, (action, order_id, side, price, lots, step, last) in enumerate(stream):
        now += step
        # Ids far apart and alike in their low bits push each other on in the table.
        given_id = order_id << 33 if order_id % 2 else order_id
        found.append(
            row(
                OrderAction(action), given_id, side, price, lots, at=now, arrives=arrival, last=last
            )
        )
    return found


def everything(book: Any) -> Any:
    return [
        (side, price, lots, book.queue_at(side, price))
        for side in (1, -1)
        for price, lots in book.levels(side)
    ]


def compare(stream: list[tuple[Any, ...]], cut: int) -> None:
    given_rows = told(stream)
    rows = events(*given_rows)
    book, twin, leveller = OrderBook(), NaiveOrderBook(), OrderBook()

    for start in range(0, len(rows), cut):
        book.apply(rows.rows(start, start + cut))
    for each in given_rows:
        twin.apply(each)
    levels = leveller.levels_of(rows)

    assert everything(book) == everything(twin)
    assert (book.best_bid, book.best_ask) == (twin.best(1), twin.best(-1))
    counted = {kind.name: count for kind, count in book.break_counts.items()}
    assert counted == dict(twin.break_counts)
    kept = [(order_book.BreakKind(each.kind).name, each.row) for each in book.breaks]
    assert kept == twin.breaks[:1024]
    assert leveller.state_hash() == book.state_hash()
    check_levels(given_rows, levels)


def check_levels(given_rows: list[dict[str, Any]], levels: Any) -> None:
    """Whoever reads the level rows holds the book's own lots wherever it is whole."""
    twin = NaiveOrderBook()
    held: dict[tuple[int, int], int] = {}
    prints: Counter[tuple[int, int, int]] = Counter()
    place = 0
    for number, each in enumerate(given_rows):
        twin.apply(each)
        if not each["last"]:
            continue
        whole = False
        while not whole:
            kind, side = int(levels.kind[place]), int(levels.side[place])
            price, lots = int(levels.price_ticks[place]), int(levels.lots[place])
            if kind == BookKind.CLEAR:
                held.clear()
            elif kind == BookKind.TRADE:
                prints[side, price, lots] += 1
            elif lots:
                held[side, price] = lots
            else:
                held.pop((side, price), None)
            whole = bool(levels.last[place])
            assert levels.arrival_time_ns[place] <= number
            place += 1
        assert held == {(s, p): lots for s in (1, -1) for p, lots in twin.levels(s)}
    assert not levels.last[place:].any()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(streams, st.sampled_from([1, 7, 1000]))
def test_the_book_and_its_twin_are_the_same_however_the_stream_is_cut(
    stream: list[tuple[Any, ...]], cut: int
) -> None:
    compare(stream, cut)


@pytest.mark.nightly
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(streams, st.sampled_from([1, 7, 1000]))
def test_the_book_and_its_twin_are_the_same_on_ten_thousand_streams(
    stream: list[tuple[Any, ...]], cut: int
) -> None:
    compare(stream, cut)


def test_a_book_that_grows_many_times_is_the_same_as_its_twin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`what_lacks` names what is full, and `refill_table` keeps every order."""
    monkeypatch.setattr(order_book, "_FIRST_ORDERS", 2)
    monkeypatch.setattr(order_book, "_FIRST_LEVELS", 2)
    random = np.random.default_rng(7)
    stream = [
        (
            int(random.choice([ADD, ADD, ADD, MODIFY, CANCEL, FILL])),
            int(random.integers(1, 900)),
            int(random.choice([1, -1])),
            int(random.integers(1, 400)),
            int(random.integers(1, 9)),
            1,
            True,
        )
        for _ in range(3000)
    ]

    compare(stream, 500)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"action": 7}, "an action is unknown (value action 7)"),
        ({"action": 0}, "an action is unknown (value action 0)"),
        ({"side": 2}, "a side is unknown (value side 2)"),
        ({"side": 0}, "a side is unknown (value side 0)"),
        ({"lots": 0}, "a quantity is not positive (value lots 0)"),
        ({"lots": -4}, "a quantity is not positive (value lots -4)"),
        ({"lots": 2**43 + 1}, f"a quantity is not positive (value lots {2**43 + 1})"),
        ({"price": 0}, "a price is not positive (value price_ticks 0)"),
        ({"price": -5}, "a price is not positive (value price_ticks -5)"),
        ({"price": 2**60 + 1}, f"a price is not positive (value price_ticks {2**60 + 1})"),
        ({"order_id": 0}, "an order has no id (value order_id 0)"),
        ({"arrival": 4}, "a row arrived before the one above (value arrival_time_ns 4)"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_by_name_and_nothing_has_acted(
    bad: dict[str, Any], named: str
) -> None:
    book = OrderBook()
    book.apply(events(row(OrderAction.ADD, 1, 1, 100, 5, at=5)))
    good = row(OrderAction.ADD, 2, 1, 100, 5, at=6)

    with pytest.raises(DataError) as caught:
        book.apply(events(good, {**row(OrderAction.ADD, 3, 1, 100, 5, at=7), **bad}))

    assert str(caught.value).startswith(f"ES, row 3: {named}; allowed: ")
    assert book.queue_at(1, 100) == [(1, 5)]
