"""How a bar closes, what is told late, what becomes of gaps, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.errors import DataError, SettingsError
from tieout.market import EACH_TRADE, BarMaker
from tieout.model.bars import BarKind, BarRule, GapRule
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import GapSeen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.market import MadeBars

MINUTE = BarRule(BarKind.TIME, 60, "60ns")
FIVE = BarRule(BarKind.TIME, 5_000_000, "5ms", "1ms")


def trades(*rows: tuple[int, ...]) -> TradeColumns:
    """Return trades given as (time, arrival, price, quantity)."""
    column = np.array(rows, np.int64).reshape(-1, 4).T
    count = column.shape[1]
    return TradeColumns(
        "X",
        *(np.ascontiguousarray(each) for each in column),
        np.zeros(count, np.int8),
        np.arange(1, count + 1, dtype=np.int64),
    )


def finer(*rows: tuple[int, ...], trades_in: Sequence[int] | None = None) -> BarColumns:
    """Return bars of 1 ms given as (number, arrival in ms, open, high, low, close, volume)."""
    column = np.array(rows, np.int64).reshape(-1, 7).T
    opened = column[0] * 1_000_000
    return BarColumns(
        "X",
        1_000_000,
        opened,
        opened + 1_000_000,
        column[1] * 1_000_000,
        *(np.ascontiguousarray(each) for each in column[2:]),
        np.zeros(len(opened), np.int64),
        np.zeros(len(opened), np.bool_),
        None if trades_in is None else np.array(trades_in, np.int64),
    )


def maker(rule: BarRule = MINUTE, *, grace_ns: int | None = 10, **more: Any) -> BarMaker:
    return BarMaker("X", rule, grace_ns=grace_ns, **more)


def told(made: list[MadeBars]) -> list[tuple[int, ...]]:
    """Return bars as (open time, close time, known, o, h, l, c, volume, revision)."""
    rows: list[tuple[int, ...]] = []
    for each in made:
        assert isinstance(each, BarColumns), each
        rows += zip(
            each.open_time_ns.tolist(),
            each.close_time_ns.tolist(),
            each.arrival_time_ns.tolist(),
            each.open_ticks.tolist(),
            each.high_ticks.tolist(),
            each.low_ticks.tolist(),
            each.close_ticks.tolist(),
            each.volume_lots.tolist(),
            each.revision.tolist(),
            strict=True,
        )
    return rows


def test_a_trade_from_later_closes_the_bar_and_is_the_moment_it_is_known() -> None:
    made = maker().take(trades((5, 6, 10, 1), (59, 60, 12, 2), (60, 65, 9, 4)))

    assert told(made) == [(0, 60, 65, 10, 12, 10, 12, 3, 0)]


def test_without_a_trade_from_later_the_clock_closes_the_bar_after_its_grace() -> None:
    ours = maker()
    assert ours.take(trades((5, 6, 10, 1))) == []
    assert ours.next_due_ns == 70
    assert ours.pass_time(69) == []

    assert told(ours.pass_time(70)) == [(0, 60, 70, 10, 10, 10, 10, 1, 0)]
    assert ours.next_due_ns is None


def test_without_a_grace_no_clock_closes_a_bar() -> None:
    ours = maker(grace_ns=None)
    ours.take(trades((5, 6, 10, 1)))

    assert ours.next_due_ns is None
    assert ours.pass_time(10**9) == []


def test_a_trade_that_arrives_when_the_bar_is_due_is_late() -> None:
    made = maker().take(trades((5, 6, 10, 1), (58, 70, 13, 2)))

    assert told(made) == [
        (0, 60, 70, 10, 10, 10, 10, 1, 0),
        (0, 60, 70, 10, 13, 10, 13, 3, 1),
    ]


def test_late_trades_revise_the_bar_they_belong_to_one_by_one() -> None:
    made = maker().take(
        trades((5, 6, 10, 1), (61, 62, 20, 1), (2, 63, 7, 1), (40, 64, 30, 1), (62, 65, 21, 1))
    )

    assert told(made) == [
        (0, 60, 62, 10, 10, 10, 10, 1, 0),
        (0, 60, 63, 7, 10, 7, 10, 2, 1),
        (0, 60, 64, 7, 30, 7, 30, 3, 2),
    ]


def test_a_late_trade_of_a_silent_interval_is_its_first_revision() -> None:
    made = maker().take(trades((5, 6, 10, 1), (121, 122, 20, 1), (70, 130, 15, 2)))

    assert told(made)[-1] == (60, 120, 130, 15, 15, 15, 15, 2, 1)


def test_what_comes_too_late_is_counted_and_changes_nothing() -> None:
    ours = maker(kept_bars=1)
    made = ours.take(trades((5, 6, 10, 1), (65, 66, 20, 1), (130, 131, 30, 1), (6, 140, 99, 1)))

    assert len(told(made)) == 2
    assert ours.too_late == 1


def test_of_trades_with_one_time_the_higher_id_is_later() -> None:
    rows = trades((5, 6, 10, 1), (5, 7, 11, 1), (60, 61, 1, 1))
    swapped = replace(rows, trade_id=np.array([2, 1, 3]))

    (bar,) = told(maker().take(swapped))

    assert bar[3:7] == (11, 11, 10, 10)


def test_an_interval_that_began_before_the_stream_is_not_told() -> None:
    ours = maker(whole_from_ns=30)
    made = ours.take(trades((35, 36, 10, 1), (65, 66, 20, 1), (121, 122, 5, 1)))

    assert [row[0] for row in told(made)] == [60]
    assert ours.partial == 1


def test_gaps_are_filled_with_marked_bars_at_the_last_close() -> None:
    made = maker(replace(MINUTE, gaps=GapRule.FILL)).take(
        trades((5, 6, 10, 1), (30, 31, 12, 1), (185, 186, 9, 1))
    )

    assert [row[:3] for row in told(made)] == [(0, 60, 70), (60, 120, 130), (120, 180, 186)]
    assert [row[3:8] for row in told(made)][1:] == [(12, 12, 12, 12, 0)] * 2
    marks = np.concatenate([each.synthetic for each in made])  # type: ignore[union-attr,arg-type]
    assert marks.tolist() == [False, True, True]


def test_a_late_close_is_carried_into_the_bars_that_fill_the_gap() -> None:
    made = maker(replace(MINUTE, gaps=GapRule.FILL)).take(
        trades((5, 6, 10, 1), (185, 186, 9, 1), (40, 190, 8, 1))
    )

    late = told(made)[3:]
    assert [(row[0], row[6], row[8]) for row in late] == [(0, 8, 1), (60, 8, 1), (120, 8, 1)]


def test_a_gap_that_halts_is_told_once() -> None:
    made = maker(replace(MINUTE, gaps=GapRule.HALT)).take(
        trades((5, 6, 10, 1), (305, 306, 12, 1), (361, 362, 12, 1), (430, 431, 1, 1))
    )

    gaps = [each for each in made if isinstance(each, GapSeen)]
    assert [(each.open_time_ns, each.arrival_time_ns) for each in gaps] == [(60, 130)]
    assert sum(len(each) for each in made if isinstance(each, BarColumns)) == 3


SESSIONS = ((100, 250), (400, 470))


def test_bars_begin_at_the_open_of_a_session_and_end_with_it() -> None:
    rule = replace(MINUTE, sessions=SESSIONS)
    ours = maker(rule)
    made = ours.take(
        trades(
            (110, 110, 1, 1),
            (161, 161, 2, 1),
            (249, 249, 3, 1),
            (300, 300, 9, 9),
            (405, 405, 4, 1),
            (465, 465, 5, 1),
            (500, 500, 9, 9),
        )
    )

    assert [row[:2] for row in told(made)] == [
        (100, 160),
        (160, 220),
        (220, 250),
        (400, 460),
        (460, 470),
    ]
    assert ours.outside == 2


def test_no_gap_is_filled_between_sessions() -> None:
    rule = replace(MINUTE, sessions=SESSIONS, gaps=GapRule.FILL)
    made = maker(rule).take(trades((110, 110, 1, 1), (465, 465, 5, 1)))

    assert [row[:2] for row in told(made)] == [(100, 160), (160, 220), (220, 250), (400, 460)]


def test_no_bar_is_told_past_the_end_and_the_one_under_way_is_not_told() -> None:
    ours = maker()
    made = ours.take(trades((5, 6, 10, 1), (65, 66, 20, 1)))
    made += ours.pass_time(129)

    assert [row[0] for row in told(made)] == [0]


# Trades of 2, 3, 3, 6 and 1 lots at 10 ticks; the rest at the end is in no bar.
@pytest.mark.parametrize(
    ("rule", "volumes"),
    [
        (BarRule(BarKind.TRADES, 2, "2-trades"), [5, 9]),
        (BarRule(BarKind.VOLUME, 5, "5-lots"), [5, 9]),
        (BarRule(BarKind.NOTIONAL, 60, "60-notional"), [8, 6]),
    ],
)
def test_the_trade_that_reaches_the_size_closes_the_bar_and_is_whole_in_it(
    rule: BarRule, volumes: list[int]
) -> None:
    rows = trades((1, 1, 10, 2), (2, 2, 10, 3), (3, 3, 10, 3), (4, 4, 10, 6), (5, 5, 10, 1))

    assert [row[7] for row in told(maker(rule).take(rows))] == volumes


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50), st.integers(1, 40)), max_size=60),
    st.sampled_from([BarKind.TRADES, BarKind.VOLUME, BarKind.NOTIONAL]),
    st.integers(1, 300),
)
def test_bars_of_trades_lots_and_notional_lose_nothing_and_add_nothing(
    rows: list[tuple[int, int, int]], kind: BarKind, size: int
) -> None:
    when = np.cumsum([step for step, _, _ in rows]).tolist() if rows else []
    given_rows = [
        (time, time, price, lots) for time, (_, price, lots) in zip(when, rows, strict=True)
    ]
    measure = {
        BarKind.TRADES: lambda _price, _lots: 1,
        BarKind.VOLUME: lambda _price, lots: lots,
        BarKind.NOTIONAL: lambda price, lots: price * lots,
    }[kind]
    bars, inside = [], []
    for _, _, price, lots in given_rows:
        inside.append((price, lots))
        if sum(measure(*each) for each in inside) >= size:
            bars.append(inside)
            inside = []

    made = told(maker(BarRule(kind, size, "counted")).take(trades(*given_rows)))

    assert [row[3:8] for row in made] == [
        (
            each[0][0],
            max(price for price, _ in each),
            min(price for price, _ in each),
            each[-1][0],
            sum(lots for _, lots in each),
        )
        for each in bars
    ]
    closes = [row[1] for row in made]
    assert closes == sorted(set(closes))


def test_the_bar_under_way_is_told_with_every_trade() -> None:
    made = maker(running_ns=EACH_TRADE).take(trades((5, 6, 10, 1), (7, 8, 12, 2), (60, 61, 9, 1)))

    running = [each for each in made if isinstance(each, BarColumns) and each.running]
    assert [row[2:9] for row in told(running)] == [  # type: ignore[arg-type]
        (6, 10, 10, 10, 10, 1, 0),
        (8, 10, 12, 10, 12, 3, 0),
        (61, 9, 9, 9, 9, 1, 0),
    ]


def test_the_bar_under_way_is_told_at_whole_intervals_in_which_something_came() -> None:
    ours = maker(running_ns=20)
    made = ours.take(trades((5, 6, 10, 1), (7, 8, 12, 2), (20, 20, 11, 1), (58, 58, 9, 1)))
    made += ours.pass_time(200)

    running = [each for each in made if isinstance(each, BarColumns) and each.running]
    assert [row[2:8] for row in told(running)] == [  # type: ignore[arg-type]
        (20, 10, 12, 10, 12, 3),
        (40, 10, 12, 10, 11, 4),
        (60, 10, 12, 9, 9, 5),
    ]


def test_a_longer_bar_is_known_with_the_finer_one_that_ends_it() -> None:
    rows = finer(*[(n, n + 2, 10 + n, 20 + n, 5, 11 + n, 3) for n in range(6)])

    assert told(maker(FIVE, grace_ns=None).take(rows)) == [
        (0, 5_000_000, 6_000_000, 10, 24, 5, 15, 15, 0)
    ]


def test_a_finer_bar_that_was_revised_revises_the_longer_one() -> None:
    rows = finer(
        (0, 1, 10, 20, 5, 11, 3),
        (4, 5, 10, 12, 8, 11, 3),
        (0, 6, 10, 13, 9, 11, 4),
        trades_in=[2, 2, 3],
    )

    made = maker(FIVE).take(rows)

    assert [row[4:9] for row in told(made)] == [(20, 5, 11, 6, 0), (13, 8, 11, 7, 1)]
    assert [each.trades.tolist() for each in made] == [[4, 5]]  # type: ignore[union-attr]


def test_bars_of_bars_of_bars_are_the_bars_of_all() -> None:
    draw = np.random.default_rng(5)
    time = np.cumsum(draw.integers(0, 300_000, 3000))
    rows = trades(
        *zip(time, time, draw.integers(5, 90, 3000), draw.integers(1, 9, 3000), strict=True)
    )

    def bars(rule: BarRule, grace_ns: int, given_rows: Any) -> BarColumns:
        ours = maker(rule, grace_ns=grace_ns)
        made = [*ours.take(given_rows), *ours.pass_time(10**12)]
        columns: Any = {
            name: np.concatenate([getattr(each, name) for each in made])
            for name in BarColumns.__slots__
            if isinstance(getattr(made[0], name), np.ndarray)
        }
        return replace(made[0], **columns)  # type: ignore[type-var]

    short = bars(BarRule(BarKind.TIME, 1_000_000, "1ms"), 1, rows)
    middle = bars(BarRule(BarKind.TIME, 5_000_000, "5ms", "1ms"), 10, short)
    joined = bars(BarRule(BarKind.TIME, 60_000_000, "60ms", "5ms"), 100, middle)
    direct = bars(BarRule(BarKind.TIME, 60_000_000, "60ms"), 1, rows)

    for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots", "trades"):
        assert getattr(joined, name).tolist() == getattr(direct, name).tolist(), name
    assert len(direct) > 5


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (trades((5, 6, 10, 1), (5, 5, 10, 1)), "row 2: the arrival goes backwards"),
        (trades((5, 6, 0, 1)), "row 1: a price is not positive"),
        (trades((5, 6, 10, 1), (5, 6, 10, 0)), "row 2: a quantity is not positive"),
        (trades((5, 6, 10, -3)), "row 1: a quantity is not positive"),
        (trades((-1, 6, 10, 1)), "row 1: a time is out of range"),
        (trades((2**62, 2**62, 10, 1)), "row 1: a time is out of range"),
        (trades((5, 6, 10, 2**62), (6, 7, 10, 1)), "row 2: the volume of a bar is too large"),
    ],
)
def test_a_trade_that_cannot_be_right_is_refused_by_row_and_reason(
    rows: TradeColumns, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        maker().take(rows)


def test_a_notional_that_no_integer_holds_is_refused() -> None:
    rule = BarRule(BarKind.NOTIONAL, 2**61, "much")
    with pytest.raises(DataError, match="row 2: the notional of a bar is too large"):
        maker(rule).take(trades((1, 1, 2**30, 2**30), (2, 2, 2**31, 2**32)))


def test_prices_that_are_no_whole_numbers_are_refused() -> None:
    rows = replace(trades((5, 6, 10, 1)), price_ticks=np.array([np.nan]))
    with pytest.raises(DataError, match=r"price_ticks are not whole numbers \(value float64"):
        maker().take(rows)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((0, 1, 10, 9, 10, 10, 1), "high is below low"),
        ((0, 1, 10, 12, 0, 10, 1), "a price is not positive"),
        ((0, 1, 10, 12, 8, 10, -1), "a quantity is not positive"),
    ],
)
def test_a_finer_bar_that_cannot_be_right_is_refused(row: tuple[int, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        maker(FIVE).take(finer(row))


def test_a_finer_bar_across_two_longer_ones_is_refused() -> None:
    rows = finer((4, 6, 10, 12, 8, 10, 1))
    with pytest.raises(DataError, match="reaches beyond the longer one"):
        maker(FIVE).take(replace(rows, close_time_ns=np.array([6_000_000])))


def test_rows_of_another_kind_than_the_rule_says_are_refused() -> None:
    with pytest.raises(SettingsError, match="are not made of trades; give them bars of 1ms"):
        maker(FIVE).take(trades((5, 6, 10, 1)))
    with pytest.raises(SettingsError, match="not of bars of 1000000 ns"):
        maker().take(finer((0, 1, 10, 12, 8, 10, 1)))


def test_time_that_goes_backwards_is_refused() -> None:
    ours = maker()
    ours.pass_time(50)
    with pytest.raises(DataError, match=r"the arrival goes backwards \(value 49 ns"):
        ours.pass_time(49)


@pytest.mark.parametrize("settings_given", [{"grace_ns": -1}, {"running_ns": -2}, {"kept_bars": 0}])
def test_settings_out_of_range_are_refused(settings_given: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="bars 60ns@trades of X"):
        maker(**settings_given)  # type: ignore[arg-type]


def test_more_bars_than_fit_at_once_are_all_told() -> None:
    far = 60 * 20_000
    made = maker(replace(MINUTE, gaps=GapRule.FILL)).take(
        trades((5, 6, 10, 1), (far + 1, far + 2, 12, 1))
    )
    assert len(told(made)) == 20_000
