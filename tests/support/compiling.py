"""Tests that only mean something where functions are compiled."""

from __future__ import annotations

import numba
import pytest

__all__ = ["needs_compiler"]

needs_compiler = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="nothing is compiled",
)
