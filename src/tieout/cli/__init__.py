"""The `tieout` command: arguments in, exit code out.

Exit code 0: fine. 1: it fell short (a break, a failed check, the venue failed). 2: wrong input.
Heavy imports happen only inside the command that needs them, so that `--help` stays quick.
"""

from __future__ import annotations

import sys

import typer

from tieout.cli.commands import register
from tieout.errors import InputError, TieoutError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tieout",
    help="Run one strategy in every world and tie live to backtest, to the cent.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Drawn boxes would cost a third of a second at every call for help.
    rich_markup_mode=None,
)
register(app)


def main() -> None:
    """Run the command line; every expected error is one message on standard error."""
    try:
        app()
    except InputError as error:
        sys.stderr.write(f"tieout: {error}\n")
        sys.exit(2)
    except TieoutError as error:
        sys.stderr.write(f"tieout: {type(error).__name__}: {error}\n")
        sys.exit(1)
