"""Times as files write them, turned into UTC nanoseconds, exactly or not at all."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import InputError
from tieout.history._numbers import scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64s = NDArray[np.int64]
    Bools = NDArray[np.bool_]

__all__ = ["StampReader", "with_24_hours"]

_UNITS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_EPOCH_S_MIN, _EPOCH_S_MAX = 631_152_000, 4_102_444_800  # 1990 and 2100
_NAIVE = pa.timestamp("ns")
_UTC = pa.timestamp("ns", "UTC")
_CLOCK = r"(\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?$"
_FORMS: Final = (
    # (pattern, replacement), tried on the first stamp of a file; each gives ISO 8601. Of the two
    # ways to write a day with slashes none is tried: 01/02/2017 says nothing.
    (rf"^(\d{{4}}-\d\d-\d\d)[T ]?\s*{_CLOCK}", r"\1 \2\6"),
    (rf"^(\d{{4}})[/.](\d\d)[/.](\d\d)[T ]?\s*{_CLOCK}", r"\1-\2-\3 \4\8"),
    (rf"^(\d\d)\.(\d\d)\.(\d{{4}})[T ]?\s*{_CLOCK}", r"\3-\2-\1 \4\8"),
    (r"^(\d{4})(\d\d)(\d\d) (\d\d)(\d\d)(\d\d)$", r"\1-\2-\3 \4:\5:\6"),
    (rf"^(\d{{4}})(\d\d)(\d\d)[T ]?\s*{_CLOCK}", r"\1-\2-\3 \4\8"),
)
_DIRECTIVES: Final = {
    "Y": r"(\d{4})",
    "m": r"(\d{1,2})",
    "d": r"(\d{1,2})",
    "H": r"(\d{1,2})",
    "M": r"(\d\d)",
    "S": r"(\d\d)",
    "f": r"(\d{1,9})",
}


class StampReader:
    """Reads the stamps of one file; the first one settles how all are written.

    Args:
        file: Named in errors.
        form: `auto`, a unit since 1970 (`s`, `ms`, `us`, `ns`), or a pattern of %Y %m %d %H %M %S
            %f such as `%d/%m/%Y %H:%M`.
        zone: Of stamps that carry none: `UTC` or an IANA name.

    Attributes:
        rule: How the stamps were read, in words, once the first chunk was.
        is_zone_assumed: Whether stamps without a zone were met.

    Raises:
        InputError: Form or zone are not known.
    """

    def __init__(self, file: str, *, form: str = "auto", zone: str = "UTC") -> None:
        self.rule = ""
        self.is_zone_assumed = False
        self._file = file
        self._zone = zone
        self._form = form
        self._unit = _UNITS.get(form)
        self._rewriting: tuple[str, str] | None = None
        if form != "auto" and self._unit is None:
            self._rewriting = self._from_directives(form)
        self._check_zone()

    def read(self, column: Any) -> tuple[Int64s, Bools]:  # noqa: ANN401 - pyarrow has no types
        """Return UTC nanoseconds, and which rows could not be read (their time is 0)."""
        if pa.types.is_timestamp(column.type):
            return self._from_stamps(column)
        if pa.types.is_date(column.type):
            return self._from_stamps(column.cast(_NAIVE))
        if pa.types.is_integer(column.type):
            return self._from_epoch(column)
        text = column if pa.types.is_string(column.type) else column.cast(pa.string())
        if self._unit is None and self._rewriting is None:
            direct = self._straight(text)
            if direct is not None:
                return direct
        text = pc.utf8_trim_whitespace(text)
        if self._unit is None and self._rewriting is None:
            self._settle(text)
        if self._unit is not None:
            return self._from_epoch(text)
        return self._from_text(text)

    def _straight(self, text: Any) -> tuple[Int64s, Bools] | None:  # noqa: ANN401
        """Read a chunk in which every stamp is ISO 8601, all with a zone or all without one."""
        if text.null_count:
            return None
        for kind in (_NAIVE, _UTC):
            try:
                # A long column that is written otherwise takes long to find it out.
                text.slice(0, 1).cast(kind)
                stamps = text.cast(kind)
            except pa.ArrowInvalid:
                continue
            return self._from_stamps(stamps)
        return None

    def _settle(self, text: Any) -> None:  # noqa: ANN401
        """Find out from the first stamp how the file writes them."""
        first = next((str(each) for each in text if each.as_py()), "")
        number = re.fullmatch(r"(\d{9,19})(\.\d+)?", first)
        if number:
            value = int(number[1])
            for unit in _UNITS.values():
                if _EPOCH_S_MIN * 10**9 <= value * unit <= _EPOCH_S_MAX * 10**9:
                    self._unit = unit
                    return
        for pattern, replacement in _FORMS:
            if re.match(pattern, first, re.ASCII):
                self._rewriting = (pattern, replacement)
                return
        # Nothing fits: every row will be called unreadable, beginning with this one.
        self._rewriting = _FORMS[0]

    def _from_text(self, text: Any) -> tuple[Int64s, Bools]:  # noqa: ANN401
        assert self._rewriting is not None, self._file
        pattern, replacement = self._rewriting
        fits = pc.fill_null(pc.match_substring_regex(text, pattern), False)  # noqa: FBT003
        text = pc.if_else(fits, text, None)
        text = pc.replace_substring_regex(text, pattern, replacement)
        text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"(UTC|GMT)$", "Z")
        if self._form != "auto":
            # Month, day and hour may share borders, so that one pass mends every other only.
            for _ in range(2):
                text = pc.replace_substring_regex(text, r"([- ])(\d)([-: ]|$)", r"\10\2\3")
        zoned = np.asarray(
            pc.fill_null(pc.match_substring_regex(text, r" .*(Z|[+-]\d\d:?\d\d)$"), False),  # noqa: FBT003
            np.bool_,
        )
        when = np.zeros(len(text), np.int64)
        wrong = ~np.asarray(fits, np.bool_)
        for rows, kind in ((~zoned, _NAIVE), (zoned, _UTC)):
            if rows.any():
                stamps = _cast_what_can_be(text.filter(pa.array(rows)), kind)
                when[rows], wrong_here = self._from_stamps(stamps)
                wrong[rows] |= wrong_here
        return when, wrong

    def _from_stamps(self, stamps: Any) -> tuple[Int64s, Bools]:  # noqa: ANN401
        """Give a zone to stamps without one; hours that happen twice or never are unreadable."""
        wrong = ~np.asarray(stamps.is_valid(), np.bool_)
        if stamps.type.tz is not None:
            self.rule = self.rule or "stamps carry their zone"
        else:
            self.rule = self.rule or f"stamps taken as {self._zone}"
            self.is_zone_assumed = True
            if self._zone != "UTC":
                first, second = (
                    pc.assume_timezone(stamps, self._zone, ambiguous=which, nonexistent=which)
                    for which in ("earliest", "latest")
                )
                wrong |= np.asarray(pc.fill_null(pc.not_equal(first, second), True), np.bool_)  # noqa: FBT003
                stamps = first
        try:
            stamps = stamps.cast(pa.timestamp("ns", stamps.type.tz))
        except pa.ArrowInvalid:
            stamps = _cast_what_can_be(stamps, pa.timestamp("ns", stamps.type.tz))
            wrong |= ~np.asarray(stamps.is_valid(), np.bool_)
        when = np.asarray(pc.fill_null(stamps.cast(pa.int64()), 0), np.int64)
        if wrong.any():
            when = np.where(wrong, 0, when)
        return when, wrong | (when < 0)

    def _from_epoch(self, column: Any) -> tuple[Int64s, Bools]:  # noqa: ANN401
        if self._unit is None:
            self._settle(column.drop_null().slice(0, 1).cast(pa.string()))
        if self._unit is None:
            rows = len(column)
            return np.zeros(rows, np.int64), np.ones(rows, np.bool_)
        unit = self._unit
        name = next(name for name, size in _UNITS.items() if size == unit)
        self.rule = self.rule or f"stamps are {name} since 1970, UTC"
        read = scaled(column, Decimal(1) / unit)
        wrong = read.unreadable | read.huge | read.off
        when = read.steps
        outside = (when < _EPOCH_S_MIN * 10**9) | (when > _EPOCH_S_MAX * 10**9)
        return when, wrong | outside

    def _from_directives(self, form: str) -> tuple[str, str]:
        """Return pattern and replacement of a form such as `%d/%m/%Y %H:%M`."""
        groups: dict[str, int] = {}
        pattern = "^"
        for literal, directive in re.findall(r"([^%]*)(?:%(.)|$)", form):
            pattern += re.escape(literal)
            if not directive:
                continue
            if directive not in _DIRECTIVES or directive in groups:
                raise InputError(
                    f"{self._file}: time form {form!r}: %{directive}; allowed, once each: "
                    f"{' '.join('%' + each for each in _DIRECTIVES)}"
                )
            pattern += _DIRECTIVES[directive]
            groups[directive] = len(groups) + 1
        if not {"Y", "m", "d"} <= groups.keys():
            raise InputError(
                f"{self._file}: time form {form!r} names no whole day; use auto, "
                f"{', '.join(_UNITS)}, or a form such as %d/%m/%Y %H:%M"
            )
        return pattern + "$", _iso_replacement(groups)

    def _check_zone(self) -> None:
        try:
            pc.assume_timezone(pa.array([0], _NAIVE), self._zone)
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{self._file}: time zone {self._zone!r} is not known; use UTC or a name such as "
                "Europe/Berlin"
            ) from error


def with_24_hours(column: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Write hours of half a day as hours of a day: `12-AM` is 00:00, `12-PM` is 12:00."""
    halves = pc.extract_regex(column, r"^(?P<day>\d{4}-\d\d-\d\d) (?P<hour>\d\d)-(?P<half>[AP]M)$")
    hour = pc.struct_field(halves, "hour").cast(pa.int64())
    is_half = pc.and_(pc.is_valid(hour), pc.and_(pc.greater(hour, 0), pc.less(hour, 13)))
    hour = pc.if_else(pc.equal(hour, 12), 0, hour)
    late = pc.multiply(pc.equal(pc.struct_field(halves, "half"), "PM").cast(pa.int64()), 12)
    clock = pc.utf8_lpad(pc.add(hour, late).cast(pa.string()), 2, "0")
    whole = pc.binary_join_element_wise(pc.struct_field(halves, "day"), clock, " ")
    whole = pc.binary_join_element_wise(whole, pa.scalar("00"), ":")
    return pc.if_else(pc.fill_null(is_half, False), whole, column)  # noqa: FBT003


def _iso_replacement(groups: dict[str, int]) -> str:
    def part(directive: str, before: str) -> str:
        return f"{before}\\{groups[directive]}" if directive in groups else ""

    day = part("Y", "") + part("m", "-") + part("d", "-")
    if "H" not in groups:
        return day
    minutes = part("M", ":") or ":00"
    return day + part("H", " ") + minutes + part("S", ":") + part("f", ".")


def _cast_what_can_be(values: Any, kind: Any) -> Any:  # noqa: ANN401
    """Cast to times; what cannot be one becomes null, found by halving."""
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        if len(values) == 1:
            return pa.nulls(1, kind)
    middle = len(values) // 2
    halves = (values.slice(0, middle), values.slice(middle))
    return pa.concat_arrays([_cast_what_can_be(each, kind) for each in halves])
