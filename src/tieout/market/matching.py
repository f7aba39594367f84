"""One instrument's matching core: allocates, checks, names; the compiled functions do the work.

The arrays are drawn in `_layout`. A core is given its market chunk by chunk, in order of arrival,
and commits rows up to an arrival time; `next_touch_ns` looks ahead without changing anything.
"""

from __future__ import annotations

from dataclasses import replace
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from tieout.errors import DataError, SettingsError
from tieout.market import _crossing_compiled as crossing
from tieout.market import _layout as at
from tieout.market._bars_compiled import leave_bars
from tieout.market._checks_compiled import looks_odd
from tieout.market._trades_compiled import leave_trades
from tieout.market.acting import Acted, Scales, cells_of, nearest_after
from tieout.market.finer import SPANNED, DataBreak
from tieout.market.models import ModelEntry, refuse_what_models_did
from tieout.market.reports import CoreReport, core_report
from tieout.market.resolution import ASSUMED, TRADE, path_decided, resolution_name
from tieout.market.terms import AT_CLOSE, AT_ONCE, FOR_EVER, KINDS, first_funding_ns, life_of
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.profiles import (
    FillLevel,
    FundingRule,
    InsideRule,
    LimitRule,
    MarketRule,
    StopLimitRule,
)
from tieout.model.sessions import Sessions
from tieout.model.splits import distance_after, lots_after, trigger_after

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from tieout.model.columns import MarketColumns
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.profiles import SimulationProfile
    from tieout.model.splits import Ratio

    Array = NDArray[np.int64]

__all__ = ["LAST_KNOWN", "CoreArrays", "KnownPrice", "MatchingCore"]

_LEVELS = {
    FillLevel.NAIVE: at.NAIVE_LEVEL,
    FillLevel.FIXED: at.FIXED_LEVEL,
    FillLevel.IMPACT: at.IMPACT_LEVEL,
    # What a fill costs is the same; what is matched on is finer where that matters.
    FillLevel.DRILLDOWN: at.IMPACT_LEVEL,
}
_CELL_BYTES = 8
_ORDER_HEAD = Struct(f"={at.POST_ONLY}q")
_ORDER_TAIL = Struct(f"={at.ORDER_WIDTH - at.POST_ONLY}q")
"""Write a row of `orders` in two goes, several times faster than assigning to a slice."""

_COMMAND_ROW = Struct(f"={at.COMMAND_WIDTH}q")

_PLAIN_CELLS = np.zeros(at.ORDER_WIDTH - at.POST_ONLY, np.int64)
_PLAIN_CELLS[at.EXPIRES - at.POST_ONLY] = at.NEVER
_PLAIN_TAIL = _PLAIN_CELLS.data

LAST_KNOWN = "last"
"""What decides a fill at the last price that was known when the order came."""

_FIRST_ORDERS = 16
_FIRST_REPORTS = 64
_KEPT_CHUNKS = 4
_TRADE_COLUMNS = 4
_AHEAD_ROWS = 4096
"""How far a scan looks ahead at least, so that the next ones need not cross over."""


class CoreArrays(NamedTuple):
    """The arrays of a core; see `_layout`.

    `columns` are arrival, then of prints time, price, lots (and padding), of bars open and close
    time, open, high, low, close, volume.
    """

    state: Array
    orders: Array
    commands: Array
    out: Array
    ring: Array
    impact_y: float
    columns: tuple[Array, ...]


class KnownPrice(NamedTuple):
    """The last price that had arrived by a time.

    Attributes:
        ticks: Of the print, or the close of the bar.
        venue_time_ns: When it traded; of a bar its close.
    """

    ticks: int
    venue_time_ns: int


class MatchingCore(Acted):
    """Matches our orders on one instrument's trades or bars.

    Args:
        profile: Every assumption.
        position_lots: Signed lots at the start; funding falls on them.
        start_ns: Since when they are held, in venue time; 0: since ever.
        sessions: Pairs [open, close) of venue times, ascending; empty: always open.
        models: The user's own models by kind; `slippage` and `fill` are asked here.

    Attributes:
        calm_before_ns: No row that arrives before this time, and no command, can cause a report.
    """

    _cells = cells_of(at, lots=at.LOTS, price=at.LAST_PRICE, answer=at.RESPONSE, ticks_max=at.NEVER)

    def __init__(
        self,
        profile: SimulationProfile,
        *,
        position_lots: int = 0,
        start_ns: int = 0,
        sessions: Sequence[tuple[int, int]] = (),
        models: Mapping[str, object] | None = None,
    ) -> None:
        self._sessions = Sessions(sessions)
        self._state = np.zeros(at.STATE_WIDTH, np.int64)
        self._state[at.POSITION] = position_lots
        self._state[at.NEXT_DUE] = at.NEVER
        self._state[at.LAST_TIME] = -at.NEVER
        self._state[at.TRADED_TIME] = -at.NEVER
        self._set_profile(profile)
        self._state[at.NEXT_FUNDING] = first_funding_ns(profile, start_ns)
        self._models = self._set_models(models or {})
        self._impact_y = float(profile.impact_y)
        self._orders = np.zeros(_FIRST_ORDERS * at.ORDER_WIDTH, np.int64)
        self._order_cells = self._orders.data
        self._commands = np.zeros(_FIRST_ORDERS * at.COMMAND_WIDTH, np.int64)
        self._out = np.zeros(_FIRST_REPORTS * at.OUT_WIDTH, np.int64)
        self._out_cells = self._out.data
        self._ring = np.zeros(2 * at.WINDOW, np.int64)
        # A memoryview reads and writes single cells several times faster than an array.
        self._view = memoryview(self._state.data)
        self._latest_arrival_ns = -at.NEVER
        self._chunk: MarketColumns | None = None
        self._rows = 0
        self._last_arrival_ns = -at.NEVER
        self._columns: tuple[Array, ...] = (np.zeros(0, np.int64),) * 4
        self._places = np.zeros(2 * crossing.PLACES, np.int64)
        # What the places are of; any other array is put in its place before the next crossing.
        self._placed: tuple[object, ...] = (None,) * 4
        self._past: list[MarketColumns] = []
        # False until it is known: what bars did to an order nobody knows before they arrive.
        self._is_trades = False
        self._resolution = TRADE
        self._unresolved = 0
        self._ambiguous = 0
        self._at_close: set[int] = set()
        self._scales = Scales()
        self._spanned: dict[tuple[int, int], DataBreak] = {}
        # Rows that arrive before this time are quiet; at it one touches, or was not looked at. So
        # what was found is not asked for again until an order, a cancel or a commit changes it.
        self._watch_ns = -at.NEVER
        self._touches = False
        self._settled()

    # -- orders -------------------------------------------------------------------------------

    def place(
        self, number: int, order: PlaceOrder, *, arrival_ns: int, response_ns: int
    ) -> str | None:
        """Let an order arrive; its terms are such that `terms_refused` finds nothing.

        Args:
            number: Names it in reports; given once.
            order: Its terms.
            arrival_ns: Venue time at the matching engine. Orders may overtake each other.
            response_ns: How long its reports take to us.

        Returns:
            None, or why it is refused on arrival: `expired`, `no_session`. A post-only or
            reduce-only order is accepted or rejected by a report of its own.
        """
        life = life_of(order, arrival_ns, self._sessions)
        if isinstance(life, str):
            return life
        kind, trigger = KINDS[order.order_type]
        judged = order.post_only or order.reduce_only
        force = order.time_in_force
        if force == AT_CLOSE:
            self._at_close.add(number)
        view = self._view
        view[at.SEQUENCE] = sent = view[at.SEQUENCE] + 1
        # First, since it may replace the cells.
        base = self._open_row(arrival_ns, sent)
        cells = self._order_cells
        _ORDER_HEAD.pack_into(
            cells,
            base * _CELL_BYTES,
            number,
            arrival_ns,
            arrival_ns,
            order.side,
            at.CLOSE_PHASE if force == AT_CLOSE else at.WAITING,
            kind,
            AT_ONCE[force],
            order.lots,
            order.limit_ticks or 0,
            order.stop_ticks or 0,
            0,
            0,
            sent,
            arrival_ns,
            response_ns,
            trigger,
        )
        cells[base + at.POST_ONLY : base + at.ORDER_WIDTH] = _PLAIN_TAIL
        if judged or trigger or life is not FOR_EVER or order.display_lots:
            self._write_tail(order, base, *life)
        view[at.ORDER_COUNT] += 1
        self._latest_arrival_ns = max(self._latest_arrival_ns, arrival_ns)
        if life is not FOR_EVER:
            view[at.NEXT_DUE] = min(view[at.NEXT_DUE], life[1] + response_ns)
        if judged:
            self._send(at.ARRIVE_COMMAND, number, arrival_ns, response_ns, sent)
        self._unsettled()
        return None

    def cancel(self, number: int, *, arrival_ns: int, response_ns: int) -> Sequence[CoreReport]:
        """Let a cancel arrive; it acts after every market event up to then.

        Returns:
            The answer, where a bar that is over already closed at or after the arrival.
        """
        self._send(at.CANCEL_COMMAND, number, arrival_ns, response_ns, self._next_sent())
        self._unsettled()
        return self._answer_at_close()

    def amend(self, number: int, order: AmendOrder, *, arrival_ns: int, response_ns: int) -> None:
        """Let an amend arrive; it acts when a cancel would."""
        terms = (order.lots or 0, order.limit_ticks or 0, order.stop_ticks or 0)
        sent = self._next_sent()
        self._send(at.AMEND_COMMAND, number, arrival_ns, response_ns, sent, terms)
        self._unsettled()

    def trade_now(
        self, number: int, order: PlaceOrder, *, ticks: int, arrival_ns: int, response_ns: int
    ) -> CoreReport:
        """Fill an order whole as it arrives, by a price that is known: it meets no event.

        Args:
            number: Names it in reports; given once.
            order: Its terms.
            ticks: The price, before the profile's slippage.
            arrival_ns: Venue time at the matching engine.
            response_ns: How long its report takes to us.
        """
        view, side = self._view, order.side
        shift = -(-ticks * view[at.SLIPPAGE] // 10**8) if view[at.LEVEL] != at.NAIVE_LEVEL else 0
        view[at.POSITION] += side * order.lots
        view[at.SEQUENCE] += 1
        self._unsettled()
        return CoreReport(
            kind=at.FILL_REPORT,
            order=number,
            arrival_ns=arrival_ns + response_ns,
            moment_ns=arrival_ns,
            rank=at.ARRIVAL_RANK,
            sequence=view[at.SEQUENCE],
            venue_time_ns=arrival_ns,
            lots=order.lots,
            price_ticks=max(1, ticks + side * shift),
            reference_ticks=ticks,
            half_spread_microticks=0,
            liquidity=at.TAKER,
            reason=at.NO_REASON,
            resolved_by=LAST_KNOWN,
        )

    @property
    def position_lots(self) -> int:
        """Signed lots, by the fills so far."""
        return self._view[at.POSITION]

    @property
    def ambiguous_bars(self) -> int:
        """Bars whose path, which is not known, decided what filled."""
        return self._view[at.AMBIGUOUS]

    @property
    def unresolved_bars(self) -> int:
        """Bars whose path decided a fill and is not known."""
        return self._unresolved

    # -- what happens to the instrument ---------------------------------------------------------

    def data_breaks(self, instrument: str) -> tuple[dict[str, int], tuple[DataBreak, ...]]:
        """Return how many bars a split lies inside of, by kind, and these bars."""
        found = tuple(
            msgspec.structs.replace(each, instrument=instrument) for each in self._spanned.values()
        )
        return ({SPANNED: len(found)} if found else {}), found

    def _void(self, at_ns: int) -> None:  # noqa: ARG002
        """Begin rolling statistics anew.

        Prices and volumes of both sides of a split have no variance in common. A bar that it lies
        inside of is not met: it is a data break.
        """
        for place in (at.STAT_HEAD, at.STAT_COUNT, at.RUN_MINUTE, at.RUN_VOLUME):
            self._view[place] = 0

    def _open_orders(self) -> Array:
        count = self._view[at.ORDER_COUNT]
        return self._orders[: count * at.ORDER_WIDTH].reshape(count, at.ORDER_WIDTH)

    def _open_commands(self) -> Array:
        count = self._view[at.COMMAND_COUNT]
        return self._commands[: count * at.COMMAND_WIDTH].reshape(count, at.COMMAND_WIDTH)

    def _split_more(self, order: Array, ratio: Ratio) -> None:
        filled, side, terms = int(order[at.FILLED]), int(order[at.SIDE]), order.tolist()
        after = {
            at.ACTIVATION: trigger_after(terms[at.ACTIVATION], side, ratio, touched=True),
            at.TRAIL: distance_after(terms[at.TRAIL], ratio),
            at.EXTREME: nearest_after(terms[at.EXTREME], ratio),
            at.DISPLAY: max(1, lots_after(terms[at.DISPLAY], ratio)),
            at.SHOWN: max(1, lots_after(terms[at.SHOWN], ratio)),
        }
        for place, value in after.items():
            if terms[place]:
                order[place] = value
        numerator = self._view[at.SHARE_NUMERATOR]
        # Of the volume so far it has used what it filled; the rest was counted in old units.
        used = -(-filled * self._view[at.SHARE_DENOMINATOR] // numerator) if numerator else 0
        order[at.VOLUME] = min(int(order[at.VOLUME]), used)

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep some of the open orders, and the commands about them."""
        cells = self._open_orders()
        gone = cells[~kept, at.NUMBER].tolist()
        rows = cells[kept]
        self._orders[: rows.size] = rows.ravel()
        self._view[at.ORDER_COUNT] = len(rows)
        self._at_close.difference_update(gone)
        commands = self._open_commands()
        judged = commands[:, at.COMMAND_KIND] == at.ARRIVE_COMMAND
        still = commands[~(judged & np.isin(commands[:, at.COMMAND_ORDER], gone))]
        self._commands[: still.size] = still.ravel()
        self._view[at.COMMAND_COUNT] = len(still)
        self._unsettled()

    def _cut(self) -> MarketColumns | None:
        """Leave the rows that are committed as a chunk of their own; return the others."""
        chunk, row = self._chunk, self._view[at.CURSOR]
        if chunk is None:
            return None
        self._columns = tuple(each[:row] for each in self._columns)
        self._rows = row
        self._leave()
        self._rows = 0
        self._columns = tuple(each[:0] for each in self._columns)
        self._view[at.CURSOR] = 0
        return chunk.rows(row, len(chunk))

    def _go_on(self, rest: MarketColumns | None) -> None:
        if rest is not None and len(rest):
            self.give(rest)

    def _is_spanned(self, bars: BarColumns, row: int) -> bool:
        return self._scales.is_inside(int(bars.open_time_ns[row]), int(bars.close_time_ns[row]))

    def _unspanned(self, chunk: MarketColumns) -> MarketColumns:
        """Return rows without the bars that a split lies inside of, which are named."""
        if not self._scales.any_split or not isinstance(chunk, BarColumns):
            return chunk
        spanned = self._scales.spans(chunk.open_time_ns, chunk.close_time_ns)
        if not spanned.any():
            return chunk
        for row in np.flatnonzero(spanned).tolist():
            self._note_spanned(chunk, row)
        kept: dict[str, Any] = {
            name: values[~spanned]
            for name in BarColumns.__slots__
            if isinstance(values := getattr(chunk, name), np.ndarray)
        }
        return replace(chunk, **kept)

    def _note_spanned(self, bars: BarColumns, row: int) -> None:
        """Keep account of a bar that a split lies inside of, once."""
        open_ns, level = int(bars.open_time_ns[row]), resolution_name(bars.interval_ns)
        self._spanned[open_ns, bars.interval_ns] = DataBreak(
            instrument=bars.instrument,
            kind=SPANNED,
            level=level,
            finer=level,
            open_time_ns=open_ns,
            field="open",
            coarse_value=int(bars.open_ticks[row]),
            finer_value=int(bars.close_ticks[row]),
        )

    # -- market -------------------------------------------------------------------------------

    @property
    def wants_rows(self) -> bool:
        """Whether every row given so far is committed."""
        return self._view[at.CURSOR] >= self._rows

    @property
    def has_rows(self) -> bool:
        """Whether any were given."""
        return self._chunk is not None

    @property
    def last_arrival_ns(self) -> int | None:
        """Arrival of the last row given, or None before any."""
        return None if self._chunk is None else self._last_arrival_ns

    def first_arrival_ns(self, chunk: MarketColumns) -> int:
        """Return when the first row of a chunk arrives."""
        return int(chunk.arrival_time_ns[0])

    def expect(self, chunk: MarketColumns) -> None:
        """Learn what the first rows will be, before they are given."""
        if self._chunk is None:
            self._is_trades = isinstance(chunk, TradeColumns)

    def give(self, chunk: MarketColumns) -> None:
        """Take the next rows; those given before are all committed.

        Raises:
            DataError: A price lies outside of what can be computed exactly.
        """
        assert self.wants_rows, "rows of the chunk before are not committed yet"
        self._leave()
        self._last_arrival_ns = int(chunk.arrival_time_ns[-1])
        chunk = self._unspanned(chunk)
        self._chunk = chunk
        self._rows = len(chunk)
        self._watch_ns = -at.NEVER
        self._past.append(chunk)
        del self._past[:-_KEPT_CHUNKS]
        if isinstance(chunk, TradeColumns):
            self._give_trades(chunk)
        else:
            self._give_bars(chunk)

    def next_touch_ns(self, until_ns: int) -> int | None:
        """Return the arrival of the first row that may cause a report, if it is due by then."""
        if until_ns < self._watch_ns or self._chunk is None or not len(self._chunk):
            return None
        if not self._touches:
            look: Callable[..., int] = (
                crossing.look_at_trades if self._is_trades else crossing.look_at_bars
            )
            self._touches = look(self._arrays_in_place(), until_ns, _AHEAD_ROWS) == 1
            row = min(self._view[at.SCANNED], self._rows - 1)
            self._watch_ns = int(self._chunk.arrival_time_ns[row])
            if not self._view[at.COMMAND_COUNT]:
                due = self._view[at.NEXT_DUE] if self._is_trades else at.NEVER
                self.calm_before_ns = min(self._watch_ns, due)
        return self._watch_ns if self._touches and self._watch_ns <= until_ns else None

    def passes(self, until_ns: int) -> bool:
        """Pass over the rows that arrive by then when they are known to be quiet; say whether.

        Where they are not, `commit` and `answer` must be called.
        """
        view = self._view
        if until_ns >= self._watch_ns or view[at.COMMAND_COUNT]:
            return False
        if self._is_trades and until_ns >= view[at.NEXT_DUE]:
            return False
        view[at.PASSED] = until_ns
        return True

    def commit(self, until_ns: int) -> list[CoreReport]:
        """Let every given row that arrived by then act, and return what came about.

        Raises:
            DataError: A price is too high for exact arithmetic.
        """
        if self._chunk is None:
            return []
        return self._run(
            crossing.act_on_trades if self._is_trades else crossing.act_on_bars, until_ns
        )

    def answer(self, until_ns: int) -> Sequence[CoreReport]:
        """Answer the commands, and report the expiries, that are due by then without a later row.

        Only on trades: what a bar still to come did to the order is not known before it arrives.

        Raises:
            DataError: A price is too high for exact arithmetic.
        """
        due = self.next_answer_ns()
        if due is None or due > until_ns:
            return ()
        return self._run(crossing.answer_on_trades, until_ns)

    def next_answer_ns(self) -> int | None:
        """Return when the next command or expiry is answered without a row, or None."""
        if not self._is_trades:
            return None
        due = self._view[at.NEXT_DUE]
        count = self._view[at.COMMAND_COUNT]
        if count:
            cells = self._commands[: count * at.COMMAND_WIDTH].reshape(count, at.COMMAND_WIDTH)
            answers = cells[:, at.COMMAND_TIME] + cells[:, at.COMMAND_ANSWER]
            due = min(due, int(answers.min()))
        return None if due == at.NEVER else due

    def price_before(self, at_ns: int) -> int | None:
        """Return the last print before a venue time, or the last close by then, as it is at it."""
        for chunk in reversed(self._past):
            if isinstance(chunk, TradeColumns):
                times, prices, row = chunk.venue_time_ns, chunk.price_ticks, at_ns
            else:
                times, prices, row = chunk.close_time_ns, chunk.close_ticks, at_ns + 1
            row = int(np.searchsorted(times, row, "left")) - 1
            while row >= 0 and isinstance(chunk, BarColumns) and self._is_spanned(chunk, row):
                row -= 1
            if row >= 0:
                # A print at the instant of a split is one after it.
                from_ns = int(times[row]) + isinstance(chunk, TradeColumns)
                return self._scales.carried(int(prices[row]), from_ns, at_ns)
        return None

    def price_at(self, venue_time_ns: int) -> int | None:
        """Return the last print at or before a venue time.

        For bars it is the last close by then, or the open of the bar that the time lies in.
        Only the last few chunks are remembered; before them, and before any data, None.
        """
        for chunk in reversed(self._past):
            if isinstance(chunk, TradeColumns):
                row = int(np.searchsorted(chunk.venue_time_ns, venue_time_ns, "right")) - 1
                if row >= 0:
                    price = int(chunk.price_ticks[row])
                    # A print at the instant of a split is one after it.
                    return self._scales.carried(
                        price, int(chunk.venue_time_ns[row]) + 1, venue_time_ns
                    )
                continue
            row = int(np.searchsorted(chunk.open_time_ns, venue_time_ns, "right")) - 1
            # What is there was given before the split that lies inside of it was known.
            while row >= 0 and self._is_spanned(chunk, row):
                row -= 1
            if row >= 0:
                if venue_time_ns < chunk.close_time_ns[row]:
                    return int(chunk.open_ticks[row])
                price = int(chunk.close_ticks[row])
                return self._scales.carried(price, int(chunk.close_time_ns[row]), venue_time_ns)
        return None

    def last_known(self, arrival_ns: int) -> KnownPrice | None:
        """Return the last price that had arrived here by a time of ours, or None.

        A bar without volume tells no new price. Only the last few chunks are remembered.
        """
        for chunk in reversed(self._past):
            row = int(np.searchsorted(chunk.arrival_time_ns, arrival_ns, "right")) - 1
            if isinstance(chunk, TradeColumns):
                if row >= 0:
                    traded_ns = int(chunk.venue_time_ns[row])
                    price = int(chunk.price_ticks[row])
                    price = self._scales.carried(price, traded_ns + 1, arrival_ns)
                    return KnownPrice(price, traded_ns)
                continue
            while row >= 0 and (not chunk.volume_lots[row] or self._is_spanned(chunk, row)):
                row -= 1
            if row >= 0:
                closed_ns = int(chunk.close_time_ns[row])
                price = self._scales.carried(int(chunk.close_ticks[row]), closed_ns, arrival_ns)
                return KnownPrice(price, closed_ns)
        return None

    # -- lent to a compiled run ---------------------------------------------------------------

    @property
    def can_be_lent(self) -> bool:
        """Whether nothing is under way, and no model of the user's is asked."""
        view = self._view
        under_way = view[at.ORDER_COUNT] or view[at.COMMAND_COUNT] or view[at.OUT_COUNT]
        return not (under_way or self._models or self._at_close)

    @property
    def is_trades(self) -> bool:
        """Whether it matches on prints; known once rows were expected."""
        return self._is_trades

    @property
    def resolution(self) -> str:
        """What decides a fill where its rows' paths do not matter."""
        return self._resolution

    def arrays(self) -> CoreArrays:
        """Return the arrays as they are now, for compiled code that does what this class does."""
        columns = self._columns
        if len(columns) == _TRADE_COLUMNS:
            venue_time, arrival, price, quantity = columns
            columns = (arrival, venue_time, price, quantity, price, price, price, price)
        else:
            open_time, close_time, arrival, *rest = columns
            columns = (arrival, open_time, close_time, *rest)
        return CoreArrays(
            self._state,
            self._orders,
            self._commands,
            self._out,
            self._ring,
            self._impact_y,
            columns,
        )

    def make_room(self) -> None:
        """Let more orders and commands be open."""
        self._orders = np.concatenate((self._orders, np.zeros_like(self._orders)))
        self._order_cells = self._orders.data
        self._commands = np.concatenate((self._commands, np.zeros_like(self._commands)))

    def mend(self, *, out_full: bool) -> None:
        """Do what compiled code could not: make room for reports, or say which price is too high.

        Raises:
            DataError: A price is too high for exact arithmetic.
        """
        self._mend(at.OUT_FULL if out_full else at.PRICE_TOO_HIGH)

    def take_back(self, *, unresolved: int, latest_arrival_ns: int) -> None:
        """Be its own again, after compiled code has changed the arrays.

        Args:
            unresolved: Bars more whose path decided a fill and is not known.
            latest_arrival_ns: Latest arrival of an order meanwhile.
        """
        self._unresolved += unresolved
        self._ambiguous = self.ambiguous_bars
        self._latest_arrival_ns = max(self._latest_arrival_ns, latest_arrival_ns)
        self._unsettled()

    # -- inside -------------------------------------------------------------------------------

    def _run(self, step: Callable[..., int], until_ns: int) -> list[CoreReport]:
        """Let a compiled step act until it is through, and return what came about."""
        reason = step(self._arrays_in_place(), self._impact_y, until_ns)
        found = self._drain()
        while reason != at.COMMITTED:
            self._mend(reason)
            reason = step(self._arrays_in_place(), self._impact_y, until_ns)
            found += self._drain()
        self._settled()
        return found

    def _arrays_in_place(self) -> Array:
        """Return where all arrays are now."""
        orders, commands, out, columns = self._placed
        if (
            orders is not self._orders
            or commands is not self._commands
            or out is not self._out
            or columns is not self._columns
        ):
            self._placed = (self._orders, self._commands, self._out, self._columns)
            arrays = (self._state, *self._placed[:3], self._ring, *self._columns)
            where = [(each.__array_interface__["data"][0], len(each)) for each in arrays]
            self._places[: 2 * len(where)] = np.array(where, np.int64).ravel()
        return self._places

    def _answer_at_close(self) -> Sequence[CoreReport]:
        """Answer a cancel that arrived by the close of a bar that is over."""
        # Of prints, later ones of that moment may still come.
        return () if self._is_trades else self.commit(self._view[at.PASSED])

    def _next_sent(self) -> int:
        self._view[at.SEQUENCE] += 1
        return self._view[at.SEQUENCE]

    def _open_row(self, arrival_ns: int, sent: int) -> int:
        """Make room for an order where it belongs, and return where its row begins."""
        cells, width = self._order_cells, at.ORDER_WIDTH
        base = end = self._view[at.ORDER_COUNT] * width
        if not end:
            return 0
        if end == len(cells):
            self._orders = np.concatenate((self._orders, np.zeros_like(self._orders)))
            self._order_cells = cells = self._orders.data
        place = (arrival_ns, sent)
        while base and (cells[base - width + at.QUEUED], cells[base - width + at.SENT]) > place:
            base -= width
        if base < end:
            self._orders[base + width : end + width] = self._orders[base:end].copy()
        return base

    def _write_tail(self, order: PlaceOrder, base: int, starts: int, expires: int) -> None:
        """Write what most orders do not have."""
        shown = order.display_lots or 0
        _ORDER_TAIL.pack_into(
            self._order_cells,
            (base + at.POST_ONLY) * _CELL_BYTES,
            order.post_only,
            order.reduce_only,
            order.post_only or order.reduce_only,
            starts,
            expires,
            shown,
            shown,
            order.trail_ticks or 0,
            order.trail_share_e8 or 0,
            order.activation_ticks or 0,
            0,
            0,
            0,
        )

    def _send(
        self,
        kind: int,
        number: int,
        arrival_ns: int,
        response_ns: int,
        sent: int,
        terms: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        """Put a command among those on their way."""
        width = at.COMMAND_WIDTH
        end = self._view[at.COMMAND_COUNT] * width
        if end == len(self._commands):
            self._commands = np.concatenate((self._commands, np.zeros_like(self._commands)))
        commands = self._commands
        base = end
        while base and commands[base - width + at.COMMAND_TIME] > arrival_ns:
            base -= width
        if base < end:
            commands[base + width : end + width] = commands[base:end].copy()
        _COMMAND_ROW.pack_into(
            commands.data,
            base * _CELL_BYTES,
            *(arrival_ns, number, sent, kind, response_ns, *terms),
            self._overtakes(number, arrival_ns),
        )
        self._view[at.COMMAND_COUNT] += 1

    def _overtakes(self, number: int, arrival_ns: int) -> bool:
        """Whether a command arrives before the order that it is about."""
        if arrival_ns >= self._latest_arrival_ns:
            return False
        open_cells = self._orders[: self._view[at.ORDER_COUNT] * at.ORDER_WIDTH]
        row = np.flatnonzero(open_cells[at.NUMBER :: at.ORDER_WIDTH] == number)
        arrivals = open_cells[at.ARRIVAL :: at.ORDER_WIDTH][row]
        return bool((arrivals > arrival_ns).any())

    def _unsettled(self) -> None:
        """What was known of the rows to come holds no more, since the orders changed."""
        self._view[at.SCANNED] = self._view[at.CURSOR]
        self._watch_ns = -at.NEVER
        self.calm_before_ns = -at.NEVER
        self._touches = False

    def _settled(self) -> None:
        """The compiled step has acted: an idle market is quiet to the end of what it was given."""
        view = self._view
        idle = not (
            view[at.ORDER_COUNT]
            or view[at.COMMAND_COUNT]
            or (view[at.FUNDING_INTERVAL] and view[at.POSITION])
        )
        self._watch_ns = self._last_arrival_ns if idle else -at.NEVER
        self.calm_before_ns = at.NEVER if idle else -at.NEVER
        self._touches = False

    def _leave(self) -> None:
        if self._chunk is None or not self._rows:
            return
        if self._is_trades:
            venue_time, _, price, quantity = self._columns
            leave_trades(self._state, self._ring, venue_time, price, quantity)
        else:
            close_time, closing, volume = (self._columns[each] for each in (1, 6, 7))
            leave_bars(self._state, self._ring, close_time, closing, volume)

    def _give_trades(self, chunk: TradeColumns) -> None:
        self._is_trades, self._resolution = True, TRADE
        times = (_column(chunk.venue_time_ns), _column(chunk.arrival_time_ns))
        price, quantity = _column(chunk.price_ticks), _column(chunk.quantity_lots)
        _check(price, quantity, chunk.instrument)
        self._columns = (*times, price, quantity)

    def _give_bars(self, chunk: BarColumns) -> None:
        self._is_trades, self._resolution = False, resolution_name(chunk.interval_ns)
        close_time, arrival = _column(chunk.close_time_ns), _column(chunk.arrival_time_ns)
        high, low = _column(chunk.high_ticks), _column(chunk.low_ticks)
        volume = _column(chunk.volume_lots)
        _check(low, volume, chunk.instrument)
        self._columns = (
            _column(chunk.open_time_ns),
            close_time,
            arrival,
            _column(chunk.open_ticks),
            high,
            low,
            _column(chunk.close_ticks),
            volume,
        )

    def _drain(self) -> list[CoreReport]:
        view = self._view
        if view[at.MODEL_BROKE]:
            refuse_what_models_did(self._models)
        count = view[at.OUT_COUNT]
        if not count:
            return []
        view[at.OUT_COUNT] = 0
        width = at.OUT_WIDTH
        cells = self._out_cells[: count * width].tolist()
        rows = [cells[base : base + width] for base in range(0, len(cells), width)]
        resolution = self._resolution
        assumed = () if self._is_trades else self._assumed(rows)
        if not assumed:
            return [core_report(row, resolution) for row in rows]
        return [
            core_report(row, ASSUMED if place in assumed else resolution)
            for place, row in enumerate(rows)
        ]

    def _assumed(self, reports: Sequence[Sequence[int]]) -> Collection[int]:
        """Return the places of the fills that rest on an assumption about a bar's path."""
        ambiguous = self._view[at.AMBIGUOUS]
        more, self._ambiguous = ambiguous - self._ambiguous, ambiguous
        assumed = path_decided(reports, ambiguous=more, at_close=self._at_close)
        if assumed:
            self._unresolved += len({reports[place][at.OUT_MOMENT] for place in assumed})
        return assumed

    def _mend(self, reason: int) -> None:
        problem = self._view[at.PROBLEM]
        if reason == at.OUT_FULL:
            self._room(problem)
            return
        assert self._chunk is not None, reason
        raise DataError(
            "the price is too high for exact arithmetic",
            file=self._chunk.instrument,
            value=f"{problem} ticks",
            limit=f"{at.PRICE_MAX} ticks",
            remedy="Use a larger tick size.",
        )

    def _room(self, reports: int) -> None:
        needed = (self._view[at.OUT_COUNT] + reports) * at.OUT_WIDTH
        if needed > len(self._out):
            grown = np.zeros(2 * needed, np.int64)
            grown[: len(self._out)] = self._out
            self._out = grown
            self._out_cells = grown.data

    def _set_models(self, models: Mapping[str, object]) -> list[tuple[object, ModelEntry]]:
        state = self._state
        entries = []
        for kind, question, cell in (
            ("slippage", "shift_e8", at.SHIFT_MODEL),
            ("fill", "lots", at.LOTS_MODEL),
        ):
            if kind in models:
                entry = ModelEntry(models[kind], question)
                entries.append((models[kind], entry))
                state[cell] = entry.address
        uses_statistics = state[at.LEVEL] == at.IMPACT_LEVEL or "slippage" in models
        state[at.STATISTICS] = int(uses_statistics)
        return entries

    def _set_profile(self, profile: SimulationProfile) -> None:
        state = self._state
        state[at.LEVEL] = _LEVELS[profile.fill_level]
        for place, name in ((at.SPREAD, "spread_bps"), (at.SLIPPAGE, "slippage_bps")):
            exact = getattr(profile, name) * 10_000
            if exact != int(exact) or exact > at.SHIFT_MAX:
                raise SettingsError(
                    f"profile {profile.name}: {name} {getattr(profile, name)}; allowed: at most "
                    "four decimals and 10000"
                )
            state[place] = int(exact)
        if profile.participation is not None:
            numerator, denominator = profile.participation.as_integer_ratio()
            if denominator > at.SHARE_MAX:
                raise SettingsError(
                    f"profile {profile.name}: participation {profile.participation}; allowed: at "
                    "most nine decimals"
                )
            state[at.SHARE_NUMERATOR] = numerator
            state[at.SHARE_DENOMINATOR] = denominator
        # Where the last price counts, it is that price whose age matters, and not a bar's to come.
        stale = profile.stale_after_ns if profile.market_rule is MarketRule.NEXT else None
        state[at.STALE_AFTER] = at.NEVER if stale is None else stale
        state[at.INSIDE_BY_CLOSE] = profile.inside_rule is InsideRule.CLOSE
        state[at.STOP_LIMIT_BY_CLOSE] = profile.stop_limit_rule is StopLimitRule.CLOSE
        state[at.TOUCH] = profile.limit_rule is LimitRule.TOUCH
        state[at.RESPONSE] = profile.response_latency_ns - profile.clock_offset_ns
        if profile.funding_rule is not FundingRule.NONE:
            state[at.FUNDING_INTERVAL] = profile.funding_interval_ns


def _column(values: Array) -> Array:
    return np.ascontiguousarray(values, np.int64)


def _check(lowest: Array, lots: Array, instrument: str) -> None:
    looks: Callable[..., int] = looks_odd
    if looks(lowest, lots):
        _check_prices(lowest, instrument)
        _check_lots(lots, instrument)


def _check_prices(lowest: Array, instrument: str) -> None:
    if len(lowest) and int(lowest.min()) <= 0:
        row = int(np.argmax(lowest <= 0))
        raise DataError(
            "a price is not positive",
            file=instrument,
            row=row + 1,
            value=f"{int(lowest[row])} ticks",
            limit="above 0",
            remedy="Import the data again.",
        )


def _check_lots(lots: Array, instrument: str) -> None:
    if not len(lots):
        return
    if int(lots.min()) < 0:
        row = int(np.argmax(lots < 0))
        raise DataError(
            "a quantity is negative",
            file=instrument,
            row=row + 1,
            value=f"{int(lots[row])} lots",
            limit="0 or more",
            remedy="Import the data again.",
        )
    # As floats, which do not wrap; their error is far below the distance to what would.
    total = float(lots.sum(dtype=np.float64))
    if total > at.LOTS_MAX:
        raise DataError(
            "so many lots in one piece are too many for exact arithmetic",
            file=instrument,
            value=f"{total:.0f} lots",
            limit=f"{at.LOTS_MAX} lots",
            remedy="Use a larger lot size.",
        )
