"""What is wrong with a chunk of rows: the first of it is raised, or all of it is set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tieout.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Defects", "SetAside"]

_REMEDY = "Mend the row, or leave such rows out with --set-aside."


@dataclass(frozen=True, slots=True, order=True)
class SetAside:
    """A row that was left out.

    Attributes:
        row: One-based data row of the file.
        problem: What was wrong.
        value: The value as it stands in the file.
    """

    row: int
    problem: str
    value: str


class Defects:
    """The defects of one chunk.

    Args:
        file: Named in errors.
        file_rows: (n,) one-based data row of each row.
        set_aside: Whether defective rows are dropped and listed; else the first is an error.

    Attributes:
        kept: (n,) rows without a defect so far; a row is blamed for its first defect only.
        listed: Rows set aside.
    """

    def __init__(self, file: str, file_rows: NDArray[np.int64], *, set_aside: bool) -> None:
        self.kept: NDArray[np.bool_] = np.ones(len(file_rows), np.bool_)
        self.listed: list[SetAside] = []
        self._file = file
        self._file_rows = file_rows
        self._set_aside = set_aside
        self._first: DataError | None = None
        self._first_row = len(file_rows)

    def mark(
        self,
        wrong: NDArray[np.bool_],
        problem: str,
        shown: Callable[[int], str],
        *,
        limit: str | None = None,
        remedy: str = _REMEDY,
    ) -> None:
        """Take rows out.

        Args:
            wrong: (n,) which rows; those taken out before are left alone.
            problem: In words.
            shown: Gives the offending value of a row of this chunk.
            limit: What would have been right.
            remedy: What to do, when the rows are not to be set aside.
        """
        wrong = wrong & self.kept
        if not wrong.any():
            return
        self.kept &= ~wrong
        rows = np.flatnonzero(wrong)
        if self._set_aside:
            self.listed.extend(
                SetAside(int(self._file_rows[row]), problem, shown(int(row))[:80]) for row in rows
            )
        elif rows[0] < self._first_row:
            self._first_row = int(rows[0])
            self._first = DataError(
                problem,
                file=self._file,
                row=int(self._file_rows[self._first_row]),
                value=shown(self._first_row)[:80],
                limit=limit,
                remedy=remedy,
            )

    def settle(self) -> list[SetAside]:
        """Return the rows set aside, in order.

        Raises:
            DataError: A row is wrong and was not to be set aside; the first such row is named.
        """
        if self._first is not None:
            raise self._first
        return sorted(self.listed)
