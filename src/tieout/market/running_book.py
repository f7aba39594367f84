"""A whole run in compiled code that is asked by a timer and matched on an L2 book."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market import _running_layout as at
from tieout.market._running_book_compiled import run_timer
from tieout.market.running import Running, RunTerms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.market.book_matching import BookCore
    from tieout.market.stepping import StepEntry

__all__ = ["RunningTimer"]


class RunningTimer(Running):
    """A run that is asked at whole multiples of a time; see `Running`.

    The strategy knows of the book what the core has: the caller holds them to the same rows.
    """

    def __init__(
        self,
        step: StepEntry,
        core: BookCore,
        terms: RunTerms,
        *,
        account: tuple[int, int],
        numbers: tuple[int, int],
        recent: Sequence[int] = (),
    ) -> None:
        super().__init__(step, core, terms, account=account, numbers=numbers, recent=recent)
        self._core = core
        self._seen = step.single()

    def ask(self, *, due_ns: int, interval_ns: int, until_ns: int, reach_ns: int) -> None:
        """Let the next `go_on` ask from one time to another, then let the core catch up."""
        run = self._run
        run[at.DUE], run[at.INTERVAL] = due_ns, interval_ns
        run[at.UNTIL], run[at.REACH] = until_ns, reach_ns

    def go_on(self) -> int:
        """Run until there is a reason to stop, and return it; see `Stop`."""
        run_on: Callable[..., int] = run_timer
        return run_on(
            self._run,
            self._waiting,
            self._tracked,
            self._words,
            self._packed,
            self._kept,
            self._recent,
            self._step.wishes,
            self._seen,
            *self._core.arrays(),
        )

    @property
    def due_ns(self) -> int:
        """When it asks next, or the time whose wishes were refused."""
        return int(self._run[at.DUE])

    @property
    def known(self) -> tuple[int, int]:
        """Venue time and arrival of the last row that the core met; 0 before any."""
        return int(self._run[at.SEEN_VENUE]), int(self._run[at.SEEN_ARRIVAL])

    @known.setter
    def known(self, times: tuple[int, int]) -> None:
        self._run[at.SEEN_VENUE], self._run[at.SEEN_ARRIVAL] = times

    @property
    def core_reason(self) -> int:
        """Why the core stopped, in its own numbering."""
        return int(self._run[at.CORE_REASON])

    def rows_given(self, *, more: bool) -> None:
        """Know that the core was given rows, or that there are no more."""
        self._run[at.NO_MORE] = not more
