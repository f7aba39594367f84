"""What every test may rely on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Two engines share a small machine with these tests, so an example's time says nothing. In CI the
# examples are the same each time; elsewhere each run looks somewhere new.
settings.register_profile("tieout", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tieout")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real data that is not part of the project, or skip the test."""
    named = os.environ.get("TIEOUT_TEST_DATA")
    if not named:
        pytest.skip("set TIEOUT_TEST_DATA to a folder with the real data sets to run this test")
    folder = Path(named)
    assert folder.is_dir(), f"TIEOUT_TEST_DATA names {folder}, which is no folder"
    return folder
