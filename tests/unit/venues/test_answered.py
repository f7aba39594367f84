"""The venue of the ladder: live's answers where live made the same order, else the simulation."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.worlds import ES, SECOND, SYMBOL, T0, ScriptedVenue, a_fill, trades
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.costs import ChargedCosts, Holdings, ModelledCosts
from tieout.adapters.venues.recorded import AnsweredVenue, LiveAnswers
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.model.borrow import BorrowRate, BorrowSeries
from tieout.model.events import (
    AmendRejected,
    CancelRejected,
    Fill,
    FundingCharged,
    OrderAmended,
    OrderCancelled,
    OrderImposed,
    Report,
    Split,
)
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.orders import AmendOrder, CancelOrder, OrderType, PlaceOrder, TimeInForce
from tieout.model.profiles import FundingRule, profile

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PRACTICE = profile("practice-1")
LIVE_TICKS = 440
SIMULATED_TICKS = 400


class Simulated(ScriptedVenue):
    """The simulation, which can be asked for the price."""

    def reference_ticks(self, instrument: str, venue_time_ns: int) -> int:
        return SIMULATED_TICKS

    def know(self, reports: Sequence[Report], *, unwatched: Collection[str]) -> None:
        raise AssertionError("without margin nothing is told")

    unwatch = know  # type: ignore[assignment]


def an_order(lots: int = 3, **fields: object) -> PlaceOrder:
    return PlaceOrder(
        **{
            "decision_id": "d1",
            "instrument": SYMBOL,
            "side": 1,
            "order_type": int(OrderType.MARKET),
            "lots": lots,
            "limit_ticks": None,
            "stop_ticks": None,
            "time_in_force": int(TimeInForce.GOOD_TILL_CANCEL),
            "decided_at_ns": T0,
            "decision_price_ticks": SIMULATED_TICKS,
            "origin": "test",
            **fields,
        }
    )


def a_cancel() -> CancelOrder:
    return CancelOrder(
        decision_id="c1", order_decision_id="d1", decided_at_ns=T0 + 2 * SECOND, origin="test"
    )


def an_amend(lots: int, *, decision_id: str = "a1", at_s: int = 2) -> AmendOrder:
    return AmendOrder(
        decision_id=decision_id,
        order_decision_id="d1",
        lots=lots,
        limit_ticks=None,
        stop_ticks=None,
        decided_at_ns=T0 + at_s * SECOND,
        origin="test",
    )


def amended(lots: int, *, after_s: int) -> OrderAmended:
    at_ns = T0 + after_s * SECOND
    return OrderAmended(
        decision_id="d1",
        lots=lots,
        limit_ticks=None,
        stop_ticks=None,
        venue_time_ns=at_ns,
        arrival_time_ns=at_ns,
    )


def answered(
    live: PlaceOrder,
    *reports: Report,
    amends: tuple[AmendOrder, ...] = (),
    down: tuple[tuple[int, int], ...] = (),
) -> tuple[AnsweredVenue, Simulated]:
    """Return the ladder's venue after a live run that made one order."""
    simulated = Simulated(price_ticks=SIMULATED_TICKS)
    answers = LiveAnswers(
        orders={live.decision_id: live},
        reports={live.decision_id: list(reports)},
        funding=[],
        amends=amends,
        down=down,
    )
    costs = ChargedCosts([], Holdings({}), ModelledCosts(PRACTICE, {}, simulated))
    venue = AnsweredVenue(simulated, answers, costs, profile=PRACTICE, positions={}, start_ns=T0)
    return venue, simulated


def a_live_fill(order: PlaceOrder, lots: int, *, after_s: int = 1) -> Fill:
    return a_fill(order, lots=lots, price_ticks=LIVE_TICKS, at_ns=T0 + after_s * SECOND)


def fills_of(venue: AnsweredVenue) -> list[tuple[str, int, int]]:
    reports = venue.advance(T0 + 100 * SECOND)
    return [
        (each.decision_id, each.lots, each.price_ticks) for each in reports if type(each) is Fill
    ]


def test_the_same_order_gets_lives_fills() -> None:
    order = an_order(3)
    venue, simulated = answered(order, a_live_fill(order, 1), a_live_fill(order, 2, after_s=9))

    venue.place(msgspec.structs.replace(order, decided_at_ns=T0 + 5 * SECOND))

    assert not simulated.placed
    assert venue.next_wake_ns(T0 + 100 * SECOND) == T0 + 5 * SECOND
    assert fills_of(venue) == [("d1", 1, LIVE_TICKS), ("d1", 2, LIVE_TICKS)]


@pytest.mark.parametrize(
    ("live_s", "wanted_s", "price_ticks"),
    [
        (15, 15, SIMULATED_TICKS),
        (20, 20, SIMULATED_TICKS),
        (25, 15, SIMULATED_TICKS),
        (25, 5, SIMULATED_TICKS),
        (25, 25, LIVE_TICKS),
        (10, 10, LIVE_TICKS),
        (5, 6, LIVE_TICKS),
    ],
)
def test_what_live_decided_later_because_it_was_down_answers_nothing(
    live_s: int, wanted_s: int, price_ticks: int
) -> None:
    down = (T0 + 10 * SECOND, T0 + 20 * SECOND)
    live = msgspec.structs.replace(an_order(3), decided_at_ns=T0 + live_s * SECOND)
    venue, _ = answered(live, a_live_fill(live, 3, after_s=live_s + 1), down=(down,))

    venue.place(msgspec.structs.replace(live, decided_at_ns=T0 + wanted_s * SECOND))

    assert fills_of(venue) == [("d1", 3, price_ticks)]


def test_an_order_live_did_not_make_is_simulated() -> None:
    venue, _ = answered(an_order(3))

    venue.place(an_order(2, decision_id="d2"))

    assert fills_of(venue) == [("d2", 2, SIMULATED_TICKS)]


def test_a_smaller_order_gets_as_much_of_lives_fills() -> None:
    live = an_order(3)
    venue, _ = answered(live, a_live_fill(live, 2), a_live_fill(live, 1, after_s=2))

    venue.place(an_order(2))

    assert fills_of(venue) == [("d1", 2, LIVE_TICKS)]


def test_what_only_this_run_wanted_is_simulated_under_the_same_order() -> None:
    live = an_order(3)
    venue, _ = answered(live, a_live_fill(live, 3))

    venue.place(an_order(5))

    assert sorted(fills_of(venue)) == [("d1", 2, SIMULATED_TICKS), ("d1", 3, LIVE_TICKS)]


def test_an_order_of_the_other_side_is_simulated_and_cancelled_there() -> None:
    live = an_order(3)
    venue, simulated = answered(live, a_live_fill(live, 3))

    venue.place(an_order(3, side=-1))
    venue.cancel(a_cancel())

    assert [each.order_decision_id for each in simulated.cancelled] == ["d1"]
    assert fills_of(venue) == [("d1", 3, SIMULATED_TICKS)]


def test_a_cancel_reaches_the_simulated_rest_too() -> None:
    live = an_order(3, order_type=int(OrderType.LIMIT), limit_ticks=390)
    cancelled = OrderCancelled(
        decision_id="d1",
        reason="requested",
        filled_lots=0,
        venue_time_ns=T0 + 2 * SECOND,
        arrival_time_ns=T0 + 3 * SECOND,
    )
    venue, simulated = answered(live, cancelled)

    venue.place(msgspec.structs.replace(live, lots=5))
    venue.cancel(a_cancel())

    (placed,) = simulated.placed
    assert [each.order_decision_id for each in simulated.cancelled] == [placed.decision_id]
    assert placed.lots == 2


def test_that_a_rest_had_traded_is_not_said_of_the_order() -> None:
    live = an_order(3)
    venue, simulated = answered(live)
    venue.place(an_order(5))
    (placed,) = simulated.placed

    simulated.waiting.append(
        CancelRejected(
            decision_id=placed.decision_id,
            reason="final",
            venue_time_ns=T0 + SECOND,
            arrival_time_ns=T0 + SECOND,
        )
    )

    assert CancelRejected not in map(type, venue.advance(T0 + 100 * SECOND))


def test_a_cancel_that_only_this_run_made_leaves_the_later_fills_out() -> None:
    live = an_order(3)
    venue, _ = answered(live, a_live_fill(live, 1), a_live_fill(live, 2, after_s=9))

    venue.place(an_order(3))
    venue.cancel(a_cancel())

    reports = venue.advance(T0 + 100 * SECOND)
    assert [each.lots for each in reports if type(each) is Fill] == [1]
    assert type(reports[-1]) is OrderCancelled


def test_an_amend_live_made_too_gets_lives_answer_and_the_fills_it_made_room_for() -> None:
    live = an_order(3)
    wish = an_amend(5)
    reports = (a_live_fill(live, 2), amended(5, after_s=3), a_live_fill(live, 3, after_s=4))
    venue, simulated = answered(
        live, *(msgspec.structs.replace(r, trade_id=f"t{n}") if type(r) is Fill else r
                for n, r in enumerate(reports)), amends=(wish,)
    )  # fmt: skip

    venue.place(an_order(3))
    venue.amend(wish)

    told = venue.advance(T0 + 100 * SECOND)
    assert [type(each) for each in told if type(each) is not Fill] == [OrderAmended]
    assert sum(each.lots for each in told if type(each) is Fill) == 5
    assert simulated.amended == []


def test_without_the_amend_live_made_its_answer_is_not_given_nor_what_it_made_room_for() -> None:
    live = an_order(3)
    venue, _ = answered(
        live,
        a_live_fill(live, 2),
        amended(5, after_s=3),
        a_live_fill(live, 3, after_s=4),
        amends=(an_amend(5),),
    )

    venue.place(an_order(3))

    assert fills_of(venue) == [("d1", 2, LIVE_TICKS), ("d1", 1, LIVE_TICKS)]


def test_an_amend_live_refused_is_refused() -> None:
    refused = AmendRejected(
        decision_id="d1",
        reason="post_only",
        venue_time_ns=T0 + 3 * SECOND,
        arrival_time_ns=T0 + 3 * SECOND,
    )
    live = an_order(3)
    venue, _ = answered(live, refused, amends=(an_amend(5),))

    venue.place(an_order(3))
    venue.amend(an_amend(5))

    assert venue.advance(T0 + 100 * SECOND) == [refused]


def test_after_an_amend_live_did_not_make_the_rest_is_simulated() -> None:
    live = an_order(3)
    venue, simulated = answered(live, a_live_fill(live, 1), a_live_fill(live, 2, after_s=9))

    venue.place(an_order(3))
    venue.amend(an_amend(6))

    assert [(each.lots, each.decided_at_ns) for each in simulated.placed] == [(5, T0 + 2 * SECOND)]
    assert fills_of(venue) == [("d1", 1, LIVE_TICKS), ("d1", 5, SIMULATED_TICKS)]


def test_an_amend_of_a_simulated_order_goes_to_the_simulation() -> None:
    venue, simulated = answered(an_order(3))

    venue.place(an_order(2, decision_id="d2"))
    wish = msgspec.structs.replace(an_amend(1), order_decision_id="d2")
    venue.amend(wish)

    assert simulated.amended == [wish]


# -- what live's venue did by itself ------------------------------------------------------------


def imposed_on(bought: int, closed: int) -> list[Report]:
    """Return what a run sees that buys so many lots, where live's venue closed so many."""
    live = an_order(bought)
    closing = an_order(
        closed, decision_id="liquidation:ES:1:9", side=-1, reduce_only=True, origin="venue:l"
    )
    own = OrderImposed(
        order=closing,
        reason="liquidation",
        venue_time_ns=T0 + 5 * SECOND,
        arrival_time_ns=T0 + 6 * SECOND,
    )
    simulated = Simulated(price_ticks=SIMULATED_TICKS)
    answers = LiveAnswers(
        orders={live.decision_id: live},
        reports={
            live.decision_id: [a_live_fill(live, bought)],
            closing.decision_id: [a_live_fill(closing, closed, after_s=6)],
        },
        funding=[],
        imposed=(own,),
    )
    costs = ChargedCosts([], Holdings({}), ModelledCosts(PRACTICE, {}, simulated))
    venue = AnsweredVenue(simulated, answers, costs, profile=PRACTICE, positions={}, start_ns=T0)
    venue.place(live)
    assert venue.next_wake_ns(T0 + 2 * SECOND) == T0 + SECOND
    return list(venue.advance(T0 + 100 * SECOND))


def test_a_position_that_the_venue_closed_for_live_is_closed_here() -> None:
    reports = imposed_on(bought=3, closed=3)

    assert [type(each) for each in reports] == [Fill, OrderImposed, Fill]
    assert [each.side * each.lots for each in reports if isinstance(each, Fill)] == [3, -3]


def test_no_more_is_closed_than_this_run_holds() -> None:
    _, imposed, closed = imposed_on(bought=2, closed=5)

    assert isinstance(imposed, OrderImposed)
    assert isinstance(closed, Fill)
    assert (imposed.order.lots, closed.lots) == (2, 2)


def test_where_nothing_is_held_nothing_is_closed() -> None:
    closing = an_order(4, decision_id="recall:ES:1", side=-1, reduce_only=True)
    own = OrderImposed(
        order=closing, reason="recall", venue_time_ns=T0 + SECOND, arrival_time_ns=T0 + SECOND
    )
    simulated = Simulated(price_ticks=SIMULATED_TICKS)
    answers = LiveAnswers(
        orders={},
        reports={closing.decision_id: [a_live_fill(closing, 4)]},
        funding=[],
        imposed=(own,),
    )
    costs = ChargedCosts([], Holdings({}), ModelledCosts(PRACTICE, {}, simulated))
    venue = AnsweredVenue(simulated, answers, costs, profile=PRACTICE, positions={}, start_ns=T0)

    assert venue.advance(T0 + 100 * SECOND) == []


def test_a_payment_leaves_it_to_live_to_close_what_live_held_so() -> None:
    told: list[tuple[list[str], set[str]]] = []

    class OnMargin(Simulated):
        def know(self, reports: Sequence[Report], *, unwatched: Collection[str]) -> None:
            told.append(([type(each).__name__ for each in reports], set(unwatched)))

    order = an_order(3)
    fill = a_live_fill(order, 3)
    charge = FundingCharged(
        instrument=SYMBOL,
        charge_id="f1",
        amount=-1,
        rate="0.0001",
        position_lots=3,
        mark_ticks=LIVE_TICKS,
        venue_time_ns=T0 + 9 * SECOND,
        arrival_time_ns=T0 + 9 * SECOND,
    )
    terms = MarginTerms(mode=MarginMode.CASH)
    simulated = OnMargin(price_ticks=SIMULATED_TICKS)
    answers = LiveAnswers(orders={"d1": order}, reports={"d1": [fill]}, funding=[charge])
    live = Holdings({}, [fill])
    venue = AnsweredVenue(
        simulated,
        answers,
        ChargedCosts([charge], live, ModelledCosts(PRACTICE, {}, simulated)),
        profile=msgspec.structs.replace(PRACTICE, margin=terms),
        positions={},
        start_ns=T0,
    )

    venue.place(order)
    venue.advance(T0 + 20 * SECOND)

    assert [each for each in told if each[0]] == [
        (["Fill"], {SYMBOL}),
        (["FundingCharged"], {SYMBOL}),
    ]


class Watching(Simulated):
    """A simulation that is told of actions, and which positions it need not watch."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def act(self, action: Split, **settings: object) -> None:
        self.told.append("act")

    def know(self, reports: Sequence[Report], *, unwatched: Collection[str]) -> None:
        """Know what is told."""

    def unwatch(self, symbol: str, at_ns: int) -> None:  # type: ignore[override]
        self.told.append(f"unwatch {symbol}")


@pytest.mark.parametrize("earlier", [0, 1])
@pytest.mark.parametrize(("traded", "told"), [(0, ["act", f"unwatch {SYMBOL}"]), (3, ["act"])])
def test_a_position_that_live_held_so_is_watched_by_lives_venue_after_an_action(
    traded: int, told: list[str], earlier: int
) -> None:
    at_ns = T0 + 100 * SECOND
    split = Split(
        instrument=SYMBOL, new=2, old=1, venue_time_ns=at_ns, arrival_time_ns=at_ns + SECOND
    )
    # One from before the start is in the positions already.
    before = msgspec.structs.replace(split, venue_time_ns=T0 - 50 * SECOND)
    bracket = MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.05"))
    terms = MarginTerms(mode=MarginMode.CROSS, brackets=(bracket,))
    assumed = msgspec.structs.replace(PRACTICE, margin=terms)
    # What live traded and this run did not.
    other = a_fill(an_order(lots=traded), lots=traded) if traded else None
    answers = LiveAnswers(
        orders={},
        reports={"d1": [other]} if other else {},
        funding=[],
        splits=(before, split) if earlier else (split,),
    )
    simulated = Watching()
    venue = AnsweredVenue(
        simulated,  # type: ignore[arg-type]
        answers,
        ModelledCosts(assumed, {}, simulated),
        profile=assumed,
        positions={SYMBOL: 10},
        start_ns=T0 - SECOND,
    )
    simulated.told.clear()

    venue.act(split, held_lots=10, past=False)

    assert simulated.told == told


# -- what the lender wants back -------------------------------------------------------------------

HOUR = 3600 * SECOND
BACK = f"recall:{SYMBOL}:{T0 + HOUR}"
FREE = msgspec.structs.replace(PRACTICE, funding_rule=FundingRule.NONE)


def called_back(*, live_sold: int = 0, sold: int = 0) -> list[tuple[str, int]]:
    """Return what is bought back of five short and what was sold, where two lots may stay."""
    prints = trades([400] * 60, step_ns=600 * SECOND)
    simulated = SimulatedVenue(
        {SYMBOL: ES},
        FREE,
        {SYMBOL: HistoryMarket([prints])},
        positions={SYMBOL: -5},
        start_ns=T0,
        borrow_rates=BorrowSeries(
            {SYMBOL: [BorrowRate(T0 - HOUR, None, 99), BorrowRate(T0 + HOUR, None, 2)]}
        ),
    )
    sale = an_order(max(live_sold, 1), decision_id="live", side=-1)
    back = an_order(3 + live_sold, decision_id=BACK, decided_at_ns=T0 + HOUR, reduce_only=True)
    imposed = OrderImposed(
        order=back,
        reason="recall",
        venue_time_ns=T0 + HOUR,
        arrival_time_ns=T0 + HOUR + FREE.response_latency_ns,
    )
    answers = LiveAnswers(
        orders={"live": sale},
        reports={
            "live": [a_fill(sale, lots=live_sold)] if live_sold else [],
            BACK: [a_fill(back, lots=back.lots, price_ticks=LIVE_TICKS, at_ns=T0 + 2 * HOUR)],
        },
        funding=[],
        imposed=(imposed,),
    )
    venue = AnsweredVenue(
        simulated,
        answers,
        ModelledCosts(FREE, {SYMBOL: ES}, simulated),
        profile=FREE,
        positions={SYMBOL: -5},
        start_ns=T0,
        lends=True,
    )
    if sold:
        venue.place(an_order(sold, decision_id="own", side=-1))
    reports = venue.advance(T0 + 5 * HOUR)
    found = [("called", each.order.lots) for each in reports if isinstance(each, OrderImposed)]
    fills = [each for each in reports if isinstance(each, Fill) and each.side > 0]
    whose = {"live's" if each.price_ticks == LIVE_TICKS else "the model's" for each in fills}
    return [*found, (" and ".join(sorted(whose)), sum(each.lots for each in fills))]


def test_a_position_that_live_held_too_is_called_back_once() -> None:
    assert called_back() == [("called", 3), ("live's", 3)]


def test_of_a_smaller_position_than_lives_as_much_may_stay_as_stayed_there() -> None:
    assert called_back(live_sold=4) == [("called", 3), ("live's", 3)]


def test_a_larger_position_than_lives_is_called_back_by_the_model_alone() -> None:
    assert called_back(sold=4) == [("called", 7), ("the model's", 7)]
