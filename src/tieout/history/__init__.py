"""Market data on disk: import, fingerprint, read back in order of arrival."""

from tieout.history._action_rows import action_of_row
from tieout.history._borrow_rows import NOT_TOLD, shown_rate
from tieout.history._numbers import scaled
from tieout.history.adjusting import write_adjusted
from tieout.history.availability import Availability, availability_of, stream_availability
from tieout.history.bars import bars_from_trades, made_bars
from tieout.history.dataset import Dataset, DatasetMeta, ends_of
from tieout.history.downloading import Downloaded, Wanted, download
from tieout.history.formats import FORMATS, Ask
from tieout.history.importer import FIELDS, Progress, import_file
from tieout.history.imports import import_any, open_reading
from tieout.history.ranges import StoredRanges
from tieout.history.recordings import RECORDINGS, import_recording
from tieout.history.revising import revise
from tieout.history.samples import SAMPLES, Sample, import_sample
from tieout.history.seen import matched_rows, seen_rows
from tieout.history.store import Store

__all__ = [
    "FIELDS",
    "FORMATS",
    "NOT_TOLD",
    "RECORDINGS",
    "SAMPLES",
    "Ask",
    "Availability",
    "Dataset",
    "DatasetMeta",
    "Downloaded",
    "Progress",
    "Sample",
    "Store",
    "StoredRanges",
    "Wanted",
    "action_of_row",
    "availability_of",
    "bars_from_trades",
    "download",
    "ends_of",
    "import_any",
    "import_file",
    "import_recording",
    "import_sample",
    "made_bars",
    "matched_rows",
    "open_reading",
    "revise",
    "scaled",
    "seen_rows",
    "shown_rate",
    "stream_availability",
    "write_adjusted",
]
