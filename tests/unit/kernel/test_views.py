"""What indicators and history see of prices across corporate actions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.worlds import ES, MINUTE, SYMBOL, T0, bars
from tests.unit.kernel.test_corporate_actions import (
    AFTER,
    AT_NS,
    BEFORE,
    a_dividend,
    a_split,
    market,
)
from tieout.errors import DataError, InputError
from tieout.kernel.views import ViewedBars
from tieout.market.indicators import Indicator, PairIndicator
from tieout.model.actions import PriceView
from tieout.model.events import Bar, DividendPaid, Split
from tieout.model.money import MONEY_UNIT
from tieout.model.profiles import profile
from tieout.model.views import FINER
from tieout.strategy import Strategy
from tieout.wiring import backtest_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.actions import Action


def a_bar(minute: int, close: int, volume: int = 10) -> Bar:
    opened = T0 + minute * MINUTE
    return Bar(
        SYMBOL, MINUTE, opened, opened + MINUTE, opened + MINUTE, close, close, close, close,
        volume, 0, ES.tick_float,
    )  # fmt: skip


def split_at(minute: int, new: int, old: int = 1) -> Split:
    at_ns = T0 + minute * MINUTE
    return Split(instrument=SYMBOL, new=new, old=old, venue_time_ns=at_ns, arrival_time_ns=at_ns)


def paid_at(minute: int, ticks: int, reference: int = 0) -> DividendPaid:
    at_ns = T0 + minute * MINUTE
    return DividendPaid(
        instrument=SYMBOL,
        amount=ticks * MONEY_UNIT // 4,
        reference=reference * MONEY_UNIT // 4,
        venue_time_ns=at_ns,
        arrival_time_ns=at_ns,
    )


def seen_in(view: str, *events: Bar | Split | DividendPaid) -> list[float]:
    viewed = ViewedBars(ES, PriceView(view), kept=100)
    for event in events:
        if isinstance(event, Bar):
            viewed.update(event)
        else:
            viewed.acted(event)
    return [round(bar.close / ES.tick_float, 4) for bar in viewed.history(100)]


def test_each_view_says_what_it_takes_off() -> None:
    events = (a_bar(0, 800), split_at(1, 2), a_bar(1, 400), paid_at(2, 40), a_bar(2, 360))

    assert seen_in("split_adjusted", *events) == [400, 400, 360]
    assert seen_in("adjusted", *events) == [360, 360, 360]
    assert seen_in("total_return", *events) == [400, 400, 400]


def test_a_dividend_is_taken_off_as_a_share_of_its_reference_where_there_is_one() -> None:
    events = (a_bar(0, 400), paid_at(1, 40, reference=800), a_bar(1, 380))

    assert seen_in("adjusted", *events) == [380, 380]


def test_a_dividend_above_the_price_is_refused() -> None:
    with pytest.raises(DataError, match="not below the price before it"):
        seen_in("adjusted", a_bar(0, 30), paid_at(1, 30))


def test_volume_is_counted_in_the_units_of_today() -> None:
    viewed = ViewedBars(ES, PriceView.ADJUSTED, kept=10)
    viewed.update(a_bar(0, 700, volume=3))
    viewed.acted(split_at(1, 7))

    assert [each.volume_lots for each in viewed.history(1)] == [21]


def test_a_late_bar_from_before_an_action_is_seen_as_it_is_after_it() -> None:
    events = (a_bar(0, 700), split_at(2, 7), a_bar(1, 707), a_bar(2, 100))

    assert seen_in("adjusted", *events) == [100, 101, 100]


def test_an_action_from_before_the_first_bar_waits_for_the_bars_around_it() -> None:
    assert seen_in("adjusted", split_at(1, 7), a_bar(0, 700), a_bar(1, 100)) == [100, 100]


@pytest.mark.parametrize("name", ["sma", "ema", "rsi", "atr"])
def test_an_indicator_is_as_if_it_had_only_ever_seen_prices_after_the_split(name: str) -> None:
    viewed = ViewedBars(ES, PriceView.ADJUSTED, kept=100)
    one, other = (Indicator(name, 5, tick=viewed.tick) for _ in range(2))
    viewed.follow(one)
    closes = [700, 721, 714, 693, 707, 728, 700]

    for minute, close in enumerate(closes):
        viewed.update(a_bar(minute, close))
    viewed.acted(split_at(len(closes), 7))

    for minute, close in enumerate(closes):
        ticks = close // 7 * FINER
        bar = a_bar(minute, ticks, volume=70)
        other.update(bar)
    assert (one.ready, one.value) == (other.ready, other.value)


def test_a_pair_begins_anew_where_one_of_both_is_split() -> None:
    first, second = (ViewedBars(ES, PriceView.ADJUSTED, kept=100) for _ in range(2))
    pair = PairIndicator("correlation", 4, tick=first.tick)
    plain = PairIndicator("correlation", 4, tick=first.tick)
    first.follow_both(pair, second)
    closes = [(700, 300), (714, 310), (707, 290), (721, 305), (728, 311)]

    for minute, (close, other) in enumerate(closes):
        first.update(a_bar(minute, close))
        second.update(a_bar(minute, other))
    first.acted(split_at(len(closes), 7))

    for minute, (close, other) in enumerate(closes):
        plain.update(a_bar(minute, close // 7 * FINER))
        plain.update_other(a_bar(minute, other * FINER))
    assert pair.ready
    assert pair.value == plain.value


class Mean(Strategy):
    """Writes down its mean, and what it sees of the past."""

    _told: Any
    _view: Any = None

    def on_start(self, context: Any) -> None:
        self.bars = context.bars(SYMBOL, "1m", view=self._view)
        self.mean = context.indicator("sma", self.bars, 4)

    def on_bar(self, context: Any, bar: Any) -> None:
        past = [each.close for each in context.history(self.bars, 2)]
        self._told.append((bar.close, self.mean.value, past))


def means(view: str | None, actions: Sequence[Action]) -> list[Any]:
    told: list[Any] = []
    Mean._told, Mean._view = told, view
    result = backtest_columns(
        Mean,
        [market([2800] * BEFORE, [400] * AFTER)],
        instruments=[ES],
        profile=profile("zero-latency"),
        actions=actions,
    )
    assert not result.failure, result.failure
    return told


def test_bars_are_raw_and_indicators_and_history_are_adjusted() -> None:
    told = means(None, [a_split(7)])

    assert told[BEFORE - 1] == (700.0, 700.0, [700.0, 700.0])
    assert told[BEFORE] == (100.0, 100.0, [100.0, 100.0])


def test_a_strategy_may_ask_for_raw_prices() -> None:
    told = means("raw", [a_split(7)])

    assert told[BEFORE] == (100.0, 550.0, [700.0, 100.0])


def test_no_adjusted_value_changes_before_an_action_is_known() -> None:
    late = a_split(7, known_time_ns=AT_NS + 3 * MINUTE)

    told = means(None, [late])

    # It traded at 100 for three bars before anybody knew why.
    assert [mean for _, mean, _ in told[BEFORE : BEFORE + 4]] == [550.0, 400.0, 250.0, 100.0]


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(InputError, match="view 'real'; allowed: raw, split_adjusted"):
        means("real", [a_split(7)])


def test_a_view_without_any_actions_is_refused() -> None:
    with pytest.raises(InputError, match="name a data set of kind actions"):
        means("adjusted", [])


def test_warm_up_bars_are_seen_as_they_are_at_the_start() -> None:
    viewed = ViewedBars(ES, PriceView.ADJUSTED, kept=100)
    mean = Indicator("sma", 3, tick=viewed.tick)
    viewed.follow(mean)
    viewed.acted(split_at(2, 7))

    for minute, close in enumerate((700, 700, 100)):
        viewed.update(a_bar(minute, close))

    assert mean.value == pytest.approx(25.0, abs=1e-12)


def test_dividends_without_positions_change_no_cash() -> None:
    told: list[Any] = []
    Mean._told, Mean._view = told, "total_return"
    result = backtest_columns(
        Mean,
        [replace(bars([400] * 20), volume_lots=np.full(20, 5, np.int64))],
        instruments=[ES],
        profile=profile("zero-latency"),
        actions=[a_dividend("1")],
    )

    assert result.dividends == 0
    # Four ticks of 0.25 were paid between.
    assert told[-1] == (100.0, 101.0, [101.0, 101.0])
