"""Pages become a data set: edges compared, holes asked for twice, a kill at any byte survived."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.history.builders import ES, MINUTE, SECOND, T0
from tieout.errors import DataError, InputError, VenueError
from tieout.history import Store, Wanted, download
from tieout.history.dataset import COLUMNS
from tieout.history.downloading.page_log import PageLog
from tieout.history.downloading.pages import Contradiction, Joiner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tieout.history import Downloaded
    from tieout.history.downloading import Rows

HOUR = 60 * MINUTE
COUNT = 100


def trades(ids: Sequence[int] = range(1, COUNT + 1)) -> Rows:
    """Return trades with these ids, a second from one id to the next."""
    each = np.array(list(ids), np.int64)
    return {
        "venue_time_ns": T0 + each * SECOND,
        "price_ticks": 400 + each % 7,
        "quantity_lots": each % 5 + 1,
        "aggressor": each % 2 * 2 - 1,
        "trade_id": each,
    }


def rates(hours: Sequence[int]) -> Rows:
    """Return funding rates at these hours."""
    when = T0 + np.array(list(hours), np.int64) * HOUR
    nothing = np.zeros(len(when), np.int64)
    return {
        "venue_time_ns": when,
        "rate_e18": nothing + 10**14,
        "interval_ns": nothing,
        "mark_ticks": nothing,
    }


def wanted(kind: str = "trades", **changed: Any) -> Wanted:
    words: dict[str, Any] = {
        "venue": "http://venue",
        "kind": kind,
        "instrument": ES,
        "interval_ns": 0,
        "start_ns": T0,
        "end_ns": T0 + 1_000 * HOUR,
    }
    return Wanted(**(words | changed))


class ScriptedPast:
    """A venue that has rows, gives a few at a time, and dies after some pages."""

    def __init__(self, rows: Rows, *, page: int = 10, pages: int = 10_000) -> None:
        self.rows = rows
        self.page_rows = page
        self.left = pages
        self.asked: list[int | None] = []

    def page(self, wanted: Wanted, from_key: int | None) -> Rows:
        self.asked.append(from_key)
        if not self.left:
            raise VenueError("the line is dead")
        self.left -= 1
        keys = self.rows["trade_id" if wanted.kind == "trades" else "venue_time_ns"]
        first = 0 if from_key is None else int(np.searchsorted(keys, from_key))
        return {name: each[first : first + self.page_rows] for name, each in self.rows.items()}

    def first_ns(self, wanted: Wanted) -> int | None:
        when = self.rows["venue_time_ns"]
        return int(when[0]) if len(when) else None


def got(folder: Path, past: ScriptedPast, asked: Wanted | None = None, **how: Any) -> Downloaded:
    return download(
        Store(folder / "store"),
        past,
        asked or wanted(),
        name="set",
        log=folder / "store" / ".set.download",
        **how,
    )


def written(folder: Path, rows: Rows) -> str:
    return Store(folder / "whole").write("set", "trades", ES, [rows], source="a").meta.fingerprint


# -- killed anywhere --------------------------------------------------------------------------


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pages=st.integers(0, 11), lost=st.integers(0, 3_000), page=st.integers(2, 40))
def test_whatever_was_lost_the_data_set_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, pages: int, lost: int, page: int
) -> None:
    folder = tmp_path_factory.mktemp("download")
    with suppress(VenueError):
        got(folder, ScriptedPast(trades(), page=page, pages=pages))
    log = folder / "store" / ".set.download"
    if log.exists():
        content = log.read_bytes()
        log.write_bytes(content[: max(0, len(content) - lost)])

    made = got(folder, ScriptedPast(trades(), page=page))

    assert made.dataset.meta.fingerprint == written(folder, trades())
    assert made.dataset.meta.rows == COUNT
    assert sorted(each.name for each in (folder / "store").iterdir()) == ["set"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_log_with_a_changed_byte_is_believed_up_to_there(tmp_path: Path, share: float) -> None:
    with pytest.raises(VenueError):
        got(tmp_path, ScriptedPast(trades(), pages=8))
    log = tmp_path / "store" / ".set.download"
    content = bytearray(log.read_bytes())
    content[int(len(content) * share)] ^= 1
    log.write_bytes(content)

    made = got(tmp_path, ScriptedPast(trades()))

    assert made.resumed_rows < 73
    assert made.dataset.meta.fingerprint == written(tmp_path, trades())


def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(VenueError):
        got(tmp_path, ScriptedPast(trades(), pages=4))
    again = ScriptedPast(trades())

    made = got(tmp_path, again)

    assert again.asked[0] == 37
    assert (made.resumed_rows, made.new_rows) == (37, COUNT)


def test_the_venues_smallest_order_may_change_meanwhile_and_its_tick_not(tmp_path: Path) -> None:
    with pytest.raises(VenueError):
        got(tmp_path, ScriptedPast(trades(), pages=4))
    other_tick = msgspec.structs.replace(ES, tick_size=Decimal("0.5"))
    other_least = msgspec.structs.replace(ES, min_lots=7)

    with pytest.raises(InputError, match="unfinished download"):
        got(tmp_path, ScriptedPast(trades()), wanted(instrument=other_tick))
    made = got(tmp_path, ScriptedPast(trades()), wanted(instrument=other_least))

    assert (made.resumed_rows, made.new_rows) == (37, COUNT)


def test_a_log_of_a_data_set_that_was_finished_is_forgotten(tmp_path: Path) -> None:
    with pytest.raises(VenueError):
        got(tmp_path, ScriptedPast(trades(), pages=4))
    log = tmp_path / "store" / ".set.download"
    kept = log.read_bytes()
    first = got(tmp_path, ScriptedPast(trades()))
    # As if the process had ended between the data set and the log.
    log.write_bytes(kept)

    made = got(tmp_path, ScriptedPast(trades()))

    assert (made.new_rows, made.dataset.meta) == (0, first.dataset.meta)
    assert not log.exists()


def test_two_do_not_download_one_name_at_once(tmp_path: Path) -> None:
    log = PageLog(tmp_path / "store" / ".set.download")

    with pytest.raises(InputError, match="another process downloads this"):
        got(tmp_path, ScriptedPast(trades()))
    log.close()

    assert got(tmp_path, ScriptedPast(trades())).new_rows == COUNT


def test_a_full_disk_is_named_and_leaves_no_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tieout.history.downloading.page_log.crc32", full)

    with pytest.raises(InputError, match="No space left on device"):
        got(tmp_path, ScriptedPast(trades()))

    assert Store(tmp_path / "store").names() == []


# -- holes and edges --------------------------------------------------------------------------


def test_a_hole_that_the_venue_fills_when_asked_again_is_none(tmp_path: Path) -> None:
    past = ScriptedPast(trades())
    whole, holed = past.rows, trades([*range(1, 15), *range(17, COUNT + 1)])
    given = past.page

    def page(asked: Wanted, from_key: int | None) -> Rows:
        past.rows = holed if len(past.asked) == 1 else whole
        return given(asked, from_key)

    past.page = page  # type: ignore[method-assign]

    made = got(tmp_path, past)

    assert (made.missing, made.dataset.meta.fingerprint) == (0, written(tmp_path, whole))


def test_holes_that_stay_are_counted_and_asked_for_three_times_at_most(tmp_path: Path) -> None:
    holed = trades([each for each in range(1, COUNT + 1) if each % 10])
    past = ScriptedPast(holed, page=COUNT)

    made = got(tmp_path, past)

    assert made.missing == 9
    assert len(past.asked) <= 6
    assert made.dataset.meta.defects == {"trades missing by their ids": 9}
    assert made.dataset.meta.fingerprint == written(tmp_path, holed)


def test_a_hole_between_what_was_there_and_what_is_new_is_counted(tmp_path: Path) -> None:
    got(tmp_path, ScriptedPast(trades(range(1, 31))))

    made = got(tmp_path, ScriptedPast(trades([*range(1, 31), *range(35, 51)])))

    assert (made.new_rows, made.missing) == (16, 4)


def test_a_row_that_is_not_there_any_more_is_named() -> None:
    joiner = Joiner(wanted(), None)
    joiner.take(trades(range(1, 11)))

    with pytest.raises(Contradiction, match=r"trade_id 10 was there, and is not there any more"):
        joiner.take(trades(range(11, 20)))


@pytest.mark.parametrize("place", [0, 4])
def test_a_row_that_is_told_otherwise_is_named(place: int) -> None:
    joiner = Joiner(wanted(), None)
    joiner.take(trades(range(1, 11)))
    page = trades([10, 11, 12, 13, 13, 14])
    page["price_ticks"][place] += 1

    with pytest.raises(Contradiction, match=r"has price_ticks \d+ on one page and \d+ on the next"):
        joiner.take(page)


def test_a_row_that_cannot_be_right_is_refused_when_it_comes(tmp_path: Path) -> None:
    rows = trades()
    rows["price_ticks"][41] = 0
    past = ScriptedPast(rows)

    with pytest.raises(DataError, match="price is not positive") as refused:
        got(tmp_path, past)

    assert refused.value.row == 42
    assert Store(tmp_path / "store").names() == []


# -- funding ----------------------------------------------------------------------------------


def test_a_rate_is_for_the_time_since_the_one_before(tmp_path: Path) -> None:
    past = ScriptedPast(rates([8, 16, 24, 28, 32, 36, 40, 60, 64]), page=3)

    made = got(tmp_path, past, wanted("funding", start_ns=T0 + 1))

    intervals = made.dataset.funding().interval_ns // HOUR
    # Behind the hole it is what it was before it.
    assert intervals.tolist() == [8, 8, 8, 4, 4, 4, 4, 4, 4]
    assert (made.missing, made.holes) == (1, [(T0 + 40 * HOUR, T0 + 60 * HOUR)])


def test_one_rate_alone_does_not_say_what_it_is_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one rate does not say what time it is for"):
        got(tmp_path, ScriptedPast(rates([8])), wanted("funding"))


def test_the_columns_of_a_download_are_those_of_the_store() -> None:
    assert tuple(trades()) == COLUMNS["trades"]
    assert tuple(rates([1])) == COLUMNS["funding"]
