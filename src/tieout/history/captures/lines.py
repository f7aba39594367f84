"""Lines of a recorded stream: when each was received, and the message that came."""

from __future__ import annotations

import ast
import glob
import heapq
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tieout.errors import DataError, InputError
from tieout.history._files import ZIP_FAILURES, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from tieout.history._files import Progress

__all__ = ["Line", "read_lines", "read_session"]

_TOLD_LINES = 4096
_SECOND = 1_000_000_000
_EARLIEST_NS = 631_152_000 * _SECOND  # 1990
_LATEST_NS = 4_102_444_800 * _SECOND  # 2100


class Line(msgspec.Struct, frozen=True, gc=False):
    """One message.

    Attributes:
        row: One-based line of the file.
        received_ns: The recorder's clock; None where the file has no stamps.
        message: The decoded JSON.
        address: What a REST answer answers; empty for what a stream sent.
    """

    row: int
    received_ns: int | None
    message: Any
    address: str = ""


def read_session(path: Path, progress: Progress | None = None) -> Iterator[Line]:
    """Yield the messages of a stream and the REST answers recorded beside it, as they came.

    A stream `NAME.ws.1.0.gz` has its answers in `NAME.http.0.0.gz` and such, in the same folder.

    Args:
        path: The stream's capture.
        progress: Called with bytes of the stream's file read, and in total.

    Raises:
        InputError: There is no such file.
        DataError: A line cannot be read, or was received before the one above it.
    """
    stream = read_lines(path, progress)
    name, found, _ = path.name.partition(".ws.")
    beside = sorted(path.parent.glob(f"{glob.escape(name)}.http.*")) if found else []
    answers = (read_lines(each, answers=True) for each in beside)
    return heapq.merge(stream, *answers, key=lambda line: line.received_ns or 0)


def read_lines(
    path: Path, progress: Progress | None = None, *, answers: bool = False
) -> Iterator[Line]:
    """Yield the messages of a capture, plain, gzipped, or alone in a zip.

    A line is `<ns since 1970> <json>`, or `<seconds.micros>: <json>`, or JSON alone, or the second
    with bytes that Python shows, gzipped JSON. Lines that begin with `wss://…` tell what the
    recorder sent, and are skipped.

    Args:
        path: The capture.
        progress: Called with bytes of the file read, and in total.
        answers: Whether lines `<address> -> <seconds>: <json>` are given too.

    Raises:
        InputError: There is no such file.
        DataError: A line cannot be read, or was received before the one above it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    newest, total = 0, path.stat().st_size
    with path.open("rb") as whole, _unpacked(whole, path) as file:
        for row, raw in enumerate(_lines_of(file, path), start=1):
            if progress is not None and row % _TOLD_LINES == 0:
                progress(whole.tell(), total)
            if not raw.strip() or raw.startswith((b"wss://", b"ws://", b"configuration:")):
                continue
            if raw.startswith(b"http"):
                if not answers:
                    continue
                line = _answer(raw, str(path), row)
            else:
                line = _line(raw, str(path), row)
            if line.received_ns is not None:
                if line.received_ns < newest:
                    raise DataError(
                        "a message was received before the one above it",
                        file=str(path),
                        row=row,
                        value=f"{line.received_ns} ns",
                        limit=f"at least {newest} ns",
                        remedy="Sort the capture by its stamps, or find out what set the clock.",
                    )
                newest = line.received_ns
            yield line


@contextmanager
def _unpacked(whole: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    member = _only_member(whole, path) if path.suffix == ".zip" else None
    with opened(path, member, whole) as file:
        yield file


def _only_member(whole: BinaryIO, path: Path) -> str:
    try:
        with zipfile.ZipFile(whole) as archive:
            names = archive.namelist()
    except ZIP_FAILURES as error:
        raise DataError(
            f"is no whole zip ({error})",
            file=str(path),
            remedy="It may be cut off; fetch it again.",
        ) from error
    if len(names) != 1:
        raise DataError(
            "a zip holds one capture",
            file=str(path),
            value=f"{len(names)} files",
            limit="1",
            remedy="Unpack it and name the file.",
        )
    return names[0]


def _lines_of(file: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        yield from file
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(
            f"the file ends or is damaged ({error})",
            file=str(path),
            remedy="Fetch it again; what came before the damage was read.",
        ) from error


def _answer(raw: bytes, file: str, row: int) -> Line:
    """Return a REST answer; one that is no JSON tells nothing."""
    address, _, rest = raw.partition(b" -> ")
    line = _line(rest, file, row)
    return Line(row, line.received_ns, line.message, address.decode("utf-8", "replace"))


def _unzipped(body: bytes) -> bytes:
    """Return what gzipped bytes say that are written as Python shows them."""
    try:
        shown = ast.literal_eval(body.decode("ascii").strip())
        return zlib.decompress(shown, 31)
    except (ValueError, SyntaxError, TypeError, zlib.error, MemoryError, RecursionError):
        return body


def _line(raw: bytes, file: str, row: int) -> Line:
    stamp, body = None, raw
    if not raw.startswith((b"{", b"[")):
        head, _, body = raw.partition(b" ")
        stamp = _stamp(head.decode("ascii", "replace"))
        if stamp is None:
            raise DataError(
                "a line does not begin with when it was received",
                file=file,
                row=row,
                value=repr(raw[:40].decode("utf-8", "replace")),
                limit="nanoseconds or seconds since 1970, then a space, then JSON",
                remedy="Name a file of a supported form.",
            )
    if body.startswith((b"b'", b'b"')):
        body = _unzipped(body)
    try:
        message = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            f"a message is not JSON ({error})",
            file=file,
            row=row,
            value=repr(body[:40].decode("utf-8", "replace")),
            remedy="The recorder may have been cut off: remove the line if it is the last one.",
        ) from error
    return Line(row, stamp, message)


def _stamp(text: str) -> int | None:
    if text.endswith(":"):
        seconds, _, fraction = text[:-1].partition(".")
        digits = f"{fraction:0<9}"[:9]
        if not (seconds.isdecimal() and digits.isdecimal()):
            return None
        found = int(seconds) * _SECOND + int(digits)
    elif text.isdecimal():
        found = int(text)
    else:
        return None
    return found if _EARLIEST_NS <= found < _LATEST_NS else None
