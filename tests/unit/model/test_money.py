"""Money is exact at its edges."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.errors import InputError
from tieout.model.money import decimal_text, money, money_decimal, round_half_up


@given(st.integers(-(10**30), 10**30))
def test_money_and_decimal_are_inverse(units: int) -> None:
    assert money(money_decimal(units)) == units
    assert money(decimal_text(units)) == units


@pytest.mark.parametrize(
    ("units", "text"),
    [(0, "0.00"), (12_340_000_000_000, "12.34"), (-1, "-0.000000000001"), (10**12, "1.00")],
)
def test_text_is_plain_and_shows_at_least_cents(units: int, text: str) -> None:
    assert decimal_text(units) == text


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "0.0000000000001"])
def test_amounts_that_cannot_be_held_are_refused(wrong: str) -> None:
    with pytest.raises(InputError):
        money(wrong)


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**9))
def test_rounding_is_half_up_away_from_zero(numerator: int, denominator: int) -> None:
    exact = Decimal(numerator) / Decimal(denominator)
    if (2 * numerator) % denominator == 0 or abs(exact) < 10**15:
        expected = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
        assert abs(round_half_up(numerator, denominator) - expected) <= (
            0 if exact == exact.quantize(Decimal("1e-6")) else 1
        )


def test_ties_go_away_from_zero() -> None:
    assert [round_half_up(n, 2) for n in (-3, -1, 1, 3)] == [-2, -1, 1, 2]
