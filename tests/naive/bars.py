"""Bars by their definitions, in plain Python: lists of trades, nothing carried along.

It is the twin of make_bars, pass_time, next_due and join_bars. Every interval is walked through one
after the other, and a bar is computed from all of its trades whenever it is told.
"""

from __future__ import annotations

from typing import Any

CLOSED, RUNNING, GAP = 1, 2, 3
NEVER = 2**62
Row = tuple[int, ...]


class NaiveBars:
    """What is told, as (kind, open, close, known, o, h, l, c, volume, trades, revision)."""

    def __init__(
        self, rule: Any, grace: int | None, running: int = 0, whole_from: int = 0, kept: int = 64
    ) -> None:
        self.rule = rule
        self.grace = NEVER if grace is None else grace
        self.running = running
        self.whole_from = whole_from
        self.kept_max = kept
        self.kept: list[int] = []
        self.forgotten = 0
        self.revision: dict[int, int] = {}
        self.shown: dict[int, int] = {}
        self.inside: dict[int, list[tuple[int, ...]]] = {}
        self.current: tuple[int, int] | None = None
        self.gap_told = False
        self.running_due = NEVER
        self.out: list[Row] = []
        self.lost = 0
        self.corrected = 0
        self.counted_until = 0
        self.first_price = 0
        self.count: list[tuple[int, ...]] = []

    # -- intervals ----------------------------------------------------------------------------

    def interval(self, time: int) -> tuple[int, int] | None:
        length = self.rule.size
        if not self.rule.sessions:
            return time // length * length, time // length * length + length
        for opened, closed in self.rule.sessions:
            if opened <= time < closed:
                start = opened + (time - opened) // length * length
                return start, min(start + length, closed)
        return None

    def first_from(self, time: int) -> tuple[int, int]:
        found = self.interval(time)
        if found is not None:
            return found
        later = [opened for opened, _ in self.rule.sessions if opened > time]
        if not later:
            return NEVER, NEVER
        found = self.interval(min(later))
        assert found is not None
        return found

    # -- telling ------------------------------------------------------------------------------

    def bar(self, opened: int, closed: int) -> tuple[int, ...]:
        trades = sorted(self.inside.get(opened, []), key=lambda each: (each[0], each[1]))
        if not trades:
            price = self.price_before(opened)
            return opened, closed, price, price, price, price, 0, 0
        return (
            opened,
            closed,
            trades[0][2],
            max(each[3] for each in trades),
            min(each[4] for each in trades),
            trades[-1][5],
            sum(each[6] for each in trades),
            sum(each[7] for each in trades),
        )

    def price_before(self, opened: int) -> int:
        before = [each for each in self.inside if each < opened and self.inside[each]]
        return self.bar(max(before), max(before))[5] if before else self.first_price

    def tell(self, kind: int, interval: tuple[int, int], known: int, revision: int = 0) -> None:
        opened, closed, *prices, volume, trades = self.bar(*interval)
        self.out.append((kind, opened, closed, known, *prices, volume, trades, revision))
        if kind == CLOSED:
            self.revision[opened] = revision
            self.shown[opened] = prices[3]

    def keep(self, opened: int, closed: int) -> None:
        if len(self.kept) == self.kept_max:
            oldest = min(self.kept)
            self.kept.remove(oldest)
            end = self.interval(oldest)
            assert end is not None
            self.forgotten = max(self.forgotten, end[1])
        self.kept.append(opened)

    # -- time ---------------------------------------------------------------------------------

    def silent(self) -> bool:
        assert self.current is not None
        gaps = self.rule.gaps.name
        empty = not self.inside.get(self.current[0])
        return empty and (gaps == "SKIP" or (gaps == "HALT" and self.gap_told))

    def close(self, known: int) -> None:
        assert self.current is not None
        current = self.current
        whole = current[0] >= self.whole_from
        gaps = self.rule.gaps.name
        if self.inside.get(current[0]):
            self.gap_told = False
            if whole:
                self.keep(*current)
                self.tell(CLOSED, current, known)
        elif gaps == "FILL" and whole:
            self.keep(*current)
            self.tell(CLOSED, current, known)
        elif gaps == "HALT" and not self.gap_told and whole:
            self.gap_told = True
            self.tell(GAP, current, known)
        self.running_due = NEVER
        self.corrected = 0
        self.current = self.first_from(current[1])

    def due(self) -> int:
        if self.current is None or self.grace == NEVER or self.current[1] == NEVER:
            return NEVER
        return self.current[1] + self.grace

    def clock(self, now: int) -> None:
        while min(self.due(), self.running_due) <= now:
            if self.due() <= self.running_due:
                self.close(self.due())
            else:
                self.tell_under_way(self.running_due)
                self.running_due = NEVER

    def tell_under_way(self, known: int) -> None:
        if self.rule.kind.name == "TIME":
            assert self.current is not None
            self.tell(RUNNING, self.current, known, self.corrected)
        else:
            self.out.append((RUNNING, *self.counted(known)))

    def next_due(self) -> int:
        if self.rule.kind.name != "TIME" or self.current is None or self.silent():
            return self.running_due
        return min(self.due(), self.running_due)

    def after_row(self, arrival: int) -> None:
        if self.running == -1:
            self.tell_under_way(arrival)
        elif self.running and self.running_due == NEVER:
            self.running_due = (arrival // self.running + 1) * self.running

    # -- rows ---------------------------------------------------------------------------------

    def trade(self, time: int, arrival: int, price: int, quantity: int, number: int) -> None:
        row = (time, number, price, price, price, price, quantity, 1)
        if self.rule.kind.name != "TIME":
            self.clock(arrival)
            self.count_in(time, arrival, price, quantity)
        else:
            self.row(time, arrival, row)

    def row(self, time: int, arrival: int, row: tuple[int, ...]) -> None:
        self.pass_by(time, arrival)
        self.add(time, arrival, row)

    def pass_by(self, time: int, arrival: int) -> None:
        self.clock(arrival)
        if self.current is None:
            if self.interval(time) is None:
                return
            self.current = self.first_from(max(time, arrival - self.grace))
        while self.current[1] <= time:
            self.close(arrival)

    def add(self, time: int, arrival: int, row: tuple[int, ...]) -> None:
        if self.current is None:
            self.lost += row[7]
            return
        self.first_price = self.first_price or row[5]
        if time < self.current[0]:
            self.late(time, arrival, row)
            return
        self.inside.setdefault(self.current[0], []).append(row)
        if self.current[0] < self.whole_from:
            self.lost += row[7]
        else:
            self.after_row(arrival)

    def late(self, time: int, arrival: int, row: tuple[int, ...]) -> None:
        interval = self.interval(time)
        if interval is None or interval[0] < self.whole_from:
            self.lost += row[7]
            return
        opened = interval[0]
        full = len(self.kept) == self.kept_max
        if opened not in self.kept and (
            opened < self.forgotten or (full and opened < min(self.kept))
        ):
            self.lost += row[7]
            return
        if opened not in self.kept:
            self.keep(*interval)
        self.inside.setdefault(opened, []).append(row)
        self.revise(interval, arrival)

    def revise(self, interval: tuple[int, int], arrival: int) -> None:
        self.tell(CLOSED, interval, arrival, self.revision.get(interval[0], 0) + 1)
        for later in sorted(each for each in self.kept if each > interval[0]):
            if self.inside.get(later) or self.shown[later] == self.bar(later, later)[5]:
                break
            following = self.interval(later)
            assert following is not None
            self.tell(CLOSED, following, arrival, self.revision[later] + 1)

    # -- finer bars ---------------------------------------------------------------------------

    def finer(self, opened: int, closed: int, arrival: int, bar: tuple[int, ...]) -> None:
        """Take a finer bar (o, h, l, c, volume, trades); a known one is replaced."""
        row = (opened, 0, *bar)
        if bar[5] or self.current is not None:
            self.pass_by(opened, arrival)
        interval = self.interval(opened)
        if interval is None or self.current is None:
            self.lost += bool(interval is None)
            return
        known = self.inside.get(interval[0], [])
        place = next((at for at, each in enumerate(known) if each[0] == opened), None)
        if place is not None:
            if interval[0] != self.current[0] and interval[0] not in self.kept:
                self.lost += 1
                return
            known[place] = row
            self.corrected += interval[0] == self.current[0]
            if interval[0] != self.current[0]:
                self.revise(interval, arrival)
            elif interval[0] >= self.whole_from:
                self.after_row(arrival)
            return
        if bar[5]:
            self.add(opened, arrival, row)
        if closed == self.current[1]:
            self.close(arrival)

    # -- bars of trades, lots, notional -------------------------------------------------------

    def counted(self, known: int) -> tuple[int, ...]:
        times = [each[0] for each in self.count]
        prices = [each[1] for each in self.count]
        volume = sum(each[2] for each in self.count)
        first, last = prices[0], prices[-1]
        ends = (min(times), max(*times, self.counted_until) + 1)
        high, low = max(prices), min(prices)
        return (*ends, known, first, high, low, last, volume, len(prices), 0)

    def count_in(self, time: int, arrival: int, price: int, quantity: int) -> None:
        self.count.append((time, price, quantity))
        full = {
            "TRADES": len(self.count),
            "VOLUME": sum(each[2] for each in self.count),
            "NOTIONAL": sum(each[1] * each[2] for each in self.count),
        }[self.rule.kind.name]
        if full >= self.rule.size:
            self.out.append((CLOSED, *self.counted(arrival)))
            self.counted_until = self.out[-1][2]
            self.count = []
            self.running_due = NEVER
        else:
            self.after_row(arrival)
