"""The table of all indicators as the guide must have it, made from the registry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.indicators import walk
from tieout.market.indicators import FAMILIES, INDICATORS, settling

if TYPE_CHECKING:
    from tieout.market.indicators import Definition, Parameter

__all__ = ["measured_settling", "settling_in_the_guide", "table_of"]

WINDOW = 20
"""Where a window has no default, what is measured is measured with this one."""
TOLERANCE = 1e-6
MEASURED_BARS = 4_000


def table_of(family: str, settled: dict[str, str]) -> str:
    """Return the rows of one family."""
    rows = [
        "| name | arguments | gives | ready after | settles after | how |",
        "|---|---|---|---|---|---|",
    ]
    rows += [
        f"| `{each.name}` | {', '.join(map(_argument, each.parameters)) or '–'} "
        f"| {_outputs(each)} | {_ready(each)} | {settled.get(each.name, '–')} | {_how(each)} |"
        for each in FAMILIES[family]
    ]
    return "\n".join(rows)


def settling_in_the_guide(text: str) -> dict[str, str]:
    """Return the measured column of the guide by the names of indicators."""
    tables, _, _ = text.partition("## Which convention")
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", tables, flags=re.MULTILINE)
    return {name: rest.split(" | ")[3].strip() for name, rest in rows if name in INDICATORS}


def measured_settling(name: str) -> str:
    """Return what the guide must say: bars until the start no longer matters, on a fixed walk."""
    definition = INDICATORS[name]
    if definition.streams == 2:
        return "–"
    found = settling(name, walk(MEASURED_BARS), tolerance=TOLERANCE, **_given(definition))
    return "never" if found is None else f"{found:,}"


def _given(definition: Definition, window: int = WINDOW) -> dict[str, float | str]:
    given: dict[str, float | str] = {}
    for each in definition.parameters:
        if each.default is None:
            given[each.name] = 0.0 if each.name == "risk_free_rate" else window
    return given


def _argument(each: Parameter) -> str:
    if each.default is None:
        return f"{each.name}"
    if each.choices is not None:
        others = "/".join(name for name in each.choices if name != each.default)
        return f"{each.name}=**{each.default}**/{others}"
    return f"{each.name}={each.default:g}"


def _outputs(definition: Definition) -> str:
    if len(set(definition.units)) == 1:
        return f"{', '.join(definition.outputs)} ({definition.units[0]})"
    pairs = zip(definition.outputs, definition.units, strict=True)
    return ", ".join(f"{output} ({unit})" for output, unit in pairs)


def _ready(definition: Definition) -> str:
    """Return the warm-up: a number at the defaults, or in terms of a window without one."""
    if not any(each.name == "window" and each.default is None for each in definition.parameters):
        return f"{definition.warm_up(**definition.bound((), _given(definition)))}"
    first, second, third = (
        definition.warm_up(**definition.bound((), _given(definition, window)))
        for window in (10, 11, 40)
    )
    slope = second - first
    more = first - 10 * slope
    if third != 40 * slope + more:
        return f"{definition.warm_up(**definition.bound((), _given(definition)))} for {WINDOW}"
    return f"{slope if slope > 1 else ''}n" + (f" {'+−'[more < 0]} {abs(more)}" if more else "")


def _how(definition: Definition) -> str:
    how = definition.formula.replace("|", "\\|")
    return f"{how} ({definition.source})" if definition.source else how
