"""The function of a strategy that is not compiled: it says where it is to be asked, and no more."""

from __future__ import annotations

from tieout.market._running_layout import STEP_FAILURE
from tieout.market._stepping import AT_ROW, BLOCK_WIDTH, whole_at

__all__: list[str] = []


def ask(block: int, start: int, stop: int, position: int, coming: int, orders: int) -> int:  # noqa: ARG001 - as every function
    """Note the first row before which something may have to be told, and stop the run."""
    whole_at(block, BLOCK_WIDTH)[AT_ROW] = stop
    return STEP_FAILURE
