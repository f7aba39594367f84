from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.practice.builders import BTC, MINUTE, SECOND, START, a_config
from tieout.adapters.venues.practice import config_from_profile, load_faults
from tieout.adapters.venues.practice.config import PracticeConfig
from tieout.adapters.venues.practice.faults import FaultPlan, Messages
from tieout.errors import SettingsError
from tieout.model.instruments import Instrument
from tieout.model.profiles import PROFILES


def a_plan(script: str) -> FaultPlan:
    return FaultPlan(load_faults(script), START, lambda interval, number: START + number * MINUTE)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('[{"fault":"dealy","by_ms":1}]', "dealy"),
        ('[{"fault":"delay","by_ms":1,"sream":"user"}]', r"unknown field `sream` - at `\$\[0\]`"),
        ('[{"fault":"delay"}]', "by_ms"),
        ('[{"fault":"delay","by_ms":1,"after_s":1,"at_ns":5}]', "exclude each other"),
        ('[{"fault":"delay","by_ms":1,"for_s":0}]', "must be positive"),
        ('[{"fault":"drop","probability":0}]', r"must lie in \(0, 1\]"),
        ('[{"fault":"duplicate","probability":1.5}]', r"must lie in \(0, 1\]"),
        ('[{"fault":"disconnect","for_s":1}]', "0 moments given"),
        ('[{"fault":"restart","for_s":1,"after_s":1,"nth_bar":1}]', "2 moments given"),
        ('[{"fault":"transfer","nth_order":0,"amount":1}]', "at least 1"),
        ('[{"fault":"late_candle","by_ms":1}]', "give nth or every"),
        ('[{"fault":"late_candle","by_ms":1,"nth":1,"every":2}]', "exclude each other"),
        ('[{"fault":"late_candle","by_ms":1,"nth":1,"interval":"1x"}]', "interval '1x'"),
        ('[{"fault":"partial_fill","nth":1,"fraction":1,"remainder":"later"}]', "fraction 1"),
        ('[{"fault":"partial_fill","nth":1,"fraction":0.5,"remainder":"x"}]', "remainder"),
        ('[{"fault":"latency","by_ms":-1}]', "must not be negative"),
        ('[{"fault":"delay","by_ms":1}', "truncated"),
        ('[{"fault":"query","path":"klines","trouble":"cut"}]', "give nth or every"),
        ('[{"fault":"query","path":"klines","nth":1,"trouble":"slow"}]', "trouble"),
        ('[{"fault":"query","path":"klines","nth":1,"trouble":"error","status":200}]', "400 … 599"),
        ('[{"fault":"query","path":"klines","nth":1,"trouble":"delay","by_ms":-1}]', "negative"),
        ('[{"fault":"query","path":"klines","nth":1,"trouble":"drop","rows":0}]', "at least 1"),
    ],
)
def test_a_script_that_is_wrong_is_refused_with_its_place(script: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_faults(script)


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"fault":"hidden_transfer","after_s":1,"amount":"-2.5"}]')

    assert [fault.amount for fault in load_faults(path)] == [Decimal("-2.5")]  # type: ignore[union-attr]
    with pytest.raises(SettingsError, match="cannot read the fault script"):
        load_faults(tmp_path / "absent.json")


def test_every_example_in_the_guide_is_valid() -> None:
    guide = Path(__file__).parents[3] / "docs" / "guides" / "practice.md"
    examples = [
        line.strip().strip("`")
        for line in guide.read_text(encoding="utf-8").splitlines()
        if line.strip().strip("`").startswith('{"fault"')
    ]

    faults = load_faults("[" + ",".join(examples) + "]")

    # Every kind has its example.
    assert len({type(fault) for fault in faults}) == 16


def test_a_window_begins_at_its_start_and_ends_before_its_end() -> None:
    plan = a_plan('[{"fault":"delay","by_ms":7,"after_s":1.5,"for_s":2,"stream":"kline"}]')

    def delay(after_s: float, stream: Messages = Messages.KLINE) -> int:
        return plan.message_delay_ns(stream, START + int(after_s * SECOND))

    assert [delay(1.4), delay(1.5), delay(3.4), delay(3.5)] == [0, 7_000_000, 7_000_000, 0]
    assert delay(2, Messages.TRADE) == 0


def test_market_covers_all_but_the_user_stream() -> None:
    plan = a_plan('[{"fault":"drop"}]')

    assert [plan.copies(stream, START, "k") for stream in Messages] == [0, 0, 0, 1]


def test_draws_depend_on_seed_and_key_alone() -> None:
    plan = a_plan('[{"fault":"drop","probability":0.3,"seed":7}]')
    other = a_plan('[{"fault":"drop","probability":0.3,"seed":8}]')

    kept = [plan.copies(Messages.TRADE, START, str(number)) for number in range(1000)]

    assert 600 < sum(kept) < 800
    assert kept[::-1] == [
        plan.copies(Messages.TRADE, START, str(number)) for number in range(999, -1, -1)
    ]
    assert kept != [other.copies(Messages.TRADE, START, str(number)) for number in range(1000)]


def test_moments_by_bar_and_by_order_are_placed() -> None:
    plan = a_plan(
        '[{"fault":"transfer","nth_bar":2,"amount":1},{"fault":"transfer","nth_order":3,"amount":1}]'
    )

    assert [time_ns for time_ns, _ in plan.timed] == [START + 2 * MINUTE]
    assert list(plan.by_order) == [3]


def test_every_kth_order_is_hit() -> None:
    plan = a_plan('[{"fault":"reject","every":3,"code":-1001,"message":"no"}]')

    assert [number for number in range(1, 10) if plan.order(number).reject] == [3, 6, 9]


def test_the_configuration_has_the_numbers_of_the_profile_practice_1() -> None:
    profile = PROFILES["practice-1"]
    by_default = PracticeConfig(instruments=(BTC,), start_ns=START)

    assert a_config() == by_default
    assert by_default.order_latency_ns == profile.order_latency_ns
    assert by_default.kline_delay_ns == profile.bar_delay_ns


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"entry_latency": 5}, "unknown setting entry_latency"),
        ({"mode": "wall"}, "wall"),
        ({"host": "0.0.0.0"}, "loopback"),
        ({"host": "example.org"}, "loopback"),
        ({"end_ns": START}, "end_ns"),
        ({"fill_level": "impact"}, "naive or fixed"),
        ({"slippage_bps": Decimal("0.00001")}, "4 decimals"),
        ({"participation": Decimal(2)}, "participation"),
        ({"trade_delay_ns": -1}, "trade_delay_ns"),
        ({"speed": 0.0}, "speed"),
        ({"leverage": 126}, "leverage"),
        ({"fee_digits": 13}, "fee_digits"),
        ({"kline_update_ms": -1}, "kline_update_ms"),
        ({"instruments": ()}, "at least one"),
        ({"instruments": (BTC, BTC)}, "repeat"),
    ],
)
def test_an_impossible_setting_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        a_config(**settings)


def test_one_account_has_one_currency() -> None:
    other = Instrument(
        symbol="BTC/USDC:USDC",
        venue_symbol="BTCUSDC",
        tick_size=BTC.tick_size,
        lot_size=BTC.lot_size,
        currency="USDC",
    )

    with pytest.raises(SettingsError, match="one currency"):
        config_from_profile("practice-1", (BTC, other), start_ns=START)
