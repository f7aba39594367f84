"""What a run names besides its market: calendars, lists and rules by date, what to borrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tieout.adapters.feeds.announced import ANNOUNCED, AnnouncedSource, announced
from tieout.adapters.feeds.in_sessions import SessionMarket
from tieout.adapters.feeds.stacked import StackedMarket
from tieout.errors import InputError
from tieout.history.reference import ReferenceStore
from tieout.journal.manifest import ReferenceUse
from tieout.kernel.reference import Reference
from tieout.model.rules import DatedRules
from tieout.model.universes import Universe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tieout.adapters.feeds.announced import Announcement
    from tieout.adapters.storage.runs import RunFolder
    from tieout.history.places import StoredAt
    from tieout.journal.manifest import Manifest
    from tieout.kernel.ports import MarketRecord, Source
    from tieout.model.borrow import BorrowSeries
    from tieout.model.calendars import Calendar
    from tieout.model.events import Input
    from tieout.model.instruments import Instrument
    from tieout.model.venues import VenueProfile

__all__ = [
    "Named",
    "announced_again",
    "announced_to",
    "calendars_of",
    "in_sessions",
    "keep_sets",
    "kept_sets",
    "named_facts",
    "named_of",
    "reference_of",
    "same_sets",
    "venue_of",
    "with_announcements",
    "with_calendar",
]

Sets = tuple[Universe | DatedRules, ...]
"""Lists and rules, as data sets have them."""

_KEPT = "reference.json"


@dataclass(frozen=True, slots=True)
class Named:
    """What was named for a run.

    Attributes:
        data: Names of data sets of the market.
        sets: Lists and rules among the names.
        calendars: The calendars.
    """

    data: tuple[str, ...]
    sets: Sets = ()
    calendars: tuple[Calendar, ...] = ()

    def uses(self, instruments: Iterable[Instrument]) -> tuple[ReferenceUse, ...]:
        """Return how a manifest names lists and rules.

        Raises:
            InputError: Rules are of an instrument that the run does not have, or finer than its
                data.
        """
        known = {each.symbol: each for each in instruments}
        uses = []
        for each in self.sets:
            if isinstance(each, Universe):
                symbols = tuple(symbol for symbol in each.symbols if symbol in known)
                uses.append(_use(each, "universe", symbols))
                continue
            if each.symbol not in known:
                raise InputError(
                    f"rules {each.name} are of {each.symbol}, which is not part of this run; it "
                    f"has: {', '.join(known)}; name data of it, or leave the rules out"
                )
            each.check_units(known[each.symbol])
            uses.append(_use(each, "rules", (each.symbol,)))
        return tuple(uses)

    def known(self, instruments: Sequence[Instrument]) -> Reference:
        """Return what a kernel is given, of a run without a manifest."""
        return _reference(self.calendars, self.uses(instruments))


def _use(each: Universe | DatedRules, kind: str, symbols: tuple[str, ...]) -> ReferenceUse:
    return ReferenceUse(name=each.name, kind=kind, fingerprint=each.fingerprint, symbols=symbols)


def named_of(
    store: StoredAt, data: Sequence[str], calendars: Sequence[str], venue_profile: VenueProfile
) -> Named:
    """Return what names stand for: data sets of the market, lists, rules and calendars.

    Raises:
        InputError: There is none of a name, or what it names is of another kind.
    """
    reference = ReferenceStore(store)
    there = reference.names()
    wanted = [*calendars, *filter(None, [venue_profile.calendar])]
    return Named(
        data=tuple(each for each in data if each not in there),
        sets=tuple(reference.told(each) for each in data if each in there),
        calendars=tuple(
            reference.calendar(each) for each in dict.fromkeys(wanted) if each != "24/7"
        ),
    )


def with_calendar(venue: VenueProfile, calendars: Sequence[Calendar]) -> VenueProfile:
    """Return a venue profile with the sessions of the calendar that it names.

    Raises:
        InputError: The run does not have that calendar.
    """
    if not venue.calendar or venue.calendar == "24/7":
        return venue
    found = next((each for each in calendars if each.name == venue.calendar), None)
    if found is None:
        raise InputError(
            f"venue {venue.name}: calendar {venue.calendar!r} is not part of this run; name it: "
            "--calendar"
        )
    pauses = tuple(
        (each.break_start_ns, each.break_end_ns)
        for each in found.sessions
        if each.break_start_ns is not None and each.break_end_ns is not None
    )
    return msgspec.structs.replace(venue, sessions=found.hours, breaks=pauses)


def in_sessions(
    records: Mapping[str, MarketRecord], venue: VenueProfile
) -> dict[str, MarketRecord]:
    """Return what a venue that names a calendar matches on: nothing between its sessions.

    Raises:
        InputError: Bars are opened into finer data, whose sessions are not cut.
    """
    if not venue.calendar or not venue.sessions:
        return dict(records)
    for symbol, record in records.items():
        if isinstance(record, StackedMarket):
            raise InputError(
                f"{symbol}: a profile that drills down fills by finer data whatever the hours; "
                f"with the calendar {venue.calendar} of venue {venue.name} choose another level"
            )
    hours = venue.trading_hours
    return {symbol: SessionMarket(record, hours) for symbol, record in records.items()}


def reference_of(manifest: Manifest) -> Reference:
    """Return what the kernel of a manifest is given."""
    return _reference(calendars_of(manifest), manifest.reference)


def calendars_of(manifest: Manifest) -> tuple[Calendar, ...]:
    """Return the calendars of a run."""
    return tuple(each.unpacked() for each in manifest.calendars)


def venue_of(manifest: Manifest) -> VenueProfile:
    """Return the venue profile of a run, with the sessions of the calendar that it names."""
    return with_calendar(manifest.venue_profile, calendars_of(manifest))


def _reference(calendars: Sequence[Calendar], uses: Sequence[ReferenceUse]) -> Reference:
    return Reference(
        calendars={each.name: each for each in calendars},
        universes={each.name: each.symbols for each in uses if each.kind == "universe"},
        dated=frozenset(symbol for each in uses if each.kind == "rules" for symbol in each.symbols),
    )


def named_facts(manifest: Manifest) -> dict[str, str]:
    """Return what a run names besides its market, for people; nothing where it names nothing."""
    facts = {
        "calendars": ", ".join(
            f"{each.name} {each.fingerprint[:12]} ({each.source} {each.version})".replace(" )", ")")
            for each in manifest.calendars
        ),
        "venue hours": manifest.venue_profile.calendar,
        "reference": ", ".join(
            f"{each.kind} {each.name} {each.fingerprint[:12]}" for each in manifest.reference
        ),
    }
    return {word: told for word, told in facts.items() if told}


def with_announcements(
    source: Source,
    declared: Collection[str],
    sets: Sets,
    *,
    calendars: Sequence[Calendar],
    end_ns: int | None = None,
    borrow_rates: BorrowSeries | None = None,
    recorded: Sequence[Input] = (),
) -> Source:
    """Return a source with what is announced besides its market; the source itself where nothing.

    Args:
        source: Of any world.
        declared: Instruments of the run.
        sets: Lists and rules.
        calendars: Those of the run.
        end_ns: End of the run; None where nobody knows yet.
        borrow_rates: What there is to borrow; None: no data set tells it.
        recorded: Inputs of the run that its journal has already.

    Raises:
        InputError: The run starts or ends outside of what is known, or somebody who is on a list
            is no instrument of the run; when the first input is asked for.
    """
    news = [] if borrow_rates is None else borrow_rates.news()
    if not sets and not calendars and not news:
        return source

    def tell(start_ns: int) -> list[Announcement]:
        for calendar in calendars:
            calendar.check_covers(start_ns, end_ns)
        for each in sets:
            if isinstance(each, Universe):
                _check_declared(each, declared, start_ns, end_ns)
        return announced([*sets, *news], start_ns)

    if not recorded:
        return AnnouncedSource(source, tell)
    given = sum(isinstance(each, ANNOUNCED) for each in recorded)
    return AnnouncedSource(source, tell, recorded=given, started_ns=recorded[0].arrival_time_ns)


def announced_to(
    source: Source,
    run: RunFolder,
    manifest: Manifest,
    *,
    borrow_rates: BorrowSeries | None,
    recorded: Sequence[Input] = (),
) -> Source:
    """Return the source of a run that waits for the world with what is announced besides."""
    return with_announcements(
        source,
        {each.symbol for each in manifest.instruments},
        kept_sets(run),
        calendars=calendars_of(manifest),
        borrow_rates=borrow_rates,
        recorded=recorded,
    )


def announced_again(source: Source, recorded: Iterable[Input]) -> Source:
    """Return a source with the announcements of a recorded run."""
    told = [each for each in recorded if isinstance(each, ANNOUNCED)]
    return AnnouncedSource(source, lambda _: told) if told else source


def _check_declared(
    universe: Universe, declared: Collection[str], start_ns: int, end_ns: int | None
) -> None:
    missing = [each for each in universe.symbols_between(start_ns, end_ns) if each not in declared]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" * (len(missing) > 5))
        raise InputError(
            f"universe {universe.name}: {shown} are on it during the run and no data set of the "
            "run is theirs; import their data, delisted ones too, and name it with --data"
        )


def keep_sets(run: RunFolder, sets: Sets) -> None:
    """Keep a run's lists and rules with it, for a process that goes on with the run."""
    if sets:
        run.write(_KEPT, _Kept(*_parted(sets)))


def kept_sets(run: RunFolder) -> Sets:
    """Return the lists and rules that were kept with a run."""
    if not run.has(_KEPT):
        return ()
    kept = run.read(_KEPT, _Kept)
    return (*kept.universes, *kept.rules)


def same_sets(store: StoredAt, manifest: Manifest) -> Sets:
    """Return the lists and rules that a run used, found by fingerprint.

    Raises:
        InputError: One is not there any more.
    """
    if not manifest.reference:
        return ()
    reference = ReferenceStore(store)
    stored = {}
    for name in reference.names():
        if reference.kind(name) != "calendar":
            found = reference.told(name)
            stored[found.fingerprint] = found
    missing = [each.name for each in manifest.reference if each.fingerprint not in stored]
    if missing:
        raise InputError(
            f"{store}: what the run used is not there any more ({', '.join(missing)}); import it "
            "again"
        )
    # By the name that the run knows it by.
    return tuple(
        msgspec.structs.replace(stored[each.fingerprint], name=each.name)
        for each in manifest.reference
    )


class _Kept(msgspec.Struct, frozen=True):
    universes: tuple[Universe, ...]
    rules: tuple[DatedRules, ...]


def _parted(sets: Sets) -> tuple[tuple[Universe, ...], tuple[DatedRules, ...]]:
    return (
        tuple(each for each in sets if isinstance(each, Universe)),
        tuple(each for each in sets if isinstance(each, DatedRules)),
    )
