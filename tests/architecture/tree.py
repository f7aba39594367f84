"""The project's files, parsed once, for the tests in this folder."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import lru_cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "src" / "tieout"
DOCS = REPOSITORY / "docs"


@lru_cache(maxsize=1)
def modules() -> dict[str, ast.Module]:
    """Return every module of the package, parsed, by its path below the package.

    Templates are left out: they are text that `tieout new` copies.
    """
    return {
        str(path.relative_to(SOURCE)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
        if "templates" not in path.parts
    }


@lru_cache(maxsize=1)
def files_of_the_repository() -> tuple[Path, ...]:
    """Return every file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = (REPOSITORY / each for each in listed.split("\0") if each)
    return tuple(path for path in paths if path.is_file())


@lru_cache(maxsize=1)
def pages() -> dict[str, str]:
    """Return the text of every page of the documentation by its path, the README included."""
    paths = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
    paths.append(REPOSITORY / "benchmarks" / "README.md")
    return {str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8") for path in paths}


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
