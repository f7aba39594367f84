"""The lines of an attribution: which step and part, which order, how much money, and why."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

import msgspec

__all__ = ["ACTIONS_PART", "OPTIONAL_PARTS", "PARTS", "Evidence", "Named", "Row", "Step"]

Evidence = Mapping[str, object]
"""Facts behind a line, from both sides; JSON as it stands."""


@unique
class Step(StrEnum):
    """What changes from one rung to the next."""

    DATA = "data"
    EXECUTION = "execution"
    COST = "cost"
    LOGIC = "logic"
    UNEXPLAINED = "unexplained"


ACTIONS_PART: Final = "corporate_actions"
"""The part of splits and dividends; shown only where there were some."""

VALUE_ROUNDING_PART: Final = "value_rounding"
"""The part of inverse contracts, whose values are rounded: that of lots is not the sum over them.

A few 10⁻¹² of the coin; shown only where it is not nothing.
"""

OPTIONAL_PARTS: Final = (ACTIONS_PART, VALUE_ROUNDING_PART)
"""Parts that are shown only where there is a row of them."""

PARTS: Final[Mapping[Step, tuple[str, ...]]] = {
    Step.DATA: ("price", "quantity", "knock_on", "valuation", *OPTIONAL_PARTS),
    Step.EXECUTION: (
        "delay",
        "half_spread",
        "impact",
        "queue_and_partial",
        "missed",
        "knock_on",
        *OPTIONAL_PARTS,
    ),
    Step.COST: ("commission", "funding", "borrow", "rounding", "knock_on", *OPTIONAL_PARTS),
    Step.LOGIC: ("restart", "downtime", "operator", "decisions", "model_error"),
    Step.UNEXPLAINED: (
        "fill_missing_in_journal",
        "fill_missing_in_statement",
        "price",
        "quantity",
        "fee",
        "funding",
        "start_position",
        "valuation",
        "venue_books",
        "rounding",
        "other_rows",
        "balance",
        *OPTIONAL_PARTS,
    ),
}
"""Every part a step may have, in the order they are shown."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a step.

    Attributes:
        part: One of the step's `PARTS`.
        decision_id: The order it belongs to; empty when it belongs to none.
        amount: Internal money units; positive means the side nearer to the account did better.
        evidence: What it was computed from.
    """

    step: Step
    part: str
    decision_id: str
    amount: int
    evidence: Evidence


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved on the account and is not this run's doing.

    Attributes:
        kind: `transfer`, `foreign_order` or `foreign_instrument`.
        amount: Internal money units, taken off the account's change.
        evidence: The statement's row.
    """

    kind: str
    amount: int
    evidence: Evidence
