"""The compiled core: matching and the chain of market rows."""

from tieout.market._compile import sources_digest
from tieout.market.chain import DataChain
from tieout.market.matching import CoreReport, MatchingCore, ReportKind

__all__ = ["CoreReport", "DataChain", "MatchingCore", "ReportKind", "sources_digest"]
