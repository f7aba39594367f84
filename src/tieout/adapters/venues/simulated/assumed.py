"""What a profile and the user's own models assume of the way to the venue, and of its fees."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from tieout.ledger.fees import FeeMeter
from tieout.model.latencies import ConstantLatency, draws_for
from tieout.model.money import MONEY_DIGITS, MONEY_UNIT, round_half_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tieout.model.assumptions import FeeModel
    from tieout.model.instruments import Instrument
    from tieout.model.latencies import LatencyModel
    from tieout.model.profiles import SimulationProfile

__all__ = ["Assumed", "Way", "fee_meter_of"]


def fee_meter_of(
    profile: SimulationProfile,
    instruments: Mapping[str, Instrument],
    price_ticks_at: Callable[[str, int], int | None],
    *,
    start_ns: int = 0,
) -> FeeMeter | None:
    """Return what charges fills by the profile's schedule; None where two rates do.

    Raises:
        SettingsError: A fee would be in a currency that has no price here, or the run starts
            before the schedule does.
    """
    schedule = profile.fee_schedule
    if schedule is None:
        return None
    if start_ns:
        schedule.version_at(start_ns)
    return FeeMeter(
        schedule,
        instruments,
        in_token=profile.fees_in_token,
        volume_elsewhere=profile.fee_volume,
        prices=profile.fee_prices,
        price_ticks_at=price_ticks_at,
    )


class Way(NamedTuple):
    """A command's way.

    Attributes:
        arrival_ns: When the matching engine has it, by the venue's clock.
        response_ns: What is added to a venue time to know it by our clock.
        refused: Whether the venue was too busy to take it.
    """

    arrival_ns: int
    response_ns: int
    refused: bool


class Assumed:
    """Latencies, the clock offset and fees, as profile and models say.

    Args:
        profile: Every assumption.
        models: The user's own models by kind.
        seed: Keys every drawn latency.
    """

    def __init__(
        self, profile: SimulationProfile, models: Mapping[str, object], *, seed: int
    ) -> None:
        own = cast("LatencyModel | None", models.get("latency"))
        self._latencies: dict[str, LatencyModel] = {
            command: own or profile.latency_of(command) for command in ("place", "amend", "cancel")
        }
        self._offset_ns = offset_ns = profile.clock_offset_ns
        self._seed = seed
        # There and back by the clocks of who is there: the venue's, then ours.
        self._ways = {
            command: (
                latency.entry_ns + latency.matching_ns + offset_ns,
                latency.response_ns - offset_ns,
            )
            for command, latency in self._latencies.items()
            if isinstance(latency, ConstantLatency)
        }
        self._by_schedule = profile.fees is not None
        self._fee_model = cast("FeeModel | None", models.get("fee"))
        self._rounding: int = 10 ** (MONEY_DIGITS - profile.fee_digits)
        taker, maker = profile.taker_fee_rate, profile.maker_fee_rate
        self._rates = {2: taker.as_integer_ratio(), 1: maker.as_integer_ratio()}

    @property
    def constant_ways(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """To the matching engine and back, of an order and of a cancel, where nothing varies.

        None where a model of the user's answers, a fee schedule decides, or the venue's clock is
        not ours.
        """
        place, cancel = self._ways.get("place"), self._ways.get("cancel")
        if (
            self._by_schedule
            or self._fee_model is not None
            or self._offset_ns
            or place is None
            or cancel is None
        ):
            return None
        return place, cancel

    def way(self, command: str, decision: str, decided_at_ns: int) -> Way:
        """Return the way of a command that was decided at a time of our clock."""
        constant = self._ways.get(command)
        if constant is not None:
            outbound_ns, response_ns = constant
            return Way(decided_at_ns + outbound_ns, response_ns, refused=False)
        offset_ns = self._offset_ns
        journey = self._latencies[command].journey(
            command, decided_at_ns, draws_for(self._seed, decision)
        )
        return Way(
            decided_at_ns + offset_ns + journey.outbound_ns,
            journey.response_ns - offset_ns,
            journey.refused,
        )

    def fee(
        self,
        instrument: Instrument,
        *,
        side: int,
        lots: int,
        price_ticks: int,
        liquidity: int,
        venue_time_ns: int,
    ) -> int:
        """Return a fill's commission in internal money units, rounded half up to the digits."""
        rounding = self._rounding
        if self._fee_model is not None:
            owed = self._fee_model.fee(
                instrument,
                side=side,
                lots=lots,
                price_ticks=price_ticks,
                liquidity=liquidity,
                venue_time_ns=venue_time_ns,
            )
            numerator, denominator = owed.as_integer_ratio()
            return round_half_up(numerator * MONEY_UNIT, denominator * rounding) * rounding
        numerator, denominator = self._rates[liquidity]
        notional = instrument.notional(lots, price_ticks)
        return round_half_up(notional * numerator, denominator * rounding) * rounding
