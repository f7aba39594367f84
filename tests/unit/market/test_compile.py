"""What is compiled when: only what a run uses, once a machine, and not in silence."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import pytest

from tests.support.compiling import needs_compiler
from tieout.market._compile import compiled, compiled_inner, compiling_told

if TYPE_CHECKING:
    from pathlib import Path

READY = """
import json, sys
from numba.core.dispatcher import Dispatcher

def ready():
    return sorted({
        name
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("tieout.market.")
        for name, each in vars(module).items()
        if isinstance(each, Dispatcher) and each.__dict__.get("overloads")
    })
"""
BACKTEST = """
from decimal import Decimal
import numpy as np
from tieout import Instrument, Strategy
from tieout.model.columns import BarColumns
from tieout.wiring import backtest_columns

class Buy(Strategy):
    def on_start(self, context):
        context.bars("A", "1m")

    def on_bar(self, context, bar):
        context.buy("A", units=1)

MINUTE = 60_000_000_000
close = MINUTE * np.arange(1, 31, dtype=np.int64)
price = np.full(30, 1_000, np.int64)
none = np.zeros(30, np.int64)
bars = BarColumns(
    "A", MINUTE, close - MINUTE, close, close, price, price, price, price, price, none, none > 0
)
rules = Instrument(symbol="A", venue_symbol="A", tick_size=Decimal(1), lot_size=Decimal(1))
result = backtest_columns(
    Buy, [bars], instruments=[rules], profile="zero-latency", cash=Decimal(100_000)
)
assert result.fills == 29, result
"""

TOLD = """
import json
import numpy as np
from tieout.market import compiling_told
from tieout.market._bar_layout import BAR_STATE_WIDTH
from tieout.market._bar_making_compiled import next_due
from tieout.market._merging_compiled import pack_keys

told = []
row = np.ones(1, np.int64)
with compiling_told(lambda *words: told.append(words)):
    pack_keys(row, 0, 1, 0, 1, 0, row, 0)
    next_due(np.zeros(BAR_STATE_WIDTH, np.int64))
print(json.dumps(told))
"""


def run(script: str, **environment: str) -> Any:
    """Run a script in a fresh process, and return what it printed last, read as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@compiled("int64(A)")
def total(values: Any) -> int:
    """Add up; a function of these tests alone."""
    found = 0
    for value in values:
        found += value
    return found


@numba.njit
def twice(values: Any) -> int:
    """Call a compiled entry point from compiled code."""
    answer: int = 2 * total(values)
    return answer


@compiled_inner
def deep(value: int) -> int:
    """Be called by several, too large to vanish in all of them."""
    found = value
    for row in range(value):
        found = 3 * found + row if found % 2 else found // 2
    return found


@compiled_inner
def never_deep(value: int) -> int:
    """Call what the optimiser finds out is never called."""
    if value - value != 0:
        return deep(value)
    return value


@compiled_inner
def really_deep(value: int) -> int:
    """Call it."""
    return deep(value) + 1


@compiled("int64(int64)")
def of_both(value: int) -> int:
    """Reach a function first where its call is left out, and then where it is not."""
    return never_deep(value) + really_deep(value)


@numba.njit
def of_somebody_else(value: int) -> int:
    """Reach it from outside of what is compiled here."""
    answer: int = never_deep(value) + really_deep(value)
    return answer


@needs_compiler
@pytest.mark.slow
def test_importing_every_world_compiles_nothing() -> None:
    assert run(READY + "import tieout.wiring\nprint(json.dumps(ready()))") == []


@needs_compiler
@pytest.mark.slow
def test_a_run_on_bars_makes_ready_what_bars_need_and_nothing_else() -> None:
    found = run(READY + BACKTEST + "print(json.dumps(ready()))")

    assert {"act_on_bars", "extend_bars"} <= set(found)
    others = {
        "make_bars",
        "act_on_trades",
        "commit_trades",
        "join_bars",
        "merge_runs",
        "apply_rows",
        "sum_up_bars",
    }
    assert not others & set(found)


@needs_compiler
@pytest.mark.slow
def test_what_is_compiled_is_told_once_and_what_comes_from_the_cache_is_not(
    tmp_path: Path,
) -> None:
    first = run(TOLD, NUMBA_CACHE_DIR=str(tmp_path))
    later = run(TOLD, NUMBA_CACHE_DIR=str(tmp_path))

    due = [["next_due", begun, 3] for begun in (1, 2, 3)]
    assert first == [["pack_keys", 1, 1], *due]
    assert later == []


@needs_compiler
@pytest.mark.slow
def test_a_first_start_compiles_what_it_calls_as_one_piece_and_the_next_one_nothing(
    tmp_path: Path,
) -> None:
    script = READY + BACKTEST + "print(json.dumps(ready()))"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = run(script, NUMBA_CACHE_DIR=str(tmp_path))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    files = sorted(tmp_path.rglob("*.nbi"))
    again = run(script, NUMBA_CACHE_DIR=str(tmp_path))

    # 20 s where nothing else runs.
    assert after.ru_utime - before.ru_utime < 45
    kept = {each.name.partition("-")[0].partition(".")[2] for each in files}
    assert {"run_over_bars", "act_on_bars"} <= kept
    assert not {"run_places", "meet_bar", "run_over_trades"} & kept
    assert {"run_places", "meet_bar"} <= set(made)
    assert not {"run_places", "meet_bar"} & set(again)
    assert sorted(tmp_path.rglob("*.nbi")) == files


@needs_compiler
@pytest.mark.slow
def test_a_late_start_costs_less_than_somebody_notices(tmp_path: Path) -> None:
    bytecode = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    script = BACKTEST + "print(0)"
    run(script, **bytecode)

    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(script, **bytecode)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

    # 0.9 s where nothing else runs; a shared machine is given its time.
    assert min(spent) < 3


@needs_compiler
def test_a_function_that_waits_for_its_first_call_takes_its_declared_types_only() -> None:
    with pytest.raises(TypeError, match="No matching definition"):
        total(np.ones(3))

    assert total(np.arange(4)) == 6
    assert len(total.signatures) == 1  # type: ignore[attr-defined]


@needs_compiler
def test_compiled_code_may_call_what_is_not_compiled_yet() -> None:
    assert twice(np.arange(5)) == 20


@needs_compiler
def test_a_call_that_one_caller_never_makes_is_linked_for_another() -> None:
    assert of_both(9) == 9 + deep.py_func(9) + 1
    assert of_somebody_else(9) == 9 + deep.py_func(9) + 1


@needs_compiler
def test_an_inner_function_is_not_called_by_python() -> None:
    with pytest.raises(TypeError, match="called by compiled functions alone"):
        deep(9)


@needs_compiler
def test_a_call_of_what_is_not_linked_is_an_error_and_no_crash_of_a_later_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tieout.market._linking._callers_first", lambda _: [])

    @compiled("int64(int64)")
    def alone(value: int) -> int:
        return really_deep(value)

    with pytest.raises(RuntimeError, match=r"calls .*really_deep.* which is not linked"):
        alone(9)


@needs_compiler
def test_a_function_of_somebody_else_is_not_told() -> None:
    told: list[str] = []

    @numba.njit
    def own(value: int) -> int:
        return value + 1

    with compiling_told(lambda name, *_: told.append(name)):
        own(1)

    assert told == []


SUMS = """
import numba
import numpy as np

import tieout.market._compile


@numba.njit(error_model="python")
def looks(times):
    due = count = total = 0
    for row in range(times.size):
        while due <= times[row]:
            count += 1
            total += count
            due += 100
    return count, total


print(looks(np.arange(1000)))
"""


@needs_compiler
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system may lack the function")
@pytest.mark.slow
def test_a_loop_that_becomes_a_wide_division_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUMS], capture_output=True, text=True, check=False, timeout=120
    )

    assert (done.returncode, done.stdout) == (0, "(10, 55)\n")
