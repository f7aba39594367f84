"""Calls from the compiled core to a user's model, by the address that stands in the state.

The address is plain data, so the core is compiled once for all models, and what is compiled is
cached. A call costs 2 to 3 ns for a compiled model and about 150 ns for a Python one.

    state[cell] ──▶ C function ──▶ answer, or MODEL_FAILED
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numba
from llvmlite import ir
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []

MODEL_FAILED: Final = -(2**62)
"""What a model's entry answers when the model raised."""

SHIFT_SIGNATURE: Final = "int64(int64, int64, int64, float64, float64)"
LOTS_SIGNATURE: Final = "int64(int64, int64, int64, int64, int64, int64, int64)"
AHEAD_SIGNATURE: Final = "int64(int64, int64, int64, int64)"

INTERPRETED: Final[dict[int, Callable[..., int]]] = {}
"""Models by their address, for a core that runs as plain Python."""


def _caller(floats: tuple[bool, ...]) -> Any:  # noqa: ANN401  an intrinsic is untyped
    """Return what calls the C function at an address; `floats` tells the arguments' types."""
    integer, real = ir.IntType(64), ir.DoubleType()
    arguments = [real if each else integer for each in floats]
    types = [numba.float64 if each else numba.int64 for each in floats]

    def generate(_: Any, builder: Any, __: Any, given: Any) -> Any:  # noqa: ANN401
        function = ir.FunctionType(integer, arguments)
        pointer = builder.inttoptr(given[0], function.as_pointer())
        return builder.call(pointer, given[1:])

    return numba.int64(numba.int64, *types), generate


_SHIFT = _caller((False, False, False, True, True))
_LOTS = _caller((False,) * 7)
_AHEAD = _caller((False,) * 4)

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    def call_shift(
        address: int, side: int, reference: int, lots: int, sigma: float, volume: float
    ) -> int:
        """Ask a slippage model, as plain Python."""
        return INTERPRETED[int(address)](side, reference, lots, sigma, volume)

    def call_lots(
        address: int,
        side: int,
        limit: int,
        price: int,
        event_lots: int,
        eligible: int,
        filled: int,
        wanted: int,
    ) -> int:
        """Ask a fill model, as plain Python."""
        return INTERPRETED[int(address)](side, limit, price, event_lots, eligible, filled, wanted)

    def call_ahead(address: int, ahead: int, traded: int, before: int, after: int) -> int:
        """Ask a queue model, as plain Python."""
        return INTERPRETED[int(address)](ahead, traded, before, after)

else:

    @intrinsic
    def call_shift(
        typing: Any,  # noqa: ANN401, ARG001
        address: Any,  # noqa: ANN401, ARG001
        side: Any,  # noqa: ANN401, ARG001
        reference: Any,  # noqa: ANN401, ARG001
        lots: Any,  # noqa: ANN401, ARG001
        sigma: Any,  # noqa: ANN401, ARG001
        volume: Any,  # noqa: ANN401, ARG001
    ) -> Any:  # noqa: ANN401
        """Ask a slippage model."""
        return _SHIFT

    @intrinsic
    def call_lots(
        typing: Any,  # noqa: ANN401, ARG001
        address: Any,  # noqa: ANN401, ARG001
        side: Any,  # noqa: ANN401, ARG001
        limit: Any,  # noqa: ANN401, ARG001
        price: Any,  # noqa: ANN401, ARG001
        event_lots: Any,  # noqa: ANN401, ARG001
        eligible: Any,  # noqa: ANN401, ARG001
        filled: Any,  # noqa: ANN401, ARG001
        wanted: Any,  # noqa: ANN401, ARG001
    ) -> Any:  # noqa: ANN401
        """Ask a fill model."""
        return _LOTS

    @intrinsic
    def call_ahead(
        typing: Any,  # noqa: ANN401, ARG001
        address: Any,  # noqa: ANN401, ARG001
        ahead: Any,  # noqa: ANN401, ARG001
        traded: Any,  # noqa: ANN401, ARG001
        before: Any,  # noqa: ANN401, ARG001
        after: Any,  # noqa: ANN401, ARG001
    ) -> Any:  # noqa: ANN401
        """Ask a queue model."""
        return _AHEAD
