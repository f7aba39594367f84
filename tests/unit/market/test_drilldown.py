"""Drilling down: what is opened, what is not trusted, and how sure the result is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.support.stacks import (
    START,
    a_cancel,
    an_order,
    bars_of,
    changed,
    prints,
    reports_of,
    stacked,
    venue_on,
    whole,
    without,
)
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL
from tieout.adapters.feeds.stacked import FinerColumns, check_nesting
from tieout.errors import InputError, SettingsError
from tieout.market import resolution_name, with_gaps
from tieout.model.columns import BarColumns
from tieout.model.events import Fill, OrderCancelled
from tieout.model.profiles import FillLevel, SimulationProfile

if TYPE_CHECKING:
    from tieout.model.columns import TradeColumns

PLAIN = SimulationProfile(name="plain", fill_level=FillLevel.DRILLDOWN, impact_y=0.0)


def quiet_prints(minutes: int = 30) -> TradeColumns:
    """Return six prints a minute that walk up and down by a tick around 400."""
    rows = [(10 * SECOND, 400 + (number // 2) % 2, 5) for number in range(6 * minutes)]
    return prints(rows)


def fills_of(reports: list[Any]) -> list[Fill]:
    return [each for each in reports if isinstance(each, Fill)]


def test_only_bars_that_may_matter_are_opened() -> None:
    trades = quiet_prints()
    venue = venue_on(PLAIN, stacked(bars_of(trades, MINUTE), trades))
    at = START + 10 * MINUTE + 30 * SECOND

    reports = reports_of(venue, [(at, an_order("d", at, 1, "market", 3, 0))])

    (fill,) = fills_of(reports)
    assert fill.venue_time_ns == at + 10 * SECOND
    assert fill.resolved_by == "trade"
    sure = venue.certainty
    assert (sure.bars_opened, sure.bars_scanned) == ({"1m": 1}, 31)
    assert sure.rows_matched == {"trade": 6}
    assert (sure.unresolved_bars, sure.fills) == (0, {"trade": 1})


def test_of_a_level_that_no_bar_reaches_only_the_bar_of_its_arrival_is_opened() -> None:
    trades = quiet_prints()
    venue = venue_on(PLAIN, stacked(bars_of(trades, MINUTE), trades))

    reports_of(venue, [(START, an_order("d", START, 1, "limit", 3, 390))])

    assert venue.certainty.bars_opened == {"1m": 1}


def test_a_bar_is_opened_step_by_step() -> None:
    trades = quiet_prints()
    levels = [bars_of(trades, each) for each in (5 * MINUTE, MINUTE, 20 * SECOND)]
    venue = venue_on(PLAIN, stacked(*levels, trades))
    at = START + 12 * MINUTE + 31 * SECOND

    (fill,) = fills_of(reports_of(venue, [(at, an_order("d", at, 1, "market", 3, 0))]))

    assert fill.venue_time_ns == START + 12 * MINUTE + 40 * SECOND
    assert venue.certainty.bars_opened == {"20s": 2, "1m": 1, "5m": 1}
    assert venue.certainty.rows_matched["trade"] == 4


def test_stop_and_target_in_one_bar_are_told_apart_by_what_is_inside() -> None:
    """Which of the two comes first is read from the prints, not assumed."""
    rows = [(10 * SECOND, 400, 5), (5 * SECOND, 410, 5), (5 * SECOND, 410, 5), (5 * SECOND, 390, 5)]
    trades = prints([*rows, (50 * SECOND, 400, 5)])
    target = an_order("target", START, -1, "limit", 1, 405)
    stop = an_order("stop", START, -1, "stop", 1, 395)
    wishes = [(START, target), (START, stop)]

    drilled = venue_on(PLAIN, stacked(bars_of(trades, MINUTE), trades))
    coarse = venue_on(PLAIN, whole(bars_of(trades, MINUTE)))

    first, _ = fills_of(reports_of(drilled, wishes))
    assert (first.decision_id, first.resolved_by) == ("target", "trade")
    assert drilled.certainty.unresolved_bars == 0
    assumed = fills_of(reports_of(coarse, wishes))
    assert [each.decision_id for each in assumed] == ["stop", "target"]
    assert {each.resolved_by for each in assumed} == {"assumed"}
    assert coarse.certainty.unresolved_bars == 1


@pytest.mark.parametrize(
    ("field", "column", "said"),
    [
        ("open", "open_ticks", 402),
        ("high", "high_ticks", 409),
        ("low", "low_ticks", 380),
        ("close", "close_ticks", 402),
        ("volume", "volume_lots", 31),
    ],
)
def test_prints_that_contradict_their_bar_are_not_used(field: str, column: str, said: int) -> None:
    trades = quiet_prints()
    coarse = changed(bars_of(trades, MINUTE), 10, **{column: said})
    venue = venue_on(PLAIN, stacked(coarse, trades))
    at = START + 10 * MINUTE + 30 * SECOND

    (fill,) = fills_of(reports_of(venue, [(at, an_order("d", at, 1, "market", 3, 0))]))

    (told,) = venue.certainty.breaks
    assert (told.kind, told.level, told.finer, told.field) == (
        "contradiction",
        "1m",
        "trade",
        field,
    )
    assert told.open_time_ns == START + 10 * MINUTE
    true = int(getattr(bars_of(trades, MINUTE), column)[10])
    assert (told.coarse_value, told.finer_value) == (said, true)
    assert fill.resolved_by == "assumed"
    assert fill.venue_time_ns == START + 11 * MINUTE
    assert fill.price_ticks == max(int(coarse.open_ticks[10]), int(coarse.close_ticks[10]))
    assert venue.certainty.break_counts == {"contradiction": 1}


def test_a_resolution_that_contradicts_is_left_out_and_a_finer_one_used() -> None:
    trades = quiet_prints()
    seconds = changed(bars_of(trades, 10 * SECOND), 62, volume_lots=4)
    venue = venue_on(PLAIN, stacked(bars_of(trades, MINUTE), seconds, trades))
    at = START + 10 * MINUTE + 31 * SECOND

    (fill,) = fills_of(reports_of(venue, [(at, an_order("d", at, 1, "market", 3, 0))]))

    assert fill.resolved_by == "trade"
    assert fill.venue_time_ns == START + 10 * MINUTE + 40 * SECOND
    (told,) = venue.certainty.breaks
    assert (told.level, told.finer, told.field) == ("1m", "10s", "volume")


def test_a_hole_in_the_prints_is_named_and_the_bar_decides() -> None:
    trades = quiet_prints()
    inside = (trades.venue_time_ns >= START + 10 * MINUTE) & (
        trades.venue_time_ns < START + 11 * MINUTE
    )
    coarse = bars_of(trades, MINUTE)
    venue = venue_on(PLAIN, stacked(coarse, without(trades, np.flatnonzero(inside).tolist())))
    at = START + 10 * MINUTE + 31 * SECOND

    (fill,) = fills_of(reports_of(venue, [(at, an_order("d", at, 1, "market", 3, 0))]))

    assert fill.resolved_by == "assumed"
    (told,) = venue.certainty.breaks
    assert (told.kind, told.field, told.finer_value) == ("missing", "rows", 0)


def test_prints_that_begin_inside_of_a_bar_are_missing_and_not_a_contradiction() -> None:
    trades = quiet_prints()
    late = trades.rows(int(np.searchsorted(trades.venue_time_ns, START + 630 * SECOND)), 180)
    venue = venue_on(PLAIN, stacked(bars_of(trades, MINUTE), late))
    at = START + 10 * MINUTE + 31 * SECOND

    (fill,) = fills_of(reports_of(venue, [(at, an_order("d", at, 1, "market", 3, 0))]))

    assert fill.resolved_by == "assumed"
    assert set(venue.certainty.break_counts) == {"missing"}


def test_prints_where_there_is_no_bar_are_met_and_named() -> None:
    trades = quiet_prints()
    coarse = without(bars_of(trades, MINUTE), [10, 11])
    venue = venue_on(PLAIN, stacked(coarse, trades))
    at = START + 10 * MINUTE + 31 * SECOND
    wishes = [(at, an_order("d", at, 1, "market", 3, 0))]

    drilled = reports_of(venue, wishes)

    assert drilled == reports_of(venue_on(PLAIN, whole(trades)), wishes)
    (told,) = venue.certainty.breaks
    assert (told.kind, told.coarse_value, told.finer_value) == ("unexpected", 0, 12)


@pytest.mark.parametrize("kept", [slice(0, 12), slice(12, 31), slice(5, 20)])
def test_prints_beyond_the_bars_are_met_too(kept: slice) -> None:
    trades = quiet_prints()
    coarse = bars_of(trades, MINUTE).rows(kept.start, kept.stop)
    wishes = [
        (START + at * SECOND, an_order(f"d{at}", START + at * SECOND, 1, "market", 3, 0))
        for at in (3, 400, 1_000, 1_700)
    ]

    drilled = reports_of(venue_on(PLAIN, stacked(coarse, trades)), wishes)

    assert drilled == reports_of(venue_on(PLAIN, whole(trades)), wishes)


def test_a_flat_bar_without_volume_needs_no_prints() -> None:
    rows = [(10 * SECOND, 400, 5), (3 * MINUTE, 402, 5), (MINUTE, 402, 5)]
    trades = prints(rows)
    bars = bars_of(trades, MINUTE)
    filler = changed(
        bars.rows(0, 1),
        0,
        open_time_ns=START + MINUTE,
        close_time_ns=START + 2 * MINUTE,
        volume_lots=0,
    )
    columns = {
        name: np.concatenate(
            [getattr(bars, name)[:1], getattr(filler, name), getattr(bars, name)[1:]]
        )
        for name in type(bars).__slots__
        if isinstance(getattr(bars, name), np.ndarray)
    }
    coarse = type(bars)(SYMBOL, MINUTE, **columns)
    at = START + 90 * SECOND
    venue = venue_on(PLAIN, stacked(coarse, trades))

    (fill,) = fills_of(reports_of(venue, [(at, an_order("d", at, 1, "market", 3, 0))]))

    assert (fill.price_ticks, fill.resolved_by) == (402, "trade")
    assert venue.certainty.break_counts == {}


def test_a_cancel_in_a_bar_without_prints_waits_for_the_bar() -> None:
    trades = quiet_prints()
    inside = (trades.venue_time_ns >= START + 10 * MINUTE) & (
        trades.venue_time_ns < START + 11 * MINUTE
    )
    coarse = bars_of(trades, MINUTE, delay_ns=3 * SECOND)
    venue = venue_on(PLAIN, stacked(coarse, without(trades, np.flatnonzero(inside).tolist())))
    at, cancelled_at = START + 5 * MINUTE, START + 10 * MINUTE + 20 * SECOND
    wishes = [
        (at, an_order("d", at, 1, "limit", 3, 390)),
        (cancelled_at, a_cancel("d", cancelled_at)),
    ]

    (gone,) = [each for each in reports_of(venue, wishes) if isinstance(each, OrderCancelled)]

    assert gone.venue_time_ns == cancelled_at
    assert gone.arrival_time_ns == START + 11 * MINUTE + 3 * SECOND


def test_a_price_before_a_time_is_the_last_print() -> None:
    trades = quiet_prints()
    venue = venue_on(PLAIN, stacked(bars_of(trades, MINUTE), trades))
    fine = venue_on(PLAIN, whole(trades))
    for each in (venue, fine):
        each.advance(START + 20 * MINUTE)

    for at in range(START - SECOND, START + 20 * MINUTE, 7 * SECOND):
        assert venue.reference_ticks(SYMBOL, at) == fine.reference_ticks(SYMBOL, at)


def test_bounds_hold_what_was_taken_and_name_the_band() -> None:
    trades = quiet_prints()
    coarse = changed(bars_of(trades, MINUTE), 10, high_ticks=420)
    venue = venue_on(PLAIN, stacked(coarse, trades))
    at = START + 10 * MINUTE + 30 * SECOND

    reports_of(venue, [(at, an_order("d", at, 1, "market", 3, 0))])

    bounds = venue.certainty.bounds
    assert bounds is not None
    close = int(coarse.close_ticks[10])
    unit = ES.notional(1, 1)
    assert bounds.worst == 3 * (close - 420) * unit
    assert bounds.best == max(0, 3 * (close - 400)) * unit
    assert bounds.worst < bounds.taken <= bounds.best


def test_bars_that_do_not_lie_within_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="bars of 40s do not lie within bars of 1m"):
        check_nesting(SYMBOL, [MINUTE, 40 * SECOND, 0])


def test_finer_rows_out_of_order_are_refused() -> None:
    trades = quiet_prints()
    backwards = without(trades, [])
    backwards.venue_time_ns[5] = START
    with pytest.raises(InputError, match="in order of venue time"):
        FinerColumns(backwards)


@pytest.mark.parametrize(
    ("length", "name"),
    [(0, "trade"), (100_000_000, "100ms"), (SECOND, "1s"), (MINUTE, "1m"), (90 * SECOND, "90s")],
)
def test_resolutions_have_names(length: int, name: str) -> None:
    assert resolution_name(length) == name


def test_a_length_that_is_no_milliseconds_has_no_name() -> None:
    with pytest.raises(ValueError, match="whole number of milliseconds"):
        resolution_name(1_500)


def test_gaps_become_rows_of_unknown_volume_where_there_may_be_prints() -> None:
    trades = quiet_prints()
    bars = without(bars_of(trades, MINUTE), [3, 4])

    filled = with_gaps(bars, after_ns=START, first_ns=START - MINUTE, last_ns=START + 10 * MINUTE)

    gaps = np.flatnonzero(filled.volume_lots < 0)
    assert gaps.tolist() == [3]
    assert filled.open_time_ns[3] == START + 3 * MINUTE
    assert filled.close_time_ns[3] == START + 5 * MINUTE
    assert len(filled) == len(bars) + 1


def with_flat_bars(bars: BarColumns) -> BarColumns:
    """Return bars with one of no volume at the last close wherever nothing traded."""
    step = bars.interval_ns
    opened = np.arange(bars.open_time_ns[0], bars.close_time_ns[-1], step, dtype=np.int64)
    source = np.searchsorted(bars.open_time_ns, opened, "right") - 1
    traded = bars.open_time_ns[source] == opened
    carried = bars.close_ticks[source]
    prices = [
        np.where(traded, getattr(bars, f"{name}_ticks")[source], carried)
        for name in ("open", "high", "low", "close")
    ]
    volume = np.where(traded, bars.volume_lots[source], 0)
    none = np.zeros(len(opened), np.int64)
    times = (opened, opened + step, opened + step)
    return BarColumns(SYMBOL, step, *times, *prices, volume, none, none.astype(np.bool_))


@pytest.mark.parametrize("after", range(120, 240, 7))
def test_how_old_a_price_is_is_asked_of_the_finest_bars(after: int) -> None:
    trades = prints([(40 * SECOND, 400 + number, 5) for number in range(12)])
    tens = with_flat_bars(bars_of(trades, 10 * SECOND))
    levels = (bars_of(trades, MINUTE), tens)
    profile = msgspec.structs.replace(PLAIN, stale_after_ns=15 * SECOND)
    at = START + after * SECOND
    wishes = [(at, an_order("d", at, 1, "market", 3, 0))]

    drilled = reports_of(venue_on(profile, stacked(*levels)), wishes)

    assert drilled == reports_of(venue_on(profile, whole(tens)), wishes)


def test_a_venue_whose_clock_is_behind_ours_is_refused() -> None:
    trades = quiet_prints()
    profile = msgspec.structs.replace(PLAIN, clock_offset_ns=-5)
    with pytest.raises(SettingsError, match="must not be behind ours"):
        venue_on(profile, stacked(bars_of(trades, MINUTE), trades))
