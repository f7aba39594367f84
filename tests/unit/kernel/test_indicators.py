"""Indicators that a strategy asks its context for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.worlds import ES, MINUTE, SYMBOL, bars, run
from tieout import Bar, Context, Strategy
from tieout.errors import InputError, SettingsError
from tieout.kernel.ports import MarketBatch
from tieout.market.indicators import Indicator, PairIndicator

CLOSES = np.random.default_rng(3).integers(395, 405, 60).tolist()


def test_an_indicator_is_up_to_date_in_on_bar_and_gives_prices() -> None:
    class Watch(Strategy):
        def on_start(self, context: Context) -> None:
            self.bands = context.indicator(
                "bollinger", context.bars(SYMBOL, "1m"), 20, deviation="sample"
            )
            self.seen: list[Any] = []

        def on_bar(self, context: Context, bar: Bar) -> None:
            self.seen.append((self.bands.ready, self.bands.value, self.bands.upper))

    watch = Watch()
    run(lambda: watch, MarketBatch(bars(CLOSES), stored=True))

    lines = Indicator("bollinger", 20, deviation="sample", tick=ES.tick_float).extend(bars(CLOSES))
    assert [ready for ready, _, _ in watch.seen] == [row >= 19 for row in range(60)]
    assert [seen for seen in watch.seen if seen[0]] == [
        (True, middle, upper)
        for middle, upper in zip(lines["middle"][19:], lines["upper"][19:], strict=True)
    ]


def test_an_indicator_of_two_streams_steps_when_both_have_closed() -> None:
    class Watch(Strategy):
        def on_start(self, context: Context) -> None:
            self.short = context.bars(SYMBOL, "1m")
            long = context.bars(SYMBOL, "2m")
            self.both = context.indicator("correlation", self.short, long, 5, source="returns")
            self.seen: list[float] = []

        def on_bar(self, context: Context, bar: Bar) -> None:
            if bar.interval_ns == 2 * MINUTE and self.both.ready:
                self.seen.append(self.both.value)

    one = bars(CLOSES)
    two = replace(bars(CLOSES[::-2]), interval_ns=2 * MINUTE)
    starts, ends = one.open_time_ns[::2], one.close_time_ns[1::2]
    two = replace(two, open_time_ns=starts, close_time_ns=ends, arrival_time_ns=ends)
    watch = Watch()

    batches = [
        MarketBatch(rows, stored=True)
        for at in range(30)
        for rows in (one.rows(2 * at, 2 * at + 2), two.rows(at, at + 1))
    ]
    run(lambda: watch, *batches)

    assert isinstance(watch.both, PairIndicator)
    every_second = bars(CLOSES[1::2])
    wanted = PairIndicator("correlation", 5, source="returns").extend(
        every_second, bars(CLOSES[::-2])
    )["value"]
    assert watch.seen == wanted[5:].tolist()


@pytest.mark.parametrize(
    ("name", "arguments", "error", "told"),
    [
        ("beta", (5,), InputError, "beta reads 2 of `context.bars`, and takes them first"),
        ("sma", ("stream", 5), InputError, "sma reads 1 of `context.bars`"),
        ("beta", (5, "stream"), InputError, "takes them first"),
        ("sma", (0,), SettingsError, "window 0 must be at least 1"),
    ],
)
def test_what_an_indicator_cannot_follow_is_refused(
    name: str, arguments: tuple[Any, ...], error: type[Exception], told: str
) -> None:
    class Ask(Strategy):
        def on_start(self, context: Context) -> None:
            stream = context.bars(SYMBOL, "1m")
            given = [stream if each == "stream" else each for each in arguments]
            with pytest.raises(error, match=told):
                context.indicator(name, stream, *given)

    run(Ask, MarketBatch(bars(CLOSES), stored=True))
