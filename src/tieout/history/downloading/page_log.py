"""What a download has so far: an append-only file that survives a kill at any byte.

    frame    length uint32 · CRC-32 uint32 · that many bytes of MessagePack
    first    what is downloaded, and what it is added to
    others   rows of a page by column, as int64 of this machine

A frame that is not whole was being written when the process ended; it and what is behind it are
cut off, and the page is asked for again.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from typing import TYPE_CHECKING, Final
from zlib import crc32

import msgspec
import numpy as np

from tieout.errors import InputError
from tieout.history.downloading.pages import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tieout.history.downloading.pages import Rows

__all__ = ["Begun", "PageLog"]

_VERSION: Final = 1
_FRAME: Final = struct.Struct("<II")


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What a download was begun as.

    Attributes:
        wanted: What is downloaded.
        base: Fingerprint of the data set that it is added to, or that it replaces; empty: neither.
        replaces: Whether it takes that one's place.
        byteorder: Of the rows.
        version: Of this format.
    """

    wanted: Wanted
    base: str
    replaces: bool
    byteorder: str = sys.byteorder
    version: int = _VERSION


class _Page(msgspec.Struct, frozen=True):
    columns: dict[str, bytes]


class PageLog:
    """The file; nobody else may have it open.

    Args:
        path: Made where it is not there.

    Attributes:
        begun: What was begun; None: nothing.
        rows: Rows so far.
        last: The last row so far, by column; None: there is none.

    Raises:
        InputError: Another process has it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.begun: Begun | None = None
        self.rows = 0
        self.last: dict[str, int] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise InputError(
                f"{path}: another process downloads this; wait until it has ended"
            ) from error
        except OSError as error:
            raise self._cannot_write(error) from error
        self._recover()

    def begin(self, begun: Begun) -> None:
        """Forget what there is, and begin anew.

        Raises:
            InputError: The file cannot be written.
        """
        self._cut(0)
        self.begun, self.rows, self.last = begun, 0, None
        self._write(msgspec.msgpack.encode(begun))

    def append(self, rows: Rows) -> None:
        """Keep the rows of a page.

        Raises:
            InputError: The file cannot be written.
        """
        arrays = {name: np.ascontiguousarray(each, np.int64) for name, each in rows.items()}
        columns = {name: each.tobytes() for name, each in arrays.items()}
        self._write(msgspec.msgpack.encode(_Page(columns)))
        self._note(arrays)

    def pages(self) -> Iterator[Rows]:
        """Yield what was kept, page by page."""
        for place, (_, content) in enumerate(self._frames()):
            if place:
                yield _rows(content)

    def remove(self) -> None:
        """Delete the file; nothing is unfinished any more."""
        self._path.unlink(missing_ok=True)
        self._file.close()

    def close(self) -> None:
        """Let others go on with it."""
        self._file.close()

    def _recover(self) -> None:
        end = 0
        for stop, content in self._frames():
            try:
                if self.begun is None:
                    self.begun = msgspec.msgpack.decode(content, type=Begun)
                else:
                    self._note(_rows(content))
            except msgspec.DecodeError:
                break
            end = stop
        begun = self.begun
        if begun is not None and (begun.version, begun.byteorder) != (_VERSION, sys.byteorder):
            self.begun, self.rows, self.last, end = None, 0, None, 0
        self._cut(end)

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield where each whole frame ends, and its content."""
        place = 0
        while True:
            self._file.seek(place)
            head = self._file.read(_FRAME.size)
            if len(head) < _FRAME.size:
                return
            length, checksum = _FRAME.unpack(head)
            content = self._file.read(length)
            if len(content) < length or crc32(content) != checksum:
                return
            place += _FRAME.size + length
            yield place, content

    def _note(self, rows: Rows) -> None:
        count = len(next(iter(rows.values())))
        if count:
            self.rows += count
            self.last = {name: int(column[-1]) for name, column in rows.items()}

    def _write(self, content: bytes) -> None:
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(_FRAME.pack(len(content), crc32(content)) + content)
            self._file.flush()
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cut(self, size: int) -> None:
        try:
            self._file.truncate(size)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> InputError:
        return InputError(
            f"{self._path}: cannot be written ({error.strerror or error}); free some space, or "
            "choose a folder you may write to"
        )


def _rows(content: bytes) -> Rows:
    page = msgspec.msgpack.decode(content, type=_Page)
    return {name: np.frombuffer(each, np.int64) for name, each in page.columns.items()}
