"""The same decisions on adjusted history and on a raw feed, and books that tie out over actions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.support.acting import ACTIONS, SPLIT_NS, a_market_with_actions, arriving
from tests.support.live_world import LIMITS, PROFILE, SECOND, Killed, dies_after
from tests.support.worlds import ES, SYMBOL, T0
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.history import Ask, Store, import_any, write_adjusted
from tieout.journal import JournalReader
from tieout.model.actions import Action, ActionKind
from tieout.model.columns import BarColumns
from tieout.model.events import (
    ActionBooked,
    Fill,
    MarginWarned,
    OrderDenied,
    OrderImposed,
    OrderRejected,
    RunResumed,
    Split,
)
from tieout.model.instruments import Instrument
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import FundingRule, profile
from tieout.strategy import Strategy, load_strategy
from tieout.wiring import (
    VenueAccess,
    backtest,
    backtest_columns,
    live,
    paper,
    reconcile,
    replay,
    resume,
    twin,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.adapters.storage.runs import RunFolder

pytest.importorskip("ccxt", reason="the exchange gateway needs the extra `live`")

from tests.integration.test_downtime import time_passes
from tests.integration.test_paper_and_shadow import a_venue
from tieout.adapters.venues.practice import StopRule, ThreadedServer, config_from_profile

DAY = 86_400 * SECOND
# Shares pay no funding.
QUIET = msgspec.structs.replace(PROFILE, name="shares-1", funding_rule=FundingRule.NONE)

CROSS = '''
from tieout import Strategy

class Cross(Strategy):
    """Holds so many units while the short mean is above the long one."""

    symbol: str = "AAPL/USDT:USDT"
    interval: str = "1h"
    units: float = 10.0
    fast: int = 5
    slow: int = 20
    warm_up: int = 30

    def on_start(self, context):
        self.bars = context.bars(self.symbol, self.interval, warm_up=self.warm_up)
        self.short = context.indicator("sma", self.bars, self.fast)
        self.long = context.indicator("sma", self.bars, self.slow)
        self.size = self.units

    def on_bar(self, context, bar):
        if self.long.ready and not bar.warm_up:
            up = self.short.value > self.long.value
            context.target(self.symbol, units=self.size if up else 0)

    def on_corporate_action(self, context, action):
        if hasattr(action, "new"):
            self.size = self.size * action.new / action.old
'''

GUARDED = f'''
from tieout import Strategy

class Guarded(Strategy):
    """Rests orders on both sides and holds a position across whatever happens."""

    def on_start(self, context):
        context.bars("{SYMBOL}", "1m", made_of="trades")
        self.count = 0

    def on_bar(self, context, bar):
        self.count += 1
        if self.count == 3:
            context.buy("{SYMBOL}", units=5)
            context.buy("{SYMBOL}", units=4, limit=bar.close - 100)
            context.sell("{SYMBOL}", units=3, limit=bar.close + 5)
        if self.count == 38:
            context.sell("{SYMBOL}", units=3)

    def on_corporate_action(self, context, action):
        context.save("seen", str(context.position("{SYMBOL}").lots))
'''


def records(run: RunFolder, *kinds: type) -> list[Any]:
    found = (each.record for each in JournalReader(RealDisk(), str(run.journal)))
    return [each for each in found if isinstance(each, kinds)]


def decided(run: RunFolder, *, split_ns: int, ratio: int) -> list[tuple[int, int, int]]:
    """Return time, side and lots in the units of after the split."""
    return [
        (each.decided_at_ns, each.side, each.lots * (ratio if each.decided_at_ns < split_ns else 1))
        for each in records(run, PlaceOrder)
    ]


def a_strategy(folder: Path, text: str, **parameters: Any) -> Any:
    file = folder / "strategy.py"
    file.write_text(text)
    return load_strategy(str(file), parameters)


def day(year: int, month: int, number: int) -> int:
    return int(datetime(year, month, number, tzinfo=UTC).timestamp()) * SECOND


def test_apple_over_its_split_on_paper_decides_as_on_adjusted_history(
    test_data: Path, tmp_path: Path
) -> None:
    symbol = "AAPL/USDT:USDT"
    apple = Instrument(
        symbol=symbol,
        venue_symbol="AAPLUSDT",
        tick_size=Decimal("0.0001"),
        lot_size=Decimal(1),
    )
    folder = test_data / "lean" / "data" / "equity" / "usa"
    store = Store(tmp_path / "data")
    raw = import_any(store, folder / "hour" / "aapl.zip", Ask(instrument=apple), name="raw")
    actions = import_any(
        store, folder / "factor_files" / "aapl.csv", Ask(instrument=apple), name="actions"
    )
    # The split is the only action of the days that are run, so nothing else is to be adjusted.
    known = [each for each in actions.actions() if each.venue_time_ns < day(2014, 7, 1)]
    write_adjusted(store, "adjusted", raw, known)
    runs = Runs(tmp_path / "runs")
    start, end = day(2014, 6, 3), day(2014, 6, 14)
    where: Any = {"store": tmp_path / "data", "runs": runs}

    config = config_from_profile(
        QUIET, apple, start_ns=start, end_ns=end, stop_rule=StopRule.ACCEPT,
        starting_balance=Decimal(1_000_000),
    )  # fmt: skip
    with ThreadedServer(config, raw.batches(delay_ns=0, end_ns=end)) as venue:
        watched = paper(
            a_strategy(tmp_path, CROSS),
            access=VenueAccess(venue.http_url, "", ""),
            data=["raw", "actions"],
            profile=QUIET,
            **where,
        )
    tested = backtest(
        a_strategy(tmp_path, CROSS, units=70.0),
        data=["adjusted"], profile=QUIET, start_ns=start, end_ns=end, **where,
    )  # fmt: skip

    run = runs.find(watched.run_id)
    (split,) = (each for each in records(run, Split) if start < each.venue_time_ns < end)
    on_raw = decided(run, split_ns=split.venue_time_ns, ratio=7)
    on_adjusted = [
        (each.decided_at_ns, each.side, each.lots)
        for each in records(runs.find(tested.run_id), PlaceOrder)
    ]
    assert on_raw[0][0] < split.venue_time_ns < on_raw[-1][0]
    assert on_raw == on_adjusted
    assert (records(run, ActionBooked)[0].lots_before, watched.failure) == (10, "")
    facts = reconcile(run, store=tmp_path / "data").facts()
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    assert replay(run, store=tmp_path / "data").identical


def microsofts() -> tuple[Instrument, BarColumns, list[Action]]:
    """Return days of MSFT around its special dividend of 3.08 on 2004-11-15, closes made up.

    It closed at 29.97 on the Friday before; the other closes swing so that there is something to
    decide.
    """
    shares = Instrument(
        symbol="MSFT",
        venue_symbol="MSFT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.01"),
        currency="USD",
    )
    days = 60
    draw = np.random.default_rng(15)
    closes = 3000 + np.cumsum(draw.integers(-40, 41, days))
    closes[29] = 2997
    closes[30:] -= closes[30] - 2739
    opens = np.concatenate((closes[:1], closes[:-1]))
    opens[30] = 2734
    weekdays = [each for each in range(days + days // 5 * 2 + 7) if (each + 4) % 7 < 5][:days]
    first = day(2004, 11, 15) - weekdays[30] * DAY + 5 * 3600 * SECOND
    opened = first + DAY * np.array(weekdays, np.int64)
    columns = BarColumns(
        "MSFT", DAY, opened, opened + DAY, opened + DAY + 3 * SECOND, opens,
        np.maximum(opens, closes) + 5, np.minimum(opens, closes) - 5, closes,
        np.full(days, 10**9, np.int64), np.zeros(days, np.int64), np.zeros(days, np.bool_),
    )  # fmt: skip
    at_ns = day(2004, 11, 15) + 5 * 3600 * SECOND
    paid = Action(
        instrument="MSFT",
        kind=ActionKind.DIVIDEND,
        venue_time_ns=at_ns,
        known_time_ns=day(2004, 7, 20),
        value=money("3.08"),
        reference=money("29.97"),
    )
    return shares, columns, [paid]


class Weighs(Strategy):
    """Half of the equity while the short mean of closes is above the long one."""

    _decided: Any

    def on_start(self, context: Any) -> None:
        self.bars = context.bars("MSFT", "1d")
        self.short = context.indicator("sma", self.bars, 3)
        self.long = context.indicator("sma", self.bars, 9)
        self.weight = "0"

    def on_bar(self, context: Any, bar: Any) -> None:
        wanted = "0.5" if self.long.ready and self.short.value > self.long.value else "0"
        if wanted != self.weight:
            self.weight = wanted
            context.targets({"MSFT": wanted})
            self._decided.append((context.now_ns, wanted))


def test_microsofts_special_dividend_moves_no_decision(tmp_path: Path) -> None:
    shares, columns, actions = microsofts()
    store = Store(tmp_path)
    raw = store.write_bars("raw", shares, DAY, [columns], source="made up")
    adjusted = write_adjusted(store, "adjusted", raw, actions)
    (seen,) = adjusted.batches(delay_ns=3 * SECOND)
    assumed = msgspec.structs.replace(
        profile("zero-latency"), name="days-1", bar_delay_ns=3 * SECOND
    )
    on_raw: list[Any] = []
    on_adjusted: list[Any] = []

    Weighs._decided = on_raw
    kernel, decisions = arriving(
        Weighs, columns, shares, profile=assumed, actions=actions, cash=money("100000")
    )
    Weighs._decided = on_adjusted
    backtest_columns(Weighs, [seen], instruments=[adjusted.meta.instrument], profile=assumed)
    naive: list[Any] = []
    Weighs._decided = naive
    backtest_columns(Weighs, [columns], instruments=[shares], profile=assumed)

    assert len(on_raw) > 4
    assert on_raw == on_adjusted
    # Without the action the fall of the price looks like a loss to the means.
    assert naive != on_raw
    (booked,) = (each for each in decisions if isinstance(each, ActionBooked))
    held = Decimal(booked.lots_before).scaleb(-2)
    assert held > 0
    assert kernel.ledger.dividends == money(held * Decimal("3.08"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("acting")
    a_market_with_actions(folder)
    return folder


def on_paper(
    made: Path,
    *,
    dies: int | None = None,
    text: str = GUARDED,
    down_ns: int = 10 * 60 * SECOND,
    **settings: Any,
) -> RunFolder:
    runs = Runs(made / "runs")
    strategy = a_strategy(made, text)
    with a_venue(made) as access:
        where: Any = {
            "access": VenueAccess(access.url, "", ""),
            "store": made / "data",
        }
        begin: Any = {
            "data": ["made", "actions"],
            "profile": QUIET,
            "runs": runs,
            **settings,
            **where,
        }
        if dies is None:
            paper(strategy, **begin)
        else:
            with dies_after(dies), pytest.raises(Killed):
                paper(strategy, **begin)
            asyncio.run(time_passes(access.url, down_ns))
            resume(runs.find("last"), **where)
    return runs.find("last")


def test_a_run_over_a_dividend_and_a_split_ties_out_with_its_twin(made: Path) -> None:
    run = on_paper(made)

    facts = reconcile(run, store=made / "data").facts()

    dividend, split = records(run, ActionBooked)
    late = [each for each in records(run, Fill) if each.venue_time_ns > SPLIT_NS]
    # Three lots that waited are four after it, as the venue said.
    assert [each.side * each.lots for each in late] == [-4, -3]
    assert (dividend.lots_before, dividend.cash) == (5, 50 * 10**12)
    # Seven lots and a half: the half is paid at the last price, two thirds of it a lot.
    assert (split.lots_before, split.lots_after) == (5, 7)
    assert 0 < split.cash < ES.notional(1, split.price_ticks)
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    assert [each["dividends"] for each in facts["rungs"]] == ["50.00"] * 5
    assert replay(run, store=made / "data").identical
    again = twin(run, store=made / "data", runs=Runs(made / "runs"))
    assert (again.fills, again.dividends) == (len(records(run, Fill)), 50)


def test_a_run_that_was_down_over_a_split_goes_on_with_what_it_left(made: Path) -> None:
    run = on_paper(made, dies=700)

    facts = reconcile(run, store=made / "data").facts()

    (split,) = (each for each in records(run, ActionBooked) if each.kind == ActionKind.SPLIT)
    (back,) = records(run, RunResumed)
    assert back.down_since_ns < SPLIT_NS < back.arrival_time_ns
    fills = records(run, Fill)
    before = [each for each in fills if each.venue_time_ns < SPLIT_NS]
    assert split.lots_before == sum(each.side * each.lots for each in before)
    assert facts["steps"]["unexplained"] == "0.00"
    assert facts["steps"]["logic"] == facts["difference"]
    assert replay(run, store=made / "data").identical


SHORT = f"""
from tieout import Strategy

class Short(Strategy):
    def on_start(self, context):
        context.bars("{SYMBOL}", "1m", made_of="trades")
        self.count = 0

    def on_bar(self, context, bar):
        self.count += 1
        if self.count == 3:
            context.sell("{SYMBOL}", units=300)
            context.buy("{SYMBOL}", units=30, limit=bar.close - 300)
        if self.count in (20, 32):
            # More than the account can carry: this never leaves.
            context.sell("{SYMBOL}", units=2000)
        if self.count == 35:
            context.sell("{SYMBOL}", units=110)
"""

ON_MARGIN = msgspec.structs.replace(
    QUIET,
    name="shares-on-margin-1",
    margin=MarginTerms(
        mode=MarginMode.CROSS,
        brackets=(MarginBracket(initial_rate=Decimal("0.02"), maintenance_rate=Decimal("0.016")),),
        liquidation_fee_rate=Decimal("0.001"),
        warning_ratio=Decimal("0.85"),
    ),
)


def test_a_short_on_margin_pays_is_split_and_ties_out(made: Path) -> None:
    run = on_paper(made, text=SHORT, profile=ON_MARGIN, cash=Decimal(15_000))

    facts = reconcile(run, store=made / "data").facts()

    dividend, split = records(run, ActionBooked)
    warned = [(each.position_lots, each.price_ticks) for each in records(run, MarginWarned)]
    assert (dividend.cash, split.lots_after) == (-3_000 * 10**12, -450)
    assert [each.lots for each in records(run, Fill)] == [300, 110, 560]
    assert warned == [(-560, 4364)]
    (imposed,) = records(run, OrderImposed)
    assert (imposed.reason, imposed.order.lots) == ("liquidation", 560)
    assert [each.rule for each in records(run, OrderDenied)] == ["margin"] * 2
    assert records(run, OrderRejected) == []
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    assert replay(run, store=made / "data").identical


@pytest.mark.parametrize("dies", [700, 960, 1040])
def test_a_run_on_margin_comes_back_to_the_account_it_had(made: Path, dies: int) -> None:
    run = on_paper(made, text=SHORT, profile=ON_MARGIN, cash=Decimal(15_000), dies=dies)

    facts = reconcile(run, store=made / "data").facts()

    (back,) = records(run, RunResumed)
    assert (back.down_since_ns > SPLIT_NS) == (dies > 900)
    warned = [(each.position_lots, each.price_ticks) for each in records(run, MarginWarned)]
    fills = [(each.lots, each.price_ticks) for each in records(run, Fill)]
    if dies == 960:
        # Away when it would have sold more, it has less and stays.
        assert (warned, fills) == ([], [(300, 6544)])
    else:
        # Who was warned is not warned again, and the price of the closing is what it was.
        assert (warned, fills) == ([(-560, 4364)], [(300, 6544), (110, 4355), (560, 4375)])
    assert facts["steps"]["unexplained"] == "0.00"
    assert facts["steps"]["logic"] == facts["difference"]
    assert replay(run, store=made / "data").identical


LATE = f"""
from tieout import Strategy

class Late(Strategy):
    def on_start(self, context):
        context.bars("{SYMBOL}", "1m", made_of="trades")
        self.count = 0

    def on_bar(self, context, bar):
        self.count += 1
        if self.count in (3, 38):
            context.buy("{SYMBOL}", units=2)
"""


def test_what_was_delisted_before_a_stop_is_not_traded_after_it(made: Path) -> None:
    dividend, _ = ACTIONS
    gone = msgspec.structs.replace(
        dividend, kind=ActionKind.DELISTING, venue_time_ns=SPLIT_NS, known_time_ns=SPLIT_NS, value=0
    )
    Store(made / "data").write_actions("gone", ES, [gone], source="made up")

    run = on_paper(made, text=LATE, dies=990, down_ns=60 * SECOND, data=["made", "gone"])

    (back,) = records(run, RunResumed)
    assert back.down_since_ns > SPLIT_NS
    assert [each.side * each.lots for each in records(run, Fill)] == [2, -2]
    (refused,) = records(run, OrderRejected)
    assert "was delisted" in refused.detail


def test_live_books_a_dividend_and_says_that_the_venue_did_not_pay_it(tmp_path: Path) -> None:
    a_market_with_actions(tmp_path)
    dividend, split = ACTIONS
    early = msgspec.structs.replace(split, venue_time_ns=T0, known_time_ns=T0)
    Store(tmp_path / "data").write_actions("paid", ES, [dividend, early], source="made up")
    runs = Runs(tmp_path / "runs")

    with a_venue(tmp_path) as access:
        result = live(
            a_strategy(tmp_path, GUARDED),
            access=access, store=tmp_path / "data", data=["made", "paid"], profile=QUIET,
            limits=LIMITS, runs=runs,
        )  # fmt: skip

    run = runs.find(result.run_id)
    facts = reconcile(run, store=tmp_path / "data").facts()
    # The split took effect before the start: the account holds what it left.
    assert [each.kind for each in records(run, ActionBooked)] == [ActionKind.DIVIDEND]
    assert result.dividends == 50
    assert facts["unexplained_parts"]["corporate_actions"] == "-50.00" == facts["difference"]
    assert {facts["steps"][each] for each in ("data", "execution", "cost", "logic")} == {"0.00"}
    assert replay(run, store=tmp_path / "data").identical


def test_actions_of_a_data_set_are_given_on_history_too(made: Path) -> None:
    runs = Runs(made / "runs")

    result = backtest(
        a_strategy(made, GUARDED),
        store=made / "data",
        data=["made", "actions"],
        profile=QUIET,
        runs=runs,
    )

    run = runs.find(result.run_id)
    paid = [each for each in records(run, ActionBooked) if each.kind == ActionKind.DIVIDEND]
    assert result.dividends == 10 * sum(each.lots_before for each in paid) != 0
    assert replay(run, store=made / "data").identical
    assert [each.kind for each in records(run, ActionBooked)] == [each.kind for each in ACTIONS]


def test_a_resting_order_of_a_raw_feed_waits_at_the_price_after_the_split(tmp_path: Path) -> None:
    made = a_market_with_actions(tmp_path, rows=2900)
    (columns,) = made.batches(delay_ns=0)
    fills: list[Any] = []

    class Waits(Strategy):
        def on_start(self, context: Any) -> None:
            context.trades(SYMBOL)
            self.placed = False

        def on_trade(self, context: Any, trade: Any) -> None:
            if not self.placed:
                self.placed = True
                context.buy(SYMBOL, units=2, limit=trade.price - 300)
                context.buy(SYMBOL, units=2)

        def on_fill(self, context: Any, fill: Any) -> None:
            fills.append(fill)

    kernel, _ = arriving(
        Waits,
        replace(columns, arrival_time_ns=columns.arrival_time_ns + 10**6),
        ES,
        profile=QUIET,
        actions=ACTIONS,
        cash=money("100000"),
    )

    assert [each.lots for each in fills] == [2]
    (resting,) = kernel.orders.open.values()
    assert (resting.place.lots, kernel.position_lots(SYMBOL)) == (3, 3)
