"""Users' models: called from the compiled core, and held to their contracts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tieout.errors import SettingsError
from tieout.market._compile import compiled
from tieout.market._models_compiled import MODEL_FAILED, call_ahead, call_lots, call_shift
from tieout.market.models import (
    ModelEntry,
    check_fee_model,
    check_fill_model,
    check_latency_model,
    check_queue_model,
    check_slippage_model,
    compiled_model,
)
from tieout.model.instruments import Instrument
from tieout.model.latencies import ConstantLatency, Journey

BITCOIN = Instrument(
    symbol="BTC/USDT:USDT",
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)


@compiled("int64(int64, int64, int64, int64, float64, float64)")
def ask_shift(
    address: int, side: int, reference: int, lots: int, sigma: float, volume: float
) -> int:
    return call_shift(address, side, reference, lots, sigma, volume)


@compiled("int64(int64, int64, int64)")
def ask_lots(address: int, event_lots: int, wanted: int) -> int:
    return call_lots(address, 1, 0, 100, event_lots, event_lots, 0, wanted)


@compiled_model(name="tenth", version=1)
def shift_e8(side: int, reference_ticks: int, lots: int, sigma: float, volume: float) -> int:
    return min(100_000_000, 10_000 + lots // 10)


class Tenth:
    name = "tenth"
    version = 1

    def shift_e8(
        self, side: int, reference_ticks: int, lots: int, sigma: float, volume: float
    ) -> int:
        return min(100_000_000, 10_000 + lots // 10)

    def lots(self, *question: int) -> int:
        event_lots, wanted_lots = question[3], question[6]
        return min(wanted_lots, event_lots // 10)


class Broken(Tenth):
    def shift_e8(self, side: int, *rest: Any) -> int:
        raise ZeroDivisionError("no volume")


def test_a_compiled_model_and_a_class_give_the_core_the_same_answers() -> None:
    compiled_entry, python_entry = ModelEntry(shift_e8, "shift_e8"), ModelEntry(Tenth(), "shift_e8")

    for lots in (1, 55, 10**12):
        question = (1, 100, lots, 0.1, 5.0)
        assert ask_shift(compiled_entry.address, *question) == Tenth().shift_e8(*question)
        assert ask_shift(python_entry.address, *question) == Tenth().shift_e8(*question)


def test_a_fill_model_is_asked_from_the_core() -> None:
    entry = ModelEntry(Tenth(), "lots")

    assert ask_lots(entry.address, 500, 7) == 7
    assert ask_lots(entry.address, 50, 7) == 5


def test_what_a_model_raises_is_told_behind_the_core() -> None:
    entry = ModelEntry(Broken(), "shift_e8")

    answer = ask_shift(entry.address, 1, 100, 1, 0.0, 0.0)

    assert answer == MODEL_FAILED
    with pytest.raises(SettingsError, match="ZeroDivisionError: no volume"):
        entry.raise_failure("broken")


def test_a_compiled_model_that_raises_fails_and_does_not_answer_zero() -> None:
    @compiled_model(name="divides", version=1)
    def shift_e8(side: int, reference_ticks: int, lots: int, sigma: float, volume: float) -> int:
        return lots // (lots - 3)

    entry = ModelEntry(shift_e8, "shift_e8")

    assert ask_shift(entry.address, 1, 100, 4, 0.0, 0.0) == 4
    assert ask_shift(entry.address, 1, 100, 3, 0.0, 0.0) == MODEL_FAILED


def test_a_function_named_otherwise_is_refused() -> None:
    with pytest.raises(SettingsError, match="shift_e8 or lots"):

        @compiled_model(name="odd", version=1)
        def other(side: int) -> int:
            return side


def test_models_that_keep_their_contracts_pass() -> None:
    check_slippage_model(Tenth())
    check_slippage_model(shift_e8)  # type: ignore[arg-type]
    check_fill_model(Tenth())
    check_latency_model(ConstantLatency(entry_ns=5))


class Unnamed(Tenth):
    name = ""


class Negative(Tenth):
    def shift_e8(self, side: int, *rest: Any) -> int:
        return -side


class Fraction(Tenth):
    def shift_e8(self, side: int, *rest: Any) -> int:
        return 0.5  # type: ignore[return-value]


class Remembers(Tenth):
    asked = 0

    def shift_e8(self, side: int, *rest: Any) -> int:
        self.asked += 1
        return self.asked


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Unnamed(), "give it a name"),
        (Negative(), "answered -1; allowed: a whole number in 0"),
        (Fraction(), "answered 0.5"),
        (Remembers(), "may not remember"),
        (Broken(), "raised ZeroDivisionError"),
        (object(), "give it a name"),
    ],
)
def test_a_slippage_model_that_breaks_its_contract_is_refused(model: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        check_slippage_model(model)


class Greedy(Tenth):
    def lots(self, *question: int) -> int:
        return question[6] + 1


def test_a_fill_model_may_not_fill_more_than_is_wanted() -> None:
    with pytest.raises(SettingsError, match="allowed: a whole number in 0 … 1"):
        check_fill_model(Greedy())


class FlatFee:
    name = "flat"
    version = 2

    def fee(self, instrument: Instrument, **fill: int) -> Decimal:
        return Decimal("0.25") * fill["lots"]


class FloatFee(FlatFee):
    def fee(self, instrument: Instrument, **fill: int) -> Decimal:
        return 0.25  # type: ignore[return-value]


def test_a_fee_model_answers_a_decimal() -> None:
    check_fee_model(FlatFee(), [BITCOIN])

    with pytest.raises(SettingsError, match="a finite Decimal"):
        check_fee_model(FloatFee(), [BITCOIN])


class Backwards:
    def journey(self, command: str, sent_ns: int, draw: Any) -> Journey:
        return Journey(-1, 0)


def test_a_latency_may_not_be_negative() -> None:
    with pytest.raises(SettingsError, match="a Journey of whole nanoseconds"):
        check_latency_model(Backwards())


@compiled("int64(int64, int64, int64, int64, int64)")
def ask_ahead(address: int, ahead: int, traded: int, before: int, after: int) -> int:
    return call_ahead(address, ahead, traded, before, after)


class Halves:
    """Half of what leaves stood ahead."""

    name = "halves"
    version = 1

    def ahead_after(self, ahead: int, traded: int, before: int, after: int) -> int:
        gone = max(0, (before - after) * 10**6 - traded)
        return max(0, min(ahead - gone // 2, after * 10**6))


@compiled_model(name="halves", version=1)
def ahead_after(ahead: int, traded: int, before: int, after: int) -> int:
    gone = max(0, (before - after) * 1_000_000 - traded)
    return max(0, min(ahead - gone // 2, after * 1_000_000))


@pytest.mark.parametrize("model", [Halves(), ahead_after])
def test_a_queue_model_is_asked_by_its_address_and_kept_to_its_contract(model: Any) -> None:
    check_queue_model(model)
    entry = ModelEntry(model, "ahead_after")

    assert ask_ahead(entry.address, 5_000_000, 1_000_000, 9, 6) == 4_000_000
    assert ask_ahead(entry.address, 5_000_000, 0, 9, 3) == 2_000_000
    assert ask_ahead(entry.address, 5_000_000, 0, 9, 0) == 0


class Grows(Halves):
    def ahead_after(self, ahead: int, traded: int, before: int, after: int) -> int:
        return ahead + 1


class Overlooks(Halves):
    def ahead_after(self, ahead: int, traded: int, before: int, after: int) -> int:
        return ahead


class Remembers(Halves):
    asked = 0

    def ahead_after(self, ahead: int, traded: int, before: int, after: int) -> int:
        self.asked += 1
        return min(ahead, after * 10**6, self.asked)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Grows(), "a whole number in 0"),
        (Overlooks(), "a whole number in 0"),
        (Remembers(), "may not remember"),
        (Tenth(), "has no ahead_after"),
    ],
)
def test_a_queue_model_that_breaks_its_contract_is_refused(model: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        check_queue_model(model)
