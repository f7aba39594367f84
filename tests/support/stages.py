"""A stage for behaviours: prints, and what a strategy does at each of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tests.support.worlds import ES, SYMBOL, MemoryJournal, trades
from tieout import Strategy, Trade
from tieout.adapters.feeds.announced import AnnouncedSource, announced
from tieout.adapters.feeds.history import HistoryMarket, HistorySource, Stream
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.kernel.loop import Kernel
from tieout.model.events import Fill, MarginWarned, RunEnded, RunStarted
from tieout.model.money import money
from tieout.model.profiles import SimulationProfile, profile
from tieout.model.venues import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tieout import Context
    from tieout.kernel.risk import RiskLimits
    from tieout.model.borrow import BorrowRates, BorrowSeries
    from tieout.model.columns import TradeColumns
    from tieout.model.venues import VenueProfile

    Act = Callable[[Context], object]

__all__ = ["Performance", "acting", "perform"]


class Performance:
    """What came of it: the kernel, its journal, and the fills in order."""

    def __init__(self, kernel: Kernel, journal: MemoryJournal) -> None:
        self.kernel = kernel
        self.journal = journal
        self.fills = [each for each in journal.inputs if isinstance(each, Fill)]

    def reports(self, kind: type[Any]) -> list[Any]:
        """Return the venue's reports of one kind."""
        return [each for each in self.journal.inputs if isinstance(each, kind)]


def acting(plan: Mapping[int, Act], on_warning: Act | None = None) -> Callable[[], Strategy]:
    """Return a strategy that acts at the n-th print, counted from one, and when it is warned."""

    class Acting(Strategy):
        def on_start(self, context: Context) -> None:
            context.trades(SYMBOL)

        def on_trade(self, context: Context, trade: Trade) -> None:
            if trade.trade_id in plan:
                plan[trade.trade_id](context)

        def on_margin_warning(self, context: Context, warning: MarginWarned) -> None:
            if on_warning is not None:
                on_warning(context)

    return Acting


def perform(
    prints: Sequence[int] | TradeColumns,
    plan: Mapping[int, Act],
    *,
    base: str | SimulationProfile = "zero-latency",
    positions: tuple[tuple[str, int, int], ...] = (),
    cash: Decimal = Decimal(100_000),
    limits: RiskLimits | None = None,
    models: Mapping[str, object] | None = None,
    seed: int = 0,
    borrow_rates: BorrowRates | None = None,
    told: BorrowSeries | None = None,
    venue_profile: VenueProfile = EVERYTHING,
    kernel_terms: Mapping[str, Any] | None = None,
    on_warning: Act | None = None,
    **assumptions: object,
) -> Performance:
    """Run a plan over prints on the simulated venue; what is told of borrowing the kernel knows."""
    columns = trades(prints) if not hasattr(prints, "price_ticks") else prints
    chosen = profile(base) if isinstance(base, str) else base
    chosen = msgspec.structs.replace(chosen, **assumptions)
    journal = MemoryJournal()
    kernel = Kernel(
        acting(plan, on_warning),
        instruments={SYMBOL: ES},
        journal=journal,
        limits=limits,
        venue_profile=venue_profile,
        **(kernel_terms or {}),
    )
    first, last = int(columns.arrival_time_ns[0]), int(columns.arrival_time_ns[-1])
    source = HistorySource(
        RunStarted(arrival_time_ns=first, cash=money(cash), positions=positions),
        RunEnded(arrival_time_ns=last, reason="end of data"),
        [Stream(f"trades:{SYMBOL}", iter([columns]))],
    )
    venue = SimulatedVenue(
        {SYMBOL: ES},
        chosen,
        {SYMBOL: HistoryMarket(iter([columns]))},
        positions={symbol: lots for symbol, lots, _ in positions},
        models=models,
        seed=seed,
        borrow_rates=borrow_rates,
        cash=money(cash),
        costs={symbol: cost for symbol, _, cost in positions},
    )
    announced_to = AnnouncedSource(source, lambda at_ns: announced(told.news(), at_ns))
    kernel.run(source if told is None else announced_to, venue)
    return Performance(kernel, journal)
