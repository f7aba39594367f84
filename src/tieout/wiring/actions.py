"""Data sets of corporate actions: what a run is given of them, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.adapters.feeds.history import action_stream
from tieout.errors import InputError
from tieout.model.actions import event_of
from tieout.model.events import CorporateAction, Split
from tieout.strategy.compiled import CompiledStrategy
from tieout.strategy.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tieout.adapters.feeds.history import Stream
    from tieout.history import Dataset
    from tieout.model.actions import Action
    from tieout.model.events import Input
    from tieout.model.profiles import SimulationProfile

__all__ = [
    "actions_of",
    "actions_within",
    "check_actions",
    "events_of_actions",
    "not_recorded",
    "streams_of_actions",
]


def actions_of(
    datasets: Iterable[Dataset], profile: SimulationProfile, *, slice_ns: int = 0
) -> list[CorporateAction]:
    """Return the corporate actions among data sets as events, in order of arrival.

    Each arrives once bars and trades from before it have, by the profile's delays; where rows are
    delivered in slices, at the end of one.
    """
    stored = [each for dataset in datasets if _holds_actions(dataset) for each in dataset.actions()]
    return events_of_actions(stored, profile, slice_ns=slice_ns)


def events_of_actions(
    stored: Iterable[Action], profile: SimulationProfile, *, slice_ns: int = 0
) -> list[CorporateAction]:
    """Return corporate actions as events, in order of arrival; see `actions_of`."""
    ordered = sorted(stored, key=lambda each: (each.venue_time_ns, int(each.kind), each.instrument))
    events = [event_of(each, delay_ns=profile.action_delay_ns) for each in ordered]
    width = slice_ns or 1
    sliced = [
        msgspec.structs.replace(each, arrival_time_ns=-(-each.arrival_time_ns // width) * width)
        for each in events
    ]
    return sorted(sliced, key=lambda each: each.arrival_time_ns)


def actions_within(
    actions: Sequence[CorporateAction], start_ns: int
) -> tuple[list[CorporateAction], list[CorporateAction]]:
    """Return what is known to have taken effect by a start, as of then, and what comes after."""
    past, later = [], []
    for each in actions:
        if each.venue_time_ns <= start_ns and each.arrival_time_ns <= start_ns:
            past.append(msgspec.structs.replace(each, arrival_time_ns=start_ns))
        else:
            arrival_ns = max(each.arrival_time_ns, start_ns)
            later.append(msgspec.structs.replace(each, arrival_time_ns=arrival_ns))
    return past, later


def streams_of_actions(actions: Sequence[CorporateAction]) -> list[Stream]:
    """Return actions as a stream of a run on history; none where there are none."""
    return [action_stream(actions)] if actions else []


def not_recorded(
    actions: Sequence[CorporateAction], recorded: Iterable[Input]
) -> list[CorporateAction]:
    """Return the actions that a run's journal has not."""
    known = {
        (type(each), each.instrument, each.venue_time_ns)
        for each in recorded
        if isinstance(each, CorporateAction)
    }
    return [
        each for each in actions if (type(each), each.instrument, each.venue_time_ns) not in known
    ]


def check_actions(actions: Sequence[CorporateAction], made: type[Strategy]) -> None:
    """Refuse a compiled strategy that would pass over a split.

    Raises:
        InputError: It does not say what a split does to what it keeps.
    """
    told = made.on_corporate_action is not Strategy.on_corporate_action
    if issubclass(made, CompiledStrategy) and not told:
        split = next((each for each in actions if isinstance(each, Split)), None)
        if split is not None:
            raise InputError(
                f"strategy {made.__name__}: it is compiled, and {split.instrument} is split "
                f"{split.new}:{split.old} at {split.venue_time_ns} ns; write on_corporate_action "
                "and change there what it keeps in its memory, or leave it empty where it keeps "
                "no prices or quantities"
            )


def _holds_actions(dataset: Dataset) -> bool:
    return dataset.meta.kind == "actions"
