"""The contracts of models that users bring: fees, slippage, fills and queues.

A model is a class with a name and a version, made once a run. It must be pure: the same question,
asked in any order and any number of times, has the same answer, since a run is replayed, cut into
chunks and set beside its twin. `tieout.models` has a check for each contract. Latency is described
in `tieout.model.latencies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from decimal import Decimal

    from tieout.model.instruments import Instrument

__all__ = [
    "SHIFT_E8_MAX",
    "FeeModel",
    "FillModel",
    "QueueModel",
    "SlippageModel",
    "UserModel",
]

SHIFT_E8_MAX: Final = 10**8
"""The most that a slippage model may shift a price: by the whole of it."""


class UserModel(Protocol):
    """What every model says of itself; both stand in the manifest and in every report.

    Attributes:
        name: Short name, e.g. `kraken-tiers`.
        version: Raised whenever a result may change.
    """

    name: str
    version: int


class FeeModel(UserModel, Protocol):
    """What a fill costs."""

    def fee(
        self,
        instrument: Instrument,
        *,
        side: int,
        lots: int,
        price_ticks: int,
        liquidity: int,
        venue_time_ns: int,
    ) -> Decimal:
        """Return the commission of one fill in the account's currency; negative is a rebate.

        It is rounded half up to the profile's `fee_digits`.

        Args:
            instrument: What traded.
            side: +1 bought, −1 sold.
            lots: Positive.
            price_ticks: Price of the fill.
            liquidity: 1 maker, 2 taker (`Liquidity`).
            venue_time_ns: When it traded.
        """


class SlippageModel(UserModel, Protocol):
    """How much worse than the reference price liquidity is taken."""

    def shift_e8(
        self, side: int, reference_ticks: int, lots: int, sigma: float, volume: float
    ) -> int:
        """Return the adverse shift as a share of the reference price, in 10⁻⁸ (1 bp: 10 000).

        The price paid is the reference and this share of it, rounded up to a tick against us.

        Args:
            side: +1 buying, −1 selling.
            reference_ticks: The price the market showed.
            lots: What is taken now.
            sigma: Deviation of simple returns over the last hundred bars or minutes with
                trading; 0.0 before there are two.
            volume: Mean lots a bar or minute over the same; 0.0 before there are two.

        Returns:
            In 0 … 10⁸.
        """


class FillModel(UserModel, Protocol):
    """How much of an order a market event fills."""

    def lots(
        self,
        side: int,
        limit_ticks: int,
        price_ticks: int,
        event_lots: int,
        eligible_lots: int,
        filled_lots: int,
        wanted_lots: int,
    ) -> int:
        """Return the lots that trade now.

        Asked when a market order meets an event, when a limit order may take at one, and when the
        market touches or trades through a resting limit.

        Args:
            side: +1 buying, −1 selling.
            limit_ticks: Limit of a resting order; 0 for one that takes.
            price_ticks: The event's price: of a bar its low (buying) or high where the order
                rests, else what it would trade at.
            event_lots: Lots the event traded.
            eligible_lots: Lots traded by all events the order has met, this one included.
            filled_lots: What the order has filled before.
            wanted_lots: The most it can fill now.

        Returns:
            In 0 … `wanted_lots`.
        """


class QueueModel(UserModel, Protocol):
    """How the queue ahead of a resting order thins out on the levels of a book."""

    def ahead_after(
        self, ahead_microlots: int, traded_microlots: int, before_lots: int, after_lots: int
    ) -> int:
        """Return what is ahead of an order once its level has changed.

        Asked for each order of ours that rests on the level, except where the whole book is told
        anew: then only a level that is smaller than what was ahead brings it forward.

        Args:
            ahead_microlots: Ahead so far, in 10⁻⁶ lots; prints are taken off already.
            traded_microlots: Printed at the level since it was last told.
            before_lots: What the level showed.
            after_lots: What it shows now.

        Returns:
            In 0 … the lesser of `ahead_microlots` and what the level shows now.
        """
