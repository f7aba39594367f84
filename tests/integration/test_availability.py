"""What a strategy sees is what could be known: in backtests on data that was published late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.live_world import PROFILE, START_NS, a_live_run, a_market
from tests.support.worlds import ES, MINUTE, SECOND, SYMBOL, T0, trades
from tieout import Context, Strategy
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.errors import InputError
from tieout.history import Store
from tieout.history.revisions import numbered
from tieout.journal import JournalReader
from tieout.kernel.risk import RiskLimits
from tieout.model.availability import DrawnFeed, Polling
from tieout.model.events import Bar, ConnectionLost, ConnectionRestored, GapSeen, StoreWritten
from tieout.model.latencies import WHOLE, Quantiles
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import profile
from tieout.strategy import load_strategy
from tieout.wiring import backtest, replay, twin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tieout.adapters.storage.runs import RunFolder
    from tieout.model.profiles import SimulationProfile

HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIDNIGHT = T0 // DAY * DAY
ZERO = profile("zero-latency")
SEEN: list[tuple[int, Bar]] = []


class Watch(Strategy):
    """Notes when it is given what, and what it remembers then."""

    interval: str = "1h"
    gaps: str = "skip"

    def on_start(self, context: Context) -> None:
        SEEN.clear()
        self.stream = context.bars(SYMBOL, self.interval, gaps=self.gaps)
        self.remembered: list[list[tuple[int, int]]] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        SEEN.append((context.now_ns, bar))
        past = context.history(self.stream, 3)
        REMEMBERED.append([(each.close_time_ns, each.close_ticks) for each in past])
        context.target(SYMBOL, units=(bar.close_ticks + len(past)) % 3)


REMEMBERED: list[list[tuple[int, int]]] = []


def some_bars(
    folder: Path,
    closes: Sequence[int],
    *,
    interval_ns: int = HOUR,
    start_ns: int = MIDNIGHT,
    at: Sequence[int] | None = None,
    known: Sequence[int] | None = None,
    name: str = "bars",
    **terms: Any,
) -> None:
    """Store bars one after the other, or the ones at some places, with known times or without."""
    close = np.asarray(closes, np.int64)
    places = np.arange(len(close), dtype=np.int64) if at is None else np.asarray(at, np.int64)
    opened = start_ns + interval_ns * places
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    chunk = {
        "open_time_ns": opened,
        "close_time_ns": opened + interval_ns,
        **dict.fromkeys(names, close),
        "volume_lots": np.full(len(close), 1_000, np.int64),
    }
    if known is not None:
        chunk |= {"known_time_ns": np.asarray(known, np.int64), "revision": numbered(opened)}
        terms["known"] = "published"
    Store(folder / "data").write(
        name, "bars", ES, [chunk], interval_ns=interval_ns, source="made up", **terms
    )


def run_of(
    folder: Path,
    strategy: Any = Watch,
    *,
    data: Sequence[str] = ("bars",),
    assumed: SimulationProfile = ZERO,
    **settings_: Any,
) -> RunFolder:
    REMEMBERED.clear()
    runs = Runs(folder / "runs")
    result = backtest(
        strategy,
        store=folder / "data",
        data=data,
        profile=assumed,
        limits=RiskLimits(input_age_ns_max=10 * DAY),
        runs=runs,
        **settings_,
    )
    assert result.failure == "", result.failure
    return runs.find(result.run_id)


def of_kind(run: RunFolder, kind: type) -> list[Any]:
    records = (each.record for each in JournalReader(RealDisk(), str(run.journal)))
    return [each for each in records if isinstance(each, kind)]


def with_(base: SimulationProfile = ZERO, **changes: Any) -> SimulationProfile:
    return msgspec.structs.replace(base, **changes)


def test_days_stamped_at_midnight_and_published_two_days_later_are_seen_two_days_later(
    tmp_path: Path,
) -> None:
    some_bars(tmp_path, [400, 402, 404, 406], interval_ns=DAY, published_after_ns=2 * DAY)
    run_of(tmp_path, type("Daily", (Watch,), {"interval": "1d"}))

    assert [(now, bar.close_time_ns) for now, bar in SEEN] == [
        (MIDNIGHT + (day + 2) * DAY, MIDNIGHT + day * DAY) for day in (1, 2, 3, 4)
    ]


def test_hours_are_seen_at_the_half_hours_at_which_the_bot_looks(tmp_path: Path) -> None:
    some_bars(tmp_path, [400, 402, 404], published_after_ns=7 * MINUTE)
    run_of(tmp_path, assumed=with_(polling="by-length-1"))

    assert [now - MIDNIGHT for now, _ in SEEN] == [hour * HOUR + 30 * MINUTE for hour in (1, 2, 3)]


def test_looking_comes_before_the_way_to_us(tmp_path: Path) -> None:
    some_bars(tmp_path, [400, 402], published_after_ns=MINUTE)
    schedule = Polling(every_ns=10 * MINUTE, offset_ns=5 * SECOND)
    run_of(tmp_path, assumed=with_(polling=schedule, bar_delay_ns=SECOND))

    assert [now - bar.close_time_ns for now, bar in SEEN] == [10 * MINUTE + 6 * SECOND] * 2


def test_a_known_time_counts_and_not_when_the_bar_was_over(tmp_path: Path) -> None:
    known = [MIDNIGHT + 5 * HOUR, MIDNIGHT + 2 * HOUR, MIDNIGHT + 4 * HOUR]
    some_bars(tmp_path, [400, 402, 404], known=known)
    run_of(tmp_path, assumed=with_(bar_delay_ns=SECOND))

    assert [(now - MIDNIGHT, bar.close_ticks) for now, bar in SEEN] == [
        (2 * HOUR + SECOND, 402),
        (4 * HOUR + SECOND, 404),
        (5 * HOUR + SECOND, 400),
    ]
    # The past is in order of time, whenever it became known.
    assert [price for _, price in REMEMBERED[-1]] == [400, 402, 404]


def test_a_revision_is_an_event_of_its_own_and_the_past_is_then_the_newest_word(
    tmp_path: Path,
) -> None:
    store_rows = [400, 440, 402, 404]
    known = [MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR + MINUTE]
    known += [MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR]
    some_bars(tmp_path, store_rows, at=[0, 0, 1, 2], known=known)
    run_of(tmp_path)

    told = [((now - MIDNIGHT) // MINUTE, bar.close_ticks, bar.revision) for now, bar in SEEN]
    assert told == [(60, 400, 0), (120, 402, 0), (121, 440, 1), (180, 404, 0)]
    assert [[price for _, price in past] for past in REMEMBERED] == [
        [400],
        [400, 402],
        [440, 402],
        [440, 402, 404],
    ]


def test_warm_up_is_the_newest_word_by_the_start(tmp_path: Path) -> None:
    class Warm(Watch):
        def on_start(self, context: Context) -> None:
            SEEN.clear()
            self.stream = context.bars(SYMBOL, "1h", warm_up=2)

    known = [MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR + MINUTE]
    known += [MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR]
    some_bars(tmp_path, [400, 440, 402, 404], at=[0, 0, 1, 2], known=known)
    run_of(tmp_path, Warm, start_ns=MIDNIGHT + 2 * HOUR + 2 * MINUTE)

    assert [(bar.warm_up, bar.close_ticks) for _, bar in SEEN] == [
        (True, 440),
        (True, 402),
        (False, 404),
    ]


DRAWN = DrawnFeed(delay=Quantiles(((0, SECOND), (WHOLE, 40 * MINUTE))))


def test_drawn_ways_are_the_same_again_and_others_under_another_seed(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    some_bars(tmp_path, (400 + draw.integers(0, 9, 60)).tolist())
    assumed = with_(bar_feed=DRAWN)
    seen = []
    for seed in (1, 1, 2):
        run = run_of(tmp_path, assumed=assumed, seed=seed)
        seen.append([now for now, _ in SEEN])
        assert run.manifest().profile.feed_seed == seed

    assert seen[0] == seen[1] != seen[2]
    assert len(seen[0]) == 60
    assert seen[0] == sorted(seen[0])
    late = run_of(tmp_path, assumed=assumed, seed=1, start_ns=MIDNIGHT + 30 * HOUR)
    assert [now for now, _ in SEEN] == [each for each in seen[0] if each >= MIDNIGHT + 30 * HOUR]
    assert of_kind(late, PlaceOrder)


WATCH = f'''
from tieout import Strategy

class Watch(Strategy):
    gaps: str = "skip"

    def on_start(self, context):
        self.stream = context.bars("{SYMBOL}", "1h", gaps=self.gaps)

    def on_bar(self, context, bar):
        context.target(bar.instrument, units=(bar.close_ticks + bar.revision) % 3)
'''


@pytest.mark.parametrize("slice_ns", [0, 70_000_000])
@pytest.mark.parametrize("gaps", ["skip", "fill", "halt"])
def test_a_run_on_late_revised_and_interrupted_data_replays_and_its_twin_is_itself(
    tmp_path: Path, gaps: str, slice_ns: int
) -> None:
    draw = np.random.default_rng(5)
    at = np.sort(draw.choice(90, 80))
    over = MIDNIGHT + HOUR * (at + 1)
    known = over + np.where(numbered(at) > 0, HOUR * (1 + numbered(at)), draw.integers(0, HOUR))
    outages = [(MIDNIGHT + 9 * HOUR + 7, MIDNIGHT + 14 * HOUR)]
    prices = 400 + draw.integers(0, 9, 80)
    some_bars(tmp_path, prices.tolist(), at=at.tolist(), known=known.tolist(), outages=outages)
    (tmp_path / "watch.py").write_text(WATCH)
    loaded = load_strategy(str(tmp_path / "watch.py"), {"gaps": gaps})
    assumed = with_(bar_feed=DRAWN, polling=Polling(every_ns=5 * MINUTE))

    run = run_of(tmp_path, loaded, assumed=assumed, slice_ns=slice_ns)
    mirrored = twin(run, store=tmp_path / "data", runs=Runs(tmp_path / "runs"))

    orders = of_kind(run, PlaceOrder)
    assert len(orders) > (20 if gaps != "halt" else 0)
    assert orders == of_kind(Runs(tmp_path / "runs").find(mirrored.run_id), PlaceOrder)
    assert replay(run, store=tmp_path / "data").difference is None
    lost, restored = of_kind(run, ConnectionLost), of_kind(run, ConnectionRestored)
    width = slice_ns or 1
    assert [each.arrival_time_ns for each in (*lost, *restored)] == [
        -(-each // width) * width for each in outages[0]
    ]
    assert not [each for each in orders if outages[0][0] <= each.decided_at_ns < outages[0][1]]
    assert bool(of_kind(run, GapSeen)) == (gaps == "halt")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lags=st.lists(
        st.lists(st.integers(0, 3 * HOUR), min_size=1, max_size=3, unique=True),
        min_size=4,
        max_size=16,
    ),
    cut=st.integers(2, 18),
    polled=st.booleans(),
)
def test_rows_that_are_known_later_change_no_decision_before(
    tmp_path_factory: pytest.TempPathFactory, lags: list[list[int]], cut: int, polled: bool
) -> None:
    rows = [
        (n, MIDNIGHT + HOUR * (n + 1) + lag) for n, each in enumerate(lags) for lag in sorted(each)
    ]
    assumed = with_(bar_feed=DRAWN, polling="by-length-1" if polled else None)
    cut_ns = MIDNIGHT + cut * HOUR
    kept = [row for row in rows if row[1] <= cut_ns]
    if not kept:
        return
    decided = []
    for known_rows in (rows, kept):
        folder = tmp_path_factory.mktemp("cut")
        # Prices of versions differ; the market that orders meet is another data set.
        prices = [400 + (7 * n + known_ns // MINUTE) % 9 for n, known_ns in known_rows]
        places, known = zip(*known_rows, strict=True)
        some_bars(folder, prices, at=places, known=known)
        columns = trades([400] * 20, step_ns=HOUR, start_ns=MIDNIGHT)
        Store(folder / "data").write_trades("trades", ES, [columns], source="made up")
        run = run_of(folder, data=("bars", "trades"), assumed=assumed, end_ns=cut_ns)
        decided.append(of_kind(run, PlaceOrder))

    assert decided[0] == decided[1]


def test_published_bars_with_a_rule_for_gaps_are_filled_or_halt_the_run(tmp_path: Path) -> None:
    at = [0, 1, 4, 5]
    some_bars(tmp_path, [400, 401, 402, 403], at=at)
    assumed = with_(bar_delay_ns=3 * SECOND)
    filling = type("Filling", (Watch,), {"gaps": "fill"})
    halting = type("Halting", (Watch,), {"gaps": "halt"})

    run_of(tmp_path, assumed=assumed)
    plain = [(now, bar.close_time_ns, bar.close_ticks) for now, bar in SEEN]
    run_of(tmp_path, filling, assumed=assumed)
    filled = list(SEEN)
    halted = run_of(tmp_path, halting, assumed=assumed)
    (gap,) = of_kind(halted, GapSeen)

    made_up = [(now, bar) for now, bar in filled if bar.synthetic]
    given_ = [(now, bar) for now, bar in filled if not bar.synthetic]
    assert [(now, bar.close_time_ns, bar.close_ticks) for now, bar in given_] == plain
    assert [(bar.open_time_ns, bar.close_ticks, bar.volume_lots) for _, bar in made_up] == [
        (MIDNIGHT + 2 * HOUR, 401, 0),
        (MIDNIGHT + 3 * HOUR, 401, 0),
    ]
    # Nobody knows that a bar is missing before it could be expected to be there.
    for now, bar in made_up:
        assert bar.close_time_ns + 3 * SECOND < now <= bar.close_time_ns + 4 * SECOND
    assert (gap.open_time_ns, gap.rule) == (MIDNIGHT + 2 * HOUR, "1h@1h+halt")


def test_a_published_bar_that_began_before_the_start_is_whole(tmp_path: Path) -> None:
    some_bars(tmp_path, [400, 401, 402])
    begin_ns = MIDNIGHT + 30 * MINUTE

    run_of(tmp_path, start_ns=begin_ns)
    plain = [(now, bar.close_ticks) for now, bar in SEEN]
    run_of(tmp_path, type("Filling", (Watch,), {"gaps": "fill"}), start_ns=begin_ns)

    assert plain == [(now, bar.close_ticks) for now, bar in SEEN]
    assert len(plain) == 3


def test_of_bars_made_of_trades_that_were_published_one_by_one_nobody_knows_when(
    tmp_path: Path,
) -> None:
    columns = trades([400, 401])
    chunk = {name: getattr(columns, name) for name in type(columns).__slots__[1:]}
    chunk["known_time_ns"] = columns.venue_time_ns + SECOND
    Store(tmp_path / "data").write(
        "bars", "trades", ES, [chunk], source="made up", known="published"
    )
    with pytest.raises(InputError, match="import bars of 1h too"):
        run_of(tmp_path)


AT_THE_MINUTE = f'''
from tieout import Strategy

class AtTheMinute(Strategy):
    """Writes down, at each whole minute, the close of the newest bar that it has."""

    def on_start(self, context):
        self.bars = context.bars("{SYMBOL}", "1m")
        context.timer_every("minute", 60_000_000_000)

    def on_timer(self, context, timer):
        newest = context.history(self.bars, 1)
        if newest:
            context.save(str(timer.due_ns), str(newest[-1].close_time_ns))
'''


def test_at_ten_o_clock_the_bar_that_closes_then_is_not_there_in_either_world(
    tmp_path: Path,
) -> None:
    a_market(tmp_path)
    (tmp_path / "at_the_minute.py").write_text(AT_THE_MINUTE)
    loaded = load_strategy(str(tmp_path / "at_the_minute.py"))

    live = a_live_run(tmp_path, loaded, end_ns=START_NS + 6 * MINUTE)
    history = run_of(
        tmp_path,
        loaded,
        data=("made",),
        assumed=PROFILE,
        start_ns=START_NS,
        end_ns=START_NS + 6 * MINUTE,
    )

    for run in (live, history):
        written = of_kind(run, StoreWritten)
        assert len(written) >= 4
        for each in written:
            assert int(each.value) == int(each.key) - MINUTE


WHEN_SEEN = f'''
from tieout import Strategy

class WhenSeen(Strategy):
    """Writes down when each bar was there."""

    def on_start(self, context):
        context.bars("{SYMBOL}", "1m")

    def on_bar(self, context, bar):
        context.save(str(bar.close_time_ns), str(context.now_ns))
'''


def test_a_twin_can_be_given_the_outages_of_the_live_run(tmp_path: Path) -> None:
    a_market(tmp_path)
    (tmp_path / "when_seen.py").write_text(WHEN_SEEN)
    loaded = load_strategy(str(tmp_path / "when_seen.py"))
    faults = [{"fault": "disconnect", "after_s": 90, "for_s": 100}]
    live = a_live_run(tmp_path, loaded, faults=faults, end_ns=START_NS + 6 * MINUTE)
    (lost,) = [each for each in of_kind(live, ConnectionLost) if each.stream == "market"]
    (back,) = [each for each in of_kind(live, ConnectionRestored) if each.stream == "market"]

    seen = []
    for with_outages in (False, True):
        runs = Runs(tmp_path / "runs")
        mirrored = twin(live, store=tmp_path / "data", runs=runs, with_outages=with_outages)
        run = runs.find(mirrored.run_id)
        seen.append({int(each.key): int(each.value) for each in of_kind(run, StoreWritten)})
        assert replay(run, store=tmp_path / "data").difference is None
    as_live = {int(each.key): int(each.value) for each in of_kind(live, StoreWritten)}

    plain, interrupted = seen
    missed = [close for close, now in plain.items() if lost.arrival_time_ns <= now]
    missed = [close for close in missed if plain[close] < back.arrival_time_ns]
    assert len(missed) >= 1
    assert all(now == close + PROFILE.bar_delay_ns for close, now in plain.items())
    for close, now in interrupted.items():
        assert now == (back.arrival_time_ns if close in missed else plain[close])
        if close in missed:
            assert as_live[close] == now


FILLED = f'''
from tieout import Strategy

class Filled(Strategy):
    """Writes down the bars it is given, those of the past and those that fill holes too."""

    def on_start(self, context):
        self.bars = context.bars("{SYMBOL}", "1m", gaps="fill", warm_up=6)
        self.mean = context.indicator("sma", self.bars, 5)

    def on_bar(self, context, bar):
        told = (bar.close_ticks, bar.volume_lots, bar.revision, bar.synthetic, bar.warm_up)
        context.save(str(bar.close_time_ns), f"{{told}} {{self.mean.value}}")
        context.target(bar.instrument, units=bar.close_ticks % 3)
'''


def with_pauses(folder: Path) -> None:
    """Store prints each second but for the minutes 57 … 58 and 62 … 64 of the hour."""
    seconds = np.array([at for at in range(75 * 60) if at // 60 not in (57, 58, 62, 63, 64)])
    price = 6560 + np.cumsum(np.random.default_rng(2).choice([-2, -1, 0, 1, 2], len(seconds)))
    chunk = {
        "venue_time_ns": T0 + SECOND * seconds.astype(np.int64),
        "price_ticks": price,
        "quantity_lots": np.full(len(seconds), 3, np.int64),
        "aggressor": np.zeros(len(seconds), np.int64),
        "trade_id": np.arange(1, len(seconds) + 1, dtype=np.int64),
    }
    Store(folder / "data").write("made", "trades", ES, [chunk], source="made up")


def test_live_candles_with_holes_are_filled_as_the_twin_s_are_the_past_included(
    tmp_path: Path,
) -> None:
    with_pauses(tmp_path)
    (tmp_path / "filled.py").write_text(FILLED)
    loaded = load_strategy(str(tmp_path / "filled.py"))

    live = a_live_run(tmp_path, loaded, end_ns=START_NS + 9 * MINUTE)
    mirrored = twin(live, store=tmp_path / "data", runs=Runs(tmp_path / "runs"))

    ours = of_kind(Runs(tmp_path / "runs").find(mirrored.run_id), StoreWritten)
    theirs = of_kind(live, StoreWritten)
    assert [(each.key, each.value) for each in theirs] == [(each.key, each.value) for each in ours]
    values = [each.value for each in theirs]
    assert sum("True, True" in each for each in values) == 2
    assert sum("True, False" in each for each in values) == 3
    assert len(values) >= 6 + 9
    assert replay(live, store=tmp_path / "data").difference is None
