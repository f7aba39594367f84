"""Writes a journal: append-only segments of framed records with a chained hash.

    segment-000001.tio
      header   8 bytes  "TIEOUT" + format version (2 bytes, big-endian)
      frame    length of payload (4) · CRC-32 of kind and payload (4) · kind (1) · payload
      …
      frame    kind 3, a commit: payload is the chain h after all records before it, 32 bytes
      frame    kind 4, a block: many records as numbers; see `tieout.model.blocks` (from version 2)

h₀ is 32 zero bytes, hₙ = SHA-256(hₙ₋₁ · kind · payload). A new segment goes on with the chain; it
begins with a commit frame that repeats it. Only what a commit frame follows was promised.

Version 2 has blocks. Those of version 1 are read as they are, and gone on with in a new segment: a
reader that knows no blocks must say that the format is newer, not that a record is damaged.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, Final, Protocol
from zlib import crc32

from tieout.errors import InvariantViolated
from tieout.journal.records import Kind, Record, encode, kind_of
from tieout.model.blocks import records_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tieout.model.blocks import Block

__all__ = [
    "FORMAT_VERSION",
    "FRAME",
    "GENESIS",
    "HEADER",
    "MAGIC",
    "VERSIONS_READ",
    "Disk",
    "DiskFile",
    "JournalWriter",
    "segment_name",
]

FORMAT_VERSION: Final = 2
VERSIONS_READ: Final = (1, 2)
MAGIC: Final = b"TIEOUT"
HEADER: Final = MAGIC + FORMAT_VERSION.to_bytes(2)
FRAME: Final = Struct(">IIB")
GENESIS: Final = bytes(32)

_HEAD = Struct(">II")
"""A frame before its kind; kind and payload are one piece of bytes here, a record."""

_INPUT, _DECISION, _COMMIT, _BLOCK = (
    bytes([kind]) for kind in (Kind.INPUT, Kind.DECISION, Kind.COMMIT, Kind.BLOCK)
)
_IS_DECISION = int(Kind.DECISION)
"""The first byte of a decision's record."""
_SPILL_BYTES = 1 << 18
_LARGE_BYTES = 1 << 14
"""Records from this size on are hashed and written without a copy."""


class DiskFile(Protocol):
    """A file open for appending."""

    def append(self, data: bytes) -> None:
        """Write at the end."""

    def sync(self) -> None:
        """Make every append so far survive a power cut."""

    def close(self) -> None:
        """Close without a promise of durability."""


class Disk(Protocol):
    """The file operations a journal needs, so that a test can replace the disk."""

    def open_append(self, path: str) -> DiskFile:
        """Open or create a file for appending."""

    def read(self, path: str, chunk_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes in chunks."""

    def truncate(self, path: str, length: int) -> None:
        """Cut a file to `length` bytes, durably."""

    def sync_folder(self, path: str) -> None:
        """Make names created in a folder durable."""

    def names(self, path: str) -> Iterable[str]:
        """Return the file names in a folder, sorted."""


def segment_name(number: int) -> str:
    """Return the file name of the n-th segment, counted from 1."""
    return f"segment-{number:06d}.tio"


class JournalWriter:
    """Appends records; what `commit` returned from is durable.

    Args:
        disk: Where to write.
        folder: Folder of the journal; it exists.
        durable: Whether a commit waits for the disk. Runs from which nothing leaves the process
            need not; the bytes are the same.
        segment_bytes_max: A new segment is begun past this.
        segment: Number of the segment to go on with (after a recovery), or 1.
        chain: Chain value to go on with.
        begun: Whether that segment has its header already.
    """

    def __init__(
        self,
        disk: Disk,
        folder: str,
        *,
        durable: bool = True,
        segment_bytes_max: int = 64 << 20,
        segment: int = 1,
        chain: bytes = GENESIS,
        begun: bool = False,
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._durable = durable
        self._segment_bytes_max = segment_bytes_max
        self._segment = segment
        self._chain = chain
        self._decisions = GENESIS
        # Blocks whose decisions are not chained yet: that is done when somebody asks.
        self._unchained: list[Block] = []
        # Records that are not chained yet; a bare `_COMMIT` stands for the chain up to it.
        self._records: list[bytes] = []
        # Frames that are not written yet, and what comes before them in the file.
        self._frames: list[bytes] = []
        self._waiting_bytes = 0
        self._header = b""
        self._written = 0
        self._uncommitted = False
        # Whether the system has bytes that may not be on the disk yet.
        self._unsynced = False
        self._broken = ""
        self._file = disk.open_append(f"{folder}/{segment_name(segment)}")
        if not begun:
            self._begin_segment()

    @property
    def chain(self) -> str:
        """Chained hash of every record so far, hexadecimal."""
        self._fold()
        return self._chain.hex()

    @property
    def decisions_chain(self) -> str:
        """Chained hash of the decision records of this writer, hexadecimal."""
        self._fold()
        self._chain_blocks()
        return self._decisions.hex()

    def input(self, event: Record) -> None:
        """Append an input."""
        self._append(_INPUT + encode(event))

    def decision(self, record: Record) -> None:
        """Append a decision."""
        self._append(_DECISION + encode(record))

    def block(self, block: Block) -> None:
        """Append many inputs and decisions at once, as compiled code wrote them."""
        self._fold()
        self._append(_BLOCK + encode(block))
        self._unchained.append(block)
        if not self._durable and self._waiting_bytes > _SPILL_BYTES:
            # A run in compiled code commits at its end: it may be longer than fits into memory.
            self._spill(sync=False)

    def commit(self) -> None:
        """Make everything appended so far durable.

        Raises:
            InvariantViolated: The disk failed here or before; nothing is tried again, since after a
                failed sync nobody knows what was kept.
        """
        if self._broken:
            self._usable()
        self._seal()
        if self._durable or self._waiting_bytes > _SPILL_BYTES:
            self._spill(sync=self._durable)
        if self._written > self._segment_bytes_max:
            self._rotate()

    def flush(self) -> None:
        """Hand everything appended so far to the system, without waiting for the disk.

        A process that is killed afterwards loses none of it; a power cut may.

        Raises:
            InvariantViolated: As `commit`.
        """
        if self._broken:
            self._usable()
        self._seal()
        self._spill(sync=False)

    def close(self) -> None:
        """Commit, write out everything and close."""
        self.commit()
        self._spill(sync=self._durable)
        self._file.close()
        self._broken = "the journal is closed"

    def _chain_blocks(self) -> None:
        blocks, self._unchained = self._unchained, []
        for block in blocks:
            for record in records_of(block):
                if kind_of(record) is Kind.DECISION:
                    self._chain_decision(encode(record))

    def _seal(self) -> None:
        if self._uncommitted:
            self._records.append(_COMMIT)
            self._waiting_bytes += FRAME.size + len(GENESIS)
            self._uncommitted = False

    def _append(self, record: bytes) -> None:
        if self._broken:
            self._usable()
        self._uncommitted = True
        self._records.append(record)
        self._waiting_bytes += _HEAD.size + len(record)

    def _fold(self) -> None:
        """Take what was appended into the chains, and frame it: many records in one go."""
        chain, frames = self._chain, self._frames
        for each in self._records:
            record = each
            if record == _COMMIT:
                record += chain
            else:
                chain = _chained(chain, record)
                if record[0] == _IS_DECISION:
                    self._chain_decision(record[1:])
            head = _HEAD.pack(len(record) - 1, crc32(record))
            frames += (head + record,) if len(record) < _LARGE_BYTES else (head, record)
        self._chain = chain
        self._records.clear()

    def _chain_decision(self, payload: bytes) -> None:
        if self._unchained:
            self._chain_blocks()
        self._decisions = sha256(self._decisions + payload).digest()

    def _spill(self, *, sync: bool) -> None:
        self._fold()
        if not self._frames and not (sync and self._unsynced):
            return
        pieces = self._pieces()
        self._waiting_bytes = 0
        try:
            for piece in pieces:
                self._file.append(piece)
                self._written += len(piece)
            if sync:
                self._file.sync()
            self._unsynced = not sync
        except OSError as error:
            self._broken = f"writing {segment_name(self._segment)} failed: {error}"
            raise InvariantViolated(
                f"journal {self._folder}: {self._broken}; nothing more is sent, resume the run "
                "in a new process once the disk is well"
            ) from error

    def _pieces(self) -> list[bytes]:
        """Return what waits as frames: small ones in one piece, large ones as they are."""
        pieces: list[bytes] = []
        small = [self._header]
        for each in self._frames:
            if len(each) < _LARGE_BYTES:
                small.append(each)
            else:
                # Memory for a copy of it would cost more than to write in two goes.
                pieces += b"".join(small), each
                small.clear()
        self._frames.clear()
        self._header = b""
        pieces.append(b"".join(small))
        return [each for each in pieces if each]

    def _rotate(self) -> None:
        self._spill(sync=self._durable)
        self._file.close()
        self._segment += 1
        self._written = 0
        self._file = self._disk.open_append(f"{self._folder}/{segment_name(self._segment)}")
        self._begin_segment()
        self._spill(sync=self._durable)

    def _begin_segment(self) -> None:
        self._header = HEADER
        self._records.append(_COMMIT)
        if self._durable:
            self._spill(sync=True)
            self._disk.sync_folder(self._folder)

    def _usable(self) -> None:
        if self._broken:
            raise InvariantViolated(f"journal {self._folder}: {self._broken}")


def _chained(chain: bytes, record: bytes) -> bytes:
    """Return the chain's next value."""
    if len(record) < _LARGE_BYTES:
        return sha256(chain + record).digest()
    digest = sha256(chain)
    digest.update(record)
    return digest.digest()
