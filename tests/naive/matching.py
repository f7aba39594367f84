"""A matching engine in plain Python, written from the matching page and from nothing else.

It is the twin of scan_trades, commit_trades, leave_trades, scan_bars, commit_bars, leave_bars and
answer_cancels. It keeps orders as dictionaries, walks one market event after the other, and
computes prices with fractions. Slow on purpose.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, sqrt
from typing import Any

MINUTE = 60_000_000_000


class NaiveMatching:
    """Orders and cancels are given up front with the times at which they arrive."""

    def __init__(self, profile: Any, orders: list[dict[str, Any]], cancels: list[Any]) -> None:
        self.profile = profile
        self.orders = [
            {**order, "filled": 0, "volume": 0, "state": "waiting", "after": order["arrival"]}
            for order in orders
        ]
        self.cancels = sorted(cancels)
        self.position = 0
        self.reports: list[tuple[Any, ...]] = []
        self.last: int | None = None
        self.funded_until: int | None = None
        self.minutes: list[tuple[int, int, int]] = []

    # -- prices -------------------------------------------------------------------------------

    def price(self, side: int, reference: int, lots: int, now: int) -> int:
        level = self.profile.fill_level
        if level == "naive":
            return reference
        bps = Fraction(self.profile.slippage_bps)
        if level == "impact":
            impact = Fraction(ceil(self.impact(lots, now) * 1e8), 10_000)
            bps = Fraction(self.profile.spread_bps) / 2 + max(bps, min(impact, Fraction(10_000)))
        return max(1, reference + side * ceil(reference * bps / 10_000))

    def impact(self, lots: int, now: int) -> float:
        done = self.completed(now)
        # The last hundred completed minutes, or bars, before this event.
        if len(done) < 2:
            return 0.0
        closes = [close for close, _ in done]
        volume = sum(volume for _, volume in done)
        if not volume:
            return 0.0
        returns = [(after - before) / before for before, after in pairwise(closes)]
        total = 0.0
        for each in returns:
            total += each
        mean = total / len(returns)
        squares = 0.0
        for each in returns:
            squares += (each - mean) * (each - mean)
        sigma = sqrt(squares / len(returns))
        return float(self.profile.impact_y) * sigma * sqrt(lots / (volume / len(done)))

    def completed(self, now: int) -> list[tuple[int, int]]:
        return [(close, volume) for minute, close, volume in self.minutes if minute < now][-100:]

    def lots(self, order: dict[str, Any], left: int) -> int:
        remaining = order["lots"] - order["filled"]
        share = self.profile.participation
        if share is None:
            return int(remaining)
        most = floor(Fraction(share) * order["volume"]) - order["filled"]
        return max(0, min(remaining, left, most))

    # -- reports ------------------------------------------------------------------------------

    def report(self, kind: str, order: dict[str, Any] | None, at: int, **facts: Any) -> None:
        name = None if order is None else order["name"]
        self.reports.append((kind, name, at, tuple(sorted(facts.items()))))

    def fill(
        self, order: dict[str, Any], lots: int, price: int, reference: int, maker: bool, at: int
    ) -> None:
        order["filled"] += lots
        self.position += order["side"] * lots
        if order["filled"] == order["lots"]:
            order["state"] = "done"
        self.report("fill", order, at, lots=lots, price=price, reference=reference, maker=maker)

    def act_on_cancels(self, until: int, *, inclusive: bool) -> None:
        while self.cancels and (
            self.cancels[0][0] < until or (inclusive and self.cancels[0][0] == until)
        ):
            at, name = self.cancels.pop(0)
            order = next(each for each in self.orders if each["name"] == name)
            if order["state"] == "done":
                self.report("cancel refused", order, at)
            else:
                order["state"] = "done"
                self.report("cancelled", order, at, filled=order["filled"])

    def fund(self, until: int, mark: int | None, position: int) -> None:
        interval = self.profile.funding_interval_ns
        if self.profile.funding_rule == "none":
            return
        if self.funded_until is None:
            self.funded_until = until
            return
        due = (self.funded_until // interval + 1) * interval
        while due <= until:
            if position and mark is not None:
                self.report("funding", None, due, position=position, mark=mark)
            due += interval
        self.funded_until = max(self.funded_until, until)

    # -- trades -------------------------------------------------------------------------------

    def on_trade(self, at: int, price: int, quantity: int) -> None:
        self.act_on_cancels(at, inclusive=False)
        self.fund(at, self.last, self.position)
        for order in self.orders:
            if order["state"] == "waiting" and order["after"] < at:
                self.wake(order, self.last)
        for order in self.orders:
            if order["state"] == "armed" and order["after"] < at:
                side = order["side"]
                if side * price >= side * order["stop"]:
                    order["state"] = "market"
                    order["after"] = at
                    self.report("triggered", order, at)
        left = quantity
        for order in self.orders:
            if order["state"] in ("market", "taking", "resting") and order["after"] < at:
                taken = self.meet_trade(order, at, price, quantity, left)
                if self.profile.participation is not None:
                    left -= taken
        self.last = price
        minute = at // MINUTE
        if self.minutes and self.minutes[-1][0] == minute:
            _, _, volume = self.minutes.pop()
            self.minutes.append((minute, price, volume + quantity))
        else:
            self.minutes.append((minute, price, quantity))

    def wake(self, order: dict[str, Any], last: int | None) -> None:
        if order["kind"] == "market":
            order["state"] = "market"
        elif order["kind"] == "stop":
            order["state"] = "armed"
        else:
            side = order["side"]
            takes = last is not None and side * last <= side * order["limit"]
            order["state"] = "taking" if takes else "resting"

    def meet_trade(
        self, order: dict[str, Any], at: int, price: int, quantity: int, left: int
    ) -> int:
        side, now, taken = order["side"], at // MINUTE, 0
        if order["state"] == "resting":
            limit = order["limit"]
            touch = self.profile.limit_rule == "touch" and price == limit
            if side * price < side * limit or touch:
                order["volume"] += quantity
                taken = self.lots(order, left)
                if taken:
                    self.fill(order, taken, limit, limit, True, at)
        else:
            taking = order["state"] == "taking"
            order["volume"] += quantity
            taken = self.lots(order, left)
            if taking:
                order["state"] = "resting"
            if taken:
                paid = self.price(side, price, taken, now)
                if taking and side * paid > side * order["limit"]:
                    taken = 0
                else:
                    self.fill(order, taken, paid, price, False, at)
            if taking and not taken:
                order["volume"] -= quantity
        if order["at_once"] and order["state"] != "done":
            order["state"] = "done"
            self.report("expired", order, at, filled=order["filled"])
        return taken

    # -- bars ---------------------------------------------------------------------------------

    def on_bar(
        self, opened: int, closed: int, prices: tuple[int, int, int, int], volume: int
    ) -> None:
        self.act_on_cancels(opened, inclusive=True)
        for order in self.orders:
            if order["state"] == "waiting" and order["after"] < closed:
                before = order["after"] <= opened
                kinds = {"market": "market", "stop": "armed"}
                resting = "taking" if before else "resting"
                order["state"] = kinds.get(order["kind"], resting)
        left = volume
        for order in self.orders:
            if order["state"] == "armed" and order["after"] <= opened:
                left -= self.bar_stop(order, opened, closed, prices, volume, left)
        for order in self.orders:
            if order["state"] == "market" and order["after"] < closed:
                left -= self.bar_market(order, opened, closed, prices, volume, left)
            elif order["state"] in ("taking", "resting") and order["after"] <= opened:
                left -= self.bar_limit(order, opened, closed, prices, volume, left)
        self.act_on_cancels(closed, inclusive=True)
        self.minutes.append((closed, prices[3], volume))

    def bar_take(self, order: dict[str, Any], reference: int, at: int, now: int, left: int) -> int:
        taken = self.lots(order, left)
        if taken:
            paid = self.price(order["side"], reference, taken, now)
            self.fill(order, taken, paid, reference, False, at)
        return self.counted(taken)

    def bar_stop(
        self,
        order: dict[str, Any],
        opened: int,
        closed: int,
        prices: tuple[int, int, int, int],
        volume: int,
        left: int,
    ) -> int:
        side, stop = order["side"], order["stop"]
        reached = prices[1] if side == 1 else prices[2]
        if side * reached < side * stop:
            return 0
        at_open = side * prices[0] >= side * stop
        at = opened if at_open else closed
        self.report("triggered", order, at)
        order["state"] = "market"
        order["volume"] += volume
        taken = self.bar_take(order, prices[0] if at_open else stop, at, closed, left)
        order["after"] = closed
        return taken

    def bar_market(
        self,
        order: dict[str, Any],
        opened: int,
        closed: int,
        prices: tuple[int, int, int, int],
        volume: int,
        left: int,
    ) -> int:
        before = order["after"] <= opened
        worse = max if order["side"] == 1 else min
        reference = prices[0] if before else worse(prices[0], prices[3])
        order["volume"] += volume
        taken = self.bar_take(order, reference, opened if before else closed, closed, left)
        self.end_at_once(order, closed)
        return taken

    def bar_limit(
        self,
        order: dict[str, Any],
        opened: int,
        closed: int,
        prices: tuple[int, int, int, int],
        volume: int,
        left: int,
    ) -> int:
        side, limit, all_taken = order["side"], order["limit"], 0
        counted = False
        if order["state"] == "taking":
            order["state"] = "resting"
            if side * prices[0] <= side * limit:
                order["volume"] += volume
                taken = self.lots(order, left)
                paid = self.price(side, prices[0], taken, closed) if taken else 0
                if taken and side * paid <= side * limit:
                    self.fill(order, taken, paid, prices[0], False, opened)
                    counted = True
                    all_taken += self.counted(taken)
                else:
                    order["volume"] -= volume
        reached = prices[2] if side == 1 else prices[1]
        touch = self.profile.limit_rule == "touch" and reached == limit
        if order["state"] != "done" and (side * reached < side * limit or touch):
            if not counted:
                order["volume"] += volume
            taken = self.lots(order, left - all_taken)
            if taken:
                self.fill(order, taken, limit, limit, True, closed)
                all_taken += self.counted(taken)
        self.end_at_once(order, closed)
        return all_taken

    def counted(self, taken: int) -> int:
        """What our fills take off the event's volume: nothing where volume is no limit."""
        return 0 if self.profile.participation is None else taken

    def end_at_once(self, order: dict[str, Any], at: int) -> None:
        if order["at_once"] and order["state"] != "done":
            order["state"] = "done"
            self.report("expired", order, at, filled=order["filled"])

    def finish(self, until: int) -> None:
        """Answer the cancels that arrive after the last event."""
        self.act_on_cancels(until, inclusive=True)
