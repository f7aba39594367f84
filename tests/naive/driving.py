"""What the twins of matching are driven with: random terms, markets, and the venue itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.naive.matching import NaiveMatching
from tests.support.worlds import ES, SYMBOL, T0
from tieout.adapters.feeds.history import HistoryMarket
from tieout.adapters.venues.simulated import SimulatedVenue
from tieout.model.columns import BarColumns, TradeColumns
from tieout.model.events import (
    AmendRejected,
    CancelRejected,
    Fill,
    FundingCharged,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
)
from tieout.model.latencies import Journey, draws_for
from tieout.model.orders import AmendOrder, CancelOrder, OrderType, PlaceOrder, TimeInForce
from tieout.model.profiles import (
    BOOK_LEVELS,
    FillLevel,
    FundingRule,
    InsideRule,
    LimitRule,
    SimulationProfile,
    StopLimitRule,
)

LEVELS = tuple(each for each in FillLevel if each not in BOOK_LEVELS)
"""Those that match on prints and bars; books are matched by cores of their own."""

STEP = 7_000_000_000
START = T0 // STEP * STEP
END = START + 10_000 * STEP

TYPES = {
    ("market", None): OrderType.MARKET,
    ("limit", None): OrderType.LIMIT,
    ("market", "stop"): OrderType.STOP_MARKET,
    ("limit", "stop"): OrderType.STOP_LIMIT,
    ("market", "touch"): OrderType.MARKET_IF_TOUCHED,
    ("limit", "touch"): OrderType.LIMIT_IF_TOUCHED,
    ("market", "trailing"): OrderType.TRAILING_STOP,
    ("to_limit", None): OrderType.MARKET_TO_LIMIT,
}
FORCES = {
    "gtc": TimeInForce.GOOD_TILL_CANCEL,
    "ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fok": TimeInForce.FILL_OR_KILL,
    "gtd": TimeInForce.GOOD_TILL_DATE,
    "at_open": TimeInForce.AT_OPEN,
    "at_close": TimeInForce.AT_CLOSE,
}
PRICES = st.integers(397, 404)

profiles = st.builds(
    SimulationProfile,
    name=st.just("random"),
    fill_level=st.sampled_from(LEVELS),
    spread_bps=st.sampled_from([Decimal(0), Decimal(3), Decimal("12.5")]),
    slippage_bps=st.sampled_from([Decimal(0), Decimal(5), Decimal("33.3333")]),
    impact_y=st.sampled_from([0.0, 1.0, 2.5]),
    participation=st.sampled_from([None, Decimal("0.1"), Decimal("0.35"), Decimal(1)]),
    limit_rule=st.sampled_from(LimitRule),
    entry_latency_ns=st.sampled_from([0, STEP // 2, STEP]),
    response_latency_ns=st.sampled_from([0, STEP // 3]),
    funding_rule=st.sampled_from(FundingRule),
    funding_interval_ns=st.just(5 * STEP),
    stale_after_ns=st.sampled_from([None, None, 0, STEP, 4 * STEP]),
)
prints = st.lists(
    st.tuples(st.integers(0, 3), st.integers(398, 403), st.integers(1, 30)),
    min_size=1,
    max_size=40,
)
bar_rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.lists(PRICES, min_size=4, max_size=4),
        st.one_of(st.just(0), st.integers(0, 30)),
    ),
    min_size=1,
    max_size=30,
)
sessions = st.one_of(
    st.just(()),
    st.lists(st.integers(0, 70), min_size=2, max_size=6, unique=True).map(
        lambda edges: tuple(
            (START + one * STEP // 2, START + two * STEP // 2)
            for one, two in zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)
        )
    ),
)


@st.composite
def order_terms(draw: st.DrawFn) -> dict[str, Any]:
    """Return an order, of terms that go together, and what is done to it later."""
    kind, trigger = draw(st.sampled_from(list(TYPES)))
    plain = trigger is None and kind != "to_limit"
    forces = ["gtc", "gtc", "gtc", "ioc", "fok", "gtd", *(["at_open", "at_close"] if plain else [])]
    force = draw(st.sampled_from(forces))
    rests = kind == "limit" and force in ("gtc", "gtd")
    terms: dict[str, Any] = {
        "step": draw(st.integers(0, 30)),
        "side": draw(st.sampled_from([1, -1])),
        "kind": kind,
        "trigger": trigger,
        "lots": draw(st.integers(1, 6)),
        "limit": draw(PRICES) if kind == "limit" else None,
        "stop": draw(PRICES) if trigger else None,
        "force": force,
        "reduce_only": draw(st.sampled_from([False, False, True])),
        "post_only": rests and draw(st.booleans()),
        "expires_step": draw(st.integers(0, 70)) if force == "gtd" or draw(st.booleans()) else None,
        "display": None,
        "cancel_after": draw(st.one_of(st.none(), st.integers(0, 10))),
        "amend": None,
    }
    if rests and draw(st.booleans()):
        terms["display"] = draw(st.integers(1, terms["lots"]))
    if trigger == "trailing":
        by_ticks = draw(st.booleans())
        terms["trail"] = draw(st.integers(1, 3)) if by_ticks else None
        terms["share"] = None if by_ticks else draw(st.sampled_from([1, 250_000, 500_001]))
        terms["activation"] = draw(st.one_of(st.none(), PRICES))
        terms["stop"] = draw(st.one_of(st.none(), PRICES))
    if draw(st.booleans()):
        change = {
            "lots": draw(st.one_of(st.none(), st.integers(1, 8))),
            "limit": draw(st.one_of(st.none(), PRICES)),
            "stop": draw(st.one_of(st.none(), st.none(), PRICES)),
        }
        change = {name: value for name, value in change.items() if value is not None}
        terms["amend"] = (draw(st.integers(0, 10)), change)
    return terms


orders = st.lists(order_terms(), max_size=6)


class Drawn:
    """Commands take their time, each its own, and may overtake each other."""

    def journey(self, command: str, sent_ns: int, draw: Any) -> Journey:
        return Journey(draw("out") % 5 * STEP // 2, draw("back") % 3 * STEP // 3)


def way_of(decision: str, decided: int, profile: SimulationProfile, drawn: bool) -> int:
    """Return when a command arrives."""
    if not drawn:
        return decided + profile.order_latency_ns
    return decided + Drawn().journey("", decided, draws_for(0, decision)).outbound_ns


def columns(given_prints: list[tuple[int, int, int]]) -> TradeColumns:
    steps, price, quantity = (np.array(each, np.int64) for each in zip(*given_prints, strict=True))
    when = START + np.cumsum(steps) * STEP
    rows = len(when)
    return TradeColumns(
        SYMBOL, when, when, price, quantity, np.zeros(rows, np.int8), np.arange(1, rows + 1)
    )


def bar_columns(rows: list[tuple[int, list[int], int]]) -> BarColumns:
    """Return bars of three steps, some intervals without one; highs and lows fit."""
    opened, prices, volumes = [], [], []
    at = START
    for skipped, four, volume in rows:
        at += skipped * 3 * STEP
        opened.append(at)
        prices.append((four[0], max(four), min(four), four[3]))
        volumes.append(volume)
        at += 3 * STEP
    open_time = np.array(opened, np.int64)
    columns_of = [np.array(each, np.int64) for each in zip(*prices, strict=True)]
    rows_made = len(opened)
    return BarColumns(
        SYMBOL,
        3 * STEP,
        open_time,
        open_time + 3 * STEP,
        open_time + 3 * STEP + STEP // 7,
        *columns_of,
        np.array(volumes, np.int64),
        np.zeros(rows_made, np.int64),
        np.zeros(rows_made, np.bool_),
    )


def simulated(
    profile: SimulationProfile,
    market: TradeColumns | BarColumns,
    wishes: list[Any],
    chunk: int,
    *,
    drawn: bool = False,
    **world: Any,
) -> tuple[list[tuple[Any, ...]], int]:
    """Drive the venue as the kernel does: wishes in order of time, every wake answered.

    Returns:
        The reports as the twin writes them, and the ambiguous bars.
    """
    pieces = [market.rows(start, start + chunk) for start in range(0, len(market), chunk)]
    models = {"latency": Drawn()} if drawn else {}
    venue = SimulatedVenue(
        {SYMBOL: ES}, profile, {SYMBOL: HistoryMarket(pieces)}, models=models, **world
    )
    found: list[Any] = []

    def until(limit: int) -> None:
        while (wake := venue.next_wake_ns(limit)) is not None:
            assert wake <= limit
            found.extend(venue.advance(wake))

    for at, wish in wishes:
        until(at)
        if isinstance(wish, PlaceOrder):
            venue.place(wish)
        elif isinstance(wish, AmendOrder):
            venue.amend(wish)
        else:
            venue.cancel(wish)
    until(END)
    arrivals = [each.arrival_time_ns for each in found]
    assert arrivals == sorted(arrivals)
    judged = {
        wish.decision_id
        for _, wish in wishes
        if isinstance(wish, PlaceOrder) and (wish.post_only or wish.reduce_only)
    }
    kept = [
        each for each in found if not isinstance(each, OrderAccepted) or each.decision_id in judged
    ]
    return [plain(report) for report in kept], venue.ambiguous_bars


_ENDINGS = {"requested": "cancelled", "amended": "amended away"}


def plain(report: Any) -> tuple[Any, ...]:
    """Return a report as the twin writes it."""
    at = report.venue_time_ns
    name = getattr(report, "decision_id", None)
    facts: dict[str, Any] = {}
    match report:
        case Fill():
            kind = "fill"
            facts = {
                "lots": report.lots,
                "price": report.price_ticks,
                "reference": report.reference_ticks,
                "maker": report.liquidity == 1,
            }
        case OrderTriggered():
            kind = "triggered"
        case OrderAccepted():
            kind = "accepted"
        case OrderRejected():
            kind, facts = "rejected", {"why": report.reason}
        case CancelRejected():
            kind, facts = "cancel refused", {"why": report.reason}
        case AmendRejected():
            kind, facts = "amend refused", {"why": report.reason}
        case OrderAmended():
            kind = "amended"
            facts = {"lots": report.lots, "limit": report.limit_ticks, "stop": report.stop_ticks}
        case OrderCancelled():
            kind = _ENDINGS.get(report.reason, report.reason)
            facts = {"filled": report.filled_lots}
        case _:
            assert isinstance(report, FundingCharged), report
            kind = "funding"
            facts = {"position": report.position_lots, "mark": report.mark_ticks}
    return (kind, name, at, tuple(sorted(facts.items())))


def life_of(
    terms: dict[str, Any], arrival: int, trading: tuple[tuple[int, int], ...]
) -> tuple[int | None, float] | str:
    """Return from when on and until when an order lives, as the page says, or why it does not."""
    starts, ends = None, float("inf")
    if terms["force"] == "at_open":
        coming = [each for each in trading if each[0] > arrival]
    elif terms["force"] == "at_close":
        coming = [each for each in trading if each[1] > arrival]
    else:
        coming = [(0, 0)]
    if not coming:
        return "no_session"
    if coming != [(0, 0)]:
        starts, ends = coming[0]
    if terms["expires_step"] is not None and terms["force"] != "at_close":
        ends = min(ends, START + terms["expires_step"] * STEP // 2)
    return "expired" if ends <= arrival else (starts, ends)


def prepared(
    profile: SimulationProfile,
    given_orders: list[dict[str, Any]],
    *,
    drawn: bool = False,
    trading: tuple[tuple[int, int], ...] = (),
    position: int = 0,
) -> tuple[list[tuple[int, Any]], NaiveMatching]:
    """Return the wishes in order of time, and the twin that knows when they arrive."""
    wishes: list[tuple[int, Any]] = []
    by_name: dict[str, dict[str, Any]] = {}
    for number, terms in enumerate(sorted(given_orders, key=lambda each: each["step"])):
        decided = START + terms["step"] * STEP
        name = f"d{number}"
        by_name[name] = terms
        wishes.append((decided, an_order(name, decided, **terms)))
        if terms["cancel_after"] is not None:
            at = decided + terms["cancel_after"] * STEP
            wishes.append((at, a_cancel(name, at)))
        if terms["amend"] is not None:
            after, change = terms["amend"]
            at = decided + after * STEP
            wishes.append((at, an_amend(name, at, **change)))
    wishes.sort(key=lambda each: each[0])
    naive_orders, commands, refused = [], [], []
    gone = set()
    for sent, (decided, wish) in enumerate(wishes):
        arrival = way_of(wish.decision_id, decided, profile, drawn)
        if isinstance(wish, PlaceOrder):
            terms = by_name[wish.decision_id]
            life = life_of(terms, arrival, trading)
            if isinstance(life, str):
                gone.add(wish.decision_id)
                refused.append(("rejected", wish.decision_id, arrival, (("why", life),)))
                continue
            starts, expires = life
            known = {
                key: terms[key]
                for key in (
                    *("side", "kind", "trigger", "lots", "limit", "stop", "force", "display"),
                    *("reduce_only", "post_only"),
                )
            }
            trail = {key: terms[key] for key in ("trail", "share", "activation") if key in terms}
            naive_orders.append(
                {
                    **known,
                    **trail,
                    "name": wish.decision_id,
                    "arrival": arrival,
                    "sent": sent,
                    "starts": starts,
                    "expires": expires,
                }
            )
            continue
        what = "cancel" if isinstance(wish, CancelOrder) else "amend"
        name = wish.order_decision_id
        if name in gone:
            refused.append((f"{what} refused", name, arrival, (("why", "unknown_order"),)))
            continue
        change = {}
        if isinstance(wish, AmendOrder):
            given = {"lots": wish.lots, "limit": wish.limit_ticks, "stop": wish.stop_ticks}
            change = {key: value for key, value in given.items() if value is not None}
        commands.append((arrival, sent, what, name, change))
    naive = NaiveMatching(profile, naive_orders, commands, position=position)
    naive.reports += refused
    return wishes, naive


def run_naive(naive: NaiveMatching, market: TradeColumns | BarColumns) -> None:
    """Show a market to the twin, event by event."""
    if isinstance(market, TradeColumns):
        for at, price, quantity in zip(
            market.venue_time_ns.tolist(),
            market.price_ticks.tolist(),
            market.quantity_lots.tolist(),
            strict=True,
        ):
            naive.on_trade(at, price, quantity)
        naive.finish(END)
        return
    for row in range(len(market)):
        four = tuple(
            int(getattr(market, f"{name}_ticks")[row]) for name in ("open", "high", "low", "close")
        )
        naive.on_bar(
            int(market.open_time_ns[row]),
            int(market.close_time_ns[row]),
            four,  # type: ignore[arg-type]
            int(market.volume_lots[row]),
        )


def an_order(name: str, decided: int, **terms: Any) -> PlaceOrder:
    """Return an order of the terms that the twin knows."""
    kind, trigger = terms.get("kind", "market"), terms.get("trigger")
    step = terms.get("expires_step")
    return PlaceOrder(
        decision_id=name,
        instrument=SYMBOL,
        side=terms.get("side", 1),
        order_type=int(TYPES[kind, trigger]),
        lots=terms.get("lots", 1),
        limit_ticks=terms.get("limit"),
        stop_ticks=terms.get("stop"),
        time_in_force=int(FORCES[terms.get("force", "gtc")]),
        decided_at_ns=decided,
        decision_price_ticks=400,
        origin="test",
        expires_at_ns=None if step is None else START + step * STEP // 2,
        post_only=terms.get("post_only", False),
        reduce_only=terms.get("reduce_only", False),
        trail_ticks=terms.get("trail"),
        trail_share_e8=terms.get("share"),
        activation_ticks=terms.get("activation"),
        display_lots=terms.get("display"),
    )


def a_cancel(name: str, at: int) -> CancelOrder:
    """Return a cancel of an order."""
    return CancelOrder(
        decision_id=f"c-{name}", order_decision_id=name, decided_at_ns=at, origin="test"
    )


def an_amend(name: str, at: int, **change: int) -> AmendOrder:
    """Return an amend of an order."""
    return AmendOrder(
        decision_id=f"a-{name}",
        order_decision_id=name,
        lots=change.get("lots"),
        limit_ticks=change.get("limit"),
        stop_ticks=change.get("stop"),
        decided_at_ns=at,
        origin="test",
    )


class Dice:
    """Draws for a whole world from one number: busier worlds than growing ones piece by piece."""

    def __init__(self, seed: int) -> None:
        self._numbers = np.random.default_rng(seed)

    def below(self, bound: int) -> int:
        return int(self._numbers.integers(0, bound))

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def one_of(self, *choices: Any) -> Any:
        return choices[self.below(len(choices))]

    def is_one_in(self, chances: int) -> bool:
        return self.below(chances) == 0

    def maybe(self, chances: int, low: int, high: int) -> int | None:
        return self.between(low, high) if self.is_one_in(chances) else None


def busy_profile(dice: Dice) -> SimulationProfile:
    """Return assumptions under which much happens."""
    level = dice.one_of(*LEVELS)
    whole_bars = level is not FillLevel.DRILLDOWN
    return SimulationProfile(
        name="busy",
        fill_level=level,
        spread_bps=dice.one_of(Decimal(0), Decimal("12.5")),
        slippage_bps=dice.one_of(Decimal(0), Decimal(5), Decimal("33.3333")),
        impact_y=dice.one_of(0.0, 1.0, 2.5),
        participation=dice.one_of(None, None, Decimal("0.1"), Decimal("0.35"), Decimal(1)),
        limit_rule=dice.one_of(*LimitRule),
        entry_latency_ns=dice.one_of(0, STEP // 2, STEP),
        response_latency_ns=dice.one_of(0, STEP // 3),
        funding_rule=dice.one_of(*FundingRule),
        funding_interval_ns=5 * STEP,
        stale_after_ns=dice.one_of(None, None, 0, STEP, 4 * STEP),
        inside_rule=dice.one_of(*InsideRule) if whole_bars else InsideRule.WORSE,
        stop_limit_rule=dice.one_of(*StopLimitRule) if whole_bars else StopLimitRule.PROVEN,
    )


def busy_order(dice: Dice) -> dict[str, Any]:
    """Return an order that has a good chance to be filled, and what is done to it later."""
    kind, trigger = dice.one_of(*TYPES)
    forces = ["gtc"] * 4 + ["ioc", "fok", "gtd"]
    if trigger is None and kind != "to_limit":
        forces += ["at_open", "at_close"]
    force = dice.one_of(*forces)
    rests = kind == "limit" and force in ("gtc", "gtd")
    step, lots = dice.between(0, 14), dice.between(1, 6)
    terms: dict[str, Any] = {
        "step": step,
        "side": dice.one_of(1, -1),
        "kind": kind,
        "trigger": trigger,
        "lots": lots,
        "limit": dice.between(397, 403) if kind == "limit" else None,
        "stop": dice.between(397, 403) if trigger else None,
        "force": force,
        "reduce_only": dice.is_one_in(3),
        "post_only": rests and dice.is_one_in(3),
        "expires_step": None,
        "display": dice.between(1, lots) if rests and dice.is_one_in(2) else None,
        "cancel_after": dice.maybe(3, 0, 12),
        "amend": None,
    }
    if force == "gtd" or dice.is_one_in(5):
        terms["expires_step"] = 2 * step + dice.between(0, 40)
    if trigger == "trailing":
        by_ticks = dice.is_one_in(2)
        terms["trail"] = dice.between(1, 3) if by_ticks else None
        terms["share"] = None if by_ticks else dice.one_of(1, 250_000, 500_001)
        terms["activation"] = dice.maybe(2, 397, 403)
        terms["stop"] = dice.maybe(2, 397, 403)
    if dice.is_one_in(3):
        wished = {
            "lots": dice.maybe(2, 1, 8),
            "limit": dice.maybe(2, 397, 403),
            "stop": dice.maybe(3, 397, 403),
        }
        change = {name: value for name, value in wished.items() if value is not None}
        terms["amend"] = (dice.between(0, 12), change)
    return terms


def busy_prints(dice: Dice) -> list[tuple[int, int, int]]:
    """Return prints that go up and down around 400."""
    return [
        (dice.one_of(0, 1, 1, 1, 2, 3), dice.between(397, 403), dice.between(1, 30))
        for _ in range(dice.between(5, 45))
    ]


def busy_bars(dice: Dice) -> list[tuple[int, list[int], int]]:
    """Return bars that go up and down around 400, some without volume."""
    return [
        (
            dice.one_of(0, 0, 0, 1, 2),
            [dice.between(397, 403) for _ in range(4)],
            0 if dice.is_one_in(6) else dice.between(0, 40),
        )
        for _ in range(dice.between(3, 18))
    ]


def busy_sessions(dice: Dice) -> tuple[tuple[int, int], ...]:
    """Return sessions, now and then none: always open."""
    if dice.is_one_in(3):
        return ()
    edges = sorted({dice.below(80) for _ in range(8)})
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple((START + one * STEP // 2, START + two * STEP // 2) for one, two in pairs)
