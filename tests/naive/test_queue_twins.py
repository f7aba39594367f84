"""Queue models agree with their formulas in exact fractions, and own logarithms with the library's.

The twins of find_share_behind, find_ahead and find_log.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.market._queues_compiled import find_log
from tieout.market.queues import MICROLOTS, QueueKind, QueueModel

lots = st.integers(0, 10**6)
powers = st.integers(1, 6)
POWER_KINDS = (QueueKind.POWER, QueueKind.POWER_SHARE, QueueKind.POWER_REST)


def exact_share(kind: QueueKind, power: int, ahead: int, behind: int) -> Fraction:
    front, back = Fraction(ahead), Fraction(behind)
    if not front + back:
        return Fraction(1)
    if kind == QueueKind.POWER:
        return back**power / (back**power + front**power)
    if kind == QueueKind.POWER_SHARE:
        return (back / (back + front)) ** power
    return 1 - (front / (back + front)) ** power


@given(st.sampled_from(POWER_KINDS), powers, lots, lots)
def test_power_forms_are_their_formulas(
    kind: QueueKind, power: int, ahead: int, behind: int
) -> None:
    found = QueueModel(kind, 2 * power).share_behind(ahead, behind)

    assert found == pytest.approx(float(exact_share(kind, power, ahead, behind)), abs=1e-12)


@given(st.sampled_from(POWER_KINDS), st.integers(0, 5), lots, lots)
def test_half_powers_are_square_roots(kind: QueueKind, power: int, ahead: int, behind: int) -> None:
    n = power + 0.5
    x, y = (behind / (ahead + behind), ahead / (ahead + behind)) if ahead + behind else (1.0, 0.0)
    expected = {
        QueueKind.POWER: x**n / (x**n + y**n),
        QueueKind.POWER_SHARE: x**n,
        QueueKind.POWER_REST: 1 - y**n,
    }[kind]

    found = QueueModel(kind, 2 * power + 1).share_behind(ahead, behind)
    assert found == pytest.approx(expected, abs=1e-12)


@given(lots, lots)
def test_log_forms_are_their_formulas(ahead: int, behind: int) -> None:
    above = math.log1p(behind)
    log = QueueModel.named("log").share_behind(ahead, behind)
    share = QueueModel.named("log-share").share_behind(ahead, behind)

    if ahead + behind:
        assert log == pytest.approx(above / (above + math.log1p(ahead)), abs=1e-13)
        assert share == pytest.approx(above / math.log1p(ahead + behind), abs=1e-13)


@given(st.floats(1.0, 1e30))
def test_the_own_logarithm_is_the_librarys_to_the_last_places(value: float) -> None:
    assert find_log(value) == pytest.approx(math.log(value), rel=1e-15, abs=1e-16)


@settings(deadline=None)
@given(st.sampled_from(POWER_KINDS), powers, lots, lots, lots, lots)
def test_what_is_ahead_follows_the_rule_in_fractions(
    kind: QueueKind, power: int, ahead: int, before: int, after: int, traded: int
) -> None:
    gone = before - traded - after
    expected = Fraction(ahead)
    if gone > 0:
        behind = max(0, before - traded - ahead)
        share = exact_share(kind, power, ahead, behind)
        expected = ahead - (1 - share) * gone + min(behind - share * gone, Fraction(0))
    expected = max(Fraction(0), min(expected, Fraction(after)))

    found = QueueModel(kind, 2 * power).ahead_after(
        ahead * MICROLOTS,
        before_lots=before,
        after_lots=after,
        traded_microlots=traded * MICROLOTS,
    )

    assert 0 <= found <= after * MICROLOTS
    # Rounded against us by less than a microlot, give or take the last places of a float.
    assert -2 <= found - expected * MICROLOTS <= 2


def test_the_same_bits_come_out_of_both_compiled_and_interpreted_steps() -> None:
    # Golden: the run without compilation must reproduce these exactly.
    assert find_log(12345.678).hex() == "0x1.2d79559791e31p+3"
    assert QueueModel.named("log").share_behind(17, 5).hex() == "0x1.87dd597306124p-2"
    assert QueueModel.named("power-2.5").share_behind(17, 5).hex() == "0x1.6f190127adf9cp-5"
