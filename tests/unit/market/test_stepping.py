"""The compiled loop over a strategy's rows: where it is kept, and what makes it anew."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numba
import pytest

from tests.support.compiled import Mixed
from tieout.market import _layout as core
from tieout.market import _running_layout as at
from tieout.market import stepping
from tieout.market.stepping import StepEntry
from tieout.model import blocks

SOURCE = """
from tieout.compiled import target

def step_bar(bar, given, memory, account, wishes):
    memory.whole[0] += STEP
    target(wishes, memory.whole[0] + given.more)
"""


def a_step(folder: Path, *, step: int) -> Any:
    """Return a function of a file that has another file beside it."""
    (folder / "strategy.py").write_text(f"STEP = {step}\n{SOURCE}")
    spec = importlib.util.spec_from_file_location("strategy_beside", folder / "strategy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.step_bar


def an_entry(step: Any) -> StepEntry:
    return StepEntry(
        step, {"more": 3, "name": "words are left out"}, cells=(1, 0), tick=0.5, name="x"
    )


def called(entry: StepEntry) -> list[tuple[int, ...]]:
    """Return what the function wishes on one bar."""
    entry.one((0, 1, 1, 10, 11, 9, 10, 5, 0, 0), position=0, coming=0, orders=0)
    return entry.taken()[0]


def test_an_edit_of_the_strategy_or_of_a_file_beside_it_is_another_loop(tmp_path: Path) -> None:
    one = a_step(tmp_path, step=1)
    before = stepping._key(one, "text")
    same = stepping._key(one, "text")
    (tmp_path / "helper.py").write_text("STEP = 1\n")
    beside = stepping._key(one, "text")
    other = stepping._key(a_step(tmp_path, step=2), "text")

    assert before == same
    assert len({before, beside, other, stepping._key(one, "more text")}) == 4


def test_an_edited_strategy_does_what_it_says_now(tmp_path: Path) -> None:
    assert called(an_entry(a_step(tmp_path, step=1))) == [(at.TARGET_WISH, 4, 0, 0)]
    assert called(an_entry(a_step(tmp_path, step=20))) == [(at.TARGET_WISH, 23, 0, 0)]


def test_the_loop_is_kept_on_disk(tmp_path: Path) -> None:
    if numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled")
    step = a_step(tmp_path, step=7)
    entry = an_entry(step)

    key = stepping._key(step, stepping._text({"more": 3}, "step_bar"))

    kept = {path.suffix for path in Path(numba.config.CACHE_DIR).rglob(f"step_{key[:40]}*")}
    assert called(entry) == [(at.TARGET_WISH, 10, 0, 0)]
    assert kept >= {".py", ".nbi", ".nbc"}


def test_what_closes_over_something_is_not_kept(tmp_path: Path) -> None:
    def made(add: int) -> Any:
        def step_bar(bar: Any, given: Any, memory: Any, account: Any, wishes: Any) -> None:
            memory.whole[0] += add
            wishes[0] = 0

        return step_bar

    assert stepping._key(made(1), "text") == ""
    entries = [an_entry(made(add)) for add in (1, 2)]
    for entry in entries:
        assert called(entry) == []
    assert [int(entry.memory.whole[0]) for entry in entries] == [1, 2]


def test_two_strategies_of_one_class_have_memories_of_their_own() -> None:
    entries = [
        StepEntry(Mixed.step_bar, Mixed(seed=seed).parameters(), cells=(4, 1), tick=0.25, name="M")
        for seed in (1, 2)
    ]
    entries[0].one((0, 1, 1, 10, 11, 9, 10, 5, 0, 0), position=0, coming=0, orders=0)

    assert [int(entry.memory.whole[0]) for entry in entries] == [1, 0]
    assert entries[0].memory.real[0] == 2.5


def test_the_words_of_a_block_are_those_of_a_run() -> None:
    names = ("PLACED", "CANCELLED", "REPORT_KINDS")
    assert [getattr(blocks, each) for each in names] == [getattr(at, each) for each in names]
    reports = {
        blocks.FILL: core.FILL_REPORT,
        blocks.TRIGGER: core.TRIGGER_REPORT,
        blocks.EXPIRY: core.EXPIRY_REPORT,
        blocks.CANCEL: core.CANCEL_REPORT,
        blocks.CANCEL_REFUSAL: core.CANCEL_REFUSAL,
        blocks.FUNDING: core.FUNDING_REPORT,
        blocks.ACCEPTANCE: core.ACCEPTANCE,
    }
    assert [kind - at.REPORT_KINDS for kind in reports] == list(reports.values())
    lengths = [blocks._LENGTHS[each] for each in (blocks.PLACED, blocks.CANCELLED, blocks.FILL)]
    assert lengths == [at.PLACED_WORDS, at.CANCELLED_WORDS, at.REPORT_WORDS]
