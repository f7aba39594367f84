"""Queue models for books without order identities: what each assumes stands on the books page."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

import msgspec

from tieout.errors import SettingsError
from tieout.market import _book_layout as at
from tieout.market._queues_compiled import (
    LOG_QUEUE,
    LOG_SHARE_QUEUE,
    MICRO,
    PESSIMISTIC_QUEUE,
    POWER_QUEUE,
    POWER_REST_QUEUE,
    POWER_SHARE_QUEUE,
    find_ahead,
    find_share_behind,
)
from tieout.model.decimals import plain_decimal

__all__ = ["MICROLOTS", "QueueKind", "QueueModel"]

MICROLOTS: Final = MICRO
"""Microlots in a lot: what stands ahead of an order is counted in them."""

_POWER_MAX: Final = 20


@unique
class QueueKind(IntEnum):
    """The form of a queue model. With F ahead and B behind, p is the share that left behind us."""

    PESSIMISTIC = PESSIMISTIC_QUEUE
    """Only prints bring us forward; a level smaller than what is ahead caps it."""
    POWER = POWER_QUEUE
    """p = Bⁿ / (Bⁿ + Fⁿ)"""
    POWER_SHARE = POWER_SHARE_QUEUE
    """p = Bⁿ / (B + F)ⁿ"""
    POWER_REST = POWER_REST_QUEUE
    """p = 1 − (F / (B + F))ⁿ"""
    LOG = LOG_QUEUE
    """p = ln(1 + B) / (ln(1 + B) + ln(1 + F)), in lots"""
    LOG_SHARE = LOG_SHARE_QUEUE
    """p = ln(1 + B) / ln(1 + B + F), in lots"""


_NAMES = {
    "pessimistic": QueueKind.PESSIMISTIC,
    "power": QueueKind.POWER,
    "power-share": QueueKind.POWER_SHARE,
    "power-rest": QueueKind.POWER_REST,
    "log": QueueKind.LOG,
    "log-share": QueueKind.LOG_SHARE,
}
_POWERS = (QueueKind.POWER, QueueKind.POWER_SHARE, QueueKind.POWER_REST)


class QueueModel(msgspec.Struct, frozen=True):
    """How we think a queue thins out ahead of us.

    Attributes:
        kind: `QueueKind` value.
        twice_power: Twice the exponent n of the power forms, 1 … 20; 0 for the others.

    >>> QueueModel.named("power-rest-1.5").name
    'power-rest-1.5'
    """

    kind: QueueKind = QueueKind.PESSIMISTIC
    twice_power: int = 0

    def __post_init__(self) -> None:
        allowed = 1 <= self.twice_power <= _POWER_MAX
        if not allowed if self.kind in _POWERS else self.twice_power:
            raise SettingsError(
                f"queue model {self.name}: exponent {self.twice_power / 2:g}; allowed: multiples "
                "of 0.5 from 0.5 to 10 for the power forms, none for the others"
            )

    @staticmethod
    def named(name: str) -> QueueModel:
        """Return the model of a name such as `pessimistic`, `power-3`, `power-rest-1.5` or `log`.

        Raises:
            SettingsError: There is no such model.
        """
        form, _, exponent = name.rpartition("-")
        if name in _NAMES and _NAMES[name] not in _POWERS:
            return QueueModel(_NAMES[name])
        try:
            twice = plain_decimal(exponent) * 2
            if form in _NAMES and twice == int(twice):
                return QueueModel(_NAMES[form], int(twice))
        except (ArithmeticError, ValueError):
            pass
        raise SettingsError(
            f"queue model {name!r} is unknown; choose pessimistic, log, log-share, or power, "
            "power-share, power-rest with an exponent, such as power-3"
        )

    @property
    def name(self) -> str:
        """The name that `named` takes."""
        form = next(name for name, kind in _NAMES.items() if kind == self.kind)
        return f"{form}-{self.twice_power / 2:g}" if self.kind in _POWERS else form

    def share_behind(self, ahead_lots: float, behind_lots: float) -> float:
        """Return p: the share of what left untraded that is taken to have stood behind us."""
        if self.kind == QueueKind.PESSIMISTIC:
            return 1.0
        found: float = find_share_behind(
            int(self.kind), self.twice_power, float(ahead_lots), float(behind_lots)
        )
        return found

    def ahead_after(
        self, ahead_microlots: int, *, before_lots: int, after_lots: int, traded_microlots: int = 0
    ) -> int:
        """Return the microlots ahead of us once a level's size has changed.

        Args:
            ahead_microlots: Ahead so far; prints are taken off before.
            before_lots: What the level showed.
            after_lots: What it shows now.
            traded_microlots: Printed at the level since it was last told.

        Raises:
            SettingsError: A quantity is negative or beyond exact arithmetic.
        """
        quantities = (ahead_microlots, before_lots * MICRO, after_lots * MICRO, traded_microlots)
        if min(quantities) < 0 or max(quantities) > at.LOTS_MAX * MICRO:
            raise SettingsError(
                f"queue of {ahead_microlots} microlots, level {before_lots} → {after_lots} lots, "
                f"{traded_microlots} microlots traded; allowed: 0 … {at.LOTS_MAX} lots"
            )
        found: int = find_ahead(
            int(self.kind),
            self.twice_power,
            ahead_microlots,
            traded_microlots,
            before_lots,
            after_lots,
        )
        return found
