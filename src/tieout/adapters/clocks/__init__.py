"""Clocks: the machine's, and ours as a venue keeps it."""

from __future__ import annotations

from tieout.adapters.clocks.clock_socket import Advanced, ClockSocket, Greeting
from tieout.adapters.clocks.turns import Turns
from tieout.adapters.clocks.venue import LockStepClock, RunningClock, VenueClock
from tieout.adapters.clocks.wall import WallClock

__all__ = [
    "Advanced",
    "ClockSocket",
    "Greeting",
    "LockStepClock",
    "RunningClock",
    "Turns",
    "VenueClock",
    "WallClock",
]
