"""The compiled core: matching, drilling down, making bars, merging streams, chaining rows."""

from tieout.market._compile import compiling_told, sources_digest
from tieout.market.bars import EACH_TRADE, BarMaker, MadeBars
from tieout.market.chain import DataChain
from tieout.market.checks import never_decrease
from tieout.market.drilldown import Band, DrillingCore
from tieout.market.finer import DataBreak, FinerMarket, with_gaps
from tieout.market.matching import MatchingCore
from tieout.market.merging import Window, merged_windows
from tieout.market.reports import REASONS, CoreReport, ReportKind
from tieout.market.resolution import ASSUMED, resolution_name

__all__ = [
    "ASSUMED",
    "EACH_TRADE",
    "REASONS",
    "Band",
    "BarMaker",
    "CoreReport",
    "DataBreak",
    "DataChain",
    "DrillingCore",
    "FinerMarket",
    "MadeBars",
    "MatchingCore",
    "ReportKind",
    "Window",
    "compiling_told",
    "merged_windows",
    "never_decrease",
    "resolution_name",
    "sources_digest",
    "with_gaps",
]
