"""Every line that the venue has otherwise is found, named and priced on its own."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.unit.reconcile.builders import (
    BTC,
    HOUR,
    INSTRUMENTS,
    RUN,
    T0,
    UNIT,
    a_charge,
    a_fill,
    a_row,
    a_rung,
    a_statement,
    a_trade_of,
    an_acceptance,
    an_order,
    decision,
)
from tieout.errors import InputError
from tieout.model.money import money
from tieout.model.statement import Statement, StatementPosition
from tieout.reconcile import RungRecord, StatementOpening, Valuation, open_statement, profit

FILL = a_fill(price_ticks=100_000, fee=money("0.4"))
LIVE = a_rung(an_order(), an_acceptance(), FILL, a_charge("-0.25"))


def opened(live: RungRecord, statement: Statement) -> StatementOpening:
    valuation = Valuation(INSTRUMENTS, live.start_marks, live.end_marks)
    opening = open_statement(statement, live, run_id=RUN, valuation=valuation)
    explained = sum(row.amount for row in opening.rows)
    assert explained == opening.live_profit - profit(live, valuation)
    return opening


def parts(opening: StatementOpening) -> dict[str, int]:
    return {row.part: row.amount for row in opening.rows}


def test_honest_statement_has_no_rows() -> None:
    opening = opened(LIVE, a_statement(LIVE))

    assert opening.rows == ()
    assert opening.remarks == ()
    assert (opening.fees, opening.funding) == (money("0.4"), money("-0.25"))


def test_hidden_transfer_shows_as_unexplained() -> None:
    opening = opened(LIVE, a_statement(LIVE, hidden="12.34"))

    assert parts(opening) == {"balance": money("12.34")}


def test_named_transfer_is_no_profit() -> None:
    opening = opened(LIVE, a_statement(LIVE, extra_rows=[a_row("t", "transfer", "-500")]))

    assert opening.rows == ()
    assert [(each.kind, each.amount) for each in opening.named] == [("transfer", money("-500"))]
    assert opening.account_change == opening.live_profit - money("500")


def test_row_of_a_kind_we_do_not_know_is_unexplained_with_its_name() -> None:
    opening = opened(LIVE, a_statement(LIVE, extra_rows=[a_row("w", "WELCOME_BONUS", "1.5")]))

    assert parts(opening) == {"other_rows": money("1.5")}
    assert opening.rows[0].evidence["statement"]["kind"] == "WELCOME_BONUS"  # type: ignore[index]


def test_fill_that_only_the_venue_has_is_found_by_its_client_id() -> None:
    statement = a_statement(LIVE)

    opening = opened(a_rung(an_order(), an_acceptance(), a_charge("-0.25")), statement)

    assert parts(opening) == {"fill_missing_in_journal": 10 * 1000 * UNIT - money("0.4")}
    assert opening.rows[0].decision_id == decision(1)


def test_fill_that_only_the_venue_has_is_found_by_its_venue_order() -> None:
    lost = a_trade_of(FILL, trade_id="77", client_order_id="", venue_order_id="v1")

    opening = opened(LIVE, a_statement(LIVE, trades=[a_trade_of(FILL), lost]))

    assert [row.decision_id for row in opening.rows] == [decision(1)]


def test_trade_that_nothing_ties_to_an_order_stays_unexplained() -> None:
    stray = a_trade_of(FILL, trade_id="77", client_order_id="", venue_order_id="?")

    opening = opened(LIVE, a_statement(LIVE, trades=[a_trade_of(FILL), stray]))

    assert opening.named == ()
    assert [(row.part, row.decision_id) for row in opening.rows] == [
        ("fill_missing_in_journal", "")
    ]


def test_fill_that_only_the_journal_has_is_found() -> None:
    opening = opened(LIVE, a_statement(LIVE, trades=[]))

    assert parts(opening) == {
        "fill_missing_in_statement": -10 * 1000 * UNIT,
        "fee": money("0.4"),
    }


def test_price_lots_and_fee_that_differ_are_three_rows() -> None:
    other = a_trade_of(FILL, price_ticks=100_002, lots=11, commission=Decimal("0.5"))

    opening = opened(LIVE, a_statement(LIVE, trades=[other]))

    assert parts(opening) == {
        "price": -10 * 2 * UNIT,
        "quantity": 998 * UNIT,
        "fee": money("-0.1"),
    }


def test_funding_that_differs_is_one_row_for_its_time() -> None:
    extra = a_row("f16", "funding", "-0.75", instrument=BTC, time_ns=T0 + 16 * HOUR)

    opening = opened(LIVE, a_statement(LIVE, extra_rows=[extra]))

    assert parts(opening) == {"funding": money("-0.75")}


def test_foreign_order_is_named_and_kept_out_of_the_profit() -> None:
    by_hand = a_trade_of(
        FILL, trade_id="88", client_order_id="web_1", venue_order_id="w", commission=Decimal("0.3")
    )

    opening = opened(LIVE, a_statement(LIVE, trades=[a_trade_of(FILL), by_hand]))

    assert opening.rows == ()
    assert [(each.kind, each.amount) for each in opening.named] == [
        ("foreign_order", 10 * 1000 * UNIT - money("0.3"))
    ]
    assert opening.fees == money("0.4")


def test_instrument_that_is_not_ours_is_named() -> None:
    row = a_row("x", "realised", "3", instrument="DOGE/USDT:USDT", trade_id="5")
    statement = a_statement(LIVE, extra_rows=[row])
    held = StatementPosition(
        instrument="DOGE/USDT:USDT", lots=5, unrealised=Decimal(-2), mark=Decimal(1)
    )
    statement = msgspec.structs.replace(
        statement,
        end_positions=(*statement.end_positions, held),
        start_positions=(
            *statement.start_positions,
            msgspec.structs.replace(held, unrealised=Decimal(4)),
        ),
    )

    opening = opened(LIVE, statement)

    assert opening.rows == ()
    assert [each.amount for each in opening.named] == [money("3"), money("-2"), money("-4")]


def test_another_final_mark_is_a_valuation_row() -> None:
    statement = a_statement(LIVE)
    btc, eth = statement.end_positions
    moved = msgspec.structs.replace(btc, mark=Decimal(10101), unrealised=Decimal("1.01"))

    opening = opened(LIVE, msgspec.structs.replace(statement, end_positions=(moved, eth)))

    # Ten lots of 0.001 at 10,101 instead of 10,100.
    assert parts(opening) == {"valuation": money("0.01")}


def test_flat_position_with_a_mark_of_zero_names_no_mark() -> None:
    statement = a_statement(LIVE)
    btc, eth = statement.end_positions
    flat = msgspec.structs.replace(eth, mark=Decimal(0))

    opening = opened(LIVE, msgspec.structs.replace(statement, end_positions=(btc, flat)))

    assert opening.rows == ()


def test_open_profit_that_its_own_trades_deny_is_the_venues_break() -> None:
    statement = a_statement(LIVE)
    btc, eth = statement.end_positions
    wrong = msgspec.structs.replace(btc, unrealised=btc.unrealised + Decimal("0.5"))

    opening = opened(LIVE, msgspec.structs.replace(statement, end_positions=(wrong, eth)))

    assert parts(opening) == {"venue_books": money("0.5")}


def test_last_digit_of_realised_profit_is_rounding() -> None:
    extra = a_row("r", "realised", "0.00000001", instrument=BTC)

    opening = opened(LIVE, a_statement(LIVE, extra_rows=[extra]))

    assert parts(opening) == {"rounding": money("0.00000001")}


def test_position_held_at_the_start_is_compared() -> None:
    held = a_rung(an_order(), FILL, positions=((BTC, 2, 2 * 100_000 * UNIT),))
    flat = a_rung(an_order(), FILL)

    opening = opened(flat, a_statement(held))

    assert parts(opening) == {"start_position": 2 * 1000 * UNIT}


def test_trade_history_and_income_that_differ_are_remarked() -> None:
    statement = a_statement(LIVE)
    (trade,) = statement.trades
    other = msgspec.structs.replace(trade, commission=Decimal("0.9"))

    opening = opened(LIVE, msgspec.structs.replace(statement, trades=(other,)))

    assert opening.rows == ()
    assert opening.remarks == (
        {"trade_id": trade.trade_id, "trade_history": "0.9", "income_history": "0.40"},
    )


@pytest.mark.parametrize(
    ("statement", "live", "subject"),
    [
        (msgspec.structs.replace(a_statement(LIVE), currency="USD"), LIVE, "instrument"),
        (
            a_statement(LIVE, trades=[a_trade_of(FILL, commission_currency="BNB")]),
            LIVE,
            "statement trade",
        ),
        (
            a_statement(LIVE),
            a_rung(an_order(), msgspec.structs.replace(FILL, fee_currency="BNB")),
            "fill",
        ),
    ],
)
def test_other_currencies_are_refused(statement: Statement, live: RungRecord, subject: str) -> None:
    valuation = Valuation(INSTRUMENTS, LIVE.start_marks, LIVE.end_marks)

    with pytest.raises(InputError, match=rf"{subject} .*: paid in \w+ and the statement is in"):
        open_statement(statement, live, run_id=RUN, valuation=valuation)
