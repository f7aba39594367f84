"""Market data on disk: import, fingerprint, read back in order of arrival."""

from tieout.history.bars import bars_from_trades
from tieout.history.importer import import_file
from tieout.history.samples import SAMPLES, Sample, import_sample
from tieout.history.store import Dataset, DatasetMeta, Store

__all__ = [
    "SAMPLES",
    "Dataset",
    "DatasetMeta",
    "Sample",
    "Store",
    "bars_from_trades",
    "import_file",
    "import_sample",
]
