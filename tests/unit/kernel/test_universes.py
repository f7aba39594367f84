"""Lists in a run: what is known now and never later, whoever asks, and what bars are given."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace as changed

from tests.support.worlds import ES, MINUTE, SYMBOL, T0
from tieout import Strategy
from tieout.errors import InputError
from tieout.model.columns import BarColumns
from tieout.model.profiles import profile
from tieout.model.universes import Change, Universe, UniverseRow
from tieout.strategy import load_strategy
from tieout.wiring import backtest_columns
from tieout.wiring.history import run_columns
from tieout.wiring.journals import RecordsInMemory

if TYPE_CHECKING:
    from tieout import Bar, Context, UniverseChanged

IN, OUT = Change.IN, Change.OUT
RISING, FALLING = SYMBOL, "NQ/USDT:USDT"
NQ = changed(ES, symbol=FALLING, venue_symbol="NQUSDT")
PLAIN = changed(profile("zero-latency"), name="plain")


def minute(number: int) -> int:
    return T0 + number * MINUTE


def walk(symbol: str, step: int, count: int = 20) -> BarColumns:
    """Return minute bars that go one way."""
    opened = T0 + MINUTE * np.arange(count, dtype=np.int64)
    close = 4000 + step * np.arange(1, count + 1, dtype=np.int64)
    return BarColumns(
        symbol,
        MINUTE,
        opened,
        opened + MINUTE,
        opened + MINUTE,
        close - step,
        np.maximum(close, close - step),
        np.minimum(close, close - step),
        close,
        np.full(count, 100, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.bool_),
    )


BARS = [walk(RISING, 4), walk(FALLING, -4)]
# The one that falls is thrown off the list once it has fallen; who has it today has only the other.
AS_KNOWN = Universe(
    name="top",
    rows=(
        UniverseRow(1, 1, FALLING, IN, "1"),
        UniverseRow(minute(10), minute(5), FALLING, OUT, "", True),
        UniverseRow(minute(10), minute(5), RISING, IN, "1"),
    ),
)
TODAY = Universe(name="top", rows=(UniverseRow(1, 1, RISING, IN, "1"),))


class HoldTheList(Strategy):
    """Holds one of everybody on the list, and notes what it saw."""

    def on_start(self, context: Context) -> None:
        self.streams = context.universe_bars("top", "1m")
        self.seen: list[tuple[str, int]] = []
        self.told: list[UniverseChanged] = []
        self.answers: list[tuple[int, tuple[str, ...], int]] = []
        assert not context.universe("top")

    def on_universe(self, context: Context, change: UniverseChanged) -> None:
        self.told.append(change)
        for symbol in change.left:
            context.target(symbol, units=0)
        for symbol in change.entered:
            context.target(symbol, units=1)

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen.append((bar.instrument, bar.close_time_ns))
        members = context.universe("top")
        self.answers.append((context.now_ns, members.symbols, len(members.coming)))


def ran(universe: Universe, strategy: type[Strategy] = HoldTheList) -> tuple[Any, Any, list[Any]]:
    made: list[Any] = []
    loaded = load_strategy(strategy, {})

    def make() -> Strategy:
        made.append(strategy())
        return made[-1]

    journal = RecordsInMemory()
    kernel, _ = run_columns(
        _Made(loaded, make),  # type: ignore[arg-type]
        BARS,
        market=BARS,
        instruments=[ES, NQ],
        profile=PLAIN,
        cash=Decimal(1_000_000),
        journal=journal,
        sets=(universe,),
    )
    return made[-1], kernel, [record for _, record in journal.records]


class _Made:
    """What `load_strategy` gives, with the strategy kept in hand."""

    def __init__(self, loaded: Any, make: Any) -> None:
        self._loaded, self._make = loaded, make

    def __call__(self) -> Strategy:
        return self._make()  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded, name)


def profit(kernel: Any) -> int:
    return kernel.ledger.equity(kernel.last_prices()) - 1_000_000 * 10**12


def test_todays_list_earns_what_the_list_as_known_then_loses() -> None:
    _, then, _ = ran(AS_KNOWN)
    _, now, _ = ran(TODAY)

    # The same strategy, bars and costs: the whole difference is what the list knew.
    assert profit(then) < profit(now)
    assert profit(now) > 0


def test_a_strategy_that_asks_early_does_not_see_a_change() -> None:
    strategy, _, _ = ran(AS_KNOWN)

    for now_ns, members, coming in strategy.answers:
        if now_ns < minute(10):
            assert members == (FALLING,)
            assert coming == (0 if now_ns < minute(5) else 1)
        else:
            assert members == (RISING,)
            assert coming == 0


def test_changes_are_inputs_of_the_journal() -> None:
    strategy, _, records = ran(AS_KNOWN)

    told = [each for each in records if type(each).__name__.startswith("Universe")]
    assert [(type(each).__name__, each.arrival_time_ns) for each in told] == [
        ("UniverseChanged", minute(1)),
        ("UniverseAnnounced", minute(5)),
        ("UniverseChanged", minute(10)),
    ]
    assert strategy.told == [told[0], told[2]]
    assert told[2].delisted == (FALLING,)


def test_decisions_on_a_change_are_named_after_it() -> None:
    _, _, records = ran(AS_KNOWN)

    orders = [each for each in records if type(each).__name__ == "PlaceOrder"]
    assert {each.origin for each in orders if each.decided_at_ns == minute(10)} == {
        f"universe:top:{minute(10)}"
    }


def test_bars_are_given_while_on_the_list_or_held() -> None:
    strategy, _, _ = ran(AS_KNOWN)

    of_falling = [at for symbol, at in strategy.seen if symbol == FALLING]
    of_rising = [at for symbol, at in strategy.seen if symbol == RISING]
    # The position is sold by the change itself, so the eleventh bar comes to nobody.
    assert of_falling == [minute(each) for each in range(1, 11)][: len(of_falling)]
    assert len(of_falling) >= 9
    assert of_rising[0] == minute(10)


@pytest.mark.parametrize("first", ["universe", "bars"])
def test_bars_that_are_asked_for_by_themselves_are_given_always(first: str) -> None:
    class Both(HoldTheList):
        def on_start(self, context: Context) -> None:
            if first == "bars":
                context.bars(RISING, "1m")
            super().on_start(context)
            if first == "universe":
                context.bars(RISING, "1m")

    strategy, _, _ = ran(AS_KNOWN, Both)

    of_rising = [at for symbol, at in strategy.seen if symbol == RISING]
    assert of_rising[0] == minute(1)


def test_a_member_without_data_is_named_at_the_start() -> None:
    universe = Universe(
        name="top", rows=(*TODAY.rows, UniverseRow(minute(3), minute(3), "GONE", IN))
    )

    with pytest.raises(InputError, match=r"universe top: GONE are on it .* delisted ones too"):
        ran(universe)


def test_who_was_off_the_list_before_the_run_needs_no_data() -> None:
    gone = (UniverseRow(1, 1, "GONE", IN), UniverseRow(2, 2, "GONE", OUT))
    universe = Universe(name="top", rows=(UniverseRow(1, 1, RISING, IN), *gone))

    strategy, _, _ = ran(universe)

    assert strategy.told[0].entered == (RISING,)


def test_a_list_that_the_run_does_not_have_is_named() -> None:
    class Wrong(Strategy):
        def on_start(self, context: Context) -> None:
            context.universe("best")

    with pytest.raises(InputError, match="universe 'best' is not part of this run; it has: none"):
        backtest_columns(Wrong, [BARS[0]], instruments=[ES], profile=PLAIN)


def test_the_list_is_part_of_the_state() -> None:
    weighted = Universe(name="top", rows=(msgspec.structs.replace(TODAY.rows[0], weight="0.5"),))

    class Idle(Strategy):
        def on_start(self, context: Context) -> None:
            context.universe_bars("top", "1m")

    assert ran(TODAY, Idle)[1].state_hash() != ran(weighted, Idle)[1].state_hash()
