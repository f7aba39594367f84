"""Calendars, lists and rules in the store: whole or not at all, and found damaged."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.calendars import a_calendar
from tests.support.object_server import ObjectServer
from tests.unit.history.builders import ES, trade_columns
from tieout.errors import DataError, InputError
from tieout.history import Store
from tieout.history.reference import ReferenceStore
from tieout.model.rules import DatedRules, RulesRow
from tieout.model.universes import Change, Universe, UniverseRow

if TYPE_CHECKING:
    from pathlib import Path

LIST = Universe(name="top", rows=(UniverseRow(10, 5, "AAA", Change.IN, "0.5"),))
RULES = DatedRules(name="btc", symbol="BTC", rows=(RulesRow(10, Decimal("0.1"), Decimal(1)),))


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    store = ReferenceStore(tmp_path)
    calendar = a_calendar()

    for each in (calendar, LIST, RULES):
        store.write(each)

    assert store.names() == ["XNYS", "btc", "top"]
    assert [store.kind(each) for each in store.names()] == ["calendar", "rules", "universe"]
    assert store.calendar("XNYS") == calendar
    assert store.told("top") == LIST
    assert store.told("btc") == RULES


def test_a_name_that_is_taken_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    store = ReferenceStore(tmp_path)
    store.write(LIST)

    with pytest.raises(InputError, match="'top' exists"):
        store.write(LIST)
    assert [each.name for each in tmp_path.iterdir()] == ["top"]


def test_a_name_that_no_folder_may_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name '\.\./x'"):
        ReferenceStore(tmp_path).write(a_calendar(name="../x"))


def test_an_unknown_name_and_a_name_of_another_kind_are_told(tmp_path: Path) -> None:
    store = ReferenceStore(tmp_path)
    store.write(a_calendar())
    store.write(LIST)

    with pytest.raises(InputError, match="no calendar 'XLON'; there are: XNYS, top"):
        store.calendar("XLON")
    with pytest.raises(InputError, match="no calendar 'top'"):
        store.calendar("top")
    with pytest.raises(InputError, match=r"XNYS is a calendar.*--calendar XNYS"):
        store.told("XNYS")


@pytest.mark.parametrize("change", ["edit", "cut", "swap"])
def test_a_damaged_file_is_found(tmp_path: Path, change: str) -> None:
    store = ReferenceStore(tmp_path)
    store.write(a_calendar())
    file = tmp_path / "XNYS" / "calendar.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    if change == "edit":
        kept["sessions"][3][1] += 60_000_000_000
    elif change == "swap":
        kept["sessions"][0], kept["sessions"][1] = kept["sessions"][1], kept["sessions"][0]
    text = json.dumps(kept)
    file.write_text(text[: len(text) // 2] if change == "cut" else text, encoding="utf-8")

    with pytest.raises(DataError, match=r"calendar.json: .*Import it again"):
        store.calendar("XNYS")


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("where", ["text", "url", "objects"])
def test_a_store_is_the_same_wherever_it_lies(where: str, tmp_path: Path) -> None:
    with ObjectServer() as server:
        at = {"text": str(tmp_path), "url": tmp_path.as_uri(), "objects": server.url("a/place")}
        store, market = ReferenceStore(at[where]), Store(at[where])

        for each in (a_calendar(), LIST, RULES):
            store.write(each)

        assert store.names() == ["XNYS", "btc", "top"]
        assert store.calendar("XNYS") == a_calendar()
        assert [store.told(each) for each in ("top", "btc")] == [LIST, RULES]
        assert market.names() == []
        with pytest.raises(InputError, match="'top' exists"):
            store.write(LIST)
        with pytest.raises(InputError, match="'top' exists"):
            market.write_trades("top", ES, [trade_columns([401])], source="a test")
        market.write_trades("set", ES, [trade_columns([401])], source="a test")
        with pytest.raises(InputError, match="'set' exists"):
            store.write(a_calendar(name="set"))


@pytest.mark.usefixtures("keys")
def test_a_damaged_object_is_found_and_named_by_its_url() -> None:
    with ObjectServer() as server:
        url = server.url("a/place")
        store = ReferenceStore(url)
        store.write(LIST)
        key = next(each for each in server.objects if each.endswith("top/universe.json"))
        server.objects[key] = server.objects[key].replace(b"AAA", b"AAB")

        with pytest.raises(DataError, match=r"s3://.*top/universe.json.*Import it again"):
            store.told("top")
