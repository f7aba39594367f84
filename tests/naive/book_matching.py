"""Matching on an L2 book in plain Python, written from the books page and from nothing else.

The twin of commit_book, scan_book, obey_due and send. Orders are dictionaries, the book two of
them, a level's queue a list that is built anew for every print. Slow on purpose.
"""

from __future__ import annotations

from typing import Any

from tests.naive.book import CLEAR, SNAPSHOT, TRADE, NaiveBook

MICRO = 1_000_000
Row = tuple[int, int, int, int, int, bool]


class NaiveBookMatching:
    """Commands are known from the start, with the time at which they were sent."""

    def __init__(
        self, model: Any, *, wait_ns: int, funding: tuple[int, int] | None, position: int = 0
    ) -> None:
        self.model = model
        self.wait = wait_ns
        self.funding = funding
        self.book = NaiveBook()
        self.position = position
        self.orders: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []
        self.taken: dict[tuple[int, int], int] = {}
        self.reports: list[tuple[Any, ...]] = []
        self.clock = -(10**30)
        self.whole = True
        self.last_print: int | None = None
        self.paid_until: int | None = None

    # -- what is on its way -------------------------------------------------------------------

    def send(self, sent: int, time: int, answer: int, kind: str, number: int, **terms: Any) -> None:
        if kind == "place" and terms["expires"] is not None and terms["expires"] <= time:
            # It is refused when it is sent: it could never fill.
            return
        place = len(self.commands)
        self.commands.append(
            {"sent": sent, "time": time, "answer": answer, "kind": kind, "number": number}
            | {"place": place, "terms": terms}
        )
        if kind == "place" and terms["expires"] is not None:
            self.send(sent, terms["expires"] - 1, answer, "expire", number)

    def obey(self, clock: int, arrival: int) -> None:
        while True:
            known = [each for each in self.commands if each["sent"] < arrival]
            if not known:
                return
            first = min(known, key=lambda each: (each["time"], each["place"]))
            due = first["time"] + max(first["answer"], self.wait)
            if first["time"] >= clock and due >= arrival:
                return
            self.commands.remove(first)
            self.act(first, min(due, arrival))

    def finish(self, until: int) -> None:
        self.obey(-(10**30), until + 1)

    def act(self, command: dict[str, Any], known: int) -> None:
        self.fund(command["time"], known)
        held = self.position
        self.obey_one(command, known)
        if self.position != held:
            self.end_useless(command["time"], known)

    def end_useless(self, time: int, known: int) -> None:
        for order in self.orders:
            only_reduces = order["reduce_only"] and order["state"] != "done"
            if only_reduces and order["side"] * self.position >= 0:
                self.end(order, "expired", "reduce only", time, known)

    def obey_one(self, command: dict[str, Any], known: int) -> None:
        time, number, answer = command["time"], command["number"], command["answer"]
        if command["kind"] == "place":
            self.arrive(command, known)
            return
        order = next((each for each in self.orders if each["number"] == number), None)
        open_order = order is not None and order["state"] != "done"
        waiting = order is None and any(
            each["kind"] == "place" and each["number"] == number for each in self.commands
        )
        if command["kind"] == "expire":
            if open_order:
                self.end(order, "expired", "date", time + 1, known)
        elif not open_order:
            self.tell(f"{command['kind']} refused", number, time, known, answer, early=waiting)
        elif command["kind"] == "cancel":
            self.tell("cancelled", number, time, known, answer, filled=order["filled"])
            order["state"] = "done"
        else:
            self.amend(order, command["terms"], time, known, answer)

    def arrive(self, command: dict[str, Any], known: int) -> None:
        time = command["time"]
        order = {
            "number": command["number"],
            "answer": command["answer"],
            "after": time,
            "filled": 0,
            "state": "new",
            "ahead": 0,
            "traded": 0,
            "mid": None,
            **command["terms"],
        }
        self.orders.append(order)
        if order["reduce_only"] and self.wanted(order) == 0:
            self.end(order, "rejected", "reduce only", time, known)
        elif (
            order["post_only"]
            and not order["trigger"]
            and self.crosses(order["side"], order["limit"])
        ):
            self.end(order, "rejected", "post only", time, known)
        else:
            if order["post_only"] or order["reduce_only"]:
                self.tell("accepted", order["number"], time, known, order["answer"])
            self.stand(order, time, known)

    def stand(self, order: dict[str, Any], time: int, known: int) -> None:
        if order["trigger"]:
            order["state"] = "armed"
        elif order["post_only"]:
            self.rest(order)
        else:
            order["state"] = "wants"
            if self.whole and not self.is_crossed():
                self.meet_book(order, time, known)

    def amend(
        self, order: dict[str, Any], terms: dict[str, Any], time: int, known: int, answer: int
    ) -> None:
        lots, limit, stop = terms["lots"], terms["limit"], terms["stop"]
        resting = order["state"] == "resting"
        wrong = (limit is not None and order["limit"] is None) or (
            stop is not None and order["state"] != "armed"
        )
        moved = limit is not None and limit != order["limit"]
        if wrong:
            self.tell("amend refused", order["number"], time, known, answer, early="invalid")
            return
        if moved and resting and order["post_only"] and self.crosses(order["side"], limit):
            self.tell("amend refused", order["number"], time, known, answer, early=None)
            return
        if lots is not None and lots <= order["filled"]:
            order["answer"] = answer
            self.end(order, "expired", "amended", time, known)
            return
        larger = lots is not None and lots > order["lots"]
        order.update({name: value for name, value in terms.items() if value is not None})
        self.tell(
            "amended",
            order["number"],
            time,
            known,
            answer,
            lots=order["lots"],
            limit=order["limit"] or 0,
            stop=order["stop"] or 0,
        )
        if resting and (moved or larger):
            self.orders.remove(order)
            self.orders.append(order)
            order["after"] = time
            if not moved or order["post_only"]:
                self.rest(order)
            else:
                order["state"], order["mid"] = "wants", None
                if self.whole and not self.is_crossed():
                    self.meet_book(order, time, known)

    # -- reports ------------------------------------------------------------------------------

    def tell(
        self, kind: str, number: int, time: int, known: int, answer: int, **facts: Any
    ) -> None:
        arrival = max(time + answer, known)
        self.reports.append((kind, number, time, arrival, tuple(sorted(facts.items()))))

    def end(self, order: dict[str, Any], kind: str, why: str, time: int, known: int) -> None:
        order["state"] = "done"
        self.tell(
            kind, order["number"], time, known, order["answer"], why=why, filled=order["filled"]
        )

    def fill(
        self, order: dict[str, Any], lots: int, price: int, maker: bool, time: int, known: int
    ) -> None:
        mid, half = (price * MICRO, 0) if maker else order["mid"]
        shift = max(0, order["side"] * (price * MICRO - mid))
        order["filled"] += lots
        self.position += order["side"] * lots
        if order["filled"] == order["lots"]:
            order["state"] = "done"
        self.tell(
            "fill",
            order["number"],
            time,
            known,
            order["answer"],
            lots=lots,
            price=price,
            maker=maker,
            mid=mid,
            half=0 if maker else min(half, shift),
            ahead=order["ahead"] if maker else 0,
        )

    def fund(self, until: int, known: int) -> None:
        if self.funding is None:
            return
        interval, answer = self.funding
        if self.paid_until is not None:
            due = (self.paid_until // interval + 1) * interval
            while due <= until:
                if self.position and self.last_print is not None:
                    facts = {"position": self.position, "mark": self.last_print}
                    self.tell("funding", 0, due, known, answer, **facts)
                due += interval
        self.paid_until = max(until, self.paid_until or until)

    # -- taking -------------------------------------------------------------------------------

    def wanted(self, order: dict[str, Any]) -> int:
        left = order["lots"] - order["filled"]
        return max(0, min(left, -order["side"] * self.position)) if order["reduce_only"] else left

    def is_crossed(self) -> bool:
        bids, asks = self.book.sides[1], self.book.sides[-1]
        return bool(bids and asks and max(bids) >= min(asks))

    def crosses(self, side: int, limit: int) -> bool:
        other = self.book.levels(-side)
        return bool(other) and side * other[0][0] <= side * limit

    def offers(self, order: dict[str, Any]) -> list[tuple[int, int]]:
        """Prices of the other side within the order's limit, best first, with what they have."""
        side, limit = order["side"], order["limit"]
        return [
            (price, max(0, lots - self.taken.get((-side, price), 0)))
            for price, lots in self.book.levels(-side)
            if limit is None or side * price <= side * limit
        ]

    def meet_book(self, order: dict[str, Any], time: int, known: int) -> None:
        side = order["side"]
        if self.wanted(order) == 0:
            self.end(order, "expired", "reduce only", time, known)
            return
        if order["post_only"] and self.crosses(side, order["limit"]):
            self.end(order, "rejected", "post only", time, known)
            return
        self.look(order)
        self.take(order, time, known)
        if order["state"] == "done":
            return
        if self.wanted(order) == 0:
            self.end(order, "expired", "reduce only", time, known)
        elif order["life"] != "stays":
            self.end(order, "expired", "in force", time, known)
        elif order["limit"] is not None:
            self.rest(order)

    def look(self, order: dict[str, Any]) -> None:
        """Keep the mid and half the spread of the first look at the book."""
        side = order["side"]
        if order["mid"] is None:
            own, other = self.book.levels(side), self.book.levels(-side)
            if own and other:
                both = (own[0][0] + other[0][0]) * MICRO // 2
                order["mid"] = (both, max(0, side * (other[0][0] - own[0][0]) * MICRO // 2))
            elif other:
                order["mid"] = (other[0][0] * MICRO, 0)

    def take(self, order: dict[str, Any], time: int, known: int) -> None:
        side, offers = order["side"], self.offers(order)
        everything = sum(lots for _, lots in offers)
        if order["life"] == "all" and everything < self.wanted(order):
            return
        for price, lots in offers:
            part = min(lots, self.wanted(order))
            if part:
                self.taken[-side, price] = self.taken.get((-side, price), 0) + part
                self.fill(order, part, price, False, time, known)
                if order["to_limit"]:
                    order["to_limit"], order["limit"] = False, price
                    return

    def rest(self, order: dict[str, Any]) -> None:
        order["state"] = "resting"
        order["ahead"] = self.book.sides[order["side"]].get(order["limit"], 0) * MICRO
        order["traded"] = 0

    # -- rows ---------------------------------------------------------------------------------

    def row(self, number: int, arrival: int, row: Row) -> None:
        time = row[0]
        clock = max(self.clock, time)
        self.obey(clock, arrival)
        self.clock = clock
        self.fund(time, arrival)
        held = self.position
        self.meet_row(number, arrival, row)
        if self.position != held:
            self.end_useless(time, arrival)

    def meet_row(self, number: int, arrival: int, row: Row) -> None:
        time, kind, side, price, lots, last = row
        newest = self.book.newest
        if kind == TRADE:
            self.trigger(price, time, arrival)
            self.print(side, price, lots, time, arrival)
            self.last_print = price
        elif newest is not None and time < newest:
            self.book.apply(number, *row)
            return
        elif kind == CLEAR:
            gone = (1, -1) if side == 0 else (side,)
            self.taken = {key: left for key, left in self.taken.items() if key[0] not in gone}
        else:
            before = self.book.sides[side].get(price, 0)
            self.move(side, price, before, lots, kind == SNAPSHOT)
            if before != lots or kind == SNAPSHOT:
                self.taken.pop((side, price), None)
        self.book.apply(number, *row)
        self.whole = last
        if last:
            self.meet_changed_book(time, arrival)

    def trigger(self, price: int, time: int, known: int) -> None:
        for order in self.orders:
            if order["state"] == "armed" and order["after"] < time:
                toward = order["side"] if order["trigger"] == "stop" else -order["side"]
                if toward * price >= toward * order["stop"]:
                    self.tell("triggered", order["number"], time, known, order["answer"])
                    order["state"], order["after"] = "wants", time

    def resting(self, side: int, time: int) -> list[dict[str, Any]]:
        """Our orders of a side that were there before, the best price first, then the older."""
        there = [
            each
            for each in self.orders
            if each["state"] == "resting" and each["side"] == side and each["after"] < time
        ]
        return sorted(there, key=lambda each: -side * each["limit"])

    def print(self, aggressor: int, price: int, lots: int, time: int, known: int) -> None:
        if aggressor == 0:
            bids, asks = self.book.sides[1], self.book.sides[-1]
            if asks and price >= min(asks):
                aggressor = 1
            elif bids and price <= max(bids):
                aggressor = -1
        left = lots * MICRO
        for side in (1, -1) if aggressor == 0 else (-aggressor,):
            orders = self.resting(side, time)
            through = [each for each in orders if side * each["limit"] > side * price]
            for order in through:
                left -= self.give(order, left // MICRO, time, known) * MICRO
                order["ahead"] = 0
            if aggressor:
                level = [each for each in orders if each["limit"] == price]
                left = self.print_at(level, left, lots, time, known)

    def print_at(
        self, level: list[dict[str, Any]], left: int, lots: int, time: int, known: int
    ) -> int:
        """Eat up the queue of a level from its front: others, then ours, then others, …"""
        queue: list[tuple[int, dict[str, Any] | None]] = []
        before = 0
        for order in level:
            queue += [(max(0, order["ahead"] - before), None), (0, order)]
            before = max(before, order["ahead"])
        eaten = 0
        for others, order in queue:
            if order is None:
                part = min(left, others)
                eaten += part
                left -= part
                continue
            order["traded"] += lots * MICRO
            rest = max(0, order["ahead"] - eaten)
            left -= self.give(order, left // MICRO, time, known) * MICRO
            order["ahead"] = rest
        return left

    def give(self, order: dict[str, Any], lots: int, time: int, known: int) -> int:
        wanted = self.wanted(order)
        if wanted == 0:
            self.end(order, "expired", "reduce only", time, known)
            return 0
        part = min(lots, wanted)
        if part:
            self.fill(order, part, order["limit"], True, time, known)
        return part

    def move(self, side: int, price: int, before: int, after: int, snapshot: bool) -> None:
        most = 0
        for order in self.orders:
            here = order["state"] == "resting" and order["side"] == side
            if not here or order["limit"] != price:
                continue
            if snapshot:
                ahead = min(order["ahead"], after * MICRO)
            else:
                ahead = self.model.ahead_after(
                    order["ahead"],
                    before_lots=before,
                    after_lots=after,
                    traded_microlots=order["traded"],
                )
            most = order["ahead"] = max(ahead, most)
            order["traded"] = 0

    def meet_changed_book(self, time: int, known: int) -> None:
        for side in (1, -1):
            for order in self.resting(side, time):
                for price, lots in self.offers(order):
                    if order["state"] != "resting":
                        break
                    part = self.give(order, lots, time, known)
                    if part:
                        self.taken[-side, price] = self.taken.get((-side, price), 0) + part
        if not self.is_crossed():
            for order in list(self.orders):
                if order["state"] == "wants" and order["after"] < time:
                    self.meet_book(order, time, known)
