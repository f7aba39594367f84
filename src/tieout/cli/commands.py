"""Every command: reads arguments, calls wiring, shows what came back."""

from __future__ import annotations

import os
import shutil
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tieout.cli.reference import reference_listing
from tieout.cli.terminal import (
    HERE,
    AsJson,
    Project,
    StoreAt,
    dataset_facts,
    decimal_of,
    pair_of,
    print_json,
    progress_of,
    say,
    settings_of,
    store_of,
    time_of,
    venue_of,
)
from tieout.errors import InputError

if TYPE_CHECKING:
    from tieout.adapters.storage.runs import RunFolder, Runs
    from tieout.cli.settings import ProjectSettings

__all__ = [
    "amount",
    "backtest",
    "live",
    "load",
    "new",
    "paper",
    "practice",
    "reconcile",
    "register",
    "replay",
    "report",
    "shadow",
    "show",
    "twin",
]

Strategy = Annotated[str, typer.Argument(help="file.py or file.py:Class")]
Run = Annotated[str, typer.Argument(help="A run's id, a unique prefix of it, or `last`.")]
Data = Annotated[list[str], typer.Option("--data", help="Data set of the store; repeatable.")]
Set = Annotated[list[str], typer.Option("--set", help="Strategy parameter, name=value.")]
Start = Annotated[str | None, typer.Option("--from", help="UTC, e.g. 2013-09-01T18:00.")]
End = Annotated[str | None, typer.Option("--to", help="UTC, exclusive of later events.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Simulation profile.")]

Calendars = Annotated[
    list[str], typer.Option("--calendar", help="Calendar the strategy may ask for; repeatable.")
]
Hours = Annotated[
    str | None,
    typer.Option("--venue-calendar", help="Match orders in this calendar's sessions alone."),
]

Asked = Annotated[str | None, typer.Argument(help="file.py or file.py:Class")]
Resume = Annotated[str | None, typer.Option(help="Go on with a run that stopped.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="With --resume: forget what it knew.")]
Venue = Annotated[str, typer.Option("--venue", help="Venue of tieout.toml, or its address.")]


def register(app: typer.Typer) -> None:
    """Add every command to the application."""
    from tieout.cli.compare import compare_commands  # noqa: PLC0415 - as the demo
    from tieout.cli.data import data_commands  # noqa: PLC0415 - as the demo
    from tieout.cli.demo import demo  # noqa: PLC0415 - the demo uses commands of this module
    from tieout.cli.downloading import download  # noqa: PLC0415 - as the demo
    from tieout.cli.importing import import_  # noqa: PLC0415 - as the demo

    @app.command(name="new")
    def new_command(
        folder: Annotated[Path, typer.Argument(help="Folder to make.")], as_json: AsJson = False
    ) -> None:
        """Make a project folder with settings and two strategies to start from."""
        made = new(folder, quiet=as_json)
        if as_json:
            print_json({"folder": str(folder), "files": made})

    for command in (
        demo,
        import_,
        download,
        backtest,
        practice,
        paper,
        shadow,
        live,
        replay,
        twin,
        reconcile,
        report,
        show,
    ):
        app.command(name=command.__name__.rstrip("_"))(command)
    app.add_typer(data_commands)
    app.add_typer(compare_commands)


def new(folder: Path, *, quiet: bool) -> list[str]:
    """Make a project folder; return the files made.

    Raises:
        InputError: The folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: the folder is not empty; choose another name")
    templates = Path(__file__).parent.parent / "templates"
    strategies = folder / "strategies"
    strategies.mkdir(parents=True)
    shutil.copyfile(templates / "tieout.toml", folder / "tieout.toml")
    for each in sorted(templates.glob("*.py")):
        shutil.copyfile(each, strategies / each.name)
    for name in ("data", "runs", "reports"):
        (folder / name).mkdir()
    made = sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())
    if not quiet:
        say(f"Made {folder}: {', '.join(made)}")
        say(f"Next: cd {folder} && tieout import es-trades")
    return made


def backtest(
    strategy: Strategy,
    data: Data,
    parameter: Set = [],  # noqa: B006
    start: Start = None,
    end: End = None,
    profile: Profile = None,
    cash: Annotated[str | None, typer.Option(help="Starting cash.")] = None,
    calendar: Calendars = [],  # noqa: B006
    venue_calendar: Hours = None,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Run a strategy over history on the simulated venue."""
    from tieout import wiring  # noqa: PLC0415 - heavy
    from tieout.model.venues import EVERYTHING  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    with progress_of("backtest", quiet=as_json) as progress:
        result = wiring.backtest(
            load(strategy, parameter, project),
            store=store_of(project, settings, at),
            data=data,
            profile=profile or settings.profile,
            cash=amount(cash, settings.cash),
            limits=settings.risk,
            seed=settings.seed,
            slice_ns=settings.slice_ms * 1_000_000,
            start_ns=time_of(start),
            end_ns=time_of(end),
            venue_profile=EVERYTHING.by_calendar(_hours(venue_calendar, settings)),
            calendars=(*settings.calendars, *calendar),
            runs=_runs(project, settings),
            progress=progress,
        )
    _show_result(result, as_json=as_json)


def practice(
    data: Annotated[str, typer.Option("--data", help="Data set that is the market.")],
    port: Annotated[int, typer.Option(help="0 chooses a free one.")] = 8642,
    mode: Annotated[str, typer.Option(help="lockstep or paced")] = "lockstep",
    speed: Annotated[float, typer.Option(help="Paced: virtual seconds a second.")] = 1.0,
    faults: Annotated[Path | None, typer.Option(help="Fault script, JSON.")] = None,
    profile: Profile = None,
    start: Start = None,
    end: End = None,
    cash: Annotated[str | None, typer.Option(help="Starting balance.")] = None,
    log: Annotated[Path | None, typer.Option(help="File for the venue's own record.")] = None,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Serve a practice exchange on loopback, fed by history, with faults by script."""
    from tieout import wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)

    def ready(url: str) -> None:
        if as_json:
            print_json({"url": url, "mode": mode})
        else:
            say(f"practice venue at {url} ({mode}); stop it with Ctrl-C")
        sys.stdout.flush()

    wiring.practice(
        store=store_of(project, settings, at),
        data=data,
        on_ready=ready,
        profile=profile or "practice-1",
        mode=mode,
        speed=speed,
        faults=faults,
        start_ns=time_of(start),
        end_ns=time_of(end),
        cash=amount(cash, settings.cash),
        port=port,
        log=log,
    )


def live(
    strategy: Asked = None,
    venue: Venue = "practice",
    data: Data = [],  # noqa: B006
    parameter: Set = [],  # noqa: B006
    profile: Profile = None,
    calendar: Calendars = [],  # noqa: B006
    venue_calendar: Hours = None,
    resume: Resume = None,
    fresh: Fresh = False,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Trade at a venue; every order is in the journal before it leaves."""
    from tieout import wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    runs = _runs(project, settings)
    access = _access(venue, settings)
    with progress_of("live", quiet=as_json) as progress:
        if resume is not None:
            run = _stopped(runs, resume, "live")
            store = store_of(project, settings, at)
            result = wiring.resume(run, access=access, store=store, fresh=fresh, progress=progress)
        else:
            strategy = _asked_for("live", strategy, data)
            result = wiring.live(
                load(strategy, parameter, project),
                access=access,
                store=store_of(project, settings, at),
                data=data,
                profile=profile or settings.profile,
                limits=settings.risk,
                seed=settings.seed,
                slice_ns=settings.slice_ms * 1_000_000,
                calendars=(*settings.calendars, *calendar),
                venue_calendar=_hours(venue_calendar, settings),
                runs=runs,
                progress=progress,
            )
    _show_result(result, as_json=as_json)


def paper(
    strategy: Asked = None,
    venue: Venue = "practice",
    data: Data = [],  # noqa: B006
    parameter: Set = [],  # noqa: B006
    profile: Profile = None,
    cash: Annotated[str | None, typer.Option(help="Starting cash.")] = None,
    calendar: Calendars = [],  # noqa: B006
    venue_calendar: Hours = None,
    resume: Resume = None,
    fresh: Fresh = False,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Trade live data on the simulated venue, with cash of our own; nothing is sent."""
    from tieout import wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    runs, store = _runs(project, settings), store_of(project, settings, at)
    public = wiring.VenueAccess(venue_of(venue, settings).url, "", "")
    with progress_of("paper", quiet=as_json) as progress:
        if resume is not None:
            run = _stopped(runs, resume, "paper")
            result = wiring.resume(run, access=public, store=store, fresh=fresh, progress=progress)
        else:
            strategy = _asked_for("paper", strategy, data)
            result = wiring.paper(
                load(strategy, parameter, project),
                access=public,
                store=store,
                data=data,
                profile=profile or settings.profile,
                cash=amount(cash, settings.cash),
                limits=settings.risk,
                seed=settings.seed,
                slice_ns=settings.slice_ms * 1_000_000,
                calendars=(*settings.calendars, *calendar),
                venue_calendar=_hours(venue_calendar, settings),
                runs=runs,
                progress=progress,
            )
    _show_result(result, as_json=as_json)


def shadow(
    strategy: Asked = None,
    venue: Venue = "practice",
    data: Data = [],  # noqa: B006
    parameter: Set = [],  # noqa: B006
    profile: Profile = None,
    calendar: Calendars = [],  # noqa: B006
    venue_calendar: Hours = None,
    resume: Resume = None,
    fresh: Fresh = False,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Run beside a real account, from its balance and positions; nothing is sent."""
    from tieout import wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    runs, store = _runs(project, settings), store_of(project, settings, at)
    access = _access(venue, settings)
    with progress_of("shadow", quiet=as_json) as progress:
        if resume is not None:
            run = _stopped(runs, resume, "shadow")
            result = wiring.resume(run, access=access, store=store, fresh=fresh, progress=progress)
        else:
            strategy = _asked_for("shadow", strategy, data)
            result = wiring.shadow(
                load(strategy, parameter, project),
                access=access,
                store=store,
                data=data,
                profile=profile or settings.profile,
                limits=settings.risk,
                seed=settings.seed,
                slice_ns=settings.slice_ms * 1_000_000,
                calendars=(*settings.calendars, *calendar),
                venue_calendar=_hours(venue_calendar, settings),
                runs=runs,
                progress=progress,
            )
    _show_result(result, as_json=as_json)


def replay(
    run: Run,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the decisions; exit 1 where they differ.")
    ] = False,
    chunk: Annotated[int, typer.Option(help="Bytes of the journal read at a time.")] = 1 << 16,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Run the recorded inputs again and compare the decisions byte by byte."""
    from tieout import wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    found = _runs(project, settings).find(run)
    with progress_of("replay", quiet=as_json) as progress:
        outcome = wiring.replay(
            found, store=store_of(project, settings, at), chunk_bytes=chunk, progress=progress
        )
    if as_json:
        print_json(outcome.facts())
    else:
        say(outcome.text())
    if verify and not outcome.identical:
        raise typer.Exit(1)


def twin(
    run: Run,
    with_outages: Annotated[
        bool, typer.Option("--with-outages", help="History is down while the run's market was.")
    ] = False,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Backtest the manifest of a run over the same period, from its first start."""
    from tieout import wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    runs = _runs(project, settings)
    with progress_of("twin", quiet=as_json) as progress:
        result = wiring.twin(
            runs.find(run),
            store=store_of(project, settings, at),
            runs=runs,
            with_outages=with_outages,
            progress=progress,
        )
    _show_result(result, as_json=as_json)


def reconcile(
    run: Run, project: Project = HERE, at: StoreAt = None, as_json: AsJson = False
) -> None:
    """Explain live minus twin, in money, order by order; exit 1 when there is a break."""
    from tieout import wiring  # noqa: PLC0415 - heavy
    from tieout.cli.show import show_reconciliation  # noqa: PLC0415 - beside the demo

    settings = settings_of(project)
    found = _runs(project, settings).find(run)
    with progress_of("reconcile", quiet=as_json) as progress:
        facts = wiring.reconcile(
            found, store=store_of(project, settings, at), progress=progress
        ).facts()
    if as_json:
        print_json(facts)
    else:
        show_reconciliation(facts)
    if facts["breaks"]:
        raise typer.Exit(1)


def report(
    run: Run,
    output: Annotated[
        Path | None, typer.Option(help="File to write; by default reports/RUN.html.")
    ] = None,
    convention: Annotated[
        str | None, typer.Option(help="Of a run alone: tieout, or lean; how ratios are taken.")
    ] = None,
    risk_free: Annotated[
        str | None, typer.Option(help="Of a run alone: rate a year for its ratios, e.g. 0.03.")
    ] = None,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML file about a run that opens offline: curves, waterfall, orders."""
    from tieout import wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    found = _runs(project, settings).find(run)
    file = output or project / settings.reports / f"{found.run_id}.html"
    with progress_of("report", quiet=as_json) as progress:
        told = wiring.report(
            found,
            store=store_of(project, settings, at),
            output=file,
            convention=convention,
            risk_free=None if risk_free is None else decimal_of(risk_free, "--risk-free"),
            progress=progress,
        )
    if as_json:
        figures = {} if told is None else {"statistics": told.facts()}
        print_json({"run": found.run_id, "path": str(file), **figures})
    else:
        say(f"{found.run_id}: {file}")


def show(
    run: Annotated[
        str | None,
        typer.Argument(help="A run, or `fees`; nothing lists runs and data."),
    ] = None,
    venue: Annotated[str, typer.Argument(help="With `fees`: part of a schedule's name.")] = "",
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """List runs and data sets, show one run with its orders and fills, or what venues charge."""
    if run == "fees":
        _show_fees(venue, as_json=as_json)
        return
    from tieout import history, wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    runs = _runs(project, settings)
    if run is not None:
        facts = wiring.run_facts(runs.find(run))
        if as_json:
            print_json(facts)
        else:
            _table_of(facts)
        return
    store = history.Store(store_of(project, settings, at))
    listing = {
        "runs": [wiring.run_summary(each) for each in runs.all()],
        "data": [dataset_facts(store.dataset(name)) for name in store.names()],
        "reference": reference_listing(project, at),
    }
    if as_json:
        print_json(listing)
        return
    for each in listing["runs"]:
        say("  ".join(str(value) for value in each.values()))
    for each in listing["data"]:
        say(f"{each['name']}  {each['rows']:,} {each['kind']}  {each['instrument']}")
    for each in listing["reference"]:
        say(each.get("words") or f"{each['name']}  {each['damaged']}")
    if not listing["runs"] and not listing["data"]:
        say("nothing here yet; start with: tieout import es-trades")


def _show_fees(venue: str, *, as_json: bool) -> None:
    from tieout.adapters.clocks import WallClock  # noqa: PLC0415 - slow to import
    from tieout.cli.fees import fee_facts, fee_lines  # noqa: PLC0415 - slow to import

    facts = fee_facts(venue, now_ns=WallClock().now_ns())
    if as_json:
        print_json(facts)
        return
    for line in fee_lines(facts):
        say(line)


# -- shared by the commands ---------------------------------------------------------------------


def _asked_for(command: str, strategy: str | None, data: list[str]) -> str:
    """Return the strategy of a run that begins; it and its data must be named."""
    if strategy is None or not data:
        raise InputError(f"{command}: give a strategy and --data, or --resume RUN")
    return strategy


def _hours(asked: str | None, settings: ProjectSettings) -> str:
    """Return the calendar by which the venue trades: the option's, else that of the settings."""
    return settings.venue_calendar if asked is None else asked


def _stopped(runs: Runs, named: str, kind: str) -> RunFolder:
    """Return a run to go on with, of the command's own kind."""
    run = runs.find(named)
    found = run.manifest().kind
    if found != kind:
        raise InputError(f"run {run.run_id} is of kind {found}, not {kind}; see `tieout show`")
    return run


def _runs(project: Path, settings: ProjectSettings) -> Runs:
    from tieout.adapters.storage.runs import Runs  # noqa: PLC0415 - heavy

    return Runs(project / settings.runs)


def load(strategy: str, parameters: list[str], project: Path) -> Any:  # noqa: ANN401
    """Load a strategy by path, also one in the project's folder, with its parameters set."""
    from tieout.strategy import load_strategy  # noqa: PLC0415 - heavy

    path, separator, name = strategy.partition(":")
    inside = project / "strategies" / path
    found = path if Path(path).is_file() or not inside.is_file() else str(inside)
    given = dict(pair_of(each, "--set") for each in parameters)
    return load_strategy(found + separator + name, given)


def _access(venue: str, settings: ProjectSettings) -> Any:  # noqa: ANN401
    from tieout.wiring import VenueAccess  # noqa: PLC0415 - heavy

    chosen = venue_of(venue, settings)
    return VenueAccess(url=chosen.url, key=_secret(chosen.key), secret=_secret(chosen.secret))


def _secret(value: str) -> str:
    if not value.startswith("env:"):
        return value
    found = os.environ.get(value[4:])
    if not found:
        raise InputError(f"environment variable {value[4:]} is not set; it holds a venue key")
    return found


def amount(text: str | None, default: Decimal) -> Decimal:
    """Return an amount of cash, which must be positive."""
    value = default if text is None else decimal_of(text, "--cash")
    if value <= 0:
        raise InputError(f"cash {value} must be positive")
    return value


def _show_result(result: Any, *, as_json: bool) -> None:  # noqa: ANN401
    if as_json:
        print_json(result.facts())
    else:
        _table_of(result.facts())
    if result.failure:
        raise typer.Exit(1)


def _table_of(facts: dict[str, Any]) -> None:
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{word} {each}" for word, each in value.items()) or "none"
        elif isinstance(value, list):
            shown = f"{len(value)}; --json shows them"
        else:
            shown = str(value)
        say(f"{name.replace('_', ' '):<{width}}  {shown}")
