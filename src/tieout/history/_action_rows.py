"""Corporate actions as stored columns, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.model.actions import Action, ActionKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["AMOUNT_MAX", "TEXT_LETTERS_MAX", "action_columns", "action_of_row", "in_order"]

_TEXTS: Final = ("text_1", "text_2", "text_3")
_LETTERS: Final = 8

AMOUNT_MAX: Final = 2**62
"""Largest amount that can be stored, in money units; more than four million of the currency."""

TEXT_LETTERS_MAX: Final = _LETTERS * len(_TEXTS)
"""Longest symbol that can be stored."""


def in_order(actions: Sequence[Action]) -> list[Action]:
    """Return actions in the order in which they take effect."""
    return sorted(actions, key=lambda each: (each.venue_time_ns, int(each.kind)))


def action_columns(actions: Sequence[Action]) -> dict[str, NDArray[np.int64]]:
    """Return actions as stored columns; their texts are ASCII and short enough."""
    made: dict[str, list[int]] = {
        "venue_time_ns": [each.venue_time_ns for each in actions],
        "known_time_ns": [each.known_time_ns for each in actions],
        "action": [int(each.kind) for each in actions],
        "value": [each.value for each in actions],
        "per": [each.per for each in actions],
        "reference": [each.reference for each in actions],
    }
    for place, name in enumerate(_TEXTS):
        made[name] = [
            int.from_bytes(each.text.encode("ascii")[place * 8 : place * 8 + 8], "little")
            for each in actions
        ]
    return {name: np.array(values, np.int64) for name, values in made.items()}


def action_of_row(symbol: str, row: Mapping[str, int]) -> Action:
    """Return the action that a stored row tells of."""
    letters = b"".join(int(row[name]).to_bytes(_LETTERS, "little") for name in _TEXTS)
    return Action(
        instrument=symbol,
        kind=ActionKind(int(row["action"])),
        venue_time_ns=int(row["venue_time_ns"]),
        known_time_ns=int(row["known_time_ns"]),
        value=int(row["value"]),
        per=int(row["per"]),
        reference=int(row["reference"]),
        text=letters.rstrip(b"\x00").decode("ascii"),
    )
