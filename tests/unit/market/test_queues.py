"""Queue models by name, and what they refuse."""

from __future__ import annotations

import pytest

from tieout.errors import SettingsError
from tieout.market.queues import MICROLOTS, QueueKind, QueueModel


@pytest.mark.parametrize(
    ("name", "kind", "twice"),
    [
        ("pessimistic", QueueKind.PESSIMISTIC, 0),
        ("power-3", QueueKind.POWER, 6),
        ("power-0.5", QueueKind.POWER, 1),
        ("power-share-2", QueueKind.POWER_SHARE, 4),
        ("power-rest-1.5", QueueKind.POWER_REST, 3),
        ("log", QueueKind.LOG, 0),
        ("log-share", QueueKind.LOG_SHARE, 0),
    ],
)
def test_a_model_has_a_name_and_is_found_by_it(name: str, kind: QueueKind, twice: int) -> None:
    assert QueueModel.named(name) == QueueModel(kind, twice)
    assert QueueModel(kind, twice).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "fifo",
        "power",
        "power-",
        "power-0",
        "power-0.3",
        "power-11",
        "power-x",
        "log-2",
        "power--1",
    ],
)
def test_what_is_no_model_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="queue model"):
        QueueModel.named(name)


def test_a_queue_that_cannot_be_computed_exactly_is_refused() -> None:
    model = QueueModel.named("log")
    for quantities in ((-1, 5, 4), (0, -5, 4), (0, 5, 2**43 + 1)):
        ahead, before, after = quantities
        with pytest.raises(SettingsError, match="microlots"):
            model.ahead_after(ahead, before_lots=before, after_lots=after)


def ahead(name: str, before: int, after: int, traded: int = 0) -> float:
    """Return what is ahead after a change of a level of which half stood ahead."""
    found = QueueModel.named(name).ahead_after(
        (before // 2 - traded) * MICROLOTS,
        before_lots=before,
        after_lots=after,
        traded_microlots=traded * MICROLOTS,
    )
    return found / MICROLOTS


def test_a_pessimistic_queue_moves_only_when_the_level_is_smaller_than_it() -> None:
    assert ahead("pessimistic", 100, 60) == 50
    assert ahead("pessimistic", 100, 30) == 30


def test_of_two_equal_halves_a_symmetric_model_takes_as_much_from_each() -> None:
    assert ahead("power-2", 100, 60) == 30
    assert ahead("log", 100, 60) == pytest.approx(30)


def test_what_the_prints_explain_is_not_counted_twice() -> None:
    assert ahead("power-2", 100, 80, traded=20) == 30


def test_a_level_that_grew_moves_nobody() -> None:
    assert ahead("power-2", 100, 120) == 50
