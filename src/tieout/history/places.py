"""Where a store lies: a folder of this machine, or what a URL names; the store knows no other.

A data set is whole or not there. Its description is written last and names the files of its rows,
so a file that no description names does not count, whatever broke off:

    a folder    rows in a hidden folder beside the place, which is moved there; what is added to a
                data set is linked into its folder, then the description is replaced
    objects     rows under their own names, then the description (see `objects`)
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from tieout.errors import InputError
from tieout.history.objects import META, ONE_PART, SINGLE_FILES, Objects

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = [
    "META",
    "ONE_PART",
    "SINGLE_FILES",
    "DatasetFiles",
    "Folder",
    "Place",
    "StoredAt",
    "Unfinished",
    "place_of",
]

StoredAt = Path | str
"""A folder, or the URL of one."""


class DatasetFiles(Protocol):
    """The files of one data set."""

    @property
    def path(self) -> StoredAt:
        """The folder they lie in."""

    @property
    def is_far(self) -> bool:
        """Whether each read takes a network's way there and back."""

    @property
    def remedy(self) -> str:
        """What to do when one of them cannot be read."""

    def source(self, file: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return what the Parquet reader opens."""

    def shown(self, file: str) -> StoredAt:
        """Return a file's full name."""

    def read(self, file: str) -> bytes:
        """Return what is in a file.

        Raises:
            OSError: It cannot be read.
        """

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file."""

    def drop(self, file: str) -> None:
        """Delete a file that the description no longer names."""


class Unfinished(Protocol):
    """Files of a data set that nobody sees before they are settled."""

    def name_of(self, number: int) -> str:
        """Return what the data set's nth file of rows is called; sorted, names are in order."""

    def sink(self, file: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return what the Parquet writer writes a file to: a path, or a stream to close."""

    def put(self, file: str, content: BinaryIO) -> None:
        """Write a file whole."""

    def settle(self, description: bytes) -> DatasetFiles:
        """Make everything durable and seen at once.

        Raises:
            InputError: The name was taken, or its data set changed, meanwhile.
        """

    def discard(self) -> None:
        """Leave nothing behind; after `settle` this does nothing."""


class Place(Protocol):
    """A folder of data sets, and of names that stand for one file alone."""

    def names(self) -> list[str]:
        """Return the names of what may be data sets: all that have a description."""

    def holds(self, name: str) -> bool:
        """Whether the name is taken."""

    def files(self, name: str) -> DatasetFiles | None:
        """Return the files of a data set; None where there is no description."""

    def begun(self, name: str, before: bytes | None) -> Unfinished:
        """Return the files of a data set to be written.

        Args:
            name: Its name.
            before: The description that the new one takes the place of; None: there is none.
        """

    def single_files(self) -> dict[str, str]:
        """Return the file that lies below each name that stands for one alone.

        Raises:
            InputError: The storage cannot be read.
        """

    def single_file(self, name: str) -> str | None:
        """Return the file that a name stands for; None: it stands for none, or a data set.

        Raises:
            InputError: The storage cannot be read.
        """

    def read(self, name: str, file: str) -> bytes:
        """Return what is in a file below a name.

        Raises:
            OSError: It cannot be read.
        """

    def shown(self, name: str, file: str) -> StoredAt:
        """Return the full name of a file below a name."""

    def write(self, name: str, file: str, content: bytes) -> None:
        """Write the one file of a new name, whole or not at all; nobody has taken the name.

        Raises:
            OSError: It cannot be written.
        """


def place_of(stored_at: StoredAt) -> Place:
    """Return the place that a path or a URL names.

    Raises:
        InputError: The URL is not one of a storage, or it carries a password.
    """
    if isinstance(stored_at, Path):
        return Folder(stored_at)
    if "://" not in stored_at:
        return Folder(Path(stored_at))
    if urlsplit(stored_at).scheme == "file":
        return Folder(Path(unquote(urlsplit(stored_at).path)))
    return Objects.at(stored_at)


class Folder:
    """A folder of this machine.

    Args:
        path: Made when the first data set is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        """Return the names of all folders with a description."""
        if not self._path.is_dir():
            return []
        return [each.name for each in self._path.iterdir() if (each / META).is_file()]

    def holds(self, name: str) -> bool:
        """Whether there is anything of this name."""
        return (self._path / name).exists()

    def files(self, name: str) -> DatasetFiles | None:
        """Return a data set's files."""
        folder = self._path / name
        return _FolderFiles(folder) if (folder / META).is_file() else None

    def begun(self, name: str, before: bytes | None) -> Unfinished:
        """Return a hidden folder beside the data set's.

        Raises:
            OSError: The folder cannot be written to.
            InputError: Another process writes to the data set.
        """
        self._path.mkdir(parents=True, exist_ok=True)
        if before is None:
            return _NewFolder(self._path / name)
        return _MoreInFolder(self._path / name, before)

    def single_files(self) -> dict[str, str]:
        """Return the file of each folder that is there for one alone."""
        if not self._path.is_dir():
            return {}
        found = {each.name: self.single_file(each.name) for each in self._path.iterdir()}
        return {name: file for name, file in found.items() if file is not None}

    def single_file(self, name: str) -> str | None:
        """Return the file that a folder is there for; None: there is none."""
        return next((each for each in SINGLE_FILES if (self._path / name / each).is_file()), None)

    def read(self, name: str, file: str) -> bytes:
        """Return what is in a file."""
        return self.shown(name, file).read_bytes()

    def shown(self, name: str, file: str) -> Path:
        """Return a file's path."""
        return self._path / name / file

    def write(self, name: str, file: str, content: bytes) -> None:
        """Write a folder with one file, in a hidden one that is moved."""
        self._path.mkdir(parents=True, exist_ok=True)
        half = Path(mkdtemp(prefix=f".{name}.", suffix=".part", dir=self._path))
        try:
            half.chmod(self._path.stat().st_mode & 0o777)
            (half / file).write_bytes(content)
            for each in (half / file, half):
                _sync(each)
            half.rename(self._path / name)
            _sync(self._path)
        finally:
            shutil.rmtree(half, ignore_errors=True)


class _FolderFiles:
    is_far = False
    remedy = "Import the data again."

    def __init__(self, path: Path) -> None:
        self.path = path

    def source(self, file: str) -> Path:
        return self.path / file

    def shown(self, file: str) -> Path:
        return self.path / file

    def read(self, file: str) -> bytes:
        return (self.path / file).read_bytes()

    def sizes(self) -> dict[str, int]:
        return {each.name: each.stat().st_size for each in self.path.iterdir()}

    def drop(self, file: str) -> None:
        (self.path / file).unlink(missing_ok=True)


class _HiddenFolder:
    """What both ways of writing to a folder share: rows go to a hidden folder first."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._half = Path(mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))

    def name_of(self, number: int) -> str:
        return ONE_PART if number == 1 else f"part_{number:04d}.parquet"

    def sink(self, file: str) -> Path:
        return self._half / file

    def put(self, file: str, content: BinaryIO) -> None:
        with (self._half / file).open("wb") as opened:
            shutil.copyfileobj(content, opened)

    def discard(self) -> None:
        if self._half.exists():
            shutil.rmtree(self._half, ignore_errors=True)


class _NewFolder(_HiddenFolder):
    """A data set that is not there yet."""

    def settle(self, description: bytes) -> DatasetFiles:
        (self._half / META).write_bytes(description)
        # mkdtemp makes a folder for one user; a data set is like any other file of its store.
        self._half.chmod(self._place.parent.stat().st_mode & 0o777)
        for each in (*self._half.iterdir(), self._half):
            _sync(each)
        if self._place.exists():
            raise InputError(
                f"{self._place.parent}: a data set {self._place.name!r} was made meanwhile; "
                "choose another name"
            )
        self._half.rename(self._place)
        _sync(self._place.parent)
        return _FolderFiles(self._place)


class _MoreInFolder(_HiddenFolder):
    """Further files of a data set that is there, and a new description of it."""

    def __init__(self, place: Path, before: bytes) -> None:
        self._before = before
        self._lock = os.open(place, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            super().__init__(place)
        except BlockingIOError as error:
            os.close(self._lock)
            raise InputError(
                f"{place}: another process writes to it; wait until it has ended"
            ) from error
        except OSError:
            os.close(self._lock)
            raise

    def settle(self, description: bytes) -> DatasetFiles:
        if (self._place / META).read_bytes() != self._before:
            raise InputError(f"{self._place}: it changed meanwhile; try again")
        for each in self._half.iterdir():
            _sync(each)
            # What is there already is of a writing that broke off: the description names no such
            # file, and nobody else may write here now.
            (self._place / each.name).unlink(missing_ok=True)
            os.link(each, self._place / each.name)
        (self._half / META).write_bytes(description)
        _sync(self._half / META)
        _sync(self._place)
        (self._half / META).replace(self._place / META)
        _sync(self._place)
        self.discard()
        return _FolderFiles(self._place)

    def discard(self) -> None:
        super().discard()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
