"""The documentation says what the program does."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.architecture.tree import DOCS, REPOSITORY, blocks, pages
from tieout.cli import app
from tieout.history.judging import KINDS

COMMANDS = {
    "demo", "new", "import", "download", "backtest", "practice", "paper", "shadow", "live",
    "replay", "twin", "reconcile", "report", "show", "data", "compare",
}  # fmt: skip


def commands() -> dict[str, Any]:
    """Return the commands of the program as it is."""
    group: Any = typer.main.get_command(app)
    found: dict[str, Any] = group.commands
    return found


def options(name: str) -> set[str]:
    """Return every option that a command takes."""
    command = commands()[name]
    every = [command, *getattr(command, "commands", {}).values()]
    return {each for one in every for given in one.params for each in given.opts} | {"--help"}


def shown_calls() -> list[tuple[str, str]]:
    """Return every call of a command that a page shows, with the page."""
    found = []
    for page, text in pages().items():
        for line in text.splitlines():
            call = re.match(r"(?: {4}|\$ )?tieout ([a-z]\S*.*)$", line)
            if call and (line.startswith((" ", "$")) or f"\n{line}\n```" in text):
                found.append((page, call.group(1)))
    return found


def test_the_program_has_the_commands_it_is_meant_to_have() -> None:
    assert set(commands()) == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_a_guide_that_shows_it(name: str) -> None:
    guide = DOCS / "guides" / f"{name}.md"

    assert guide.is_file(), f"docs/guides/{name}.md is missing"
    text = guide.read_text(encoding="utf-8")
    assert text.startswith(f"# tieout {name}\n")
    assert re.search(rf"^ {{4}}tieout {name}\b", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("page", "call"), shown_calls())
def test_a_call_that_a_page_shows_is_one_the_program_takes(page: str, call: str) -> None:
    words = shlex.split(call, comments=True)
    name = words[0]

    assert name in commands(), f"{page}: there is no command {name}"
    unknown = {each.partition("=")[0] for each in words if each.startswith("--")} - options(name)
    assert not unknown, f"{page}: `tieout {call}`"


def test_what_reads_a_project_can_be_given_another_store() -> None:
    every = [
        (name, one)
        for name, command in commands().items()
        for one in (command, *getattr(command, "commands", {}).values())
    ]
    taken = {
        f"{name} {one.name}": {option for given in one.params for option in given.opts}
        for name, one in every
    }

    without = [name for name, of in taken.items() if "--project" in of and "--store" not in of]
    assert without == []


@pytest.mark.parametrize("page", sorted(pages()))
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", pages()[page])

    missing = [each for each in targets if not (REPOSITORY / page).parent.joinpath(each).exists()]
    assert missing == []


def python_blocks() -> list[Any]:
    """Return every Python block of the documentation."""
    return [
        pytest.param(block, id=f"{page}-{number}")
        for page, text in pages().items()
        for number, block in enumerate(blocks(text, "python"))
    ]


@pytest.mark.parametrize("block", python_blocks())
@pytest.mark.slow
def test_python_in_the_docs_runs(block: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_index_leads_to_every_page() -> None:
    index = pages()["docs/index.md"]

    missing = [
        path
        for path in sorted(DOCS.rglob("*.md"))
        if path.name != "index.md" and str(path.relative_to(DOCS)) not in index
    ]
    assert missing == []


def test_every_term_of_the_glossary_is_one_sentence() -> None:
    terms = re.findall(r"^\*\*(.+?)\*\*: (.+?)$", pages()["docs/glossary.md"], flags=re.MULTILINE)

    assert len(terms) > 20
    assert [name for name, told in terms if not told.endswith(".")] == []
    assert [name for name, _ in terms] == sorted((name for name, _ in terms), key=str.lower)


def test_the_guide_names_every_kind_that_a_judge_finds() -> None:
    told = re.findall(
        r"^\| `(\w+)` \| (.+?) \|$", pages()["docs/guides/data.md"], flags=re.MULTILINE
    )

    assert dict(told) == KINDS
