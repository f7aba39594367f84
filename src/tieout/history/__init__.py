"""Market data on disk: import, fingerprint, read back in order of arrival."""

from tieout.history._action_rows import action_of_row
from tieout.history._numbers import scaled
from tieout.history.adjusting import write_adjusted
from tieout.history.bars import bars_from_trades, made_bars
from tieout.history.dataset import Dataset, DatasetMeta, ends_of
from tieout.history.downloading import Downloaded, Wanted, download
from tieout.history.formats import FORMATS, Ask
from tieout.history.importer import FIELDS, Progress, import_file
from tieout.history.imports import import_any, open_reading
from tieout.history.ranges import StoredRanges
from tieout.history.recordings import RECORDINGS, import_recording
from tieout.history.samples import SAMPLES, Sample, import_sample
from tieout.history.store import Store

__all__ = [
    "FIELDS",
    "FORMATS",
    "RECORDINGS",
    "SAMPLES",
    "Ask",
    "Dataset",
    "DatasetMeta",
    "Downloaded",
    "Progress",
    "Sample",
    "Store",
    "StoredRanges",
    "Wanted",
    "action_of_row",
    "bars_from_trades",
    "download",
    "ends_of",
    "import_any",
    "import_file",
    "import_recording",
    "import_sample",
    "made_bars",
    "open_reading",
    "scaled",
    "write_adjusted",
]
