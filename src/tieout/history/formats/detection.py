"""Which format a file is: the one that is surest of it, or nobody's guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.errors import DataError, InputError
from tieout.history.formats.actions import ActionTable, LeanFactors
from tieout.history.formats.binance_archive import ARCHIVES
from tieout.history.formats.borrow import BorrowSnapshot, LeanShortable
from tieout.history.formats.cryptodatadownload import CryptoDataDownload
from tieout.history.formats.dbn import Dbn
from tieout.history.formats.freqtrade import Freqtrade
from tieout.history.formats.hftbacktest import HftBacktest
from tieout.history.formats.lean import Lean
from tieout.history.formats.parquets import Hyperliquid, Nautilus
from tieout.history.formats.recorded import CAPTURES, MarketByOrder
from tieout.history.formats.table import Table
from tieout.history.formats.tardis import Tardis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tieout.history.formats.reading import Format, Guess, Look

__all__ = ["AUTO", "FORMATS", "detect", "format_named"]

AUTO: Final = "auto"
"""Said instead of a format's name: find it out."""

_ALL: Final[tuple[Format, ...]] = (
    Table(),
    ActionTable(),
    *ARCHIVES,
    *CAPTURES,
    BorrowSnapshot(),
    CryptoDataDownload(),
    Dbn(),
    Freqtrade(),
    HftBacktest(),
    Hyperliquid(),
    Lean(),
    LeanFactors(),
    LeanShortable(),
    MarketByOrder(),
    Nautilus(),
    Tardis(),
)
FORMATS: Final[Mapping[str, Format]] = {each.name: each for each in _ALL}
"""Every format by name."""


def detect(look: Look) -> tuple[Format, Guess]:
    """Return the format that is surest of a file, and why.

    Raises:
        DataError: No format knows the file, or two are equally sure of it.
    """
    guesses = [(each, guess) for each in _ALL if (guess := each.detect(look)) is not None]
    if not guesses:
        raise DataError(
            "no format is known to look like this",
            file=str(look.path),
            value=(look.lines[0] if look.lines else ", ".join(look.schema))[:80],
            remedy=f"Name it with --format: {', '.join(FORMATS)}.",
        )
    surest = max(guess.surety for _, guess in guesses)
    best = [(each, guess) for each, guess in guesses if guess.surety == surest]
    if len(best) > 1:
        told = "; ".join(f"{each.name}: {guess.why}" for each, guess in best)
        raise DataError(
            "several formats look like this",
            file=str(look.path),
            value=told,
            remedy=f"Say which: --format {' or --format '.join(each.name for each, _ in best)}.",
        )
    return best[0]


def format_named(name: str) -> Format:
    """Return a format by its name.

    Raises:
        InputError: There is none.
    """
    if name not in FORMATS:
        raise InputError(f"format {name!r}; allowed: {AUTO}, {', '.join(FORMATS)}")
    return FORMATS[name]
