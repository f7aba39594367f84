"""Where calendars, lists and rules are kept: a folder of the store each, with one file.

data/NAME/calendar.json   an exchange's sessions
data/NAME/universe.json   who is on a list, by date
data/NAME/rules.json      an instrument's tick, lot and least order, by date

Names are shared with the data sets of the market, so that one name means one thing. A store behind
a URL holds market data alone.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.errors import DataError, InputError
from tieout.model.calendars import Calendar
from tieout.model.rules import DatedRules
from tieout.model.universes import Universe

if TYPE_CHECKING:
    from tieout.history.places import StoredAt

__all__ = ["ReferenceStore"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_KINDS: Final[dict[str, Any]] = {
    "calendar": Calendar,
    "universe": Universe,
    "rules": DatedRules,
}
_WORD: Final = {kind: word for word, kind in _KINDS.items()}


class ReferenceStore:
    """Calendars, lists and rules of a store.

    Args:
        stored_at: Folder of the store, made when the first is written; or the URL of one.
    """

    def __init__(self, stored_at: StoredAt) -> None:
        self._stored_at = stored_at
        self._folder = None if isinstance(stored_at, str) else stored_at

    def names(self) -> list[str]:
        """Return all names, sorted."""
        if self._folder is None or not self._folder.is_dir():
            return []
        return sorted(
            each.name
            for each in self._folder.iterdir()
            if _NAME.fullmatch(each.name) and self._file(each.name) is not None
        )

    def kind(self, name: str) -> str:
        """Return what a name stands for: `calendar`, `universe` or `rules`.

        Raises:
            InputError: There is none of this name.
        """
        file = self._file(name)
        if file is None:
            raise self._unknown(name, "calendar, list or rules")
        return file.stem

    def calendar(self, name: str) -> Calendar:
        """Return a calendar.

        Raises:
            InputError: There is none of this name.
            DataError: Its file is damaged.
        """
        found = self._read(name, "calendar") if self._file(name) else None
        if not isinstance(found, Calendar):
            raise self._unknown(name, "calendar")
        return found

    def told(self, name: str) -> Universe | DatedRules:
        """Return a list or rules.

        Raises:
            InputError: There is none of this name, or it is a calendar.
            DataError: Its file is damaged.
        """
        found: Calendar | Universe | DatedRules = self._read(name, "universe or rules")
        if isinstance(found, Calendar):
            raise InputError(
                f"{name} is a calendar and holds no data; name it with --calendar {name}"
            )
        return found

    def anything(self, name: str) -> Calendar | Universe | DatedRules:
        """Return what a name stands for.

        Raises:
            InputError: There is none of this name.
            DataError: Its file is damaged.
        """
        found: Calendar | Universe | DatedRules = self._read(name, "calendar, list or rules")
        return found

    def write(self, what: Calendar | Universe | DatedRules) -> None:
        """Keep something under its own name, whole or not at all.

        Raises:
            InputError: The name is taken or not allowed, or the folder cannot be written to.
        """
        name, kind = what.name, _WORD[type(what)]
        if not _NAME.fullmatch(name):
            raise InputError(
                f"name {name!r}: use up to 100 of a-z, A-Z, 0-9, '_', '-' and '.', and begin with "
                "a letter, a digit or '_'"
            )
        folder = self._folder
        if folder is None:
            raise InputError(
                f"{self._stored_at}: a store behind a URL holds market data alone; keep {kind} "
                f"{name!r} in a project whose data lies in a folder"
            )
        if (folder / name).exists():
            raise InputError(f"{folder}: {name!r} exists; choose another name or delete it first")
        kept = {**msgspec.to_builtins(what), "fingerprint": what.fingerprint}
        # A row a line: readable, and no larger than it must be.
        data = msgspec.json.encode(kept).replace(b"],[", b"],\n[")
        half: Path | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            half = Path(mkdtemp(prefix=f".{name}.", suffix=".part", dir=folder))
            half.chmod(0o755)
            (half / f"{kind}.json").write_bytes(data)
            half.rename(folder / name)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written to ({error})") from error
        finally:
            if half is not None:
                shutil.rmtree(half, ignore_errors=True)

    def _file(self, name: str) -> Path | None:
        folder = self._folder
        if folder is None:
            return None
        for word in _KINDS:
            file = folder / name / f"{word}.json"
            if _NAME.fullmatch(name) and file.is_file():
                return file
        return None

    def _read(self, name: str, wanted: str) -> Any:  # noqa: ANN401 - one of three
        file = self._file(name)
        if file is None:
            raise self._unknown(name, wanted)
        try:
            kept = msgspec.json.decode(file.read_bytes())
            fingerprint = kept.pop("fingerprint")
            found = msgspec.convert(kept, _KINDS[file.stem])
        except (
            msgspec.DecodeError,
            InputError,
            AttributeError,
            KeyError,
            TypeError,
            OSError,
        ) as error:
            raise DataError(
                f"the file is damaged ({error})", file=str(file), remedy="Import it again."
            ) from error
        if found.fingerprint != fingerprint:
            raise DataError(
                "the content is not what was imported",
                file=str(file),
                value=found.fingerprint[:16],
                limit=str(fingerprint)[:16],
                remedy="Import it again.",
            )
        return msgspec.structs.replace(found, name=name)

    def _unknown(self, name: str, wanted: str) -> InputError:
        known = ", ".join(self.names()) or "none"
        return InputError(
            f"{self._stored_at}: no {wanted} {name!r}; there are: {known}; import one with --kind"
        )
