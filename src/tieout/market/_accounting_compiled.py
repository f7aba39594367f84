"""The account of a compiled run: what `Ledger` does, in int64, with bounds instead of big numbers.

Sums that come near the end of int64 are refused before anything changes: the run then stops, the
ledger takes what was added so far, and the run goes on from nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.market._compile import uncounted_inner
from tieout.market._layout import MAKER
from tieout.market._running_layout import (
    CASH,
    COST,
    FEES,
    FILLS,
    FUNDING,
    FUNDING_AGAINST,
    FUNDING_DENOMINATOR,
    FUNDING_NUMERATOR,
    HELD,
    MAKER_DENOMINATOR,
    MAKER_NUMERATOR,
    MONEY_MAX,
    REALISED,
    ROUNDING,
    TAKER_DENOMINATOR,
    TAKER_NUMERATOR,
    TICK_VALUE,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.int64]

__all__: list[str] = []

LOTS_BOUND = 2**31
"""Two numbers of lots below it have a product in int64."""


@uncounted_inner
def rounded_share(amount: int, numerator: int, denominator: int) -> int:
    """Return amount · numerator / denominator, ties away from zero; the product fits."""
    product = amount * numerator
    if denominator == 1:
        return product
    size = abs(product)
    quotient = size // denominator
    if 2 * (size - quotient * denominator) >= denominator:
        quotient += 1
    return -quotient if product < 0 else quotient


@uncounted_inner
def fits(amount: int, price: int, factor: int) -> bool:
    """Whether amount · price · factor lies well inside of int64; as floats, which do not wrap."""
    return abs(float(amount) * float(price) * float(factor)) < MONEY_MAX


@uncounted_inner
def has_margin(run: Array, lots: int, price: int) -> bool:
    """Whether a fill of so many lots at a price can be booked exactly."""
    factor = max(run[TICK_VALUE], abs(run[MAKER_NUMERATOR]), abs(run[TAKER_NUMERATOR]))
    # The fee in units of its last digit may be small and in money units large.
    if not fits(lots, price, factor) or not fits(lots, price, run[TICK_VALUE] * 2):
        return False
    return (
        max(abs(run[HELD]), lots) < LOTS_BOUND
        and abs(run[CASH]) < MONEY_MAX
        and abs(run[COST]) < MONEY_MAX
        and abs(run[REALISED]) < MONEY_MAX
        and abs(run[FEES]) < MONEY_MAX
    )


@uncounted_inner
def released_cost(cost: int, lots: int, of_lots: int) -> int:
    """Return the cost of `lots` out of `of_lots`, rounded toward zero, without a long product."""
    size = abs(cost)
    part = size // of_lots * lots + size % of_lots * lots // of_lots
    return part if cost >= 0 else -part


@uncounted_inner
def fee_of(run: Array, lots: int, price: int, liquidity: int) -> int:
    """Return a fill's commission in money units."""
    if liquidity == MAKER:
        units = rounded_share(lots * price, run[MAKER_NUMERATOR], run[MAKER_DENOMINATOR])
    else:
        units = rounded_share(lots * price, run[TAKER_NUMERATOR], run[TAKER_DENOMINATOR])
    return units * run[ROUNDING]


@uncounted_inner
def book_fill(run: Array, side: int, lots: int, price: int, fee: int) -> None:
    """Book a fill as the ledger does."""
    signed = side * lots
    held = run[HELD]
    notional = signed * price * run[TICK_VALUE]
    if held * side >= 0:
        run[COST] += notional
    else:
        closing = min(abs(held), lots)
        released = run[COST]
        if closing != abs(held):
            released = released_cost(run[COST], closing, abs(held))
        closing_notional = side * closing * price * run[TICK_VALUE]
        run[REALISED] -= closing_notional + released
        run[COST] += notional - closing_notional - released
    run[HELD] = held + signed
    run[CASH] -= notional + fee
    run[FEES] += fee
    run[FILLS] += 1


@uncounted_inner
def book_funding(run: Array, position: int, mark: int) -> int:
    """Book a funding payment on a position and return its amount; negative is paid."""
    owed = rounded_share(position * mark, run[FUNDING_NUMERATOR], run[FUNDING_DENOMINATOR])
    owed *= run[ROUNDING]
    if run[FUNDING_AGAINST] == 1:
        owed = abs(owed)
    run[CASH] -= owed
    run[FUNDING] -= owed
    return -owed
