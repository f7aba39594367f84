"""Imports go downward only, and a new package must be given its place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the project in `folder`, whose package shadows the installed one."""
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(command), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the project that may be broken."""
    shutil.copytree(
        REPOSITORY / "src",
        tmp_path / "src",
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
    )
    shutil.copyfile(REPOSITORY / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def test_every_import_contract_is_kept() -> None:
    done = lint(REPOSITORY)

    assert done.returncode == 0, done.stdout + done.stderr


def test_an_import_that_goes_upward_is_found(copy: Path) -> None:
    upward = copy / "src" / "tieout" / "model" / "upward.py"
    upward.write_text("import tieout.kernel.loop\n", encoding="utf-8")

    done = lint(copy)

    assert done.returncode == 1
    assert "tieout.model.upward" in done.stdout


def test_a_new_package_fails_until_it_is_placed(copy: Path) -> None:
    placeless = copy / "src" / "tieout" / "placeless"
    placeless.mkdir()
    (placeless / "__init__.py").write_text("", encoding="utf-8")

    done = lint(copy)

    assert done.returncode == 1
    assert "placeless" in done.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("kernel/compiling.py", "numba"),
        ("reconcile/running.py", "tieout.market.matching"),
        ("report/deciding.py", "tieout.kernel.loop"),
        ("adapters/venues/practice/borrowing.py", "tieout.market.matching"),
    ],
)
def test_a_forbidden_import_is_found(copy: Path, importer: str, imported: str) -> None:
    added = copy / "src" / "tieout" / importer
    added.write_text(f"import {imported}\n", encoding="utf-8")

    done = lint(copy)

    assert done.returncode == 1
    assert Path(importer).stem in done.stdout


@pytest.mark.parametrize("heavy", ["msgspec", "numba", "numpy", "polars", "pyarrow", "rich"])
def test_help_does_not_wait_for_what_it_does_not_need(heavy: str) -> None:
    asked = f"import sys, tieout.cli; sys.exit({heavy!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


@pytest.mark.parametrize("heavy", ["aiohttp", "ccxt", "pandas", "polars", "rich"])
@pytest.mark.slow
def test_a_run_does_not_wait_for_what_it_does_not_need(heavy: str) -> None:
    asked = f"import sys, tieout.wiring; sys.exit({heavy!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
