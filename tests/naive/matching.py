"""A matching engine in plain Python, written from the matching page and from nothing else.

It is the twin of scan_trades, commit_trades, answer_commands, leave_trades, scan_bars, commit_bars
and leave_bars, and of what crosses over to them: look_at_trades, act_on_trades, answer_on_trades,
look_at_bars and act_on_bars. It keeps orders as dictionaries, walks one market event after the
other, and computes prices with fractions. Slow on purpose.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import count, pairwise
from math import ceil, floor, sqrt
from typing import Any

MINUTE = 60_000_000_000
NEVER = float("inf")
TERMS: dict[str, Any] = {
    "trigger": None,
    "force": "gtc",
    "expires": NEVER,
    "starts": None,
    "post_only": False,
    "reduce_only": False,
    "display": None,
    "trail": None,
    "share": None,
    "activation": None,
}


class NaiveMatching:
    """Orders and commands are given up front with the times at which they arrive.

    Orders are dictionaries: `name`, `arrival`, `sent`, `side`, `kind` (market, limit,
    to_limit), `lots`, `limit` and `stop` (None for none) and whatever of `TERMS` is not at
    its default. Commands are (arrival, sent, what, name, terms) with `cancel` or `amend`.
    """

    def __init__(
        self,
        profile: Any,
        orders: list[dict[str, Any]],
        commands: list[tuple[Any, ...]],
        *,
        position: int = 0,
    ) -> None:
        self.profile = profile
        self.orders = [self.order(given) for given in orders]
        # What happens between market events: (time, expiries first, sent, what, name, terms).
        self.coming: list[tuple[Any, ...]] = [
            *((at, 1, sent, what, name, terms) for at, sent, what, name, terms in commands),
            *(
                (order["arrival"], 1, order["sent"], "arrive", order["name"])
                for order in self.orders
                if order["post_only"] or order["reduce_only"]
            ),
            *(
                (order["expires"], 0, number, "expire", order["name"])
                for number, order in enumerate(self.orders)
                if order["expires"] != NEVER
            ),
        ]
        self.coming.sort(key=lambda each: each[:3])
        self.position = position
        self.reports: list[tuple[Any, ...]] = []
        self.last: int | None = None
        self.last_at: int | None = None
        self.last_left = 0
        self.last_now = 0
        self.funded_until: int | None = None
        self.minutes: list[tuple[int, int, int]] = []
        self.renewals = count()
        self.left = 0
        self.ambiguous = 0
        self.traded_at: int | None = None

    @staticmethod
    def order(given: dict[str, Any]) -> dict[str, Any]:
        order = {**TERMS, **given}
        waits = "close" if order["force"] == "at_close" else "waiting"
        return {
            **order,
            "filled": 0,
            "volume": 0,
            "state": waits,
            "after": order["arrival"],
            "place": (order["arrival"], 1, order["sent"]),
            "judged": not (order["post_only"] or order["reduce_only"]),
            "shown": order["display"],
            "counted": None,
        }

    def by_age(self) -> list[dict[str, Any]]:
        return sorted(self.orders, key=lambda order: order["place"])

    # -- prices -------------------------------------------------------------------------------

    def price(self, side: int, reference: int, lots: int, now: int) -> int:
        level = self.profile.fill_level
        if level == "naive":
            return reference
        bps = Fraction(self.profile.slippage_bps)
        if level in ("impact", "drilldown"):
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

    def lots(self, order: dict[str, Any], position: int) -> int:
        unfilled = order["lots"] - order["filled"]
        bounds = [unfilled]
        share = self.profile.participation
        if share is not None:
            bounds += [self.left, floor(Fraction(share) * order["volume"]) - order["filled"]]
        if order["reduce_only"]:
            bounds.append(-order["side"] * position)
        if order["state"] == "resting" and order["display"]:
            bounds.append(order["shown"])
        lots = max(0, min(bounds))
        if order["force"] == "fok" and lots < unfilled:
            return 0
        return int(lots)

    def through(self, order: dict[str, Any], price: int) -> bool:
        if self.profile.limit_rule == "touch" and price == order["limit"]:
            return True
        return price < order["limit"] if order["side"] == 1 else price > order["limit"]

    @staticmethod
    def inside(order: dict[str, Any], price: int | None, limit: int | None = None) -> bool:
        limit = order["limit"] if limit is None else limit
        if price is None:
            return False
        return price <= limit if order["side"] == 1 else price >= limit

    @staticmethod
    def reached(order: dict[str, Any], price: int) -> bool:
        if order["stop"] is None:
            return False
        rising = (order["side"] == 1) != (order["trigger"] == "touch")
        return price >= order["stop"] if rising else price <= order["stop"]

    # -- stops that trail ---------------------------------------------------------------------

    @staticmethod
    def trailed(order: dict[str, Any], price: int) -> int:
        distance = order["trail"]
        if distance is None:
            distance = max(1, ceil(Fraction(order["share"], 10**8) * price))
        return int(price + order["side"] * distance)

    def follow(self, order: dict[str, Any], price: int) -> None:
        stop = self.trailed(order, price)
        if stop <= 0:
            return
        if order["stop"] is None:
            order["stop"] = stop
        elif order["side"] == 1:
            order["stop"] = min(order["stop"], stop)
        else:
            order["stop"] = max(order["stop"], stop)

    def shown_price(self, order: dict[str, Any], price: int) -> bool:
        """Show a price to an armed order; return whether it triggers it."""
        if order["trigger"] == "trailing":
            if order["activation"] is not None:
                if not self.inside(order, price, order["activation"]):
                    return False
                order["activation"] = None
            if not self.reached(order, price):
                self.follow(order, price)
                return False
        return self.reached(order, price)

    # -- reports ------------------------------------------------------------------------------

    def report(self, kind: str, order: dict[str, Any] | None, at: int, **facts: Any) -> None:
        name = None if order is None else order["name"]
        self.reports.append((kind, name, at, tuple(sorted(facts.items()))))

    def fill(
        self, order: dict[str, Any], lots: int, price: int, reference: int, maker: bool, at: int
    ) -> None:
        order["filled"] += lots
        self.position += order["side"] * lots
        if self.profile.participation is not None:
            self.left -= lots
        if order["filled"] == order["lots"]:
            order["state"] = "done"
        self.report("fill", order, at, lots=lots, price=price, reference=reference, maker=maker)

    def fill_resting(self, order: dict[str, Any], at: int, price: int | None = None) -> None:
        lots = self.lots(order, self.position)
        if not lots:
            return
        paid = order["limit"] if price is None else price
        self.fill(order, lots, paid, paid, True, at)
        if order["display"]:
            order["shown"] -= lots
            if not order["shown"]:
                order["shown"] = min(order["display"], order["lots"] - order["filled"])
                order["place"] = (at, 0, next(self.renewals))

    def end(self, order: dict[str, Any], why: str, at: int) -> None:
        order["state"] = "done"
        self.report(why, order, at, filled=order["filled"])

    def drop_useless(self, at: int) -> None:
        for order in self.orders:
            useless = order["side"] * self.position >= 0
            if order["reduce_only"] and order["judged"] and order["state"] != "done" and useless:
                self.end(order, "reduce_only", at)

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

    # -- between market events ----------------------------------------------------------------

    def happen(
        self, until: int, *, prints: bool, price: int | None, may_take: bool, inclusive: bool
    ) -> None:
        """Let come what comes before an event at `until`: expiries then included, commands not."""
        while self.coming:
            at, later, *_ = self.coming[0]
            if at > until or (at == until and later and not inclusive):
                return
            if at == until and not may_take and self.coming[0][3] in ("arrive", "amend"):
                # It is before the next bar.
                return
            if not later:
                self.expire_oldest(at, prints=prints)
                continue
            at, _, sent, what, name, *terms = self.coming.pop(0)
            order = next(each for each in self.orders if each["name"] == name)
            if what == "arrive":
                if not order["judged"] and order["state"] != "done":
                    self.judge(order, price)
            elif order["arrival"] > at:
                self.report(f"{what} refused", order, at, why="unknown_order")
            elif order["state"] == "done":
                self.report(f"{what} refused", order, at, why="final")
            elif what == "cancel":
                self.end(order, "cancelled", at)
            else:
                self.amend(order, terms[0], at, sent, price, may_take)

    def expire_oldest(self, at: int, *, prints: bool) -> None:
        """Of the orders that expire at a time let the oldest do so."""
        names = {each[4] for each in self.coming if each[0] == at and not each[1]}
        oldest = next(order for order in self.by_age() if order["name"] in names)
        self.coming = [
            each for each in self.coming if each[1] or each[0] != at or each[4] != oldest["name"]
        ]
        if oldest["state"] != "done":
            self.expire(oldest, prints=prints)

    def judge(self, order: dict[str, Any], price: int | None) -> None:
        order["judged"] = True
        why = None
        if order["reduce_only"] and order["side"] * self.position >= 0:
            why = "reduce_only"
        elif order["post_only"] and order["trigger"] is None and self.inside(order, price):
            why = "post_only"
        if why is None:
            self.report("accepted", order, order["arrival"])
        else:
            order["state"] = "done"
            self.report("rejected", order, order["arrival"], why=why)

    def amend(
        self,
        order: dict[str, Any],
        terms: dict[str, int],
        at: int,
        sent: int,
        price: int | None,
        may_take: bool,
    ) -> None:
        asleep = order["state"] in ("waiting", "armed")
        limit, stop, lots = terms.get("limit"), terms.get("stop"), terms.get("lots")
        why = None
        if (limit is not None and not order["limit"]) or (
            stop is not None and not (order["trigger"] and asleep)
        ):
            why = "invalid"
        elif (
            limit is not None
            and limit != order["limit"]
            and order["post_only"]
            and not (order["trigger"] and asleep)
            and self.inside(order, price, limit)
        ):
            why = "post_only"
        if why is not None:
            self.report("amend refused", order, at, why=why)
            return
        if lots is not None and lots <= order["filled"]:
            self.end(order, "amended away", at)
            return
        loses = lots is not None and lots > order["lots"]
        order["lots"] = order["lots"] if lots is None else lots
        if stop is not None and stop != order["stop"]:
            loses, order["stop"] = True, stop
        if limit is not None and limit != order["limit"]:
            loses, order["limit"] = True, limit
            if order["state"] in ("taking", "resting"):
                order["after"] = max(order["after"], at)
                takes = may_take and self.inside(order, price)
                order["state"] = "taking" if takes else "resting"
        unfilled = order["lots"] - order["filled"]
        if loses:
            order["place"] = (at, 1, sent)
        if order["display"]:
            order["shown"] = min(order["display"] if loses else order["shown"], unfilled)
        self.report(
            "amended",
            order,
            at,
            lots=order["lots"],
            limit=order["limit"] or None,
            stop=order["stop"],
        )

    def expire(self, order: dict[str, Any], *, prints: bool) -> None:
        at = order["expires"]
        if order["state"] != "close":
            self.end(order, "expired", at)
            return
        self.fund(at, self.last, self.position)
        opened, seen = order["starts"], self.last_at
        if (
            seen is not None
            and seen > order["arrival"]
            and (seen >= opened if prints else seen > opened)
        ):
            assert self.last is not None
            kept, self.left = self.left, self.last_left
            order["volume"] += max(0, self.last_left)
            lots = self.lots(order, self.position)
            paid = self.price(order["side"], self.last, lots, self.last_now) if lots else 0
            if lots and (order["kind"] == "market" or self.inside(order, paid)):
                self.fill(order, lots, paid, self.last, False, at)
            self.last_left, self.left = self.left, kept
        self.drop_useless(at)
        if order["state"] != "done":
            self.end(order, "time_in_force", at)

    # -- trades -------------------------------------------------------------------------------

    def on_trade(self, at: int, price: int, quantity: int) -> None:
        self.happen(at, prints=True, price=self.last, may_take=True, inclusive=False)
        self.fund(at, self.last, self.position)
        for order in self.orders:
            starts = order["starts"] or 0
            if order["state"] == "waiting" and order["after"] < at and starts <= at:
                self.wake(order, self.last)
        for order in self.by_age():
            if order["state"] == "armed" and order["after"] < at and self.shown_price(order, price):
                self.release(order, price, at)
        self.left = quantity
        for order in self.by_age():
            if order["state"] in ("market", "taking", "resting") and order["after"] < at:
                self.meet_trade(order, at, price, quantity)
        self.drop_useless(at)
        self.last, self.last_at, self.last_left = price, at, self.left
        minute = at // MINUTE
        self.last_now = minute
        if self.minutes and self.minutes[-1][0] == minute:
            _, _, volume = self.minutes.pop()
            self.minutes.append((minute, price, volume + quantity))
        else:
            self.minutes.append((minute, price, quantity))

    def wake(self, order: dict[str, Any], last: int | None) -> None:
        if order["trigger"]:
            order["state"] = "armed"
        elif order["kind"] != "limit":
            order["state"] = "market"
        else:
            takes = order["force"] == "at_open" or self.inside(order, last)
            order["state"] = "taking" if takes and not order["post_only"] else "resting"

    def release(self, order: dict[str, Any], price: int, at: int) -> None:
        self.report("triggered", order, at)
        order["after"] = at
        if order["kind"] == "market":
            order["state"] = "market"
        elif not self.inside(order, price):
            order["state"] = "resting"
        elif order["post_only"]:
            order["state"] = "done"
            self.report("rejected", order, at, why="post_only")
        else:
            order["state"] = "taking"

    def meet_trade(self, order: dict[str, Any], at: int, price: int, quantity: int) -> None:
        now = at // MINUTE
        if order["state"] == "resting":
            if self.through(order, price):
                order["volume"] += quantity
                self.fill_resting(order, at)
        else:
            taking = order["state"] == "taking"
            order["volume"] += quantity
            taken = self.lots(order, self.position)
            if taking:
                order["state"] = "resting"
            if taken:
                paid = self.price(order["side"], price, taken, now)
                if taking and not self.inside(order, paid):
                    taken = 0
                else:
                    self.fill(order, taken, paid, price, False, at)
                    self.turn_to_limit(order, paid, at)
            if taking and not taken:
                order["volume"] -= quantity
        if order["force"] in ("ioc", "fok", "at_open") and order["state"] != "done":
            self.end(order, "time_in_force", at)

    @staticmethod
    def turn_to_limit(order: dict[str, Any], paid: int, after: int) -> None:
        if order["kind"] == "to_limit" and order["state"] != "done":
            order.update(kind="limit", limit=paid, state="resting", after=after)

    # -- bars ---------------------------------------------------------------------------------

    def on_bar(
        self, opened: int, closed: int, prices: tuple[int, int, int, int], volume: int
    ) -> None:
        self.happen(opened, prints=False, price=prices[0], may_take=True, inclusive=True)
        self.fund(opened, self.last, self.position)
        for order in self.orders:
            starts = order["starts"] or 0
            if order["state"] == "waiting" and order["after"] < closed and starts <= opened:
                self.wake_on_bar(order, opened)
        self.left = volume
        self.opened_position = self.position
        self.bar = (opened, closed, prices, volume)
        self.stop_met = self.limit_met = self.unsure = False
        self.meet_bar([order for order in self.by_age() if self.is_fresh(order)])
        if self.unsure or (self.stop_met and self.limit_met):
            self.ambiguous += 1
        self.fund(closed - 1, self.last, self.opened_position)
        self.fund(closed, prices[3], self.opened_position)
        self.last_now = closed
        if any(o["state"] == "close" and o["expires"] == closed for o in self.orders):
            self.last, self.last_at, self.last_left = prices[3], closed, self.left
        self.happen(closed, prints=False, price=prices[3], may_take=False, inclusive=True)
        self.drop_useless(closed)
        self.last, self.last_at, self.last_left = prices[3], closed, self.left
        self.minutes.append((closed, prices[3], volume))
        self.last_now = closed + 1
        if volume:
            self.traded_at = closed

    def meet_bar(self, fresh: list[dict[str, Any]]) -> None:
        for order in fresh:
            if self.is_stop(order):
                self.stop_at_open(order)
                if not order["reduce_only"]:
                    self.stop_inside(order)
        for order in fresh:
            if not self.is_stop(order):
                self.at_open(order)
                if not order["reduce_only"]:
                    self.after_open(order)
        # Inside of the bar, those that only reduce come last.
        reducing = [order for order in fresh if order["reduce_only"]]
        stops = [order for order in reducing if self.is_stop(order)]
        for order in stops:
            self.stop_inside(order)
        for order in reducing:
            if order not in stops:
                self.after_open(order)

    def is_fresh(self, order: dict[str, Any]) -> bool:
        if self.profile.stale_after_ns is None:
            return True
        opened, _, _, volume = self.bar
        traded = opened if volume else self.traded_at
        return traded is not None and order["arrival"] - traded <= self.profile.stale_after_ns

    def wake_on_bar(self, order: dict[str, Any], opened: int) -> None:
        if order["trigger"]:
            order["state"] = "armed"
        elif order["kind"] != "limit":
            order["state"] = "market"
        else:
            takes = order["after"] <= opened and not order["post_only"]
            order["state"] = "taking" if takes else "resting"

    @staticmethod
    def is_stop(order: dict[str, Any]) -> bool:
        return order["state"] == "armed" and order["trigger"] in ("stop", "trailing")

    def is_before(self, order: dict[str, Any]) -> bool:
        return bool(order["after"] <= self.bar[0])

    def outlives(self, order: dict[str, Any]) -> bool:
        return bool(order["expires"] >= self.bar[1])

    def by_close(self, order: dict[str, Any]) -> int:
        """Venue time of what happens inside of the bar."""
        return int(min(self.bar[1], order["expires"] - 1))

    def take(self, order: dict[str, Any], reference: int, at: int) -> None:
        at_open = at == self.bar[0]
        order["volume"] += self.bar[3]
        taken = self.lots(order, self.opened_position if at_open else self.position)
        if taken:
            paid = self.price(order["side"], reference, taken, self.bar[1])
            self.fill(order, taken, paid, reference, False, at)
            if at_open:
                self.opened_position += order["side"] * taken
            was = order["kind"]
            self.turn_to_limit(order, paid, self.bar[1])
            if was == "to_limit":
                self.end_at_once(order)

    def goes_by_close(self, order: dict[str, Any]) -> bool:
        by_close = self.profile.stop_limit_rule == "close"
        return by_close and order["trigger"] == "stop" and order["kind"] == "limit"

    def fill_by_close(self, order: dict[str, Any], at: int) -> None:
        _, closed, (_, high, low, close), volume = self.bar
        if close == order["limit"] or not self.inside(order, close):
            return
        self.limit_met = True
        if order["counted"] != closed:
            order["volume"] += volume
        worst = min(order["limit"], high) if order["side"] == 1 else max(order["limit"], low)
        self.fill_resting(order, at, worst)

    def stop_at_open(self, order: dict[str, Any]) -> None:
        if self.goes_by_close(order):
            return
        if self.is_before(order) and self.shown_price(order, self.bar[2][0]):
            self.stop_met = True
            self.trigger_at_open(order)

    def trigger_at_open(self, order: dict[str, Any]) -> None:
        opened, closed, prices, _ = self.bar
        self.release(order, prices[0], opened)
        if order["state"] == "market":
            self.take(order, prices[0], opened)
            order["after"] = closed
            self.end_at_once(order)

    def stop_inside(self, order: dict[str, Any]) -> None:
        if not self.is_stop(order) or not self.is_before(order) or not self.outlives(order):
            return
        _, high, low, _ = self.bar[2]
        against = high if order["side"] == 1 else low
        hit = (
            self.trails_into(order)
            if order["trigger"] == "trailing"
            else self.reached(order, against)
        )
        if hit:
            self.stop_met = True
            self.trigger_inside(order)

    def trails_into(self, order: dict[str, Any]) -> bool:
        _, high, low, close = self.bar[2]
        against, best = (high, low) if order["side"] == 1 else (low, high)
        woken = order["activation"] is not None
        if woken:
            activation = order["activation"]
            if not self.inside(order, best, activation):
                return False
            order["activation"] = None
            if self.reached(order, activation):
                order["stop"] = activation
                return True
            self.follow(order, activation)
        if self.reached(order, against):
            nearer = {**order}
            self.follow(nearer, best)
            if nearer["stop"] != order["stop"] or (woken and not self.reached(order, close)):
                self.unsure = True
            return True
        self.follow(order, best)
        if self.reached(order, against):
            if not self.reached(order, close):
                self.unsure = True
            return True
        return False

    def trigger_inside(self, order: dict[str, Any]) -> None:
        _, closed, prices, volume = self.bar
        at = self.by_close(order)
        self.release(order, order["stop"], at)
        if order["state"] == "done":
            return
        if order["state"] == "market":
            self.take(order, order["stop"], at)
        elif self.goes_by_close(order):
            order["state"] = "resting"
            self.fill_by_close(order, at)
        else:
            order["state"] = "resting"
            if self.through(order, prices[3]) and not self.reached(order, prices[3]):
                self.limit_met = True
                order["volume"] += volume
                self.fill_resting(order, at)
        order["after"] = closed
        self.end_at_once(order)

    def at_open(self, order: dict[str, Any]) -> None:
        opened, closed, prices, volume = self.bar
        if order["state"] in ("waiting", "close", "done") or not self.is_before(order):
            return
        if order["state"] == "armed" and self.reached(order, prices[0]):
            self.limit_met = True
            self.trigger_at_open(order)
            if order["after"] == closed:
                return
        if order["state"] == "market":
            self.take(order, prices[0], opened)
        elif order["state"] == "taking":
            order["state"] = "resting"
            if self.inside(order, prices[0]):
                order["volume"] += volume
                # It takes whole, so what it shows is no bound.
                taken = self.lots({**order, "state": "taking"}, self.opened_position)
                paid = self.price(order["side"], prices[0], taken, closed) if taken else 0
                if taken and self.inside(order, paid):
                    self.fill(order, taken, paid, prices[0], False, opened)
                    self.opened_position += order["side"] * taken
                    self.limit_met = True
                    order["counted"] = closed
                else:
                    order["volume"] -= volume
        if order["force"] == "at_open":
            self.end_at_once(order)

    def after_open(self, order: dict[str, Any]) -> None:
        _, closed, prices, volume = self.bar
        if order["state"] in ("waiting", "close", "done") or not self.outlives(order):
            return
        side = order["side"]
        best = prices[2] if side == 1 else prices[1]
        if self.is_before(order):
            if order["state"] == "armed":
                if order["trigger"] == "touch" and self.reached(order, best):
                    self.limit_met = True
                    self.trigger_inside(order)
                return
            if order["state"] == "resting" and self.goes_by_close(order):
                self.fill_by_close(order, self.by_close(order))
            elif order["state"] == "resting" and self.through(order, best):
                self.limit_met = True
                if order["counted"] != closed:
                    order["volume"] += volume
                self.fill_resting(order, self.by_close(order))
            self.end_at_once(order)
        elif order["state"] == "market" and order["after"] < closed:
            if not order["judged"]:
                self.judge(order, None)
            if order["state"] == "market":
                worse = max if side == 1 else min
                by_close = self.profile.inside_rule == "close"
                reference = prices[3] if by_close else worse(prices[0], prices[3])
                self.take(order, reference, self.by_close(order))
                self.end_at_once(order)

    def end_at_once(self, order: dict[str, Any]) -> None:
        lives_once = order["force"] in ("ioc", "fok", "at_open")
        if lives_once and order["state"] != "done" and self.outlives(order):
            self.end(order, "time_in_force", self.bar[1])

    def finish(self, until: int) -> None:
        """Answer what arrives or expires after the last print."""
        self.happen(until, prints=True, price=self.last, may_take=True, inclusive=True)
