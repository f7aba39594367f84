"""Statistics have exact definitions, and are absent where they are undefined."""

from __future__ import annotations

from fractions import Fraction

from tests.unit.reconcile.builders import (
    BTC,
    END,
    END_MARKS,
    ETH,
    HOUR,
    INSTRUMENTS,
    MINUTE,
    SECOND,
    START_MARKS,
    T0,
    UNIT,
    a_charge,
    a_denial,
    a_fill,
    a_rung,
    an_acceptance,
    an_order,
)
from tieout.model.events import Liquidity, Trade
from tieout.model.money import money
from tieout.model.orders import OrderType
from tieout.reconcile import (
    Metrics,
    RungRecord,
    Valuation,
    drawdown,
    equity_curve,
    price_series,
    profit,
    slippage_of,
)
from tieout.reconcile.figures import measure

VALUATION = Valuation(INSTRUMENTS, START_MARKS, END_MARKS)
DAY = 24 * HOUR


def metrics(twin: RungRecord, live: RungRecord, *, twin_pnl: int = 0, live_pnl: int = 0) -> Metrics:
    return measure(twin, live, twin_profit=twin_pnl, live_profit=live_pnl, valuation=VALUATION)


def test_nothing_done_leaves_every_metric_undefined() -> None:
    assert metrics(a_rung(), a_rung()) == Metrics(
        signal_match_rate=None,
        fill_rate=None,
        fill_rate_raw=None,
        average_slippage_bps=None,
        pnl_divergence=None,
        latency_p99_ms=None,
    )


def test_signal_match_rate_is_matched_over_union() -> None:
    twin = a_rung(an_order(1), an_order(2), an_order(3), a_denial(4))
    live = a_rung(an_order(2), an_order(3, side=-1), a_denial(4), an_order(5))

    assert metrics(twin, live).signal_match_rate == Fraction(2, 5)


def test_fill_rate_counts_matched_orders_and_the_raw_one_all() -> None:
    twin = a_rung(an_order(1), a_fill(1, lots=10), an_order(2), a_fill(2, lots=10))
    live = a_rung(an_order(1), a_fill(1, lots=4), an_order(3), a_fill(3, lots=10))

    found = metrics(twin, live)

    assert found.fill_rate == Fraction(4, 10)
    assert found.fill_rate_raw == Fraction(14, 20)


def test_fill_rate_weighs_instruments_by_their_worth() -> None:
    twin = a_rung(an_order(1), a_fill(1), an_order(2, instrument=ETH), a_fill(2, instrument=ETH))
    live = a_rung(an_order(1), a_fill(1), an_order(2, instrument=ETH))

    # Ten lots of BTC are worth 101 and ten of ETH 0.000021.
    assert 0.9999997 < float(metrics(twin, live).fill_rate or 0) < 1


def test_average_slippage_is_adverse_shift_over_notional() -> None:
    live = a_rung(
        an_order(1),
        a_fill(1, lots=10, price_ticks=100_100),
        an_order(2, side=-1),
        a_fill(2, side=-1, lots=5, price_ticks=99_900),
    )

    expected = Fraction(10_000 * (10 * 100 + 5 * 100), 10 * 100_100 + 5 * 99_900)
    assert metrics(a_rung(), live).average_slippage_bps == expected


def test_pnl_divergence_is_relative_to_the_twin() -> None:
    assert metrics(a_rung(), a_rung(), twin_pnl=-100, live_pnl=50).pnl_divergence == Fraction(3, 2)


def test_latency_is_signal_to_fill_for_takers_and_to_acceptance_for_makers() -> None:
    limit = int(OrderType.LIMIT)
    live = a_rung(
        an_order(1),
        a_fill(1, arrival_time_ns=T0 + MINUTE + 300_000_000),
        an_order(2, order_type=limit),
        an_acceptance(2, after_ns=40_000_000),
        a_fill(2, liquidity=int(Liquidity.MAKER), arrival_time_ns=T0 + HOUR),
        an_order(3, order_type=limit),
        a_fill(3, arrival_time_ns=T0 + 3 * MINUTE + 700_000_000),
        an_order(4),
    )

    assert metrics(a_rung(), live).latency_p99_ms == 700


def test_latency_takes_the_nearest_rank() -> None:
    live = a_rung(
        *(
            each
            for n in range(1, 201)
            for each in (an_order(n), a_fill(n, arrival_time_ns=T0 + n * MINUTE + n * 1_000_000))
        )
    )

    assert metrics(a_rung(), live).latency_p99_ms == 198


def test_slippage_opens_into_delay_half_spread_impact_and_missed() -> None:
    live = a_rung(
        an_order(1, lots=12),
        a_fill(
            1,
            lots=10,
            price_ticks=100_030,
            reference_ticks=100_010,
            half_spread_microticks=15_000_000,
        ),
        an_order(2, decision_price_ticks=None),
        a_fill(2),
    )

    slip = slippage_of(live, VALUATION)

    assert (slip.delay, slip.half_spread, slip.impact) == (100 * UNIT, 150 * UNIT, 50 * UNIT)
    assert slip.missed == 2 * 1000 * UNIT
    assert slip.total == 2300 * UNIT
    assert slip.notional == 10 * 100_030 * UNIT


def test_equity_follows_prices_fills_and_funding_and_ends_at_the_profit() -> None:
    live = a_rung(
        an_order(1),
        Trade(BTC, T0 + SECOND, T0 + SECOND, 99_000, 1, 1, 1, 9900.0),
        a_fill(1, price_ticks=100_010, fee=money("1")),
        Trade(BTC, T0 + HOUR, T0 + HOUR, 100_500, 1, 1, 2, 10050.0),
        a_charge("-2"),
        positions=((BTC, 5, 5 * 100_000 * UNIT),),
    )

    curve = equity_curve(live, VALUATION, price_series(live, [live]), end_ns=END)

    start = money("10000")
    bought = start - 10 * 100_010 * UNIT - money("1") - 5 * 100_000 * UNIT
    assert curve == [
        (T0, start),
        (T0 + SECOND, start - 5 * 1000 * UNIT),
        (T0 + MINUTE + 2 * SECOND, bought + 15 * 99_000 * UNIT),
        (T0 + HOUR, bought + 15 * 100_500 * UNIT),
        (T0 + 8 * HOUR + SECOND, bought + 15 * 100_500 * UNIT - money("2")),
        (END, start + profit(live, VALUATION)),
    ]


def test_equity_without_market_data_uses_the_prices_decided_at() -> None:
    rung = a_rung(an_order(1, decision_price_ticks=100_000), an_order(2, decision_price_ticks=None))

    assert price_series(rung, [rung]) == {BTC: [(T0 + MINUTE, 100_000)]}


def test_equity_of_a_run_that_did_nothing_is_a_line() -> None:
    rung = a_rung()

    assert equity_curve(rung, VALUATION, {}, end_ns=END) == [
        (T0, money("10000")),
        (END, money("10000")),
    ]


def test_late_report_does_not_bend_time_back() -> None:
    rung = a_rung(a_fill(arrival_time_ns=END + 5))

    curve = equity_curve(rung, VALUATION, {}, end_ns=END)

    assert [time for time, _ in curve] == [T0, END + 5]


def test_drawdown_is_the_deepest_fall_in_money_and_in_share() -> None:
    falls = [(0, 100), (1, 50), (2, 1000), (3, 900)]

    assert drawdown(falls) == (100, Fraction(1, 2))
    assert drawdown([(0, -5), (1, -9)]) == (4, None)
    assert drawdown([]) == (0, None)
