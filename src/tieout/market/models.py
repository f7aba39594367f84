"""Users' own slippage, fill and queue models: made callable from the compiled core, and checked.

    class Cautious:                          @compiled_model(name="cautious", version=1)
        name, version = "cautious", 1        def shift_e8(side, reference_ticks, lots, sigma, …):
        def shift_e8(self, side, …):             return 100_000
            return 100_000

A class is called as Python, about 150 ns a time; a function is compiled, 2 to 3 ns. Both are asked
by the same core in every world.
"""

from __future__ import annotations

import ctypes
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numba

from tieout.errors import SettingsError
from tieout.market._models_compiled import (
    AHEAD_SIGNATURE,
    INTERPRETED,
    LOTS_SIGNATURE,
    MODEL_FAILED,
    SHIFT_SIGNATURE,
)
from tieout.model.assumptions import SHIFT_E8_MAX
from tieout.model.latencies import LATENCY_NS_MAX, Journey, draws_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tieout.model.assumptions import FeeModel, FillModel, QueueModel, SlippageModel
    from tieout.model.instruments import Instrument
    from tieout.model.latencies import LatencyModel

__all__ = [
    "CompiledModel",
    "ModelEntry",
    "check_fee_model",
    "check_fill_model",
    "check_latency_model",
    "check_queue_model",
    "check_slippage_model",
    "compiled_model",
    "refuse_what_models_did",
]

Function = TypeVar("Function", bound="Callable[..., int]")

_INT, _FLOAT = ctypes.c_int64, ctypes.c_double
_SHAPES: Final = {
    "shift_e8": (SHIFT_SIGNATURE, ctypes.CFUNCTYPE(_INT, _INT, _INT, _INT, _FLOAT, _FLOAT)),
    "lots": (LOTS_SIGNATURE, ctypes.CFUNCTYPE(_INT, *((_INT,) * 7))),
    "ahead_after": (AHEAD_SIGNATURE, ctypes.CFUNCTYPE(_INT, *((_INT,) * 4))),
}


class CompiledModel(Generic[Function]):
    """A model that is one function, compiled when it is first used.

    Attributes:
        function: The function as it was written.
        name: The function's module-level name is its question (`shift_e8`, `lots`,
            `ahead_after`); this is the model's own.
        version: Raised whenever a result may change.
    """

    def __init__(self, function: Function, name: str, version: int) -> None:
        if function.__name__ not in _SHAPES:
            raise SettingsError(
                f"model function {function.__name__}: name it after what it answers, "
                f"{' or '.join(_SHAPES)}"
            )
        self.function = function
        self.name = name
        self.version = version
        setattr(self, function.__name__, function)


def compiled_model(*, name: str, version: int) -> Callable[[Function], CompiledModel[Function]]:
    """Make a function a model that the core calls as machine code.

    The function may use numbers, arithmetic and `math.sqrt`; it is named `shift_e8`, `lots` or
    `ahead_after`, and takes what the method of that name takes, without `self`.
    """

    def wrap(function: Function) -> CompiledModel[Function]:
        return CompiledModel(function, name, version)

    return wrap


class ModelEntry:
    """A model as the compiled core sees it: an address. Keep it as long as the core.

    Args:
        model: A class instance or `CompiledModel`.
        question: `shift_e8`, `lots` or `ahead_after`.

    Raises:
        SettingsError: The model does not answer this question, or does not compile.
    """

    def __init__(self, model: object, question: str) -> None:
        ask = getattr(model, question, None)
        if not callable(ask):
            raise SettingsError(
                f"model {type(model).__name__}: it has no {question}; see the models guide"
            )
        signature, shape = _SHAPES[question]
        self.failure: Exception | None = None
        self._kept: Any
        if isinstance(model, CompiledModel) and not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            self._kept = _compiled_entry(ask, signature, model.name)
            self.address: int = self._kept.address
        else:
            self._kept = shape(self._guarded(ask))
            self.address = ctypes.cast(self._kept, ctypes.c_void_p).value or 0
            INTERPRETED[self.address] = self._kept

    def _guarded(self, ask: Callable[..., int]) -> Callable[..., int]:
        def answer(*question: float) -> int:
            # Nothing may be raised through machine code: it is kept, and raised behind it.
            try:
                return int(ask(*question))
            except Exception as error:  # noqa: BLE001 - a model may raise anything
                self.failure = error
                return MODEL_FAILED

        return answer

    def raise_failure(self, name: str) -> None:
        """Raise what made the model answer `MODEL_FAILED`.

        Raises:
            SettingsError: Always.
        """
        told = f"{type(self.failure).__name__}: {self.failure}" if self.failure else "it raised"
        raise SettingsError(f"model {name}: {told}; mend the model") from self.failure


def refuse_what_models_did(asked: Sequence[tuple[object, ModelEntry]]) -> None:
    """Raise what one of the models did that a step was marked broken for.

    Raises:
        SettingsError: Always.
    """
    for model, entry in asked:
        if entry.failure is not None:
            entry.raise_failure(_name_of(model))
    names = ", ".join(_name_of(model) for model, _ in asked)
    raise SettingsError(
        f"model {names}: it raised, or answered out of its bounds, during the run; run its "
        "check on what it was asked"
    )


def _compiled_entry(ask: Callable[..., int], signature: str, name: str) -> Any:  # noqa: ANN401
    try:
        inner = numba.njit(signature, error_model="python")(ask)

        if signature == SHIFT_SIGNATURE:

            @numba.cfunc(signature)
            def entry(side: int, reference: int, lots: int, sigma: float, volume: float) -> int:
                try:
                    return inner(side, reference, lots, sigma, volume)
                except Exception:  # noqa: BLE001 - nothing may be raised through machine code
                    return MODEL_FAILED

        elif signature == AHEAD_SIGNATURE:

            @numba.cfunc(signature)
            def entry(ahead: int, traded: int, before: int, after: int) -> int:
                try:
                    return inner(ahead, traded, before, after)
                except Exception:  # noqa: BLE001 - nothing may be raised through machine code
                    return MODEL_FAILED

        else:

            @numba.cfunc(signature)
            def entry(
                side: int,
                limit: int,
                price: int,
                event_lots: int,
                eligible: int,
                filled: int,
                wanted: int,
            ) -> int:
                try:
                    return inner(side, limit, price, event_lots, eligible, filled, wanted)
                except Exception:  # noqa: BLE001 - nothing may be raised through machine code
                    return MODEL_FAILED

    except numba.core.errors.NumbaError as error:
        raise SettingsError(
            f"model {name}: it does not compile ({str(error).splitlines()[0]}); "
            "use numbers and arithmetic only, or make it a class"
        ) from error
    return entry


# -- the contracts, as tests that users run ------------------------------------------------------


def check_slippage_model(model: SlippageModel) -> None:
    """Ask a slippage model what it may be asked, and refuse it where it breaks the contract.

    Raises:
        SettingsError: It is not named, raises, answers something else than a whole number in
            0 … 10⁸, or answers the same question differently.
    """
    _check_name(model)
    ask = _answers(model, "shift_e8")
    questions = list(
        product(
            (1, -1),
            (1, 100, 10**7),
            (1, 50, 10**9),
            (0.0, 1e-6, 0.02, 1.5),
            (0.0, 0.5, 1e3, 1e12),
        )
    )
    _ask_all(model, ask, questions, lambda _: (0, SHIFT_E8_MAX))


def check_fill_model(model: FillModel) -> None:
    """Ask a fill model what it may be asked, and refuse it where it breaks the contract.

    Raises:
        SettingsError: It is not named, raises, answers something else than a whole number in
            0 … `wanted_lots`, or answers the same question differently.
    """
    _check_name(model)
    ask = _answers(model, "lots")
    questions = [
        (side, limit, price, event, eligible, filled, wanted)
        for side, limit, price, event, more, filled, wanted in product(
            (1, -1), (0, 100), (99, 100, 101), (0, 1, 10**6), (0, 10**9), (0, 7), (1, 50, 10**9)
        )
        for eligible in (event + more,)
    ]
    _ask_all(model, ask, questions, lambda question: (0, question[-1]))


def check_queue_model(model: QueueModel) -> None:
    """Ask a queue model what it may be asked, and refuse it where it breaks the contract.

    Raises:
        SettingsError: It is not named, raises, answers something else than a whole number between
            0 and what was ahead and still is there, or answers the same question differently.
    """
    _check_name(model)
    ask = _answers(model, "ahead_after")
    lot = 10**6
    questions = [
        (min(ahead, before * lot - traded), traded, before, after)
        for before, after, ahead, part in product(
            (1, 7, 10**6), (0, 1, 7, 9, 10**6), (0, 1, lot, 6 * lot + 1, 10**12), (0, 1, 2)
        )
        for traded in (before * lot * part // 2,)
    ]
    _ask_all(model, ask, questions, lambda question: (0, min(question[0], question[3] * lot)))


def check_fee_model(model: FeeModel, instruments: Iterable[Instrument]) -> None:
    """Ask a fee model what it may be asked, and refuse it where it breaks the contract.

    Raises:
        SettingsError: It is not named, raises, answers something else than a finite `Decimal`, or
            answers the same question differently.
    """
    _check_name(model)
    ask = _answers(model, "fee")
    day = 86_400_000_000_000
    questions = [
        (instrument, side, lots, ticks, liquidity, time)
        for instrument in instruments
        for side, lots, ticks, liquidity, time in product(
            (1, -1), (1, 10**6), (1, 10**6), (1, 2), (0, 17_000 * day, 20_000 * day + 1)
        )
    ]
    if not questions:
        raise SettingsError(f"model {model.name}: name an instrument to check its fees on")

    def answer(question: tuple[Any, ...]) -> object:
        instrument, side, lots, ticks, liquidity, time = question
        return ask(
            instrument,
            side=side,
            lots=lots,
            price_ticks=ticks,
            liquidity=liquidity,
            venue_time_ns=time,
        )

    def sound(_: tuple[Any, ...], given: object) -> str | None:
        if isinstance(given, Decimal) and given.is_finite():
            return None
        return "a finite Decimal"

    _ask_twice(model, answer, questions, sound)


def check_latency_model(model: LatencyModel) -> None:
    """Ask a latency model what it may be asked, and refuse it where it breaks the contract.

    Raises:
        SettingsError: It raises, answers something else than a `Journey` of lengths between 0
            and an hour, or answers the same question differently.
    """
    ask = _answers(model, "journey")
    questions = list(
        product(("place", "amend", "cancel"), (0, 1, 10**18), ("00" * 12, "0f" * 12, "ff" * 12))
    )

    def answer(question: tuple[Any, ...]) -> object:
        command, sent_ns, decision = question
        return ask(command, sent_ns, draws_for(7, decision))

    def sound(_: tuple[Any, ...], given: object) -> str | None:
        if (
            isinstance(given, Journey)
            and all(type(each) is int for each in given[:2])
            and all(0 <= each <= LATENCY_NS_MAX for each in given[:2])
        ):
            return None
        return f"a Journey of whole nanoseconds in 0 … {LATENCY_NS_MAX}"

    _ask_twice(model, answer, questions, sound)


def _ask_all(
    model: object,
    ask: Callable[..., object],
    questions: list[tuple[Any, ...]],
    bounds: Callable[[tuple[Any, ...]], tuple[int, int]],
) -> None:
    def sound(question: tuple[Any, ...], given: object) -> str | None:
        low, high = bounds(question)
        if type(given) is int and low <= given <= high:
            return None
        return f"a whole number in {low} … {high}"

    _ask_twice(model, lambda question: ask(*question), questions, sound)


def _ask_twice(
    model: object,
    answer: Callable[[tuple[Any, ...]], object],
    questions: list[tuple[Any, ...]],
    sound: Callable[[tuple[Any, ...], object], str | None],
) -> None:
    """Ask everything forwards and then backwards; a pure model cannot tell."""
    name = _name_of(model)
    first = {}
    for place, question in enumerate(questions):
        try:
            first[place] = answer(question)
        except Exception as error:
            raise SettingsError(
                f"model {name}: asked {question}, it raised {type(error).__name__}: {error}"
            ) from error
        allowed = sound(question, first[place])
        if allowed is not None:
            raise SettingsError(
                f"model {name}: asked {question}, it answered {first[place]!r}; allowed: {allowed}"
            )
    for place, question in reversed(list(enumerate(questions))):
        again = answer(question)
        if again != first[place]:
            raise SettingsError(
                f"model {name}: asked {question} again, it answered {again!r} after "
                f"{first[place]!r}; a model may not remember, or a replay would differ"
            )


def _answers(model: object, question: str) -> Callable[..., object]:
    ask = getattr(model, question, None)
    if not callable(ask):
        raise SettingsError(f"model {_name_of(model)}: it has no {question}; see the models guide")
    return ask


def _check_name(model: object) -> None:
    name, version = getattr(model, "name", None), getattr(model, "version", None)
    if not isinstance(name, str) or not name or type(version) is not int or version < 1:
        raise SettingsError(
            f"model {type(model).__name__}: name {name!r}, version {version!r}; give it a name and "
            "a version of 1 or more, both stand in every report"
        )


def _name_of(model: object) -> str:
    return str(getattr(model, "name", type(model).__name__))
