"""Rules by date in a run: rounded, refused and allocated by those in force."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace as changed

from tests.support.worlds import ES, MINUTE, SYMBOL, T0, bars
from tieout import Strategy
from tieout.errors import InputError
from tieout.kernel.allocation import lots_for
from tieout.model.profiles import profile
from tieout.model.rules import DatedRules, RulesRow, in_force
from tieout.strategy import load_strategy
from tieout.wiring.history import run_columns
from tieout.wiring.journals import RecordsInMemory

if TYPE_CHECKING:
    from tieout import Bar, Context

PLAIN = changed(profile("zero-latency"), name="plain")
FINE = changed(ES, tick_size=Decimal("0.25"), lot_size=Decimal("0.1"))
# From the third minute on prices are whole and quantities are halves, at least one and for 100.
RULES = DatedRules(
    name="es",
    symbol=SYMBOL,
    rows=(
        RulesRow(1, Decimal("0.25"), Decimal("0.1")),
        RulesRow(T0 + 3 * MINUTE, Decimal(1), Decimal("0.5"), Decimal(100), Decimal(1)),
    ),
)


class Wishes(Strategy):
    """Wishes the same limit order on every bar."""

    units: float = 1.7
    limit: float = 100.6

    def on_start(self, context: Context) -> None:
        context.bars(SYMBOL, "1m")

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.buy(SYMBOL, units=self.units, limit=self.limit)


def records_of(strategy: Any, *, rules: DatedRules = RULES, **given: object) -> list[Any]:
    journal = RecordsInMemory()
    rows = bars([480] * 6)
    run_columns(
        load_strategy(strategy, given),
        [rows],
        market=[rows],
        instruments=[FINE],
        profile=PLAIN,
        cash=Decimal(100_000),
        journal=journal,
        sets=(rules,),
    )
    return [record for _, record in journal.records]


def of(records: list[Any], name: str) -> list[Any]:
    return [each for each in records if type(each).__name__ == name]


def test_an_order_is_rounded_by_the_rule_in_force_at_its_time() -> None:
    orders = of(records_of(Wishes), "PlaceOrder")

    # In units of 0.25 and 0.1 under both: 100.5 and 1.7, then 100 and 1.5.
    assert [(each.limit_ticks, each.lots) for each in orders] == [(402, 17)] * 2 + [(400, 15)] * 4


def test_a_change_is_an_input_before_the_bar_that_arrives_with_it() -> None:
    records = records_of(Wishes)

    changes = of(records, "RulesChanged")
    assert [each.arrival_time_ns - T0 for each in changes] == [MINUTE, 3 * MINUTE]
    third = [each for each in of(records, "PlaceOrder") if each.decided_at_ns == T0 + 3 * MINUTE]
    assert third[0].lots == 15


@pytest.mark.parametrize(
    ("given", "rule"), [({"units": 0.6}, "quantity"), ({"limit": 60.0}, "min_notional")]
)
def test_the_least_order_is_that_of_the_rule_in_force(given: dict[str, float], rule: str) -> None:
    records = records_of(Wishes, **given)

    assert len(of(records, "PlaceOrder")) == 2
    assert {each.rule for each in of(records, "OrderDenied")} == {rule}


def test_an_order_made_by_earlier_rules_is_refused_off_the_new_steps() -> None:
    class AmendsLater(Strategy):
        def on_start(self, context: Context) -> None:
            context.bars(SYMBOL, "1m")
            self.order = ""

        def on_bar(self, context: Context, bar: Bar) -> None:
            if not self.order:
                self.order = context.buy(SYMBOL, units=1.7, limit=100.5)
            elif context.now_ns == T0 + 4 * MINUTE:
                # Its price is on the new tick; its quantity, left as it was, is not on the lot.
                context.amend(self.order, limit=99)

    denied = of(records_of(AmendsLater), "OrderDenied")

    assert [each.rule for each in denied] == ["rules"]
    assert "quantity 1.7 is not a multiple of 0.5, the lot now" in denied[0].detail


def test_shares_of_the_equity_are_rounded_by_the_rule_in_force() -> None:
    coarse = in_force(FINE, RULES.changes(2)[0])

    held = lots_for(coarse, Decimal("0.5"), equity=300 * 10**12, price_ticks=400, held_lots=0)

    # 150 buys 1.5 at 100; of the finest lots it is the same, of 175 it would be 1.7.
    assert (held.lots, held.order_lots) == (15, 15)
    more = lots_for(coarse, Decimal("0.6"), equity=300 * 10**12, price_ticks=400, held_lots=0)
    assert more.lots == 15


def test_the_strategy_is_shown_the_rules_in_force() -> None:
    steps: list[Decimal] = []

    class Looks(Strategy):
        def on_start(self, context: Context) -> None:
            context.bars(SYMBOL, "1m")

        def on_bar(self, context: Context, bar: Bar) -> None:
            steps.append(context.instrument(SYMBOL).price_step)

    records_of(Looks)

    assert steps == [Decimal("0.25")] * 2 + [Decimal(1)] * 4


def test_what_is_less_than_a_step_of_the_rule_in_force_is_left_as_it_is() -> None:
    class Holds(Strategy):
        def on_start(self, context: Context) -> None:
            context.bars(SYMBOL, "1m")

        def on_bar(self, context: Context, bar: Bar) -> None:
            context.target(SYMBOL, units=1.7 if context.now_ns < T0 + 3 * MINUTE else 0)

    records = records_of(Holds)

    # Of 1.7 the lot of 0.5 lets 1.5 go; the rest is dust until another rule holds.
    assert [each.lots for each in of(records, "Fill")] == [17, 15]
    assert of(records, "OrderDenied") == []


def test_rules_of_another_instrument_and_finer_than_the_data_are_refused() -> None:
    with pytest.raises(InputError, match="rules es are of OTHER, which is not part of this run"):
        records_of(Wishes, rules=changed(RULES, symbol="OTHER"))
    fine = changed(RULES, rows=(RulesRow(1, Decimal("0.01"), Decimal("0.1")),))
    with pytest.raises(InputError, match="import the data with the finest tick"):
        records_of(Wishes, rules=fine)


def test_a_run_before_the_first_rule_is_refused() -> None:
    with pytest.raises(InputError, match="add the rules that held then"):
        records_of(Wishes, rules=changed(RULES, rows=RULES.rows[1:]))
