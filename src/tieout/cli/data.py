"""Market data in the project's store: brought in, listed, shown, and looked through for damage."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tieout.cli.terminal import (
    HERE,
    AsJson,
    Project,
    dataset_facts,
    decimal_of,
    pair_of,
    print_json,
    progress_of,
    project_settings,
    say,
    utc,
)
from tieout.errors import DataError, InputError

if TYPE_CHECKING:
    from tieout.history import Ask, Dataset, Store
    from tieout.model.instruments import Instrument

__all__ = ["data", "import_"]

_ACTIONS: Final = ("ls", "show", "verify")
_ROWS_SHOWN: Final = 5


def import_(
    source: Annotated[str, typer.Argument(help="A file, a folder of files, or a sample's name.")],
    name: Annotated[str | None, typer.Option(help="Name in the store.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="trades, bars, quotes, book, orders, funding or mark; else found out."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="Format of the file; auto finds it out.")
    ] = "auto",
    symbol: Annotated[str | None, typer.Option(help="Symbol, e.g. BTC/USDT:USDT.")] = None,
    tick: Annotated[str | None, typer.Option(help="Tick size.")] = None,
    lot: Annotated[str, typer.Option(help="Lot size.")] = "1",
    venue_symbol: Annotated[
        str | None, typer.Option(help="The venue's own name, e.g. BTCUSDT.")
    ] = None,
    clock_offset: Annotated[
        str, typer.Option(help="Recordings: venue's clock minus the recorder's in ns, or measure.")
    ] = "0",
    instrument_id: Annotated[
        int | None, typer.Option(help="DBN: the vendor's number, where there are several.")
    ] = None,
    interval: Annotated[str | None, typer.Option(help="Bars, mark, funding: 1m, 8h, …")] = None,
    column: Annotated[list[str], typer.Option(help="Mapping field=header; repeatable.")] = [],  # noqa: B006
    only: Annotated[
        list[str], typer.Option(help="Only rows with this value, header=value; repeatable.")
    ] = [],  # noqa: B006
    stamp: Annotated[
        str | None, typer.Option(help="Bars: stamped at open or close; else found out.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Bars: finer data, a name of the store or a file.")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of stamps without one.")] = None,
    time_form: Annotated[
        str, typer.Option(help="auto, s, ms, us, ns, or a form such as %d/%m/%Y %H:%M.")
    ] = "auto",
    member: Annotated[str | None, typer.Option(help="A zip's part, e.g. a contract.")] = None,
    side: Annotated[str | None, typer.Option(help="Bars of quotes: bid or ask.")] = None,
    volume: Annotated[str, typer.Option(help="Of bars: exact, or round_down to lots.")] = "exact",
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Leave defective rows out and list them.")
    ] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Take a sample under its own licence.")
    ] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Import market data into the store, or nothing at all when a row cannot be right."""
    from tieout import history  # noqa: PLC0415 - heavy

    settings = project_settings(project)
    store = history.Store(project / settings.data)
    with progress_of(f"import {source}", quiet=as_json) as progress:
        if source in history.SAMPLES:
            made = history.import_sample(
                store, source, name=name, accept_licence=accept_licence, progress=progress
            )
        else:
            path = Path(source)
            ask = history.Ask(
                instrument=_instrument(symbol, tick, lot, venue_symbol),
                kind=kind,
                interval=interval,
                zone=zone,
                time_form=time_form,
                stamp=stamp,
                mapping=dict(pair_of(each, "--column") for each in column),
                only=dict(pair_of(each, "--only") for each in only),
                side=side,
                member=member,
                clock_offset_ns=_offset(clock_offset),
                instrument_id=instrument_id,
                set_aside=set_aside,
                progress=progress,
            )
            with TemporaryDirectory() as folder:
                made = history.import_any(
                    store,
                    path,
                    ask,
                    name=name or _name_of(path),
                    form=form,
                    volume=volume,
                    against=_finer(store, against, ask, Path(folder)),
                )
    facts = dataset_facts(made)
    if as_json:
        print_json(facts)
        return
    say(
        f"{facts['name']}: {facts['rows']:,} {facts['kind']} of {facts['instrument']}, "
        f"{facts['first']} … {facts['last']}, fingerprint {facts['fingerprint'][:16]}"
    )
    say(f"  {facts['time_rule']}")
    for problem, rows in facts["set_aside"].items():
        say(f"  {rows:,} × {problem}")


def data(
    action: Annotated[str, typer.Argument(help="ls, show or verify")],
    name: Annotated[list[str] | None, typer.Argument(help="Data sets; none: all.")] = None,
    rows: Annotated[int, typer.Option(help="show: rows of each end.")] = _ROWS_SHOWN,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """List the store's data sets, show some, or read them whole and compare fingerprints."""
    from tieout import history  # noqa: PLC0415 - heavy

    settings = project_settings(project)
    store = history.Store(project / settings.data)
    if action not in _ACTIONS:
        raise InputError(f"data {action!r}; allowed: {', '.join(_ACTIONS)}")
    if rows < 0:
        raise InputError(f"--rows {rows}: 0 or more")
    match action:
        case "ls":
            _list(store, name or store.names(), as_json=as_json)
        case "show":
            if not name:
                raise InputError(
                    f"data show: which? There are: {', '.join(store.names()) or 'none'}"
                )
            _show(store, name, rows, as_json=as_json)
        case _:
            _verify(store, name or store.names(), as_json=as_json)


def _list(store: Store, names: list[str], *, as_json: bool) -> None:
    listing: list[dict[str, Any]] = []
    for name in names:
        try:
            made = store.dataset(name)
            size = sum(each.stat().st_size for each in made.path.iterdir())
            listing.append({**dataset_facts(made), "bytes": size})
        except DataError as error:
            listing.append({"name": name, "damaged": str(error)})
    if as_json:
        print_json({"data": listing})
        return
    for each in listing:
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


def _show(store: Store, names: list[str], rows: int, *, as_json: bool) -> None:
    from tieout.history import ends_of  # noqa: PLC0415 - heavy

    shown = []
    for name in names:
        made = store.dataset(name)
        meta = made.meta
        instrument = meta.instrument
        shown.append(
            {
                **dataset_facts(made),
                "interval_ns": meta.interval_ns,
                "tick_size": str(instrument.tick_size),
                "lot_size": str(instrument.lot_size),
                "currency": instrument.currency,
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


def _verify(store: Store, names: list[str], *, as_json: bool) -> None:
    found: list[dict[str, Any]] = []
    with progress_of("data verify", quiet=as_json) as progress:
        for done, name in enumerate(names):
            progress(done, len(names))
            try:
                store.verify(name)
            except DataError as error:
                found.append({"name": name, "sound": False, "problem": str(error)})
            else:
                found.append({"name": name, "sound": True, "problem": None})
    if as_json:
        print_json({"data": found})
    else:
        for each in found:
            say(f"{each['name']}  {'sound' if each['sound'] else each['problem']}")
        if not found:
            say("nothing here yet; start with: tieout import es-trades")
    if not all(each["sound"] for each in found):
        raise typer.Exit(1)


def _in_words(row: dict[str, int], instrument: Instrument) -> dict[str, str]:
    """Return a stored row with times as people write them, exact prices and quantities."""
    words: dict[str, str] = {}
    for name, value in row.items():
        if name.endswith("_time_ns"):
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


def _finer(store: Store, named: str | None, ask: Ask, folder: Path) -> Dataset | None:
    """Return the data set that the stamps of bars are held against; a file is read for that."""
    from tieout import history  # noqa: PLC0415 - heavy

    if named is None:
        return None
    if named in store.names():
        return store.dataset(named)
    if not Path(named).exists():
        raise InputError(
            f"--against {named}: no data set and no file of this name; there are: "
            f"{', '.join(store.names()) or 'none'}"
        )
    plain = replace(ask, kind=None, interval=None, stamp=None, mapping={}, only={}, set_aside=True)
    return history.import_any(
        history.Store(folder), Path(named), plain, name="finer", volume="round_down"
    )


def _name_of(path: Path) -> str:
    return path.name.partition(".")[0] if path.is_file() else path.resolve().name


def _offset(text: str) -> int | None:
    if text == "measure":
        return None
    value = decimal_of(text, "--clock-offset")
    if value != int(value):
        raise InputError(f"--clock-offset {text!r}: whole nanoseconds, or measure")
    return int(value)


def _instrument(
    symbol: str | None, tick: str | None, lot: str, venue_symbol: str | None
) -> Instrument:
    from tieout.model.instruments import Instrument  # noqa: PLC0415 - heavy

    if symbol is None or tick is None:
        raise InputError("import: a file needs --symbol and --tick (and --lot when it is not 1)")
    base, _, rest = symbol.partition("/")
    currency = rest.partition(":")[0] or "USD"
    return Instrument(
        symbol=symbol,
        venue_symbol=venue_symbol or base + currency,
        tick_size=decimal_of(tick, "--tick"),
        lot_size=decimal_of(lot, "--lot"),
        currency=currency,
    )
