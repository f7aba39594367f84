"""The simulated venue."""

from tieout.adapters.venues.simulated.live_market import LiveMarket
from tieout.adapters.venues.simulated.venue import SimulatedVenue

__all__ = ["LiveMarket", "SimulatedVenue"]
