"""What the commands share: options, settings, numbers and times, and how they print."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tieout.errors import InputError
from tieout.model.columns import interval_name
from tieout.model.decimals import plain_decimal

if TYPE_CHECKING:
    from tieout.cli.settings import ProjectSettings, VenueSettings

__all__ = [
    "HERE",
    "AsJson",
    "Project",
    "StoreAt",
    "dataset_facts",
    "decimal_of",
    "pair_of",
    "plain",
    "print_json",
    "progress_of",
    "say",
    "settings_of",
    "store_of",
    "time_of",
    "utc",
    "venue_of",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Project = Annotated[Path, typer.Option("--project", help="Project folder.")]
StoreAt = Annotated[
    str | None, typer.Option("--store", help="Folder or URL of the data store; else tieout.toml's.")
]

HERE = Path()


def settings_of(project: Path) -> ProjectSettings:
    """Return the settings of a project, the defaults where it has none.

    Raises:
        SettingsError: They cannot be right.
    """
    from tieout.cli.settings import load_settings  # noqa: PLC0415 - heavy

    return load_settings(project)


def store_of(project: Path, settings: ProjectSettings, store: str | None = None) -> Path | str:
    """Return where the data store is: in the project's folder, or where a URL says.

    Args:
        project: The project's folder.
        settings: Its settings.
        store: What was asked for instead; it counts from where the command was given.
    """
    if store is not None:
        return store if "://" in store else Path(store)
    return settings.data if "://" in settings.data else project / settings.data


def pair_of(text: str, option: str) -> tuple[str, str]:
    """Return name and value of an option such as `--set name=value`.

    Raises:
        InputError: It is no such pair.
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise InputError(f"{option} {text!r} must be name=value")
    return name, value


def decimal_of(text: str, option: str) -> Decimal:
    """Return a number that was given as an option.

    Raises:
        InputError: It is none.
    """
    try:
        return plain_decimal(text)
    except ValueError as error:
        raise InputError(f"{option}: {error}") from error


def venue_of(venue: str, settings: ProjectSettings) -> VenueSettings:
    """Return the venue of the settings that has a name, or the one at an address.

    Raises:
        InputError: The settings have none of this name.
    """
    from tieout.cli.settings import VenueSettings  # noqa: PLC0415 - heavy

    if venue.startswith(("http://", "https://")):
        return VenueSettings(url=venue)
    if venue in settings.venue:
        return settings.venue[venue]
    known = ", ".join(settings.venue) or "none"
    raise InputError(f"venue {venue!r} is not in tieout.toml; it has: {known}")


def time_of(text: str | None) -> int | None:
    """Return UTC nanoseconds of an ISO time; times without a zone are UTC.

    Raises:
        InputError: It is no time.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"time {text!r}: {error}; write it like 2013-09-01T18:00") from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1000


def progress_of(title: str, *, quiet: bool) -> Any:  # noqa: ANN401
    """Return the progress bar of a command."""
    from tieout.cli.progress import Progress  # noqa: PLC0415 - heavy

    return Progress(title, quiet=quiet)


def utc(time_ns: int) -> str:
    """Return a time as a person writes it, to the millisecond."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}"


def plain(struct: Any) -> Any:  # noqa: ANN401
    """Return a struct as JSON has it."""
    from msgspec import to_builtins  # noqa: PLC0415 - a quarter of what help would take

    return to_builtins(struct)


def print_json(value: object) -> None:
    """Print one JSON object and nothing else."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def dataset_facts(dataset: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what is shown of a data set."""
    meta = dataset.meta
    return {
        "name": meta.name,
        "kind": meta.kind,
        "instrument": meta.instrument.symbol,
        "rows": meta.rows,
        "first": utc(meta.first_time_ns),
        "last": utc(meta.last_time_ns),
        "fingerprint": meta.fingerprint,
        "set_aside": dict(meta.defects),
        "known": _known_in_words(meta),
        "revised": meta.revised,
        "time_rule": meta.time_rule,
    }


def _known_in_words(meta: Any) -> str:  # noqa: ANN401
    """Return when rows of a data set are known, before the profile adds the way to us."""
    if meta.kind == "borrow":
        return "by a time of its own for each row"
    if meta.known:
        return f"by a time of its own for each row, when it was {meta.known}"
    if meta.published_after_ns:
        return f"{interval_name(meta.published_after_ns)} after it was over"
    return "as soon as it was over"
