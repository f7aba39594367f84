"""A strategy's words about an order, made into exact terms: rounded and free of contradiction.

What contradicts itself is refused here, whatever the venue; what a venue does not offer is refused
by its profile later, with the same words in every world.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from tieout.errors import InputError, OrderRefused
from tieout.model.instruments import as_decimal
from tieout.model.orders import OrderType, Side, TimeInForce
from tieout.strategy.context import OrderTerms

if TYPE_CHECKING:
    from tieout.model.instruments import Instrument
    from tieout.model.venues import VenueProfile
    from tieout.strategy.context import Amount

__all__ = ["exact_terms", "lots_of", "share_e8_of", "side_named"]

_FORCES = {
    "gtc": TimeInForce.GOOD_TILL_CANCEL,
    "ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fok": TimeInForce.FILL_OR_KILL,
    "gtd": TimeInForce.GOOD_TILL_DATE,
    "day": TimeInForce.DAY,
    "at_open": TimeInForce.AT_OPEN,
    "at_close": TimeInForce.AT_CLOSE,
}
_AT_ONCE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
_AT_SESSION = (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)
_RESTING = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED)
_TRAILS = ("trail", "trail_ticks", "trail_bps")
_KNOWN = OrderTerms.__annotations__.keys()


def lots_of(rules: Instrument, units: Amount) -> int:
    """Return a quantity in whole lots, rounded down.

    Raises:
        OrderRefused: It is under one lot.
    """
    lots = rules.round_quantity(units)
    if lots <= 0:
        raise OrderRefused(
            f"{rules.symbol}: quantity {units} is under one lot of {rules.lot_size}; "
            "trade more or not at all"
        )
    return lots


def side_named(word: str) -> Side:
    """Return the side a word means.

    Raises:
        OrderRefused: It is neither buy nor sell.
    """
    if word not in ("buy", "sell"):
        raise OrderRefused(f"side {word!r}; allowed: 'buy', 'sell'")
    return Side.BUY if word == "buy" else Side.SELL


def share_e8_of(symbol: str, share: Amount) -> int:
    """Return a share in 10⁻⁸.

    Raises:
        OrderRefused: It does not lie in (0, 1], or is finer than 10⁻⁸.
    """
    exact = as_decimal(share) * 10**8
    if not 0 < exact <= 10**8 or exact != exact.to_integral_value():
        raise OrderRefused(
            f"{symbol}: a share of {share}; allowed: more than 0, at most 1, eight decimals"
        )
    return int(exact)


def exact_terms(
    rules: Instrument,
    side: Side,
    lots: int,
    terms: OrderTerms,
    *,
    now_ns: int,
    venue: VenueProfile,
) -> dict[str, Any]:
    """Return the terms of an order as `PlaceOrder` has them.

    Args:
        rules: The instrument.
        side: Decides which way a limit is rounded.
        lots: Of the order.
        terms: As the strategy gave them.
        now_ns: Our time.
        venue: Says when a day ends.

    Raises:
        OrderRefused: Terms contradict each other, or one is impossible.
        InputError: A term is unknown.
    """
    unknown = [each for each in terms if each not in _KNOWN]
    if unknown:
        raise InputError(
            f"{rules.symbol}: order term {unknown[0]!r} is unknown; there are: {', '.join(_KNOWN)}"
        )
    kind = _kind(rules, terms)
    exact: dict[str, Any] = {
        "order_type": int(kind),
        **_prices(rules, side, terms),
        **_trail(rules, terms),
    }
    force = _in_force(rules, kind, terms, now_ns=now_ns, venue=venue)
    flags = _flags(rules, kind, lots, terms, TimeInForce(force["time_in_force"]))
    return {**exact, **force, **flags}


def _kind(rules: Instrument, terms: OrderTerms) -> OrderType:
    given = {name for name, value in terms.items() if value is not None and value is not False}
    trailing = given & set(_TRAILS)
    ways = [
        name
        for name, there in (
            ("trail", trailing),
            ("stop", "stop" in given and not trailing),
            ("touch", "touch" in given),
            ("market_to_limit", "market_to_limit" in given),
        )
        if there
    ]
    if len(ways) > 1 or len(trailing) > 1:
        both = sorted(trailing) if len(trailing) > 1 else ways
        raise OrderRefused(f"{rules.symbol}: {' and '.join(both)} in one order; choose one")
    if "activation" in given and not trailing:
        raise OrderRefused(
            f"{rules.symbol}: an activation price is for a trailing stop; give a trail, or leave "
            "it out"
        )
    way = ways[0] if ways else ""
    limited = "limit" in given
    if limited and way in ("trail", "market_to_limit"):
        raise OrderRefused(f"{rules.symbol}: limit and {way} in one order; choose one")
    match way, limited:
        case "trail", _:
            return OrderType.TRAILING_STOP
        case "market_to_limit", _:
            return OrderType.MARKET_TO_LIMIT
        case "stop", True:
            return OrderType.STOP_LIMIT
        case "stop", False:
            return OrderType.STOP_MARKET
        case "touch", True:
            return OrderType.LIMIT_IF_TOUCHED
        case "touch", False:
            return OrderType.MARKET_IF_TOUCHED
        case _:
            return OrderType.LIMIT if limited else OrderType.MARKET


def _prices(rules: Instrument, side: Side, terms: OrderTerms) -> dict[str, int | None]:
    limit, activation = terms.get("limit"), terms.get("activation")
    trigger = terms.get("stop")
    if trigger is None:
        trigger = terms.get("touch")
    prices = {
        "limit_ticks": None if limit is None else rules.round_price(limit, side=side),
        "stop_ticks": None if trigger is None else rules.round_stop(trigger),
        "activation_ticks": None if activation is None else rules.round_stop(activation),
    }
    for name, ticks in prices.items():
        if ticks is not None and ticks <= 0:
            word = name.removesuffix("_ticks")
            raise OrderRefused(f"{rules.symbol}: {word} price must be at least one tick")
    return prices


def _trail(rules: Instrument, terms: OrderTerms) -> dict[str, int | None]:
    distance = terms.get("trail")
    ticks = terms.get("trail_ticks") if distance is None else rules.round_stop(distance)
    if ticks is not None and ticks <= 0:
        raise OrderRefused(f"{rules.symbol}: a trail of {ticks} ticks; allowed: one tick or more")
    bps = terms.get("trail_bps")
    share = None
    if bps is not None:
        exact = as_decimal(bps) * 10**4
        share = int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))
        if not 0 < share < 10**8:
            raise OrderRefused(
                f"{rules.symbol}: a trail of {bps} bps; allowed: {Decimal('0.0001')} … under 10000"
            )
    return {"trail_ticks": ticks, "trail_share_e8": share}


def _in_force(
    rules: Instrument, kind: OrderType, terms: OrderTerms, *, now_ns: int, venue: VenueProfile
) -> dict[str, Any]:
    symbol = rules.symbol
    expires_at_ns = terms.get("expires_at_ns")
    word = terms.get("in_force")
    if terms.get("immediate"):
        if word not in (None, "ioc"):
            raise OrderRefused(f"{symbol}: immediate and {word} in one order; choose one")
        word = "ioc"
    if word is None:
        word = "gtc" if expires_at_ns is None else "gtd"
    if word not in _FORCES:
        raise OrderRefused(f"{symbol}: in_force {word!r}; allowed: {', '.join(_FORCES)}")
    force = _FORCES[word]
    if (force is TimeInForce.GOOD_TILL_DATE) != (expires_at_ns is not None):
        raise OrderRefused(
            f"{symbol}: in_force {word} with expires_at_ns {expires_at_ns}; gtd needs one, and no "
            "other takes one"
        )
    if force in _AT_SESSION and kind not in (OrderType.MARKET, OrderType.LIMIT):
        raise OrderRefused(f"{symbol}: {word} is for market and limit orders; choose one")
    if kind is OrderType.MARKET_TO_LIMIT and (force in _AT_ONCE or force in _AT_SESSION):
        raise OrderRefused(f"{symbol}: {word} leaves no rest to become a limit; choose one")
    if force is TimeInForce.DAY:
        expires_at_ns = venue.day_end_ns(now_ns)
        if expires_at_ns is None:
            raise OrderRefused(
                f"{symbol}: no session of venue {venue.name} is left to end; use gtc or gtd"
            )
    if expires_at_ns is not None and expires_at_ns <= now_ns:
        raise OrderRefused(
            f"{symbol}: expires_at_ns {expires_at_ns} has passed, it is {now_ns}; give a later one"
        )
    return {"time_in_force": int(force), "expires_at_ns": expires_at_ns}


def _flags(
    rules: Instrument, kind: OrderType, lots: int, terms: OrderTerms, force: TimeInForce
) -> dict[str, Any]:
    post_only, display = bool(terms.get("post_only")), terms.get("display")
    for name, wanted in (("post_only", post_only), ("display", display is not None)):
        if wanted and (kind not in _RESTING or force in _AT_ONCE):
            raise OrderRefused(
                f"{rules.symbol}: {name} is for orders with a limit that may rest; give a limit "
                "and leave ioc and fok out"
            )
    display_lots = None if display is None else lots_of(rules, display)
    return {
        "post_only": post_only,
        "reduce_only": bool(terms.get("reduce_only")),
        # All of it shown is no display at all.
        "display_lots": None if display_lots is None or display_lots >= lots else display_lots,
    }
