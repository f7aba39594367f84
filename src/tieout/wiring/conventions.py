"""Whose convention a column of indicator values follows: each that we know is tried.

their bars ──▶ our indicator, every variant ──▶ arguments? stamps? rate? prices? warm-up?
"""

from __future__ import annotations

import csv
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from tieout.errors import InputError
from tieout.market.indicators import Indicator, indicator_named
from tieout.model.columns import BarColumns
from tieout.model.decimals import plain_decimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tieout.market.indicators import Definition

__all__ = ["Convention", "Explanation", "explain_indicator"]

_SHIFTS: Final = (0, 1, -1, 2, -2)
"""Rows by which their stamps may be late (+) or early."""
_PRICES: Final = {
    "open": (12, 0, 0, 0),
    "(high + low) / 2": (0, 6, 6, 0),
    "(high + low + close) / 3": (0, 4, 4, 4),
    "(open + high + low + close) / 4": (3, 3, 3, 3),
}
"""What may stand where we take the close: twelfths of open, high, low and close."""
_TWELFTHS: Final = 12
_RATE: Final = "risk_free_rate"
_RATE_MAX: Final = 0.1
_HALVINGS: Final = 60
_ROWS_LEAST: Final = 10
"""Fewer rows that agree prove nothing."""
_SHARE_LEAST: Final = 0.3
"""Of the rows there are, so many at the end must agree where the first ones do not."""
_PLACES_MAX: Final = 9


class Convention(msgspec.Struct, frozen=True, kw_only=True):
    """How our indicator gives their values.

    Attributes:
        arguments: All arguments by name.
        output: Which output it is.
        shift: Their value of a row is ours of so many rows before.
        prices: What stands where we take the close; empty for the close.
        unsettled: Rows, from the first that both have, in which the values still come together:
            theirs had seen earlier bars.
        difference: Largest distance after those rows.
    """

    arguments: dict[str, float | str]
    output: str
    shift: int
    prices: str
    unsettled: int
    difference: float


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What explains that their values are not ours.

    Attributes:
        indicator: Its name here.
        given: All arguments as they were given, defaults filled in.
        rows: Rows in which both sides have a value with these.
        difference: Largest distance with these, of the output that was found, else of the first;
            None where there is no row, or the risk-free rate was not given.
        found: The nearest convention that gives their values; None where none does.
        causes: Of `arguments`, `stamps`, `risk_free_rate`, `prices`, `warm_up`, those it takes.
    """

    indicator: str
    given: dict[str, float | str]
    rows: int
    difference: float | None
    found: Convention | None
    causes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether theirs are ours with the arguments as given."""
        return self.found is not None and not self.causes


def explain_indicator(
    path: Path,
    *,
    indicator: str,
    column: str,
    arguments: Mapping[str, float | str],
    tolerance: float = 1e-2,
) -> Explanation:
    """Find how an indicator of ours gives a column that somebody else computed.

    The file has their bars and their values, so prices are the same on both sides, unless they
    used another one than the close. Tried are all words that we know for the indicator (which
    average, which seed, which deviation), stamps up to two rows apart, other prices, and a
    risk-free rate; what needs the fewest of these is told.

    Args:
        path: CSV with a header: `open`, `high`, `low`, `close` or `close` alone, `volume` if it
            has one, and the column. Oldest first.
        indicator: Name of ours.
        column: Name of theirs.
        arguments: As they said they were; what is not said is our default.
        tolerance: How far apart values may be, relative to the median change of theirs from row to
            row: of what moves slowly less is allowed.

    Raises:
        InputError: The file cannot be read so, or an argument is not allowed.
    """
    definition = indicator_named(indicator)
    if definition.streams != 1:
        raise InputError(f"indicator {indicator} reads two streams; a file has the bars of one")
    bars, tick, theirs = _read(path, column)
    there = ~np.isnan(theirs)
    if there.sum() < _ROWS_LEAST:
        raise InputError(
            f"{path}: column {column!r} has {there.sum()} values; at least {_ROWS_LEAST}"
        )
    allowed = _allowed(theirs[there], tolerance)
    rate_open = any(each.name == _RATE for each in definition.parameters)
    rate_open = rate_open and _RATE not in arguments
    given = definition.bound((), {**arguments, _RATE: 0.0} if rate_open else arguments)

    candidates: list[tuple[tuple[int, ...], tuple[str, ...], Convention]] = []
    for prices, (rows, size) in _with_prices(bars, tick):
        for variant in _variants(definition, given):
            tried = _with_rate(definition, variant, rows, size, theirs) if rate_open else variant
            made = Indicator(indicator, tick=size, **tried)
            for output, line in made.extend(rows).items():
                for shift in _SHIFTS:
                    agreed = _agreement(_shifted(line, shift), theirs, allowed)
                    if agreed is None:
                        continue
                    unsettled, difference = agreed
                    found = Convention(
                        arguments=tried,
                        output=output,
                        shift=shift,
                        prices=prices,
                        unsettled=unsettled,
                        difference=difference,
                    )
                    causes = _causes(found, given, rate_open=rate_open)
                    changed = sum(tried[each] != given[each] for each in given if each != _RATE)
                    at = definition.outputs.index(output)
                    # What settles late is a weaker proof than another word or stamp; of proofs
                    # alike the one that changes the least is the nearest.
                    key = (unsettled > 0, len(causes), changed, abs(shift), unsettled, at)
                    candidates.append((key, causes, found))
        if any(not key[0] for key, _, _ in candidates):
            # Other prices are an explanation only where the close is none.
            break
    best = min(candidates, key=lambda each: each[0], default=None)
    output = best[2].output if best else definition.outputs[0]
    plain = Indicator(indicator, tick=tick, **given).extend(bars)[output]
    both = there & ~np.isnan(plain)
    told = bool(both.any()) and not rate_open
    return Explanation(
        indicator=indicator,
        given={name: value for name, value in given.items() if name != _RATE or not rate_open},
        rows=int(both.sum()),
        difference=float(np.abs(plain - theirs)[both].max()) if told else None,
        found=best[2] if best else None,
        causes=best[1] if best else (),
    )


def _allowed(values: NDArray[np.float64], tolerance: float) -> float:
    """Return how far apart values may be; what hardly ever moves is held to twelve digits."""
    moved = float(np.median(np.abs(np.diff(values))))
    return max(tolerance * moved, 1e-12 * float(np.abs(values).max()))


def _causes(
    found: Convention, given: Mapping[str, float | str], *, rate_open: bool
) -> tuple[str, ...]:
    words = any(found.arguments[each] != given[each] for each in given if each != _RATE)
    causes = {
        "arguments": words,
        "stamps": found.shift != 0,
        _RATE: rate_open and found.arguments[_RATE] != 0.0,
        "prices": bool(found.prices),
        "warm_up": found.unsettled > 0,
    }
    return tuple(name for name, holds in causes.items() if holds)


def _variants(
    definition: Definition, given: Mapping[str, float | str]
) -> Iterator[dict[str, float | str]]:
    """Yield the arguments with every choice of words; windows and numbers stay."""
    words = [each for each in definition.parameters if each.choices is not None]
    for chosen in product(*(each.choices or () for each in words)):
        yield {**given, **{each.name: one for each, one in zip(words, chosen, strict=True)}}


def _with_rate(
    definition: Definition,
    variant: dict[str, float | str],
    bars: BarColumns,
    tick: float,
    theirs: NDArray[np.float64],
) -> dict[str, float | str]:
    """Return the arguments with the rate at which ours lie, in the middle, on theirs.

    The higher the rate, the lower every value; so halving finds it.
    """
    low, high = -_RATE_MAX, _RATE_MAX

    def above(rate: float) -> float:
        made = Indicator(definition.name, tick=tick, **{**variant, _RATE: rate})
        away = next(iter(made.extend(bars).values())) - theirs
        known = away[~np.isnan(away)]
        return float(np.median(known)) if len(known) else 0.0

    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if above(middle) > 0:
            low = middle
        else:
            high = middle
    # A rate is told in hundredths of a millionth; what is nearer to none is none.
    return {**variant, _RATE: round((low + high) / 2, 8) + 0.0}


def _shifted(line: NDArray[np.float64], shift: int) -> NDArray[np.float64]:
    moved = np.full_like(line, np.nan)
    if shift >= 0:
        moved[shift:] = line[: len(line) - shift]
    else:
        moved[:shift] = line[-shift:]
    return moved


def _agreement(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], allowed: float
) -> tuple[int, float] | None:
    """Return how many rows differ at first, and how far the others lie apart; None if too many."""
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    apart = np.abs(ours - theirs)[both]
    if len(apart) < _ROWS_LEAST:
        return None
    differing = np.flatnonzero(apart > allowed)
    unsettled = int(differing[-1]) + 1 if len(differing) else 0
    left = len(apart) - unsettled
    if left < max(_ROWS_LEAST, _SHARE_LEAST * len(apart)):
        return None
    return unsettled, float(apart[unsettled:].max())


def _with_prices(bars: BarColumns, tick: float) -> Iterator[tuple[str, tuple[BarColumns, float]]]:
    """Yield the bars, and then bars whose close is another price, in twelfths of a tick."""
    yield "", (bars, tick)
    columns = (bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks)
    for name, parts in _PRICES.items():
        close = sum(part * each for part, each in zip(parts, columns, strict=True))
        yield (
            name,
            (
                _bars(*(_TWELFTHS * each for each in columns[:3]), close, bars.volume_lots),
                tick / _TWELFTHS,
            ),
        )


def _bars(*columns: Any) -> BarColumns:  # noqa: ANN401 - whatever numpy takes
    """Return bars one after the other; of a file without an interval the times mean nothing."""
    opens, highs, lows, closes, lots = (np.ascontiguousarray(each, np.int64) for each in columns)
    rows = len(closes)
    opened = np.arange(rows, dtype=np.int64)
    return BarColumns(
        "",
        1,
        opened,
        opened + 1,
        opened + 1,
        opens,
        highs,
        lows,
        closes,
        lots,
        np.zeros(rows, np.int64),
        np.zeros(rows, np.bool_),
    )


def _read(path: Path, column: str) -> tuple[BarColumns, float, NDArray[np.float64]]:
    """Return a file's bars in ticks of its own decimals, the tick, and a column, NaN for none."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        head, *rows = [each for each in csv.reader(lines) if any(each)] or [[]]
    names = [each.strip().lower() for each in head]
    if column.lower() not in names:
        raise InputError(f"{path}: there is no column {column!r}; it has {', '.join(names)}")
    if "close" not in names:
        raise InputError(f"{path}: there is no column 'close'; it has {', '.join(names)}")
    priced = ("open", "high", "low", "close")
    if not set(priced) <= set(names):
        priced = ("close",) * 4
    try:
        prices = [
            [plain_decimal(row[names.index(name)]).normalize() for row in rows] for name in priced
        ]
        volume = [0] * len(rows)
        if "volume" in names:
            volume = [round(plain_decimal(row[names.index("volume")] or "0")) for row in rows]
        theirs = np.array([_number(row, names.index(column.lower())) for row in rows])
    except (IndexError, ValueError) as error:
        raise InputError(f"{path}: a row is not numbers ({error}); remove or repair it") from error
    places = max((_places(each) for line in prices for each in line), default=0)
    if places > _PLACES_MAX:
        raise InputError(f"{path}: prices have {places} decimals; at most {_PLACES_MAX}")
    ticks = [[int(each.scaleb(places)) for each in line] for line in prices]
    return _bars(*ticks, volume), 10.0**-places, theirs


def _places(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    assert isinstance(exponent, int), price
    return max(-exponent, 0)


def _number(row: Sequence[str], at: int) -> float:
    text = row[at].strip() if at < len(row) else ""
    return float(text) if text else np.nan
