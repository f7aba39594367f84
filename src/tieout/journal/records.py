"""Which records a journal holds, and how one becomes bytes."""

from __future__ import annotations

from enum import IntEnum, unique

import msgspec

from tieout.model.events import (
    Bar,
    CancelRejected,
    ClockOffsetMeasured,
    ClockReached,
    ConnectionLost,
    ConnectionRestored,
    DataOpened,
    Fill,
    ForeignOrderSeen,
    FundingCharged,
    OperatorCommand,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderTriggered,
    RunEnded,
    RunResumed,
    RunStarted,
    StoreWritten,
    StrategyFailed,
    Trade,
)
from tieout.model.orders import CancelOrder, PlaceOrder

__all__ = ["Decision", "Kind", "Record", "decode", "encode"]


@unique
class Kind(IntEnum):
    """What a frame is. Numbers are the format and are never reused."""

    INPUT = 1
    DECISION = 2
    COMMIT = 3


Decision = PlaceOrder | CancelOrder | OrderDenied | StoreWritten | StrategyFailed
"""What the kernel decided."""

Record = (
    Decision
    | Trade
    | Bar
    | OrderAccepted
    | OrderRejected
    | OrderTriggered
    | Fill
    | OrderCancelled
    | CancelRejected
    | OrderOutcomeUnknown
    | FundingCharged
    | ForeignOrderSeen
    | ConnectionLost
    | ConnectionRestored
    | ClockOffsetMeasured
    | ClockReached
    | OperatorCommand
    | RunStarted
    | RunResumed
    | RunEnded
    | DataOpened
)
"""Everything a journal can hold."""

encode = msgspec.msgpack.Encoder().encode
"""Turn a record into its canonical bytes."""

decode = msgspec.msgpack.Decoder(Record).decode
"""Turn canonical bytes into a record."""
