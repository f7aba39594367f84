"""Whoever waits at a terminal sees what for: compiling at once, all else after two seconds."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tests.support.compiling import needs_compiler
from tieout.cli import progress
from tieout.cli.progress import Progress
from tieout.market import _compile


class Terminal(StringIO):
    """Keeps what is shown."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    shown = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=shown))
    # Whatever terminal the tests run in.
    plain = Console(file=shown, force_terminal=True, width=120, _environ={"TERM": "xterm"})
    monkeypatch.setattr(progress, "Console", lambda **_: plain)
    return shown


def compile_something() -> None:
    """Compile a function of the market core that nobody has compiled yet."""

    def add(values: Any) -> int:
        return values[0] + 1  # type: ignore[no-any-return]

    add.__module__ = "tieout.market.something"
    settings = {"nogil": True}
    compiled = _compile._on_first_call("int64(A)", settings)(add)
    assert compiled(np.ones(1, np.int64)) == 2


@needs_compiler
def test_compiling_is_shown_at_once_and_by_how_far_it_is(terminal: Terminal) -> None:
    with Progress("backtest", quiet=False):
        compile_something()

    assert "compiling the market core, once after install: add, 1 of 1" in terminal.getvalue()


@needs_compiler
def test_a_machine_that_reads_along_is_shown_nothing(terminal: Terminal) -> None:
    with Progress("backtest", quiet=True):
        compile_something()

    assert terminal.getvalue() == ""


@needs_compiler
def test_nothing_is_told_any_more_once_the_work_is_done(terminal: Terminal) -> None:
    with Progress("backtest", quiet=False):
        pass
    compile_something()

    assert terminal.getvalue() == ""


def test_work_itself_is_shown_after_two_seconds_and_instead_of_compiling(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Progress("backtest", quiet=False) as told:
        told(1, 10)
        assert terminal.getvalue() == ""
        told._compiling("make_bars", 12, 31)
        monkeypatch.setattr(progress, "_SHOW_AFTER_S", 0.0)
        told(2, 10)

    shown = terminal.getvalue()
    assert shown.index("make_bars, 12 of 31") < shown.index("backtest")
