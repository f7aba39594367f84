"""What lies between a compiled run and a strategy's function: addresses, calls, wishes.

    run ──▶ address ──▶ function over rows [start, stop) ──▶ first row with a wish, or stop

A strategy's function is compiled into a loop over rows, so that a row costs no call. The loop is
called by its address, which is plain data: runs are compiled once for all strategies.

block (BLOCK_WIDTH)      what the loop is given
  AT_ROW                 the row it is at
  LENGTHS …              lengths of `whole`, `real`, and of both kinds of parameters
  ADDRESSES …            of `whole`, `real`, wishes, whole and real parameters, and the columns
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from tieout.market._compile import compiled_inner, inlined
from tieout.market._models_compiled import INTERPRETED
from tieout.market._running_layout import (
    CANCEL_WISH,
    LIMIT_WISH,
    MARKET_WISH,
    POST_WISH,
    STOP_WISH,
    TARGET_WISH,
    WISH_COUNT,
    WISH_EXCESS,
    WISH_HANDLE,
    WISH_HANDLES,
    WISH_KIND,
    WISH_LOTS,
    WISH_PRICE,
    WISH_ROWS,
    WISH_WIDTH,
    WISHES_MAX,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__ = [
    "Account",
    "BarRow",
    "BookRow",
    "Memory",
    "TradeRow",
    "buy",
    "buy_limit",
    "buy_post_only",
    "buy_stop",
    "cancel",
    "sell",
    "sell_limit",
    "sell_post_only",
    "sell_stop",
    "target",
]

AT_ROW: Final = 0
WHOLE_LENGTH: Final = 1
REAL_LENGTH: Final = 2
WHOLE_GIVEN_LENGTH: Final = 3
REAL_GIVEN_LENGTH: Final = 4
WHOLE: Final = 5
REAL: Final = 6
WISHES: Final = 7
WHOLE_GIVEN: Final = 8
REAL_GIVEN: Final = 9
TICK: Final = 10
"""Address of the size of a tick, one float."""
COLUMNS: Final = 11
COLUMNS_MAX: Final = 10
BLOCK_WIDTH: Final = COLUMNS + COLUMNS_MAX

BAR_COLUMNS: Final = (
    "open_time_ns",
    "close_time_ns",
    "arrival_time_ns",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "close_ticks",
    "volume_lots",
    "revision",
)
TRADE_COLUMNS: Final = (
    "venue_time_ns",
    "arrival_time_ns",
    "price_ticks",
    "quantity_lots",
    "aggressor",
    "trade_id",
)
BOOK_COLUMNS: Final = (
    "now_ns",
    "venue_time_ns",
    "arrival_time_ns",
    "bid_ticks",
    "bid_lots",
    "ask_ticks",
    "ask_lots",
)


class BarRow(NamedTuple):
    """A closed bar as a compiled strategy sees it; fields as those of `tieout.Bar`."""

    open_time_ns: int
    close_time_ns: int
    arrival_time_ns: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    revision: int
    warm_up: bool
    tick: float


class TradeRow(NamedTuple):
    """A print as a compiled strategy sees it; fields as those of `tieout.Trade`."""

    venue_time_ns: int
    arrival_time_ns: int
    price_ticks: int
    quantity_lots: int
    aggressor: int
    trade_id: int
    tick: float


class BookRow(NamedTuple):
    """A book as a compiled strategy sees it; a side where nobody is has 0 ticks and 0 lots.

    Attributes:
        now_ns: When the strategy is asked: the arrival of the packet, or the timer's due time.
        venue_time_ns, arrival_time_ns: Of the last packet; 0 before any.
        bid_ticks, bid_lots, ask_ticks, ask_lots: The best level of each side.
        tick: Size of a tick.
    """

    now_ns: int
    venue_time_ns: int
    arrival_time_ns: int
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    tick: float


class Memory(NamedTuple):
    """What a compiled strategy keeps from call to call; all zeros at first.

    Attributes:
        whole: (n,) int64.
        real: (n,) float64.
    """

    whole: NDArray[np.int64]
    real: NDArray[np.float64]


class Account(NamedTuple):
    """What a compiled strategy knows of its own orders on the instrument.

    Attributes:
        position_lots: Held, signed.
        coming_lots: Under way, signed: market orders and triggered stops that have not filled.
        open_orders: How many orders may still trade.
    """

    position_lots: int
    coming_lots: int
    open_orders: int


# -- wishes, in the words of a strategy ----------------------------------------------------------


@inlined
def wish(wishes: Array, kind: int, lots: int, price: int, handle: int) -> None:
    """Write a wish down; one too many is marked and the run says so."""
    count = wishes[WISH_COUNT]
    if count >= WISHES_MAX:
        wishes[WISH_EXCESS] = 1
        return
    base = WISH_ROWS + count * WISH_WIDTH
    wishes[base + WISH_KIND] = kind
    wishes[base + WISH_LOTS] = lots
    wishes[base + WISH_PRICE] = price
    wishes[base + WISH_HANDLE] = handle
    wishes[WISH_COUNT] = count + 1


@inlined
def wish_order(wishes: Array, kind: int, lots: int, price: int) -> int:
    """Write the wish for an order down and return its handle."""
    handle = wishes[WISH_HANDLES] + 1
    wishes[WISH_HANDLES] = handle
    wish(wishes, kind, lots, price, handle)
    return handle


@inlined
def target(wishes: Array, lots: int) -> None:
    """Wish to trade the difference between a position and what is held or under way."""
    wish(wishes, TARGET_WISH, lots, 0, 0)


@inlined
def buy(wishes: Array, lots: int) -> int:
    """Wish to buy at the market; return the order's handle."""
    return wish_order(wishes, MARKET_WISH, lots, 0)


@inlined
def sell(wishes: Array, lots: int) -> int:
    """Wish to sell at the market; return the order's handle."""
    return wish_order(wishes, MARKET_WISH, -lots, 0)


@inlined
def buy_limit(wishes: Array, lots: int, limit_ticks: int) -> int:
    """Wish to buy at a limit or better; return the order's handle."""
    return wish_order(wishes, LIMIT_WISH, lots, limit_ticks)


@inlined
def sell_limit(wishes: Array, lots: int, limit_ticks: int) -> int:
    """Wish to sell at a limit or better; return the order's handle."""
    return wish_order(wishes, LIMIT_WISH, -lots, limit_ticks)


@inlined
def buy_post_only(wishes: Array, lots: int, limit_ticks: int) -> int:
    """Wish to buy at a limit, never as the one who takes; return the order's handle."""
    return wish_order(wishes, POST_WISH, lots, limit_ticks)


@inlined
def sell_post_only(wishes: Array, lots: int, limit_ticks: int) -> int:
    """Wish to sell at a limit, never as the one who takes; return the order's handle."""
    return wish_order(wishes, POST_WISH, -lots, limit_ticks)


@inlined
def buy_stop(wishes: Array, lots: int, stop_ticks: int) -> int:
    """Wish to buy at the market once the price is at or above; return the order's handle."""
    return wish_order(wishes, STOP_WISH, lots, stop_ticks)


@inlined
def sell_stop(wishes: Array, lots: int, stop_ticks: int) -> int:
    """Wish to sell at the market once the price is at or below; return the order's handle."""
    return wish_order(wishes, STOP_WISH, -lots, stop_ticks)


@inlined
def cancel(wishes: Array, handle: int) -> None:
    """Wish to cancel what is left of an order; one that is done is no error."""
    wish(wishes, CANCEL_WISH, 0, 0, handle)


# -- addresses -----------------------------------------------------------------------------------


def _pointed(kind: Any) -> Any:  # noqa: ANN401  numba's types are untyped
    """Return what turns an address into a pointer to values of a kind."""

    def generate(context: Any, builder: Any, _: Any, given: Any) -> Any:  # noqa: ANN401
        return builder.inttoptr(given[0], context.get_value_type(pointer))

    pointer: Any = numba.types.CPointer(kind)
    return pointer(numba.int64), generate


_STEP_ARGUMENTS: Final = 6

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    def _interpreted(address: int, length: int, kind: Any) -> Any:  # noqa: ANN401
        if not length:
            return np.zeros(0, kind)
        return np.ctypeslib.as_array((kind * int(length)).from_address(int(address)))

    def whole_at(address: int, length: int) -> Any:  # noqa: ANN401
        """Return the int64 values at an address, as plain Python."""
        return _interpreted(address, length, ctypes.c_int64)

    def real_at(address: int, length: int) -> Any:  # noqa: ANN401
        """Return the float64 values at an address, as plain Python."""
        return _interpreted(address, length, ctypes.c_double)

    def small_at(address: int, length: int) -> Any:  # noqa: ANN401
        """Return the int8 values at an address, as plain Python."""
        return _interpreted(address, length, ctypes.c_int8)

    def call_step(
        address: int, block: int, start: int, stop: int, position: int, coming: int, orders: int
    ) -> int:
        """Walk a strategy over rows, as plain Python."""
        return INTERPRETED[int(address)](block, start, stop, position, coming, orders)

else:

    @intrinsic
    def _whole_pointer(typing: Any, address: Any) -> Any:  # noqa: ANN401, ARG001
        return _pointed(numba.int64)

    @intrinsic
    def _real_pointer(typing: Any, address: Any) -> Any:  # noqa: ANN401, ARG001
        return _pointed(numba.float64)

    @intrinsic
    def _small_pointer(typing: Any, address: Any) -> Any:  # noqa: ANN401, ARG001
        return _pointed(numba.int8)

    # Pointers, not arrays: they are not counted, and no index is looked at for being negative.

    @compiled_inner
    def whole_at(address: int, length: int) -> Any:  # noqa: ANN401, ARG001
        """Return the int64 values at an address."""
        return _whole_pointer(address)  # type: ignore[call-arg]

    @compiled_inner
    def real_at(address: int, length: int) -> Any:  # noqa: ANN401, ARG001
        """Return the float64 values at an address."""
        return _real_pointer(address)  # type: ignore[call-arg]

    @compiled_inner
    def small_at(address: int, length: int) -> Any:  # noqa: ANN401, ARG001
        """Return the int8 values at an address."""
        return _small_pointer(address)  # type: ignore[call-arg]

    @intrinsic
    def call_step(
        typing: Any,  # noqa: ANN401, ARG001
        address: Any,  # noqa: ANN401, ARG001
        block: Any,  # noqa: ANN401, ARG001
        start: Any,  # noqa: ANN401, ARG001
        stop: Any,  # noqa: ANN401, ARG001
        position: Any,  # noqa: ANN401, ARG001
        coming: Any,  # noqa: ANN401, ARG001
        orders: Any,  # noqa: ANN401, ARG001
    ) -> Any:  # noqa: ANN401
        """Walk a strategy over rows."""
        integer = ir.IntType(64)

        def generate(_: Any, builder: Any, __: Any, given: Any) -> Any:  # noqa: ANN401
            function = ir.FunctionType(integer, [integer] * _STEP_ARGUMENTS)
            return builder.call(builder.inttoptr(given[0], function.as_pointer()), given[1:])

        return numba.int64(*(numba.int64,) * (_STEP_ARGUMENTS + 1)), generate
