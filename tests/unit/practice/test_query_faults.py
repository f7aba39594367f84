"""Queries are counted by path, and answers are bent as the script says."""

from __future__ import annotations

from typing import Any

import pytest

from tieout.adapters.venues.practice.faults import load_faults
from tieout.adapters.venues.practice.query_faults import QueryFaults, bent

KLINES = [[each, "1", "2", "1", "2", "5.5", each + 59] for each in range(0, 300, 60)]
MARKS = [[each, "1", "2", "1", "2", "0", each + 59] for each in range(0, 300, 60)]


def faults(*words: str) -> QueryFaults:
    script = ",".join(f'{{"fault":"query","path":"klines",{each}}}' for each in words)
    return QueryFaults(load_faults(f"[{script}]"))


def bent_by(words: str, answer: Any) -> Any:
    fault = faults(f'"nth":1,{words}').asked("/fapi/v1/klines")
    assert fault is not None, words
    return bent(fault, answer)


def test_only_queries_of_the_path_are_counted() -> None:
    scripted = faults('"nth":2,"trouble":"cut"', '"every":3,"trouble":"error","status":502')

    asked = [scripted.asked(f"/fapi/v1/{each}") for each in ("klines", "time", "klines", "klines")]

    assert [None if each is None else each.trouble.value for each in asked] == [
        None, None, "cut", "error",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ('"trouble":"repeat","rows":2', [0, 60, 120, 180, 180, 240, 240]),
        ('"trouble":"drop","rows":2', [0, 180, 240]),
        ('"trouble":"reverse"', [240, 180, 120, 60, 0]),
        ('"trouble":"delay"', [0, 60, 120, 180, 240]),
    ],
)
def test_rows_come_as_the_script_wants_them(words: str, rows: list[int]) -> None:
    assert [each[0] for each in bent_by(words, KLINES)] == rows


def test_a_revision_is_another_figure_of_the_first_row() -> None:
    revise = '"trouble":"revise"'

    assert bent_by(revise, KLINES)[0][5] == "11.0"
    assert bent_by(revise, MARKS)[0][1:5] == ["2", "4", "2", "4"]
    assert bent_by(revise, [{"q": "1.5", "p": "7"}]) == [{"q": "3.0", "p": "7"}]
    assert bent_by(revise, [{"fundingRate": "-0.01"}]) == [{"fundingRate": "-0.02"}]
    assert bent_by(revise, KLINES)[1:] == KLINES[1:]


def test_what_is_no_list_of_rows_stays_as_it_is() -> None:
    assert bent_by('"trouble":"reverse"', {"serverTime": 1}) == {"serverTime": 1}
    assert bent_by('"trouble":"revise"', []) == []
