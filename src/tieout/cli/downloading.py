"""`tieout download`: a venue's history into the project's store, or what is missing of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tieout.cli.terminal import (
    HERE,
    AsJson,
    Project,
    StoreAt,
    dataset_facts,
    decimal_of,
    print_json,
    progress_of,
    say,
    settings_of,
    store_of,
    time_of,
    utc,
    venue_of,
)
from tieout.errors import VenueError

if TYPE_CHECKING:
    from tieout.cli.settings import ProjectSettings
    from tieout.history import Downloaded

__all__ = ["download"]

_HOLES_SHOWN = 3
_PUBLIC = {"binance-usdm": "https://fapi.binance.com"}
"""Venues whose history needs no settings, by name."""


def download(
    venue: Annotated[str, typer.Argument(help="Venue of tieout.toml, binance-usdm, an address.")],
    symbol: Annotated[str, typer.Argument(help="Symbol, e.g. BTC/USDT:USDT.")],
    kind: Annotated[str, typer.Option(help="bars, trades, funding or mark.")] = "bars",
    interval: Annotated[str | None, typer.Option(help="Of bars and mark: 1m, 1h, …")] = None,
    start: Annotated[
        str | None, typer.Option(help="UTC; else where the data set of the name begins.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="UTC, exclusive; else now.")] = None,
    name: Annotated[str | None, typer.Option("--as", help="Name in the store.")] = None,
    tick: Annotated[str | None, typer.Option(help="A finer tick than the venue's of now.")] = None,
    lot: Annotated[str | None, typer.Option(help="A finer lot than the venue's of now.")] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch everything anew and replace it.")
    ] = False,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a venue's history into the store; stopped at any point, the same command goes on."""
    from tieout import wiring  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    try:
        with progress_of(f"download {symbol}", quiet=as_json) as progress:
            made = wiring.download(
                store=store_of(project, settings, at),
                url=_address(venue, settings),
                symbol=symbol,
                kind=kind,
                interval=interval,
                start_ns=time_of(start),
                end_ns=time_of(end),
                name=name,
                tick=None if tick is None else decimal_of(tick, "--tick"),
                lot=None if lot is None else decimal_of(lot, "--lot"),
                refresh=refresh,
                progress=progress,
                told=_retrying,
            )
    except (KeyboardInterrupt, VenueError):
        sys.stderr.write("tieout: what was fetched is kept; the same command goes on from there\n")
        raise
    facts = _facts(made)
    if as_json:
        print_json(facts)
    else:
        _tell(facts)


def _address(venue: str, settings: ProjectSettings) -> str:
    if venue in _PUBLIC and venue not in settings.venue:
        return _PUBLIC[venue]
    return venue_of(venue, settings).url


def _facts(made: Downloaded) -> dict[str, Any]:
    return {
        **dataset_facts(made.dataset),
        "new_rows": made.new_rows,
        "resumed_rows": made.resumed_rows,
        "pages": made.pages,
        "repeated": made.repeated,
        "missing": made.missing,
        "holes": [{"from": utc(before), "to": utc(behind)} for before, behind in made.holes],
    }


def _tell(facts: dict[str, Any]) -> None:
    resumed = f" ({facts['resumed_rows']:,} fetched before)" if facts["resumed_rows"] else ""
    say(
        f"{facts['name']}: {facts['rows']:,} {facts['kind']} of {facts['instrument']}, "
        f"{facts['first']} … {facts['last']}, fingerprint {facts['fingerprint'][:16]}"
    )
    say(
        f"  {facts['new_rows']:,} new{resumed}, {facts['pages']:,} pages, {facts['repeated']:,} "
        "rows seen twice and equal"
    )
    if facts["missing"]:
        shown = "; ".join(
            f"{each['from']} … {each['to']}" for each in facts["holes"][:_HOLES_SHOWN]
        )
        say(
            f"  {facts['missing']:,} missing, asked for twice: {shown}; compare with another "
            "source (tieout compare candles), or leave it where nothing was traded"
        )


def _retrying(reason: str, pause_s: float) -> None:
    sys.stderr.write(f"tieout: {reason}; again in {pause_s:g} s\n")
