"""Numbers that nothing can be computed with are refused where they come in, at once."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest

from tieout.cli.terminal import decimal_of
from tieout.errors import InputError, OrderRefused, SettingsError
from tieout.kernel.risk import RiskLimits
from tieout.market.queues import QueueModel
from tieout.model.decimals import is_plain, plain_decimal
from tieout.model.fees import fee_schedule
from tieout.model.instruments import Instrument, as_decimal
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money
from tieout.model.profiles import profile
from tieout.model.rules import DatedRules, RulesRow
from tieout.model.venues import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable

WILD = ["1e999999999", "-1e61", "1e-999999999", "0e-999999999", "NaN", "sNaN", "Infinity"]


@pytest.mark.parametrize("text", ["0", "-0.1", "1e60", "1e-60", "+7.50", "1" * 61])
def test_a_number_that_can_be_is_taken_exactly(text: str) -> None:
    assert plain_decimal(text) == Decimal(text)
    assert is_plain(Decimal(text))


@pytest.mark.parametrize("text", [*WILD, "", "one", "1" * 62, "0." + "1" * 400])
def test_a_text_that_is_no_such_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no number between 1e-60 and 1e60"):
        plain_decimal(text)


def settings() -> list[tuple[msgspec.Struct, str, Callable[[Decimal], object]]]:
    """Return what has numbers in it, the field, and what stands there for a number."""
    one = Decimal(1)
    schedule = fee_schedule("ib-us-stocks-fixed-1")
    bracket = MarginBracket(initial_rate=one, maintenance_rate=one)
    dated = DatedRules(name="r", symbol="A/B", rows=(RulesRow(0, one, one),))
    plain = Instrument(symbol="A/B", venue_symbol="AB", currency="B", tick_size=one, lot_size=one)
    return [
        (plain, "tick_size", lambda wild: wild),
        (plain, "min_notional", lambda wild: wild),
        (EVERYTHING, "target_buffer", lambda wild: wild),
        (RiskLimits(), "order_notional_max", lambda wild: wild),
        (dated, "rows", lambda wild: (RulesRow(0, wild, one),)),
        (profile("pessimistic-1"), "funding_rate", lambda wild: wild),
        (profile("pessimistic-1"), "spreads", lambda wild: {"A/B": wild}),
        (MarginTerms(mode=MarginMode.CROSS, brackets=(bracket,)), "leverage", lambda wild: wild),
        (
            MarginTerms(mode=MarginMode.CROSS, brackets=(bracket,)),
            "brackets",
            lambda wild: (MarginBracket(initial_rate=wild, maintenance_rate=one),),
        ),
        (
            schedule,
            "versions",
            lambda wild: (msgspec.structs.replace(schedule.versions[0], per_order=wild),),
        ),
    ]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", WILD)
def test_no_setting_takes_it_however_deep_it_stands(text: str) -> None:
    """Exact arithmetic with 1e999999999 would take all memory, and never end."""
    for whole, field, value in settings():
        msgspec.structs.replace(whole)
        with pytest.raises(SettingsError, match=f"{field}.* is no number between"):
            msgspec.structs.replace(whole, **{field: value(Decimal(text))})


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", WILD)
def test_no_option_and_no_order_takes_it(text: str) -> None:
    with pytest.raises(InputError, match=r"--cash: .* is no number between"):
        decimal_of(text, "--cash")
    with pytest.raises(InputError, match="is not a finite amount"):
        money(Decimal(text))
    with pytest.raises(OrderRefused, match="is not a finite number"):
        as_decimal(Decimal(text))
    with pytest.raises(SettingsError):
        QueueModel.named(f"power-{text}")
