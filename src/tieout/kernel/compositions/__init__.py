"""Orders that are composed of primitives, once for all worlds."""

from tieout.kernel.compositions.base import Composition, News, merged, span_of, untriggered
from tieout.kernel.compositions.links import Bracket, HeldLeg, OneCancelsOther, OneUpdatesOther
from tieout.kernel.compositions.schedules import OverTime, WithVolume
from tieout.kernel.compositions.slices import Iceberg, MarketToLimit
from tieout.kernel.compositions.triggers import FixedTrigger, TrailingTrigger, trail_level
from tieout.kernel.compositions.working import Working

__all__ = [
    "Bracket",
    "Composition",
    "FixedTrigger",
    "HeldLeg",
    "Iceberg",
    "MarketToLimit",
    "News",
    "OneCancelsOther",
    "OneUpdatesOther",
    "OverTime",
    "TrailingTrigger",
    "WithVolume",
    "Working",
    "merged",
    "span_of",
    "trail_level",
    "untriggered",
]
