"""Two frames are laid beside each other, and the kind of their difference is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tieout.cli import app
from tieout.errors import InputError
from tieout.reconcile import ColumnDifference, compare_frames

if TYPE_CHECKING:
    from pathlib import Path

WALK = np.cumsum(np.random.default_rng(3).normal(0, 1, 50)) + 100


def only(one: object, other: object, **terms: int) -> ColumnDifference:
    (found,) = compare_frames(
        pl.DataFrame({"mean": one}), pl.DataFrame({"mean": other}), **terms
    ).differing
    return found


def test_a_frame_is_the_same_as_itself() -> None:
    frame = pl.DataFrame({"mean": [1.0, float("nan"), None], "name": ["a", None, "b"]})

    result = compare_frames(frame, frame.clone())

    assert result.same
    assert result.first_row is None


def test_the_first_row_that_differs_is_named_with_both_values() -> None:
    other = WALK.copy()
    other[[7, 30]] += 1

    found = only(WALK, other)

    assert (found.first_row, found.rows, found.kind) == (7, 2, "values")
    assert (float(found.first), float(found.second)) == (WALK[7], other[7])


def test_last_digits_are_told_apart_and_can_be_allowed() -> None:
    other = WALK.copy()
    other[5] = np.nextafter(np.nextafter(WALK[5], 1e9), 1e9)

    found = only(WALK, other)

    assert (found.kind, found.ulps_max) == ("last_digits", 2)
    frames = [pl.DataFrame({"mean": each}) for each in (WALK, other)]
    assert compare_frames(*frames, ulps=2).same
    assert not compare_frames(*frames, ulps=1).same


def test_zero_with_either_sign_is_one_number() -> None:
    assert compare_frames(pl.DataFrame({"a": [0.0]}), pl.DataFrame({"a": [-0.0]})).same


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_another_warm_up_is_values_that_are_missing(nothing: float | None) -> None:
    other = [nothing] * 10 + WALK[10:].tolist()

    found = only(WALK, other)

    assert (found.kind, found.rows, found.second) == ("missing", 10, "nothing")
    assert found.note.startswith("only the first has values there")


@pytest.mark.parametrize(("rows", "told"), [(1, "1 rows later"), (-2, "2 rows earlier")])
def test_a_column_that_is_moved_is_told_so(rows: int, told: str) -> None:
    found = only(WALK, pl.Series(WALK).shift(rows))

    assert found.kind == "shifted"
    assert told in found.note


def test_a_column_in_another_unit_is_told_so() -> None:
    found = only(WALK, WALK * 1000)

    assert (found.kind, found.note) == ("scaled", "the second is 1000 times the first")


def test_words_whole_numbers_and_times_are_compared_too() -> None:
    times = pl.datetime_range(pl.datetime(2023, 1, 1), pl.datetime(2023, 1, 2), "8h", eager=True)
    one = pl.DataFrame({"name": ["a", "b", "c", None], "lots": [1, 2, 3, 4], "time": times})
    other = pl.DataFrame(
        {"name": ["a", "x", "c", "d"], "lots": [1, 2, 4, 4], "time": times.dt.offset_by("1s")}
    )

    found = {
        each.column: (each.first_row, each.rows) for each in compare_frames(one, other).differing
    }

    assert found == {"name": (1, 2), "lots": (2, 1), "time": (0, 4)}


def test_columns_and_rows_that_one_side_lacks_are_named() -> None:
    result = compare_frames(
        pl.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}), pl.DataFrame({"a": [1.0], "c": ["x"]})
    )

    assert (result.only_first, result.only_second, result.rows) == (("b",), ("c",), (2, 1))
    assert result.first_row == 1
    assert not result.same


@given(st.lists(st.floats(width=64), min_size=1, max_size=30), st.data())
def test_whatever_is_changed_is_found(values: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    other = list(values)
    other[place] = data.draw(st.floats(allow_nan=False).filter(lambda each: each != values[place]))

    result = compare_frames(pl.DataFrame({"a": values}), pl.DataFrame({"a": other}))

    assert result.first_row == place


def test_frames_without_a_column_in_common_are_refused() -> None:
    with pytest.raises(InputError, match="share no column"):
        compare_frames(pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]}))


def test_the_command_reads_files_of_several_forms(tmp_path: Path) -> None:
    pl.DataFrame({"mean": [1.5, 2.5]}).write_csv(tmp_path / "one.csv")
    pl.DataFrame({"mean": [1.5, 2.5]}).write_parquet(tmp_path / "same.parquet")
    pl.DataFrame({"mean": [1.5, 7.5]}).write_ipc(tmp_path / "other.feather")
    call = ["compare", "frames", str(tmp_path / "one.csv")]

    same = CliRunner().invoke(app, [*call, str(tmp_path / "same.parquet")])
    other = CliRunner().invoke(app, [*call, str(tmp_path / "other.feather"), "--json"])

    assert (same.exit_code, "the same in all of 2 rows" in same.stdout) == (0, True)
    assert other.exit_code == 1
    facts = json.loads(other.stdout)
    assert (facts["first_row"], facts["differing"][0]["second"]) == (1, "7.5")


@pytest.mark.parametrize("name", ["none.csv", "frame.xlsx", "broken.parquet"])
def test_a_file_that_is_no_frame_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "frame.xlsx").write_bytes(b"x")

    result = CliRunner().invoke(
        app, ["compare", "frames", str(tmp_path / name), str(tmp_path / name)]
    )

    assert isinstance(result.exception, InputError)
