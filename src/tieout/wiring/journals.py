"""Journals of runs in memory, and how the journal of one that waits for the world is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieout.journal import (
    Kind,
)
from tieout.journal.records import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.journal import JournalWriter
    from tieout.kernel.ports import Inputs, MarketBatch, MergedBatch, Source
    from tieout.model.events import Input


__all__ = ["DecisionsInMemory", "Nowhere", "RecordsInMemory", "WrittenSource"]


class DecisionsInMemory:
    """A journal that keeps the decisions of a replay and nothing else."""

    def __init__(self) -> None:
        self.decisions: list[bytes] = []

    def input(self, event: Input) -> None:
        """Forget an input: it was read from a journal."""

    def decision(self, record: Any) -> None:  # noqa: ANN401 - every decision record
        """Keep a decision's canonical bytes."""
        self.decisions.append(encode(record))

    def commit(self) -> None:
        """Nothing leaves a replay."""


class WrittenSource:
    """A live source that is asked for more once all that came of the last answer is written down.

    What a process that is killed takes with it is then what it had not seen.

    Args:
        source: Inputs as they arrive.
        journal: Of the run.
    """

    def __init__(self, source: Source, journal: JournalWriter) -> None:
        self._source = source
        self._journal = journal

    def next(self, deadline_ns: int | None) -> MarketBatch | MergedBatch | Inputs | None:
        """Return what comes next."""
        self._journal.flush()
        return self._source.next(deadline_ns)


class Nowhere:
    """A disk for journals that only count: what is written is dropped."""

    def open_append(self, path: str) -> Nowhere:  # noqa: ARG002
        """Return something that takes bytes."""
        return self

    def append(self, data: bytes) -> None:
        """Drop the bytes."""

    def sync(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def read(self, path: str, chunk_bytes: int) -> Iterator[bytes]:  # noqa: ARG002
        """Nothing is kept."""
        return iter(())

    def truncate(self, path: str, length: int) -> None:
        """Nothing to cut."""

    def sync_folder(self, path: str) -> None:
        """Nothing to do."""

    def names(self, path: str) -> list[str]:  # noqa: ARG002
        """Nothing is there."""
        return []


class RecordsInMemory:
    """A journal in memory: what a rung did, for reconciliation to read."""

    def __init__(self) -> None:
        self.records: list[tuple[object, object]] = []

    def input(self, event: Input) -> None:
        """Keep an input."""
        self.records.append((Kind.INPUT, event))

    def decision(self, record: Any) -> None:  # noqa: ANN401 - every decision record
        """Keep a decision."""
        self.records.append((Kind.DECISION, record))

    def commit(self) -> None:
        """Nothing leaves a rung."""
