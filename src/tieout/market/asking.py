"""What stands in a compiled run for a strategy in Python: the run stops where that is to be asked.

run ──▶ first row that may be asked, and the row before which something may have to be told
 ▲                                        │
 └── wishes, of a row in between ◀── the strategy, in Python
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np

from tieout.market import _stepping as at
from tieout.market._asking_compiled import ask
from tieout.market._compile import COMPILES
from tieout.market._running_layout import (
    MARKET_WISH,
    WISH_COUNT,
    WISH_EXCESS,
    WISH_HANDLE,
    WISH_KIND,
    WISH_LOTS,
    WISH_PRICE,
    WISH_ROWS,
    WISH_WIDTH,
    WISHES_LENGTH,
    WISHES_MAX,
)
from tieout.market.stepping import address_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.model.columns import MarketColumns

__all__ = ["AskingEntry"]

_SIGNATURE: Final = "int64(int64, int64, int64, int64, int64, int64)"
_MADE: list[Any] = []


class AskingEntry:
    """A strategy's place in a run whose function is not compiled; see `StepEntry`.

    Attributes:
        question: What it is asked on.
        wishes: What it wished; drawn in `_running_layout`.
    """

    def __init__(self) -> None:
        self.question = "step_bar"
        self.wishes = np.zeros(WISHES_LENGTH, np.int64)
        # One number at a time goes in and out much faster this way.
        self._wished = self.wishes.data
        self._block = np.zeros(at.BLOCK_WIDTH, np.int64)
        self._cells = self._block.data
        self.block_address: int = self._block.ctypes.data
        if not _MADE:
            _MADE.append(numba.cfunc(_SIGNATURE, cache=True)(ask) if COMPILES else ask)
        self.address: int = address_of(_MADE[0])

    @property
    def stop(self) -> int:
        """The row before which something may have to be told, or the number of rows."""
        row: int = self._cells[at.AT_ROW]
        return row

    def give(self, columns: MarketColumns) -> None:
        """Take rows; they are looked at in Python."""

    def wish(self, signed_lots: Sequence[int]) -> bool:
        """Wish orders at the market; return whether there is room for them."""
        if len(signed_lots) > WISHES_MAX:
            return False
        wishes = self._wished
        base = WISH_ROWS
        for lots in signed_lots:
            wishes[base + WISH_KIND] = MARKET_WISH
            wishes[base + WISH_LOTS] = lots
            wishes[base + WISH_PRICE] = wishes[base + WISH_HANDLE] = 0
            base += WISH_WIDTH
        wishes[WISH_COUNT] = len(signed_lots)
        return True

    def withdraw(self) -> None:
        """Wish nothing any more."""
        self._wished[WISH_COUNT] = self._wished[WISH_EXCESS] = 0
