"""The record of a run: write, verify, read back, compare."""

from tieout.journal.reader import Difference, Entry, JournalReader, first_difference
from tieout.journal.records import Decision, Kind, Record, decode, encode
from tieout.journal.writer import Disk, DiskFile, JournalWriter

__all__ = [
    "Decision",
    "Difference",
    "Disk",
    "DiskFile",
    "Entry",
    "JournalReader",
    "JournalWriter",
    "Kind",
    "Record",
    "decode",
    "encode",
    "first_difference",
]
