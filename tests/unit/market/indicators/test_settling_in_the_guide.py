"""What the guide says of how long indicators remember is what is measured."""

from __future__ import annotations

import numba
import pytest

from tests.architecture.tree import pages
from tests.support.indicator_table import measured_settling, settling_in_the_guide
from tieout.market.indicators import INDICATORS

if numba.config.DISABLE_JIT:
    pytest.skip("some hundred thousand steps are measured compiled", allow_module_level=True)


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_an_indicator_settles_as_the_guide_says(name: str) -> None:
    said = settling_in_the_guide(pages()["docs/guides/indicators.md"])

    assert said[name] == measured_settling(name)
