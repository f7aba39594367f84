"""`tieout compare …`: two of a kind, where they differ, and what that is worth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tieout.cli.terminal import (
    HERE,
    AsJson,
    Project,
    StoreAt,
    plain,
    print_json,
    settings_of,
    store_of,
    utc,
)
from tieout.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.reconcile import BarDifference, CandleComparison, Flip, FrameComparison
    from tieout.wiring.conventions import Explanation

__all__ = ["candles", "compare_commands", "frames", "indicators"]

compare_commands = typer.Typer(
    name="compare",
    help="Compare candles by what a strategy does with them, frames row by row, or indicators.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

First = Annotated[str, typer.Argument(help="Data set of bars; orders are matched on it.")]
Second = Annotated[str, typer.Argument(help="Another one of the same interval.")]
Strategy = Annotated[str, typer.Option("--strategy", help="file.py or file.py:Class")]
Set = Annotated[list[str], typer.Option("--set", help="Strategy parameter, name=value.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Simulation profile.")]
Cash = Annotated[str | None, typer.Option(help="Starting cash.")]

FrameFile = Annotated[Path, typer.Argument(help="CSV, Parquet or Feather.")]
ValuesFile = Annotated[Path, typer.Argument(help="CSV: open, high, low, close, volume, theirs.")]
Name = Annotated[str, typer.Option("--indicator", help="Our name of it, such as rsi.")]
Column = Annotated[str, typer.Option("--column", help="Theirs, by its header.")]
Given = Annotated[list[str], typer.Option("--set", help="What they say it is, name=value.")]
Ulps = Annotated[int, typer.Option("--ulps", help="Floats so many apart are the same.")]

_SHOWN = 12


@compare_commands.callback()
def _compare() -> None:
    """Keep each comparison a command of its own."""


@compare_commands.command(name="candles")
def candles(
    first: First,
    second: Second,
    strategy: Strategy,
    parameter: Set = [],  # noqa: B006
    profile: Profile = None,
    cash: Cash = None,
    project: Project = HERE,
    at: StoreAt = None,
    as_json: AsJson = False,
) -> None:
    """List bars that differ and the decisions that flipped because of it, priced; 1 if any."""
    from tieout import wiring  # noqa: PLC0415 - heavy
    from tieout.cli import commands  # noqa: PLC0415 - it registers this module
    from tieout.cli.progress import Progress  # noqa: PLC0415 - heavy

    settings = settings_of(project)
    with Progress("comparing", quiet=as_json) as progress:
        result = wiring.candles(
            commands.load(strategy, parameter, project),
            store=store_of(project, settings, at),
            first=first,
            second=second,
            profile=profile or settings.profile,
            cash=commands.amount(cash, settings.cash),
            limits=settings.risk,
            seed=settings.seed,
            progress=progress,
        )
    if as_json:
        print_json(_facts(result, first, second))
    else:
        sys.stdout.write(_told(result, first, second))
    if result.flips:
        raise typer.Exit(1)


@compare_commands.command(name="frames")
def frames(first: FrameFile, second: FrameFile, ulps: Ulps = 0, as_json: AsJson = False) -> None:
    """Find the first row in which two frames differ, and how each column does; exit 1 if any."""
    from tieout.reconcile.frames import compare_frames  # noqa: PLC0415 - heavy

    result = compare_frames(_frame(first), _frame(second), ulps=ulps)
    if as_json:
        print_json({**plain(result), "first_row": result.first_row})
    else:
        sys.stdout.write(_frames_told(result))
    if not result.same:
        raise typer.Exit(1)


@compare_commands.command(name="indicators")
def indicators(
    file: ValuesFile,
    indicator: Name,
    column: Column,
    argument: Given = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Find by which convention another platform computed an indicator; exit 1 if not by ours."""
    from tieout.wiring.conventions import explain_indicator  # noqa: PLC0415 - heavy

    result = explain_indicator(
        file, indicator=indicator, column=column, arguments=dict(map(_argument, argument))
    )
    if as_json:
        print_json({**plain(result), "same": result.same})
    else:
        sys.stdout.write(_explained(result))
    if not result.same:
        raise typer.Exit(1)


def _argument(given: str) -> tuple[str, float | str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise InputError(f"--set {given}: write name=value")
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _explained(result: Explanation) -> str:
    """Return what was found about an indicator for a terminal."""
    given = ", ".join(f"{name}={value}" for name, value in result.given.items())
    lines = [f"{result.indicator}({given}): {result.rows:,} rows on both sides"]
    if result.difference is not None:
        lines.append(f"  as it is they lie up to {result.difference:.6g} apart")
    found = result.found
    if found is None:
        return "\n".join([*lines, "  no convention that we know gives their values", ""])
    if result.same:
        return "\n".join([*lines, f"  theirs are ours: {found.output}", ""])
    lines.append(f"  theirs are ours ({found.output}), to {found.difference:.2g}, with:")
    changed = {
        name: value
        for name, value in found.arguments.items()
        if result.given.get(name) != value and name != "risk_free_rate"
    }
    told = {
        "arguments": ", ".join(f"{name}={value}" for name, value in changed.items()),
        "stamps": f"stamps {found.shift:+d} rows",
        "risk_free_rate": f"risk_free_rate={found.arguments.get('risk_free_rate')}",
        "prices": f"{found.prices} for the close",
        "warm_up": f"bars from before the file: it takes {found.unsettled:,} rows to come together",
    }
    lines += [f"    {told[cause]}" for cause in result.causes]
    return "\n".join([*lines, ""])


def _frame(path: Path) -> Any:  # noqa: ANN401 - heavy to name
    import polars as pl  # noqa: PLC0415 - heavy

    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".csv": pl.read_csv,
        ".parquet": pl.read_parquet,
        ".feather": pl.read_ipc,
        ".arrow": pl.read_ipc,
    }
    read = readers.get(path.suffix.lower())
    if read is None:
        raise InputError(f"{path}: a frame is a file of {', '.join(readers)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    try:
        return read(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(f"{path}: cannot be read ({told})") from error


def _frames_told(result: FrameComparison) -> str:
    """Return the comparison of two frames for a terminal."""
    if result.same:
        return f"the same in all of {result.rows[0]:,} rows\n"
    one, other = result.rows
    lines = [f"first difference in row {result.first_row:,}, counted from 0"]
    if one != other:
        lines.append(f"  {one:,} rows and {other:,} rows")
    for side, names in (("first", result.only_first), ("second", result.only_second)):
        if names:
            lines.append(f"  only the {side} has {', '.join(names)}")
    lines += [
        f"  {each.column}: {each.rows:,} rows from {each.first_row:,} on: {each.first} / "
        f"{each.second} ({each.kind}: {each.note})"
        for each in result.differing
    ]
    return "\n".join(lines) + "\n"


def _facts(result: CandleComparison, first: str, second: str) -> dict[str, Any]:
    from tieout.model.money import decimal_text  # noqa: PLC0415 - heavy

    return {
        "first": first,
        "second": second,
        "bars": result.bars,
        "differing": [
            {"close_time_ns": each.close_time_ns, "fields": each.fields, "missing": each.missing}
            for each in result.differing
        ],
        "turned": result.turned,
        "close_bps": dict(zip(("p1", "p50", "p99"), result.close_bps, strict=True)),
        "orders": result.orders,
        "flips": [
            {
                "decision_id": each.decision_id,
                "on": each.on,
                "side": "buy" if each.side > 0 else "sell",
                "lots": each.lots,
                "decided_at_ns": each.decided_at_ns,
                "worth": decimal_text(each.worth),
                "bar_close_ns": each.bar_close_ns,
                "because_ns": each.because_ns,
            }
            for each in result.flips
        ],
        "first_profit": decimal_text(result.first_profit),
        "second_profit": decimal_text(result.second_profit),
        "difference": decimal_text(result.difference),
        "parts": {name: decimal_text(amount) for name, amount in result.parts.items()},
    }


def _told(result: CandleComparison, first: str, second: str) -> str:
    """Return the comparison for a terminal."""
    from tieout.model.money import decimal_text  # noqa: PLC0415 - heavy

    low, middle, high = result.close_bps
    lines = [
        f"{result.bars:,} bars in both, {len(result.differing):,} differ; "
        f"{result.turned:,} point the other way ({float(result.turned_share):.1%})",
        f"closes of {second} over {first}: p1 {low:+.1f}, p50 {middle:+.1f}, p99 {high:+.1f} bps",
        "",
        *_shown([_bar_line(each, utc) for each in result.differing], "bars"),
        "",
        f"{result.orders:,} decisions on both, {len(result.flips):,} flipped",
        *_shown(
            [_flip_line(each, utc, decimal_text(each.worth)) for each in result.flips], "decisions"
        ),
        "",
        f"profit on {first:<24}{decimal_text(result.first_profit):>20}",
        f"profit on {second:<24}{decimal_text(result.second_profit):>20}",
        f"{'difference':<34}{decimal_text(result.difference):>20}",
    ]
    for name, amount in result.parts.items():
        lines.append(f"  {name.replace('_', ' '):<32}{decimal_text(amount):>20}")
    return "\n".join(lines) + "\n"


def _bar_line(bar: BarDifference, utc: Any) -> str:  # noqa: ANN401 - a function
    if bar.missing:
        return f"  {utc(bar.close_time_ns)}  missing on the {bar.missing}"
    said = ", ".join(
        f"{name.partition('_')[0]} {one:,} / {other:,}" for name, (one, other) in bar.fields.items()
    )
    return f"  {utc(bar.close_time_ns)}  {said}"


def _flip_line(flip: Flip, utc: Any, worth: str) -> str:  # noqa: ANN401 - a function
    side = "buy" if flip.side > 0 else "sell"
    why = "no bar differed by then"
    if flip.because_ns is not None and flip.because_ns == flip.bar_close_ns:
        why = "this bar differs"
    elif flip.because_ns is not None:
        why = f"the bar of {utc(flip.because_ns)} differs"
    return (
        f"  {utc(flip.decided_at_ns)}  {side:<4} {flip.lots:>8,}  {flip.on:<6} {worth:>16}  {why}"
    )


def _shown(lines: Sequence[str], of: str) -> list[str]:
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], *([f"  … {more:,} {of} more; --json has all"] if more > 0 else [])]
