"""Which records a journal holds, and how one becomes bytes."""

from __future__ import annotations

from enum import IntEnum, unique

import msgspec

from tieout.model.blocks import Block
from tieout.model.events import ActionBooked, Input, OrderDenied, StoreWritten, StrategyFailed
from tieout.model.orders import (
    AmendOrder,
    CancelOrder,
    HoldOrder,
    LinkOrders,
    PlaceOrder,
    WorkOrder,
)

__all__ = [
    "Decision",
    "Kind",
    "Record",
    "decode",
    "decode_block",
    "decode_input",
    "encode",
    "kind_of",
]


@unique
class Kind(IntEnum):
    """What a frame is. Numbers are the format and are never reused.

    A BLOCK holds many inputs and decisions as numbers; a reader sees them one by one.
    """

    INPUT = 1
    DECISION = 2
    COMMIT = 3
    BLOCK = 4


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
    | ActionBooked
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

decode_block = msgspec.msgpack.Decoder(Block).decode
"""Turn the bytes of a block frame into the block."""


def kind_of(record: object) -> Kind:
    """Return whether a record of a block is a decision or an input."""
    return Kind.DECISION if isinstance(record, PlaceOrder | CancelOrder) else Kind.INPUT
