"""Scripted faults: what goes wrong on the practice venue, when, and how badly.

A script is a JSON list of objects; `fault` names the kind. Unknown keys are refused. Times are
seconds after the venue's start (`after_s`) or absolute nanoseconds (`at_ns`); single moments may
also be given by the nth order request or the nth closed bar. The practice guide has an example
of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum, unique
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tieout.errors import SettingsError
from tieout.model.columns import interval_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "ClockSkew",
    "Delay",
    "Disconnect",
    "Drop",
    "Duplicate",
    "Fault",
    "FaultPlan",
    "Fee",
    "HiddenTransfer",
    "LateCandle",
    "Latency",
    "Messages",
    "OrderScript",
    "PartialFill",
    "Query",
    "QueryTrouble",
    "Reject",
    "Remainder",
    "Restart",
    "ReviseCandle",
    "TimeoutNotPlaced",
    "TimeoutPlaced",
    "Transfer",
    "load_faults",
]

_SECOND = 1_000_000_000
_MILLISECOND = 1_000_000


@unique
class Messages(StrEnum):
    """Which messages a fault falls on; `market` is everything public."""

    TRADE = "trade"
    KLINE = "kline"
    MARKET = "market"
    USER = "user"


@unique
class Remainder(StrEnum):
    """What becomes of the rest of a partly filled order."""

    CANCEL = "cancel"
    LATER = "later"


@unique
class QueryTrouble(StrEnum):
    """What becomes of a query for market data."""

    ERROR = "error"
    CUT = "cut"
    DELAY = "delay"
    REPEAT = "repeat"
    DROP = "drop"
    REVERSE = "reverse"
    REVISE = "revise"


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Refuses unknown keys; every kind of fault is one."""


class _Windowed(_Strict, frozen=True, kw_only=True):
    """A stretch of time; without a start from the beginning, without a length to the end."""

    after_s: Decimal | None = None
    at_ns: int | None = None
    for_s: Decimal | None = None

    def __post_init__(self) -> None:
        _refuse_two("after_s", self.after_s, "at_ns", self.at_ns)
        if self.for_s is not None and self.for_s <= 0:
            raise ValueError(f"for_s {self.for_s} must be positive; leave it out for no end")


class _Momentary(_Strict, frozen=True, kw_only=True):
    """One moment: by time, by the nth order request, or by the close of the nth bar."""

    after_s: Decimal | None = None
    at_ns: int | None = None
    nth_order: int | None = None
    nth_bar: int | None = None
    interval: str = "1m"

    def __post_init__(self) -> None:
        given = [
            name
            for name in ("after_s", "at_ns", "nth_order", "nth_bar")
            if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise ValueError(
                f"{len(given)} moments given; give exactly one of after_s, at_ns, nth_order, "
                "nth_bar"
            )
        _require_positive("nth_order", self.nth_order)
        _require_positive("nth_bar", self.nth_bar)
        interval_ns(self.interval)


class _Counted(_Strict, frozen=True, kw_only=True):
    """The nth one, or every kth; counted from 1 since the venue's start."""

    nth: int | None = None
    every: int | None = None

    def __post_init__(self) -> None:
        _refuse_two("nth", self.nth, "every", self.every)
        if self.nth is None and self.every is None:
            raise ValueError("nothing is chosen; give nth or every")
        _require_positive("nth", self.nth)
        _require_positive("every", self.every)

    def hits(self, number: int) -> bool:
        """Whether this falls on the `number`-th one."""
        if self.nth is not None:
            return number == self.nth
        return self.every is not None and number % self.every == 0


class Delay(_Windowed, frozen=True, kw_only=True, tag_field="fault", tag="delay"):
    """Messages arrive `by_ms` late; their order is kept, later ones wait behind them."""

    stream: Messages = Messages.MARKET
    by_ms: Decimal


class Drop(_Windowed, frozen=True, kw_only=True, tag_field="fault", tag="drop"):
    """Messages vanish: all in the window, or each with a probability drawn by key."""

    stream: Messages = Messages.MARKET
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_share("probability", self.probability)


class Duplicate(_Windowed, frozen=True, kw_only=True, tag_field="fault", tag="duplicate"):
    """Messages are sent twice: all in the window, or each with a probability drawn by key."""

    stream: Messages = Messages.MARKET
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_share("probability", self.probability)


class Disconnect(_Momentary, frozen=True, kw_only=True, tag_field="fault", tag="disconnect"):
    """All stream sockets are cut and new ones refused for a while; what was missed is gone."""

    for_s: Decimal


class Restart(_Momentary, frozen=True, kw_only=True, tag_field="fault", tag="restart"):
    """Nothing answers for a while, REST included; open orders survive and may fill."""

    for_s: Decimal


class LateCandle(_Counted, frozen=True, kw_only=True, tag_field="fault", tag="late_candle"):
    """A closed candle is published `by_ms` later than it should be."""

    interval: str = "1m"
    by_ms: Decimal

    def __post_init__(self) -> None:
        super().__post_init__()
        interval_ns(self.interval)


class ReviseCandle(_Counted, frozen=True, kw_only=True, tag_field="fault", tag="revise_candle"):
    """A closed candle comes with a wrong close first and once more, right, `correct_after_ms` on.

    Attributes:
        by_ticks: Added to the close of the wrong one; high and low follow where they must.
    """

    interval: str = "1m"
    by_ticks: int
    correct_after_ms: Decimal

    def __post_init__(self) -> None:
        super().__post_init__()
        interval_ns(self.interval)


class PartialFill(_Counted, frozen=True, kw_only=True, tag_field="fault", tag="partial_fill"):
    """An order's first fill gives only a fraction; the rest is cancelled or trades later."""

    fraction: Decimal
    remainder: Remainder
    resume_after_ms: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.fraction < 1:
            raise ValueError(f"fraction {self.fraction} must lie between 0 and 1, both excluded")


class Reject(_Counted, frozen=True, kw_only=True, tag_field="fault", tag="reject"):
    """An order request is refused with this code and text."""

    code: int = -2019
    message: str = "Margin is insufficient."


class TimeoutPlaced(_Counted, frozen=True, kw_only=True, tag_field="fault", tag="timeout_placed"):
    """An order is placed, but its connection is cut without an answer."""

    cut_after_ms: Decimal = Decimal(0)


class TimeoutNotPlaced(
    _Counted, frozen=True, kw_only=True, tag_field="fault", tag="timeout_not_placed"
):
    """An order is lost on the way and its connection is cut without an answer."""

    cut_after_ms: Decimal = Decimal(0)


class Fee(_Windowed, frozen=True, kw_only=True, tag_field="fault", tag="fee"):
    """Commission is charged at a rate `by_bps` above what commissionRate says."""

    by_bps: Decimal


class Latency(_Windowed, frozen=True, kw_only=True, tag_field="fault", tag="latency"):
    """Orders take longer to reach the venue: `by_ms`, plus up to `spread_ms` drawn by key."""

    by_ms: Decimal
    spread_ms: Decimal = Decimal(0)
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by_ms < 0 or self.spread_ms < 0:
            raise ValueError("by_ms and spread_ms must not be negative")


class HiddenTransfer(
    _Momentary, frozen=True, kw_only=True, tag_field="fault", tag="hidden_transfer"
):
    """The wallet balance changes and no income row says why."""

    amount: Decimal


class Transfer(_Momentary, frozen=True, kw_only=True, tag_field="fault", tag="transfer"):
    """Money comes in or goes out, with an income row and an account message."""

    amount: Decimal


class ClockSkew(_Strict, frozen=True, kw_only=True, tag_field="fault", tag="clock_skew"):
    """The client's clock is wrong for the whole run: the venue is ahead of it by `ahead_ms`."""

    ahead_ms: Decimal


class Query(_Counted, frozen=True, kw_only=True, tag_field="fault", tag="query"):
    """A query for market data goes wrong; queries are counted by path.

    Attributes:
        path: The last word of the path, such as `klines` or `aggTrades`.
        trouble: `error` answers with `status`; `cut` closes the connection; `delay` answers `by_ms`
            late, in real time; `repeat` gives the last `rows` twice; `drop` leaves `rows` out of
            the middle; `reverse` gives the newest first; `revise` doubles a figure of the first
            row.
        status: HTTP status of an error.
        by_ms: Of a delay.
        rows: How many are given twice or left out.
    """

    path: str
    trouble: QueryTrouble
    status: int = 503
    by_ms: Decimal = Decimal(0)
    rows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} must lie in 400 … 599")
        if self.by_ms < 0:
            raise ValueError(f"by_ms {self.by_ms} must not be negative")
        _require_positive("rows", self.rows)


Fault = (
    Delay
    | Drop
    | Duplicate
    | Disconnect
    | Restart
    | LateCandle
    | ReviseCandle
    | PartialFill
    | Reject
    | TimeoutPlaced
    | TimeoutNotPlaced
    | Fee
    | Latency
    | HiddenTransfer
    | Transfer
    | ClockSkew
    | Query
)

Moment = Disconnect | Restart | HiddenTransfer | Transfer

Kind = TypeVar("Kind", bound=_Windowed)


def load_faults(source: str | Path) -> tuple[Fault, ...]:
    """Read a fault script from a file, or from JSON text (anything that starts with `[`).

    Raises:
        SettingsError: The file cannot be read, or the script is not valid; the message has the
            place in the script.
    """
    if isinstance(source, str) and source.lstrip().startswith("["):
        name, text = "fault script", source
    else:
        name = str(source)
        try:
            text = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(
                f"{name}: cannot read the fault script ({error.strerror}); check the path"
            ) from error
    try:
        return msgspec.json.decode(text, type=tuple[Fault, ...])
    except msgspec.DecodeError as error:
        raise SettingsError(
            f"{name}: {error}; the practice guide lists every fault with its keys"
        ) from error


@dataclass(frozen=True, slots=True)
class OrderScript:
    """What is scripted for one order request; None where nothing is.

    Attributes:
        cut_after_ns: How long after the answer was due its connection is cut.
        placed: Whether an order whose connection is cut reached the book.
    """

    partial_fill: PartialFill | None = None
    reject: Reject | None = None
    cut_after_ns: int | None = None
    placed: bool = True


@dataclass(slots=True)
class FaultPlan:
    """A script with its times made absolute, asked by the engine at each step.

    Attributes:
        timed: Moments fixed in time, as (time, fault), in order of time.
        by_order: Moments that happen when the nth order request is received.
        skew_ns: Venue time minus the client's time.
    """

    faults: tuple[Fault, ...]
    start_ns: int
    bar_close_ns: Callable[[str, int], int | None]
    timed: list[tuple[int, Moment]] = field(default_factory=list)
    by_order: dict[int, list[Moment]] = field(default_factory=dict)
    skew_ns: int = 0

    def __post_init__(self) -> None:
        for fault in self.faults:
            if isinstance(fault, ClockSkew):
                self.skew_ns += _nanoseconds(fault.ahead_ms, _MILLISECOND)
            if not isinstance(fault, Moment):
                continue
            if fault.nth_order is not None:
                self.by_order.setdefault(fault.nth_order, []).append(fault)
            elif (moment_ns := self._moment_ns(fault)) is not None:
                self.timed.append((moment_ns, fault))
        self.timed.sort(key=lambda pair: pair[0])

    def extra_entry_ns(self, now_ns: int, number: int) -> int:
        """Return how much longer the `number`-th order request takes to the venue."""
        extra = 0
        for fault in self._active(Latency, now_ns):
            extra += _nanoseconds(fault.by_ms, _MILLISECOND)
            spread = _nanoseconds(fault.spread_ms, _MILLISECOND)
            if spread:
                extra += _draw(fault.seed, f"latency:{number}") * spread >> 64
        return extra

    def extra_fee_rate(self, now_ns: int) -> Decimal:
        """Return what is added to the commission rate, as a share of notional."""
        faults = self._active(Fee, now_ns)
        return sum((fault.by_bps for fault in faults), Decimal(0)) / 10**4

    def order(self, number: int) -> OrderScript:
        """Return what is scripted for the `number`-th order request."""
        partial: PartialFill | None = None
        reject: Reject | None = None
        cut: TimeoutPlaced | TimeoutNotPlaced | None = None
        for fault in self.faults:
            if isinstance(fault, PartialFill) and fault.hits(number):
                partial = fault
            elif isinstance(fault, Reject) and fault.hits(number):
                reject = fault
            elif isinstance(fault, TimeoutPlaced | TimeoutNotPlaced) and fault.hits(number):
                cut = fault
        return OrderScript(
            partial_fill=partial,
            reject=reject,
            cut_after_ns=None if cut is None else _nanoseconds(cut.cut_after_ms, _MILLISECOND),
            placed=not isinstance(cut, TimeoutNotPlaced),
        )

    def late_candle_ns(self, interval: str, number: int) -> int:
        """Return how much later than it should the `number`-th closed candle is published."""
        return sum(
            _nanoseconds(fault.by_ms, _MILLISECOND)
            for fault in self.faults
            if isinstance(fault, LateCandle) and fault.interval == interval and fault.hits(number)
        )

    def revise_candle(self, interval: str, number: int) -> ReviseCandle | None:
        """Return the scripted revision of the `number`-th closed candle."""
        for fault in self.faults:
            if (
                isinstance(fault, ReviseCandle)
                and fault.interval == interval
                and fault.hits(number)
            ):
                return fault
        return None

    def message_delay_ns(self, stream: Messages, now_ns: int) -> int:
        """Return how late a message due now is released."""
        return sum(
            _nanoseconds(fault.by_ms, _MILLISECOND)
            for fault in self._active(Delay, now_ns)
            if _covers(fault.stream, stream)
        )

    def copies(self, stream: Messages, now_ns: int, key: str) -> int:
        """Return how often a message due now is sent: 0, 1 or more."""
        copies = 1
        for drop in self._active(Drop, now_ns):
            if _covers(drop.stream, stream) and _falls(drop.probability, drop.seed, "drop:" + key):
                return 0
        for twice in self._active(Duplicate, now_ns):
            if _covers(twice.stream, stream) and _falls(
                twice.probability, twice.seed, "duplicate:" + key
            ):
                copies += 1
        return copies

    def _active(self, kind: type[Kind], now_ns: int) -> Iterable[Kind]:
        for fault in self.faults:
            if not isinstance(fault, kind):
                continue
            start_ns = self._start_of(fault)
            if now_ns < start_ns:
                continue
            if fault.for_s is None or now_ns < start_ns + _nanoseconds(fault.for_s, _SECOND):
                yield fault

    def _start_of(self, fault: _Windowed) -> int:
        if fault.at_ns is not None:
            return fault.at_ns
        return self.start_ns + _nanoseconds(fault.after_s or Decimal(0), _SECOND)

    def _moment_ns(self, fault: Moment) -> int | None:
        if fault.at_ns is not None:
            return fault.at_ns
        if fault.after_s is not None:
            return self.start_ns + _nanoseconds(fault.after_s, _SECOND)
        assert fault.nth_bar is not None, fault
        return self.bar_close_ns(fault.interval, fault.nth_bar)


def _nanoseconds(amount: Decimal, unit: int) -> int:
    return int(amount * unit)


def _covers(chosen: Messages, stream: Messages) -> bool:
    if chosen is Messages.MARKET:
        return stream is not Messages.USER
    return chosen is stream


def _draw(seed: int, key: str) -> int:
    """Return a 64-bit number that depends on seed and key alone."""
    return int.from_bytes(blake2b(f"{seed}\x1f{key}".encode(), digest_size=8).digest(), "big")


def _falls(probability: float, seed: int, key: str) -> bool:
    return _draw(seed, key) < probability * 2**64


def _refuse_two(first: str, one: object, second: str, other: object) -> None:
    if one is not None and other is not None:
        raise ValueError(f"{first} and {second} exclude each other; give one of them")


def _require_positive(name: str, number: int | None) -> None:
    if number is not None and number < 1:
        raise ValueError(f"{name} {number} must be at least 1; counting starts at 1")


def _require_share(name: str, share: float) -> None:
    if not 0 < share <= 1:
        raise ValueError(f"{name} {share} must lie in (0, 1]")
