"""The command line as a person uses it: a fresh process each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["as_json", "tieout"]


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


def as_json(*words: str, folder: Path, **environment: str) -> Any:
    done = tieout(*words, "--json", folder=folder, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
