"""Every row of the lists of behaviours has a test of its name, or is owned up to on its page."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import DOCS, REPOSITORY

ROWS = [f"n{row:02d}" for row in range(1, 60)] + [f"l{row:02d}" for row in range(1, 46)]


def named_by_tests() -> set[str]:
    """Return the ids that tests are named by."""
    folder = REPOSITORY / "tests" / "behaviours"
    found: set[str] = set()
    for path in folder.glob("test_*.py"):
        found |= set(re.findall(r"^ *def test_([nl]\d\d)_", path.read_text("utf-8"), re.MULTILINE))
    return found


def owned_up_to() -> set[str]:
    """Return the ids that the page says are not there yet."""
    page = (DOCS / "behaviours.md").read_text("utf-8")
    return set(re.findall(r"^\| ([nl]\d\d) \|", page, re.MULTILINE))


@pytest.mark.parametrize("row", ROWS)
def test_a_behaviour_is_tested_or_owned_up_to_and_not_both(row: str) -> None:
    assert (row in named_by_tests()) is not (row in owned_up_to())
