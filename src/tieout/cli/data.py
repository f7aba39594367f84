"""`tieout data …`: what there is of market data, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.history.judging import Finding

__all__ = ["data_commands", "judge"]

data_commands = typer.Typer(
    name="data",
    help="Judge files of market data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Files = Annotated[list[Path], typer.Argument(help="Files, or folders that hold some.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON list and nothing else.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write the findings as one HTML file.")]

_ROWS_SHOWN = 3


@data_commands.callback()
def _data() -> None:
    """Keep `judge` a command of its own however many there are."""


@data_commands.command(name="judge")
def judge(files: Files, as_json: AsJson = False, html: Html = None) -> None:
    """Say what is wrong with files before anything is imported; exit code 1 where something is."""
    from tieout.cli.progress import Progress  # noqa: PLC0415 - heavy
    from tieout.history.judging import judge as find_defects  # noqa: PLC0415 - heavy
    from tieout.report import judgement_page, write_page  # noqa: PLC0415 - heavy

    with Progress("judging", quiet=as_json) as progress:
        found = find_defects(files, progress=progress)
    if html is not None:
        write_page(html, judgement_page(found))
    if as_json:
        sys.stdout.write(json.dumps([msgspec.to_builtins(each) for each in found]) + "\n")
    else:
        sys.stdout.write(_told(found))
        if html is not None:
            sys.stdout.write(f"{html}\n")
    if any(each.severity == "defect" for each in found):
        raise typer.Exit(1)


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
