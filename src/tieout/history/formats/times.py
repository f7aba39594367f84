"""Times of one known unit, or an error that names the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tieout.errors import DataError
from tieout.history._stamps import StampReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["times_of"]


def times_of(
    column: Any,  # noqa: ANN401 - pyarrow has no types
    unit: str,
    rows: NDArray[np.int64],
    file: str,
) -> NDArray[np.int64]:
    """Return a column of times since 1970 in nanoseconds.

    Args:
        column: Integers, decimal text, or floats, which mean the decimal they were written as.
        unit: `s`, `ms`, `us` or `ns`.
        rows: (n,) row of the file of each.
        file: Named in errors.

    Raises:
        DataError: One is no time between 1990 and 2100.
    """
    text = column.cast(pa.string()) if pa.types.is_floating(column.type) else column
    when, wrong = StampReader(file, form=unit).read(text)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            "the time is not readable",
            file=file,
            row=int(rows[row]),
            value=str(column[row]),
            limit=f"{unit} since 1970",
            remedy="Mend the row, or fetch the file again.",
        )
    return when
