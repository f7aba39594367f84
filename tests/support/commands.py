"""The command line as a person uses it: in a fresh process, or in this one to save its start."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tieout.cli import main

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["as_json", "in_this_process", "tieout"]


def tieout(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, in a fresh process."""
    return subprocess.run(
        [sys.executable, "-c", "from tieout.cli import main; main()", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def in_this_process(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the same entry point here: the same words out and the same exit code."""
    said, complained = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        patch.object(sys, "argv", ["tieout", *words]),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complained),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(words, code, said.getvalue(), complained.getvalue())


def as_json(*words: str, folder: Path, **environment: str) -> Any:
    """Return what the command says as JSON; in a fresh process where its environment is given."""
    if environment:
        done = tieout(*words, "--json", folder=folder, **environment)
    else:
        done = in_this_process(*words, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
