"""The venue's account statement for a run: what the venue says it did to our money."""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = ["Statement", "StatementPosition", "StatementRow", "StatementTrade"]


class StatementPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position as the venue reports it.

    Attributes:
        instrument: Symbol.
        lots: Signed.
        unrealised: Profit not yet realised at the venue's mark, in account currency.
        mark: Mark price.
    """

    instrument: str
    lots: int
    unrealised: Decimal
    mark: Decimal


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the venue's income history.

    Attributes:
        row_id: The venue's id, unique within the account.
        kind: `realised`, `commission`, `funding`, `transfer`, or the venue's own word.
        amount: Signed effect on the balance.
        instrument: Symbol, or empty.
        trade_id: The fill it belongs to, or empty.
        time_ns: When.
    """

    row_id: str
    kind: str
    amount: Decimal
    instrument: str
    trade_id: str
    time_ns: int


class StatementTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One of our fills as the venue's trade history has it.

    Attributes:
        trade_id: The venue's id.
        client_order_id: Ours, or empty when the venue did not say.
        venue_order_id: The venue's order id.
        side: +1 buy, −1 sell.
        commission: Positive is paid.
    """

    trade_id: str
    client_order_id: str
    venue_order_id: str
    instrument: str
    side: int
    lots: int
    price_ticks: int
    commission: Decimal
    commission_currency: str
    time_ns: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Account at start and end of a run, and everything the venue booked between.

    The live profit is (end balance + end unrealised) − (start balance + start unrealised)
    − named transfers.
    """

    currency: str
    start_time_ns: int
    end_time_ns: int
    start_balance: Decimal
    end_balance: Decimal
    start_positions: tuple[StatementPosition, ...]
    end_positions: tuple[StatementPosition, ...]
    rows: tuple[StatementRow, ...]
    trades: tuple[StatementTrade, ...]
