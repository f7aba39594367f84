"""Which records a journal holds, and how one becomes bytes."""

from __future__ import annotations

from contextlib import suppress
from enum import IntEnum, unique
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.model.blocks import Block
from tieout.model.events import Input, OrderDenied, StoreWritten, StrategyFailed
from tieout.model.orders import (
    AmendOrder,
    CancelOrder,
    HoldOrder,
    LinkOrders,
    PlaceOrder,
    WorkOrder,
)

if TYPE_CHECKING:
    from collections.abc import Callable

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
)
"""What the kernel decided."""

Record = Decision | Input
"""Everything a journal can hold."""

_encode = msgspec.msgpack.Encoder().encode
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
"""What a number of the format can be; money of more is written as text."""


def encode(record: Any) -> bytes:  # noqa: ANN401 - whatever a frame can hold
    """Turn a record into its canonical bytes."""
    try:
        return _encode(record)
    except OverflowError:
        # Eighteen million of a currency, in our units, is more than the format's numbers hold.
        return _encode(_with_text(msgspec.to_builtins(record)))


def decode(data: bytes) -> Record:
    """Turn canonical bytes into a record.

    Raises:
        msgspec.DecodeError: They are not the bytes of a record.
    """
    record: Record = _decoded(data, _STRICT, _LAX)
    return record


def decode_input(data: bytes) -> Input:
    """Turn canonical bytes into an input; errors as of `decode`."""
    event: Input = _decoded(data, _STRICT_INPUT, _LAX_INPUT)
    return event


_STRICT: Final = msgspec.msgpack.Decoder(Record).decode
_LAX: Final = msgspec.msgpack.Decoder(Record, strict=False).decode
_STRICT_INPUT: Final = msgspec.msgpack.Decoder(Input).decode
_LAX_INPUT: Final = msgspec.msgpack.Decoder(Input, strict=False).decode


def _decoded(data: bytes, strict: Callable[[bytes], Any], lax: Callable[[bytes], Any]) -> Any:  # noqa: ANN401
    try:
        return strict(data)
    except msgspec.ValidationError:
        # Numbers as text are read here alone, and only where that is how they are written.
        with suppress(msgspec.ValidationError):
            record = lax(data)
            if encode(record) == data:
                return record
        raise


def _with_text(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list | tuple):
        return [_with_text(each) for each in value]
    if type(value) is int and not _INT_MIN <= value <= _INT_MAX:
        return str(value)
    return value


decode_block = msgspec.msgpack.Decoder(Block).decode
"""Turn the bytes of a block frame into the block."""


def kind_of(record: object) -> Kind:
    """Return whether a record of a block is a decision or an input."""
    return Kind.DECISION if isinstance(record, PlaceOrder | CancelOrder) else Kind.INPUT
