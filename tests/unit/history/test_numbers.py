"""A column of numbers becomes whole steps exactly, whatever way it is written."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tieout.history._numbers import STEPS_MAX, scaled

STEPS = [
    Decimal(each) for each in ("0.25", "0.00001", "1", "10", "0.5", "1e-9", "7", "0.000000012")
]


def numbers() -> st.SearchStrategy[str]:
    """Return decimal text as files have it: signs, zeros, exponents, space, and nonsense."""
    digits = st.text("0123456789", min_size=0, max_size=24)
    plain = st.builds(
        lambda sign, whole, dot, part, exponent, space: (
            space + sign + whole + dot + part + exponent
        ),
        st.sampled_from(["", "", "-", "+"]),
        digits,
        st.sampled_from(["", "."]),
        digits,
        st.sampled_from(["", "", "", "e3", "E-2", "e+1", "e30", "e-40"]),
        st.sampled_from(["", "", " "]),
    )
    return plain | st.sampled_from(["", " ", "nan", "inf", "-inf", "1_0", "0x10", "1,5", ".", "１"])


def exactly(text: str, step: Decimal) -> tuple[str, int]:
    """Return what a value is, by way of fractions: its kind and whole steps."""
    text = text.strip()
    try:
        if not text.isascii() or "_" in text:
            return "unreadable", 0
        value = Fraction(Decimal(text))
    except (ArithmeticError, ValueError):
        return "unreadable", 0
    steps = value / Fraction(step)
    whole = math.floor(steps)
    if abs(whole) >= STEPS_MAX:
        return "huge", 0
    return ("on" if whole == steps else "off"), whole


def kinds(column: pa.Array, step: Decimal) -> list[tuple[str, int]]:
    read = scaled(column, step)
    found = []
    for row in range(len(column)):
        if read.unreadable[row]:
            found.append(("unreadable", 0))
        elif read.huge[row]:
            found.append(("huge", 0))
        else:
            found.append(("off" if read.off[row] else "on", int(read.steps[row])))
    return found


@settings(max_examples=300, deadline=None)
@given(st.lists(numbers(), min_size=1, max_size=6), st.sampled_from(STEPS))
@example([".0001e-40", "0"], Decimal("0.00001"))
@example([".0001E-40", "0"], Decimal("0.00001"))
@example(["12345678901234567890123"], Decimal("1e-18"))
@example(["1"], Decimal("1e-30"))
@example(["4611686018427387904"], Decimal(1))
@example(["4611686018427387903"], Decimal(1))
def test_text_is_read_as_the_fraction_it_is(texts: list[str], step: Decimal) -> None:
    assert kinds(pa.array(texts), step) == [exactly(each, step) for each in texts]


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**12), 10**12), st.sampled_from(STEPS))
def test_a_float_made_from_a_multiple_is_that_multiple(steps: int, step: Decimal) -> None:
    column = pa.array([float(steps * step)])
    assert kinds(column, step) == [("on", steps)]


@pytest.mark.parametrize("steps", [1, 399, 65_000_00, 10**9, 10**12])
@pytest.mark.parametrize("part", [0.5, 0.1, -0.01])
def test_a_float_between_two_steps_is_off(steps: int, part: float) -> None:
    assert scaled(pa.array([(steps + part) * 0.01]), Decimal("0.01")).off.tolist() == [True]


def test_a_sum_of_floats_that_misses_by_rounding_alone_is_on_the_step() -> None:
    assert kinds(pa.array([0.1 + 0.2]), Decimal("0.1")) == [("on", 3)]


def test_floats_that_are_none_or_too_large_are_told_apart() -> None:
    column = pa.array([math.nan, math.inf, None, 1e300, 1.0])
    assert [kind for kind, _ in kinds(column, Decimal(1))] == [
        *("unreadable", "unreadable", "unreadable", "huge", "on")
    ]


def test_integers_decimals_and_dictionaries_are_read_as_their_text() -> None:
    step = Decimal("0.5")
    for column in (
        pa.array([2, 3], pa.int32()),
        pa.array([Decimal("2.0"), Decimal("3.0")]),
        pa.array(["2", "3"]).dictionary_encode(),
        pa.array(["2", "3"], pa.large_string()),
        pa.array(["9", "2", "3"]).slice(1),
    ):
        assert kinds(column, step) == [("on", 4), ("on", 6)]


def test_a_missing_value_is_unreadable_and_its_neighbours_are_not() -> None:
    assert kinds(pa.array(["1", None, "2"]), Decimal(1)) == [
        *(("on", 1), ("unreadable", 0), ("on", 2))
    ]


def test_one_bad_value_does_not_change_how_the_others_are_read() -> None:
    texts = ["1.25", "-0.75", "1e2"]
    alone = scaled(pa.array(texts), Decimal("0.25")).steps
    beside = scaled(pa.array([*texts, "x"]), Decimal("0.25")).steps

    np.testing.assert_array_equal(alone, beside[:-1])
