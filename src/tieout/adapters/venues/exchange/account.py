"""The account: how it must be set up, what it holds, what the venue charged, and its statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tieout.adapters.venues.exchange.decode import (
    MILLISECOND,
    Unreadable,
    decimal,
    instrument_of,
    integer,
    lots_of,
    money_units,
    nanoseconds,
    ticks_of,
)
from tieout.adapters.venues.exchange.orders import side_of
from tieout.adapters.venues.exchange.outcomes import RequestFailed
from tieout.adapters.venues.exchange.settings import AccountSnapshot
from tieout.errors import ConnectionFailed, SettingsError, TieoutError, VenueError
from tieout.model.events import FundingCharged
from tieout.model.statement import Statement, StatementPosition, StatementRow, StatementTrade

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from tieout.adapters.clocks import VenueClock
    from tieout.adapters.venues.exchange.client import ExchangeClient
    from tieout.adapters.venues.exchange.inbox import Outlet
    from tieout.adapters.venues.exchange.settings import ExchangeSettings
    from tieout.model.instruments import Instrument

__all__ = ["Account", "Funding", "income_rows", "instruments_of", "mark_of"]

_PAGE: Final = 1_000
_WEEK_MS: Final = 7 * 24 * 3_600_000
_UNCHANGED_CODES: Final = frozenset({-4046, -4059})
"""The venue's way of saying that a mode is already as asked for."""

_KINDS: Final = {
    "REALIZED_PNL": "realised",
    "COMMISSION": "commission",
    "FUNDING_FEE": "funding",
    "TRANSFER": "transfer",
}


async def instruments_of(
    client: ExchangeClient, symbols: Sequence[str], currency: str
) -> list[Instrument]:
    """Return instruments as the venue's rules define them.

    Raises:
        SettingsError: The venue does not trade a symbol, or keeps it in another currency.
        ConnectionFailed: The venue does not answer.
    """
    try:
        markets = await client.load_markets()
    except TieoutError:
        raise
    except Exception as error:
        raise ConnectionFailed(
            f"the venue's rules cannot be loaded: {error}; is the venue up?"
        ) from error
    found: list[Instrument] = []
    for symbol in symbols:
        market = markets.get(symbol)
        if market is None:
            raise SettingsError(
                f"{symbol}: the venue does not trade it; it trades "
                f"{', '.join(sorted(markets))[:300]}"
            )
        if market.get("inverse"):
            raise SettingsError(
                f"{symbol} is an inverse contract; this gateway speaks the protocol of "
                "USD-margined contracts alone, so run it on history"
            )
        if market["settle"] != currency:
            raise SettingsError(
                f"{symbol} is settled in {market['settle']} and the account is kept in {currency}; "
                "trade instruments of one currency in a run"
            )
        found.append(instrument_of(symbol, market["info"], currency))
    return found


async def mark_of(client: ExchangeClient, venue_symbol: str) -> Decimal:
    """Return the venue's mark price of what it calls so, now."""
    answer = await client.call("fapiPublic", "GET", "premiumIndex", symbol=venue_symbol)
    if not isinstance(answer, dict):
        raise Unreadable(f"premiumIndex: the venue answered {str(answer)[:200]!r}")
    return decimal(answer.get("markPrice"))


class Account:
    """Set-up, snapshots and the statement, all by REST.

    Args:
        client: The venue.
        clock: Stamps snapshots.
        settings: Currency, leverage and margin type.
    """

    def __init__(
        self, client: ExchangeClient, clock: VenueClock, settings: ExchangeSettings
    ) -> None:
        self._client = client
        self._clock = clock
        self._settings = settings

    async def prepare(self, instruments: Iterable[Instrument]) -> None:
        """See to it that the account is in one-way mode, in one asset, and levered as configured.

        Raises:
            SettingsError: The venue refuses a mode we need.
        """
        mode = await self._get("positionSide/dual")
        if _is_true(mode.get("dualSidePosition")):
            await self._set("positionSide/dual", dualSidePosition="false")
        assets = await self._get("multiAssetsMargin")
        if _is_true(assets.get("multiAssetsMargin")):
            raise SettingsError(
                "the account is in multi-assets mode, in which balances of several currencies "
                "secure positions; switch it to single-asset mode at the venue"
            )
        for instrument in instruments:
            symbol = instrument.venue_symbol
            if self._settings.margin_type is not None:
                await self._set("marginType", symbol=symbol, marginType=self._settings.margin_type)
            if self._settings.leverage is not None:
                await self._set("leverage", symbol=symbol, leverage=self._settings.leverage)

    async def snapshot(self, instruments: Iterable[Instrument]) -> AccountSnapshot:
        """Return balance and positions now."""
        known = {each.venue_symbol: each for each in instruments}
        currency = self._settings.currency
        account = await self._get("account", section="fapiPrivateV3")
        balances = {row.get("asset"): row for row in account.get("assets", ())}
        if currency not in balances:
            raise VenueError(
                f"the account has no {currency} balance; it has {', '.join(map(str, balances))}"
            )
        positions: list[StatementPosition] = []
        costs: list[tuple[str, Decimal]] = []
        rows = await self._client.call("fapiPrivateV3", "GET", "positionRisk")
        for row in _rows(rows, "positionRisk"):
            instrument = known.get(str(row.get("symbol")))
            amount = decimal(row.get("positionAmt"))
            if instrument is None or not amount:
                continue
            mark = decimal(row.get("markPrice"))
            unrealised = decimal(row.get("unRealizedProfit"))
            positions.append(
                StatementPosition(
                    instrument=instrument.symbol,
                    lots=lots_of(instrument, row.get("positionAmt")),
                    unrealised=unrealised,
                    mark=mark,
                )
            )
            # The entry price is rounded for show; value less open profit is what was paid.
            costs.append((instrument.symbol, amount * instrument.multiplier * mark - unrealised))
        return AccountSnapshot(
            time_ns=self._clock.now_ns(),
            currency=currency,
            balance=decimal(balances[currency].get("walletBalance")),
            positions=tuple(positions),
            costs=tuple(costs),
        )

    async def statement(
        self,
        start: AccountSnapshot,
        instruments: Sequence[Instrument],
        *,
        start_ns: int,
        end_ns: int,
    ) -> Statement:
        """Return what the venue booked from `start_ns` to `end_ns`, read from it alone.

        Args:
            start: Taken when the run started; a venue tells no past balances.
            instruments: Whose trades are listed.
            start_ns: First moment.
            end_ns: Last moment; the balance is the one of now.
        """
        end = await self.snapshot(instruments)
        start_ms, end_ms = start_ns // MILLISECOND, end_ns // MILLISECOND
        rows = await self._income(start_ms, end_ms, instruments)
        trades: list[StatementTrade] = []
        for instrument in instruments:
            trades += await self._trades(instrument, start_ms, end_ms)
        return Statement(
            currency=start.currency,
            start_time_ns=start_ns,
            end_time_ns=end_ns,
            start_balance=start.balance,
            end_balance=end.balance,
            start_positions=start.positions,
            end_positions=end.positions,
            rows=tuple(rows),
            trades=tuple(trades),
        )

    async def _income(
        self, start_ms: int, end_ms: int, instruments: Iterable[Instrument]
    ) -> list[StatementRow]:
        symbols = {each.venue_symbol: each.symbol for each in instruments}
        rows = await income_rows(self._client, start_ms, end_ms)
        return [
            StatementRow(
                row_id=f"{row.get('incomeType')}:{row.get('tranId')}:{row.get('symbol') or ''}",
                kind=_KINDS.get(str(row.get("incomeType")), str(row.get("incomeType"))),
                amount=decimal(row.get("income")),
                instrument=symbols.get(str(row.get("symbol")), str(row.get("symbol") or "")),
                trade_id=str(row.get("tradeId") or ""),
                time_ns=nanoseconds(row.get("time")),
            )
            for row in rows
            if row.get("asset") == self._settings.currency
        ]

    async def _trades(
        self, instrument: Instrument, start_ms: int, end_ms: int
    ) -> list[StatementTrade]:
        rows = await self._history(instrument, "userTrades", "id", start_ms, end_ms)
        orders = await self._history(instrument, "allOrders", "orderId", start_ms, end_ms)
        clients = {str(row["orderId"]): str(row.get("clientOrderId", "")) for row in orders}
        trades = []
        for row in rows:
            if not start_ms <= integer(row.get("time")) <= end_ms:
                continue
            order_id = str(row.get("orderId"))
            if order_id not in clients:
                clients[order_id] = await self._client_id(instrument, order_id)
            trades.append(
                StatementTrade(
                    trade_id=str(row["id"]),
                    client_order_id=clients[order_id],
                    venue_order_id=order_id,
                    instrument=instrument.symbol,
                    side=int(side_of(row.get("side"))),
                    lots=lots_of(instrument, row.get("qty")),
                    price_ticks=ticks_of(instrument, row.get("price")),
                    commission=decimal(row.get("commission")),
                    commission_currency=str(row.get("commissionAsset")),
                    time_ns=nanoseconds(row.get("time")),
                )
            )
        return trades

    async def _client_id(self, instrument: Instrument, order_id: str) -> str:
        """Ask for an order older than the statement; empty when the venue forgot it."""
        try:
            row = await self._get("order", symbol=instrument.venue_symbol, orderId=order_id)
        except RequestFailed as error:
            if error.is_not_found:
                return ""
            raise
        return str(row.get("clientOrderId", ""))

    async def _history(
        self, instrument: Instrument, path: str, key: str, start_ms: int, end_ms: int
    ) -> list[Mapping[str, Any]]:
        """Return rows of a per-symbol history; the venue gives a week and a page at a time."""
        first = "fromId" if path == "userTrades" else "orderId"
        found: dict[int, Mapping[str, Any]] = {}
        while start_ms <= end_ms:
            until_ms = min(start_ms + _WEEK_MS - 1, end_ms)
            bounds: dict[str, int] = {"startTime": start_ms, "endTime": until_ms}
            while True:
                answer = await self._client.call(
                    "fapiPrivate",
                    "GET",
                    path,
                    symbol=instrument.venue_symbol,
                    limit=_PAGE,
                    **bounds,
                )
                page = _rows(answer, path)
                found |= {integer(row[key]): row for row in page}
                # A page by id may reach past the end; what lies there is not asked for further.
                newest_ms = max((integer(row.get("time", 0)) for row in page), default=end_ms)
                if len(page) < _PAGE or newest_ms > end_ms:
                    break
                bounds = {first: max(found) + 1}
            start_ms = until_ms + 1
        return [found[number] for number in sorted(found)]

    async def _get(
        self, path: str, *, section: str = "fapiPrivate", **params: object
    ) -> Mapping[str, Any]:
        answer = await self._client.call(section, "GET", path, **params)
        if not isinstance(answer, dict):
            raise Unreadable(f"{path}: the venue answered {str(answer)[:200]!r} and not an object")
        return answer

    async def _set(self, path: str, **params: object) -> None:
        try:
            await self._client.call("fapiPrivate", "POST", path, **params)
        except RequestFailed as error:
            if error.record.code in _UNCHANGED_CODES:
                return
            raise SettingsError(
                f"the venue refuses {path} {params}: {error}; close positions and orders first, or "
                "leave the setting out"
            ) from error


class Funding:
    """Books funding from the income history, the one place that names instrument and amount.

    Args:
        client: The venue.
        clock: Stamps arrivals.
        outlet: Where payments go.
    """

    def __init__(self, client: ExchangeClient, clock: VenueClock, outlet: Outlet) -> None:
        self._client = client
        self._clock = clock
        self._outlet = outlet
        self._instruments: dict[str, Instrument] = {}
        self._since_ms = 0
        self._booked: set[str] = set()

    def start(
        self,
        instruments: Iterable[Instrument],
        *,
        since_ns: int,
        charge_ids: Iterable[str] = (),
    ) -> None:
        """Say from when on, and what is booked already."""
        self._instruments = {each.venue_symbol: each for each in instruments}
        self._since_ms = since_ns // MILLISECOND
        self._booked.update(charge_ids)

    async def collect(self) -> int:
        """Tell every payment not told before, and return how many there were."""
        now_ms = self._clock.now_ns() // MILLISECOND
        rows = await income_rows(self._client, self._since_ms, now_ms, incomeType="FUNDING_FEE")
        told = 0
        for row in rows:
            instrument = self._instruments.get(str(row.get("symbol")))
            if instrument is None:
                continue
            time_ms = integer(row.get("time"))
            charge_id = f"{instrument.symbol}-{time_ms}"
            if charge_id not in self._booked:
                # Noted before the next query: another collection may be under way.
                self._booked.add(charge_id)
                rate, mark = await self._rate(instrument, time_ms)
                self._tell(instrument, charge_id, row, rate=rate, mark=mark)
                told += 1
            # Rows of one moment may appear one after another: go on from it, not past it.
            self._since_ms = max(self._since_ms, time_ms)
        return told

    def _tell(
        self,
        instrument: Instrument,
        charge_id: str,
        row: Mapping[str, Any],
        *,
        rate: str,
        mark: Decimal | None,
    ) -> None:
        self._outlet.put(
            FundingCharged(
                instrument=instrument.symbol,
                charge_id=charge_id,
                amount=money_units(row.get("income")),
                rate=rate,
                position_lots=None,
                mark_ticks=None if mark is None else instrument.round_stop(mark),
                venue_time_ns=nanoseconds(row.get("time")),
                arrival_time_ns=self._clock.now_ns(),
            )
        )

    async def _rate(self, instrument: Instrument, time_ms: int) -> tuple[str, Decimal | None]:
        """Return rate and mark price of the payment; the amount stands without them too."""
        try:
            answer = await self._client.call(
                "fapiPublic",
                "GET",
                "fundingRate",
                symbol=instrument.venue_symbol,
                startTime=time_ms - 60_000,
                endTime=time_ms + 60_000,
                limit=10,
            )
            rows = _rows(answer, "fundingRate")
        except VenueError:
            return "0", None
        if not rows:
            return "0", None
        nearest = min(rows, key=lambda row: abs(integer(row.get("fundingTime")) - time_ms))
        mark = nearest.get("markPrice")
        return str(nearest.get("fundingRate")), None if mark in (None, "") else decimal(mark)


async def income_rows(
    client: ExchangeClient, start_ms: int, end_ms: int, **chosen: object
) -> list[Mapping[str, Any]]:
    """Return the income history of a span, oldest first.

    Raises:
        VenueError: More rows fall on one millisecond than the venue gives in a page.
    """
    found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    while True:
        answer = await client.call(
            "fapiPrivate",
            "GET",
            "income",
            startTime=start_ms,
            endTime=end_ms,
            limit=_PAGE,
            **chosen,
        )
        page = _rows(answer, "income")
        # A transfer id is unique within its kind only, and funding has one for all symbols.
        found |= {
            (str(row.get("incomeType")), str(row.get("tranId")), str(row.get("symbol"))): row
            for row in page
        }
        if len(page) < _PAGE:
            break
        newest_ms = max(integer(row.get("time")) for row in page)
        if newest_ms == start_ms:
            raise VenueError(
                f"more than {_PAGE} income rows at {start_ms} ms; the venue cannot list them all"
            )
        start_ms = newest_ms
    return sorted(
        found.values(), key=lambda row: (integer(row.get("time")), str(row.get("tranId")))
    )


def _rows(answer: object, what: str) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise Unreadable(f"{what}: the venue answered {str(answer)[:200]!r} and no rows")
    return answer


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"
