"""The disk a journal is written to: the real one, and one in memory that can crash."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RealDisk", "SimulatedDisk"]


class RealDisk:
    """Files of the operating system."""

    def open_append(self, path: str) -> _RealFile:
        """Open or create a file for appending."""
        return _RealFile(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))

    def read(self, path: str, chunk_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes in chunks."""
        with Path(path).open("rb") as file:
            while chunk := file.read(chunk_bytes):
                yield chunk

    def truncate(self, path: str, length: int) -> None:
        """Cut a file to `length` bytes, durably."""
        with Path(path).open("r+b") as file:
            file.truncate(length)
            os.fsync(file.fileno())

    def sync_folder(self, path: str) -> None:
        """Make names created in a folder durable."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def names(self, path: str) -> list[str]:
        """Return the file names in a folder, sorted; none when there is no folder."""
        folder = Path(path)
        return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


class _RealFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


@dataclass(slots=True)
class _Image:
    """A file: what is safe, and what was written since, in order."""

    durable: bytes = b""
    pending: list[bytes] = field(default_factory=list)
    named: bool = False

    @property
    def whole(self) -> bytes:
        return self.durable + b"".join(self.pending)


class SimulatedDisk:
    """A disk in memory that forgets, tears and fails on demand.

    Attributes:
        fail_sync: The next sync raises EIO and the pages waiting for it are dropped, as real
            kernels do; later syncs work and prove nothing.
        bytes_left: Appending more than this raises ENOSPC after writing what fits.
    """

    def __init__(self) -> None:
        self.files: dict[str, _Image] = {}
        self.fail_sync = False
        self.bytes_left: int | None = None

    def open_append(self, path: str) -> _SimulatedFile:
        """Open or create a file for appending."""
        return _SimulatedFile(self, self.files.setdefault(path, _Image()))

    def read(self, path: str, chunk_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes in chunks."""
        whole = self.files[path].whole
        for start in range(0, len(whole), chunk_bytes):
            yield whole[start : start + chunk_bytes]

    def truncate(self, path: str, length: int) -> None:
        """Cut a file to `length` bytes, durably."""
        image = self.files[path]
        image.durable = image.whole[:length]
        image.pending.clear()

    def sync_folder(self, path: str) -> None:
        """Make names created in a folder durable."""
        for name, image in self.files.items():
            if name.startswith(path + "/"):
                image.named = True

    def names(self, path: str) -> list[str]:
        """Return the file names in a folder, sorted."""
        start = path + "/"
        return sorted(name[len(start) :] for name in self.files if name.startswith(start))

    def crash(self, seed: int) -> None:
        """Lose power: each unsynced write is kept, lost or torn, as the seed says.

        A lost write may lie before a kept one: then a hole of zero bytes is left.
        """
        for name, image in list(self.files.items()):
            if not image.named and not image.durable:
                del self.files[name]
                continue
            kept = image.durable
            for number, data in enumerate(image.pending):
                key = blake2b(f"{seed}/{name}/{number}".encode(), digest_size=4).digest()
                choice, cut = key[0] % 4, int.from_bytes(key[1:]) % (len(data) + 1)
                kept += (data, b"", data[:cut], bytes(len(data)))[choice]
            image.durable = kept
            image.pending.clear()


class _SimulatedFile:
    def __init__(self, disk: SimulatedDisk, image: _Image) -> None:
        self._disk = disk
        self._image = image

    def append(self, data: bytes) -> None:
        left = self._disk.bytes_left
        if left is not None and len(data) > left:
            self._image.pending.append(data[:left])
            self._disk.bytes_left = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if left is not None:
            self._disk.bytes_left = left - len(data)
        self._image.pending.append(data)

    def sync(self) -> None:
        if self._disk.fail_sync:
            self._disk.fail_sync = False
            self._image.pending.clear()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._image.durable = self._image.whole
        self._image.pending.clear()
        self._image.named = True

    def close(self) -> None:
        pass
