"""Which orders and amends a book can hold, by levels or by single orders; both cores ask here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.errors import OrderRefused
from tieout.market import _book_layout as book_at
from tieout.market import _layout as at
from tieout.market.terms import AT_ONCE, KINDS
from tieout.model.orders import OrderType, TimeInForce

if TYPE_CHECKING:
    from tieout.model.orders import AmendOrder, PlaceOrder

__all__ = [
    "FEED_LATENCY_NS_MAX",
    "TICKS_MAX",
    "amend_terms",
    "book_amend_refusal",
    "book_refusal",
    "check_holds",
]

FEED_LATENCY_NS_MAX: Final = 1_000_000_000
"""How long a command waits at most for a later row, unless told otherwise."""

TICKS_MAX: Final = 2**40
"""Prices above this in ticks would not fit as microticks."""

_AUCTIONS: Final = (int(TimeInForce.AT_OPEN), int(TimeInForce.AT_CLOSE))


def book_refusal(order: PlaceOrder) -> str | None:
    """Return why a book cannot hold an order, or None."""
    kind, trigger = KINDS[int(order.order_type)]
    if trigger == at.TRAILING_TRIGGER:
        return (
            f"order type {OrderType(order.order_type).name} does not meet a book as it is; let the "
            "venue profile emulate it"
        )
    if int(order.time_in_force) in _AUCTIONS:
        return (
            f"time in force {TimeInForce(order.time_in_force).name} needs an auction, which a book "
            "does not show; use gtc or day"
        )
    for name, needed, value in (
        ("limit", kind == at.LIMIT_KIND, order.limit_ticks),
        ("trigger", trigger != at.NO_TRIGGER, order.stop_ticks),
    ):
        if needed != (value is not None):
            return f"{name} price {value}; the type has {'one' if needed else 'none'}"
        if value is not None and not 0 < value <= TICKS_MAX:
            return f"{name} price {value} ticks; allowed: 1 … {TICKS_MAX}"
    if not 0 < order.lots <= book_at.LOTS_MAX:
        return f"{order.lots} lots; allowed: 1 … {book_at.LOTS_MAX}"
    at_once = AT_ONCE[int(order.time_in_force)] != at.STAYS
    if order.post_only and (kind != at.LIMIT_KIND or at_once):
        return "post-only; allowed: a limit order that may rest"
    if order.display_lots is not None:
        return (
            "display quantity; a part of an order is shown by sending parts: let the venue "
            "profile emulate it"
        )
    return None


def book_amend_refusal(order: AmendOrder) -> str | None:
    """Return which of an amend's terms lies outside of what can be computed exactly, or None."""
    for name, value, most in (
        ("lots", order.lots, book_at.LOTS_MAX),
        ("limit", order.limit_ticks, TICKS_MAX),
        ("trigger", order.stop_ticks, TICKS_MAX),
    ):
        if value is not None and not 0 < value <= most:
            return f"{name} {value}; allowed: 1 … {most}"
    return None


def check_holds(order: PlaceOrder) -> None:
    """Check that a book can hold an order.

    Raises:
        OrderRefused: It cannot.
    """
    refused = book_refusal(order)
    if refused is not None:
        raise OrderRefused(f"{order.instrument}: {refused}")


def amend_terms(order: AmendOrder) -> tuple[int, int, int]:
    """Return an amend's lots, limit and trigger; 0 for what stays as it is.

    Raises:
        OrderRefused: A term lies outside of what can be computed exactly.
    """
    refused = book_amend_refusal(order)
    if refused is not None:
        raise OrderRefused(f"amend: {refused}")
    return order.lots or 0, order.limit_ticks or 0, order.stop_ticks or 0
