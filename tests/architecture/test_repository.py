"""What is in the repository may be shown to anybody and runs anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, files_of_the_repository

TEXT_BYTES_MAX = 1_000_000
PICTURES = {".png", ".svg", ".ico"}

# In two parts each, so that this file does not find itself.
MACHINE = [
    *("/" + folder + "/" for folder in ("work", "root", "home")),
    *("/opt/" + folder for folder in ("pypi", "wheels")),
]
REGISTRIES = [
    *("pypi." + ending for ending in ("org", "python.org")),
    "python" + "hosted.org",
    "npmjs." + "org",
    "registry." + "npmjs",
]


def texts() -> dict[str, str]:
    """Return every text file of the repository by its path."""
    return {
        str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8")
        for path in files_of_the_repository()
        if path.suffix not in {".png", ".ico"}
    }


@pytest.mark.parametrize("word", MACHINE + REGISTRIES)
def test_no_file_names_a_machine_or_a_registry(word: str) -> None:
    found = [path for path, text in texts().items() if word in text]

    assert found == []


def test_the_lock_has_hashes_and_no_address() -> None:
    lock = (REPOSITORY / "requirements" / "lock.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^[A-Za-z0-9][^=\s]*==\S+", lock, flags=re.MULTILINE)

    assert "://" not in lock
    assert not re.search(r"^\s*-", lock.replace("    --hash=", ""), flags=re.MULTILINE)
    assert len(pins) > 50
    parts = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert [each.split()[0] for each in parts if "--hash=sha256:" not in each] == []


def test_every_package_the_project_asks_for_is_locked() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (REPOSITORY / "requirements" / "lock.txt").read_text(encoding="utf-8").lower()
    extras = settings["project"]["optional-dependencies"]
    asked = [
        *settings["build-system"]["requires"],
        *settings["project"]["dependencies"],
        *extras["live"],
        *extras["scale"],
        *settings["dependency-groups"]["dev"],
    ]

    names = [re.split(r"[\[<>=!~ ]", each)[0].lower() for each in asked]
    assert [each for each in names if f"\n{each}==" not in f"\n{lock}"] == []


def test_no_file_is_a_data_set() -> None:
    large = [
        str(path.relative_to(REPOSITORY))
        for path in files_of_the_repository()
        if path.stat().st_size > TEXT_BYTES_MAX and path.suffix not in PICTURES
    ]
    data = {".parquet", ".feather", ".npz", ".gz", ".zip", ".zst", ".db", ".sqlite", ".dbn"}

    assert large == []
    assert [path for path in files_of_the_repository() if path.suffix in data] == []


def run_ci(folder: Path, tools: Path) -> subprocess.CompletedProcess[str]:
    """Run the CI script of `folder` with a `make` that only says how it was called."""
    tools.mkdir()
    fake = tools / "make"
    fake.write_text('#!/bin/sh\necho "make $* with CI=$CI in $PWD"\n', encoding="utf-8")
    fake.chmod(0o755)
    return subprocess.run(
        ["bash", str(folder / ".ci" / "run")],
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        cwd=tools,
        capture_output=True,
        text=True,
        check=False,
    )


def test_ci_runs_the_test_command_of_the_readme(tmp_path: Path) -> None:
    done = run_ci(REPOSITORY, tmp_path / "tools")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"make test with CI=true in {REPOSITORY}"
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)


def test_ci_follows_when_the_readme_changes(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(REPOSITORY / ".ci" / "run", tmp_path / ".ci" / "run")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    changed = readme.replace("make test\n", "make other\n")
    (tmp_path / "README.md").write_text(changed, encoding="utf-8")

    done = run_ci(tmp_path, tmp_path / "tools")

    assert done.stdout.splitlines()[-1].startswith("make other with CI=true")


def test_ci_fails_when_the_readme_has_no_test_command(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(REPOSITORY / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "README.md").write_text("# Nothing\n", encoding="utf-8")

    done = run_ci(tmp_path, tmp_path / "tools")

    assert done.returncode == 1
    assert "Test it:" in done.stderr


def test_every_make_target_a_page_names_is_there() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    pages = {path: text for path, text in texts().items() if path.endswith(".md")}

    named = {
        (path, target)
        for path, text in pages.items()
        for target in re.findall(r"(?:`|^|^ {4})make ([a-z-]+)", text, flags=re.MULTILINE)
    }
    assert named
    assert [each for each in sorted(named) if each[1] not in targets] == []


def test_a_news_fragment_has_a_kind_that_is_known() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    kinds = {each["directory"] for each in settings["tool"]["towncrier"]["type"]}

    fragments = [each for each in (REPOSITORY / "changelog.d").glob("*") if each.stem != "README"]
    wrong = [
        each.name
        for each in fragments
        if each.suffix != ".md" or each.name.split(".")[-2] not in kinds
    ]
    assert wrong == []
