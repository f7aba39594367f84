"""What an indicator is called, takes, gives and needs: a definition beside each compiled step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tieout.errors import SettingsError
from tieout.market.indicators._layout import AVERAGES, DEVIATIONS, SEEDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "Definition",
    "Parameter",
    "average",
    "choice",
    "deviation",
    "number",
    "seed",
    "window",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an indicator.

    Attributes:
        name: As a keyword.
        default: What stands where nothing is given; None where it must be.
        choices: Allowed names and their numbers in the state; None for a number.
        least: The smallest allowed number.
        most: The largest allowed number.
        is_whole: Whether it must be a whole number.
    """

    name: str
    default: float | str | None = None
    choices: Mapping[str, int] | None = None
    least: float = 1
    most: float = 100_000
    is_whole: bool = True

    def checked(self, indicator: str, given: Any) -> float | str:  # noqa: ANN401  checked here
        """Return the argument as it is used.

        Raises:
            SettingsError: It is missing, of another kind, or out of range.
        """
        where = f"indicator {indicator}: {self.name}"
        if given is None:
            raise SettingsError(f"{where} must be given")
        if self.choices is not None:
            if given not in self.choices:
                raise SettingsError(f"{where} {given!r}; allowed: {', '.join(self.choices)}")
            chosen: str = given
            return chosen
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise SettingsError(f"{where} {given!r} must be a number")
        if self.is_whole and given != int(given):
            raise SettingsError(f"{where} {given} must be a whole number")
        if not self.least <= given <= self.most:
            raise SettingsError(
                f"{where} {given} must be at least {self.least:g} and at most {self.most:g}"
            )
        return int(given) if self.is_whole else float(given)

    def coded(self, value: Any) -> float:  # noqa: ANN401  as `checked` returned it
        """Return the number that stands in the state for a checked argument."""
        return float(value if self.choices is None else self.choices[value])


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """An indicator: one compiled step, and what a person must know of it.

    Attributes:
        name: As `context.indicator` takes it.
        step: The compiled function; its state is drawn in `_layout`.
        parameters: In their order.
        outputs: Names of what it gives; the first is its `value`.
        units: Of each output: `price`, `price²`, `lots`, `price·lots`, `price²/lots`, `percent`
            (1 is a hundredth), `ratio` (a pure number), `side` (+1 or −1).
        memory: Of the arguments: how many floats the step keeps.
        warm_up: Of the arguments: bars until all outputs are there.
        formula: One line.
        source: Who described it; empty for what everybody knows.
        numbers: Of the arguments: the numbers that stand in the state, where they are not simply
            the arguments.
        streams: How many streams it reads; of a second one it takes the close.
    """

    name: str
    step: Callable[..., float]
    parameters: tuple[Parameter, ...] = ()
    outputs: tuple[str, ...] = ("value",)
    units: tuple[str, ...]
    memory: Callable[..., int]
    warm_up: Callable[..., int]
    formula: str
    source: str = ""
    numbers: Callable[..., tuple[float, ...]] | None = None
    streams: int = 1

    def bound(
        self, arguments: tuple[Any, ...], options: Mapping[str, Any]
    ) -> dict[str, float | str]:
        """Return all arguments by name, defaults filled in.

        Raises:
            SettingsError: There are too many, one is unknown or given twice, or not allowed.
        """
        names = [each.name for each in self.parameters]
        shown = ", ".join(names) or "none"
        if len(arguments) > len(names):
            raise SettingsError(
                f"indicator {self.name}: {len(arguments)} arguments; it takes: {shown}"
            )
        given = dict(zip(names, arguments, strict=False))
        for name, value in options.items():
            if name not in names:
                raise SettingsError(
                    f"indicator {self.name}: argument {name!r} is unknown; it takes: {shown}"
                )
            if name in given:
                raise SettingsError(f"indicator {self.name}: {name} is given twice")
            given[name] = value
        return {
            each.name: each.checked(self.name, given.get(each.name, each.default))
            for each in self.parameters
        }

    def coded(self, arguments: Mapping[str, Any]) -> tuple[float, ...]:
        """Return what stands in the state for checked arguments."""
        if self.numbers is not None:
            return self.numbers(**arguments)
        return tuple(each.coded(arguments[each.name]) for each in self.parameters)


def window(default: int | None = None, name: str = "window", least: int = 1) -> Parameter:
    """Return a parameter that counts bars."""
    return Parameter(name, default, least=least)


def number(
    name: str, default: float | None = None, *, least: float = 0.0, most: float = 1e9
) -> Parameter:
    """Return a parameter that is any number in a range."""
    return Parameter(name, default, least=least, most=most, is_whole=False)


def choice(name: str, default: str, *others: str) -> Parameter:
    """Return a parameter that is one of some names, numbered from 1 with the default first."""
    return Parameter(
        name, default, {each: place for place, each in enumerate((default, *others), start=1)}
    )


def average(default: str, name: str = "average") -> Parameter:
    """Return a parameter that names a kind of average."""
    return Parameter(name, default, AVERAGES)


def seed(default: str = "first") -> Parameter:
    """Return a parameter that names what an exponential average starts from."""
    return Parameter("seed", default, SEEDS)


def deviation(default: str = "population") -> Parameter:
    """Return a parameter that names by what squares are divided."""
    return Parameter("deviation", default, DEVIATIONS)
