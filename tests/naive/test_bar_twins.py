"""The bar maker equals its plain twin on random streams: whole, in pieces, and row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.naive.bars import NaiveBars
from tieout.market.bars import EACH_TRADE, BarMaker
from tieout.model.bars import BarKind, BarRule, GapRule
from tieout.model.columns import BarColumns, TradeColumns

TOLD = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
"""Columns of what is told; the last, an id, is not part of a bar."""

NEVER = 2**62


def column(values: Any) -> Any:
    return np.asarray(values, np.int64)


def stream(draw: np.random.Generator) -> TradeColumns:
    """Return trades that arrive with delays and disorder, some together, with gaps between."""
    rows = int(draw.integers(1, 40))
    steps = draw.choice([0, 0, 1, 2, 5, 30, 120], rows) * int(draw.choice([1, 1, 3]))
    sent = 10 + np.cumsum(steps)
    arrival = sent + draw.choice([0, 1, 4, 40], rows) * int(draw.integers(0, 2))
    order = np.argsort(arrival, kind="stable")
    return TradeColumns(
        "X",
        column(sent[order]),
        column(arrival[order]),
        column(draw.integers(1, 8, rows)),
        column(draw.integers(1, 9, rows)),
        np.zeros(rows, np.int8),
        column(order + 1 if draw.random() < 0.8 else np.zeros(rows)),
    )


def rule_of(draw: np.random.Generator) -> BarRule:
    kind = BarKind(int(draw.choice([1, 1, 1, 2, 3, 4])))
    if kind is not BarKind.TIME:
        return BarRule(kind, int(draw.integers(1, 40)), "counted")
    ends = np.sort(draw.choice(400, 2 * int(draw.integers(1, 5)), replace=False)).tolist()
    sessions = tuple(zip(ends[::2], ends[1::2], strict=True)) if draw.random() < 0.4 else ()
    gaps = GapRule(int(draw.integers(1, 4)))
    return BarRule(kind, int(draw.choice([7, 10, 60])), "time", gaps=gaps, sessions=sessions)


def settings_of(draw: np.random.Generator) -> dict[str, int | None]:
    return {
        "grace": [None, 0, 3, 50][int(draw.integers(0, 4))],
        "running": int(draw.choice([0, 0, EACH_TRADE, 1, 5, 20])),
        "whole_from": int(draw.choice([0, 0, 40])),
        "kept": int(draw.choice([1, 2, 5, 64])),
    }


def maker_of(rule: BarRule, settings: dict[str, Any]) -> BarMaker:
    return BarMaker(
        "X",
        rule,
        grace_ns=settings["grace"],
        running_ns=settings["running"],
        whole_from_ns=settings["whole_from"],
        kept_bars=settings["kept"],
    )


def told(parts: list[Any]) -> list[tuple[int, ...]]:
    rows = np.concatenate(parts)[:, TOLD].tolist()
    # What a gap repeats is not told: the event has its times alone.
    return [tuple(row[:4]) if row[0] == 3 else tuple(row) for row in rows]


def plain(rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return [row[:4] if row[0] == 3 else row for row in rows]


def pass_rows(maker: BarMaker, now: int) -> Any:
    """Let time pass and return rows instead of columns."""
    from tieout.market._bar_making_compiled import pass_time

    assert pass_time(maker._state, maker._sessions, maker._kept, maker._out, now) == 0
    return maker._drain()


def check_one(seed: int) -> None:
    draw = np.random.default_rng(seed)
    trades, rule, settings = stream(draw), rule_of(draw), settings_of(draw)
    end = int(trades.arrival_time_ns[-1]) + int(draw.choice([0, 5, 300]))
    naive = NaiveBars(rule, **settings)  # type: ignore[arg-type]
    whole, pieces, single = (maker_of(rule, settings) for _ in range(3))
    found: list[list[Any]] = [[], [], []]

    found[0].append(whole.take_rows(trades))
    at = 0
    while at < len(trades):
        step = int(draw.integers(1, 9))
        found[1].append(pieces.take_rows(trades.rows(at, at + step)))
        at += step
    for row in range(len(trades)):
        # As live: the clock is looked at before a trade, at the times that the maker asks for.
        arrival = int(trades.arrival_time_ns[row])
        while (due := single.next_due_ns) is not None and due <= arrival:
            assert due == naive.next_due()
            found[2].append(pass_rows(single, due))
            naive.clock(due)
        found[2].append(single.take_rows(trades.rows(row, row + 1)))
        values = (trades.venue_time_ns, trades.arrival_time_ns, trades.price_ticks)
        time, known, price = (int(each[row]) for each in values)
        quantity, number = int(trades.quantity_lots[row]), int(trades.trade_id[row])
        naive.trade(time, known, price, quantity, number)
    for maker, each in zip((whole, pieces, single), found, strict=True):
        each.append(pass_rows(maker, end))
    naive.clock(end)

    expected = plain(naive.out)
    assert told(found[0]) == expected, seed
    assert told(found[1]) == expected, seed
    assert told(found[2]) == expected, seed
    assert whole.too_late + whole.outside + whole.partial == naive.lost, seed


@pytest.mark.parametrize("block", range(4))
def test_bars_of_trades_equal_their_twin(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        check_one(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(10))
def test_bars_of_many_trades_equal_their_twin(block: int) -> None:
    for seed in range(10_000 + block * 2000, 12_000 + block * 2000):
        check_one(seed)


def finer_bars(draw: np.random.Generator, finer: int) -> BarColumns:
    """Return finer bars that arrive late, in disorder, some revised, some made up."""
    rows = int(draw.integers(1, 40))
    number = np.sort(draw.choice(60, rows))
    opened = number * finer
    arrival = opened + finer + draw.choice([0, 2, 25], rows) * int(draw.integers(0, 2))
    order = np.argsort(arrival, kind="stable")
    opened, arrival = opened[order], arrival[order]
    opening, closing = draw.integers(3, 9, rows), draw.integers(3, 9, rows)
    trades = column(draw.integers(1, 5, rows))
    first = np.zeros(rows, np.bool_)
    first[np.unique(opened, return_index=True)[1]] = True
    # Only the first version of a bar may be made up: a revision brings what was missing.
    trades[first & (draw.random(rows) < 0.2)] = 0
    return BarColumns(
        "X",
        finer,
        column(opened),
        column(opened + finer),
        column(arrival),
        column(opening),
        column(np.maximum(opening, closing) + draw.integers(0, 3, rows)),
        column(np.minimum(opening, closing) - draw.integers(0, 3, rows)),
        column(closing),
        column(draw.integers(0, 9, rows)),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.bool_),
        trades,
    )


def check_joined(seed: int) -> None:
    draw = np.random.default_rng(seed)
    finer = int(draw.choice([1_000_000, 5_000_000]))
    bars = finer_bars(draw, finer)
    gaps = GapRule(int(draw.integers(1, 4)))
    size = finer * int(draw.choice([2, 5, 12]))
    rule = BarRule(BarKind.TIME, size, "longer", f"{finer // 1_000_000}ms", gaps)
    settings = settings_of(draw)
    settings["running"] = int(draw.choice([0, EACH_TRADE, finer]))
    settings["kept"] = 64
    naive = NaiveBars(rule, **settings)  # type: ignore[arg-type]
    whole, pieces = maker_of(rule, settings), maker_of(rule, settings)
    end = int(bars.arrival_time_ns[-1]) + 3 * size

    found = [[whole.take_rows(bars), pass_rows(whole, end)], []]
    for row in range(len(bars)):
        found[1].append(pieces.take_rows(bars.rows(row, row + 1)))
        naive.finer(
            int(bars.open_time_ns[row]),
            int(bars.close_time_ns[row]),
            int(bars.arrival_time_ns[row]),
            tuple(
                int(each[row])
                for each in (
                    bars.open_ticks,
                    bars.high_ticks,
                    bars.low_ticks,
                    bars.close_ticks,
                    bars.volume_lots,
                    column(bars.trades),
                )
            ),
        )
    found[1].append(pass_rows(pieces, end))
    naive.clock(end)

    expected = plain(naive.out)
    assert told(found[0]) == expected, seed
    assert told(found[1]) == expected, seed


@pytest.mark.parametrize("block", range(2))
def test_bars_of_finer_bars_equal_their_twin(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        check_joined(seed)
