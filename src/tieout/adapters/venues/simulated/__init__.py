"""The simulated venue."""

from tieout.adapters.venues.simulated.certainty import Bounds, Certainty
from tieout.adapters.venues.simulated.live_market import LiveMarket
from tieout.adapters.venues.simulated.venue import SimulatedVenue, Standing

__all__ = ["Bounds", "Certainty", "LiveMarket", "SimulatedVenue", "Standing"]
