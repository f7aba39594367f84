"""Which loop in compiled code a strategy may have: what it is asked on says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.kernel.compiled import CompiledLane
from tieout.kernel.compiled_timer import TimedLane
from tieout.strategy import Strategy
from tieout.strategy.compiled import CompiledStrategy

if TYPE_CHECKING:
    from tieout.kernel.compiled import Lane
    from tieout.kernel.loop import Kernel

__all__ = ["lane_of"]


def lane_of(kernel: Kernel, strategy: Strategy) -> Lane | None:
    """Return what runs batches of a strategy in compiled code, or None when nothing does."""
    if not isinstance(strategy, CompiledStrategy):
        return None
    asked = kernel.subscriptions
    listed = any(not each.always for each in (*asked.bars.values(), *asked.made.values()))
    if listed or kernel.reference.dated:
        # Compiled code knows one tick and one lot of an instrument, and is given every bar.
        return None
    made = type(strategy)
    told = (
        made.on_fill is not Strategy.on_fill
        or made.on_order is not Strategy.on_order
        or made.on_bar is not CompiledStrategy.on_bar
        or made.on_trade is not CompiledStrategy.on_trade
        or made.on_book is not Strategy.on_book
    )
    if told:
        return None
    if made.on_timer is CompiledStrategy._on_timer:  # noqa: SLF001 - its own callback
        return TimedLane(kernel, strategy)
    return CompiledLane(kernel, strategy)
