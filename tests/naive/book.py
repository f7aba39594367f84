"""An L2 book as two dictionaries: the twin of apply_rows, find_lots and copy_levels."""

from __future__ import annotations

LEVEL, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4


class NaiveBook:
    """Levels by price, and what could not be right, row by row."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.breaks: list[tuple[str, int]] = []
        self.newest: int | None = None
        self.crossed = False

    def apply(
        self, row: int, time: int, kind: int, side: int, price: int, lots: int, last: bool
    ) -> None:
        if kind != TRADE:
            if self.newest is not None and time < self.newest:
                self.breaks.append(("stale", row))
                return
            self.newest = time
            self.change(kind, side, price, lots)
        if last:
            crossed = bool(
                self.sides[1] and self.sides[-1] and max(self.sides[1]) >= min(self.sides[-1])
            )
            if crossed and not self.crossed:
                self.breaks.append(("crossed", row))
            self.crossed = crossed

    def change(self, kind: int, side: int, price: int, lots: int) -> None:
        if kind == CLEAR:
            for each in (1, -1):
                if side in (0, each):
                    self.sides[each] = {}
        elif lots:
            self.sides[side][price] = lots
        else:
            self.sides[side].pop(price, None)

    def levels(self, side: int) -> list[tuple[int, int]]:
        return sorted(self.sides[side].items(), reverse=side == 1)
