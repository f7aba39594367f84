"""Two frames that should be the same: the first row that is not, and what kind of difference it is.

Research keeps its columns in one library and the bot in another; both call it the same average. A
number that differs in its last digit and one that is missing are told apart, and a column that
equals the other one some rows later is told as that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import numpy as np

from tieout.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["ColumnDifference", "Frame", "FrameComparison", "compare_frames"]

_SHIFTS: Final = (1, -1, 2, -2, 3, -3)
_SIGN: Final = np.uint64(2**63)
_SAME_FACTOR: Final = 1e-9


class Frame(Protocol):
    """What a data frame of any library offers: named columns that become arrays."""

    @property
    def columns(self) -> Iterable[str]:
        """Names of the columns."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a column of any library
        """Return a column; it has `to_numpy()`."""

    def __len__(self) -> int:
        """Return how many rows there are."""


class ColumnDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How one column differs.

    Attributes:
        column: Its name.
        rows: How many rows differ.
        first_row: The first one, from 0.
        first, second: What is there on each side, as text; `nothing` where a value is missing.
        ulps_max: Most representable numbers between two that differ; None where a value is
            missing on one side, or the column is no numbers.
        kind: `last_digits` (a few ulps), `missing` (only what is missing on one side), `shifted`,
            `scaled`, or `values`.
        note: The same in words.
    """

    column: str
    rows: int
    first_row: int
    first: str
    second: str
    ulps_max: int | None
    kind: str
    note: str


class FrameComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two frames laid beside each other, row by row.

    Attributes:
        rows: Rows on each side.
        only_first, only_second: Columns that one side alone has.
        differing: Columns that differ, those that differ first in front.
    """

    rows: tuple[int, int]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    differing: tuple[ColumnDifference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs at all."""
        one, other = self.rows
        return one == other and not (self.only_first or self.only_second or self.differing)

    @property
    def first_row(self) -> int | None:
        """The first row in which anything differs, from 0; a row that is missing counts."""
        rows = [each.first_row for each in self.differing]
        if self.rows[0] != self.rows[1]:
            rows.append(min(self.rows))
        return min(rows, default=None)


def compare_frames(first: Frame, second: Frame, *, ulps: int = 0) -> FrameComparison:
    """Compare two frames, of pandas, Polars, or anything alike, row by row as they stand.

    Args:
        first: One frame.
        second: The other one; rows in the same order.
        ulps: How many representable numbers two floats may be apart and still be the same.

    Raises:
        InputError: They have no column in common, or the allowance is negative.
    """
    if ulps < 0:
        raise InputError(f"compare frames: ulps {ulps}; allowed: 0 or more")
    ours, theirs = [str(each) for each in first.columns], [str(each) for each in second.columns]
    shared = [each for each in ours if each in set(theirs)]
    if not shared:
        raise InputError(
            f"the frames share no column: {', '.join(ours)[:120]} and {', '.join(theirs)[:120]}; "
            "name the columns alike"
        )
    rows = min(len(first), len(second))
    found = []
    for name in shared:
        one = _values(first[name])[:rows]
        other = _values(second[name])[:rows]
        difference = _compare(name, one, other, ulps)
        if difference is not None:
            found.append(difference)
    return FrameComparison(
        rows=(len(first), len(second)),
        only_first=tuple(each for each in ours if each not in set(theirs)),
        only_second=tuple(each for each in theirs if each not in set(ours)),
        differing=tuple(sorted(found, key=lambda each: each.first_row)),
    )


def _values(column: Any) -> NDArray[Any]:  # noqa: ANN401 - a column of any library
    """Return a column as floats, as whole numbers where it is, else as objects."""
    values = np.asarray(column.to_numpy())
    if values.dtype.kind in "mM":
        return values.astype("datetime64[ns]" if values.dtype.kind == "M" else values.dtype)
    if values.dtype == np.float32:
        return values.astype(np.float64)
    if values.dtype.kind in "iufb":
        return values
    return values.astype(object)


def _compare(
    name: str, one: NDArray[Any], other: NDArray[Any], ulps: int
) -> ColumnDifference | None:
    if one.dtype.kind in "iufb" and other.dtype.kind in "iufb":
        if one.dtype.kind == other.dtype.kind == "f" or "f" in one.dtype.kind + other.dtype.kind:
            return _compare_floats(name, one.astype(np.float64), other.astype(np.float64), ulps)
        differs = one != other
        return _described(name, one, other, differs, None)
    gone = np.array([_is_missing(each) for each in one])
    lacks = np.array([_is_missing(each) for each in other])
    same = np.array([bool(a == b) for a, b in zip(one, other, strict=True)], np.bool_)
    differs = ~((gone & lacks) | (same & ~gone & ~lacks))
    return _described(name, one, other, differs, None)


def _compare_floats(name: str, one: Floats, other: Floats, ulps: int) -> ColumnDifference | None:
    gone, lacks = np.isnan(one), np.isnan(other)
    apart = _ulps_between(one, other)
    differs = (gone != lacks) | (~gone & ~lacks & (apart > ulps))
    both = differs & ~gone & ~lacks
    most = int(apart[both].max()) if both.any() else None
    return _described(name, one, other, differs, most)


def _ulps_between(one: Floats, other: Floats) -> NDArray[np.uint64]:
    """Return how many representable numbers lie between two; +0 and −0 are one."""
    left, right = _rank(one), _rank(other)
    apart: NDArray[np.uint64] = np.maximum(left, right) - np.minimum(left, right)
    return np.where(one == other, np.uint64(0), apart)


def _rank(values: Floats) -> NDArray[np.uint64]:
    """Return where floats stand among all there are, lowest first."""
    bits = values.view(np.uint64)
    ranks: NDArray[np.uint64] = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return ranks


def _described(
    name: str, one: NDArray[Any], other: NDArray[Any], differs: NDArray[np.bool_], ulps: int | None
) -> ColumnDifference | None:
    if not differs.any():
        return None
    first = int(np.argmax(differs))
    kind, note = _kind(one, other, differs, ulps)
    return ColumnDifference(
        column=name,
        rows=int(differs.sum()),
        first_row=first,
        first=_shown(one[first]),
        second=_shown(other[first]),
        ulps_max=ulps,
        kind=kind,
        note=note,
    )


def _kind(
    one: NDArray[Any], other: NDArray[Any], differs: NDArray[np.bool_], ulps: int | None
) -> tuple[str, str]:
    """Say what kind of difference it is, the simplest that explains all of it."""
    if one.dtype.kind not in "iuf" or other.dtype.kind not in "iuf":
        return "values", "the values differ"
    left, right = one.astype(np.float64), other.astype(np.float64)
    gone, lacks = np.isnan(left), np.isnan(right)
    if not (differs & ~gone & ~lacks).any():
        side = "the second" if (differs & gone).any() else "the first"
        if (differs & gone).any() and (differs & lacks).any():
            side = "each"
        return "missing", f"only {side} has values there: another warm-up, or gaps filled"
    if ulps is not None and ulps <= 64 and not (gone != lacks)[differs].any():
        return (
            "last_digits",
            f"up to {ulps} representable numbers apart: the sum was made otherwise",
        )
    for rows in _SHIFTS:
        if _equal_when_shifted(left, right, rows):
            later = "later" if rows > 0 else "earlier"
            return "shifted", f"the second is the first {abs(rows)} rows {later}"
    both = ~gone & ~lacks & (left != 0)
    if both.sum() > 1:
        with np.errstate(all="ignore"):
            factors = right[both] / left[both]
            scaled = np.all(np.abs(factors / factors[0] - 1) < _SAME_FACTOR)
        if scaled and factors[0] not in (0, 1):
            return "scaled", f"the second is {factors[0]:.10g} times the first"
    return "values", "the values differ"


def _equal_when_shifted(one: Floats, other: Floats, rows: int) -> bool:
    size = len(one) - abs(rows)
    if size < 10:
        return False
    left = one[:size] if rows > 0 else one[-rows:]
    right = other[rows:] if rows > 0 else other[:size]
    both = ~np.isnan(left) & ~np.isnan(right)
    if both.sum() < size // 2 or len(np.unique(left[both])) < 5:
        return False
    return bool(np.all(left[both] == right[both]))


def _is_missing(value: Any) -> bool:  # noqa: ANN401 - a value of any library
    return value is None or bool(value != value)  # noqa: PLR0124 - so is NaN, and so is NaT


def _shown(value: Any) -> str:  # noqa: ANN401 - a value of any library
    if _is_missing(value):
        return "nothing"
    return repr(float(value)) if isinstance(value, np.floating) else str(value)
