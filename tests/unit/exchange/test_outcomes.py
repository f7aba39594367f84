"""Which errors are refusals; everything else leaves the outcome unknown."""

from __future__ import annotations

import pytest

from tieout.adapters.venues.exchange.outcomes import (
    Refused,
    RequestFailed,
    RequestRecord,
    Unknown,
    create_outcome,
)

ERROR = RuntimeError("the library's words")


def a_record(**fields: object) -> RequestRecord:
    return RequestRecord(sent=True, **fields)  # type: ignore[arg-type]


def test_what_never_left_is_refused() -> None:
    assert create_outcome(RequestRecord(), ERROR) == Refused("not_sent", "the library's words")


def test_what_found_no_connection_is_refused() -> None:
    assert create_outcome(a_record(unreachable=True), ERROR) == Refused(
        "unreachable", "the library's words"
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (-2019, "insufficient_margin"),
        (-2021, "would_trigger"),
        (-1111, "precision"),
        (-1121, "unknown_symbol"),
        (-4164, "min_notional"),
        (-4400, "venue_4400"),
        (-1102, "venue_1102"),
        (-5022, "not_fillable"),
    ],
)
def test_a_documented_code_is_a_refusal(code: int, reason: str) -> None:
    outcome = create_outcome(a_record(status=400, code=code, text="words"), ERROR)

    assert outcome == Refused(reason, "words")


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -2013, -9999, 0, -1200, -5000])
def test_an_undocumented_or_doubtful_code_leaves_it_unknown(code: int) -> None:
    assert create_outcome(a_record(status=400, code=code, text="words"), ERROR) == Unknown("words")


@pytest.mark.parametrize("code", [-4111, -4115, -4116])
def test_a_duplicate_id_is_our_own_order(code: int) -> None:
    assert isinstance(create_outcome(a_record(status=400, code=code), ERROR), Unknown)


@pytest.mark.parametrize("status", [500, 502, 503, 504, None, 403])
def test_a_status_without_a_documented_meaning_leaves_it_unknown(status: int | None) -> None:
    assert isinstance(create_outcome(a_record(status=status), ERROR), Unknown)


def test_a_refusal_code_in_a_server_error_leaves_it_unknown() -> None:
    assert isinstance(create_outcome(a_record(status=500, code=-2019), ERROR), Unknown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Service Unavailable.", Refused),
        ("Internal error; unable to process your request. Please try again.", Refused),
        ("Unknown error, please check your request or try again later.", Unknown),
    ],
)
def test_the_venue_documents_three_kinds_of_503(text: str, expected: type) -> None:
    assert isinstance(create_outcome(a_record(status=503, text=text), ERROR), expected)


@pytest.mark.parametrize("status", [418, 429])
def test_too_many_requests_are_refused_before_the_engine(status: int) -> None:
    outcome = create_outcome(a_record(status=status), ERROR)

    assert isinstance(outcome, Refused)
    assert outcome.reason == "rate_limited"


def test_an_error_without_words_is_named_by_its_kind() -> None:
    assert create_outcome(a_record(), TimeoutError()) == Unknown("TimeoutError")


def test_addresses_with_their_signatures_are_told_to_nobody() -> None:
    error = RuntimeError("binanceusdm GET http://127.0.0.1:4711/fapi/v1/order?signature=abc")
    error.__cause__ = ConnectionResetError("http://127.0.0.1:4711")
    direct = RuntimeError("refused by http://127.0.0.1:4711/x?signature=abc for ever")

    assert create_outcome(a_record(), error) == Unknown("RuntimeError (ConnectionResetError)")
    assert create_outcome(a_record(), direct) == Unknown("refused by … for ever")
    for each in (error, direct):
        assert "signature" not in str(RequestFailed("GET order", a_record(), each))
