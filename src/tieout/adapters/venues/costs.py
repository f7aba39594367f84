"""What fills and positions cost on a rung: as the profile has it, or as the venue charged it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from tieout.adapters.venues.funding import BORROW, Funding
from tieout.adapters.venues.simulated.assumed import fee_meter_of
from tieout.ledger.margin import liquidation_fee
from tieout.model.funding import funding_due_ns
from tieout.model.money import MONEY_DIGITS, round_half_up
from tieout.model.splits import Ratio, lots_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tieout.ledger.fees import FeeMeter
    from tieout.model.borrow import BorrowRates
    from tieout.model.events import Fill, FundingCharged, Split
    from tieout.model.funding import FundingRates
    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile

__all__ = ["ChargedCosts", "Costs", "Holdings", "Market", "ModelledCosts", "modelled_fee"]


class Costs(Protocol):
    """What an answered fill and a position cost."""

    def fee(self, fill: Fill) -> int:
        """Return the commission of a fill in internal money units; positive is paid."""

    def funding(self, after_ns: int, until_ns: int, held: Holdings) -> Sequence[FundingCharged]:
        """Return the charges known after one time and by another, on the positions held."""


class ModelledCosts:
    """Costs as the profile has them: what the twin would have paid for the same fills.

    Args:
        profile: Every assumption.
        instruments: What can be traded, by symbol.
        market: Tells what the market was.
        fee_meter: Charges by the profile's schedule, together with what else is charged on the
            rung; None: one of its own.
        funding_rates: The venue's own; the profile's constant where they say nothing.
        borrow_rates: What borrowing costs by date; the profile's constant where they say nothing.
    """

    def __init__(
        self,
        profile: SimulationProfile,
        instruments: Mapping[str, Instrument],
        market: Market,
        *,
        fee_meter: FeeMeter | None = None,
        funding_rates: FundingRates | None = None,
        borrow_rates: BorrowRates | None = None,
    ) -> None:
        self._profile = profile
        self._instruments = instruments
        self._market = market
        self._funding = Funding(profile, instruments, funding_rates, borrow_rates)
        self._meter = fee_meter or fee_meter_of(profile, instruments, market.reference_ticks)

    def fee(self, fill: Fill) -> int:
        """Return the profile's commission of a fill; by a schedule, each fill is asked once."""
        instrument, terms = self._instruments[fill.instrument], self._profile.margin
        extra = 0 if terms is None else liquidation_fee(terms, instrument, fill)
        if self._meter is not None:
            return self._meter.charge(fill).fee + extra
        return modelled_fee(self._profile, instrument, fill) + extra

    def funding(self, after_ns: int, until_ns: int, held: Holdings) -> Sequence[FundingCharged]:
        """Return the profile's charges that become known in (after, until]."""
        delay = self._profile.response_latency_ns
        due = [
            (due_ns, order, symbol)
            for order, symbol in enumerate(self._instruments)
            for due_ns in self._funding.due(symbol, after_ns - delay, until_ns - delay)
        ]
        return [
            each
            for due_ns, _, symbol in sorted(due)
            for each in self._charges(symbol, due_ns, held)
        ]

    def _charges(self, symbol: str, due_ns: int, held: Holdings) -> Iterable[FundingCharged]:
        lots = held.lots_before(symbol, due_ns)
        last = self._market.reference_ticks(symbol, due_ns - 1) if lots else None
        if last is None:
            return ()
        known_ns = due_ns + self._profile.response_latency_ns
        return self._funding.charges(symbol, due_ns, lots=lots, last_ticks=last, known_ns=known_ns)


class ChargedCosts:
    """Costs as the venue charged them: fees of the recorded fills, funding of the record.

    A rung may hold another position than live did. It pays live's charge in proportion; where live
    held nothing, the record has no rate and the model's charge stands, so that a position that
    only one side holds is never taken for a cost.

    Args:
        recorded: Funding the venue charged, in order of arrival.
        live: What the live run held.
        modelled: What funding costs where live held nothing.
    """

    def __init__(
        self, recorded: Sequence[FundingCharged], live: Holdings, modelled: ModelledCosts
    ) -> None:
        self._recorded = recorded
        self._live = live
        self._modelled = modelled

    def fee(self, fill: Fill) -> int:
        """Return what the venue charged for the fill."""
        return fill.fee

    def funding(self, after_ns: int, until_ns: int, held: Holdings) -> Sequence[FundingCharged]:
        """Return the recorded charges of (after, until], in proportion to the positions held."""
        recorded = (
            self._in_proportion(charge, held)
            for charge in self._recorded
            if after_ns < charge.arrival_time_ns <= until_ns
        )
        modelled = (
            charge
            for charge in self._modelled.funding(after_ns, until_ns, held)
            if not self._live.lots_before(charge.instrument, charge.venue_time_ns)
        )
        found = [*(charge for charge in recorded if charge is not None), *modelled]
        return sorted(found, key=lambda charge: charge.arrival_time_ns)

    def _in_proportion(self, charge: FundingCharged, held: Holdings) -> FundingCharged | None:
        """Return a charge on the position held; None where nothing is held."""
        symbol, due_ns = charge.instrument, funding_due_ns(charge.venue_time_ns)
        # Venues' income rows seldom say the position; our own fills do.
        live = charge.position_lots or self._live.lots_before(symbol, due_ns)
        lots = held.lots_before(symbol, due_ns)
        if not live:
            return charge
        if not lots or (lots > 0 and charge.charge_id.startswith(BORROW)):
            # What is held long borrows nothing.
            return None
        amount = round_half_up(charge.amount * lots * (1 if live > 0 else -1), abs(live))
        return msgspec.structs.replace(charge, amount=amount, position_lots=lots)


class Holdings:
    """Positions by venue time: what funding falls on, whenever we hear of it.

    Args:
        positions: Signed lots at the start, by symbol.
        fills: What traded so far.
        splits: Of what is held; those from before the start are in the positions already.
    """

    def __init__(
        self,
        positions: Mapping[str, int],
        fills: Iterable[Fill] = (),
        splits: Iterable[Split] = (),
    ) -> None:
        self._start = dict(positions)
        self._fills: dict[str, list[Fill]] = {}
        self._splits: list[Split] = []
        for fill in fills:
            self.take(fill)
        for split in splits:
            self.split(split)

    def split(self, split: Split) -> None:
        """Hold what a split leaves from its venue time on."""
        self._splits.append(split)

    def take(self, fill: Fill) -> None:
        """Book a fill."""
        self._fills.setdefault(fill.instrument, []).append(fill)

    def lots_before(self, instrument: str, venue_time_ns: int) -> int:
        """Return the signed lots held before a venue time; funding precedes a fill of its time."""
        fills = [
            each for each in self._fills.get(instrument, ()) if each.venue_time_ns < venue_time_ns
        ]
        held = self._start.get(instrument, 0)
        for split in self._splits:
            if split.instrument != instrument or split.venue_time_ns > venue_time_ns:
                continue
            before = [each for each in fills if each.venue_time_ns < split.venue_time_ns]
            fills = fills[len(before) :]
            held += sum(each.side * each.lots for each in before)
            held = lots_after(held, Ratio(split.new, split.old))
        return held + sum(each.side * each.lots for each in fills)


class Market(Protocol):
    """The part of the simulated venue that tells what the market was."""

    def reference_ticks(self, instrument: str, venue_time_ns: int) -> int | None:
        """Return the last price at or before a venue time."""


def modelled_fee(profile: SimulationProfile, instrument: Instrument, fill: Fill) -> int:
    """Return a profile's commission of a fill: rate by liquidity, rounded half up."""
    maker = fill.liquidity == 1
    rate = profile.maker_fee_rate if maker else profile.taker_fee_rate
    numerator, denominator = rate.as_integer_ratio()
    digits = 10 ** (MONEY_DIGITS - profile.fee_digits)
    notional = instrument.notional(fill.lots, fill.price_ticks)
    fee: int = round_half_up(notional * numerator, denominator * digits) * digits
    return fee
