"""The guide to indicators has every one of them, as the registry has it."""

from __future__ import annotations

import pytest

from tests.architecture.tree import pages
from tests.support.indicator_table import settling_in_the_guide, table_of
from tieout.market.indicators import FAMILIES, INDICATORS

GUIDE = "docs/guides/indicators.md"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_of_a_family_is_the_one_of_the_registry(family: str) -> None:
    text = pages()[GUIDE]

    table = table_of(family, settling_in_the_guide(text))

    assert f"### {family.capitalize()}\n\n{table}\n" in text


def test_the_guide_counts_them_right() -> None:
    assert f"{len(INDICATORS)} indicators" in pages()[GUIDE]


def test_every_family_is_said_to_be_measured() -> None:
    assert set(settling_in_the_guide(pages()[GUIDE])) == set(INDICATORS)
