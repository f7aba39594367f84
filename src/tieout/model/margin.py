"""What an account may hold for its money: the kind of account, and margin by brackets."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum, unique
from functools import cached_property
from itertools import pairwise
from typing import Final

import msgspec

from tieout.errors import SettingsError
from tieout.model.decimals import check_decimals
from tieout.model.money import money

__all__ = ["LIQUIDATION", "MarginBracket", "MarginMode", "MarginTerms"]

LIQUIDATION: Final = "liquidation"
"""What the ids of orders begin with by which a venue closes a position."""


@unique
class MarginMode(StrEnum):
    """What a loss may take."""

    CASH = "cash"
    """Nothing is borrowed: a purchase is paid in full, and nothing is sold that is not held."""
    CROSS = "cross"
    """The whole account stands for every position."""
    ISOLATED = "isolated"
    """Each position stands for itself, with the initial margin of what it cost."""


class MarginBracket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of a position from a size on.

    Attributes:
        from_notional: Least value of the position, in the account's currency.
        initial_rate: Margin asked for at the order, as a share of the whole position.
        maintenance_rate: Margin below which the venue closes it, as a share of the part of the
            position in this bracket: what lies in smaller brackets counts by theirs.
    """

    from_notional: Decimal = Decimal(0)
    initial_rate: Decimal
    maintenance_rate: Decimal


class MarginTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A venue's margin rules for one account.

    Attributes:
        mode: `MarginMode`.
        brackets: By ascending size, the first from 0; none for a cash account.
        leverage: What the account chose; margin at the order is at least 1/leverage. None: as
            much as the brackets allow.
        liquidation_fee_rate: What the venue takes on top of its fee for closing a position, as a
            share of the notional.
        warning_ratio: The venue warns once the maintenance margin is this share of what stands for
            the position with its open profit; at 1 it closes it. None: it never warns.

    Raises:
        SettingsError: Brackets do not ascend, or a rate is out of its range.
    """

    mode: MarginMode
    brackets: tuple[MarginBracket, ...] = ()
    leverage: Decimal | None = None
    liquidation_fee_rate: Decimal = Decimal(0)
    warning_ratio: Decimal | None = None

    def __post_init__(self) -> None:
        check_decimals("margin", self)
        if self.mode == MarginMode.CASH:
            if self.brackets or self.leverage is not None or self.warning_ratio is not None:
                raise SettingsError(
                    "margin: a cash account has no brackets, no leverage and no warning_ratio"
                )
            return
        if not self.brackets or self.brackets[0].from_notional != 0:
            raise SettingsError("margin: the first bracket must begin at 0")
        for one, other in pairwise(self.brackets):
            if (
                one.from_notional >= other.from_notional
                or one.maintenance_rate > other.maintenance_rate
            ):
                raise SettingsError(
                    f"margin: the bracket from {other.from_notional} must be larger than the one "
                    "before, and ask for no less"
                )
        for each in self.brackets:
            if not 0 < each.maintenance_rate <= each.initial_rate <= 1:
                raise SettingsError(
                    f"margin: bracket from {each.from_notional}: rates {each.maintenance_rate} and "
                    f"{each.initial_rate}; allowed: 0 < maintenance_rate ≤ initial_rate ≤ 1"
                )
        if self.leverage is not None and self.leverage < 1:
            raise SettingsError(f"margin: leverage {self.leverage} must be 1 or more")
        if not 0 <= self.liquidation_fee_rate < 1:
            raise SettingsError("margin: liquidation_fee_rate must be a share")
        if self.warning_ratio is not None and not 0 < self.warning_ratio < 1:
            raise SettingsError(
                f"margin: warning_ratio {self.warning_ratio}; allowed: a share of the money that "
                "stands for the position, above 0 and below 1, at which it is closed"
            )

    @cached_property
    def deductions(self) -> tuple[int, ...]:
        """What is taken off notional · maintenance_rate in each bracket, in money units.

        It makes the margin of a position rise without a jump where a bracket begins.
        """
        found = [0]
        for one, other in pairwise(self.brackets):
            more = other.from_notional * (other.maintenance_rate - one.maintenance_rate)
            found.append(found[-1] + money(more))
        return tuple(found)
