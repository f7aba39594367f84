"""A progress bar on standard error, shown once something takes over two seconds.

Compiling takes that long, and is shown as soon as it begins.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from tieout.market import compiling_told

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Progress"]

_SHOW_AFTER_S = 2.0
_COMPILING = "compiling the market core, once after install"
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
        self._compiled = False
        self._told = compiling_told(self._compiling)

    def __enter__(self) -> Self:
        self._told.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._told.__exit__(kind, error, trace)
        self._close()

    def __call__(self, done: float, total: float | None) -> None:
        """Report work done of a total in any unit; None when the total is not known."""
        if self._quiet:
            return
        if self._compiled:
            self._compiled = False
            self._close()
        if self._bars is None:
            if time.monotonic() - self._started_s < _SHOW_AFTER_S:
                return
            self._show(self._title, total)
        assert self._bars is not None, self._title
        said = "" if total else f"{timedelta(seconds=int(done))} of the market seen"
        self._bars.update(self._bars.task_ids[0], completed=done, total=total, said=said)

    def _compiling(self, name: str, done: int, total: int) -> None:
        """Show that the market core is being compiled, which happens once after an install."""
        if self._quiet:
            return
        if self._bars is None or not self._compiled:
            self._close()
            self._show(_COMPILING, total)
            self._compiled = True
        assert self._bars is not None, name
        said = f"{_COMPILING}: {name}, {done} of {total}"
        self._bars.update(self._bars.task_ids[0], description=said, completed=done, total=total)
        # The compiler may keep the thread that draws from running.
        self._bars.refresh()

    def _show(self, title: str, total: float | None) -> None:
        ends = (TaskProgressColumn(), TimeRemainingColumn()) if total else (_MARKET_TIME,)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            *ends,
            console=Console(stderr=True),
            transient=True,
        )
        self._bars.add_task(title, total=total, said="")
        self._bars.start()

    def _close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
