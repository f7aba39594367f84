"""What a gateway is told: where the venue is, who we are, what to listen to, what is known."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum, unique
from typing import Final

import msgspec

from tieout.errors import SettingsError
from tieout.model.orders import OrderState, PlaceOrder
from tieout.model.statement import StatementPosition

__all__ = [
    "AccountSnapshot",
    "Credentials",
    "ExchangeSettings",
    "KnownOrder",
    "MarginType",
    "ResumePoint",
    "Subscription",
]

BINANCE_REST: Final = "https://fapi.binance.com"
BINANCE_STREAMS: Final = "wss://fstream.binance.com/ws"

SECOND: Final = 1_000_000_000


@unique
class MarginType(StrEnum):
    """How positions are secured, in the venue's words."""

    CROSSED = "CROSSED"
    ISOLATED = "ISOLATED"


class Credentials:
    """An API key and its secret; neither is ever printed.

    Args:
        key: The venue's key.
        secret: Signs requests.
    """

    __slots__ = ("key", "secret")

    def __init__(self, key: str, secret: str) -> None:
        if not key or not secret:
            raise SettingsError("credentials: key and secret must both be given; set both or none")
        self.key = key
        self.secret = secret

    def __repr__(self) -> str:
        return "Credentials(key=…, secret=…)"

    def __reduce__(self) -> str:
        raise SettingsError("credentials are never written anywhere; load them where they are used")


class ExchangeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach and treat a venue that speaks the Binance USD-M protocol.

    Attributes:
        base_url: REST address without a path.
        ws_url: Stream address ending in `/ws`.
        currency: What the account is kept in.
        leverage: Set at the start; None leaves it as it is.
        margin_type: Set at the start; None leaves it as it is.
        recv_window_ms: How long after its timestamp the venue may still take a request.
        request_timeout_ns: On our clock; after it an order's outcome is unknown.
        keep_alive_ns: How often the user stream's key is renewed.
        clock_interval_ns: How often the offset of a real venue's clock is measured.
        weight_share: Share of the venue's request weight that queries may use; orders may use the
            rest.
        fee_prices: Stated prices of currencies that fees are taken in, in the account's.
        fee_tokens: Currencies whose price the venue is asked for, at the start and whenever its
            clock is measured; a stated price goes before.
    """

    base_url: str = BINANCE_REST
    ws_url: str = BINANCE_STREAMS
    currency: str = "USDT"
    leverage: int | None = None
    margin_type: MarginType | None = None
    recv_window_ms: int = 5_000
    request_timeout_ns: int = 10 * SECOND
    keep_alive_ns: int = 30 * 60 * SECOND
    clock_interval_ns: int = 10 * 60 * SECOND
    weight_share: Decimal = Decimal("0.8")
    fee_prices: dict[str, Decimal] = {}
    fee_tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")) or self.base_url.endswith("/"):
            raise SettingsError(
                f"base_url {self.base_url!r} must be an http address without a path, "
                f"such as {BINANCE_REST}"
            )
        if not self.ws_url.startswith(("ws://", "wss://")) or not self.ws_url.endswith("/ws"):
            raise SettingsError(
                f"ws_url {self.ws_url!r} must be a ws address ending in /ws, "
                f"such as {BINANCE_STREAMS}"
            )
        if self.leverage is not None and not 1 <= self.leverage <= 125:
            raise SettingsError(f"leverage {self.leverage} must lie in 1 … 125")
        if not 1 <= self.recv_window_ms <= 60_000:
            raise SettingsError(f"recv_window_ms {self.recv_window_ms} must lie in 1 … 60000")
        for name in ("request_timeout_ns", "keep_alive_ns", "clock_interval_ns"):
            value = getattr(self, name)
            if value < SECOND:
                raise SettingsError(f"{name} {value} must be at least one second ({SECOND})")
        if not 0 < self.weight_share < 1:
            raise SettingsError(f"weight_share {self.weight_share} must lie in (0, 1)")


class Subscription(msgspec.Struct, frozen=True):
    """A stream of market data that the strategy asked for.

    Attributes:
        instrument: Symbol.
        interval_ns: Length of its bars; None for its trades.
    """

    instrument: str
    interval_ns: int | None = None


class KnownOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of this run as the journal has it, handed back on a resume.

    Attributes:
        place: The decision.
        state: Last known.
        filled_lots: Booked so far.
        venue_order_id: As accepted; empty when it never was.
        trade_ids: Fills booked, so that they are not given again.
    """

    place: PlaceOrder
    state: OrderState
    filled_lots: int
    venue_order_id: str = ""
    trade_ids: tuple[str, ...] = ()


class ResumePoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far the journal came before the process stopped.

    Attributes:
        down_since_ns: Arrival of the last durable record; what came later is fetched.
        state: `kept` or `fresh`, as `RunResumed` has it.
        orders: Every order of the run.
        charge_ids: Funding booked, so that it is not given again.
        last_bar_ns: Open time of the last bar seen, by (symbol, interval).
        last_trade_id: Last trade of the market seen, by symbol.
    """

    down_since_ns: int
    state: str = "kept"
    orders: tuple[KnownOrder, ...] = ()
    charge_ids: tuple[str, ...] = ()
    last_bar_ns: dict[tuple[str, int], int] = {}
    last_trade_id: dict[str, int] = {}


class AccountSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Balance and positions at one moment, as the venue says.

    Attributes:
        time_ns: Our clock.
        currency: Account currency.
        balance: Wallet balance, without what open positions have gained.
        positions: Open positions only.
        costs: Pairs (symbol, signed cost of the position in currency).
    """

    time_ns: int
    currency: str
    balance: Decimal
    positions: tuple[StatementPosition, ...]
    costs: tuple[tuple[str, Decimal], ...]
