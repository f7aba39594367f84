"""A whole run in compiled code, seen from Python: its arrays, its terms, and why it stopped.

What makes a run stop and how it goes on is the kernel's matter; here nothing is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

from tieout.market import _running_layout as at
from tieout.market._packing_compiled import pack_words
from tieout.market._running_compiled import run_over_bars, run_over_trades
from tieout.model.columns import TradeColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tieout.market.matching import MatchingCore
    from tieout.model.columns import MarketColumns

    Array = NDArray[np.int64]

__all__ = [
    "OpenOrder",
    "Ran",
    "RunTerms",
    "Running",
    "RunningCore",
    "RunningRows",
    "Step",
    "Stop",
]

_WORDS = 1 << 10
"""Words that are packed at a time: they stay in the nearest cache."""
_PACKED_BYTES = 84 << 10
"""A block is about 64 KiB of it, 1,300 orders and their fills: larger pieces of memory come from
the system, page by page, which costs as much as the orders."""
_WAITING = 64
_TRACKED = 32
_RATE_MAX = 1 << 20
"""Most orders a minute whose times are kept here; a limit above is the kernel's matter."""

_FACTOR_MAX = 2**53
_MINUTE_NS = 60_000_000_000


class Stop:
    """Why a run stopped."""

    ROWS_DONE: Final = at.ROWS_DONE
    WANTS_ROWS: Final = at.WANTS_ROWS
    WORDS_FULL: Final = at.WORDS_FULL
    OUT_FULL: Final = at.OUT_FULL
    PRICE_TOO_HIGH: Final = at.PRICE_TOO_HIGH
    WISHES_REFUSED: Final = at.WISHES_REFUSED
    STEP_FAILED: Final = at.STEP_FAILED
    MARGIN_SPENT: Final = at.MARGIN_SPENT
    NO_ROOM: Final = at.NO_ROOM
    CORE_STOPPED: Final = at.CORE_STOPPED


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTerms:
    """What a run rests on, all of it constant while it is in compiled code.

    Attributes:
        tick_value: Money one lot gains with one tick.
        maker_rate, taker_rate, funding_rate: Shares of the notional, exact.
        funding_against: Whether funding is always paid.
        rounding: Money units that fees and funding are whole multiples of.
        entry_ns, cancel_entry_ns: To the matching engine.
        answer_ns, cancel_answer_ns: From there to us; a cancel's is no shorter than an order's.
        min_lots, max_lots, min_notional: Of the instrument; money units.
        order_max, position_max: Of the gate, in money units; None: no limit.
        age_max_ns, open_max, rate_max: Of the gate.
        halted: Whether nothing may leave.
        plain: Whether the venue has market, limit and stop orders itself, and limit orders that
            never take.
    """

    tick_value: int
    maker_rate: Fraction
    taker_rate: Fraction
    funding_rate: Fraction
    funding_against: bool
    rounding: int
    entry_ns: int
    answer_ns: int
    cancel_entry_ns: int
    cancel_answer_ns: int
    min_lots: int
    max_lots: int
    min_notional: int
    order_max: int | None
    position_max: int | None
    age_max_ns: int
    open_max: int
    rate_max: int
    halted: bool
    plain: tuple[bool, bool, bool, bool]

    @property
    def fit(self) -> bool:
        """Whether all of it can be said in int64 with room to spare."""
        factors = [
            part
            for rate in (self.maker_rate, self.taker_rate, self.funding_rate)
            for part in self.share(rate).as_integer_ratio()
        ]
        limits = (self.min_notional, self.order_max or 0, self.position_max or 0)
        return (
            all(abs(each) < _FACTOR_MAX for each in (*factors, self.tick_value, self.max_lots))
            and all(each < at.MONEY_MAX for each in limits)
            and self.rate_max <= _RATE_MAX
            and 0 <= self.answer_ns <= self.cancel_answer_ns
            and min(self.entry_ns, self.cancel_entry_ns) >= 0
        )

    def share(self, rate: Fraction) -> Fraction:
        """Return what one lot at one tick costs at a rate, in roundings."""
        return rate * self.tick_value / self.rounding


class OpenOrder(NamedTuple):
    """An order that is open as we know it, or of which a cancel is still to be answered.

    Attributes:
        number: The venue's.
        handle: The strategy's; 0 for none.
        side: +1 or −1.
        fills: How many are booked.
        key, revision, place: What its identity is made of: the row, and its place in the call.
        decided_at_ns, mark_ticks: When it was decided, and the last price seen then; 0: none.
        lots, kind, price_ticks: Its size, the kind of wish, and its limit or trigger or 0.
    """

    number: int
    handle: int
    side: int
    fills: int
    key: int
    revision: int
    place: int
    decided_at_ns: int
    mark_ticks: int
    lots: int
    kind: int
    price_ticks: int


class Ran(NamedTuple):
    """What a run added to its account since it was last asked; lots and cost are as they are.

    The fields stand in the order of `_running_layout`.
    """

    lots: int
    cost: int
    cash: int
    realised: int
    fees: int
    funding: int
    fills: int
    orders: int


class RunningCore(Protocol):
    """What a run asks of the core that is lent to it, whatever that matches on."""

    def make_room(self) -> None:
        """Let more orders and commands be open."""


class Step(Protocol):
    """What a run asks of the strategy: a compiled function, or what stands in for one.

    Attributes:
        question: What it is asked on.
        wishes: What it wished; drawn in `_running_layout`.
        address, block_address: The function, and what it is given.
    """

    question: str
    wishes: Array
    address: int
    block_address: int

    def give(self, columns: Any) -> None:  # noqa: ANN401 - rows of its own kind
        """Show it rows; they are kept until others are given."""


class Running:
    """A strategy, a matching core and an account, run together: what is the same for all cores.

    Args:
        step: The strategy's function.
        core: Lent to this run: nobody else may use it meanwhile.
        terms: See there; they `fit`.
        account: (signed lots, cost) held.
        numbers: The venue's next order number, and how many reports there ever were.
        recent: When the last orders left, oldest first.
    """

    def __init__(
        self,
        step: Step,
        core: RunningCore,
        terms: RunTerms,
        *,
        account: tuple[int, int],
        numbers: tuple[int, int],
        recent: Sequence[int] = (),
    ) -> None:
        self._step = step
        self._room = core.make_room
        self._run = np.zeros(at.RUN_WIDTH, np.int64)
        # One number at a time goes in and out much faster this way.
        self._cells = self._run.data
        self._waiting = np.zeros(_WAITING * at.WAIT_WIDTH, np.int64)
        self._tracked = np.zeros(_TRACKED * at.TRACK_WIDTH, np.int64)
        self._words = np.empty(_WORDS, np.int64)
        self._packed = np.empty(_PACKED_BYTES, np.uint8)
        self._kept = np.zeros(at.KINDS * at.KEPT_WIDTH, np.int64)
        self._recent = np.zeros(terms.rate_max, np.int64)
        self._set(terms)
        run = self._run
        run[at.HELD], run[at.COST] = account
        run[at.NEXT_NUMBER], run[at.REPORTED] = numbers
        kept = list(recent)[-terms.rate_max :]
        self._recent[: len(kept)] = kept
        run[at.RATE_COUNT] = len(kept)
        run[at.STEP], run[at.BLOCK] = step.address, step.block_address
        run[at.NAMED_BY_TIME] = step.question == "step_bar"
        run[at.LATEST_ARRIVAL] = -at.LONG_AGO

    def take_words(self) -> bytes:
        """Return what happened since the last time, packed, and forget it."""
        run = self._run
        count, used, by_time = run[[at.WORDS, at.PACKED, at.NAMED_BY_TIME]].tolist()
        if not count and not used:
            return b""
        used = pack_words(self._words, count, self._packed, used, self._kept, by_time)
        self._kept[:] = 0
        run[at.WORDS] = run[at.PACKED] = 0
        return self._packed[:used].tobytes()

    def take_account(self) -> Ran:
        """Return what was added to the account; it then counts from nothing."""
        added = self._cells[at.HELD : at.ORDERS + 1].tolist()
        self._run[at.CASH : at.ORDERS + 1] = 0
        return Ran(*added)

    @property
    def moved(self) -> bool:
        """Whether there is anything to be added to the account."""
        cells = self._cells
        return bool(cells[at.ORDERS] or cells[at.FILLS] or cells[at.CASH])

    @property
    def quiet(self) -> bool:
        """Whether no order is open, and no report is under way."""
        cells = self._cells
        return not (cells[at.TRACKED_COUNT] or cells[at.WAIT_COUNT])

    def make_room(self) -> None:
        """Let more reports wait, and more orders be open."""
        self._waiting = np.concatenate((self._waiting, np.zeros_like(self._waiting)))
        self._tracked = np.concatenate((self._tracked, np.zeros_like(self._tracked)))
        self._room()

    @property
    def open_orders(self) -> list[OpenOrder]:
        """The orders that a report may still be of, oldest first."""
        width = at.TRACK_WIDTH
        count = int(self._run[at.TRACKED_COUNT])
        found = []
        for base in range(0, count * width, width):
            cells = self._tracked[base : base + width].tolist()
            found.append(OpenOrder(*(cells[each] for each in _OPEN)))
        return found

    @property
    def waiting(self) -> list[tuple[list[int], bool]]:
        """Reports on their way to us, in order: a row of `out`, and whether it was assumed."""
        width, count = at.WAIT_WIDTH, int(self._run[at.WAIT_COUNT])
        rows = [
            self._waiting[base : base + width].tolist() for base in range(0, count * width, width)
        ]
        return [(row[: at.WAIT_REPORTED], bool(row[at.WAIT_ASSUMED])) for row in rows]

    @property
    def recent(self) -> list[int]:
        """When the orders of the last minute left, oldest first."""
        head, count = int(self._run[at.RATE_HEAD]), int(self._run[at.RATE_COUNT])
        ring = self._recent
        places = (head + np.arange(count)) % len(ring) if head else slice(count)
        times = ring[places]
        if count:
            times = times[np.searchsorted(times, times[-1] - _MINUTE_NS, "right") :]
        kept: list[int] = times.tolist()
        return kept

    @property
    def next_number(self) -> int:
        """The venue's next order number."""
        return int(self._run[at.NEXT_NUMBER])

    @property
    def assumed(self) -> tuple[int, int]:
        """Fills, and bars, that an assumption about a path decided."""
        return int(self._run[at.ASSUMED_FILLS]), int(self._run[at.UNRESOLVED])

    @property
    def reported(self) -> int:
        """How many reports there ever were."""
        return int(self._run[at.REPORTED])

    @property
    def latest_arrival_ns(self) -> int:
        """Latest arrival of an order at the venue."""
        return int(self._run[at.LATEST_ARRIVAL])

    def _set(self, terms: RunTerms) -> None:
        never = at.LONG_AGO
        shares = {
            at.MAKER_NUMERATOR: terms.share(terms.maker_rate),
            at.TAKER_NUMERATOR: terms.share(terms.taker_rate),
            at.FUNDING_NUMERATOR: terms.share(terms.funding_rate),
        }
        run = self._run
        for cell, share in shares.items():
            run[cell], run[cell + 1] = share.numerator, share.denominator
        for cell, value in (
            (at.TICK_VALUE, terms.tick_value),
            (at.FUNDING_AGAINST, terms.funding_against),
            (at.ROUNDING, terms.rounding),
            (at.ENTRY, terms.entry_ns),
            (at.ANSWER_WAY, terms.answer_ns),
            (at.CANCEL_ENTRY, terms.cancel_entry_ns),
            (at.CANCEL_ANSWER, terms.cancel_answer_ns),
            (at.MIN_LOTS, terms.min_lots),
            (at.MAX_LOTS, terms.max_lots),
            (at.MIN_NOTIONAL, terms.min_notional),
            (at.ORDER_MAX, never if terms.order_max is None else terms.order_max),
            (at.POSITION_MAX, never if terms.position_max is None else terms.position_max),
            (at.AGE_MAX, terms.age_max_ns),
            (at.OPEN_MAX, terms.open_max),
            (at.RATE_MAX, terms.rate_max),
            (at.HALTED, terms.halted),
            (at.PLAIN_MARKET, terms.plain[0]),
            (at.PLAIN_LIMIT, terms.plain[1]),
            (at.PLAIN_STOP, terms.plain[2]),
            (at.PLAIN_POST, terms.plain[3]),
        ):
            run[cell] = value


class RunningRows(Running):
    """A run over rows of trades or bars, which are matched on trades or bars; see `Running`."""

    def __init__(
        self,
        step: Step,
        core: MatchingCore,
        terms: RunTerms,
        *,
        account: tuple[int, int],
        numbers: tuple[int, int],
        recent: Sequence[int] = (),
    ) -> None:
        super().__init__(step, core, terms, account=account, numbers=numbers, recent=recent)
        self._core = core
        self._shown: tuple[Array, ...] = ()
        # What compiled code is given; empty: to be gathered anew, since an array was replaced.
        self._arrays: tuple[Any, ...] = ()
        self._places: Array
        self._impact_y = 0.0
        self._run[at.SHORT_WAY] = 1
        self._run[at.COUNTED_AMBIGUOUS] = core.ambiguous_bars
        self._meet_core()

    def show(self, columns: MarketColumns) -> None:
        """Take the strategy's next rows; those before are done."""
        self._step.give(columns)
        if isinstance(columns, TradeColumns):
            true, key, price = columns.venue_time_ns, columns.trade_id, columns.price_ticks
            # A print has no revision; its id is as good as any column that is read and not used.
            revision, warm_up = key, False
        else:
            true = key = columns.close_time_ns
            price, revision = columns.close_ticks, columns.revision
            warm_up = bool(len(columns)) and bool(columns.warm_up[0])
        self._shown = tuple(
            np.ascontiguousarray(each)
            for each in (columns.arrival_time_ns, true, price, key, revision)
        )
        self._run[at.ROW] = 0
        self._run[at.WARM_UP] = warm_up
        self._arrays = ()

    def go_on(self, until_row: int) -> int:
        """Run until a row, or until there is another reason to stop, and return it; see `Stop`."""
        self._cells[at.ROWS] = until_row
        if not self._arrays:
            self._gather()
        run_on: Callable[..., int] = run_over_trades if self._core.is_trades else run_over_bars
        return run_on(self._places, self._impact_y)

    def _gather(self) -> None:
        """Put the address of each array in its place."""
        lent = self._core.arrays()
        *core, self._impact_y = lent[:-1]
        self._arrays = (
            self._run,
            self._waiting,
            self._tracked,
            self._words,
            self._packed,
            self._kept,
            self._recent,
            self._step.wishes,
            *self._shown,
            *core,
            *lent.columns,
        )
        where = [(each.ctypes.data, len(each)) for each in self._arrays]
        self._places = np.array(where, np.int64).ravel()

    def mend(self, *, out_full: bool) -> None:
        """Let the core do what compiled code could not; as `MatchingCore.mend`."""
        self._core.mend(out_full=out_full)
        self._arrays = ()

    def make_room(self) -> None:
        """Let more reports wait, and more orders be open."""
        super().make_room()
        self._arrays = ()

    @property
    def row(self) -> int:
        """The next row of the strategy, or the one whose wishes were refused."""
        row: int = self._cells[at.ROW]
        return row

    @property
    def pending(self) -> bool:
        """Whether wishes are still to be decided."""
        return bool(self._cells[at.PENDING])

    def asked(self, row: int, *, wishes: bool) -> None:
        """Know that the strategy was asked elsewhere, up to a row and on it, and what came of it.

        Args:
            row: The last row it was asked on.
            wishes: Whether it wished anything there.
        """
        cells = self._cells
        cells[at.PENDING] = int(wishes)
        cells[at.REASON_ROW] = row
        cells[at.ROW] = row if wishes else row + 1

    def rows_given(self, *, more: bool) -> None:
        """Know that the core was given rows, or that there are no more."""
        self._run[at.NO_MORE] = not more
        self._meet_core()

    def _meet_core(self) -> None:
        core, run = self._core, self._run
        self._arrays = ()
        run[at.KNOWN] = 0
        last = core.last_arrival_ns
        run[at.LAST_KNOWN] = -at.LONG_AGO if last is None else last


_OPEN: Final = (
    at.TRACK_NUMBER,
    at.TRACK_HANDLE,
    at.TRACK_SIDE,
    at.TRACK_FILLS,
    at.TRACK_KEY,
    at.TRACK_REVISION,
    at.TRACK_PLACE,
    at.TRACK_DECIDED,
    at.TRACK_MARK,
    at.TRACK_LOTS,
    at.TRACK_KIND,
    at.TRACK_PRICE,
)
