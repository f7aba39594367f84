"""Corporate actions: a plain table of them, and LEAN's factor and map files.

A table has a line for each action:

    date,action,value,reference
    2014-06-09,split,7:1,
    2014-08-07,dividend,0.47,94.96
    2022-06-09,symbol change,META,
    2023-05-01,delisting,,

A factor file has the product of all later factors, up to and including a date: what lies between
two lines takes effect on the next day that is no Saturday or Sunday. A split is the simplest ratio
that both split factors allow, which are rounded at the seventh decimal, or at the last one written
where that are fewer for a number of six digits. A dividend is the reference
close × (1 − the ratio of the price factors), in the fewest decimals, two at least, that they allow.
Where both are told in one line the dividend is one on the units before the split. The map file of
the same name tells of symbols, and of the end.

Source: the readme.md of LEAN's data folder for equities, factor files and map files.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tieout.errors import DataError, InputError
from tieout.history._action_rows import AMOUNT_MAX
from tieout.history.formats.lean import zone_of_folder
from tieout.history.formats.reading import ActionsReading, Ask, Guess, Look, Surety
from tieout.model.actions import Action, ActionKind
from tieout.model.decimals import plain_decimal
from tieout.model.instruments import InstrumentType
from tieout.model.money import MONEY_UNIT, money

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["ActionTable", "LeanFactors", "simplest_between"]

_FACTOR_ERROR: Final = Fraction(51, 10**9)
"""Half of the seventh decimal, and a little for what was added up before it was rounded."""
_DIGITS_ROUNDED: Final = 6
"""A factor of fewer digits is exact: 0.25 is a quarter."""
_TERMS_MAX: Final = 10_000
_REFERENCE_MAX: Final = AMOUNT_MAX // MONEY_UNIT
_DECIMALS: Final = range(2, 10)
_SATURDAY: Final = 5
_FOR_EVER: Final = "20501231"
_WORDS: Final = {
    "split": ActionKind.SPLIT,
    "dividend": ActionKind.DIVIDEND,
    "symbol change": ActionKind.SYMBOL_CHANGE,
    "delisting": ActionKind.DELISTING,
}
_COLUMNS: Final = {
    "date": ("date", "time", "ex_date", "ex-date", "ex date"),
    "action": ("action", "kind", "type"),
    "value": ("value", "amount", "ratio"),
    "reference": ("reference", "reference_close", "close"),
    "known": ("known", "announced", "announcement"),
}


# -- a table ----------------------------------------------------------------------------------


class ActionTable:
    """A CSV file with a line for each action."""

    name = "actions"
    kinds = ("actions",)

    def detect(self, look: Look) -> Guess | None:
        """Return a guess where the columns and the words of the first line are those of actions."""
        found = _named(look.columns)
        if not {"date", "action"} <= found.keys() or len(look.lines) < 2:
            return None
        try:
            cells = next(csv.reader(look.lines[1:2]))
        except csv.Error:
            return None
        at = found["action"]
        if at >= len(cells) or _word(cells[at]) not in _WORDS:
            return None
        return Guess(Surety.CONTENT, f"a column of actions such as {cells[at]!r}")

    def read(self, look: Look, ask: Ask) -> ActionsReading:
        """Read the file."""
        _only_actions(look, ask)
        zone = ask.zone or "UTC"
        found = _named(look.columns)
        for needed in ("date", "action", "value"):
            if needed not in found:
                raise DataError(
                    f"there is no column for {needed}",
                    file=str(look.path),
                    value=", ".join(look.columns),
                    remedy=f"Name one of them {needed}.",
                )
        actions = [
            _table_action(_Line(look.path, row, cells, found), ask, zone)
            for row, cells in _lines(look.path, header=True)
        ]
        told = "as --zone says" if ask.zone else "taken as UTC; say --zone for another"
        return ActionsReading(
            actions=actions,
            time_rule=f"days begin at midnight in {zone}, {told}",
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the table with its number, and where its columns are."""

    path: Path
    row: int
    cells: Sequence[str]
    places: dict[str, int]

    def text(self, name: str) -> str:
        at = self.places.get(name)
        return "" if at is None or at >= len(self.cells) else self.cells[at].strip()

    def error(self, problem: str, value: str, limit: str, remedy: str) -> DataError:
        return DataError(
            problem, file=str(self.path), row=self.row, value=value, limit=limit, remedy=remedy
        )


def _table_action(line: _Line, ask: Ask, zone: str) -> Action:
    word = _word(line.text("action"))
    kind = _WORDS.get(word)
    if kind is None:
        raise line.error(
            "there is no such action", line.text("action"), ", ".join(_WORDS), "Correct the word."
        )
    at_ns = _instant_ns(line, line.text("date"), zone)
    known = line.text("known")
    value, per, text = _value_of(line, kind)
    reference = line.text("reference")
    return Action(
        instrument=ask.instrument.symbol,
        kind=kind,
        venue_time_ns=at_ns,
        known_time_ns=_instant_ns(line, known, zone) if known else at_ns,
        value=value,
        per=per,
        reference=_money(line, reference) if reference else 0,
        text=text,
    )


def _value_of(line: _Line, kind: ActionKind) -> tuple[int, int, str]:
    """Return value, per and text of an action."""
    told = line.text("value")
    if kind is ActionKind.DELISTING:
        return 0, 1, ""
    if kind is ActionKind.SYMBOL_CHANGE:
        if not told:
            raise line.error("there is no new symbol", told, "a symbol", "Name it in value.")
        return 0, 1, told
    if kind is ActionKind.DIVIDEND:
        return _money(line, told), 1, ""
    try:
        new, _, old = told.replace(" ", "").replace("/", ":").partition(":")
        ratio = Fraction(plain_decimal(new)) / Fraction(plain_decimal(old or "1"))
    except (ValueError, ZeroDivisionError) as error:
        raise line.error(
            "the split is not readable", told, "new:old, such as 7:1", "Write it so."
        ) from error
    if ratio <= 0 or max(ratio.numerator, ratio.denominator) > _TERMS_MAX:
        raise line.error(
            "the split is not possible",
            told,
            f"above 0, with terms up to {_TERMS_MAX}",
            "Write new units:old units, such as 7:1 or 1:10.",
        )
    return ratio.numerator, ratio.denominator, ""


def _money(line: _Line, told: str) -> int:
    try:
        amount = money(plain_decimal(told))
    except (ValueError, InputError) as error:
        raise line.error(
            "the amount is not readable", told, "money a unit, such as 0.47", "Correct it."
        ) from error
    if amount <= 0 or amount >= 2**63:
        raise line.error("the amount is not possible", told, "above 0", "Correct it.")
    return amount


def _instant_ns(line: _Line, told: str, zone: str) -> int:
    form = "%Y%m%d" if told.isdigit() and len(told) == 8 else None
    try:
        when = datetime.strptime(told, form) if form else datetime.fromisoformat(told)  # noqa: DTZ007 - the zone follows
    except ValueError as error:
        raise line.error(
            "the date is not readable", told, "such as 2014-06-09", "Correct it."
        ) from error
    return _nanoseconds(when if when.tzinfo else when.replace(tzinfo=_zone(zone)))


# -- LEAN -------------------------------------------------------------------------------------


class LeanFactors:
    """`equity/usa/factor_files/aapl.csv`, with the map file beside it."""

    name = "lean-factors"
    kinds = ("actions",)

    def detect(self, look: Look) -> Guess | None:
        """Return a guess from the folders above the file."""
        words = look.path.absolute().parts
        folder = look.path.absolute().parent.name
        if folder not in ("factor_files", "map_files") or look.path.suffix.lower() != ".csv":
            return None
        return Guess(Surety.CONTENT, f"{'/'.join(words[-4:-1])} is a place of LEAN's folder")

    def read(self, look: Look, ask: Ask) -> ActionsReading:
        """Read the file, and the other one of the same name."""
        _only_actions(look, ask)
        folder = look.path.absolute().parent
        market = folder.parent
        security = market.parent
        zone = zone_of_folder(
            security.parent, security.name, market.name, look.path.stem, ask, str(look.path)
        )
        factors = market / "factor_files" / look.path.name
        names = market / "map_files" / look.path.name
        symbol = ask.instrument.symbol
        actions = list(_of_factors(factors, symbol, zone)) if factors.is_file() else []
        actions += list(_of_map(names, symbol, zone)) if names.is_file() else []
        told = " and ".join(each.parent.name for each in (factors, names) if each.is_file())
        return ActionsReading(
            actions=actions,
            time_rule=f"days begin at midnight in {zone}, as the folder's market hours say; an "
            "action takes effect on the next day that is no Saturday or Sunday",
            notes=(f"LEAN {told}",),
            instrument_type=InstrumentType.STOCK,
        )


def _of_factors(path: Path, symbol: str, zone: str) -> Iterator[Action]:
    """Yield the splits and dividends between the lines of a factor file."""
    for (_, before), (row, after) in pairwise(_factor_rows(path)):
        at_ns = _next_day_ns(before.day, zone)
        common = {
            "instrument": symbol,
            "venue_time_ns": at_ns,
            "known_time_ns": at_ns,
            "reference": money(before.reference),
        }
        amount = _dividend(path, row - 1, before, after)
        if amount:
            yield Action(kind=ActionKind.DIVIDEND, value=money(amount), **common)  # type: ignore[arg-type]
        if before.split != after.split:
            # A factor is old units per new ones: what a price before it is multiplied by.
            ratio = _simplest_ratio(path, row - 1, before, after)
            yield Action(
                kind=ActionKind.SPLIT,
                value=ratio.denominator,
                per=ratio.numerator,
                **common,  # type: ignore[arg-type]
            )


@dataclass(frozen=True, slots=True)
class _Factors:
    day: date
    price: Fraction
    split: Fraction
    reference: Decimal
    price_error: Fraction
    split_error: Fraction


def _factor_rows(path: Path) -> Iterator[tuple[int, _Factors]]:
    last: date | None = None
    for row, cells in _lines(path, header=False):
        if len(cells) != 4:
            raise DataError(
                "the line has not date, price factor, split factor and reference close",
                file=str(path),
                row=row,
                value=",".join(cells),
                limit="4 values",
                remedy="Fetch a newer factor file.",
            )
        if any(each.strip().lower() in ("inf", "infinity") for each in cells[1:3]):
            continue  # Before this day there are no prices that could be adjusted.
        try:
            day = datetime.strptime(cells[0].strip(), "%Y%m%d").replace(tzinfo=UTC).date()
            price, split, reference = (plain_decimal(each.strip()) for each in cells[1:])
            made = _Factors(
                day,
                Fraction(price),
                Fraction(split),
                reference,
                _error_of(price),
                _error_of(split),
            )
        except (ValueError, OverflowError) as error:
            raise DataError(
                "the line is not readable",
                file=str(path),
                row=row,
                value=",".join(cells),
                remedy="Fetch the file again.",
            ) from error
        if last is not None and day <= last:
            raise DataError(
                "the date is not later than that of the line above",
                file=str(path),
                row=row,
                value=cells[0],
                limit=f"after {last:%Y%m%d}",
                remedy="Fetch the file again.",
            )
        last = day
        if made.price <= made.price_error or made.split <= made.split_error:
            raise DataError(
                "a factor is not above what it was rounded by",
                file=str(path),
                row=row,
                value=",".join(cells[1:3]),
                limit=f"above {float(max(made.price_error, made.split_error)):.9f}",
                remedy="Fetch the file again.",
            )
        if not 0 <= reference <= _REFERENCE_MAX:
            raise DataError(
                "the reference close is no price",
                file=str(path),
                row=row,
                value=cells[3],
                limit=f"0 … {_REFERENCE_MAX}",
                remedy="Fetch the file again.",
            )
        yield row, made


def _error_of(factor: Decimal) -> Fraction:
    """Return by how much a factor may be off."""
    normal = factor.normalize()
    if len(normal.as_tuple().digits) < _DIGITS_ROUNDED:
        return _FACTOR_ERROR
    last = normal.adjusted() - len(normal.as_tuple().digits) + 1
    return max(_FACTOR_ERROR, Fraction(51, 100) * Fraction(10) ** last)


def _dividend(path: Path, row: int, before: _Factors, after: _Factors) -> Decimal | None:
    """Return the dividend between two lines, exactly as it must have been; None: there was none."""
    if before.price == after.price:
        return None
    reference = Fraction(before.reference)
    low = reference * (1 - (before.price + before.price_error) / (after.price - after.price_error))
    high = reference * (1 - (before.price - before.price_error) / (after.price + after.price_error))
    middle = reference * (1 - before.price / after.price)
    if middle <= 0 or middle >= reference:
        raise DataError(
            "the price factors tell of a dividend that cannot be",
            file=str(path),
            row=row,
            value=f"{float(middle):.6f} at a reference close of {before.reference}",
            limit="above 0 and below the reference close",
            remedy="Compare the line with the one below it, and with the dividend paid.",
        )
    for decimals in _DECIMALS:
        exact = Decimal(middle.numerator) / Decimal(middle.denominator)
        amount = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
        if low <= Fraction(amount) <= high and amount > 0:
            return amount
    raise DataError(
        "the price factors tell of no dividend of up to nine decimals",
        file=str(path),
        row=row,
        value=f"{float(middle):.12f}",
        limit=f"{float(low):.12f} … {float(high):.12f}",
        remedy="Give the actions as a table instead.",
    )


def _simplest_ratio(path: Path, row: int, before: _Factors, after: _Factors) -> Fraction:
    low = (before.split - before.split_error) / (after.split + after.split_error)
    high = (before.split + before.split_error) / (after.split - after.split_error)
    if low > 0 and high > low:
        ratio = simplest_between(low, high)
        if max(ratio.numerator, ratio.denominator) <= _TERMS_MAX and ratio != 1:
            return ratio
    raise DataError(
        "the split factors tell of no ratio of small numbers",
        file=str(path),
        row=row,
        value=f"{float(before.split)} to {float(after.split)}",
        limit=f"terms up to {_TERMS_MAX}, and not 1",
        remedy="Give the actions as a table instead.",
    )


def _of_map(path: Path, symbol: str, zone: str) -> Iterator[Action]:
    """Yield what a map file tells: a line is a symbol and the last day that it was in force."""
    rows = [cells for _, cells in _lines(path, header=False) if len(cells) >= 2]
    for before, after in pairwise(rows):
        if before[1].lower() == after[1].lower():
            continue
        at_ns = _map_day_ns(path, before[0], zone)
        yield Action(
            instrument=symbol,
            kind=ActionKind.SYMBOL_CHANGE,
            venue_time_ns=at_ns,
            known_time_ns=at_ns,
            text=after[1].strip().upper(),
        )
    if rows and rows[-1][0].strip() < _FOR_EVER:
        at_ns = _map_day_ns(path, rows[-1][0], zone)
        yield Action(
            instrument=symbol,
            kind=ActionKind.DELISTING,
            venue_time_ns=at_ns,
            known_time_ns=at_ns,
        )


def _map_day_ns(path: Path, told: str, zone: str) -> int:
    try:
        day = datetime.strptime(told.strip(), "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise DataError(
            "the date is not readable",
            file=str(path),
            value=told,
            limit="such as 20140609",
            remedy="Fetch the file again.",
        ) from error
    return _next_day_ns(day, zone)


# -- both -------------------------------------------------------------------------------------


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """Return the fraction of the smallest terms that lies in [low, high]; both are positive.

    >>> simplest_between(Fraction(14, 100), Fraction(15, 100))
    Fraction(1, 7)
    """
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    floor = low.numerator // low.denominator
    return floor + 1 / simplest_between(1 / (high - floor), 1 / (low - floor))


def _only_actions(look: Look, ask: Ask) -> None:
    if ask.kind not in (None, "actions"):
        raise InputError(f"{look.path}: kind {ask.kind!r}; of such a file: actions")


def _named(columns: Sequence[str]) -> dict[str, int]:
    """Return where each field stands among the columns."""
    lower = [each.strip().lower() for each in columns]
    return {
        field: lower.index(word)
        for field, words in _COLUMNS.items()
        for word in words
        if word in lower
    }


def _word(told: str) -> str:
    word = " ".join(told.strip().lower().replace("_", " ").replace("-", " ").split())
    return {"delisted": "delisting", "symbol changed": "symbol change"}.get(word, word)


def _lines(path: Path, *, header: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield lines with their one-based data rows, empty ones left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row, cells in enumerate(csv.reader(file), start=0 if header else 1):
                if row and any(each.strip() for each in cells):
                    yield row, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"cannot be read ({error})", file=str(path), remedy="Fetch the file again."
        ) from error


def _next_day_ns(day: date, zone: str) -> int:
    """Return the first instant of the next day that is no Saturday or Sunday."""
    day += timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return _nanoseconds(datetime(day.year, day.month, day.day, tzinfo=_zone(zone)))


def _zone(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(
            f"zone {zone!r} is not known; name one such as America/New_York"
        ) from error


def _nanoseconds(when: datetime) -> int:
    return round(when.timestamp() * 1_000_000) * 1_000
