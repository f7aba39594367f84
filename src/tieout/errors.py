"""Every error tieout raises on purpose, drawn as a tree.

TieoutError
├── InputError               you can fix it: a file, a value, a setting, an order
│   ├── DataError            a market data file or row that cannot be right
│   │   └── ReadingFailed    a file that broke its reader in a way nobody thought of
│   ├── SettingsError        an unknown or impossible setting
│   ├── OrderRefused         an order the instrument or the risk gate does not allow
│   └── RunNotFound          no run has this id, or several begin with it
├── VenueError               the venue or the way to it failed: retry or stop
│   ├── OutcomeUnknown       a create or amend whose fate only the venue can tell
│   └── ConnectionFailed     the venue cannot be reached
└── InvariantViolated        we are wrong: stop, keep the journal
    ├── JournalDamaged       a record inside the durable prefix does not verify
    └── BooksUnbalanced      debits and credits differ
"""

from __future__ import annotations

__all__ = [
    "BooksUnbalanced",
    "ConnectionFailed",
    "DataError",
    "InputError",
    "InvariantViolated",
    "JournalDamaged",
    "OrderRefused",
    "OutcomeUnknown",
    "ReadingFailed",
    "RunNotFound",
    "SettingsError",
    "TieoutError",
    "VenueError",
]


class TieoutError(Exception):
    """The root; catching it catches only what tieout raises on purpose."""


class InputError(TieoutError):
    """Something the person at the keyboard can correct; the command exits with 2."""


class DataError(InputError):
    """A file or row of market data that cannot be right.

    The message names file, row, value, limit and remedy; the same facts are attributes.

    Args:
        problem: What is wrong, without a full stop ("high is below low").
        file: Path as the user gave it.
        row: One-based data row, header not counted; None when the whole file is meant.
        value: The offending value as text; None when there is none to show.
        limit: What would have been accepted; None when the problem says it.
        remedy: What to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str,
        row: int | None = None,
        value: str | None = None,
        limit: str | None = None,
        remedy: str,
    ) -> None:
        self.problem = problem
        self.file = file
        self.row = row
        self.value = value
        self.limit = limit
        self.remedy = remedy
        where = file if row is None else f"{file}, row {row}"
        shown = "" if value is None else f" (value {value})"
        bound = "" if limit is None else f"; allowed: {limit}"
        super().__init__(f"{where}: {problem}{shown}{bound}. {remedy}")


class ReadingFailed(DataError):
    """A file that broke its reader: none of the refusals it has for such a file fits.

    The file is damaged in a way that nobody thought of. Its cause is the error itself.
    """


class SettingsError(InputError):
    """A setting that is unknown, out of range, or contradicts another one."""


class OrderRefused(InputError):
    """An order that the instrument's rules do not allow."""


class RunNotFound(InputError):
    """No run has this id, or several begin with it."""


class VenueError(TieoutError):
    """The venue, or the way to it, failed."""


class OutcomeUnknown(VenueError):
    """A create or amend was sent and its fate is not known; it must be asked for, never resent."""


class ConnectionFailed(VenueError):
    """The venue cannot be reached."""


class InvariantViolated(TieoutError):
    """A promise of ours does not hold; the run stops and its journal is kept."""


class JournalDamaged(InvariantViolated):
    """A record inside the durable prefix of a journal does not verify."""


class BooksUnbalanced(InvariantViolated):
    """Debits and credits of the ledger differ."""
