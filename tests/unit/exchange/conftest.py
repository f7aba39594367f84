"""Fixtures of the gateway's unit tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.exchange.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Return a bench that is cleared away afterwards."""
    bench = Bench()
    yield bench
    bench.close()
