"""`tieout data …`: what there is of market data, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tieout.cli.reference import (
    calendar_of_store,
    reference_facts,
    reference_listing,
    reference_names,
    verify_reference,
)
from tieout.cli.terminal import (
    HERE,
    Project,
    StoreAt,
    dataset_facts,
    decimal_of,
    plain,
    print_json,
    progress_of,
    say,
    settings_of,
    store_of,
    utc,
)
from tieout.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.history import Store
    from tieout.history.judging import Finding
    from tieout.model.instruments import Instrument

__all__ = ["adjust", "data_commands", "judge", "ls", "show", "verify"]

data_commands = typer.Typer(
    name="data",
    help="Judge files of market data; list, show and verify what the store holds.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Files = Annotated[list[Path], typer.Argument(help="Files, or folders that hold some.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON list and nothing else.")]
Names = Annotated[list[str] | None, typer.Argument(help="Data sets; none: all.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write the findings as one HTML file.")]

_ROWS_SHOWN = 3
_ROWS_OF_EACH_END = 5


@data_commands.command(name="judge")
def judge(
    files: Files,
    calendar: Annotated[
        str | None, typer.Option(help="The market's calendar: a hole outside of it is none.")
    ] = None,
    as_json: AsJson = False,
    html: Html = None,
    project: Project = HERE,
    at: StoreAt = None,
) -> None:
    """Say what is wrong with files before anything is imported; exit code 1 where something is."""
    from tieout.cli.progress import Progress  # noqa: PLC0415 - heavy
    from tieout.history.judging import judge as find_defects  # noqa: PLC0415 - heavy
    from tieout.report import write_page  # noqa: PLC0415 - heavy
    from tieout.report.judgement import judgement_page  # noqa: PLC0415 - heavy

    hours = None if calendar is None else calendar_of_store(project, calendar, at)
    with Progress("judging", quiet=as_json) as progress:
        found = find_defects(files, calendar=hours, progress=progress)
    if html is not None:
        write_page(html, judgement_page(found))
    if as_json:
        sys.stdout.write(json.dumps([plain(each) for each in found]) + "\n")
    else:
        sys.stdout.write(_told(found))
        if html is not None:
            sys.stdout.write(f"{html}\n")
    if any(each.severity == "defect" for each in found):
        raise typer.Exit(1)


@data_commands.command(name="ls")
def ls(
    name: Names = None, project: Project = HERE, at: StoreAt = None, as_json: AsJson = False
) -> None:
    """List the store's data sets: kind, rows, span, size and fingerprint."""
    store = _store(project, at)
    listing: list[dict[str, Any]] = []
    reference = reference_names(project, at)
    for each_name in name or store.names():
        if each_name in reference:
            continue
        try:
            made = store.dataset(each_name)
            size = sum(made.files.sizes().values())
            listing.append({**dataset_facts(made), "bytes": size})
        except DataError as error:
            listing.append({"name": each_name, "damaged": str(error)})
    listing += reference_listing(project, name, at)
    if as_json:
        print_json({"data": listing})
        return
    for each in listing:
        if "words" in each:
            say(each["words"])
            continue
        if "damaged" in each:
            say(f"{each['name']}  {each['damaged']}")
            continue
        say(
            f"{each['name']}  {each['rows']:,} {each['kind']}  {each['instrument']}  "
            f"{each['first']} … {each['last']}  {each['bytes']:,} bytes  "
            f"{each['fingerprint'][:16]}"
        )
    if not listing:
        say("nothing here yet; start with: tieout import es-trades")


@data_commands.command(name="show")
def show(
    name: Annotated[list[str], typer.Argument(help="Data sets.")],
    rows: Annotated[int, typer.Option(help="Rows of each end.")] = _ROWS_OF_EACH_END,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Show data sets: how they were read, what was set aside, first and last rows exactly."""
    from tieout.history import ends_of  # noqa: PLC0415 - heavy

    if rows < 0:
        raise InputError(f"--rows {rows}: 0 or more")
    store = _store(project, at)
    reference = reference_names(project, at)
    shown = []
    for each_name in name:
        if each_name in reference:
            shown.append(reference_facts(project, each_name, rows, at))
            continue
        made = store.dataset(each_name)
        meta = made.meta
        instrument = meta.instrument
        shown.append(
            {
                **dataset_facts(made),
                "interval_ns": meta.interval_ns,
                "type": instrument.type or "as its symbol says",
                "tick_size": str(instrument.tick_size),
                "lot_size": str(instrument.lot_size),
                "currency": instrument.currency,
                **(
                    {"inverse": True, "contract_size": str(instrument.multiplier)}
                    if instrument.inverse
                    else {}
                ),
                "source": meta.source,
                "ends": [_in_words(each, instrument) for each in ends_of(made, rows)],
            }
        )
    if as_json:
        print_json({"data": shown})
        return
    for each in shown:
        ends = each.pop("ends")
        width = max(map(len, each))
        for word, value in each.items():
            if isinstance(value, dict):
                value = ", ".join(f"{at:,} × {what}" for what, at in value.items()) or "none"  # noqa: PLW2901
            say(f"{word.replace('_', ' '):<{width}}  {value}")
        if ends:
            say("  ".join(ends[0]))
        for row in ends:
            say("  ".join(str(value) for value in row.values()))


@data_commands.command(name="verify")
def verify(
    name: Names = None, project: Project = HERE, at: StoreAt = None, as_json: AsJson = False
) -> None:
    """Read data sets whole and compare fingerprints; exit code 1 where one is not as imported."""
    store = _store(project, at)
    reference = reference_names(project, at)
    names = name or sorted({*store.names(), *reference})
    found: list[dict[str, Any]] = []
    with progress_of("data verify", quiet=as_json) as progress:
        for done, each_name in enumerate(names):
            progress(done, len(names))
            try:
                if each_name in reference:
                    verify_reference(project, each_name, at)
                else:
                    store.verify(each_name)
            except DataError as error:
                found.append({"name": each_name, "sound": False, "problem": str(error)})
            else:
                found.append({"name": each_name, "sound": True, "problem": None})
    if as_json:
        print_json({"data": found})
    else:
        for each in found:
            say(f"{each['name']}  {'sound' if each['sound'] else each['problem']}")
        if not found:
            say("nothing here yet; start with: tieout import es-trades")
    if not all(each["sound"] for each in found):
        raise typer.Exit(1)


@data_commands.command(name="adjust")
def adjust(
    name: Annotated[str, typer.Argument(help="Raw bars or trades.")],
    actions: Annotated[str, typer.Option(help="A data set of corporate actions.")],
    to: Annotated[str, typer.Option("--as", help="Name of the adjusted data set.")],
    view: Annotated[
        str, typer.Option(help="split_adjusted, adjusted or total_return.")
    ] = "adjusted",
    tick: Annotated[
        str | None, typer.Option(help="Adjusted tick; else a ten-thousandth of the raw one.")
    ] = None,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Write prices adjusted for splits and dividends as a data set of their own, for research."""
    from tieout.history import write_adjusted  # noqa: PLC0415 - heavy

    store = _store(project, at)
    made = write_adjusted(
        store,
        to,
        store.dataset(name),
        store.dataset(actions).actions(),
        view=view,
        tick_size=None if tick is None else decimal_of(tick, "--tick"),
    )
    facts = dataset_facts(made)
    if as_json:
        print_json(facts)
        return
    say(f"{facts['name']}: {facts['rows']:,} {facts['kind']} of {facts['instrument']}, {view}")
    say(f"  {facts['time_rule']}")


def _store(project: Path, at: str | None) -> Store:
    from tieout.history import Store  # noqa: PLC0415 - heavy

    return Store(store_of(project, settings_of(project), at))


def _in_words(row: dict[str, int], instrument: Instrument) -> dict[str, str]:
    """Return a stored row with times as people write them, exact prices and quantities."""
    from tieout.history import NOT_TOLD, shown_rate  # noqa: PLC0415 - heavy

    if {"action", "reference"} <= row.keys():
        return _action_in_words(row, instrument)
    words: dict[str, str] = {}
    for name, value in row.items():
        if name == "rate_e12":
            words["rate"] = shown_rate(value)
        elif value == NOT_TOLD:
            words[name.removesuffix("_lots")] = "-"
        elif name.endswith("_time_ns"):
            words[name.removesuffix("_ns")] = f"{utc(value)}{value % 1_000_000:06d}"
        elif name.endswith("_ticks"):
            words[name.removesuffix("_ticks")] = f"{instrument.price(value):f}"
        elif name == "lots" or name.endswith("_lots"):
            words[name.removesuffix("_lots")] = f"{instrument.quantity(value):f}"
        elif name == "rate_e18":
            words["rate"] = f"{Decimal(value).scaleb(-18):f}"
        else:
            words[name] = str(value)
    return words


def _action_in_words(row: dict[str, int], instrument: Instrument) -> dict[str, str]:
    """Return a corporate action as a person reads it."""
    from tieout.history import action_of_row  # noqa: PLC0415 - heavy
    from tieout.model.actions import ActionKind  # noqa: PLC0415 - heavy
    from tieout.model.money import decimal_text  # noqa: PLC0415 - heavy

    action = action_of_row(instrument.symbol, row)
    value = {
        ActionKind.SPLIT: f"{action.value}:{action.per}",
        ActionKind.DIVIDEND: decimal_text(action.value),
    }.get(action.kind, action.text)
    return {
        "venue_time": utc(action.venue_time_ns),
        "known_time": utc(action.known_time_ns),
        "action": action.kind.name.lower().replace("_", " "),
        "value": value or "-",
        "reference": decimal_text(action.reference) if action.reference else "-",
    }


def _told(found: Sequence[Finding]) -> str:
    """Return the findings for a terminal, file by file."""
    lines: list[str] = []
    file = None
    for each in found:
        if each.file != file:
            file = each.file
            lines += ["", file] if lines else [file]
        rows = ", ".join(f"{row:,}" for row in each.rows[:_ROWS_SHOWN])
        more = " …" if each.count > _ROWS_SHOWN else ""
        where = f" (rows {rows}{more})" if each.count else ""
        mark = "-" if each.severity == "note" else "!"
        lines.append(f"  {mark} {each.kind}: {each.detail}{where}")
        lines.append(f"      {each.remedy}")
    defects = sum(each.severity == "defect" for each in found)
    lines += ["", f"{defects} defects, {len(found) - defects} notes"] if found else ["no finding"]
    return "\n".join(lines) + "\n"
