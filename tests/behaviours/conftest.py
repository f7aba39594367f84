"""Benches whose runs are replayed at the end of every test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def a_bench() -> Iterator[Callable[..., Bench]]:
    """Make benches, and prove at the end that each run is the same when it is folded again."""
    made: list[Bench] = []

    def make(*arguments: Any, **settings: Any) -> Bench:
        made.append(Bench(*arguments, **settings))
        return made[-1]

    yield make
    for each in made:
        each.same_again()


@pytest.fixture
def bench(a_bench: Callable[..., Bench]) -> Bench:
    """Return a bench whose venue has little itself: market, limit and stop orders."""
    return a_bench()
