"""Exact double-entry books of a run."""

from tieout.ledger.ledger import Ledger, Position

__all__ = ["Ledger", "Position"]
