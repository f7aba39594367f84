"""Sessions in a run: orders for the open, the close and the day, timers, bars, and what it asks."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from tests.support.calendars import HOUR, a_calendar, a_session, at
from tests.support.compiled import Mixed, MixedTrades
from tests.support.worlds import (
    ES,
    MINUTE,
    SYMBOL,
    T0,
    MemoryJournal,
    ScriptedSource,
    ScriptedVenue,
    bars,
    ended,
    started,
    trades,
)
from tieout import Strategy
from tieout.errors import InputError
from tieout.kernel.lanes import lane_of
from tieout.kernel.loop import Kernel
from tieout.kernel.reference import Reference
from tieout.model.calendars import Calendar, Session, calendar_of
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.profiles import profile
from tieout.model.venues import EVERYTHING
from tieout.strategy import load_strategy
from tieout.wiring import backtest_columns
from tieout.wiring.history import run_columns
from tieout.wiring.journals import RecordsInMemory

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout import Bar, Context, Fill, TimerEvent

NEW_YORK_EXCHANGE = EVERYTHING.by_calendar("XNYS")
PLAIN = msgspec.structs.replace(profile("zero-latency"), name="plain")


def minutes(first: str, count: int, *, price: int = 400) -> BarColumns:
    """Return minute bars from a New York time on, each a tick higher than the one before."""
    opened = at(first) + MINUTE * np.arange(count, dtype=np.int64)
    close = price + np.arange(count, dtype=np.int64)
    return BarColumns(
        SYMBOL,
        MINUTE,
        opened,
        opened + MINUTE,
        opened + MINUTE,
        close,
        close,
        close,
        close,
        np.full(count, 100, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.bool_),
    )


def prints(*times: str) -> TradeColumns:
    """Return a print of ten lots at each New York time, a tick higher each time."""
    when = np.array([at(each) for each in times], np.int64)
    ids = np.arange(len(when), dtype=np.int64)
    return TradeColumns(
        SYMBOL,
        when,
        when,
        400 + ids,
        np.full(len(when), 10, np.int64),
        np.zeros(len(when), np.int8),
        ids + 1,
    )


class Once(Strategy):
    """Places one order on its first bar or print after a time."""

    after_ns: int = 0
    in_force: str = "gtc"
    limit: float = 0.0

    def on_start(self, context: Context) -> None:
        context.bars(SYMBOL, "1m")
        self.fills: list[Any] = []
        self.placed = False

    def on_bar(self, context: Context, bar: Bar) -> None:
        if not self.placed and context.now_ns >= self.after_ns:
            self.placed = True
            terms: Any = {"limit": self.limit} if self.limit else {}
            context.buy(SYMBOL, units=1, in_force=self.in_force, **terms)

    def on_fill(self, context: Context, fill: Fill) -> None:
        self.fills.append(fill)


class OncePrints(Once):
    """The same on prints."""

    def on_start(self, context: Context) -> None:
        context.trades(SYMBOL)
        self.fills = []
        self.placed = False

    def on_trade(self, context: Context, trade: Any) -> None:
        self.on_bar(context, trade)


def records_of(strategy: type[Strategy], rows: Any, **parameters: object) -> list[Any]:
    """Run on the half-day week at a venue with New York's hours; return its records."""
    journal = RecordsInMemory()
    run_columns(
        load_strategy(strategy, parameters),
        [rows],
        market=[rows],
        instruments=[ES],
        profile=PLAIN,
        cash=Decimal(100_000),
        journal=journal,
        venue_profile=NEW_YORK_EXCHANGE,
        calendars=[a_calendar()],
    )
    return [record for _, record in journal.records]


def named(records: list[Any], name: str) -> list[Any]:
    return [each for each in records if type(each).__name__ == name]


def test_an_order_at_the_close_of_a_half_day_fills_at_one() -> None:
    rows = minutes("2013-11-29 12:30", 60)

    records = records_of(Once, rows, in_force="at_close")

    fill = named(records, "Fill")[0]
    assert fill.venue_time_ns == at("2013-11-29 13:00")
    # The bar that closes at one, and none of the bars that some data has after it.
    assert fill.price_ticks == 400 + 29


def test_on_prints_the_close_is_the_last_print_before_it() -> None:
    rows = prints("2013-11-29 12:00", "2013-11-29 12:59", "2013-11-29 13:00", "2013-11-29 13:30")

    fill = named(records_of(OncePrints, rows, in_force="at_close"), "Fill")[0]

    assert (fill.venue_time_ns, fill.price_ticks) == (at("2013-11-29 13:00"), 401)


def test_an_order_for_the_open_waits_over_the_holiday() -> None:
    rows = prints(
        "2013-11-27 15:59",
        "2013-11-28 10:00",
        "2013-11-29 09:29",
        "2013-11-29 09:30",
        "2013-11-29 09:31",
    )

    fill = named(records_of(OncePrints, rows, in_force="at_open"), "Fill")[0]

    assert (fill.venue_time_ns, fill.price_ticks) == (at("2013-11-29 09:30"), 403)


def test_an_order_between_sessions_waits_for_the_open() -> None:
    rows = prints("2013-11-27 15:00", "2013-11-27 16:30", "2013-11-27 17:00", "2013-11-29 09:30")

    records = records_of(OncePrints, rows, after_ns=at("2013-11-27 16:30"))

    fill = named(records, "Fill")[0]
    assert (fill.venue_time_ns, fill.price_ticks) == (at("2013-11-29 09:30"), 403)


def test_a_day_order_of_a_half_day_ends_at_one() -> None:
    rows = minutes("2013-11-29 12:30", 60)

    records = records_of(Once, rows, in_force="day", limit=10.0)

    gone = named(records, "OrderCancelled")[0]
    assert (gone.reason, gone.venue_time_ns) == ("expired", at("2013-11-29 13:00"))


def test_without_a_calendar_a_day_ends_at_midnight_utc_and_night_prints_fill() -> None:
    rows = prints("2013-11-27 15:00", "2013-11-27 16:30", "2013-11-27 17:00", "2013-11-29 09:30")
    journal = RecordsInMemory()

    run_columns(
        load_strategy(OncePrints, {"after_ns": at("2013-11-27 16:30")}),
        [rows],
        market=[rows],
        instruments=[ES],
        profile=PLAIN,
        cash=Decimal(100_000),
        journal=journal,
    )

    fill = named([each for _, each in journal.records], "Fill")[0]
    assert fill.venue_time_ns == at("2013-11-27 17:00")


def test_nothing_is_matched_in_a_break() -> None:
    calendar = a_calendar(a_session("2013-11-26", pause=("11:30", "12:30")))
    rows = prints("2013-11-26 11:00", "2013-11-26 12:00", "2013-11-26 12:30")
    journal = RecordsInMemory()

    run_columns(
        load_strategy(OncePrints, {}),
        [rows],
        market=[rows],
        instruments=[ES],
        profile=PLAIN,
        cash=Decimal(100_000),
        journal=journal,
        venue_profile=NEW_YORK_EXCHANGE,
        calendars=[calendar],
    )

    fill = named([each for _, each in journal.records], "Fill")[0]
    assert fill.venue_time_ns == at("2013-11-26 12:30")


# -- timers -------------------------------------------------------------------------------------


class Watch(Strategy):
    """Notes when it was called."""

    before_ns: int = 0

    def on_start(self, context: Context) -> None:
        self.calls: list[tuple[str, int]] = []
        context.timer_at_open("open", "XNYS")
        context.timer_before_close("close", "XNYS", self.before_ns)

    def on_timer(self, context: Context, timer: TimerEvent) -> None:
        assert context.now_ns == timer.due_ns
        self.calls.append((timer.name, timer.due_ns))


def between(
    strategy: Callable[[], Strategy], start: str, until: str, calendar: Calendar | None = None
) -> Kernel:
    """Run a strategy without any data from one New York time to another."""
    kernel = Kernel(
        strategy,
        instruments={SYMBOL: ES},
        journal=MemoryJournal(),
        reference=Reference(calendars={"XNYS": calendar or a_calendar()}),
    )
    kernel.run(ScriptedSource(started(at(start)), ended(at(until))), ScriptedVenue())
    return kernel


def watched(start: str, until: str, calendar: Calendar | None = None, **given: object) -> Watch:
    made: list[Watch] = []

    def make() -> Watch:
        made.append(Watch(**given))
        return made[-1]

    between(make, start, until, calendar)
    return made[-1]


def test_timers_follow_sessions_without_any_data() -> None:
    watch = watched("2013-11-27 00:00", "2013-11-30 00:00", before_ns=HOUR)

    assert watch.calls == [
        ("open", at("2013-11-27 09:30")),
        ("close", at("2013-11-27 15:00")),
        ("open", at("2013-11-29 09:30")),
        ("close", at("2013-11-29 12:00")),
    ]


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("America/New_York", ("2013-03-08", "2013-03-11")),
        ("America/New_York", ("2013-11-01", "2013-11-04")),
        ("America/Chicago", ("2013-03-08", "2013-03-11")),
        ("America/Chicago", ("2013-11-01", "2013-11-04")),
    ],
)
def test_timers_before_the_close_keep_the_local_time_over_the_change_of_the_clock(
    zone: str, days: tuple[str, str]
) -> None:
    local = ZoneInfo(zone)
    hours = [(at(f"{day} 08:30", local), at(f"{day} 15:00", local)) for day in days]
    first, last = at(f"{days[0]} 00:00", local), at(f"{days[1]} 23:00", local)
    calendar = calendar_of(
        "XNYS", [Session(*each) for each in hours], source="", first_ns=first, last_ns=last
    )

    watch = watched(f"{days[0]} 03:00", f"{days[1]} 22:00", calendar, before_ns=HOUR // 4)

    assert [due for name, due in watch.calls if name == "close"] == [
        at(f"{day} 14:45", local) for day in days
    ]


def test_a_timer_beyond_the_calendar_ends_the_strategy_by_name() -> None:
    made: list[Watch] = []

    def make() -> Watch:
        made.append(Watch())
        return made[-1]

    kernel = between(make, "2013-12-02 00:00", "2013-12-08 00:00")

    assert [name for name, _ in made[-1].calls] == ["open", "close"]
    assert "calendar XNYS ended at" in str(kernel.failure)


def test_a_calendar_without_closes_takes_no_such_timer() -> None:
    class Wrong(Strategy):
        def on_start(self, context: Context) -> None:
            context.timer_before_close("close", "24/7")

    with pytest.raises(InputError, match="24/7 never opens or closes; use timer_every"):
        between(Wrong, "2013-11-29 00:00", "2013-11-30 00:00")


# -- questions and bars -------------------------------------------------------------------------


def test_a_strategy_asks_about_now_and_other_times() -> None:
    answers: list[Any] = []

    class Asks(Strategy):
        def on_start(self, context: Context) -> None:
            context.timer_at("ask", at("2013-11-29 12:00"))

        def on_timer(self, context: Context, timer: TimerEvent) -> None:
            calendar = context.calendar("XNYS")
            session = calendar.session_of()
            assert session is not None
            answers.extend(
                [
                    calendar.is_open(),
                    calendar.is_open(at("2013-11-29 13:00")),
                    calendar.next_close_ns(),
                    calendar.next_open_ns(),
                    str(session.kind),
                    context.calendar("24/7").is_open(),
                ]
            )

    between(Asks, "2013-11-29 00:00", "2013-11-30 00:00")

    assert answers == [
        True,
        False,
        at("2013-11-29 13:00"),
        at("2013-12-02 09:30"),
        "half_day",
        True,
    ]


def test_a_calendar_that_the_run_does_not_have_is_named() -> None:
    class Wrong(Strategy):
        def on_start(self, context: Context) -> None:
            context.calendar("XLON")

    with pytest.raises(InputError, match="calendar 'XLON' is not part of this run; it has: 24/7"):
        between(Wrong, "2013-11-29 00:00", "2013-11-30 00:00")


def test_bars_begin_at_the_opens_of_a_calendar() -> None:
    seen: list[tuple[int, int]] = []

    class Hourly(Strategy):
        def on_start(self, context: Context) -> None:
            stream = context.bars(SYMBOL, "1h", made_of="1m", sessions="XNYS")
            assert stream.rule == "1h@1m+XNYS"

        def on_bar(self, context: Context, bar: Bar) -> None:
            seen.append((bar.open_time_ns, bar.close_time_ns))

    backtest_columns(
        Hourly,
        [minutes("2013-11-29 09:20", 260)],
        instruments=[ES],
        profile=PLAIN,
        calendars=[a_calendar()],
    )

    opens = [at(f"2013-11-29 {hour:02}:30") for hour in (9, 10, 11)]
    assert [opened for opened, _ in seen[:3]] == opens
    # The last one ends with the session.
    assert seen[3] == (at("2013-11-29 12:30"), at("2013-11-29 13:00"))


def test_a_run_outside_of_a_calendar_is_refused() -> None:
    with pytest.raises(InputError, match=r"calendar XNYS knows .* import it for a longer range"):
        backtest_columns(
            Watch,
            [minutes("2013-12-09 09:30", 10)],
            instruments=[ES],
            profile=PLAIN,
            calendars=[a_calendar()],
        )


def test_a_profile_that_drills_down_takes_no_venue_hours() -> None:
    prices = prints(*(f"2013-11-29 09:{minute}" for minute in range(30, 45)))

    with pytest.raises(InputError, match=r"drills down .* choose another level"):
        backtest_columns(
            Once,
            [minutes("2013-11-29 09:30", 10), prices],
            instruments=[ES],
            profile="drilldown-1",
            venue_profile=NEW_YORK_EXCHANGE,
            calendars=[a_calendar()],
        )


def test_a_venue_with_a_calendar_that_is_not_named_is_refused() -> None:
    with pytest.raises(InputError, match="calendar 'XNYS' is not part of this run; name it"):
        backtest_columns(
            Once,
            [minutes("2013-11-29 09:30", 10)],
            instruments=[ES],
            profile=PLAIN,
            venue_profile=NEW_YORK_EXCHANGE,
        )


# -- compiled strategies ------------------------------------------------------------------------


class InAndOut(Strategy):
    """Changes its position on every third bar, open or not."""

    def on_start(self, context: Context) -> None:
        context.bars(SYMBOL, "1m")
        self.bars = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.bars += 1
        if self.bars % 3 == 0:
            context.target(SYMBOL, units=self.bars % 4)


@pytest.mark.parametrize("strategy", [Mixed, MixedTrades, InAndOut])
def test_what_runs_in_compiled_code_does_the_same_in_the_loop_at_a_venue_with_hours(
    strategy: type[Strategy], monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = [Session(T0 + each * HOUR, T0 + each * HOUR + HOUR // 2) for each in range(1, 40, 2)]
    calendar = calendar_of("XNYS", hours, source="", first_ns=T0 - HOUR, last_ns=T0 + 60 * HOUR)
    rows: Any = bars([4000 + each * 7 % 23 for each in range(1500)])
    if strategy is MixedTrades:
        rows = trades([4000 + each * 7 % 23 for each in range(1500)], step_ns=MINUTE)

    def result() -> tuple[str, str, int]:
        found = backtest_columns(
            strategy,
            [rows],
            instruments=[ES],
            profile="zero-latency",
            venue_profile=NEW_YORK_EXCHANGE,
            calendars=[calendar],
        )
        return found.state_hash, found.decisions_hash, found.fills

    compiled = result()
    monkeypatch.setattr("tieout.kernel.loop.lane_of", lambda *_: None)
    monkeypatch.setattr("tieout.kernel.loop.shortcut_of", lambda *_: None)
    interpreted = result()

    assert compiled == interpreted
    assert compiled[2] > 50


def test_a_compiled_strategy_leaves_the_compiled_run_where_rules_change() -> None:
    kernel = Kernel(
        Mixed,
        instruments={SYMBOL: ES},
        journal=MemoryJournal(),
        reference=Reference(dated=frozenset({SYMBOL})),
    )

    assert lane_of(kernel, Mixed()) is None
    assert lane_of(Kernel(Mixed, instruments={SYMBOL: ES}, journal=MemoryJournal()), Mixed())
