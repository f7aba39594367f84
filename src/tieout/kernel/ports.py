"""What the kernel asks of the outside world; adapters implement these, arrows point inward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from fractions import Fraction

    from tieout.market import MatchingCore
    from tieout.market.book_matching import BookCore
    from tieout.model.blocks import Block
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.model.events import ActionBooked, CorporateAction, Input, Report
    from tieout.model.merged import MergedColumns
    from tieout.model.orders import AmendOrder, CancelOrder, PlaceOrder

__all__ = [
    "ActingVenue",
    "BlockJournal",
    "Clock",
    "Inputs",
    "JournalPort",
    "LendingVenue",
    "LentMarket",
    "MarketBatch",
    "MarketRecord",
    "MergedBatch",
    "Source",
    "Venue",
]


@dataclass(frozen=True, slots=True)
class MarketBatch:
    """A run of market rows for the strategy, in arrival order.

    Attributes:
        columns: The rows. No other input of the source lies between the first and the last.
        stored: True when the rows are named by a fingerprint already in the journal; False when
            they are new to the world and the journal must keep them.
        past: Rows of a book from before the start: it begins with them, and nobody is told.
    """

    columns: MarketColumns | RecordedColumns
    stored: bool
    past: bool = False


@dataclass(frozen=True, slots=True)
class MergedBatch:
    """Market rows of several streams for the strategy, in arrival order, all of them stored.

    Attributes:
        columns: The rows. No other input of the source lies between the first and the last.
    """

    columns: MergedColumns


@dataclass(frozen=True, slots=True)
class Inputs:
    """Single inputs (reports, connection state, market events one by one), in arrival order."""

    events: Sequence[Input]


class Source(Protocol):
    """The one ordered way in. Arrival times never decrease from one answer to the next."""

    def next(self, deadline_ns: int | None) -> MarketBatch | MergedBatch | Inputs | None:
        """Return what comes next, or None for ever after a `RunEnded` was given.

        Args:
            deadline_ns: A timer is due then. A source that waits for the world gives
                `ClockReached` when nothing arrives by it; one that reads a record may ignore it.
        """


class Venue(Protocol):
    """Where orders go. All answers come back as reports: from `advance`, or by the source."""

    def place(self, order: PlaceOrder) -> None:
        """Take an order for sending; the journal holds it durably before this is called."""

    def cancel(self, order: CancelOrder) -> None:
        """Take a cancel for sending."""

    def amend(self, order: AmendOrder) -> None:
        """Take an amend for sending; only called where the venue profile says it is native.

        The answers are `OrderAmended` and `AmendRejected`, in the order the amends were sent.
        """

    def next_wake_ns(self, limit_ns: int) -> int | None:
        """Return the earliest arrival ≤ limit at which `advance` may have something, or None.

        Changes nothing: the strategy may still send orders before that time.
        """

    def advance(self, until_ns: int) -> Sequence[Report]:
        """Return all reports with arrival ≤ until that were not returned before, in order."""


class LentMarket(Protocol):
    """The one market of a venue that is lent to a compiled run, as long as it lasts.

    Attributes:
        instrument: Symbol.
        core: What matches; the run changes it.
        maker_rate, taker_rate, funding_rate: Shares of the notional.
        funding_against: Whether funding is always paid.
        rounding: Money units that fees and funding are whole multiples of.
        ways: ns to the matching engine and back: (entry, answer) of an order, then of a cancel.
        numbers: Next order number, and how many reports there ever were.
        resolution: What decides a fill that is not assumed.
    """

    instrument: str
    core: MatchingCore | BookCore
    maker_rate: Fraction
    taker_rate: Fraction
    funding_rate: Decimal
    funding_against: bool
    rounding: int
    ways: tuple[tuple[int, int], tuple[int, int]]
    numbers: tuple[int, int]

    def more(self, until_ns: int) -> bool:
        """Give the core its next rows; False when none are there by then."""

    @property
    def resolution(self) -> str:
        """What decides a fill that is not assumed; known once the core has rows."""

    def take_back(
        self,
        *,
        numbers: tuple[int, int],
        orders: Sequence[tuple[int, PlaceOrder, int]],
        waiting: Sequence[tuple[Sequence[int], bool]],
        fills: tuple[int, int],
        unresolved: int,
        latest_arrival_ns: int,
    ) -> None:
        """Be the venue's own again.

        Args:
            numbers: As above, now.
            orders: Orders that are open as we know it: number, order, fills that were told.
            waiting: Reports that are not told yet, in order: a row of the core's `out`, and
                whether an assumption about a path decided it.
            fills: How many were told, and how many of them were assumed.
            unresolved: Bars more whose path decided a fill and is not known.
            latest_arrival_ns: Latest arrival of an order meanwhile.
        """


@runtime_checkable
class LendingVenue(Protocol):
    """A venue that can lend its market to compiled code."""

    def lend(self) -> LentMarket | None:
        """Return the market, or None where it cannot be lent now."""


@runtime_checkable
class ActingVenue(Protocol):
    """A venue that must be told of corporate actions, since it is none where they happen."""

    def act(
        self,
        action: CorporateAction,
        *,
        held_lots: int,
        past: bool,
        booked: ActionBooked | None = None,
    ) -> None:
        """Treat open orders and positions as venues do; what comes of it are reports.

        Args:
            action: That all rows from before it have arrived.
            held_lots: Signed position by our ledger, before it.
            past: Whether it took effect before the start: then only prices are of before it.
            booked: What it did to our ledger; the venue's books of the account take the same.
        """


@runtime_checkable
class BlockJournal(Protocol):
    """A journal that takes what compiled code wrote down as it is."""

    def block(self, block: Block) -> None:
        """Append many inputs and decisions at once."""


class MarketRecord(Protocol):
    """The market that a simulated venue matches on, in arrival order."""

    def fetch(self, until_ns: int) -> MarketColumns | RecordedColumns | None:
        """Return the next rows, or None when none with arrival ≤ until are there (yet).

        A record read from disk may return rows that reach beyond `until_ns`.
        """


class JournalPort(Protocol):
    """The record of a run: inputs and decisions in the order the kernel saw them."""

    def input(self, event: Input) -> None:
        """Append an input."""

    def decision(self, record: Any) -> None:  # noqa: ANN401 - any decision record
        """Append a decision record (`PlaceOrder`, `CancelOrder`, `OrderDenied`, …)."""

    def commit(self) -> None:
        """Make everything appended so far durable; called before an order leaves."""


class Clock(Protocol):
    """Our clock, in UTC nanoseconds, never going backwards within a run."""

    def now_ns(self) -> int:
        """Return the time now."""
