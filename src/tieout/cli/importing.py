"""`tieout import`: market data of any known format into the project's store, or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from tieout.cli.reference import REFERENCE_KINDS, import_reference
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
)
from tieout.errors import InputError

if TYPE_CHECKING:
    from tieout.history import Ask, Dataset, Store
    from tieout.model.instruments import Instrument

__all__ = ["import_"]


def import_(
    source: Annotated[str, typer.Argument(help="A file, a folder of files, or a sample's name.")],
    name: Annotated[str | None, typer.Option(help="Name in the store.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="trades, bars, quotes, book, orders, funding, borrow, mark or actions, else "
            "found out; or calendar, universe, rules."
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="Format of the file; auto finds it out.")
    ] = "auto",
    symbol: Annotated[str | None, typer.Option(help="Symbol, e.g. BTC/USDT:USDT.")] = None,
    tick: Annotated[str | None, typer.Option(help="Tick size.")] = None,
    lot: Annotated[str, typer.Option(help="Lot size.")] = "1",
    instrument_type: Annotated[
        str | None,
        typer.Option(
            "--type", help="stock, perpetual, …: what is traded; else by file and symbol."
        ),
    ] = None,
    contract_size: Annotated[
        str | None,
        typer.Option(help="Units of the base a contract has; inverse: of the quote, e.g. 100."),
    ] = None,
    inverse: Annotated[
        bool, typer.Option("--inverse", help="Contracts that are settled in the base coin.")
    ] = False,
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
    published_after: Annotated[
        str | None, typer.Option(help="Known so long after it was over: 36h, 2d.")
    ] = None,
    revised: Annotated[
        str | None, typer.Option("--revise", help="Add later versions of bars to this data set.")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option(help="With --revise: when the file was published, UTC.")
    ] = None,
    outage: Annotated[
        list[str], typer.Option(help="When the way to it was down, FROM/TO in UTC; repeatable.")
    ] = [],  # noqa: B006
    volume: Annotated[str, typer.Option(help="Of bars: exact, or round_down to lots.")] = "exact",
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Leave defective rows out and list them.")
    ] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Take a sample under its own licence.")
    ] = False,
    entry: Annotated[
        str | None, typer.Option(help="Calendar of LEAN: its key, e.g. Equity-usa-[*].")
    ] = None,
    hours: Annotated[str, typer.Option(help="Calendar of LEAN: regular or extended.")] = "regular",
    break_minutes: Annotated[
        int, typer.Option(help="Calendar of LEAN: pauses up to so long are breaks.")
    ] = 0,
    first: Annotated[str | None, typer.Option("--from", help="Calendar: first day.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Calendar: last day.")] = None,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """Import market data into the store, or nothing at all when a row cannot be right."""
    if kind in REFERENCE_KINDS:
        facts = import_reference(
            project,
            source,
            kind=kind,
            name=name,
            form=form,
            symbol=symbol,
            zone=zone,
            first=first,
            last=last,
            entry=entry,
            hours=hours,
            break_minutes=break_minutes,
            at=at,
        )
        if as_json:
            print_json(facts)
            return
        say(
            f"{facts['name']}: {facts['rows']:,} {facts['holds']}, {facts['first']} … "
            f"{facts['last']}, fingerprint {facts['fingerprint'][:16]}"
        )
        return
    from tieout import history  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    store = history.Store(store_of(project, settings, at))
    with progress_of(f"import {source}", quiet=as_json) as progress:
        if source in history.SAMPLES:
            _check_plain(source, published_after, outage, revised, known_at)
            made = history.import_sample(
                store, source, name=name, accept_licence=accept_licence, progress=progress
            )
        else:
            path = Path(source)
            _check_revised(revised, known_at, name, outage)
            ask = history.Ask(
                instrument=(
                    store.dataset(revised).meta.instrument
                    if revised
                    else _instrument(
                        symbol,
                        tick,
                        lot,
                        venue_symbol,
                        instrument_type=instrument_type,
                        contract_size=contract_size,
                        inverse=inverse,
                    )
                ),
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
                published_after_ns=_published_after(published_after),
                outages=tuple(_outage(each) for each in outage),
            )
            if revised:
                known_at_ns = _moment(known_at, "--known-at") if known_at else None
                made = history.revise(
                    store,
                    path,
                    ask,
                    name=revised,
                    known_at_ns=known_at_ns,
                    form=form,
                    volume=volume,
                )
            else:
                made = _imported(store, path, ask, name or _name_of(path), form, volume, against)
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


def _imported(
    store: Store, path: Path, ask: Ask, name: str, form: str, volume: str, against: str | None
) -> Dataset:
    from tieout import history  # noqa: PLC0415 - heavy

    with TemporaryDirectory() as folder:
        finer = _finer(store, against, ask, Path(folder))
        return history.import_any(
            store, path, ask, name=name, form=form, volume=volume, against=finer
        )


def _check_plain(
    sample: str,
    published_after: str | None,
    outages: list[str],
    revised: str | None,
    known_at: str | None,
) -> None:
    if published_after or outages or revised or known_at:
        raise InputError(
            f"{sample}: a sample is taken as it is; leave --published-after, --outage, --revise "
            "and --known-at out"
        )


def _check_revised(
    revised: str | None, known_at: str | None, name: str | None, outages: list[str]
) -> None:
    if known_at and not revised:
        raise InputError(
            "--known-at goes with --revise NAME; rows of an import of their own have "
            "--published-after, or a column known_time"
        )
    if revised and (name or outages):
        raise InputError(f"--revise {revised}: leave --name and --outage out; the data set stays")


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


def _published_after(text: str | None) -> int:
    from tieout.model.availability import publication_delay_ns  # noqa: PLC0415 - heavy

    return publication_delay_ns(text) if text else 0


def _moment(text: str, option: str) -> int:
    try:
        moment = time_of(text)
    except InputError as error:
        raise InputError(f"{option}: {error}") from error
    assert moment is not None, text
    return moment


def _outage(text: str) -> tuple[int, int]:
    """Return a span of time that is written as two ISO times, UTC where they have no zone."""
    begin, _, end = text.partition("/")
    return _moment(begin, "--outage"), _moment(end, "--outage")


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
    symbol: str | None,
    tick: str | None,
    lot: str,
    venue_symbol: str | None,
    *,
    instrument_type: str | None,
    contract_size: str | None,
    inverse: bool,
) -> Instrument:
    from tieout.model.instruments import Instrument, InstrumentType  # noqa: PLC0415 - heavy

    if symbol is None or tick is None:
        raise InputError("import: a file needs --symbol and --tick (and --lot when it is not 1)")
    known = [each.value for each in InstrumentType]
    if instrument_type is not None and instrument_type not in known:
        raise InputError(f"--type {instrument_type!r}; allowed: {', '.join(known)}")
    base, _, rest = symbol.partition("/")
    quote, _, settled = rest.partition(":")
    # A contract that expires says when: BTC/USD:BTC-240329.
    settled = settled.partition("-")[0]
    _check_settled(symbol, base, settled, contract_size, inverse=inverse)
    return Instrument(
        symbol=symbol,
        venue_symbol=venue_symbol or base + (quote or "USD"),
        tick_size=decimal_of(tick, "--tick"),
        lot_size=decimal_of(lot, "--lot"),
        multiplier=decimal_of(contract_size or "1", "--contract-size"),
        currency=base if inverse else quote or "USD",
        inverse=inverse,
        type=None if instrument_type is None else InstrumentType(instrument_type),
    )


def _check_settled(
    symbol: str, base: str, settled: str, contract_size: str | None, *, inverse: bool
) -> None:
    """Refuse a symbol that says another currency of settlement than the options do."""
    if inverse and settled not in ("", base):
        raise InputError(
            f"--inverse: {symbol} is settled in {settled}, an inverse contract in its base coin, "
            f"{base}; leave --inverse out, or name the symbol as its venue settles it"
        )
    if inverse and contract_size is None:
        raise InputError(
            f"--inverse: how much of the quote currency is a contract of {symbol} worth? Say "
            "--contract-size, as 100 for BTCUSD and 10 for the other COIN-M contracts of Binance"
        )
    if not inverse and settled and settled == base:
        raise InputError(
            f"{symbol} is settled in its base coin, {base}: an inverse contract; say --inverse and "
            "--contract-size"
        )
