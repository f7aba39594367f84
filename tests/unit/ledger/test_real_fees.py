"""Fees of real accounts, computed anew from price, quantity and date, beside what was charged.

Only counts and sums are told here. What does not agree to the cent is counted and explained.
"""

from __future__ import annotations

import ast
import csv
import gzip
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tieout.ledger.fees import FeeMeter
from tieout.model.events import Fill
from tieout.model.fees import fee_schedule
from tieout.model.instruments import Instrument
from tieout.model.money import MONEY_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

CENT = Fraction(1, 100)
CENT_IN_BTC = CENT / 60_000
"""Less than a cent at any price of bitcoin in the weeks of the record."""


class Traded(NamedTuple):
    """One real fill, or an order's fills where the record does not part them."""

    symbol: str
    side: int
    quantity: Decimal
    price: Decimal
    at: datetime
    fee: Fraction
    """In the quote currency."""
    maker: bool = False
    in_token: bool = False
    part_in_token: bool = False


class Found(NamedTuple):
    """What the schedule makes of a fill."""

    traded: Traded
    fee: Fraction

    @property
    def gap(self) -> Fraction:
        return self.fee - self.traded.fee


def charged(
    schedule: str,
    traded: Sequence[Traded],
    *,
    tick: str,
    lot: str,
    elsewhere: Callable[[Traded], int] = lambda _: 0,
) -> list[Found]:
    """Charge fills by a schedule, in the order in which they traded."""
    instruments = {
        symbol: Instrument(
            symbol=symbol,
            venue_symbol=symbol,
            tick_size=Decimal(tick),
            lot_size=Decimal(lot),
            currency=symbol.split("/")[1],
        )
        for symbol in sorted({each.symbol for each in traded})
    }

    def meter(in_token: bool, volume: int) -> FeeMeter:
        return FeeMeter(
            fee_schedule(schedule),
            instruments,
            in_token=in_token,
            volume_elsewhere=volume,
            prices={"BNB": Decimal(1)},
        )

    kinds = {(each.in_token, elsewhere(each)) for each in traded}
    meters = {kind: meter(*kind) for kind in sorted(kinds)}
    found = []
    for number, each in enumerate(sorted(traded, key=lambda each: each.at)):
        fill = _fill(number, each, instruments[each.symbol])
        # All of them count the fill, and the one that is the account's charges it.
        by_kind = {kind: one.charge(fill).fee for kind, one in meters.items()}
        fee = by_kind[each.in_token, elsewhere(each)]
        found.append(Found(each, Fraction(fee, MONEY_UNIT)))
    return found


def _fill(number: int, traded: Traded, instrument: Instrument) -> Fill:
    at_ns = round(traded.at.timestamp() * 1000) * 10**6
    fill = Fill(
        decision_id=f"d{number}",
        trade_id=str(number),
        instrument=traded.symbol,
        side=traded.side,
        lots=int(traded.quantity / instrument.lot_size),
        price_ticks=int(traded.price / instrument.tick_size),
        fee=0,
        fee_currency=instrument.currency,
        liquidity=1 if traded.maker else 2,
        venue_time_ns=at_ns,
        arrival_time_ns=at_ns,
    )
    assert instrument.quantity(fill.lots) == traded.quantity, "finer than a lot"
    assert instrument.price(fill.price_ticks) == traded.price, "finer than a tick"
    return fill


def beyond(found: Sequence[Found], limit: Fraction) -> list[Found]:
    return [each for each in found if abs(each.gap) >= limit]


def sums(found: Sequence[Found]) -> tuple[Fraction, Fraction]:
    """Return what was charged and what the schedule makes of it."""
    zero = Fraction(0)
    return sum((each.traded.fee for each in found), zero), sum((each.fee for each in found), zero)


# -- Coinbase Pro ---------------------------------------------------------------------------------


def coinbase_fills(folder: Path) -> list[Traded]:
    found = []
    with (folder / "coinbase_pro_fills" / "fills.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            notional = Decimal(row["size"]) * Decimal(row["price"])
            rate = round(Decimal(row["fee"]) / notional, 6)
            traded = Traded(
                symbol=row["product"].replace("-", "/"),
                side=1 if row["side"] == "BUY" else -1,
                quantity=Decimal(row["size"]),
                price=Decimal(row["price"]),
                at=datetime.fromisoformat(row["created at"]),
                fee=Fraction(Decimal(row["fee"])),
                # The record has no flag. Only here do the two rates that could be differ.
                maker=rate == Decimal("0.0015"),
            )
            found.append(traded)
    return found


def test_coinbase_charged_what_the_schedule_says_to_the_last_digit(test_data: Path) -> None:
    """Four tiers and a change of the table, from the account's own volume alone."""
    found = charged("coinbase-pro-1", coinbase_fills(test_data), tick="1e-5", lot="1e-6")

    rates = {round(each.traded.fee / _notional(each.traded), 4) for each in found}
    assert len(found) == 161
    assert rates == {Fraction(n, 10_000) for n in (15, 25, 35, 50, 60)}
    assert max(abs(each.gap) for each in found) < Fraction(1, 10**9)


def test_the_window_begins_at_midnight(test_data: Path) -> None:
    """Seven fills had a lower rate than 30 days to the second would give: it counts whole days."""
    fills = sorted(coinbase_fills(test_data), key=lambda each: each.at)

    def volume(each: Traded, *, whole_days: bool) -> Fraction:
        midnight = each.at.replace(hour=0, minute=0, second=0, microsecond=0)
        end = midnight if whole_days else each.at
        earlier = [one for one in fills if one.at < each.at.replace(minute=0, second=0)]
        return sum(
            (_notional(one) for one in earlier if (end - one.at).total_seconds() <= 30 * 86_400),
            Fraction(0),
        )

    last_days = [
        each for each in fills if (each.at.year, each.at.month, each.at.day) == (2021, 12, 31)
    ]
    assert len(last_days) == 7
    assert all(each.fee / _notional(each) == Fraction(35, 10_000) for each in last_days)
    assert all(volume(each, whole_days=False) < 10_000 for each in last_days)
    assert all(volume(each, whole_days=True) >= 10_000 for each in last_days)


def _notional(traded: Traded) -> Fraction:
    return Fraction(traded.quantity) * Fraction(traded.price)


# -- Freqtrade on Binance spot --------------------------------------------------------------------


def freqtrade_fills(trades: Path, orders: Path, *, digits: str) -> list[Traded]:
    """Return the entries and exits of a bot's own database; each is an order."""
    with orders.open(encoding="utf-8") as file:
        filled = {
            (row["ft_trade_id"], row["side"]): row
            for row in csv.DictReader(file)
            if Decimal(row["filled"] or 0) > 0
        }
    found = []
    with trades.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name, side in (("open", "buy"), ("close", "sell")):
                order = filled[row["id"], side]
                price = Decimal(order.get("average") or order["price"]).quantize(Decimal(digits))
                quantity = Decimal(order["filled"])
                rate = Decimal(row[f"fee_{name}"])
                at = datetime.fromisoformat(order["order_filled_date"])
                traded = Traded(
                    symbol=row["pair"],
                    side=1 if side == "buy" else -1,
                    quantity=quantity,
                    price=price,
                    at=at.replace(tzinfo=UTC),
                    fee=Fraction(rate * quantity * price),
                    in_token=row[f"fee_{name}_currency"] == "BNB",
                    part_in_token=Decimal("0.0008") < rate < Decimal("0.0009"),
                )
                found.append(traded)
    return found


def test_a_bot_in_btc_was_charged_what_the_schedule_says(test_data: Path) -> None:
    """Buys pay in the coin, sales in BTC; each fill was rounded: some 10⁻⁹ remain."""
    folder = test_data / "freqtrade_live_s012"
    fills = freqtrade_fills(
        folder / "tradesv3.live.trades.csv",
        folder / "tradesv3.live.orders.csv",
        digits="1e-8",
    )

    found = charged("binance-spot-1", fills, tick="1e-8", lot="1e-3")

    assert len(found) == 20
    assert not beyond(found, CENT_IN_BTC)
    assert max(abs(each.gap) for each in found) < Fraction(1, 10**8)


def test_a_bot_in_usdt_was_charged_what_the_schedule_says(test_data: Path) -> None:
    """Paid in the coin, in USDT and in BNB with its quarter off."""
    folder = test_data / "freqtrade_live_kcx"
    fills = freqtrade_fills(
        folder / "tradesv3.trades.csv", folder / "tradesv3.orders.csv", digits="1e-6"
    )

    found = charged("binance-spot-1", fills, tick="1e-6", lot="1e-6")

    whole = [each for each in found if not each.traded.part_in_token]
    part = [each for each in found if each.traded.part_in_token]
    assert (len(found), len(whole), len(part)) == (48, 45, 3)
    # What BNB was worth is the bot's own guess in the record: a seventh of a cent at most.
    assert not beyond(whole, CENT)
    assert max(abs(each.gap) for each in whole) < CENT / 7
    was, computed = sums(whole)
    assert abs(was - computed) < CENT
    # Three orders ran out of BNB on their way and paid the rest in the coin or in USDT; the record
    # has one amount and one currency for both.
    assert len(beyond(part, CENT)) == 1
    assert max(abs(each.gap) for each in part) < CENT * 6 / 5


# -- Hummingbot on KuCoin -------------------------------------------------------------------------

MICRO = Decimal(10**6)
VIP_1 = 1_000_000


def hummingbot_fills(file: Path) -> list[Traded]:
    found = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            base, quote = row["symbol"].split("-")
            price, quantity = Decimal(row["price"]), Decimal(row["amount"])
            if quote == "BTC":
                # A lot at a tick is worth 10⁻¹⁴ BTC, finer than our money: count in millionths.
                price, quote = price * MICRO, "uBTC"
            told: dict[str, Any] = ast.literal_eval(row["trade_fee"])
            traded = Traded(
                symbol=f"{base}/{quote}",
                side=1 if row["trade_type"] == "BUY" else -1,
                quantity=quantity,
                price=price,
                at=datetime.fromtimestamp(int(row["timestamp"]) / 1000, UTC),
                fee=Fraction(Decimal(told["percent"]) * price * quantity),
                maker=row["order_type"] == "LIMIT_MAKER",
            )
            found.append(traded)
    return found


@pytest.mark.parametrize(
    ("name", "fills", "until"),
    [
        ("edg_usdt.trades_conf_pure_mm_1", 6526, None),
        ("edg_btc.trades_conf_pure_mm_3", 2514, datetime(2023, 1, 1, tzinfo=UTC)),
        ("edg_usdt.trades_conf_pure_mm_4", 1791, datetime(2022, 12, 15, 4, tzinfo=UTC)),
    ],
)
def test_a_maker_was_charged_what_the_schedule_says(
    test_data: Path, name: str, fills: int, until: datetime | None
) -> None:
    """The lower rate, until a date, is the tier of volume that stands in none of the files."""
    traded = hummingbot_fills(test_data / "hummingbot_kucoin_mm" / f"{name}.csv.gz")
    in_btc = name.startswith("edg_btc")

    found = charged(
        "kucoin-spot-b-1",
        traded,
        tick="1e-4" if in_btc else "1e-6",
        lot="1e-4",
        elsewhere=lambda each: VIP_1 if until is not None and each.at < until else 0,
    )

    assert len(found) == fills
    assert max(abs(each.gap) for each in found) < Fraction(1, 10**9)
