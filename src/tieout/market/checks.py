"""Quick looks at columns of market rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.market._checks_compiled import goes_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["never_decrease"]


def never_decrease(times: NDArray[np.int64]) -> bool:
    """Return whether no time is before the one before it."""
    looks: Callable[..., int] = goes_back
    return not looks(np.ascontiguousarray(times, np.int64))
