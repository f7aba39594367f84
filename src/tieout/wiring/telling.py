"""How far a run is, for whoever waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tieout.adapters.feeds.told import ToldSource

if TYPE_CHECKING:
    from tieout.kernel.ports import Source

__all__ = ["Progress", "share_of", "told"]

Progress = Callable[[float, float | None], None]
"""Called with work done and work in all, in any unit; None where the end is not known."""


def share_of(progress: Progress | None, part: int, *, parts: int) -> Progress | None:
    """Return what reports one of several parts of the same length as progress of the whole."""
    if progress is None:
        return None
    whole = progress

    def report(done: float, total: float | None) -> None:
        whole(part + (done / total if total else 0.0), parts)

    return report


def told(source: Source, progress: Progress | None) -> Source:
    """Return a live source that tells how much of the market it has seen."""
    return source if progress is None else ToldSource(source, progress)
