"""Matching on single orders in plain Python, written from its page and from nothing else.

It is the twin of scan_orders, commit_orders, obey_due and send_command. It keeps dictionaries,
adds up queues anew whenever it is asked, and walks one row after the other.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.naive.order_book import CLEAR, FILL, TRADE, NaiveOrder, NaiveOrderBook

NEVER = 1 << 62


class StampedBook(NaiveOrderBook):
    """The naive book, with the number of each arrival at a queue and what we took of each order."""

    def __init__(self) -> None:
        super().__init__()
        self.stamps = 0

    def join(self, order: NaiveOrder) -> None:
        super().join(order)
        self.stamps += 1
        order.stamp = self.stamps  # type: ignore[attr-defined]

    def add(self, event: dict[str, Any]) -> None:
        super().add(event)
        self.orders[event["order_id"]].taken = 0  # type: ignore[attr-defined]

    def crosses(self) -> bool:
        bid, ask = self.best(1), self.best(-1)
        return bid is not None and ask is not None and bid >= ask

    def offers(self, side: int, worst: int | None) -> list[tuple[int, list[NaiveOrder]]]:
        """What `side` shows at `worst` or better for who takes it, best price first."""
        prices = [price for price, _ in self.levels(side)]
        if worst is not None:
            prices = [price for price in prices if side * price >= side * worst]
        return [(price, self.queues[side, price]) for price in prices]


def free(order: Any) -> int:
    return max(0, order.lots - order.traded - order.taken)


class NaiveOrderMatching:
    """Commands are given up front with the times at which they reach the venue."""

    def __init__(
        self,
        commands: list[dict[str, Any]],
        *,
        lag: int,
        position: int = 0,
        funding: int = 0,
        response: int = 0,
    ) -> None:
        self.book = StampedBook()
        self.orders: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []
        self.lag = lag
        self.position = position
        self.funding = funding
        self.funding_response = response
        self.funded: int | None = None
        self.last_print: int | None = None
        self.left: dict[str, int] | None = None
        self.cleared = False
        self.look = False
        self.obeyed = -NEVER
        self.reports: list[dict[str, Any]] = []
        for command in commands:
            self.send(command)

    def send(self, command: dict[str, Any]) -> None:
        """After all that arrive by then; a triggered order before all but others like it."""
        if command["do"] == "place":
            expires = command["order"]["expires"]
            if expires is not None and expires <= command["time"]:
                # It is refused when it is sent: it could never fill.
                return
        place = len(
            [
                each
                for each in self.commands
                if each["time"] < command["time"]
                or (
                    each["time"] == command["time"]
                    and (command["do"] != "enter" or each["do"] == "enter")
                )
            ]
        )
        self.commands.insert(place, command)
        if command["do"] == "place":
            order = dict(command["order"])
            self.orders.append(
                {**order, "state": "waiting", "filled": 0, "after": command["time"], "mid": None}
            )
            if order["expires"] is not None:
                self.send(
                    {
                        "do": "expire",
                        "name": order["name"],
                        "time": order["expires"] - 1,
                        "ready": order["expires"] + order["response"],
                    }
                )

    # -- reports ------------------------------------------------------------------------------

    def report(
        self, kind: str, order: dict[str, Any] | None, at: int, known: int, **facts: Any
    ) -> None:
        name = 0 if order is None else order["name"]
        self.reports.append({"kind": kind, "name": name, "at": at, "known": known, **facts})

    def end(self, kind: str, order: dict[str, Any], why: str, at: int, known: int) -> None:
        order["state"] = "done"
        self.report(kind, order, at, known, why=why, lots=order["filled"])

    def fill(
        self, order: dict[str, Any], lots: int, price: int, maker: bool, at: int, known: int
    ) -> None:
        side = order["side"]
        facts: dict[str, Any] = {"reference": price, "half": 0, "ahead": 0}
        if maker:
            facts["ahead"] = self.ahead(order) * 1_000_000
        elif order["mid"] is not None:
            middle, half = order["mid"]
            facts["reference"] = floor(middle) if side == 1 else ceil(middle)
            shift = side * (price - middle)
            facts["half"] = int(max(Fraction(0), min(half, shift)) * 1_000_000)
        order["filled"] += lots
        self.position += side * lots
        if order["filled"] == order["lots"]:
            order["state"] = "done"
        self.report("fill", order, at, known, lots=lots, price=price, maker=maker, **facts)

    def fund(self, until: int, known: int) -> None:
        if not self.funding:
            return
        if self.funded is not None and self.position and self.last_print is not None:
            due = (self.funded // self.funding + 1) * self.funding
            while due <= until:
                when = max(due + self.funding_response, known)
                self.report("funding", None, due, when, lots=self.position, price=self.last_print)
                due += self.funding
        self.funded = until if self.funded is None else max(self.funded, until)

    # -- queues -------------------------------------------------------------------------------

    def ahead(self, order: dict[str, Any]) -> int:
        if order["back"]:
            return 0
        queue: list[Any] = self.book.queues.get((order["side"], order["limit"]), [])
        return sum(each.lots for each in queue if each.stamp <= order["stamp"])

    def can(self, order: dict[str, Any]) -> int:
        left = order["lots"] - order["filled"]
        if order["reduce_only"]:
            return max(0, min(left, -order["side"] * self.position))
        return int(left)

    def rest(self, order: dict[str, Any]) -> None:
        self.book.stamps += 1
        order.update(state="resting", stamp=self.book.stamps, back=self.cleared)
        self.look = self.look or self.cleared

    def resting(self, side: int, before: int) -> list[dict[str, Any]]:
        """Ours in the order in which they trade."""
        found = [
            each
            for each in self.orders
            if each["state"] == "resting" and each["side"] == side and each["after"] < before
        ]
        return sorted(found, key=lambda each: (-side * each["limit"], each["stamp"]))

    # -- taking -------------------------------------------------------------------------------

    def take(self, order: dict[str, Any], at: int, known: int) -> None:
        worst = order["limit"] if order["kind"] == "limit" else None
        for price, queue in self.book.offers(-order["side"], worst):
            lots = self.draw(queue, self.can(order))
            if lots:
                self.fill(order, lots, price, False, at, known)
                if order["kind"] == "to limit":
                    order.update(kind="limit", limit=price)
                    return

    def draw(self, queue: list[Any], most: int) -> int:
        lots = 0
        for each in queue:
            part = min(most - lots, free(each))
            each.taken += part
            lots += part
        return lots

    def offered(self, order: dict[str, Any], limit: int | None) -> int:
        return sum(
            free(each) for _, queue in self.book.offers(-order["side"], limit) for each in queue
        )

    def enter(self, order: dict[str, Any], ends: str, at: int, known: int) -> None:
        bid, ask = self.book.best(1), self.book.best(-1)
        order["mid"] = None
        if bid is not None and ask is not None and bid < ask:
            order["mid"] = (Fraction(bid + ask, 2), Fraction(ask - bid, 2))
        limit = order["limit"] if order["kind"] == "limit" else None
        if not self.can(order):
            self.end(ends, order, "reduce_only", at, known)
            return
        auction = self.book.crosses()
        if order["post_only"] and not auction and self.offered(order, limit):
            self.end("rejected", order, "post_only", at, known)
            return
        if ends == "rejected":
            self.accept(order, at, known)
        whole = order["in_force"] != "fok" or self.offered(order, limit) >= self.can(order)
        if auction:
            self.look = True
        elif whole:
            self.take(order, at, known)
        self.settle(order, at, known)

    def accept(self, order: dict[str, Any], at: int, known: int) -> None:
        if order["post_only"] or order["reduce_only"]:
            self.report("accepted", order, at, known)

    def settle(self, order: dict[str, Any], at: int, known: int) -> None:
        if order["state"] == "done":
            return
        if order["in_force"] in ("ioc", "fok"):
            self.end("expired", order, "in_force", at, known)
        elif not self.can(order):
            self.end("expired", order, "reduce_only", at, known)
        elif order["kind"] == "limit":
            self.rest(order)
        else:
            order["state"] = "hungry"
            self.look = True

    # -- commands -----------------------------------------------------------------------------

    def obey(self, arrival: int) -> None:
        command = self.commands.pop(0)
        seen = min(arrival, max(self.obeyed, command["ready"] + self.lag))
        self.obeyed = seen
        at, known = command["time"], max(command["ready"], seen)
        self.fund(at, seen)
        order = next(
            (
                each
                for each in self.orders
                if each["name"] == command["name"] and each["state"] != "done"
            ),
            None,
        )
        state = None if order is None else order["state"]
        held = self.position
        self.obey_one(command, order, state, at, known)
        if self.position != held:
            self.end_useless(at, seen)

    def end_useless(self, at: int, known: int) -> None:
        for order in self.orders:
            only_reduces = order["reduce_only"] and order["state"] not in ("waiting", "done")
            if only_reduces and order["side"] * self.position >= 0:
                self.end("expired", order, "reduce_only", at, self.known(order, at, known))

    def obey_one(
        self,
        command: dict[str, Any],
        order: dict[str, Any] | None,
        state: str | None,
        at: int,
        known: int,
    ) -> None:
        match command["do"]:
            case "place":
                if order is not None and state == "waiting":
                    self.arrive(order, at, known)
            case "enter":
                if order is not None and state == "triggered":
                    self.enter(order, "expired", at, known)
            case "expire":
                if order is not None and state != "waiting":
                    self.end("expired", order, "expired", at + 1, known)
            case do:
                if order is None or state == "waiting":
                    why = "final" if order is None else "unknown"
                    self.reports.append(
                        {
                            "kind": f"{do} refused",
                            "name": command["name"],
                            "at": at,
                            "known": known,
                            "why": why,
                        }
                    )
                elif do == "cancel":
                    order["state"] = "done"
                    self.report("cancelled", order, at, known, lots=order["filled"])
                else:
                    self.amend(order, command, at, known)

    def arrive(self, order: dict[str, Any], at: int, known: int) -> None:
        if order["trigger"] is not None and not self.can(order):
            self.end("rejected", order, "reduce_only", at, known)
        elif order["trigger"] is not None:
            order["state"] = "armed"
            self.accept(order, at, known)
        else:
            self.enter(order, "rejected", at, known)

    def amend(self, order: dict[str, Any], terms: dict[str, Any], at: int, known: int) -> None:
        lots, limit, stop = terms["lots"], terms["limit"], terms["stop"]
        bad = (limit is not None and order["limit"] is None) or (
            stop is not None and order["state"] != "armed"
        )
        if bad:
            self.report("amend refused", order, at, known, why="invalid")
            return
        moved = limit is not None and limit != order["limit"]
        stands = order["state"] == "resting"
        would_take = moved and not self.book.crosses() and self.offered(order, limit)
        if stands and order["post_only"] and would_take:
            self.report("amend refused", order, at, known, why="post_only")
            return
        if lots is not None and lots <= order["filled"]:
            self.end("expired", order, "amended", at, known)
            return
        larger = lots is not None and lots > order["lots"]
        new = {"lots": lots, "limit": limit, "stop": stop}
        order.update({name: value for name, value in new.items() if value is not None})
        self.report(
            "amended",
            order,
            at,
            known,
            lots=order["lots"],
            price=order["limit"] or 0,
            reference=order["stop"] or 0,
        )
        if stands and moved:
            order["after"] = at
            self.enter(order, "expired", at, known)
        elif stands and larger:
            order["after"] = at
            self.rest(order)

    # -- rows ---------------------------------------------------------------------------------

    def row(self, event: dict[str, Any]) -> None:
        at = event["time"] if self.book.time is None else max(event["time"], self.book.time)
        arrival = event["arrival"]
        self.obey_before(at, arrival)
        self.fund(at, arrival)
        held = self.position
        self.meet_row(event, at, arrival)
        if self.position != held:
            self.end_useless(at, arrival)

    def meet_row(self, event: dict[str, Any], at: int, arrival: int) -> None:
        if event["action"] == TRADE:
            self.explain(at, arrival)
            self.trigger(event, at, arrival)
            self.last_print = event["price"]
            self.left = dict(event)
        elif event["action"] == FILL:
            self.stranger_filled(event, at, arrival)
        elif event["action"] == CLEAR:
            self.cleared = self.look = True
            for order in self.orders:
                if order["state"] == "resting":
                    order["back"] = True
        elif event["action"] in (1, 2):
            self.look = self.look or self.is_crossed_by(event)
        self.book.apply(event)
        if event["action"] in (1, 2, 3):
            self.told_late(event)
        if event["last"]:
            self.explain(at, arrival)
            if self.look:
                self.whole(event["time"], at, arrival)

    def obey_before(self, at: int, arrival: int) -> None:
        while self.commands:
            first = self.commands[0]
            if first["time"] >= at and first["ready"] + self.lag >= arrival:
                break
            self.obey(arrival)

    def is_crossed_by(self, event: dict[str, Any]) -> bool:
        side, price = event["side"], event["price"]
        return any(side * price >= side * each["limit"] for each in self.resting(-side, NEVER))

    def told_late(self, event: dict[str, Any]) -> None:
        stranger: Any = self.book.orders.get(event["order_id"])
        if stranger is None:
            return
        for order in self.orders:
            if (
                order["state"] == "resting"
                and not order["back"]
                and (order["side"], order["limit"]) == (stranger.side, stranger.price)
                and event["time"] <= order["after"]
            ):
                order["stamp"] = max(order["stamp"], stranger.stamp)

    def known(self, order: dict[str, Any], at: int, arrival: int) -> int:
        return max(at + order["response"], arrival)

    def hand_out(self, ours: list[dict[str, Any]], lots: int, at: int, arrival: int) -> int:
        for order in ours:
            if not lots:
                break
            known = self.known(order, at, arrival)
            part = min(lots, self.can(order))
            if part:
                self.fill(order, part, order["limit"], True, at, known)
                lots -= part
            self.spent(order, at, known)
        return lots

    def spent(self, order: dict[str, Any], at: int, known: int) -> None:
        if order["state"] == "resting" and not self.can(order):
            self.end("expired", order, "reduce_only", at, known)

    def stranger_filled(self, event: dict[str, Any], at: int, arrival: int) -> None:
        if self.left is not None:
            self.left["lots"] = max(0, self.left["lots"] - event["lots"])
        stranger: Any = self.book.orders.get(event["order_id"])
        if stranger is not None:
            side, price, stamp = stranger.side, stranger.price, stranger.stamp
            if event["side"] not in (0, side) or side * event["price"] > side * price:
                return
        elif event["side"]:
            side, price, stamp = event["side"], event["price"], -1
        else:
            return
        ours = [
            each
            for each in self.resting(side, event["time"])
            if side * each["limit"] > side * price
            or (each["limit"] == price and not each["back"] and each["stamp"] < stamp)
        ]
        self.hand_out(ours, event["lots"], at, arrival)

    def explain(self, at: int, arrival: int) -> None:
        left, self.left = self.left, None
        if left is None:
            return
        lots = left["lots"]
        for side in (1, -1):
            if left["side"] in (0, -side):
                ours = [
                    each
                    for each in self.resting(side, left["time"])
                    if side * each["limit"] > side * left["price"]
                ]
                lots = self.hand_out(ours, lots, at, arrival)

    def trigger(self, event: dict[str, Any], at: int, arrival: int) -> None:
        for order in self.orders:
            if order["state"] != "armed" or order["after"] >= event["time"]:
                continue
            up = (order["trigger"] == "stop") == (order["side"] == 1)
            reached = event["price"] >= order["stop"] if up else event["price"] <= order["stop"]
            if reached:
                known = self.known(order, at, arrival)
                self.report("triggered", order, at, known)
                order.update(state="triggered", after=at)
                self.send({"do": "enter", "name": order["name"], "time": at, "ready": known})

    def whole(self, true_at: int, at: int, arrival: int) -> None:
        self.cleared = False
        for order in self.orders:
            if order["state"] == "resting" and order["back"]:
                self.rest(order)
        if self.book.crosses():
            return
        self.look = False
        for side in (1, -1):
            self.meet_crossing(side, true_at, at, arrival)
        for order in self.orders:
            if order["state"] == "hungry":
                known = self.known(order, at, arrival)
                self.take(order, at, known)
                if order["kind"] == "limit" or not self.can(order):
                    self.settle(order, at, known)
                elif order["state"] == "hungry":
                    self.look = True

    def meet_crossing(self, side: int, true_at: int, at: int, arrival: int) -> None:
        for order in self.resting(side, true_at):
            known = self.known(order, at, arrival)
            lots = 0
            for _, queue in self.book.offers(-side, order["limit"]):
                lots += self.draw(queue, self.can(order) - lots)
            if lots:
                self.fill(order, lots, order["limit"], True, at, known)
            self.spent(order, at, known)
            if order["state"] == "resting":
                break
        came_later = [each for each in self.resting(side, NEVER) if each["after"] >= true_at]
        self.look = self.look or bool(came_later)

    def finish(self, until: int) -> None:
        while self.commands and self.commands[0]["ready"] + self.lag <= until:
            self.obey(NEVER)
