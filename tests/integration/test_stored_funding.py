"""A run that names a data set of funding rates is charged by it, and so is its twin."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tests.support.live_world import a_market
from tests.support.worlds import ES, SYMBOL
from tieout import Strategy
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.history import Store
from tieout.journal import JournalReader
from tieout.model.events import FundingCharged
from tieout.model.profiles import HOUR, FundingRule, profile
from tieout.wiring import backtest

if TYPE_CHECKING:
    from pathlib import Path


class Holds(Strategy):
    """One lot from the first print on."""

    def on_start(self, context: Any) -> None:
        context.trades(SYMBOL)

    def on_trade(self, context: Any, trade: Any) -> None:
        context.target(SYMBOL, units=1)


def test_rates_in_the_store_are_charged_at_their_times(tmp_path: Path) -> None:
    made = a_market(tmp_path, rows=20_000)
    first = int(next(iter(made.batches(delay_ns=0))).venue_time_ns[0])
    due = first // HOUR * HOUR + HOUR
    Store(tmp_path / "data").write(
        "rates",
        "funding",
        ES,
        [
            {
                "venue_time_ns": np.array([due, due + HOUR], np.int64),
                "rate_e18": np.array([10**15, -(10**15)], np.int64),
                "interval_ns": np.array([HOUR, HOUR], np.int64),
                "mark_ticks": np.array([0, 6000], np.int64),
            }
        ],
        source="made up",
        time_rule="made up",
    )
    signed = msgspec.structs.replace(
        profile("practice-1"), name="signed-1", funding_rule=FundingRule.SIGNED
    )
    runs = Runs(tmp_path / "runs")

    result = backtest(
        Holds, store=tmp_path / "data", data=["made", "rates"], profile=signed, runs=runs
    )

    journal = JournalReader(RealDisk(), str(runs.find(result.run_id).journal))
    charges = [each for each in journal.inputs() if isinstance(each, FundingCharged)]
    assert [each.venue_time_ns for each in charges] == [due, due + HOUR]
    assert [each.rate for each in charges] == ["0.001", "-0.001"]
    assert charges[1].mark_ticks == 6000
    # 1,500 at a tenth of a percent comes back.
    assert charges[1].amount == 15 * 10**11
    assert result.funding == Decimal(sum(each.amount for each in charges)).scaleb(-12)


def test_a_rate_without_a_mark_is_charged_at_the_stored_one(tmp_path: Path) -> None:
    made = a_market(tmp_path, rows=30_000)
    first = int(next(iter(made.batches(delay_ns=0))).venue_time_ns[0])
    due = first // HOUR * HOUR + HOUR
    store = Store(tmp_path / "data")
    three = np.array([due, due + HOUR, due + 2 * HOUR], np.int64)
    rates = {
        # Venues stamp a payment when they have made it, some milliseconds later.
        "venue_time_ns": three + 7_000_000,
        "rate_e18": np.full(3, 10**15, np.int64),
        "interval_ns": np.full(3, HOUR, np.int64),
        "mark_ticks": np.array([0, 0, 6000], np.int64),
    }
    opens = np.array([due - HOUR, due, due + 2 * HOUR], np.int64)
    price = {"high_ticks": 6400, "low_ticks": 6100}
    marks = {
        "open_time_ns": opens,
        "close_time_ns": opens + HOUR,
        "open_ticks": np.array([6100, 6200, 6300], np.int64),
        "close_ticks": np.array([6150, 6250, 6350], np.int64),
        **{name: np.full(3, ticks, np.int64) for name, ticks in price.items()},
    }
    store.write("rates", "funding", ES, [rates], source="made up")
    store.write("marks", "mark", ES, [marks], interval_ns=HOUR, source="made up")
    signed = msgspec.structs.replace(
        profile("practice-1"), name="signed-1", funding_rule=FundingRule.SIGNED
    )
    runs = Runs(tmp_path / "runs")
    named = {"store": tmp_path / "data", "data": ["made", "rates", "marks"]}

    result = backtest(Holds, profile=signed, runs=runs, **named)

    journal = JournalReader(RealDisk(), str(runs.find(result.run_id).journal))
    charged = [each.mark_ticks for each in journal.inputs() if isinstance(each, FundingCharged)]
    # The bar that begins then, else the one that ends then; what the series tells goes before.
    assert charged == [6200, 6250, 6000]
