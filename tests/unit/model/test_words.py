"""Identity, profiles, intervals: the small words everything else is said with."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.support.worlds import MINUTE, bars, trades
from tieout.errors import DataError, SettingsError
from tieout.model.columns import interval_name, interval_ns
from tieout.model.identity import (
    CLIENT_ID_LENGTH,
    client_order_id,
    decision_id,
    decision_id_of,
    run_prefix,
)
from tieout.model.orders import OrderState
from tieout.model.profiles import PROFILES, SimulationProfile, profile


def test_an_id_tells_strategy_origin_and_place_apart() -> None:
    ids = {
        decision_id(strategy, origin, place)
        for strategy in ("a", "b")
        for origin in ("bar:1", "bar:2")
        for place in (0, 1)
    }
    assert len(ids) == 8


def test_a_client_order_id_fits_the_venue_and_gives_back_its_decision() -> None:
    decision = decision_id("a", "bar:1", 0)
    client = client_order_id("live-1", decision)

    assert len(client) == CLIENT_ID_LENGTH <= 36
    assert decision_id_of("live-1", client) == decision
    assert decision_id_of("live-2", client) is None
    assert decision_id_of("live-1", "x-web-order") is None
    assert client.startswith(run_prefix("live-1"))


def test_pessimistic_means_what_the_design_says() -> None:
    chosen = profile("pessimistic-1")
    assert chosen.order_latency_ns == 500_000_000
    assert chosen.bar_delay_ns == 3_000_000_000
    assert (chosen.spread_bps, chosen.slippage_bps) == (Decimal(3), Decimal(5))
    assert chosen.participation == Decimal("0.10")
    assert {each.name for each in PROFILES.values()} == set(PROFILES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"participation": Decimal(0)},
        {"participation": Decimal("1.1")},
        {"entry_latency_ns": -1},
        {"slippage_bps": Decimal("NaN")},
        {"fee_digits": 13},
        {"funding_interval_ns": 0},
    ],
)
def test_impossible_profiles_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        msgspec.structs.replace(PROFILES["practice-1"], **wrong)


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="pessimistic-1"):
        profile("optimistic-1")
    assert isinstance(profile("practice-1"), SimulationProfile)


@pytest.mark.parametrize("name", ["1s", "1m", "15m", "4h", "1d"])
def test_interval_names_go_both_ways(name: str) -> None:
    assert interval_name(interval_ns(name)) == name


@pytest.mark.parametrize("wrong", ["", "m", "0m", "1w", "-1m", "1.5h"])
def test_odd_intervals_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        interval_ns(wrong)


def test_an_interval_under_a_millisecond_has_no_name() -> None:
    with pytest.raises(ValueError, match="whole number of milliseconds"):
        interval_name(1)


def test_rows_are_views() -> None:
    for columns in (bars([400, 401, 402]), trades([400, 401, 402])):
        part = columns.rows(1, 3)
        assert len(part) == 2
        assert part.arrival_time_ns.base is not None
    assert bars([400]).interval_ns == MINUTE


def test_final_states_are_final() -> None:
    assert OrderState.FILLED.is_final
    assert not OrderState.UNKNOWN.is_final


def test_a_data_error_names_file_row_value_limit_and_remedy() -> None:
    error = DataError(
        "price is negative", file="a.csv", row=3, value="-1", limit="above 0", remedy="Mend it."
    )
    assert str(error) == ("a.csv, row 3: price is negative (value -1); allowed: above 0. Mend it.")
    whole = DataError("file is empty", file="a.csv", remedy="Give another.")
    assert str(whole) == "a.csv: file is empty. Give another."
