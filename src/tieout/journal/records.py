"""Which records a journal holds, and how one becomes bytes."""

from __future__ import annotations

from enum import IntEnum, unique

import msgspec

from tieout.model.events import Input, OrderDenied, StoreWritten, StrategyFailed
from tieout.model.orders import (
    AmendOrder,
    CancelOrder,
    HoldOrder,
    LinkOrders,
    PlaceOrder,
    WorkOrder,
)

__all__ = ["Decision", "Kind", "Record", "decode", "decode_input", "encode"]


@unique
class Kind(IntEnum):
    """What a frame is. Numbers are the format and are never reused."""

    INPUT = 1
    DECISION = 2
    COMMIT = 3


Decision = (
    PlaceOrder
    | CancelOrder
    | AmendOrder
    | HoldOrder
    | LinkOrders
    | WorkOrder
    | OrderDenied
    | StoreWritten
    | StrategyFailed
)
"""What the kernel decided."""

Record = Decision | Input
"""Everything a journal can hold."""

encode = msgspec.msgpack.Encoder().encode
"""Turn a record into its canonical bytes."""

decode = msgspec.msgpack.Decoder(Record).decode
"""Turn canonical bytes into a record."""

decode_input = msgspec.msgpack.Decoder(Input).decode
"""Turn canonical bytes into an input."""
