"""The folder of runs: one folder a run, found by id, prefix or `last`.

runs/ID/manifest.json    what the run is made of, written first
runs/ID/journal/         its inputs and decisions
runs/ID/result.json      its figures, written last
runs/ID/statement.json   the venue's account statement (runs with an account)
runs/ID/lock             held by the process that writes
"""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tieout.errors import InputError, RunNotFound
from tieout.journal.manifest import Manifest, manifest_hash

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RunFolder", "Runs"]

Kept = TypeVar("Kept")


class RunFolder:
    """One run on disk.

    Args:
        path: The run's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """Folder of the journal."""
        return self.path / "journal"

    def manifest(self) -> Manifest:
        """Return the manifest.

        Raises:
            InputError: It is missing or damaged.
        """
        return self.read("manifest.json", Manifest)

    def has(self, name: str) -> bool:
        """Whether the run has a file of this name."""
        return (self.path / name).is_file()

    def read(self, name: str, kind: type[Kept]) -> Kept:
        """Return a JSON file of the run as a typed value.

        Raises:
            InputError: The file is missing or does not fit.
        """
        file = self.path / name
        try:
            return msgspec.json.decode(file.read_bytes(), type=kind)
        except FileNotFoundError as error:
            raise InputError(f"run {self.run_id} has no {name}; is it of this kind?") from error
        except msgspec.DecodeError as error:
            raise InputError(f"{file}: {error}; the file is damaged") from error

    def write(self, name: str, value: object) -> None:
        """Write a JSON file in one step: a reader sees the old one or the new one, whole."""
        data = msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2)
        target = self.path / name
        half = target.with_name(name + ".part")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        half.replace(target)

    def lock(self) -> None:
        """Become the only writer of this run until `unlock` or the end of the process.

        Raises:
            InputError: Another process writes it.
        """
        descriptor = os.open(self.path / "lock", os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise InputError(
                f"run {self.run_id} is being written by another process; stop that one first"
            ) from error
        self._lock = descriptor

    def unlock(self) -> None:
        """Let others write; without a lock nothing happens."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class Runs:
    """All runs of a project.

    Args:
        path: Folder of the runs; made when the first run is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, manifest: Manifest, *, now_ns: int) -> RunFolder:
        """Make a locked folder for a new run with its manifest and an empty journal folder."""
        moment = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
        name = f"{manifest.kind}-{moment:%Y%m%d-%H%M%S}-{manifest_hash(manifest)[:6]}"
        folder = self.path / name
        number = 1
        while True:
            try:
                folder.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
                folder = self.path / f"{name}-{number}"
        run = RunFolder(folder)
        run.lock()
        run.journal.mkdir()
        run.write("manifest.json", manifest)
        return run

    def all(self) -> list[RunFolder]:
        """Return every run that has a manifest, oldest first."""
        if not self.path.is_dir():
            return []
        found = [each for each in self.path.iterdir() if (each / "manifest.json").is_file()]
        found.sort(key=lambda each: ((each / "manifest.json").stat().st_mtime_ns, each.name))
        return [RunFolder(each) for each in found]

    def find(self, name: str) -> RunFolder:
        """Return the run with this id, this unique prefix, or the `last` one.

        `last` is the newest run of its own: twins and rungs belong to another run.

        Raises:
            RunNotFound: There is none, or several begin so.
        """
        runs = self.all()
        if name == "last":
            own = [each for each in runs if not each.manifest().of_run]
            if not own:
                raise RunNotFound(
                    f"{self.path}: there is no run yet; make one with backtest or live"
                )
            return own[-1]
        exact = [each for each in runs if each.run_id == name]
        matching = exact or [each for each in runs if each.run_id.startswith(name)]
        if len(matching) != 1:
            listed = ", ".join(each.run_id for each in (matching or runs)[-5:]) or "none"
            problem = "several runs begin with" if matching else "no run is called"
            raise RunNotFound(f"{self.path}: {problem} {name!r}; there are: {listed}")
        return matching[0]
