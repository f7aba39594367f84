"""An indicator at work: what it takes, peeks, saves, and how long it remembers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.indicators import bar_columns, walk
from tests.support.worlds import bars, single_events
from tieout.errors import SettingsError
from tieout.market.indicators import (
    INDICATORS,
    Indicator,
    PairIndicator,
    make_indicator,
    settling,
)
from tieout.model.events import Bar


def walked(rows: int) -> list[Bar]:
    closes = np.random.default_rng(3).integers(395, 405, rows).tolist()
    return [each for each in single_events(bars(closes)) if isinstance(each, Bar)]


def test_there_are_at_least_sixty() -> None:
    assert len(INDICATORS) >= 60
    assert all(
        len(each.outputs) == len(each.units) == len(set(each.outputs))
        for each in INDICATORS.values()
    )


def test_outputs_are_attributes_by_name() -> None:
    bands = Indicator("bollinger", 5, deviations=1.0)
    for bar in walked(10):
        bands.update(bar)

    assert bands.ready
    assert bands.lower < bands.middle == bands.value < bands.upper
    with pytest.raises(AttributeError, match="no output or attribute 'top'"):
        _ = bands.top


@pytest.mark.parametrize(
    ("name", "arguments", "options", "told"),
    [
        ("nothing", (), {}, "'nothing' is unknown; choose one of sma"),
        ("sma", (), {}, "sma: window must be given"),
        ("sma", (0,), {}, "window 0 must be at least 1"),
        ("sma", (2.5,), {}, "window 2.5 must be a whole number"),
        ("sma", ("5",), {}, "window '5' must be a number"),
        ("sma", (5, 6), {}, "2 arguments; it takes: window"),
        ("sma", (5,), {"window": 5}, "window is given twice"),
        ("sma", (5,), {"seed": "sma"}, "'seed' is unknown; it takes: window"),
        ("rsi", (14,), {"average": "hull"}, "average 'hull'; allowed: sma, ema, wilder, wma"),
        ("rsi", (14,), {"seed": "zero"}, "seed 'zero'; allowed: first, sma"),
        ("variance", (5,), {"deviation": "n"}, "deviation 'n'; allowed: population, sample"),
        ("sharpe", (20,), {}, "risk_free_rate must be given"),
        ("sortino", (20,), {}, "risk_free_rate must be given"),
        ("true_range", (3,), {}, "1 arguments; it takes: none"),
    ],
)
def test_an_argument_that_is_not_allowed_is_refused(
    name: str, arguments: tuple[Any, ...], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError, match=told.replace("(", r"\(")):
        make_indicator(name, *arguments, **options)


def test_a_pair_is_no_indicator_of_one_stream() -> None:
    with pytest.raises(SettingsError, match="beta reads 2 streams, not 1"):
        Indicator("beta", 5)
    with pytest.raises(SettingsError, match="sma reads 1 streams, not 2"):
        PairIndicator("sma", 5)


@pytest.mark.parametrize("name", ["sma", "bollinger", "macd", "obv", "heikin_ashi"])
def test_following_a_batch_shows_what_its_bars_one_by_one_would(name: str) -> None:
    past = walked(160)
    rows = bars([each.close_ticks for each in past])
    given = (20,) if name == "sma" else ()
    slow, fast = Indicator(name, *given), Indicator(name, *given)
    for bar in past[:7]:
        slow.update(bar)
        fast.update(bar)

    take = fast.follow(rows.rows(7, 120))
    for row, bar in enumerate(past[7:100]):
        slow.update(bar)
        take(bar)
        assert (fast.ready, fast.value) == (slow.ready, slow.value)
        for output in slow.definition.outputs:
            assert getattr(fast, output) == getattr(slow, output)
        if row % 11 == 0:
            assert fast.peek(past[0]) == slow.peek(past[0])
        if row % 17 == 0:
            assert fast.state() == slow.state()
    # Another batch; while it is under way the first one again, and a bar alone.
    later = fast.follow(rows.rows(100, 140))
    slow.update(past[100])
    later(past[100])
    for give, bar in ((take, past[99]), (later, past[101]), (fast.update, past[50])):
        slow.update(bar)
        give(bar)
        assert fast.value == slow.value
    assert fast.state() == slow.state()

    fast.restore(slow.state())
    slow.update(past[3])
    take(past[3])
    assert fast.state() == slow.state()


def test_a_batch_followed_to_its_end_leaves_the_state_of_its_bars() -> None:
    past = walked(100)
    slow, fast = Indicator("rsi"), Indicator("rsi")
    take = fast.follow(bars([each.close_ticks for each in past]))

    for bar in past:
        slow.update(bar)
        take(bar)

    assert fast.state() == slow.state()
    assert (fast.value, fast.ready) == (slow.value, slow.ready)


def test_a_peek_tells_the_next_value_and_changes_nothing() -> None:
    *past, last = walked(40)
    made = Indicator("bollinger", 20)
    for bar in past:
        made.update(bar)
    before = made.state()

    value, upper = made.peek(last), made.peek(last, output="upper")

    assert made.state() == before
    made.update(last)
    assert (made.value, made.upper) == (value, upper)
    with pytest.raises(SettingsError, match="output 'top'; allowed: middle, upper"):
        made.peek(last, output="top")
    with pytest.raises(SettingsError, match="a bar of each of 1 streams"):
        made.peek(last, last)


def test_a_saved_state_goes_on_as_if_nothing_had_happened() -> None:
    past = walked(60)
    whole, first, second = (Indicator("macd", tick=0.25) for _ in range(3))
    for bar in past:
        whole.update(bar)
    for bar in past[:50]:
        first.update(bar)

    second.restore(first.state())

    assert (second.value, second.ready) == (first.value, True)
    for bar in past[50:]:
        second.update(bar)
    assert second.state() == whole.state()


@pytest.mark.parametrize(
    "other",
    [Indicator("wilder", 20), Indicator("ema", 21), Indicator("ema", 20, tick=0.5)],
    ids=["another name", "other arguments", "another tick"],
)
def test_a_state_of_another_indicator_is_refused(other: Indicator) -> None:
    with pytest.raises(SettingsError, match="is none of ema"):
        Indicator("ema", 20).restore(other.state())


def test_a_pair_steps_where_both_close_at_one_time() -> None:
    own, its = walked(30), walked(30)[::-1]
    its = [
        Bar(
            "B", 60, bar.open_time_ns, bar.close_time_ns, bar.close_time_ns, *[close] * 4, 1, 0, 1.0
        )
        for bar, close in zip(own, (each.close_ticks for each in its), strict=True)
    ]  # fmt: skip
    made, other_first = PairIndicator("correlation", 5), PairIndicator("correlation", 5)
    without = PairIndicator("correlation", 5)

    for row, (bar, other) in enumerate(zip(own, its, strict=True)):
        made.update(bar)
        other_first.other.update(other)
        other_first.update(bar)
        if row % 3:
            made.other.update(other)
        if row % 3:
            without.update(bar)
            without.other.update(other)

    assert made.state() == without.state()
    assert made.value != other_first.value
    peeked = made.peek(own[0], its[0])
    made.update(own[0])
    made.other.update(its[0])
    assert made.value == peeked


def test_rows_of_a_pair_must_close_at_the_same_times() -> None:
    with pytest.raises(SettingsError, match="must close at the same times"):
        PairIndicator("beta", 5).extend(walk(10), walk(20).rows(10, 20))


def test_what_a_window_says_settles_with_its_warm_up() -> None:
    assert settling("sma", walk(500), 20) == 20
    assert settling("linear_regression", walk(500), 14) == 14


def test_an_exponential_average_remembers_many_times_its_window() -> None:
    rows = walk(4_000)

    exact = settling("ema", rows, 20)
    close = settling("ema", rows, 20, tolerance=1e-6)

    assert exact is not None
    assert close is not None
    assert 20 < close < exact < 1_000


def test_a_sum_from_the_beginning_never_settles() -> None:
    assert settling("obv", walk(500)) is None


def test_how_long_a_pair_remembers_is_not_asked() -> None:
    with pytest.raises(SettingsError, match="beta reads two streams"):
        settling("beta", walk(50), 5)


def test_the_mean_of_whole_ticks_does_not_drift() -> None:
    rows = walk(20_000)
    far = bar_columns(*(np.asarray(each) for each in (
        rows.open_ticks + 10**9, rows.high_ticks + 10**9, rows.low_ticks + 10**9,
        rows.close_ticks + 10**9, rows.volume_lots,
    )))  # fmt: skip

    line = Indicator("sma", 50).extend(far)["value"]

    assert line[-1] == int(far.close_ticks[-50:].sum()) / 50
