"""The venue's own record of what really happened, one JSON object a line, for checkers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import SettingsError

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["TruthLog"]


class TruthLog:
    """Appends facts to a file, each flushed at once; without a path it keeps nothing.

    Every line has `kind` and `time_ns` (venue time of the fact); quantities are lots, prices
    ticks, money internal units, all integers.

    Raises:
        SettingsError: The file cannot be written.
    """

    def __init__(self, path: str | None) -> None:
        self._file: BinaryIO | None = None
        if path is not None:
            try:
                self._file = Path(path).open("wb", buffering=0)  # noqa: SIM115 - lives on
            except OSError as error:
                raise SettingsError(
                    f"practice venue: cannot write the truth log {path} ({error.strerror}); "
                    "choose a file in a folder that is there"
                ) from error

    @property
    def is_kept(self) -> bool:
        """Whether anybody will read it; spares building lines that nobody keeps."""
        return self._file is not None

    def note(self, kind: str, time_ns: int, **facts: object) -> None:
        """Append one fact."""
        if self._file is not None:
            line = {"kind": kind, "time_ns": time_ns, **facts}
            self._file.write(msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
