"""Runs works over engines and prints one JSON line for each pair.

    python -m benchmarks.run                   every work, tieout and the bare loop
    python -m benchmarks.run bars_python       one work
    TIEOUT_PEERS=~/peers python -m benchmarks.run
                                               the peers too that have an environment there

Each run is a fresh process and only the run is timed. The engines take turns, three rounds, so that
a slow minute of the machine hits all of them; the median is shown. Exit code 1 when engines that
must agree do not, or one of them failed.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks import data, peers

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["main"]

WORKS: Final = (
    "bars_python",
    "bars_compiled",
    "trades_python",
    "trades_compiled",
    "trades_to_bars",
    "merge_20",
    "parquet_bars",
    "parquet_stream",
    "l2_market_maker",
    "import_csv",
)
ROUNDS: Final = 3
TIMEOUT_S: Final = 600
REPOSITORY: Final = Path(__file__).parent.parent
FOLDERS: Final = {
    "nautilus_trader": ("nautilus_trader", "nautilus"),
    "hftbacktest_power": ("hftbacktest",),
}
"""Other names of a peer's environment; a peer's own name where it has none here."""


def main(arguments: list[str]) -> int:
    """Run the named works, or all of them; return the exit code."""
    if arguments[:1] == ["--one"]:
        _one(*arguments[1:])
        return 0
    unknown = [each for each in arguments if each not in WORKS]
    if unknown:
        sys.stderr.write(f"no work {unknown[0]!r}; there are: {', '.join(WORKS)}\n")
        return 2
    agreed = [_compare(each) for each in arguments or WORKS]
    return 0 if all(agreed) else 1


def _compare(work: str) -> bool:
    """Run one work on every engine, print a line each, and say whether all went well."""
    definition = importlib.import_module(f"benchmarks.work_{work}")
    rows = int(os.environ.get("TIEOUT_BENCH_ROWS", definition.ROWS))
    folder = data.folder(definition.DATA, rows)
    commands = _commands(work, folder, tuple(definition.ENGINES))
    outcomes: dict[str, list[dict[str, Any]]] = {engine: [] for engine in commands}
    failed: set[str] = set()
    for _ in range(ROUNDS):
        for engine, command in commands.items():
            if engine in failed:
                continue
            outcome = _measured(command)
            if outcome is None:
                failed.add(engine)
            else:
                outcomes[engine].append(outcome)
    for engine, runs in outcomes.items():
        if engine not in failed:
            print(json.dumps(_line(work, engine, runs)), flush=True)
    bare = outcomes["limit"]
    disagree = [
        _difference(engine, run, bare[0], _allowed(definition, engine))
        for engine, runs in outcomes.items()
        for run in runs
        if bare and engine not in getattr(definition, "PARTS", ())
    ]
    for each in filter(None, disagree):
        sys.stderr.write(f"{work}: {each}\n")
    for engine in sorted(failed):
        sys.stderr.write(f"{work}: {engine} failed; its message is above\n")
    return not failed and not any(disagree)


def _commands(work: str, folder: Path, engines: tuple[str, ...]) -> dict[str, list[str]]:
    commands = {
        engine: [sys.executable, "-m", "benchmarks.run", "--one", work, engine, str(folder)]
        for engine in engines
    }
    home = os.environ.get("TIEOUT_PEERS")
    for engine, of_work in peers.WORKS if home else ():
        for name in FOLDERS.get(engine, (engine,)):
            python = Path(str(home)).expanduser() / name / "bin" / "python"
            if of_work == work and python.is_file() and engine not in commands:
                # Isolated: this folder's files must not shadow what the peer imports.
                script = str(REPOSITORY / "benchmarks" / "peers.py")
                commands[engine] = [str(python), "-I", "-W", "ignore", script, engine, work]
                commands[engine].append(str(folder))
    return commands


def _measured(command: list[str]) -> dict[str, Any] | None:
    """Return what a fresh process measured, or None when it failed."""
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        return None
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def _line(work: str, engine: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = median(run["seconds"] for run in runs)
    rows = runs[0]["rows"]
    rest: dict[str, Any] = {key: runs[0][key] for key in ("version", "note") if key in runs[0]}
    return {
        "work": work,
        "engine": engine,
        "rows": rows,
        "rows_per_s": round(rows / seconds),
        "fills": runs[0]["fills"],
        "equity": round(runs[0]["equity"], 4),
        "peak_rss_mib": round(max(run["peak_rss_mib"] for run in runs), 1),
        "seconds": [round(run["seconds"], 4) for run in runs],
        **_cpu(runs),
        "commit": _commit(),
        **rest,
    }


def _cpu(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Return the least processor time of a run, where it was measured: others do not slow it."""
    if not all("cpu_seconds" in run for run in runs):
        return {}
    return {"cpu_seconds_min": round(min(run["cpu_seconds"] for run in runs), 4)}


def _allowed(definition: ModuleType, engine: str) -> dict[str, float]:
    """Return how far an engine may be from the bare loop; ours, of some works, not at all."""
    own = engine in definition.ENGINES
    exact: dict[str, float] = getattr(definition, "EXACT", {}) if own else {}
    return {**definition.SAME, **exact}


def _difference(
    engine: str, run: dict[str, Any], bare: dict[str, Any], same: dict[str, float]
) -> str | None:
    """Say the first figure in which an engine is further from the bare loop than allowed."""
    for name, allowed in same.items():
        if not abs(run[name] - bare[name]) <= allowed:
            return (
                f"{engine}: {name} is {run[name]}, the bare loop has {bare[name]}; "
                f"at most {allowed} apart is allowed"
            )
    return None


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607  where git is, is the user's matter
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    changed = "+" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def _one(work: str, engine: str, folder: str) -> None:
    """Run one of our own engines once, in this process, and print what it measured."""
    definition = importlib.import_module(f"benchmarks.work_{work}")
    # A work that streams reads its files itself.
    streams = definition.DATA in ("store", "csv")
    outcome = definition.ENGINES[engine](Path(folder) if streams else data.load(Path(folder)))
    outcome["peak_rss_mib"] = _peak_rss_mib()
    print(json.dumps(outcome))


def _peak_rss_mib() -> float:
    """Return the most memory this process had; what the system counts begins with its parent's."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
