"""`tieout demo`: the whole loop on real data, step by step, faults included."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tieout.cli.show import show_reconciliation
from tieout.errors import InputError, VenueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["demo"]

FAULTS: Final[list[dict[str, Any]]] = [
    {"fault": "latency", "by_ms": 150},
    {"fault": "fee", "by_bps": 1.0},
    {"fault": "late_candle", "interval": "1m", "nth": 1429, "by_ms": 45_000},
    {"fault": "partial_fill", "nth": 7, "fraction": 0.5, "remainder": "cancel"},
    {"fault": "disconnect", "after_s": 113_265, "for_s": 30},
]
"""What goes wrong: 150 ms more latency, a fee 1 bp above the model, one candle 45 s late, one
order half filled, one disconnect of 30 s."""

_STRATEGY = "moving_average_cross.py"
_PROFILE = "practice-1"
_FROM, _TO = "2013-09-01T18:00", "2013-09-03T13:00"
_UNITS = "2"


def demo(
    faults: Annotated[
        str, typer.Option(help="`default`, `none`, or a fault script of your own (JSON file).")
    ] = "default",
    folder: Annotated[Path, typer.Option(help="Project folder of the demo.")] = Path(
        "demo-project"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the reconciliation as JSON and nothing else.")
    ] = False,
) -> None:
    """Import real trades, backtest, trade live on the practice venue, run the twin, tie out."""
    from tieout import history, wiring  # noqa: PLC0415 - heavy
    from tieout.adapters.storage.runs import Runs  # noqa: PLC0415 - heavy
    from tieout.cli.commands import new  # noqa: PLC0415 - it lists this command
    from tieout.cli.progress import Progress  # noqa: PLC0415 - heavy
    from tieout.cli.settings import load_settings  # noqa: PLC0415 - heavy
    from tieout.strategy import load_strategy  # noqa: PLC0415 - heavy

    say: Callable[[str], None] = _quiet if as_json else _say
    if not (folder / "tieout.toml").is_file():
        new(folder, quiet=True)
    script = _script(faults, folder)
    say(f"project      {folder}")
    store = folder / "data"
    dataset = history.import_sample(history.Store(store), "es-trades")
    say(f"import       {dataset.meta.rows:,} real trades of {dataset.meta.instrument.symbol}")
    runs = Runs(folder / "runs")
    strategy = load_strategy(str(folder / "strategies" / _STRATEGY), {"units": _UNITS})
    settings = load_settings(folder)
    with Progress("backtest", quiet=as_json) as progress:
        before = wiring.backtest(
            strategy,
            store=store,
            data=["es-trades"],
            profile=_PROFILE,
            limits=settings.risk,
            start_ns=None,
            runs=runs,
            progress=progress,
        )
    say(f"backtest     {before.fills} fills, profit {before.profit} ({before.run_id})")
    with _practice(folder, script) as url:
        say(f"practice     venue at {url}, lock-step, {_described(script)}")
        lived = wiring.live(
            strategy,
            access=wiring.VenueAccess(url, "practice-key", "practice-secret"),
            store=store,
            data=["es-trades"],
            profile=_PROFILE,
            limits=settings.risk,
            runs=runs,
        )
    say(f"live         {lived.fills} fills over real sockets, profit {lived.profit}")
    run = runs.find(lived.run_id)
    replayed = wiring.replay(run, store=store)
    say(f"replay       {replayed.text()}")
    say("twin         the same strategy on history, and the rungs between ...")
    found = wiring.reconcile(run, store=store)
    page = wiring.report_on(found, run, output=folder / "reports" / f"{run.run_id}.html")
    facts = found.facts()
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    show_reconciliation(facts)
    say(f"report       {page}")


def _script(faults: str, folder: Path) -> Path | None:
    if faults == "none":
        return None
    if faults != "default":
        if not Path(faults).is_file():
            raise InputError(f"--faults {faults!r}: no such file; say default, none or a file")
        return Path(faults)
    script = folder / "faults.json"
    script.write_text(json.dumps(FAULTS, indent=2) + "\n")
    return script


def _described(script: Path | None) -> str:
    if script is None:
        return "no faults"
    return ", ".join(each["fault"] for each in json.loads(script.read_text()))


@contextmanager
def _practice(folder: Path, script: Path | None) -> Iterator[str]:
    """Run the practice venue as a process of its own, as a person would in another terminal."""
    command = [sys.executable, "-m", "tieout", "practice", "--project", str(folder), "--json"]
    command += ["--data", "es-trades", "--port", "0", "--from", _FROM, "--to", _TO]
    # The venue's own record lies outside of the run's folder: the tie-out never sees it.
    command += ["--log", str(folder / "practice-truth.jsonl")]
    command += [] if script is None else ["--faults", str(script)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None, command
            assert process.stderr is not None, command
            line = process.stdout.readline()
            if not line:
                raise VenueError(f"the practice venue did not start: {process.stderr.read()}")
            yield json.loads(line)["url"]
        finally:
            process.terminate()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _quiet(text: str) -> None:
    """Say nothing: a machine reads the output."""
