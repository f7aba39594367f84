"""Runs that are told from the store what borrowing costs, and how much there is, in all worlds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.support.live_world import LIMITS, PROFILE, START_NS, Killed, a_market, dies_after
from tests.support.worlds import ES, SYMBOL
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.errors import InputError
from tieout.history import NOT_TOLD, Store
from tieout.journal import JournalReader
from tieout.model.borrow import BorrowTold
from tieout.model.events import Fill, FundingCharged, OrderDenied, OrderImposed, OrderRejected
from tieout.model.instruments import Instrument
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import FundingRule, profile
from tieout.reconcile import compare_runs
from tieout.strategy import load_strategy
from tieout.wiring import (
    VenueAccess,
    backtest,
    ladder,
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

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
AAPL = Instrument(
    symbol="AAPL/USD",
    venue_symbol="AAPLUSD",
    tick_size=Decimal("0.01"),
    lot_size=Decimal(1),
    currency="USD",
)
FREE = {"maker_fee_rate": Decimal(0), "taker_fee_rate": Decimal(0)}
SHARES = msgspec.structs.replace(
    profile("zero-latency"),
    name="shares-1",
    borrow_rate=Decimal("0.05"),
    borrow_days=360,
    fee_digits=2,
    funding_rule=FundingRule.NONE,
    **FREE,
)
"""Five percent a year where no rate is told, at midnight UTC, to the cent."""

MARCH = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp()) * SECOND

SHORTS = '''
from tieout import Strategy


class Shorts(Strategy):
    """Trades what a plan says, so many hours after its first bar; sells without a sign."""

    symbol: str = "AAPL/USD"
    interval: str = "1h"
    plan: str = ""

    def on_start(self, context):
        context.bars(self.symbol, self.interval)
        self.wanted = {int(at): int(lots) for at, lots in (x.split(":") for x in self.plan.split())}
        self.count = 0

    def on_bar(self, context, bar):
        lots = self.wanted.get(self.count, 0)
        self.count += 1
        if lots < 0:
            context.sell(self.symbol, units=-lots)
        elif lots > 0:
            context.buy(self.symbol, units=lots)
'''


def shorts(folder: Path, **parameters: Any) -> Any:
    file = folder / "shorts.py"
    file.write_text(SHORTS)
    return load_strategy(str(file), parameters)


def records(run: RunFolder, *kinds: type) -> list[Any]:
    found = (each.record for each in JournalReader(RealDisk(), str(run.journal)))
    return [each for each in found if isinstance(each, kinds)]


def told(
    folder: Path,
    instrument: Instrument,
    *rows: tuple[int, str | None, int | None],
    known_after_ns: int = 0,
) -> None:
    """Store rows of (venue time, rate a year, available lots) as the data set `lent`."""
    columns = {
        "venue_time_ns": [at_ns for at_ns, _, _ in rows],
        "known_time_ns": [at_ns + known_after_ns for at_ns, _, _ in rows],
        "rate_e12": [
            NOT_TOLD if rate is None else int(Decimal(rate) * 10**12) for _, rate, _ in rows
        ],
        "available_lots": [NOT_TOLD if lots is None else lots for _, _, lots in rows],
    }
    chunk = {name: np.array(values, np.int64) for name, values in columns.items()}
    Store(folder / "data").write("lent", "borrow", instrument, [chunk], source="made up")


# -- a month of shares on history -----------------------------------------------------------------


def a_month(folder: Path) -> list[tuple[int, int]]:
    """Store hourly bars of the sessions of March 2024; return each close with its ticks."""
    draw = np.random.default_rng(11)
    days = [datetime(2024, 3, 1, 14, tzinfo=UTC) + timedelta(days=each) for each in range(31)]
    opens = np.array(
        [
            int(day.timestamp()) * SECOND + hour * HOUR
            for day in days
            if day.weekday() < 5
            for hour in range(7)
        ],
        np.int64,
    )
    close = 17_000 + np.cumsum(draw.integers(-40, 41, len(opens)))
    before = np.concatenate(([17_000], close[:-1]))
    chunk = {
        "open_time_ns": opens,
        "close_time_ns": opens + HOUR,
        "open_ticks": before,
        "high_ticks": np.maximum(before, close) + 5,
        "low_ticks": np.minimum(before, close) - 5,
        "close_ticks": close,
        "volume_lots": np.full(len(opens), 10**6, np.int64),
    }
    Store(folder / "data").write("hours", "bars", AAPL, [chunk], interval_ns=HOUR, source="made up")
    return [(int(at), int(ticks)) for at, ticks in zip(opens + HOUR, close, strict=True)]


def on_march(folder: Path, plan: str, **settings: Any) -> RunFolder:
    runs = Runs(folder / "runs")
    result = backtest(
        shorts(folder, plan=plan),
        store=folder / "data",
        data=["hours", "lent"],
        runs=runs,
        **{"profile": SHARES, **settings},
    )
    return runs.find(result.run_id)


RATES = (
    (MARCH - 30 * DAY, "0.0025", 5000),
    (MARCH + 6 * DAY + 4 * HOUR, "0.0300", 3000),
    # More is paid for the proceeds than is charged: the short receives.
    (MARCH + 13 * DAY, "-0.0150", 2000),
    (MARCH + 20 * DAY + 4 * HOUR, None, 1500),
)


def test_a_month_short_is_charged_to_the_cent(tmp_path: Path) -> None:
    closes = a_month(tmp_path)
    told(tmp_path, AAPL, *RATES)

    run = on_march(tmp_path, "2:-1000 60:300")

    fills = records(run, Fill)
    expected: dict[int, Decimal] = {}
    for number in range(1, 31):
        midnight = MARCH + number * DAY
        lots = sum(each.side * each.lots for each in fills if each.venue_time_ns < midnight)
        seen = [ticks for at, ticks in closes if at < midnight]
        rate = [Decimal(text or "0.05") for at, text, _ in RATES if at < midnight][-1]
        if lots < 0 and midnight <= closes[-1][0]:
            value = -lots * Decimal(seen[-1]) / 100
            owed = (value * rate / 360).quantize(Decimal("0.01"), ROUND_HALF_UP)
            expected[midnight] = -owed
    charges = records(run, FundingCharged)
    assert {each.venue_time_ns: Decimal(each.amount).scaleb(-12) for each in charges} == expected
    # From the first day's evening on, Saturdays and Sundays too; last bar on the 29th.
    assert len(charges) == 28
    assert {each.rate for each in charges} == {"0.0025", "0.03", "-0.015", "0.05"}
    received = [each for each in charges if each.rate == "-0.015"]
    assert len(received) == 7
    assert all(each.amount > 0 for each in received)
    assert run.read("result.json", dict)["funding"] == f"{sum(expected.values())}"


def test_a_sale_beyond_what_is_there_never_leaves(tmp_path: Path) -> None:
    a_month(tmp_path)
    told(tmp_path, AAPL, *RATES)

    run = on_march(tmp_path, "2:-5001 4:-3000 60:-1 80:-10")

    assert [each.lots for each in records(run, PlaceOrder)] == [3000]
    denied = records(run, OrderDenied)
    assert [(each.rule, each.detail.split(": ")[1]) for each in denied] == [
        ("no_borrow", "short 5001 lots with what is under way; there are 5000 to borrow"),
        # On the 7th there are 3,000 left, on the 14th 2,000.
        ("no_borrow", "short 3001 lots with what is under way; there are 3000 to borrow"),
        ("no_borrow", "short 2010 lots with what is under way; there are 2000 to borrow"),
    ]
    assert records(run, OrderRejected) == []


def test_what_the_lender_wants_back_is_bought(tmp_path: Path) -> None:
    a_month(tmp_path)
    told(tmp_path, AAPL, *RATES)

    run = on_march(tmp_path, "2:-3000")

    recalled = records(run, OrderImposed)
    assert [(each.reason, each.order.lots) for each in recalled] == [
        ("recall", 1000),
        ("recall", 500),
    ]
    assert [each.side * each.lots for each in records(run, Fill)] == [-3000, 1000, 500]


def test_nobody_is_refused_by_what_is_known_only_later(tmp_path: Path) -> None:
    a_month(tmp_path)
    rows = ((MARCH - DAY, None, 500), (MARCH + 3 * DAY + 16 * HOUR, None, 100))
    told(tmp_path, AAPL, *rows, known_after_ns=2 * DAY)

    # The 4th at 17 h, when there are 100 and 500 are known of, and the 6th at 20 h.
    run = on_march(tmp_path, "10:-200 27:-200")

    (denied,) = records(run, OrderDenied)
    (rejected,) = records(run, OrderRejected)
    assert rejected.reason == "no_borrow"
    assert rejected.detail.endswith("there are 100 to borrow")
    assert denied.rule == "no_borrow"
    assert [(each.available_lots, each.arrival_time_ns) for each in records(run, BorrowTold)] == [
        (500, MARCH + DAY),
        (100, MARCH + 5 * DAY + 16 * HOUR),
    ]


def test_a_rate_alone_limits_nothing(tmp_path: Path) -> None:
    a_month(tmp_path)
    told(tmp_path, AAPL, (MARCH, "0.0100", None))

    run = on_march(tmp_path, "2:-100000")

    assert records(run, OrderDenied, OrderRejected, BorrowTold) == []
    assert {each.rate for each in records(run, FundingCharged)} == {"0.01"}


def test_a_replay_needs_only_the_journal_for_what_there_was_to_borrow(tmp_path: Path) -> None:
    a_month(tmp_path)
    told(tmp_path, AAPL, *RATES)
    run = on_march(tmp_path, "2:-5001 4:-3000 60:-1")

    again = replay(run, store=tmp_path / "data")

    assert again.identical
    assert again.decisions == 3
    second = twin(run, store=tmp_path / "data", runs=Runs(tmp_path / "runs"))
    assert second.state_hash == run.read("result.json", dict)["state_hash"]


def test_slices_and_chunks_change_nothing_of_it(tmp_path: Path) -> None:
    a_month(tmp_path)
    told(tmp_path, AAPL, *RATES)
    plan = "2:-5001 4:-3000 60:-1"

    one, other = (on_march(tmp_path, plan, slice_ns=each) for each in (0, SECOND))

    for kind in (FundingCharged, OrderDenied, OrderImposed):
        told_of = [
            [(type(each), getattr(each, "amount", None)) for each in records(run, kind)]
            for run in (one, other)
        ]
        assert told_of[0] == told_of[1]


def test_two_data_sets_of_one_instrument_are_refused(tmp_path: Path) -> None:
    a_month(tmp_path)
    told(tmp_path, AAPL, *RATES)
    store = Store(tmp_path / "data")
    (chunk,) = store.dataset("lent").chunks(10, None, None)
    store.write("again", "borrow", AAPL, [chunk], source="made up")

    with pytest.raises(InputError, match="lent and again both tell what there is to borrow"):
        backtest(
            shorts(tmp_path, plan="2:-1"), store=tmp_path / "data", data=["hours", "lent", "again"],
            profile=SHARES, runs=Runs(tmp_path / "runs"),
        )  # fmt: skip


# -- the worlds that wait -------------------------------------------------------------------------

LENDING = msgspec.structs.replace(
    PROFILE,
    name="lending-1",
    funding_rule=FundingRule.NONE,
    # Charged in the middle of the run.
    borrow_at_s=(START_NS // SECOND + 1800) % 86_400,
    borrow_rate=Decimal("0.365"),
)
MADE = ((START_NS - DAY, "3.65", 6), (START_NS + 40 * MINUTE, "0.1", 2))
PLAN = {"symbol": SYMBOL, "interval": "1m", "plan": "3:-7 5:-5 8:-2 50:-1 60:2 62:-1"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lending")
    a_market(folder, rows=14_000)
    told(folder, ES, *MADE)
    return folder


def on_paper(world: Path, *, dies: int | None = None) -> RunFolder:
    runs = Runs(world / "runs")
    strategy = shorts(world, **PLAN)
    with a_venue(world) as access:
        where: Any = {"access": VenueAccess(access.url, "", ""), "store": world / "data"}
        begin: Any = {"data": ["made", "lent"], "profile": LENDING, "runs": runs, **where}
        if dies is None:
            paper(strategy, **begin)
        else:
            with dies_after(dies), pytest.raises(Killed):
                paper(strategy, **begin)
            asyncio.run(time_passes(access.url, 10 * MINUTE))
            resume(runs.find("last"), **where)
    return runs.find("last")


def refusals(run: RunFolder) -> list[tuple[str, str]]:
    return [(each.rule, each.detail) for each in records(run, OrderDenied)]


def test_paper_refuses_charges_and_recalls_as_its_twin_does(world: Path) -> None:
    run = on_paper(world)

    rungs = ladder(run, store=world / "data")
    facts = reconcile(run, store=world / "data").facts()

    # What is refused before it is sent is no order of any rung.
    assert len({tuple(each.orders) for each in rungs}) == 1
    assert not compare_runs(rungs[0], rungs[4]).discrepancies
    assert [rule for rule, _ in refusals(run)] == ["no_borrow"] * 3
    assert [each.order.lots for each in records(run, OrderImposed)] == [3]
    (charge,) = records(run, FundingCharged)
    assert (charge.position_lots, charge.rate) == (-5, "3.65")
    assert facts["difference"] == "0.00"
    assert set(facts["steps"].values()) == {"0.00"}
    assert facts["breaks"] == []
    assert replay(run, store=world / "nowhere").identical
    again = twin(run, store=world / "data", runs=Runs(world / "runs"))
    other = Runs(world / "runs").find(again.run_id)
    assert refusals(other) == refusals(run)
    assert [each.amount for each in records(other, FundingCharged)] == [charge.amount]


@pytest.mark.parametrize("dies", [250, 3600, 4500])
def test_paper_goes_on_with_what_it_was_told(world: Path, dies: int) -> None:
    run = on_paper(world, dies=dies)

    facts = reconcile(run, store=world / "data").facts()

    assert len(records(run, BorrowTold)) == 2
    assert facts["steps"]["unexplained"] == "0.00"
    assert facts["steps"]["logic"] == facts["difference"]
    assert replay(run, store=world / "nowhere").identical


def test_live_refuses_the_same_before_it_is_sent(world: Path) -> None:
    runs = Runs(world / "runs")
    with a_venue(world) as access:
        result = live(
            shorts(world, **PLAN), access=access, store=world / "data", data=["made", "lent"],
            profile=LENDING, limits=LIMITS, runs=runs,
        )  # fmt: skip
    run = runs.find(result.run_id)

    facts = reconcile(run, store=world / "data").facts()

    # The practice venue lends to everybody for nothing, and calls nothing back.
    assert refusals(run)[:1] == refusals(on_paper(world))[:1]
    assert records(run, OrderImposed, FundingCharged) == []
    assert facts["steps"]["unexplained"] == "0.00"
    assert facts["steps"]["cost"] != "0.00"
    assert replay(run, store=world / "nowhere").identical


def test_a_live_run_that_goes_on_asks_for_the_store(world: Path) -> None:
    runs = Runs(world / "runs")
    with a_venue(world) as access:
        with dies_after(20), pytest.raises(Killed):
            live(
                shorts(world, **PLAN), access=access, store=world / "data", data=["made", "lent"],
                profile=LENDING, limits=LIMITS, runs=runs,
            )  # fmt: skip
        asyncio.run(time_passes(access.url, 10 * MINUTE))
        with pytest.raises(InputError, match="is told what there is to borrow: name the folder"):
            resume(runs.find("last"), access=access)
        resume(runs.find("last"), access=access, store=world / "data")

    run = runs.find("last")
    assert len(records(run, BorrowTold)) == 2
    assert replay(run, store=world / "nowhere").identical
