"""Corporate actions on margin: the venue's books of the account take what our ledger takes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.acted_markets import order
from tests.support.shared_account import SharedRun, cross
from tests.support.worlds import SECOND, SYMBOL, T0, a_fill, bars, trades
from tests.unit.venues.test_margins import CASH, CROSS, ISOLATED, Run
from tieout.adapters.venues.simulated.price_rows import PriceRows
from tieout.adapters.venues.simulated.under_way import UnderWay
from tieout.model.actions import Action, ActionKind
from tieout.model.events import (
    ActionBooked,
    Fill,
    MarginWarned,
    OrderAmended,
    OrderDenied,
    OrderImposed,
    OrderRejected,
)
from tieout.model.money import MONEY_UNIT, money, round_half_up

# Prints are a second apart: row n is at T0 + n seconds, an action between two of them.
STEP = SECOND


def after_row(row: int, kind: ActionKind, value: int = 0, per: int = 1) -> Action:
    at_ns = T0 + row * STEP + STEP // 2
    return Action(
        instrument=SYMBOL, kind=kind, venue_time_ns=at_ns, known_time_ns=at_ns, value=value, per=per
    )


def split(row: int, new: int, old: int = 1) -> Action:
    return after_row(row, ActionKind.SPLIT, new, old)


def dividend(row: int, amount: str) -> Action:
    return after_row(row, ActionKind.DIVIDEND, money(amount))


def booked_alike(run: Run) -> None:
    """The venue's books and ours are one account."""
    assert run.venue._margins is not None
    theirs, ours = run.venue._margins._ledger, run.kernel.ledger
    assert theirs.accounts() == ours.accounts()
    assert theirs.position(SYMBOL).lots == ours.position(SYMBOL).lots
    core = run.venue._markets[SYMBOL].core
    assert core.position_lots == ours.position(SYMBOL).lots


@pytest.mark.parametrize("assumed", [CROSS, ISOLATED])
@pytest.mark.parametrize(
    ("last", "closed"), [([1896, 1896], []), ([1895, 1895], []), ([1894, 1890], [(20, 1890)])]
)
def test_a_split_moves_the_price_at_which_a_position_is_closed(
    assumed: Any, last: list[int], closed: list[tuple[int, int]]
) -> None:
    # 10 lots at 4,000 ticks were closed at 3,789; 20 at 2,000 are at half of it, 1,894.
    run = Run(trades([4000, 4000, 4000, 2000, *last]), {1: 10}, assumed, actions=[split(3, 2)])

    assert [(each.lots, each.price_ticks) for each in run.closed] == closed
    booked_alike(run)


def test_before_the_split_it_stood_where_it_was() -> None:
    falling = trades([4000, 4000, 3789, 3700, 1850])

    assert [each.lots for each in Run(falling, {1: 10}, actions=[split(4, 2)]).closed] == [10]


def test_a_short_is_closed_above_after_a_reverse_split() -> None:
    # 10 lots at 4,190 or so become one at ten times that, and cash for nothing.
    low = Run(trades([4000, 4000, 40_000, 41_890]), {1: -10}, actions=[split(2, 1, 10)])
    high = Run(trades([4000, 4000, 40_000, 41_910, 42_000]), {1: -10}, actions=[split(2, 1, 10)])

    assert low.closed == []
    assert [(each.lots, each.side) for each in high.closed] == [(1, 1)]
    booked_alike(high)


def test_a_dividend_that_a_short_pays_closes_it() -> None:
    # 1,000 stands for ten lots; 50 a lot leave 500: closed at 4,096 or so instead of 4,191.
    rising = trades([4000, 4000, 4000, 4120, 4120, 4120])

    assert Run(rising, {1: -10}).closed == []
    paid = Run(rising, {1: -10}, actions=[dividend(3, "50")])
    assert [(each.lots, each.price_ticks) for each in paid.closed] == [(10, 4120)]
    assert paid.kernel.ledger.dividends == money("-500")
    booked_alike(paid)


def test_a_dividend_that_a_long_receives_holds_it() -> None:
    falling = trades([4000, 4000, 4000, 3700, 3700])

    assert len(Run(falling, {1: 10}).closed) == 1
    kept = Run(falling, {1: 10}, actions=[dividend(3, "75")])
    assert kept.closed == []
    booked_alike(kept)


def test_what_the_venue_watches_with_is_told_to_nobody() -> None:
    run = Run(trades([4000, 4000, 4000, 2000, 2000]), {1: 10}, actions=[split(3, 2)])

    assert run.of(OrderAmended) == []
    assert run.of(OrderImposed) == []


def test_a_warning_is_given_anew_at_the_price_after_a_split() -> None:
    terms = msgspec.structs.replace(CROSS.margin, warning_ratio=Decimal("0.8"))
    assumed = msgspec.structs.replace(CROSS, margin=terms)
    prices = [4000, 4000, 3840, 4000, 4000, 2000, 1920, 1915]

    run = Run(trades(prices), {1: 10}, assumed, actions=[split(5, 2)])

    warned = [(each.position_lots, each.price_ticks) for each in run.of(MarginWarned)]
    assert warned == [(10, 3840), (20, 1920)]


def test_a_symbol_change_leaves_the_position_watched() -> None:
    changed = after_row(3, ActionKind.SYMBOL_CHANGE)

    run = Run(trades([4000, 4000, 4000, 3789, 3700]), {1: 10}, actions=[changed])

    assert len(run.closed) == 1


def test_a_delisting_closes_the_position_and_nothing_is_watched_any_more() -> None:
    gone = after_row(3, ActionKind.DELISTING)

    run = Run(trades([4000, 4000, 3900, 3789, 3700]), {1: 10}, actions=[gone])

    assert run.closed == []
    assert [each.reason for each in run.of(OrderImposed)] == ["delisting"]
    assert run.lots == 0
    booked_alike(run)


@pytest.mark.parametrize("assumed", [CROSS, ISOLATED, CASH])
def test_what_is_refused_before_it_is_sent_is_refused_by_the_venue(assumed: Any) -> None:
    # A resting limit of five at 900 is ten at 450: with it the account is at its end sooner.
    prices = trades([4000] * 3 + [2000] * 9)
    plan = {1: 105, 2: 3, 6: 8, 8: 1}

    run = Run(prices, plan, assumed, cash=10_000, actions=[split(3, 2)])
    refused = [each.reason for each in run.of(OrderRejected)]
    gated = Run(prices, plan, assumed, cash=10_000, actions=[split(3, 2)], gate=True)

    denied = [each for each in gated.journal.decisions if isinstance(each, OrderDenied)]
    assert [each.rule for each in denied] == refused
    assert gated.of(OrderRejected) == []
    assert gated.lots == run.lots
    booked_alike(gated)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_run_with_actions_is_the_same_however_its_rows_are_cut(rows: int) -> None:
    prices = trades([4000, 4000, 3900, 1950, 1940, 1930, 1900, 1890, 1880, 1870])
    actions = [dividend(3, "2"), split(3, 2)]

    whole, pieces = (Run(prices, {1: 10}, actions=actions, rows=each) for each in (10**9, rows))

    assert whole.closed
    assert whole.journal.records == pieces.journal.records
    assert whole.kernel.state_hash() == pieces.kernel.state_hash()


class Plain:
    """An account of ten lines: exact, and of no code of ours."""

    def __init__(self, cash: int) -> None:
        self.cash, self.lots, self.cost = Fraction(cash), 0, Fraction(0)

    def trade(self, signed: int, ticks: int, fee: int) -> None:
        self.cash -= Fraction(signed * ticks * MONEY_UNIT, 4) + fee
        self.lots += signed

    def divide(self, booked: ActionBooked) -> None:
        """Pay in cash, rounded as said, what a split leaves over."""
        whole = abs(self.lots) * booked.new
        sign = 1 if self.lots > 0 else -1
        worth = (whole % booked.old) * booked.price_ticks * MONEY_UNIT  # type: ignore[operator]
        self.cash += sign * round_half_up(worth, 4 * booked.new)
        self.lots = sign * (whole // booked.old)


ROWS = 14
trade_plans = st.dictionaries(st.integers(1, ROWS), st.integers(-4, 4).filter(bool), max_size=6)
terms = st.integers(1, 7)
told_actions = st.lists(
    st.tuples(st.integers(2, ROWS - 1), terms, st.one_of(st.none(), terms)), max_size=4
)


@settings(max_examples=60, deadline=None)
@given(trade_plans, told_actions, st.sampled_from([CROSS, ISOLATED]))
def test_ledger_and_venue_hold_one_account_whatever_happens(
    plan: dict[int, int], told: list[tuple[int, int, int | None]], assumed: Any
) -> None:
    unique = {(row, per is None): (row, value, per) for row, value, per in told}
    actions = [
        dividend(row, str(value)) if per is None else split(row, value, per)
        for row, value, per in unique.values()
    ]

    run = Run(trades([4000] * (ROWS + 2)), plan, assumed, cash=100_000, actions=actions)

    booked_alike(run)
    plain = Plain(money(100_000))
    for _, record in run.journal.records:
        if isinstance(record, Fill):
            plain.trade(record.side * record.lots, record.price_ticks, record.fee)
        elif isinstance(record, ActionBooked) and record.kind == ActionKind.DIVIDEND:
            paid = next(
                each for each in actions
                if (each.kind, each.venue_time_ns) == (record.kind, record.effective_ns)
            )  # fmt: skip
            plain.cash += plain.lots * paid.value
        elif isinstance(record, ActionBooked):
            plain.divide(record)
    assert (plain.lots, plain.cash) == (run.lots, run.kernel.ledger.cash)


def test_what_a_split_order_may_still_trade_is_what_it_has_left() -> None:
    under_way = UnderWay()
    placed = order("d1", 1, "limit", 5, 2601)
    under_way.place(placed)
    under_way.take(a_fill(placed, lots=2))

    # Two had filled; of three are twenty-one.
    amended = OrderAmended(
        decision_id="d1",
        lots=23,
        limit_ticks=371,
        stop_ticks=None,
        venue_time_ns=T0,
        arrival_time_ns=T0,
    )
    under_way.take(amended)

    assert under_way.lots(SYMBOL, 1) == 21


@pytest.mark.parametrize("held", [0, 6])
def test_what_is_delisted_is_closed_at_the_last_price_though_nobody_looked_at_it(held: int) -> None:
    free = msgspec.structs.replace(CROSS, margin=None)

    # Bought at 4,000 or held from the start, and left alone; it ends after the fourth row.
    run = Run(
        trades([4000, 4000, 3900, 3800, 3700]),
        {} if held else {1: 6},
        free,
        cash=30_000,
        held=held,
        actions=[after_row(4, ActionKind.DELISTING)],
    )

    assert run.lots == 0
    assert run.of(Fill)[-1].price_ticks == 3800


# -- one account over several instruments ----------------------------------------------------------

# 6 of A are long and 4 of B short at 1,000 each, with 1,000 in the account and 5 % to keep: while B
# stays, the account is over at 3,649 ticks of A. A is split 2:1 after its second row.
HELD = (("A", 6, 4000), ("B", -4, 4000))
B_STANDS = [4000] * 6


def shared(ticks: list[int], *actions: Action, rows: int = 10**9, **given: Any) -> SharedRun:
    markets = {
        "A": replace(trades(ticks), instrument="A"),
        "B": replace(trades(B_STANDS, start_ns=T0 + SECOND // 4), instrument="B"),
    }
    return SharedRun(markets, {}, cross(**given), held=HELD, rows=rows, actions=actions)


def of_a(action: Action) -> Action:
    return msgspec.structs.replace(action, instrument="A")


def accounts_agree(run: SharedRun) -> None:
    assert run.venue._margins is not None
    assert run.venue._margins._ledger.accounts() == run.kernel.ledger.accounts()


@pytest.mark.parametrize("rows", [1, 2, 10**9])
@pytest.mark.parametrize(
    ("last", "closed"), [([1826, 1825, 1825], []), ([1825, 1824, 1820], [("A", -12, 1820)])]
)
def test_a_split_leaves_a_shared_account_where_it_was(
    last: list[int], closed: list[tuple[str, int, int]], rows: int
) -> None:
    run = shared([4000, 3700, 1850, *last], of_a(split(2, 2)), rows=rows)

    assert run.closings == closed
    assert run.lots("A") == (0 if closed else 12)
    accounts_agree(run)


def test_without_the_split_the_same_prices_are_the_end_of_a_shared_account() -> None:
    assert shared([4000, 3700, 1850, 1826, 1825, 1825]).imposed == [("B", 4), ("A", -6)]


def test_a_dividend_on_one_stands_for_the_other() -> None:
    # 24 are paid in for what the price falls by: it is over at 96 / 6 ticks less than before.
    paid = of_a(dividend(2, "4"))

    assert shared([4000, 3700, 3684, 3634, 3634, 3634], paid).imposed == []
    over = shared([4000, 3700, 3684, 3632, 3630, 3630], paid)

    assert over.closings == [("A", -6, 3630)]
    accounts_agree(over)


def test_prices_from_before_a_split_are_seen_as_it_leaves_them() -> None:
    # The last one of A is of before it: beside the rows of B, which fall, a short would lose the
    # whole account at it.
    markets = {
        "A": replace(trades([4000, 3900]), instrument="A"),
        "B": replace(trades([4000, 3990, 3980, 3970], start_ns=T0 + SECOND // 4), instrument="B"),
    }
    turned = (("A", -6, 4000), ("B", 4, 4000))
    warned = msgspec.structs.replace(CROSS.margin, warning_ratio=Decimal("0.9"))

    run = SharedRun(markets, {}, cross(warned), held=turned, actions=[of_a(split(2, 2))])

    assert (run.imposed, run.warnings, run.lots("A")) == ([], [], -12)
    accounts_agree(run)


def test_what_is_delisted_stands_in_a_shared_account_no_more() -> None:
    gone = of_a(after_row(1, ActionKind.DELISTING))

    run = shared([4000, 3700], gone)

    assert run.closings == []
    assert [(each.instrument, each.lots, each.price_ticks) for each in run.of(Fill)] == [
        ("A", 6, 4000)
    ]
    assert (run.lots("A"), run.lots("B"), run.imposed) == (0, -4, [("A", -6)])
    accounts_agree(run)


def test_bars_that_a_split_lies_inside_of_stand_at_the_price_before_it() -> None:
    rows = PriceRows()
    bars_of = replace(
        bars([4000, 3700, 1850, 1800]),
        low_ticks=np.array([3900, 3600, 1700, 1790]),
        high_ticks=np.array([4000, 3900, 3750, 1900]),
    )
    rows.take(bars_of, reach_ns=10**15)
    at_ns = int(bars_of.open_time_ns[2]) + SECOND

    rows.carry(lambda ticks: ticks // 2, at_ns)

    seen = [
        rows.between(int(a), int(b), arrival_ns=10**19)
        for a, b in zip(bars_of.open_time_ns, bars_of.close_time_ns, strict=True)
    ]
    assert seen == [(1950, 2000), (1800, 2000), (1850, 1850), (1790, 1900)]
