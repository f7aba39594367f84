"""The practice venue: a local exchange to rehearse a deployment on, faults included."""

from tieout.adapters.venues.practice.config import (
    Mode,
    PracticeConfig,
    StopRule,
    config_from_profile,
)
from tieout.adapters.venues.practice.faults import Fault, load_faults
from tieout.adapters.venues.practice.server import PracticeServer, ThreadedServer, run

__all__ = [
    "Fault",
    "Mode",
    "PracticeConfig",
    "PracticeServer",
    "StopRule",
    "ThreadedServer",
    "config_from_profile",
    "load_faults",
    "run",
]
