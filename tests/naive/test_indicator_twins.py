"""Every indicator against its definition, on random bars, and in all the ways it is used."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.naive.indicators import TWINS, Bars
from tieout.market.indicators import INDICATORS, PairIndicator, make_indicator
from tieout.market.indicators._layout import OUTPUTS_MAX
from tieout.model.columns import BarColumns
from tieout.model.events import Bar

TICK = 0.25
SMALL: dict[str, float] = {
    "window": 4, "fast": 3, "slow": 6, "signal": 3, "smoothing": 2, "reach": 3, "short": 3,
    "middle": 4, "long": 7, "streak": 2, "momentum": 3, "longest": 5, "first": 2, "conversion": 3,
    "base": 5, "span": 8, "ahead": 4, "shortest": 2, "range_window": 3, "risk_free_rate": 0.001,
    "percent": 3.0, "sigma": 2.0,
}  # fmt: skip
"""Arguments that make indicators ready within a few bars."""
UNITS = {"price": TICK, "price²": TICK**2, "price·lots": TICK, "price²/lots": TICK**2}
"""What a unit is in ticks and lots; the others are themselves."""
FROM_THE_FIRST = {
    "mcginley", "true_range", "obv", "price_volume_trend", "volume_index", "zigzag", "fisher",
}  # fmt: skip
"""Indicators that say something before they are ready, whatever their seed."""


def variants() -> list[Any]:
    """Return every indicator with small arguments, and with each other name it can be given."""
    found = []
    for name, definition in INDICATORS.items():
        names = {each.name: each for each in definition.parameters}
        small = {each: SMALL[each] for each in names if each in SMALL}
        if name == "balance_of_power":
            small["window"] = 2
        found.append(pytest.param(name, small, id=name))
        for each in names.values():
            found += [
                pytest.param(name, {**small, each.name: chosen}, id=f"{name}-{each.name}-{chosen}")
                for chosen in each.choices or ()
                if chosen != each.default
            ]
    return found


def columns(bars: Bars) -> tuple[BarColumns, BarColumns]:
    """Return bars, and those of the other stream."""
    rows = len(bars.c)
    opened = 60 * np.arange(rows, dtype=np.int64)
    first, other = (
        BarColumns(
            symbol, 60, opened, opened + 60, opened + 60,
            *(np.asarray(each, np.int64) for each in prices),
            np.asarray(bars.v, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.bool_),
        )
        for symbol, prices in (("A", (bars.o, bars.h, bars.l, bars.c)), ("B", (bars.other,) * 4))
    )  # fmt: skip
    return first, other


def single(rows: BarColumns) -> list[Bar]:
    """Return the bars one by one."""
    return [
        Bar(rows.instrument, 60, *values, 0, TICK)
        for values in zip(
            *(
                each.tolist()
                for each in (
                    rows.open_time_ns, rows.close_time_ns, rows.arrival_time_ns, rows.open_ticks,
                    rows.high_ticks, rows.low_ticks, rows.close_ticks, rows.volume_lots,
                )
            ),
            strict=True,
        )
    ]  # fmt: skip


def walked(moves: list[tuple[int, int, int, int]], start: int = 50) -> Bars:
    """Return bars of a walk: change of close, room above and below, volume."""
    bars = Bars([], [], [], [], [], [])
    close = start
    for move, above, below, volume in moves:
        opened, close = close, max(close + move, 1)
        bars.o.append(opened)
        bars.c.append(close)
        bars.h.append(max(opened, close) + above)
        bars.l.append(max(min(opened, close) - below, 1))
        bars.v.append(volume)
        bars.other.append(30 + (7 * close + 3 * volume) % 11)
    return bars


def drawn(rows: int, seed: int = 5) -> Bars:
    """Return a walk from a fixed seed."""
    random = np.random.default_rng(seed)
    limits = ((-9, 10), (0, 5), (0, 5), (0, 50))
    moves = [random.integers(*each, rows).tolist() for each in limits]
    return walked(list(zip(*moves, strict=True)), start=400)


def lines_of(name: str, arguments: dict[str, Any], bars: Bars) -> dict[str, Any]:
    """Return what an indicator gives over columns."""
    made = make_indicator(name, tick=TICK, **arguments)
    first, other = columns(bars)
    if isinstance(made, PairIndicator):
        return made.extend(first, other)
    return made.extend(first)


def expected(name: str, arguments: dict[str, Any], bars: Bars) -> dict[str, list[float | None]]:
    """Return what the definition gives, in the stated units."""
    definition = INDICATORS[name]
    given = definition.bound((), arguments)
    lines = TWINS[name](bars, **given)
    named = lines if isinstance(lines, dict) else {definition.outputs[0]: lines}
    assert tuple(named) == definition.outputs
    units = dict(zip(definition.outputs, definition.units, strict=True))
    return {
        output: [None if x is None else x * UNITS.get(units[output], 1.0) for x in line]
        for output, line in named.items()
    }


moves = st.tuples(
    st.integers(-6, 6) | st.just(0), st.integers(0, 3), st.integers(0, 3), st.integers(0, 9)
)


@pytest.mark.parametrize(("name", "arguments"), variants())
@settings(max_examples=12)
@given(steps=st.lists(moves, min_size=1, max_size=45))
@example(steps=[(0, 0, 0, 0)] * 40)
@example(steps=[(1, 0, 0, 1)])
@example(steps=[(3, 1, 2, 5), (-3, 1, 2, 0)] * 20)
def test_an_indicator_equals_its_definition(
    name: str, arguments: dict[str, Any], steps: list[tuple[int, int, int, int]]
) -> None:
    bars = walked(steps)

    found = lines_of(name, arguments, bars)
    told = expected(name, arguments, bars)

    warm_up = make_indicator(name, **arguments).warm_up
    for output, line in found.items():
        assert np.isnan(line[: warm_up - 1]).all(), output
        for row in range(warm_up - 1, len(line)):
            want = told[output][row]
            assert want is not None, (output, row)
            assert math.isclose(line[row], want, rel_tol=1e-9, abs_tol=1e-8), (output, row)


@pytest.mark.parametrize(("name", "arguments"), variants())
def test_the_stated_warm_up_is_when_the_definition_first_says_all(
    name: str, arguments: dict[str, Any]
) -> None:
    if name in FROM_THE_FIRST:
        pytest.skip("it says something from its first bar on")
    names = {each.name: each for each in INDICATORS[name].parameters}
    if "seed" in names and arguments.get("average") != "wma":
        others = [each for each in names["seed"].choices or () if each != "first"]
        arguments = {**arguments, "seed": others[-1]}
    told = expected(name, arguments, drawn(120))

    rows = zip(*told.values(), strict=True)
    first = next(row for row, values in enumerate(rows, start=1) if None not in values)

    assert make_indicator(name, **arguments).warm_up == first


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_bar_by_bar_in_one_batch_and_in_chunks_are_the_same_bits(name: str) -> None:
    arguments = {each.name: 20 for each in INDICATORS[name].parameters if each.name == "window"}
    arguments |= {
        each.name: SMALL[each.name]  # type: ignore[misc]
        for each in INDICATORS[name].parameters
        if each.default is None and each.name != "window"
    }
    bars = drawn(200)
    whole = lines_of(name, arguments, bars)
    first, other = columns(bars)
    slowly, chunked = (make_indicator(name, tick=TICK, **arguments) for _ in range(2))

    parts: list[dict[str, Any]] = []
    for start, stop in ((0, 1), (1, 60), (60, 60), (60, 200)):
        part = (first.rows(start, stop), other.rows(start, stop))
        both = isinstance(chunked, PairIndicator)
        parts.append(chunked.extend(*part) if both else chunked.extend(part[0]))  # type: ignore[arg-type,call-arg]
    for row, (bar, its) in enumerate(zip(single(first), single(other), strict=True)):
        if isinstance(slowly, PairIndicator):
            slowly.update_other(its)
        slowly.update(bar)
        assert slowly.ready == (row + 1 >= slowly.warm_up)
        for output, line in whole.items():
            assert not slowly.ready or getattr(slowly, output) == line[row], (output, row)
        assert slowly.value == getattr(slowly, slowly.definition.outputs[0])

    for output, line in whole.items():
        joined = np.concatenate([each[output] for each in parts])
        assert joined.tobytes() == line.tobytes()
    assert slowly.state() == chunked.state()


@pytest.mark.parametrize(("name", "arguments"), variants())
def test_a_step_keeps_to_the_memory_that_is_stated(name: str, arguments: dict[str, Any]) -> None:
    made = make_indicator(name, tick=TICK, **arguments)
    size = len(made._state)
    guard = np.full(500, 7.25)
    made._state = np.concatenate((made._state, guard))

    first, other = columns(drawn(150))
    made.extend(first, other) if isinstance(made, PairIndicator) else made.extend(first)

    assert (made._state[size:] == guard).all()
    assert len(made.definition.outputs) <= OUTPUTS_MAX


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_a_market_at_zero_and_below_gives_numbers(name: str) -> None:
    arguments = {
        each.name: SMALL[each.name] for each in INDICATORS[name].parameters if each.name in SMALL
    }
    closes = [3, 1, 0, 0, -2, -5, 0, 4, 4, -1] * 8
    bars = Bars(closes, closes, closes, closes, [0, 5] * 40, closes[::-1])

    lines = lines_of(name, arguments, bars)

    warm_up = make_indicator(name, **arguments).warm_up
    assert all(np.isfinite(line[warm_up - 1 :]).all() for line in lines.values())


def test_every_indicator_has_a_definition_written_out() -> None:
    assert set(TWINS) == set(INDICATORS)
