"""Decimal text, floats and integers turned into whole ticks or lots, exactly or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.market import DIGITS_MAX, steps_of_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64s = NDArray[np.int64]
    Bools = NDArray[np.bool_]

__all__ = ["STEPS_MAX", "Scaled", "scaled"]

STEPS_MAX: Final = 1 << 62
"""A value of this many steps or more is refused, so that nothing later wraps around."""

_TEXT_MAX = 400
_FLOAT_STEPS_MAX = 2.0**53
_FLOAT_SLACK = 2.0**-48
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scaled:
    """A column as whole steps; where a mask is set, `steps` says nothing of use.

    Attributes:
        steps: The values divided by the step, rounded down where they lie off it.
        unreadable: Not a finite number.
        huge: `STEPS_MAX` steps or more.
        off: Between two steps; `steps` is the one below.
    """

    steps: Int64s
    unreadable: Bools
    huge: Bools
    off: Bools


def scaled(column: Any, step: Decimal) -> Scaled:  # noqa: ANN401 - pyarrow has no types
    """Return a column as whole multiples of a step.

    Text is read as decimal digits. A float is taken for the decimal it was made from: it may miss
    a multiple by its own rounding, never by more.

    Args:
        column: Arrow array of text, decimals, integers or floats; nulls are unreadable.
        step: Positive.
    """
    if pa.types.is_floating(column.type):
        return _from_floats(column, step)
    if pa.types.is_integer(column.type) and not column.null_count:
        whole = _from_integers(column, step)
        if whole is not None:
            return whole
    text = column if pa.types.is_string(column.type) else column.cast(pa.string())
    return _from_text(text, step)


def _from_integers(column: Any, step: Decimal) -> Scaled | None:  # noqa: ANN401
    """Return integers as steps, or None where they might wrap."""
    values = column.to_numpy(zero_copy_only=False)
    over, under = step.as_integer_ratio()
    if over >= STEPS_MAX or under >= STEPS_MAX or not len(values):
        return None
    if max(int(values.max()), -int(values.min())) * under >= STEPS_MAX:
        return None
    steps, rest = np.divmod(values.astype(np.int64) * under, over)
    none = np.zeros(len(values), np.bool_)
    return Scaled(steps, none, none, rest != 0)


def _from_text(text: Any, step: Decimal) -> Scaled:  # noqa: ANN401
    """Read plain decimals in one go, and what else is written there one by one."""
    digits, units = _digits_and_units(step)
    if digits > DIGITS_MAX or units >= STEPS_MAX or not len(text):
        return _one_by_one(text, step)
    _, offsets, letters = text.buffers()
    starts = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    plain = np.frombuffer(letters or b"", np.uint8)
    steps, off, other = steps_of_text(plain, starts.astype(np.int64), digits=digits, units=units)
    other |= ~np.asarray(text.is_valid(), np.bool_)
    none = np.zeros(len(text), np.bool_)
    if not other.any():
        return Scaled(steps, none, none, off)
    rest = _one_by_one(pc.utf8_trim_whitespace(text.filter(pa.array(other))), step)
    unreadable, huge = none, none.copy()
    for whole, part in (
        (steps, rest.steps),
        (unreadable, rest.unreadable),
        (huge, rest.huge),
        (off, rest.off),
    ):
        whole[other] = part
    return Scaled(steps, unreadable, huge, off)


def _one_by_one(text: Any, step: Decimal) -> Scaled:  # noqa: ANN401
    rows = len(text)
    steps = np.zeros(rows, np.int64)
    unreadable, huge, off = (np.zeros(rows, np.bool_) for _ in range(3))
    step_over, step_under = step.as_integer_ratio()
    for row, each in enumerate(text.to_pylist()):
        if each is None or len(each) > _TEXT_MAX or not _NUMBER.fullmatch(each):
            unreadable[row] = True
            continue
        over, under = Decimal(each).as_integer_ratio()
        whole, rest = divmod(over * step_under, under * step_over)
        if abs(whole) >= STEPS_MAX:
            huge[row] = True
            continue
        steps[row] = whole
        off[row] = rest != 0
    return Scaled(steps, unreadable, huge, off)


def _from_floats(column: Any, step: Decimal) -> Scaled:  # noqa: ANN401
    values = column.to_numpy(zero_copy_only=False).astype(np.float64)
    finite = np.isfinite(values)
    # Dividing by an exact power of ten loses less than multiplying by an inexact step.
    digits, units = _digits_and_units(step)
    ratio = np.where(finite, values, 0.0) * float(10**digits) / float(units)
    huge = np.abs(ratio) >= _FLOAT_STEPS_MAX
    ratio[huge] = 0.0
    nearest = np.rint(ratio)
    slack = np.minimum(np.maximum(1e-9, np.abs(nearest) * _FLOAT_SLACK), 0.49)
    off = np.abs(ratio - nearest) > slack
    steps = np.where(off, np.floor(ratio), nearest).astype(np.int64)
    return Scaled(steps, ~finite, huge, off)


def _digits_and_units(step: Decimal) -> tuple[int, int]:
    """Return a step as units · 10^−digits: 0.25 is (2, 25), 10 is (0, 10)."""
    digits = max(0, -int(step.normalize().as_tuple().exponent))
    return digits, int(step.scaleb(digits))
