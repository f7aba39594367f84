"""One account on margin over several instruments, traded by a plan."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tests.support.compiled import cut
from tests.support.worlds import ES, MINUTE, MemoryJournal
from tieout import Strategy
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.kernel.loop import Kernel
from tieout.model.columns import TradeColumns
from tieout.model.events import Fill, OrderImposed, RunEnded, RunStarted
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money
from tieout.model.profiles import FundingRule, SimulationProfile, profile
from tieout.wiring.actions import events_of_actions, streams_of_actions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tieout.model.actions import Action
    from tieout.model.columns import MarketColumns
    from tieout.model.instruments import Instrument

TEN = (MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.05")),)
CROSS = MarginTerms(mode=MarginMode.CROSS, brackets=TEN)


def named(symbol: str) -> Instrument:
    """Return an instrument like the others; a tick is a quarter."""
    return msgspec.structs.replace(ES, symbol=symbol, venue_symbol=symbol)


def cross(
    terms: MarginTerms = CROSS, base: str = "zero-latency", **given: Any
) -> SimulationProfile:
    """Return a profile with one account that stands for all positions, free of charge."""
    fields = {
        "margin": terms,
        "taker_fee_rate": Decimal(0),
        "maker_fee_rate": Decimal(0),
        "funding_rule": FundingRule.NONE,
        **given,
    }
    return msgspec.structs.replace(profile(base), **fields)


class SharedRun:
    """A run over several markets.

    Args:
        columns: Of each instrument, by symbol, in the order in which the venue is given them.
        plan: What is ordered at the n-th row that the strategy is given: (symbol, signed lots,
            terms).
        assumed: The profile.
        cash: Balance at the start.
        rows: Of a chunk.
        held: (symbol, lots, ticks paid) at the start.
        asks: The kernel itself denies what the account cannot afford.
        actions: Corporate actions of the instruments.
    """

    def __init__(
        self,
        columns: Mapping[str, MarketColumns],
        plan: Mapping[int, Sequence[tuple[str, int, Mapping[str, Any]]]],
        assumed: SimulationProfile,
        *,
        cash: int = 1_000,
        rows: int = 10**9,
        held: Sequence[tuple[str, int, int]] = (),
        asks: bool = False,
        actions: Sequence[Action] = (),
    ) -> None:
        self.given = columns
        instruments = {symbol: named(symbol) for symbol in columns}
        count = [0]
        warnings: list[Any] = []

        class Acting(Strategy):
            def on_start(self, context: Any) -> None:
                for symbol, each in sorted(columns.items()):
                    if isinstance(each, TradeColumns):
                        context.trades(symbol)
                    else:
                        context.bars(symbol, "1m")

            def on_trade(self, context: Any, trade: Any) -> None:
                self.act(context)

            def on_bar(self, context: Any, bar: Any) -> None:
                self.act(context)

            def on_margin_warning(self, context: Any, warning: Any) -> None:
                warnings.append(warning)

            def act(self, context: Any) -> None:
                count[0] += 1
                for symbol, lots, terms in plan.get(count[0], ()):
                    order = context.buy if lots > 0 else context.sell
                    order(symbol, units=abs(lots), **terms)

        self.warnings = warnings
        self.journal = MemoryJournal()
        self.kernel = Kernel(
            Acting,
            instruments=instruments,
            journal=self.journal,
            margin=assumed.margin if asks else None,
        )
        first = min(int(each.arrival_time_ns[0]) for each in columns.values())
        last = max(int(each.arrival_time_ns[-1]) for each in columns.values())
        self.cash = money(cash)
        self.start = {
            symbol: (lots, instruments[symbol].notional(lots, ticks))
            for symbol, lots, ticks in held
        }
        started = RunStarted(
            arrival_time_ns=first - 1,
            cash=self.cash,
            positions=tuple((symbol, *each) for symbol, each in self.start.items()),
        )
        source = HistorySource(
            started,
            RunEnded(arrival_time_ns=last + 30 * MINUTE, reason="end of data"),
            [
                *(Stream(symbol, cut(each, rows)) for symbol, each in sorted(columns.items())),
                *streams_of_actions(events_of_actions(actions, assumed)),
            ],
        )
        self.venue = SimulatedVenue(
            instruments,
            assumed,
            {symbol: HistoryMarket(cut(each, rows)) for symbol, each in columns.items()},
            positions={symbol: lots for symbol, (lots, _) in self.start.items()},
            costs={symbol: cost for symbol, (_, cost) in self.start.items()},
            cash=self.cash,
            start_ns=first - 1,
        )
        self.kernel.run(source, self.venue)
        self.instruments = instruments
        self.assumed = assumed

    def of(self, kind: Any) -> list[Any]:
        """Return the inputs of a kind."""
        return [each for each in self.journal.inputs if isinstance(each, kind)]

    def lots(self, symbol: str) -> int:
        """Return what is held at the end."""
        return self.kernel.position_lots(symbol)

    @property
    def imposed(self) -> list[tuple[str, int]]:
        """What the venue closed, with signed lots of the closing."""
        return [
            (each.order.instrument, each.order.side * each.order.lots)
            for each in self.of(OrderImposed)
        ]

    @property
    def closings(self) -> list[tuple[str, int, int]]:
        """Symbol, lots and ticks of the fills of those."""
        return [
            (each.instrument, each.side * each.lots, each.price_ticks)
            for each in self.of(Fill)
            if each.decision_id.startswith("liquidation:")
        ]
