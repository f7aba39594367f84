"""Where calendars, lists and rules are kept: a folder of the store each, with one file.

data/NAME/calendar.json   an exchange's sessions
data/NAME/universe.json   who is on a list, by date
data/NAME/rules.json      an instrument's tick, lot and least order, by date

Names are shared with the data sets of the market, so that one name means one thing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.errors import DataError, InputError
from tieout.history.places import place_of
from tieout.model.calendars import Calendar
from tieout.model.rules import DatedRules
from tieout.model.universes import Universe

if TYPE_CHECKING:
    from tieout.history.places import Place, StoredAt

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
        place: Where that is, for what no URL reaches.

    Raises:
        InputError: The URL is not one of a storage.
    """

    def __init__(self, stored_at: StoredAt, *, place: Place | None = None) -> None:
        self._stored_at = stored_at
        self._place = place or place_of(stored_at)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(filter(_NAME.fullmatch, self._place.single_files()))

    def kind(self, name: str) -> str:
        """Return what a name stands for: `calendar`, `universe` or `rules`.

        Raises:
            InputError: There is none of this name.
        """
        file = self._file(name)
        if file is None:
            raise self._unknown(name, "calendar, list or rules")
        return _word(file)

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
        if self._place.holds(name):
            raise InputError(
                f"{self._stored_at}: {name!r} exists; choose another name or delete it first"
            )
        kept = {**msgspec.to_builtins(what), "fingerprint": what.fingerprint}
        # A row a line: readable, and no larger than it must be.
        data = msgspec.json.encode(kept).replace(b"],[", b"],\n[")
        try:
            self._place.write(name, f"{kind}.json", data)
        except OSError as error:
            raise InputError(f"{self._stored_at}: cannot be written to ({error})") from error

    def _file(self, name: str) -> str | None:
        return self._place.single_file(name) if _NAME.fullmatch(name) else None

    def _read(self, name: str, wanted: str) -> Any:  # noqa: ANN401 - one of three
        file = self._file(name)
        if file is None:
            raise self._unknown(name, wanted)
        try:
            kept = msgspec.json.decode(self._place.read(name, file))
            fingerprint = kept.pop("fingerprint")
            found = msgspec.convert(kept, _KINDS[_word(file)])
        except (
            msgspec.DecodeError,
            InputError,
            AttributeError,
            KeyError,
            TypeError,
            OSError,
        ) as error:
            raise DataError(
                f"the file is damaged ({error})",
                file=str(self._place.shown(name, file)),
                remedy="Import it again.",
            ) from error
        if found.fingerprint != fingerprint:
            raise DataError(
                "the content is not what was imported",
                file=str(self._place.shown(name, file)),
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


def _word(file: str) -> str:
    return file.removesuffix(".json")
