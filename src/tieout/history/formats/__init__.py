"""The formats that market data comes in, and which of them a file is."""

from tieout.history.formats.detection import FORMATS, detect
from tieout.history.formats.reading import (
    ActionsReading,
    Ask,
    Format,
    Guess,
    Look,
    Reading,
    RecordedReading,
    Surety,
    TableReading,
    look_at,
)

__all__ = [
    "FORMATS",
    "ActionsReading",
    "Ask",
    "Format",
    "Guess",
    "Look",
    "Reading",
    "RecordedReading",
    "Surety",
    "TableReading",
    "detect",
    "look_at",
]
