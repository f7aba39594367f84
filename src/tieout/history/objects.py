"""A store in object storage, or in any file system that pyarrow reaches by URL.

    URL/NAME/part_0001-1f08c3aa.parquet, …   rows; no two writers give a file the same name
    URL/NAME/meta.json                       the description, written last

An object appears whole when it is closed, and a data set when its description does. What broke off
before that is no data set, and no description will ever name it.

Credentials come from the environment alone, as each storage's own tools take them; a URL that
carries some is refused, since URLs are printed and written down.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
from pyarrow import fs

from tieout.errors import InputError

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["META", "ONE_PART", "SINGLE_FILES", "ObjectFiles", "Objects"]

META: Final = "meta.json"
"""The description of a data set."""

ONE_PART: Final = "part.parquet"
"""The file of rows in a folder, where there is one."""

SINGLE_FILES: Final = ("calendar.json", "universe.json", "rules.json")
"""What a name may stand for instead: one file, whole by itself."""

_FLAT: Final = frozenset({"s3", "gcs", "abfs"})
"""Storages without folders: an object appears at once, and none needs a folder to be in."""

_GROWING: Final = ".part"

_SECRET_WORDS: Final = ("secret", "password", "token", "access_key", "key")
_COPY_BYTES: Final = 1 << 20
_REMEDY: Final = (
    "Is the storage reachable? Try again; if the object is damaged, import the data again."
)


class Objects:
    """Data sets under a prefix of a file system.

    Args:
        filesystem: Of pyarrow.
        root: The prefix, without a slash at its end.
        url: What it is called in messages, without a slash at its end.
    """

    def __init__(self, filesystem: fs.FileSystem, root: str, url: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._url = url.rstrip("/")

    @staticmethod
    def at(url: str) -> Objects:
        """Return what a URL names, such as `s3://bucket/prefix`.

        Raises:
            InputError: It carries credentials, or no storage of that kind is known.
        """
        _refuse_credentials(url)
        try:
            filesystem, root = fs.FileSystem.from_uri(url)
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{url}: cannot be reached as a storage ({str(error)[:200]}); use a folder, or a "
                "URL that begins with file://, s3://, gs:// or abfs://"
            ) from error
        return Objects(filesystem, root, url.partition("?")[0])

    def names(self) -> list[str]:
        """Return the names of all prefixes with a description.

        Raises:
            InputError: The storage cannot be read.
        """
        try:
            found = self._filesystem.get_file_info(
                fs.FileSelector(self._root, recursive=False, allow_not_found=True)
            )
            folders = [each.base_name for each in found if each.type == fs.FileType.Directory]
            described = self._filesystem.get_file_info([self._at(each, META) for each in folders])
        except OSError as error:
            raise self._unreachable(error) from error
        return [
            name
            for name, each in zip(folders, described, strict=True)
            if each.type == fs.FileType.File
        ]

    def holds(self, name: str) -> bool:
        """Whether there is a description of this name, or a file that it stands for.

        Raises:
            InputError: The storage cannot be read.
        """
        return self.files(name) is not None or self.single_file(name) is not None

    def single_files(self) -> dict[str, str]:
        """Return the object of each prefix that stands for one alone.

        Raises:
            InputError: The storage cannot be read.
        """
        try:
            found = self._filesystem.get_file_info(
                fs.FileSelector(self._root, recursive=False, allow_not_found=True)
            )
        except OSError as error:
            raise self._unreachable(error) from error
        folders = [each.base_name for each in found if each.type == fs.FileType.Directory]
        named = {name: self.single_file(name) for name in folders}
        return {name: file for name, file in named.items() if file is not None}

    def single_file(self, name: str) -> str | None:
        """Return the object that a prefix stands for; None: there is none.

        Raises:
            InputError: The storage cannot be read.
        """
        try:
            found = self._filesystem.get_file_info([self._at(name, each) for each in SINGLE_FILES])
        except OSError as error:
            raise self._unreachable(error) from error
        there = (each.base_name for each in found if each.type == fs.FileType.File)
        return next(there, None)

    def read(self, name: str, file: str) -> bytes:
        """Return what is in an object."""
        return self._below(name).read(file)

    def shown(self, name: str, file: str) -> str:
        """Return an object's URL."""
        return self._below(name).shown(file)

    def write(self, name: str, file: str, content: bytes) -> None:
        """Write one object, which is seen when it is whole."""
        if self._filesystem.type_name not in _FLAT:
            self._filesystem.create_dir(self._at(name), recursive=True)
        _written_whole(self._filesystem, self._at(name, file), content)

    def files(self, name: str) -> ObjectFiles | None:
        """Return a data set's files; None where there is no description.

        Raises:
            InputError: The storage cannot be read.
        """
        try:
            found = self._filesystem.get_file_info(self._at(name, META))
        except OSError as error:
            raise self._unreachable(error) from error
        if found.type != fs.FileType.File:
            return None
        return self._below(name)

    def begun(self, name: str, before: bytes | None) -> _UnfinishedObjects:
        """Return a data set's objects to be written."""
        return _UnfinishedObjects(self._filesystem, self._below(name), self._at(name), before)

    def _below(self, name: str) -> ObjectFiles:
        return ObjectFiles(self._filesystem, self._at(name), f"{self._url}/{name}")

    def _at(self, *names: str) -> str:
        return "/".join(each for each in (self._root, *names) if each)

    def _unreachable(self, error: OSError) -> InputError:
        return InputError(
            f"{self._url}: the storage cannot be read ({str(error)[:200]}); check the address, the "
            "connection, and the credentials in the environment"
        )


class ObjectFiles:
    """The objects of one data set.

    Attributes:
        path: Their URL.
        is_far: True: what is read together is fetched together.
        remedy: What to do when one cannot be read.
    """

    def __init__(self, filesystem: fs.FileSystem, root: str, url: str) -> None:
        self._filesystem = filesystem
        self._root = root
        self.path = url
        self.is_far = True
        self.remedy = _REMEDY

    def source(self, file: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return an object opened for reading any part of it."""
        return self._filesystem.open_input_file(f"{self._root}/{file}")

    def shown(self, file: str) -> str:
        """Return an object's URL."""
        return f"{self.path}/{file}"

    def read(self, file: str) -> bytes:
        """Return what is in an object."""
        with self._filesystem.open_input_stream(f"{self._root}/{file}") as stream:
            content: bytes = stream.read()
            return content

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each object."""
        found = self._filesystem.get_file_info(fs.FileSelector(self._root))
        return {each.base_name: each.size for each in found if each.type == fs.FileType.File}

    def drop(self, file: str) -> None:
        """Delete an object."""
        self._filesystem.delete_file(f"{self._root}/{file}")


class _UnfinishedObjects:
    """Objects that no description names yet."""

    def __init__(
        self, filesystem: fs.FileSystem, files: ObjectFiles, root: str, before: bytes | None
    ) -> None:
        self._filesystem = filesystem
        self._files = files
        self._root = root
        self._before = before
        self._written: list[str] = []
        # No lock holds off another writer here, so their files must never be the same.
        self._own = os.urandom(4).hex()
        if filesystem.type_name not in _FLAT:
            filesystem.create_dir(root, recursive=True)

    def name_of(self, number: int) -> str:
        return f"part_{number:04d}-{self._own}.parquet"

    def sink(self, file: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        self._written.append(file)
        return self._filesystem.open_output_stream(f"{self._root}/{file}")

    def put(self, file: str, content: BinaryIO) -> None:
        with self.sink(file) as stream:
            while block := content.read(_COPY_BYTES):
                stream.write(block)

    def settle(self, description: bytes) -> ObjectFiles:
        if self._described() != self._before:
            raise InputError(
                f"{self._files.path}: it was made or changed meanwhile; try again, or choose "
                "another name"
            )
        self._written.append(f"{META}{_GROWING}")
        _written_whole(self._filesystem, f"{self._root}/{META}", description)
        self._written.clear()
        return self._files

    def discard(self) -> None:
        for file in self._written:
            with suppress(OSError):
                self._files.drop(file)
        self._written.clear()

    def _described(self) -> bytes | None:
        found = self._filesystem.get_file_info(f"{self._root}/{META}")
        return self._files.read(META) if found.type == fs.FileType.File else None


def _written_whole(filesystem: fs.FileSystem, path: str, content: bytes) -> None:
    if filesystem.type_name in _FLAT:
        with filesystem.open_output_stream(path) as stream:
            stream.write(content)
        return
    # Elsewhere a file is seen while it grows.
    with filesystem.open_output_stream(f"{path}{_GROWING}") as stream:
        stream.write(content)
    filesystem.move(f"{path}{_GROWING}", path)


def _refuse_credentials(url: str) -> None:
    """Refuse a URL with a password or a key in it; the message does not repeat it."""
    parts = urlsplit(url)
    named = [name for name, _ in parse_qsl(parts.query) if name.endswith(_SECRET_WORDS)]
    user = parts.username if parts.scheme == "s3" else None
    if parts.password or user or named:
        bare = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise InputError(
            f"{bare}: its URL carries credentials; take them out, and set them in the environment "
            "(s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        )
