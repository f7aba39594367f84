"""Matching on single orders and its naive twin report the same on random streams."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.naive.order_book import ADD, CANCEL, CLEAR, FILL, MODIFY, TRADE
from tests.naive.order_matching import NaiveOrderMatching
from tests.support.order_events import events, row
from tests.support.own_orders import NEVER, TYPES, K, a_core, an_order, terms_of
from tieout.market.reports import CoreReport, ReportReason
from tieout.model.columns import OrderAction

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "400"))

actions = st.sampled_from(
    [ADD] * 8 + [MODIFY] * 3 + [CANCEL] * 3 + [FILL] * 5 + [TRADE] * 4 + [CLEAR]
)
market = st.lists(
    st.tuples(
        actions,
        st.integers(1, 12),
        st.sampled_from([1, -1, 1, -1, 0]),
        st.integers(0, 3),
        st.integers(1, 6),
        st.sampled_from([0, 1, 1, 2, 5, -1]),
        st.sampled_from([0, 1, 4]),
        st.sampled_from([True, True, False]),
    ),
    min_size=1,
    max_size=50,
)
wishes = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from(["place"] * 5 + ["cancel", "amend", "amend"]),
        st.sampled_from([1, -1]),
        st.sampled_from(sorted(TYPES, key=str) + [("limit", None)] * 6),
        st.integers(1, 7),
        st.integers(97, 104),
        st.integers(97, 104),
        st.sampled_from(["gtc", "gtc", "gtc", "ioc", "fok"]),
        st.sampled_from([None, "post_only", "reduce_only", None]),
        st.sampled_from([None, None, None, 3, 12]),
        st.integers(0, 3),
        st.sampled_from([0, 2]),
    ),
    min_size=1,
    max_size=7,
)
settings_of = st.tuples(
    st.sampled_from([0, 3, 1000]), st.sampled_from([-4, 0, 3]), st.sampled_from([0, 0, 9])
)
WHY = {
    ReportReason.IN_FORCE: "in_force",
    ReportReason.EXPIRED: "expired",
    ReportReason.POST_ONLY: "post_only",
    ReportReason.REDUCE_ONLY: "reduce_only",
    ReportReason.FINAL: "final",
    ReportReason.UNKNOWN: "unknown",
    ReportReason.INVALID: "invalid",
    ReportReason.AMENDED: "amended",
}


def market_rows(stream: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    now = known = 1_000
    found = []
    for action, order_id, side, depth, lots, step, delay, last in stream:
        now += step
        known = max(known, now + delay)
        # Bids near 100, asks near 101: they cross now and then.
        price = 100 - depth if side == 1 else 101 + depth if side == -1 else 99 + depth
        price += order_id % 2 if depth == 0 else 0
        told_side = side or (1 if action in {ADD, MODIFY} else 0)
        found.append(
            row(
                OrderAction(action),
                order_id,
                told_side,
                price,
                lots,
                at=now,
                arrives=known,
                last=last,
            )
        )
    return found


def commands_of(given_wishes: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Wishes in the order in which they were made, with what the core and its twin take."""
    found: list[dict[str, Any]] = []
    placed: list[int] = []
    decided = 1_000
    for number, wish in enumerate(given_wishes, 1):
        step, do, side, kind, lots, limit, stop, in_force, flag, expires, way, response = wish
        decided += step % 12
        at = decided + way
        if do != "place" and not placed:
            continue
        command = {"do": do, "time": at, "ready": at + response, "decided": decided}
        if do == "place":
            has_limit, has_stop = kind[0] == "limit", kind[1] is not None
            rests = has_limit and in_force == "gtc"
            command["name"] = number
            placed.append(number)
            command["order"] = {
                "name": number,
                "side": side,
                "kind": kind[0],
                "trigger": kind[1],
                "lots": lots,
                "limit": limit if has_limit else None,
                "stop": stop if has_stop else None,
                "in_force": in_force,
                "post_only": flag == "post_only" and rests,
                "reduce_only": flag == "reduce_only",
                "expires": None if expires is None else at + expires,
                "response": response,
            }
        else:
            command["name"] = placed[step % len(placed)]
        if do == "amend":
            command["lots"] = lots if step % 3 else None
            command["limit"] = limit if step % 2 else None
            command["stop"] = stop if step % 5 == 0 else None
        found.append(command)
    return found


def give_command(core: Any, command: dict[str, Any]) -> None:
    name, at = command["name"], command["time"]
    times = {"arrival_ns": at, "response_ns": command["ready"] - at}
    if command["do"] == "cancel":
        core.cancel(name, **times)
    elif command["do"] == "amend":
        terms = {each: command[each] for each in ("lots", "limit", "stop")}
        core.amend(name, terms_of(**terms), **times)
    else:
        order = command["order"]
        trigger = {} if order["trigger"] is None else {order["trigger"]: order["stop"]}
        core.place(
            name,
            an_order(
                order["side"],
                order["lots"],
                limit=order["limit"],
                in_force=order["in_force"],
                to_limit=order["kind"] == "to limit",
                post_only=order["post_only"],
                reduce_only=order["reduce_only"],
                expires_at_ns=order["expires"],
                **trigger,
            ),
            **times,
        )


def driven(rows: Any, commands: list[dict[str, Any]], core: Any, cut: int) -> list[CoreReport]:
    """Drive the core as the venue does: every wake answered, commands sent when they are made."""
    pieces = [rows.rows(start, start + cut) for start in range(0, len(rows), cut)]
    found: list[CoreReport] = []

    def advance(now: int) -> None:
        new = list(core.commit(now))
        while core.wants_rows and pieces and int(pieces[0].arrival_time_ns[0]) <= now:
            core.give(pieces.pop(0))
            new += core.commit(now)
        new += core.answer(now)
        assert all(each.arrival_ns >= now for each in new), "a report was found too late"
        found.extend(new)

    def until(limit: int) -> None:
        while True:
            wake = core.next_touch_ns(limit) if limit >= core.calm_before_ns else None
            last = core.last_arrival_ns
            if wake is None and pieces and (last is None or last <= limit):
                start = int(pieces[0].arrival_time_ns[0])
                wake = start if start <= limit else None
            due = core.next_answer_ns()
            if due is not None and due <= limit and (wake is None or due < wake):
                wake = due
            if wake is None:
                return
            advance(wake)

    for command in commands:
        until(command["decided"])
        if not core.passes(command["decided"]):
            advance(command["decided"])
        give_command(core, command)
    until(NEVER)
    advance(NEVER - 1) if core.next_touch_ns(NEVER) or not core.wants_rows else None
    return found


def words(report: CoreReport) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": report.order,
        "at": report.venue_time_ns,
        "known": report.arrival_ns,
    }
    match report.kind:
        case K.FILL:
            told |= {
                "kind": "fill",
                "lots": report.lots,
                "price": report.price_ticks,
                "maker": report.liquidity == 1,
                "reference": report.reference_ticks,
                "half": report.half_spread_microticks,
                "ahead": report.queue_ahead_microlots,
            }
        case K.TRIGGER:
            told |= {"kind": "triggered"}
        case K.EXPIRY | K.REJECTION:
            kind = "expired" if report.kind == K.EXPIRY else "rejected"
            told |= {"kind": kind, "why": WHY[report.reason], "lots": report.lots}
        case K.ACCEPTANCE:
            told |= {"kind": "accepted"}
        case K.CANCEL:
            told |= {"kind": "cancelled", "lots": report.lots}
        case K.CANCEL_REFUSAL | K.AMEND_REFUSAL:
            what = "cancel" if report.kind == K.CANCEL_REFUSAL else "amend"
            told |= {"kind": f"{what} refused", "why": WHY[report.reason]}
        case K.AMEND:
            told |= {
                "kind": "amended",
                "lots": report.lots,
                "price": report.price_ticks,
                "reference": report.reference_ticks,
            }
        case _:
            told |= {"kind": "funding", "lots": report.lots, "price": report.price_ticks}
    return told


def compare(
    stream: list[tuple[Any, ...]],
    given_wishes: list[tuple[Any, ...]],
    assumed: tuple[int, int, int],
    cut: int,
) -> list[dict[str, Any]]:
    lag, position, funding = assumed
    given_rows, commands = market_rows(stream), commands_of(given_wishes)
    rows = events(*given_rows)
    twin = NaiveOrderMatching(commands, lag=lag, position=position, funding=funding)
    for each in given_rows:
        twin.row(each)
    twin.finish(NEVER)

    arguments = {"feed_latency_ns_max": lag, "position_lots": position, "funding_ns": funding}
    core = a_core(**arguments)
    found = driven(rows, commands, core, cut)
    whole_core = a_core(**arguments)
    for command in commands:
        give_command(whole_core, command)
    whole_core.give(rows)
    whole = [*whole_core.commit(NEVER), *whole_core.answer(NEVER)]

    told = [words(each) for each in found]
    assert told == twin.reports
    assert [words(each) for each in whole] == told
    assert core.position_lots == whole_core.position_lots == twin.position
    for order in twin.orders:
        ahead = twin.ahead(order) if order["state"] == "resting" else None
        assert core.queue_ahead(order["name"]) == ahead
    assert core.book.state_hash() == whole_core.book.state_hash()
    conserve(given_rows, twin)
    return told


def conserve(given_rows: list[dict[str, Any]], twin: NaiveOrderMatching) -> None:
    """No order fills beyond its size, no limit is passed, no stranger gives more than he showed."""
    filled: dict[int, int] = defaultdict(int)
    for each in twin.reports:
        if each["kind"] == "fill":
            filled[each["name"]] += each["lots"]
            assert each["lots"] > 0
    for order in twin.orders:
        assert filled[order["name"]] == order["filled"] <= order["lots"]
    shown = sum(each["lots"] for each in given_rows)
    assert sum(filled.values()) <= shown


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(market, wishes, settings_of, st.sampled_from([1, 7, 1000]))
def test_matching_and_its_twin_report_the_same_however_the_stream_is_cut(
    stream: list[tuple[Any, ...]],
    given_wishes: list[tuple[Any, ...]],
    assumed: tuple[int, int, int],
    cut: int,
) -> None:
    compare(stream, given_wishes, assumed, cut)


@pytest.mark.nightly
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(market, wishes, settings_of, st.sampled_from([1, 7, 1000]))
def test_matching_and_its_twin_report_the_same_on_ten_thousand_streams(
    stream: list[tuple[Any, ...]],
    given_wishes: list[tuple[Any, ...]],
    assumed: tuple[int, int, int],
    cut: int,
) -> None:
    compare(stream, given_wishes, assumed, cut)
