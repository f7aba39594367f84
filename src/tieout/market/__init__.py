"""The compiled core: matching, drilling down, making bars, merging streams, chaining rows."""

from tieout.market._compile import compiling_told, sources_digest
from tieout.market.bars import EACH_TRADE, BarMaker, MadeBars
from tieout.market.chain import DataChain
from tieout.market.checks import never_decrease
from tieout.market.digits import DIGITS_MAX, steps_of_text
from tieout.market.drilldown import Band, DrillingCore
from tieout.market.finer import DataBreak, FinerMarket, with_gaps
from tieout.market.matching import MatchingCore
from tieout.market.merging import Window, merged_windows
from tieout.market.reports import REASONS, CoreReport, ReportKind
from tieout.market.resolution import ASSUMED, resolution_name

__all__ = [
    "ASSUMED",
    "DIGITS_MAX",
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
    "steps_of_text",
    "with_gaps",
]
