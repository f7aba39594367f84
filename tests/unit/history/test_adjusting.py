"""Adjusted histories are data sets of their own; the raw ones stay as they are."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.commands import in_this_process
from tests.support.worlds import ES, MINUTE, SYMBOL, T0, bars, trades
from tieout.errors import DataError, InputError
from tieout.history import Dataset, Store, write_adjusted
from tieout.model.actions import Action, ActionKind
from tieout.model.money import money

if TYPE_CHECKING:
    from pathlib import Path


__all__: list[str] = []


def a_split(minute: int, new: int, **said: Any) -> Action:
    at_ns = T0 + minute * MINUTE
    given: dict[str, Any] = {
        "kind": ActionKind.SPLIT,
        "value": new,
        "instrument": SYMBOL,
        "venue_time_ns": at_ns,
        "known_time_ns": at_ns,
    }
    return Action(**{**given, **said})


def a_dividend(minute: int, amount: str) -> Action:
    return a_split(minute, money(amount), kind=ActionKind.DIVIDEND)


def raw_bars(folder: Path) -> tuple[Store, Dataset]:
    store = Store(folder)
    return store, store.write_bars("raw", ES, MINUTE, [bars([800, 800, 400, 360])], source="made")


def closes(made: Dataset) -> list[Decimal]:
    (columns,) = made.batches(delay_ns=0)
    return [made.meta.instrument.price(each) for each in columns.close_ticks.tolist()]  # type: ignore[union-attr]


def test_bars_are_written_as_a_view_has_them_at_their_end(tmp_path: Path) -> None:
    store, raw = raw_bars(tmp_path)

    made = write_adjusted(store, "adjusted", raw, [a_dividend(3, "10"), a_split(2, 2)])

    assert closes(made) == [90, 90, 90, 90]
    assert closes(raw) == [200, 200, 100, 90]
    (columns,) = made.batches(delay_ns=0)
    assert columns.volume_lots.tolist() == [200, 200, 100, 100]  # type: ignore[union-attr]
    assert made.meta.instrument.tick_size == Decimal("0.000025")
    assert "adjusted by 2 corporate actions as of its last row" in made.meta.time_rule


def test_an_action_after_the_last_row_adjusts_nothing(tmp_path: Path) -> None:
    store, raw = raw_bars(tmp_path)

    made = write_adjusted(store, "adjusted", raw, [a_split(2, 2), a_split(60, 5)])

    assert closes(made) == [100, 100, 100, 90]


def test_a_trade_at_the_instant_of_a_split_is_one_after_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    raw = store.write_trades("raw", ES, [trades([800, 400, 400])], source="made")
    at_ns = T0 + 2 * 10**9

    made = write_adjusted(
        store, "adjusted", raw, [a_split(0, 2, venue_time_ns=at_ns)], tick_size=Decimal("0.25")
    )

    (columns,) = made.batches(delay_ns=0)
    assert columns.price_ticks.tolist() == [400, 400, 400]  # type: ignore[union-attr]
    assert columns.quantity_lots.tolist() == [20, 10, 10]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"view": "raw"}, "view 'raw'; allowed"),
        ({"tick_size": Decimal("0.1")}, "no part of the raw tick 0.25"),
        ({"tick_size": Decimal(0)}, "no part of the raw tick"),
        ({"actions": [a_split(2, 2, instrument="NQ")]}, "the actions of NQ"),
    ],
)
def test_what_cannot_be_adjusted_is_refused_and_nothing_is_written(
    tmp_path: Path, said: dict[str, Any], problem: str
) -> None:
    store, raw = raw_bars(tmp_path)
    given = {"actions": [a_split(2, 2)], **said}

    with pytest.raises(InputError, match=problem):
        write_adjusted(store, "adjusted", raw, **given)

    assert store.names() == ["raw"]


def test_a_dividend_above_the_price_is_refused(tmp_path: Path) -> None:
    store, raw = raw_bars(tmp_path)

    with pytest.raises(DataError, match="not below the price before it"):
        write_adjusted(store, "adjusted", raw, [a_dividend(2, "200")])


def test_actions_come_back_as_they_were_written(tmp_path: Path) -> None:
    told = [
        a_split(5, 7, per=2, reference=money("12.5")),
        a_dividend(2, "0.47"),
        a_split(9, 0, kind=ActionKind.SYMBOL_CHANGE, text="BRK.B-2024-NEW-NAME"),
    ]

    made = Store(tmp_path).write_actions("actions", ES, told, source="made")

    assert made.actions() == sorted(told, key=lambda each: each.venue_time_ns)
    made.verify()
    with pytest.raises(InputError, match="trades or bars are asked for"):
        made.batches(delay_ns=0)


@pytest.mark.parametrize("text", ["ÄÖ", "A" * 25])
def test_a_symbol_that_cannot_be_stored_is_refused(tmp_path: Path, text: str) -> None:
    change = a_split(1, 0, kind=ActionKind.SYMBOL_CHANGE, text=text)

    with pytest.raises(DataError, match="the symbol cannot be stored"):
        Store(tmp_path).write_actions("actions", ES, [change], source="made")


def test_the_command_writes_an_adjusted_history(tmp_path: Path) -> None:
    store, _ = raw_bars(tmp_path / "data")
    store.write_actions("actions", ES, [a_split(2, 2)], source="made")

    done = in_this_process(
        "data", "adjust", "raw", "--actions", "actions", "--as", "fine", folder=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert "fine: 4 bars of ES/USDT:USDT, adjusted" in done.stdout
    assert closes(store.dataset("fine")) == [100, 100, 100, 90]


def test_the_command_shows_actions_in_words(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    store.write_actions("actions", ES, [a_split(5, 7, per=2), a_dividend(2, "0.47")], source="made")

    done = in_this_process("data", "show", "actions", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "dividend  0.47" in done.stdout
    assert "split  7:2" in done.stdout
