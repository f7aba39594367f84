"""The matching core refuses what it cannot compute exactly, and remembers what it saw."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.support.worlds import MINUTE, SECOND, SYMBOL, T0, bars, trades
from tieout.errors import DataError, SettingsError
from tieout.market import MatchingCore, ReportKind, sources_digest
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import FillLevel, FundingRule, profile

NAIVE = profile("zero-latency")


def an_order(**terms: object) -> PlaceOrder:
    return PlaceOrder(
        **{
            "decision_id": "d",
            "instrument": SYMBOL,
            "side": 1,
            "order_type": 1,
            "lots": 1,
            "limit_ticks": None,
            "stop_ticks": None,
            "time_in_force": 1,
            "decided_at_ns": T0,
            "decision_price_ticks": None,
            "origin": "test",
            **terms,
        }
    )


def a_core(**changes: object) -> MatchingCore:
    return MatchingCore(msgspec.structs.replace(NAIVE, **changes))


def place(
    core: MatchingCore, *, number: int = 0, lots: int = 1, at_ns: int = T0, limit_ticks: int = 0
) -> None:
    order = an_order(lots=lots, order_type=2 if limit_ticks else 1, limit_ticks=limit_ticks or None)
    core.place(number, order, arrival_ns=at_ns, response_ns=0)


def test_prices_that_are_none_are_named_with_their_row() -> None:
    with pytest.raises(DataError, match="not positive") as refused:
        a_core().give(trades([400, 0]))
    assert refused.value.row == 2


def test_prices_beyond_exact_arithmetic_are_refused_when_they_matter() -> None:
    core = a_core()
    core.give(trades([400, 1 << 60]))
    core.commit(T0 + MINUTE)
    place(core, at_ns=T0 + MINUTE)
    later = trades([1 << 60], start_ns=T0 + MINUTE)
    core.give(later)
    with pytest.raises(DataError, match="too high for exact arithmetic"):
        core.commit(T0 + 2 * MINUTE)


@pytest.mark.parametrize("value", [Decimal("0.00001"), Decimal(20_000)])
def test_shifts_that_cannot_be_computed_exactly_are_refused(value: Decimal) -> None:
    with pytest.raises(SettingsError, match="four decimals"):
        a_core(slippage_bps=value)


def test_many_orders_and_reports_grow_the_arrays() -> None:
    core = a_core()
    core.give(trades([400] * 3))
    for number in range(100):
        place(core, number=number)
    for number in range(100, 150):
        core.cancel(number - 50, arrival_ns=T0, response_ns=0)

    found = core.commit(T0 + MINUTE)

    fills = [each for each in found if each.kind == ReportKind.FILL]
    cancels = [each for each in found if each.kind == ReportKind.CANCEL]
    assert (len(fills), len(cancels)) == (50, 50)
    assert core.position_lots == 50


def a_core_with_a_limit_that_the_sixth_print_touches() -> MatchingCore:
    core = a_core()
    core.give(trades([400] * 5 + [390] + [400] * 5))
    place(core, limit_ticks=395)
    core.commit(T0 + SECOND)
    assert core.next_touch_ns(T0 + MINUTE) == T0 + 6 * SECOND
    return core


def test_quiet_rows_are_passed_over_up_to_the_one_that_touches() -> None:
    core = a_core_with_a_limit_that_the_sixth_print_touches()
    assert core.calm_before_ns == T0 + 6 * SECOND
    assert core.next_touch_ns(T0 + 5 * SECOND) is None
    assert core.passes(T0 + 5 * SECOND)
    assert not core.passes(T0 + 6 * SECOND)
    assert len(core.commit(T0 + 6 * SECOND)) == 1


def test_a_new_order_ends_what_was_known_of_the_rows_to_come() -> None:
    core = a_core_with_a_limit_that_the_sixth_print_touches()
    assert core.passes(T0 + 3 * SECOND)
    place(core, number=1, at_ns=T0 + 3 * SECOND)
    assert not core.passes(T0 + 3 * SECOND)
    assert core.next_touch_ns(T0 + MINUTE) == T0 + 4 * SECOND


def test_nothing_is_passed_over_while_a_cancel_is_on_its_way() -> None:
    core = a_core_with_a_limit_that_the_sixth_print_touches()
    core.cancel(0, arrival_ns=T0 + 3 * SECOND, response_ns=0)
    assert core.next_touch_ns(T0 + MINUTE) == T0 + 4 * SECOND
    assert not core.passes(T0 + 2 * SECOND)
    assert core.calm_before_ns < T0


def test_an_idle_market_is_passed_over_to_the_end_of_its_rows() -> None:
    core = a_core()
    core.give(trades([400] * 5))
    core.commit(T0 + SECOND)
    assert core.passes(T0 + 4 * SECOND)
    assert not core.passes(T0 + 5 * SECOND)
    core.commit(T0 + 5 * SECOND)
    assert core.wants_rows


def test_the_price_at_a_time_is_the_last_print_or_the_bars_open_inside_it() -> None:
    core = a_core()
    assert core.price_at(T0) is None
    core.give(trades([400, 401]))
    assert core.price_at(T0) is None
    assert core.price_at(T0 + 1_500_000_000) == 400
    assert core.price_at(T0 + MINUTE) == 401

    on_bars = a_core()
    on_bars.give(bars([400, 404]))
    assert on_bars.price_at(T0 + MINUTE + 1) == 400
    assert on_bars.price_at(T0 + 2 * MINUTE) == 404


def test_a_position_at_the_start_pays_funding() -> None:
    chosen = msgspec.structs.replace(
        NAIVE, funding_rule=FundingRule.SIGNED, funding_interval_ns=MINUTE
    )
    core = MatchingCore(chosen, position_lots=3)
    core.give(trades([400] * 130))

    found = core.commit(T0 + 3 * MINUTE)

    assert [each.kind for each in found] == [ReportKind.FUNDING] * 2
    assert [each.lots for each in found] == [3, 3]


def test_ambiguous_bars_are_counted() -> None:
    core = a_core(fill_level=FillLevel.NAIVE)
    for number, (kind, limit, stop) in enumerate([(2, 405, None), (3, None, 395)]):
        order = an_order(side=-1, order_type=kind, limit_ticks=limit, stop_ticks=stop)
        core.place(number, order, arrival_ns=T0 - 1, response_ns=0)
    wide = bars([400, 400])
    wide.high_ticks[1], wide.low_ticks[1] = 410, 390
    core.give(wide)
    core.commit(T0 + 5 * MINUTE)
    assert core.ambiguous_bars == 1


def test_the_digest_of_the_compiled_sources_is_stable_within_a_process() -> None:
    assert sources_digest() == sources_digest()
    assert len(sources_digest()) == 64


@pytest.mark.parametrize("given", [2, 5])
def test_a_cancel_by_the_close_of_a_bar_that_is_over_is_answered_at_once(given: int) -> None:
    core = a_core()
    market = bars([400] * 5)
    core.give(market.rows(0, given))
    place(core, limit_ticks=390)
    over = int(market.close_time_ns[1])
    assert core.next_touch_ns(over) == int(market.arrival_time_ns[0])
    core.commit(over)

    late = core.cancel(0, arrival_ns=over + 1, response_ns=5)
    answers = core.cancel(0, arrival_ns=over, response_ns=5)

    assert late == []
    assert [(each.kind, each.arrival_ns) for each in answers] == [(ReportKind.CANCEL, over + 5)]
