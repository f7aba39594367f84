"""Reads a journal back, verifies it, cuts a torn tail, and compares decision streams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import zip_longest
from typing import TYPE_CHECKING
from zlib import crc32

from tieout.errors import InputError, JournalDamaged
from tieout.journal.records import (
    Kind,
    Record,
    decode,
    decode_block,
    decode_input,
    encode,
    kind_of,
)
from tieout.journal.writer import (
    FORMAT_VERSION,
    FRAME,
    GENESIS,
    HEADER,
    MAGIC,
    VERSIONS_READ,
    JournalWriter,
    segment_name,
)
from tieout.model.blocks import records_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tieout.journal.writer import Disk
    from tieout.model.events import Input

_HASH_BYTES = 32

__all__ = ["Difference", "Entry", "JournalReader", "first_difference"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it stands in the journal.

    Attributes:
        sequence: Position among all records, from 0.
        kind: `Kind.INPUT` or `Kind.DECISION`.
        payload: Canonical bytes.
    """

    sequence: int
    kind: Kind
    payload: bytes

    @property
    def record(self) -> Record:
        """The record itself."""
        record: Record = decode(self.payload)
        return record


@dataclass(frozen=True, slots=True)
class _Verified:
    """How far a journal is good.

    Attributes:
        segment: Number of the last segment that holds a commit.
        length: Bytes of that segment up to and including its last commit frame.
        chain: Chain there.
        torn: Whether anything stands after it.
        records: Committed records, a block counted as one.
        version: Format of that segment.
    """

    segment: int
    length: int
    chain: bytes
    torn: bool
    records: int
    version: int


class JournalReader:
    """Reads committed records in order; the chunk size never changes what is read.

    Args:
        disk: Where to read.
        folder: Folder of the journal.
        chunk_bytes: How much is read at a time.

    Raises:
        InputError: There is no journal in the folder.
    """

    def __init__(self, disk: Disk, folder: str, *, chunk_bytes: int = 1 << 16) -> None:
        self._disk = disk
        self._folder = folder
        self._chunk_bytes = chunk_bytes
        names = set(disk.names(folder))
        self._segments = 0
        while segment_name(self._segments + 1) in names:
            self._segments += 1
        if not self._segments:
            raise InputError(f"{folder}: there is no journal here; check the run")

    def __iter__(self) -> Iterator[Entry]:
        """Yield every committed record; damage inside the committed part is an error.

        Raises:
            JournalDamaged: A record that a commit follows does not verify.
        """
        good = self.verify()
        sequence = 0
        for number, offset, kind, payload in self._frames():
            if number > good.segment or (number == good.segment and offset >= good.length):
                return
            if kind is Kind.BLOCK:
                for record in records_of(decode_block(payload)):
                    yield Entry(sequence, kind_of(record), encode(record))
                    sequence += 1
            elif kind is not Kind.COMMIT:
                yield Entry(sequence, kind, payload)
                sequence += 1

    def verify(self) -> _Verified:
        """Walk the whole journal and return how far it is good.

        Raises:
            JournalDamaged: A commit frame does not fit the records before it, or damage lies
                before a commit frame.
        """
        chain = GENESIS
        good = _Verified(1, 0, GENESIS, torn=False, records=0, version=FORMAT_VERSION)
        records = 0
        end = (1, 0)
        for number, offset, kind, payload in self._frames():
            end = (number, offset + FRAME.size + len(payload))
            if kind is Kind.COMMIT:
                if payload != chain:
                    raise JournalDamaged(
                        f"{self._folder}/{segment_name(number)}, byte {offset}: the commit does "
                        f"not fit the {records} records before it; the journal was changed"
                    )
                good = _Verified(
                    number, end[1], chain, torn=False, records=records, version=self._version
                )
            else:
                chain = sha256(chain + bytes([kind]) + payload).digest()
                records += 1
        whole = end == (good.segment, good.length) and not self._rest
        if not whole and self._commit_follows:
            raise JournalDamaged(
                f"{self._folder}/{segment_name(self._stopped_at[0])}, byte {self._stopped_at[1]}: "
                f"record {records} is damaged although a commit follows it; restore the file"
            )
        return replace(good, torn=not whole)

    def recover(self, *, durable: bool = True) -> JournalWriter:
        """Cut a torn tail, durably, and return a writer that goes on after the last commit.

        Raises:
            JournalDamaged: As `verify`.
        """
        good = self.verify()
        for number in range(good.segment + 1, self._segments + 1):
            self._disk.truncate(f"{self._folder}/{segment_name(number)}", 0)
        if good.torn:
            self._disk.truncate(f"{self._folder}/{segment_name(good.segment)}", good.length)
        # What is written now need not be readable by whoever reads an older segment.
        older = good.version != FORMAT_VERSION
        return JournalWriter(
            self._disk,
            self._folder,
            durable=durable,
            segment=good.segment + older,
            chain=good.chain,
            begun=good.length > 0 and not older,
        )

    def inputs(self) -> Iterator[Input]:
        """Yield the inputs in order."""
        return (decode_input(each.payload) for each in self if each.kind is Kind.INPUT)

    def decisions(self) -> Iterator[bytes]:
        """Yield the canonical bytes of each decision in order."""
        return (each.payload for each in self if each.kind is Kind.DECISION)

    def _frames(self) -> Iterator[tuple[int, int, Kind, bytes]]:
        """Yield (segment, offset, kind, payload) up to the first thing that is no frame."""
        self._rest = False
        self._commit_follows = False
        self._stopped_at = (1, 0)
        self._version = FORMAT_VERSION
        for number in range(1, self._segments + 1):
            stream = _Stream(
                self._disk.read(f"{self._folder}/{segment_name(number)}", self._chunk_bytes)
            )
            header = stream.take(len(HEADER))
            self._version = self._version_of(number, header)
            if not self._version:
                self._rest = bool(header) or number < self._segments
                self._stopped_at = (number, 0)
                self._commit_follows = number < self._segments or self._commit_after(number, 0)
                return
            offset = len(HEADER)
            while head := stream.take(FRAME.size):
                frame = _frame(head, stream)
                if frame is None:
                    self._rest = True
                    self._stopped_at = (number, offset)
                    self._commit_follows = number < self._segments or self._commit_after(
                        number, offset
                    )
                    return
                kind, payload = frame
                yield number, offset, kind, payload
                offset += FRAME.size + len(payload)

    def _commit_after(self, number: int, offset: int) -> bool:
        path = f"{self._folder}/{segment_name(number)}"
        return _has_commit(b"".join(self._disk.read(path, self._chunk_bytes))[offset:])

    def _version_of(self, number: int, header: bytes) -> int:
        """Return the format of a segment by its header; 0 where it is no whole header."""
        if len(header) < len(HEADER) or not header.startswith(MAGIC):
            return 0
        version = int.from_bytes(header[len(MAGIC) :])
        if version not in VERSIONS_READ:
            *first, last = map(str, VERSIONS_READ)
            raise InputError(
                f"{self._folder}/{segment_name(number)}: format version {version}; this tieout "
                f"reads {', '.join(first)} and {last}; use the version that wrote it"
            )
        return version


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two decision streams part.

    Attributes:
        index: Position among the decisions, from 0.
        recorded: The decision in the first stream; None when it has ended.
        replayed: The decision in the second stream; None when it has ended.
    """

    index: int
    recorded: Record | None
    replayed: Record | None


def first_difference(recorded: Iterable[bytes], replayed: Iterable[bytes]) -> Difference | None:
    """Return the first decision in which two streams differ, or None when they are the same."""
    for index, (one, other) in enumerate(zip_longest(recorded, replayed)):
        if one != other:
            return Difference(
                index,
                None if one is None else decode(one),
                None if other is None else decode(other),
            )
    return None


class _Stream:
    """Takes exact numbers of bytes from chunks of any size."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = bytearray()

    def take(self, count: int) -> bytes:
        """Return the next bytes; fewer only at the end."""
        while len(self._held) < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._held += chunk
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken


def _frame(head: bytes, stream: _Stream) -> tuple[Kind, bytes] | None:
    if len(head) < FRAME.size:
        return None
    length, checksum, kind = FRAME.unpack(head)
    if kind not in (1, 2, 3, 4):
        return None
    payload = stream.take(length)
    if len(payload) < length or crc32(payload, crc32(head[8:9])) != checksum:
        return None
    return Kind(kind), payload


def _has_commit(data: bytes) -> bool:
    """Whether a valid commit frame lies anywhere in these bytes."""
    mark = FRAME.pack(32, 0, Kind.COMMIT)
    position = data.find(mark[:4])
    while position >= 0:
        head = data[position : position + FRAME.size]
        payload = data[position + FRAME.size : position + FRAME.size + 32]
        if len(payload) == _HASH_BYTES and head[8:9] == mark[8:9]:
            checksum = int.from_bytes(head[4:8])
            if crc32(payload, crc32(head[8:9])) == checksum:
                return True
        position = data.find(mark[:4], position + 1)
    return False
