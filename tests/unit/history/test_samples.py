"""Samples come out of a pinned wheel that is never imported."""

from __future__ import annotations

import sys
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from tests.unit.history.builders import GOOD_TRADE, TRADES, left_behind, rows
from tieout.errors import InputError
from tieout.history import SAMPLES, Store, import_sample, samples

if TYPE_CHECKING:
    from pathlib import Path

FACTS = {
    "es-trades": ("trades", 500_000, "2013-09-01T17:00:00.083", "2013-09-03T13:51:44.578"),
    "eurusd-gym": ("bars", 6_225, "2017-01-01T23:00:00.000", "2017-12-29T22:00:00.000"),
    "eurusd-backtesting": ("bars", 5_000, "2017-04-19T10:00:00.000", "2018-02-07T16:00:00.000"),
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of wheels: empty, with no package index within reach."""
    monkeypatch.setenv("TIEOUT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    (tmp_path / "nothing").mkdir()
    return tmp_path / "cache" / "samples"


@pytest.fixture
def wheel(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a wheel in the cache that holds one good trade, pinned as `es-trades`."""
    cache.mkdir(parents=True)
    sample = SAMPLES["es-trades"]
    path = cache / sample.wheel
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(sample.member, TRADES + GOOD_TRADE)
        archive.writestr("mlfinpy/__init__.py", "raise RuntimeError('imported')")
    pinned = msgspec.structs.replace(sample, sha256=sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(samples.SAMPLES, "es-trades", pinned)
    return path


def test_a_cached_wheel_is_read_and_not_imported(tmp_path: Path, wheel: Path) -> None:
    made = import_sample(Store(tmp_path / "store"), "es-trades")

    assert rows(made, "price_ticks") == [401]
    assert made.meta.source == "mlfinpy==0.1.2 (MIT), mlfinpy/dataset/data/tick_data.csv"
    assert "UTC is assumed" in made.meta.time_rule
    assert "mlfinpy" not in sys.modules


def test_a_sample_that_is_there_is_given_back(tmp_path: Path, wheel: Path) -> None:
    store = Store(tmp_path / "store")
    first = import_sample(store, "es-trades")
    wheel.unlink()
    assert import_sample(store, "es-trades").meta == first.meta


def test_a_sample_can_have_another_name(tmp_path: Path, wheel: Path) -> None:
    store = Store(tmp_path / "store")
    import_sample(store, "es-trades", name="mine")
    assert store.names() == ["mine"]


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_without_wheel_and_index_the_remedy_is_said(
    tmp_path: Path, wheel: Path, damage: str
) -> None:
    if damage == "gone":
        wheel.unlink()
    else:
        wheel.write_bytes(wheel.read_bytes() + b" ")

    with pytest.raises(InputError, match="cannot be fetched") as refused:
        import_sample(Store(tmp_path / "store"), "es-trades")

    assert f"put {wheel.name} into {wheel.parent}" in str(refused.value)
    assert left_behind(tmp_path) == []
    assert [each.name for each in wheel.parent.iterdir()] == (
        [] if damage == "gone" else [wheel.name]
    )


def test_a_licence_that_asks_for_much_must_be_accepted(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(InputError, match="AGPL") as refused:
        import_sample(Store(tmp_path / "store"), "eurusd-backtesting")
    assert "--accept-licence" in str(refused.value)
    assert not cache.exists()


def test_an_unknown_sample_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are: es-trades, eurusd-gym"):
        import_sample(Store(tmp_path / "store"), "spam")


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_the_real_samples_are_what_they_are_said_to_be(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "store")
    try:
        made = import_sample(store, name, accept_licence=True)
    except InputError as error:
        pytest.skip(f"no wheel and no index: {error}")

    meta = made.meta
    first, last = (
        str(np.datetime64(each, "ns").astype("datetime64[ms]"))
        for each in (meta.first_time_ns, meta.last_time_ns)
    )
    assert (meta.kind, meta.rows, first, last) == FACTS[name]
    assert meta.defects == {}
    made.verify()
