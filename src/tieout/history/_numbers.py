"""Decimal text, floats and integers turned into whole ticks or lots, exactly or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64s = NDArray[np.int64]
    Bools = NDArray[np.bool_]

__all__ = ["STEPS_MAX", "Scaled", "scaled"]

STEPS_MAX: Final = 1 << 62
"""A value of this many steps or more is refused, so that nothing later wraps around."""

_DIGITS_MAX = 18
_PLAIN_TEXT_MAX = 36
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
    text = column if pa.types.is_string(column.type) else column.cast(pa.string())
    fast = _from_plain_text(text, step)
    if fast is None:
        text = pc.utf8_trim_whitespace(text)
        fast = _from_plain_text(text, step)
    return fast if fast is not None else _one_by_one(text, step)


def _from_plain_text(text: Any, step: Decimal) -> Scaled | None:  # noqa: ANN401
    """Read a column in which everything is plain, or return None.

    Arrow's cast to decimals is fast and has two holes: it wraps silently beyond 38 digits, and
    small numbers with an exponent (`.0001e-40`) silently become 0. So what is given to it is
    short, has no exponent, and is as a float far below the limit.
    """
    digits, units = _digits_and_units(step)
    if digits > _DIGITS_MAX or units >= STEPS_MAX or text.null_count or not len(text):
        return None
    if pc.max(pc.binary_length(text)).as_py() > _PLAIN_TEXT_MAX:
        return None
    letters = text.buffers()[2].to_pybytes()
    if b"e" in letters or b"E" in letters:
        return None
    try:
        sizes = np.abs(np.asarray(text.cast(pa.float64())))
        if not (sizes < float(STEPS_MAX >> 1) / 10**digits).all():
            return None
        decimals = text.cast(pa.decimal128(38, digits))
    except pa.ArrowInvalid:
        return None
    # Arrow keeps a decimal as 128 bits, low word first; these all fit the low one.
    words = np.frombuffer(decimals.buffers()[1], "<i8").reshape(-1, 2)
    whole = words[decimals.offset : decimals.offset + len(decimals), 0]
    none = np.zeros(len(whole), np.bool_)
    if units == 1:
        return Scaled(np.ascontiguousarray(whole), none, none, none)
    steps, rest = np.divmod(whole, units)
    return Scaled(steps, none, none, rest != 0)


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
