"""A progress bar on standard error, shown once something takes over two seconds."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Progress"]

_SHOW_AFTER_S = 2.0
_MARKET_TIME = TextColumn("{task.fields[said]}")


class Progress:
    """Counts work done; as a callable it fits every place that reports progress.

    Args:
        title: What is being done.
        quiet: Show nothing (machines read the output).
    """

    def __init__(self, title: str, *, quiet: bool) -> None:
        self._title = title
        self._quiet = quiet or not sys.stderr.isatty()
        self._started_s = time.monotonic()
        self._bars: Bars | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, done: float, total: float | None) -> None:
        """Report work done of a total in any unit; None when the total is not known."""
        if self._quiet:
            return
        if self._bars is None:
            if time.monotonic() - self._started_s < _SHOW_AFTER_S:
                return
            ends = (TaskProgressColumn(), TimeRemainingColumn()) if total else (_MARKET_TIME,)
            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                *ends,
                console=Console(stderr=True),
                transient=True,
            )
            self._bars.add_task(self._title, total=total, said="")
            self._bars.start()
        said = "" if total else f"{timedelta(seconds=int(done))} of the market seen"
        self._bars.update(self._bars.task_ids[0], completed=done, total=total, said=said)
