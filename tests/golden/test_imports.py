"""Every file of market data among the real test data comes in as it did: rows in, aside and kept.

The folder is named by TIEOUT_TEST_DATA; without it these tests are skipped. To write the list anew:
`TIEOUT_TEST_DATA=… python -m tests.golden.test_imports`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.golden.plan import Job, jobs
from tieout.history import Store, import_any

LISTED = Path(__file__).parent / "imports.json"
LONG_BYTES = 250_000
"""A larger file is read at night, but for one of each folder and format."""
ROUNDED = "volume rounded down to the lot"


def imported(job: Job, root: Path) -> dict[str, Any]:
    """Return what an import makes of a file."""
    with TemporaryDirectory() as folder:
        made = import_any(
            Store(Path(folder)),
            root / job.file,
            job.ask(),
            name="made",
            form=job.form,
            volume=job.volume,
        )
        meta = made.meta
        dropped = [
            line
            for each in (made.path / "set_aside.csv",)
            if each.is_file()
            for line in each.read_text().splitlines()[1:]
        ]
    return {
        "format": meta.time_rule.partition("format ")[2].partition(",")[0].partition(";")[0],
        "kind": meta.kind,
        "rows_in": meta.rows + len(dropped),
        "set_aside": {name: rows for name, rows in meta.defects.items() if name != ROUNDED},
        "rounded": meta.defects.get(ROUNDED, 0),
        "rows": meta.rows,
        "first_time_ns": meta.first_time_ns,
        "last_time_ns": meta.last_time_ns,
        "fingerprint": meta.fingerprint[:16],
    }


def planned() -> list[Any]:
    """Return one test for each file; without the data one that skips."""
    root = os.environ.get("TIEOUT_TEST_DATA")
    if not root:
        return [pytest.param(None, id="no-data")]
    seen: set[tuple[str, str]] = set()
    found = []
    for job in jobs(Path(root)):
        path = Path(root) / job.file
        group = (path.parent.as_posix(), path.suffix)
        is_long = path.stat().st_size > LONG_BYTES or group in seen
        seen.add(group)
        found.append(pytest.param(job, id=job.file, marks=[pytest.mark.nightly] if is_long else []))
    return found


@pytest.mark.parametrize("job", planned())
def test_a_file_comes_in_as_it_did(job: Job | None, test_data: Path) -> None:
    assert job is not None
    listed = json.loads(LISTED.read_text(encoding="utf-8"))

    assert imported(job, test_data) == listed[job.file]


def test_every_file_of_market_data_is_listed(test_data: Path) -> None:
    listed = json.loads(LISTED.read_text(encoding="utf-8"))

    assert {job.file for job in jobs(test_data)} == set(listed)


def write_list() -> None:
    """Write the list of what every file gives now."""
    root = Path(os.environ["TIEOUT_TEST_DATA"])
    found = {job.file: imported(job, root) for job in jobs(root)}
    LISTED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_list()
