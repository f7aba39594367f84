"""Every example is a strategy that runs, trades and is no longer than it looks."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.architecture.tree import REPOSITORY, SOURCE, blocks, pages
from tests.support.worlds import ES, MINUTE, SYMBOL, T0, trades
from tieout.model.columns import BarColumns, TradeColumns
from tieout.strategy.loader import load_strategy
from tieout.wiring import backtest_columns

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))
TEMPLATES = sorted((SOURCE / "templates").glob("*.py"))


def a_day_of_trades() -> TradeColumns:
    """Return twelve hours of prints on a seeded walk, one every two seconds."""
    draw = np.random.default_rng(5)
    prices = 6_600 + np.cumsum(draw.integers(-1, 2, 12 * 1_800))
    return trades([int(each) for each in prices], step_ns=2_000_000_000)


def minute_bars(prints: TradeColumns) -> BarColumns:
    """Return the closed minutes of the prints, known at once."""
    minute = (prints.venue_time_ns - T0) // MINUTE
    starts = np.flatnonzero(np.diff(minute, prepend=minute[0] - 1))[:-1]
    ends = np.append(starts[1:], np.flatnonzero(minute == minute[-1])[0])
    prices = prints.price_ticks
    high = np.array([prices[a:b].max() for a, b in zip(starts, ends, strict=True)], np.int64)
    low = np.array([prices[a:b].min() for a, b in zip(starts, ends, strict=True)], np.int64)
    opened = T0 + minute[starts] * MINUTE
    return BarColumns(
        SYMBOL,
        MINUTE,
        opened,
        opened + MINUTE,
        opened + MINUTE,
        prices[starts],
        high,
        low,
        prices[ends - 1],
        (ends - starts) * 10,
        np.zeros(len(starts), np.int64),
        np.zeros(len(starts), np.bool_),
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_trades(path: Path) -> None:
    prints = a_day_of_trades()

    result = backtest_columns(
        load_strategy(str(path)),
        columns=[prints, minute_bars(prints)],
        instruments=[ES],
        profile="pessimistic-1",
        cash=Decimal(100_000),
    )

    assert result.failure == ""
    assert result.fills > 0


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_of_new_is_an_example(path: Path) -> None:
    assert path.read_text() == (REPOSITORY / "examples" / path.name).read_text()


def test_the_readme_shows_the_strategy_that_runs() -> None:
    shown = blocks(pages()["README.md"], "python")

    assert (REPOSITORY / "examples" / "buy_the_dip.py").read_text() in shown
