"""What a report says in sentences: the verdict, what a metric means, what was assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tieout.reconcile import METRIC_LIMITS, Step
from tieout.report.numbers import cents, signed_cents, statistic

if TYPE_CHECKING:
    from tieout.model.profiles import SimulationProfile
    from tieout.reconcile import Reconciliation

__all__ = ["BREAKS", "METRICS", "STEPS", "assumptions", "limit_of", "verdict"]

STEPS: Final = {
    "data": "What the strategy saw, and when: late, revised or missing market data.",
    "execution": "What the venue answered, against what the model answered.",
    "cost": "What was charged, against what was modelled.",
    "logic": "What the live process decided, against what a sound one would have.",
    "unexplained": "What the venue's statement says beyond our journal.",
}

METRICS: Final = {
    "signal_match_rate": "Decisions that both made, of those that either made.",
    "fill_rate": "Live's filled quantity over the twin's, on orders that both placed.",
    "fill_rate_raw": "The same over all orders.",
    "average_slippage_bps": "How much worse than the price at decision live traded, in bps.",
    "pnl_divergence": "The difference as a share of the twin's profit.",
    "latency_p99_ms": "Decision to fill, or to acceptance of a resting order; 99th percentile.",
}

BREAKS: Final = "Two records that should agree and do not."

_ASSUMED: Final = {
    "fill_level": "How finely a fill is modelled",
    "spread_bps": "Full spread where none is quoted, in bps",
    "spread_from": "Where spreads are from",
    "spreads": "Full spread by instrument, in bps",
    "spread_sources": "What each spread rests on",
    "slippage_bps": "Slippage, in bps: the whole shift (fixed), or its floor (impact)",
    "impact_y": "Y of the impact law Y·σ·√(Q/V)",
    "participation": "Most of the traded volume that our orders may take; none: no limit",
    "limit_rule": "When a resting limit order fills",
    "entry_latency_ns": "Decision to venue, in ns",
    "matching_latency_ns": "Venue's gate to its matching, in ns",
    "response_latency_ns": "Venue to us, in ns",
    "bar_delay_ns": "Close of a bar until it is known, in ns",
    "trade_delay_ns": "Trade until it is known, in ns",
    "bar_feed": "Way of a bar to us, where it is not of one length",
    "trade_feed": "Way of a trade to us, where it is not of one length",
    "outages": "When the way of market data to us was down, in ns",
    "polling": "When the bot looks for new bars and trades; none: it is given them",
    "taker_fee_rate": "Fee of a taker, share of notional",
    "maker_fee_rate": "Fee of a maker, share of notional",
    "fee_digits": "Decimals that a fee is rounded to",
    "fees": "Fee schedule, instead of the two rates",
    "fees_in_token": "Whether fees are paid in the venue's token",
    "fee_volume": "What the account trades elsewhere in the schedule's window",
    "fee_prices": "Stated prices of currencies that fees are taken in",
    "funding_rule": "Who pays funding",
    "funding_rate": "Funding an interval, share of notional",
    "funding_interval_ns": "Time between fundings, in ns",
    "borrow_rate": "What a short pays to borrow, share of its value a year",
    "borrow_days": "Days of that year",
    "borrow_at_s": "Time of day at which borrowing is charged, in seconds (UTC)",
    "margin": "What the account may hold for its money; none: whatever is ordered",
    "input_age_ns_max": "Oldest input an order may rest on, in ns",
    "queue": "How the queue ahead of a resting order thins out (level book)",
    "feed_latency_ns_max": "Longest wait for late rows of a book, in ns",
}


def verdict(result: Reconciliation) -> str:
    """Return what happened, in a few sentences."""
    currency, digits = result.currency, result.digits
    live, twin = cents(result.live_pnl, digits), cents(result.twin_pnl, digits)
    gap = _gap(result.difference, currency, digits)
    said = f"Live made {live} {currency}, its twin {twin} {currency}: {gap}."
    step, amount = max(result.steps.items(), key=lambda each: abs(each[1]))
    if amount:
        most = signed_cents(amount, digits)
        said += f" Most of what moved it is {step} ({most}){_part(result, step)}."
    if not result.has_statement:
        return f"{said} There is no account statement, so nothing could be checked against one."
    return f"{said} Unexplained: {cents(result.steps[Step.UNEXPLAINED], digits)}."


def limit_of(name: str) -> str:
    """Return what a metric should be, or a dash where nothing is asked of it."""
    if name not in METRIC_LIMITS:
        return "\N{EM DASH}"
    bound, limit = METRIC_LIMITS[name]
    return f"at {bound} {statistic(limit)}"


def assumptions(profile: SimulationProfile) -> list[tuple[str, str]]:
    """Return every field of a profile in words, with its value."""
    facts = msgspec.structs.asdict(profile)
    return [(words, _value(facts[name])) for name, words in _ASSUMED.items()]


def _value(value: object) -> str:
    return "none" if value is None else str(value)


def _gap(difference: int, currency: str, digits: int) -> str:
    if difference == 0:
        return "the same to the last digit"
    if not cents(abs(difference), digits).strip("0."):
        least = "a cent" if digits == 2 else f"the {digits}th decimal"
        return f"they differ by less than {least} of {currency}"
    word = "fell short by" if difference < 0 else "came out ahead by"
    return f"live {word} {cents(abs(difference), digits)} {currency}"


def _part(result: Reconciliation, step: Step) -> str:
    part, amount = max(result.parts(step).items(), key=lambda each: abs(each[1]))
    shown = signed_cents(amount, result.digits)
    return f", above all its {part.replace('_', ' ')} ({shown})" if amount else ""
