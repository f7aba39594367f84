"""Which matching core a simulated venue holds for an instrument: the profile's level says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tieout.adapters.feeds.stacked import StackedMarket
from tieout.market import DrillingCore, MatchingCore
from tieout.model.profiles import FillLevel

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tieout.kernel.ports import MarketRecord
    from tieout.market import CoreReport, DataBreak
    from tieout.market.acting import OrderLeft
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.profiles import SimulationProfile
    from tieout.model.splits import Ratio

__all__ = ["BookedCore", "Core", "LendableCore", "core_of"]


class Core(Protocol):
    """What the venue asks of a core; all of them offer it, and report in one numbering."""

    calm_before_ns: int

    def place(
        self, number: int, order: PlaceOrder, *, arrival_ns: int, response_ns: int
    ) -> str | None:
        """Let an order arrive; return None, or why it is refused on arrival."""

    def cancel(self, number: int, *, arrival_ns: int, response_ns: int) -> Sequence[CoreReport]:
        """Let a cancel arrive; return what is decided about it already."""

    def amend(self, number: int, order: AmendOrder, *, arrival_ns: int, response_ns: int) -> None:
        """Let an amend arrive."""

    @property
    def wants_rows(self) -> bool:
        """Whether every row given so far is committed."""

    @property
    def last_arrival_ns(self) -> int | None:
        """Arrival of the last row given, or None before any."""

    @property
    def ambiguous_bars(self) -> int:
        """Bars whose path, which is not known, decided what filled."""

    @property
    def unresolved_bars(self) -> int:
        """Bars whose path decided a fill and is not known."""

    def first_arrival_ns(self, chunk: Any) -> int:  # noqa: ANN401 - each core has its own rows
        """Return when the first of what a chunk holds arrives."""

    def expect(self, chunk: Any) -> None:  # noqa: ANN401 - each core has its own rows
        """Learn what the first rows will be, before they are given."""

    def give(self, chunk: Any) -> None:  # noqa: ANN401 - each core has its own rows
        """Take the next rows."""

    def next_touch_ns(self, until_ns: int) -> int | None:
        """Return the arrival of the first row that may cause a report, if it is due by then."""

    def passes(self, until_ns: int) -> bool:
        """Say whether nothing that arrives by then can cause a report."""

    def commit(self, until_ns: int) -> list[CoreReport]:
        """Let every given row that arrived by then act."""

    def answer(self, until_ns: int) -> Sequence[CoreReport]:
        """Let what is due by then be answered without a later row."""

    def next_answer_ns(self) -> int | None:
        """Return when something is answered without a row, or None."""

    def price_at(self, venue_time_ns: int) -> int | None:
        """Return the last price at or before a venue time, among rows advanced over."""

    def price_before(self, at_ns: int) -> int | None:
        """Return the last price before a venue time, carried over what takes effect at it."""

    @property
    def position_lots(self) -> int:
        """Signed lots, by the fills so far."""

    def split(
        self, ratio: Ratio, *, at_ns: int, known_ns: int
    ) -> tuple[list[OrderLeft], list[CoreReport]]:
        """Be as a split leaves it; return every order that was open, and what fell due by then."""

    def pay(self, ticks: int, *, at_ns: int) -> None:
        """Carry the last price over a dividend of so many ticks."""

    def drop_orders(self) -> list[OrderLeft]:
        """Forget every order, those on their way too; return them as they were."""

    def forget(self, numbers: Collection[int]) -> None:
        """Forget some orders as if they had never been."""

    def hold(self, lots: int) -> None:
        """Hold so many signed lots, whatever the fills so far."""


@runtime_checkable
class BookedCore(Protocol):
    """What a core tells besides that knows which rows cannot be right."""

    def data_breaks(self, instrument: str) -> tuple[dict[str, int], tuple[DataBreak, ...]]:
        """Return how many rows broke with what is known, by kind, and the first of them."""


@runtime_checkable
class LendableCore(Protocol):
    """What a core tells besides that compiled code can drive on its arrays."""

    @property
    def can_be_lent(self) -> bool:
        """Whether nothing is under way, and no model of the user's is asked."""

    @property
    def resolution(self) -> str:
        """What decides a fill where nothing is assumed."""

    def take_back(self, *, unresolved: int, latest_arrival_ns: int) -> None:
        """Be its own again."""


def core_of(
    symbol: str,
    profile: SimulationProfile,
    record: MarketRecord,
    *,
    lots: int,
    start_ns: int,
    sessions: Sequence[tuple[int, int]],
    models: Mapping[str, object],
) -> Core:
    """Return what matches an instrument's orders on its record, empty as yet.

    Only a record in several resolutions is drilled into.
    """
    # The cores on books compile for a quarter of a minute on a new machine: nobody should wait
    # for them who does not use them.
    if profile.fill_level is FillLevel.BOOK:
        from tieout.market.book_matching import BookCore  # noqa: PLC0415 - see above
        from tieout.market.queues import QueueModel  # noqa: PLC0415 - see above

        return BookCore(
            profile,
            position_lots=lots,
            start_ns=start_ns,
            sessions=sessions,
            queue=QueueModel.named(profile.queue),
            models=models,
            feed_latency_ns_max=profile.feed_latency_ns_max,
        )
    if profile.fill_level is FillLevel.ORDERS:
        from tieout.market.order_matching import OrderCore  # noqa: PLC0415 - see above

        return OrderCore(
            profile,
            position_lots=lots,
            start_ns=start_ns,
            sessions=sessions,
            feed_latency_ns_max=profile.feed_latency_ns_max,
        )
    if not isinstance(record, StackedMarket):
        return MatchingCore(
            profile, position_lots=lots, start_ns=start_ns, sessions=sessions, models=models
        )
    return DrillingCore(
        profile,
        instrument=symbol,
        finer=record.finer,
        position_lots=lots,
        start_ns=start_ns,
        sessions=sessions,
        models=models,
    )
