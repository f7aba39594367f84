"""Rows of `OrderEventColumns` for tests, told in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from tieout.model.columns import OrderAction, OrderEventColumns

SYMBOL = "ES"


def row(
    action: OrderAction,
    order_id: int = 0,
    side: int = 0,
    price: int = 0,
    lots: int = 0,
    *,
    at: int = 0,
    arrives: int | None = None,
    last: bool = True,
) -> dict[str, Any]:
    """One event; it arrives when it is true unless the test says otherwise."""
    return {
        "action": int(action),
        "order_id": order_id,
        "side": side,
        "price": price,
        "lots": lots,
        "time": at,
        "arrival": at if arrives is None else arrives,
        "last": last,
    }


def add(order_id: int, side: int, price: int, lots: int, **when: Any) -> dict[str, Any]:
    return row(OrderAction.ADD, order_id, side, price, lots, **when)


def modify(order_id: int, side: int, price: int, lots: int, **when: Any) -> dict[str, Any]:
    return row(OrderAction.MODIFY, order_id, side, price, lots, **when)


def cancel(order_id: int, lots: int, **when: Any) -> dict[str, Any]:
    return row(OrderAction.CANCEL, order_id, 0, 0, lots, **when)


def fill(order_id: int, side: int, price: int, lots: int, **when: Any) -> dict[str, Any]:
    return row(OrderAction.FILL, order_id, side, price, lots, **when)


def print_of(aggressor: int, price: int, lots: int, **when: Any) -> dict[str, Any]:
    return row(OrderAction.TRADE, 0, aggressor, price, lots, **when)


def clear(**when: Any) -> dict[str, Any]:
    return row(OrderAction.CLEAR, **when)


def events(*rows: dict[str, Any]) -> OrderEventColumns:
    """Put rows together."""

    def column(name: str, kind: Any) -> Any:
        return np.array([each[name] for each in rows], kind)

    return OrderEventColumns(
        SYMBOL,
        column("time", np.int64),
        column("arrival", np.int64),
        column("action", np.int8),
        column("side", np.int8),
        column("price", np.int64),
        column("lots", np.int64),
        column("order_id", np.int64),
        column("last", np.bool_),
    )
