"""Set-up, snapshot, statement and funding, read off REST rows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.exchange.bench import (
    INSTRUMENT,
    MINUTE,
    SECOND,
    START,
    Bench,
    a_fill_row,
    an_order_row,
    client_id,
    refusal,
)
from tieout.adapters.venues.exchange.account import Account, Funding, income_rows, instruments_of
from tieout.adapters.venues.exchange.settings import ExchangeSettings, MarginType
from tieout.errors import ConnectionFailed, SettingsError, VenueError

if TYPE_CHECKING:
    from collections.abc import Coroutine

START_MS = START // 1_000_000


def an_account(bench: Bench, **settings: Any) -> Account:
    bench.client.answers |= {
        ("GET", "positionSide/dual"): {"dualSidePosition": False},
        ("GET", "multiAssetsMargin"): {"multiAssetsMargin": False},
        ("GET", "account"): {"assets": [{"asset": "USDT", "walletBalance": "10000.25"}]},
        ("GET", "positionRisk"): [],
    }
    return Account(bench.client, bench.clock, ExchangeSettings(**settings))  # type: ignore[arg-type]


def run(bench: Bench, work: Coroutine[Any, Any, Any]) -> Any:
    return bench.loop.run_until_complete(work)


def income(number: int, kind: str = "COMMISSION", **fields: Any) -> dict[str, Any]:
    row = {
        "symbol": "BTCUSDT",
        "incomeType": kind,
        "income": "-0.01",
        "asset": "USDT",
        "time": START_MS + number,
        "tranId": number,
        "tradeId": "",
    }
    return row | fields


# -- set-up -----------------------------------------------------------------------------------


def test_an_account_that_is_as_wanted_is_left_alone(bench: Bench) -> None:
    run(bench, an_account(bench).prepare([INSTRUMENT]))

    assert all(method == "GET" for method, _, _ in bench.client.asked)


def test_hedge_mode_is_switched_off(bench: Bench) -> None:
    account = an_account(bench)
    bench.client.answers["GET", "positionSide/dual"] = {"dualSidePosition": "true"}
    bench.client.answers["POST", "positionSide/dual"] = {"code": 200}

    run(bench, account.prepare([INSTRUMENT]))

    assert ("POST", "positionSide/dual", {"dualSidePosition": "false"}) in bench.client.asked


def test_a_mode_the_venue_will_not_change_stops_the_start(bench: Bench) -> None:
    account = an_account(bench)
    bench.client.answers["GET", "positionSide/dual"] = {"dualSidePosition": True}
    bench.client.answers["POST", "positionSide/dual"] = refusal(-4068)

    with pytest.raises(SettingsError, match="close positions and orders first"):
        run(bench, account.prepare([INSTRUMENT]))


def test_multi_assets_mode_is_refused(bench: Bench) -> None:
    account = an_account(bench)
    bench.client.answers["GET", "multiAssetsMargin"] = {"multiAssetsMargin": True}

    with pytest.raises(SettingsError, match="single-asset mode"):
        run(bench, account.prepare([INSTRUMENT]))


def test_leverage_and_margin_type_are_set_and_unchanged_is_fine(bench: Bench) -> None:
    account = an_account(bench, leverage=3, margin_type=MarginType.ISOLATED)
    bench.client.answers["POST", "marginType"] = refusal(-4046, text="No need to change.")
    bench.client.answers["POST", "leverage"] = {"leverage": 3}

    run(bench, account.prepare([INSTRUMENT]))

    assert bench.client.asked[-1] == ("POST", "leverage", {"symbol": "BTCUSDT", "leverage": 3})


def test_an_unknown_symbol_is_refused_with_those_there_are(bench: Bench) -> None:
    async def load_markets() -> dict[str, Any]:
        return {"ETH/USDT:USDT": {}}

    bench.client.load_markets = load_markets  # type: ignore[attr-defined]

    with pytest.raises(SettingsError, match="it trades ETH/USDT:USDT"):
        run(bench, instruments_of(bench.client, ["BTC/USDT:USDT"], "USDT"))  # type: ignore[arg-type]


def test_an_inverse_contract_is_refused_by_name(bench: Bench) -> None:
    async def load_markets() -> dict[str, Any]:
        return {"BTC/USD:BTC": {"settle": "BTC", "inverse": True, "contractSize": 100.0}}

    bench.client.load_markets = load_markets  # type: ignore[attr-defined]

    with pytest.raises(SettingsError, match="BTC/USD:BTC is an inverse contract; this gateway"):
        run(bench, instruments_of(bench.client, ["BTC/USD:BTC"], "BTC"))  # type: ignore[arg-type]


def test_a_venue_that_does_not_answer_is_named_so(bench: Bench) -> None:
    async def load_markets() -> dict[str, Any]:
        raise OSError("connection refused")

    bench.client.load_markets = load_markets  # type: ignore[attr-defined]

    with pytest.raises(ConnectionFailed, match="is the venue up"):
        run(bench, instruments_of(bench.client, ["BTC/USDT:USDT"], "USDT"))  # type: ignore[arg-type]


# -- snapshot ---------------------------------------------------------------------------------


def test_a_snapshot_has_the_balance_and_what_positions_cost(bench: Bench) -> None:
    account = an_account(bench)
    bench.client.answers["GET", "positionRisk"] = [
        {
            "symbol": "BTCUSDT",
            "positionAmt": "-0.004",
            "markPrice": "42000.12345678",
            "unRealizedProfit": "1.25000000",
        },
        {"symbol": "ETHUSDT", "positionAmt": "1", "markPrice": "1", "unRealizedProfit": "0"},
        {"symbol": "BTCUSDT", "positionAmt": "0", "markPrice": "1", "unRealizedProfit": "0"},
    ]

    snapshot = run(bench, account.snapshot([INSTRUMENT]))

    assert snapshot.balance == Decimal("10000.25")
    [position] = snapshot.positions
    assert (position.lots, position.unrealised) == (-4, Decimal("1.25"))
    assert dict(snapshot.costs) == {
        "BTC/USDT:USDT": Decimal("-0.004") * Decimal("42000.12345678") - Decimal("1.25")
    }


def test_an_account_without_our_currency_is_named_so(bench: Bench) -> None:
    account = an_account(bench)
    bench.client.answers["GET", "account"] = {"assets": [{"asset": "BNB", "walletBalance": "1"}]}

    with pytest.raises(VenueError, match="no USDT balance; it has BNB"):
        run(bench, account.snapshot([INSTRUMENT]))


# -- income -----------------------------------------------------------------------------------


def test_income_is_read_page_by_page_without_losing_or_doubling_a_row(bench: Bench) -> None:
    # Three rows share each millisecond, so that every page ends inside one.
    rows = [income(number, time=START_MS + number // 3) for number in range(2500)]

    def page(**bounds: Any) -> list[dict[str, Any]]:
        return [row for row in rows if row["time"] >= bounds["startTime"]][:1000]

    bench.client.answers["GET", "income"] = page

    found = run(bench, income_rows(bench.client, START_MS, START_MS + 9_999))  # type: ignore[arg-type]

    assert sorted(row["tranId"] for row in found) == list(range(2500))


def test_more_income_in_a_millisecond_than_a_page_holds_is_named_so(bench: Bench) -> None:
    rows = [income(number, time=START_MS) for number in range(1200)]
    bench.client.answers["GET", "income"] = lambda **_: rows[:1000]

    with pytest.raises(VenueError, match="more than 1000 income rows"):
        run(bench, income_rows(bench.client, START_MS, START_MS + 9_999))  # type: ignore[arg-type]


def test_a_transfer_id_is_unique_within_its_kind_only(bench: Bench) -> None:
    bench.client.answers["GET", "income"] = [
        income(1),
        income(1, "REALIZED_PNL"),
        income(1, "FUNDING_FEE", symbol="ETHUSDT"),
        income(1, "FUNDING_FEE"),
    ]

    assert len(run(bench, income_rows(bench.client, START_MS, START_MS))) == 4  # type: ignore[arg-type]


# -- statement --------------------------------------------------------------------------------


def test_a_statement_names_every_row_and_every_fill_with_its_order(bench: Bench) -> None:
    account = an_account(bench)
    start = run(bench, account.snapshot([INSTRUMENT]))
    bench.client.answers["GET", "account"] = {
        "assets": [{"asset": "USDT", "walletBalance": "10012.59"}]
    }
    bench.client.answers["GET", "income"] = [
        income(1, tradeId="7"),
        income(2, "TRANSFER", symbol="", income="12.34"),
        income(3, "INSURANCE_CLEAR"),
        income(4, asset="BNB"),
    ]
    bench.client.answers["GET", "userTrades"] = [a_fill_row(7), a_fill_row(8, order_id=900)]
    bench.client.answers["GET", "allOrders"] = [an_order_row()]
    bench.client.answers["GET", "order"] = an_order_row(clientOrderId="older", orderId=900)

    statement = run(
        bench,
        account.statement(start, [INSTRUMENT], start_ns=START, end_ns=START + MINUTE),
    )

    assert statement.end_balance - statement.start_balance == Decimal("12.34")
    assert [(row.kind, row.amount) for row in statement.rows] == [
        ("commission", Decimal("-0.01")),
        ("transfer", Decimal("12.34")),
        ("INSURANCE_CLEAR", Decimal("-0.01")),
    ]
    assert statement.rows[0].trade_id == "7"
    assert [(trade.trade_id, trade.client_order_id) for trade in statement.trades] == [
        ("7", client_id()),
        ("8", "older"),
    ]


def test_a_statement_of_weeks_asks_week_by_week(bench: Bench) -> None:
    account = an_account(bench)
    start = run(bench, account.snapshot([INSTRUMENT]))
    week = 7 * 24 * 3600 * SECOND

    run(bench, account.statement(start, [INSTRUMENT], start_ns=START, end_ns=START + 2 * week))

    spans = [
        (bounds["endTime"] - bounds["startTime"]) // (24 * 3_600_000)
        for method, path, bounds in bench.client.asked
        if path == "userTrades"
    ]
    assert spans == [6, 6, 0]


def test_a_fill_after_the_end_is_left_out(bench: Bench) -> None:
    account = an_account(bench)
    start = run(bench, account.snapshot([INSTRUMENT]))
    bench.client.answers["GET", "userTrades"] = [a_fill_row(7, time=START_MS + 61_000)]
    bench.client.answers["GET", "allOrders"] = [an_order_row()]

    statement = run(
        bench,
        account.statement(start, [INSTRUMENT], start_ns=START, end_ns=START + MINUTE),
    )

    assert statement.trades == ()


# -- funding ----------------------------------------------------------------------------------


@pytest.fixture
def funding(bench: Bench) -> Funding:
    funding = Funding(bench.client, bench.clock, bench.outlet)  # type: ignore[arg-type]
    funding.start([INSTRUMENT], since_ns=START)
    return funding


def collected(bench: Bench, funding: Funding) -> list[Any]:
    run(bench, funding.collect())
    return bench.inbox.take()


def test_funding_is_booked_once_with_rate_and_mark(bench: Bench, funding: Funding) -> None:
    bench.client.answers["GET", "income"] = [income(5, "FUNDING_FEE", income="-0.42")]
    bench.client.answers["GET", "fundingRate"] = [
        {"fundingTime": START_MS + 5, "fundingRate": "0.00010000", "markPrice": "42000.04"},
        {"fundingTime": START_MS - 50_000, "fundingRate": "0.5", "markPrice": "1"},
    ]

    [charge] = collected(bench, funding)

    assert charge.charge_id == f"BTC/USDT:USDT-{START_MS + 5}"
    assert (charge.amount, charge.rate) == (-420_000_000_000, "0.00010000")
    assert charge.mark_ticks == 420_000
    assert charge.venue_time_ns == START + 5_000_000
    assert collected(bench, funding) == []


def test_funding_stands_without_its_rate(bench: Bench, funding: Funding) -> None:
    bench.client.answers["GET", "income"] = [income(5, "FUNDING_FEE")]
    bench.client.answers["GET", "fundingRate"] = refusal(status=503)

    [charge] = collected(bench, funding)

    assert (charge.rate, charge.mark_ticks) == ("0", None)


def test_funding_the_journal_has_is_not_given_again(bench: Bench, funding: Funding) -> None:
    funding.start([INSTRUMENT], since_ns=START, charge_ids=[f"BTC/USDT:USDT-{START_MS + 5}"])
    bench.client.answers["GET", "income"] = [income(5, "FUNDING_FEE")]

    assert collected(bench, funding) == []
