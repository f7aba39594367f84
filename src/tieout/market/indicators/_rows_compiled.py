"""One loop over rows for all indicators; it is handed the step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tieout.market._compile import compiled
from tieout.market.indicators._layout import OUTPUTS, SEEN

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


@compiled("void(STEP, F, int64, C, C, C, C, C, FF)")
def take_rows(
    step: Callable[..., float],
    state: Any,  # noqa: ANN401  arrays, see the signature
    warm_up: int,
    opened: Any,  # noqa: ANN401
    high: Any,  # noqa: ANN401
    low: Any,  # noqa: ANN401
    close: Any,  # noqa: ANN401
    volume: Any,  # noqa: ANN401
    lines: Any,  # noqa: ANN401
) -> None:
    """Take rows into a state, one by one; write each output's line, NaN before it is ready."""
    outputs = lines.shape[0]
    for row in range(close.shape[0]):
        step(state, opened[row], high[row], low[row], close[row], volume[row])
        ready = state[SEEN] >= warm_up
        for which in range(outputs):
            lines[which, row] = state[OUTPUTS + which] if ready else math.nan
