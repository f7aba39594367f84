"""`logarithm` and `exponential` against the library's, within the ulp that they state."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.market.indicators._logarithms_compiled import exponential, logarithm

ULP_MAX = 2.0


@given(st.floats(1e-300, 1e300) | st.floats(0.5, 2.0) | st.floats(1 - 1e-9, 1 + 1e-9))
def test_the_logarithm_is_within_two_ulp(value: float) -> None:
    wanted = math.log(value)

    assert abs(logarithm(value) - wanted) <= ULP_MAX * math.ulp(wanted)


@given(st.floats(-700.0, 700.0) | st.floats(-1.0, 1.0))
def test_the_exponential_is_within_two_ulp(power: float) -> None:
    wanted = math.exp(power)

    assert abs(exponential(power) - wanted) <= ULP_MAX * math.ulp(wanted)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_what_has_no_logarithm_gives_zero(value: float) -> None:
    assert logarithm(value) == 0.0


def test_powers_of_two_and_ends_are_met() -> None:
    assert logarithm(1.0) == 0.0
    assert exponential(0.0) == 1.0
    assert exponential(-1e9) == exponential(-700.0) > 0.0
    assert exponential(1e9) == exponential(700.0) < math.inf
    for power in (-1000, -1, 1, 10, 1000):
        assert logarithm(2.0**power) == pytest.approx(power * math.log(2.0), rel=3e-16)
