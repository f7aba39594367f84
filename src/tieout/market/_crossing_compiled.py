"""One crossing into the matching core, by addresses: what each array costs is paid once a chunk.

Handing an array to compiled code costs a quarter of a microsecond and more, and a core has a dozen.
So they stand in one array, `places`, which is all that is handed over:

    places (2·PLACES)   address and length of each array, in the order of the names below;
                        a core on trades has no more than FIRST_COLUMN + 4 of them

Whoever holds a core sets a place anew whenever an array is another one.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from tieout.market._bars_compiled import commit_bars, scan_bars
from tieout.market._compile import compiled
from tieout.market._stepping import whole_at
from tieout.market._trades_compiled import answer_commands, commit_trades, scan_trades

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

STATE: Final = 0
ORDERS: Final = 1
COMMANDS: Final = 2
OUT: Final = 3
RING: Final = 4
FIRST_COLUMN: Final = 5
PLACES: Final = 13

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    def array_at(places: Array, place: int) -> Any:  # noqa: ANN401  an array
        """Return the array of int64 at a place, as plain Python."""
        return whole_at(places[2 * place], places[2 * place + 1])

    def bytes_at(places: Array, place: int) -> Any:  # noqa: ANN401  an array
        """Return the array of uint8 at a place, as plain Python."""
        length = int(places[2 * place + 1])
        cells = (ctypes.c_uint8 * length).from_address(int(places[2 * place]))
        return np.ctypeslib.as_array(cells)

else:
    # Not `carray`: no call may return an array to what is compiled without reference counts.

    def _array_of(kind: Any, places: Any) -> Any:  # noqa: ANN401  numba's types are untyped
        """Return what makes an array of a kind from its address and its length."""
        made = numba.types.Array(kind, 1, "C")

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:  # noqa: ANN401
            cells = make_array(signature.args[0])(context, builder, given[0]).data
            first = builder.mul(given[1], ir.Constant(given[1].type, 2))
            second = builder.add(first, ir.Constant(given[1].type, 1))
            address = builder.load(builder.gep(cells, [first]))
            array = make_array(made)(context, builder)
            width = context.get_abi_sizeof(context.get_data_type(kind))
            item = context.get_constant(numba.types.intp, width)
            populate_array(
                array,
                data=builder.inttoptr(address, array.data.type),
                shape=(builder.load(builder.gep(cells, [second])),),
                strides=(item,),
                itemsize=item,
                meminfo=None,
            )
            return array._getvalue()  # noqa: SLF001 - as numba's own code does

        return made(places, numba.int64), generate

    @intrinsic
    def array_at(typing: Any, places: Any, place: Any) -> Any:  # noqa: ANN401, ARG001
        """Return the array of int64 at a place."""
        return _array_of(numba.int64, places)

    @intrinsic
    def bytes_at(typing: Any, places: Any, place: Any) -> Any:  # noqa: ANN401, ARG001
        """Return the array of uint8 at a place."""
        return _array_of(numba.uint8, places)


@compiled("int64(A, int64, int64)")
def look_at_bars(places: Array, until: int, ahead: int) -> int:
    """Do as `scan_bars` does."""
    return scan_bars(
        array_at(places, STATE),
        array_at(places, ORDERS),
        array_at(places, COMMANDS),
        array_at(places, FIRST_COLUMN + 1),
        array_at(places, FIRST_COLUMN + 2),
        array_at(places, FIRST_COLUMN + 4),
        array_at(places, FIRST_COLUMN + 5),
        until,
        ahead,
    )


@compiled("int64(A, float64, int64)")
def act_on_bars(places: Array, impact_y: float, until: int) -> int:
    """Do as `commit_bars` does."""
    return commit_bars(
        array_at(places, STATE),
        array_at(places, ORDERS),
        array_at(places, COMMANDS),
        array_at(places, OUT),
        array_at(places, RING),
        impact_y,
        array_at(places, FIRST_COLUMN),
        array_at(places, FIRST_COLUMN + 1),
        array_at(places, FIRST_COLUMN + 2),
        array_at(places, FIRST_COLUMN + 3),
        array_at(places, FIRST_COLUMN + 4),
        array_at(places, FIRST_COLUMN + 5),
        array_at(places, FIRST_COLUMN + 6),
        array_at(places, FIRST_COLUMN + 7),
        until,
    )


@compiled("int64(A, int64, int64)")
def look_at_trades(places: Array, until: int, ahead: int) -> int:
    """Do as `scan_trades` does."""
    return scan_trades(
        array_at(places, STATE),
        array_at(places, ORDERS),
        array_at(places, COMMANDS),
        array_at(places, FIRST_COLUMN),
        array_at(places, FIRST_COLUMN + 1),
        array_at(places, FIRST_COLUMN + 2),
        until,
        ahead,
    )


@compiled("int64(A, float64, int64)")
def act_on_trades(places: Array, impact_y: float, until: int) -> int:
    """Do as `commit_trades` does."""
    return commit_trades(
        array_at(places, STATE),
        array_at(places, ORDERS),
        array_at(places, COMMANDS),
        array_at(places, OUT),
        array_at(places, RING),
        impact_y,
        array_at(places, FIRST_COLUMN),
        array_at(places, FIRST_COLUMN + 1),
        array_at(places, FIRST_COLUMN + 2),
        array_at(places, FIRST_COLUMN + 3),
        until,
    )


@compiled("int64(A, float64, int64)")
def answer_on_trades(places: Array, impact_y: float, until: int) -> int:
    """Do as `answer_commands` does."""
    return answer_commands(
        array_at(places, STATE),
        array_at(places, ORDERS),
        array_at(places, COMMANDS),
        array_at(places, OUT),
        array_at(places, RING),
        impact_y,
        array_at(places, FIRST_COLUMN),
        array_at(places, FIRST_COLUMN + 1),
        array_at(places, FIRST_COLUMN + 2),
        array_at(places, FIRST_COLUMN + 3),
        until,
    )
