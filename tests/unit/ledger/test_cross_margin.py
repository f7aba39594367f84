"""How far one account is from being over, and the bands in which it surely is not."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.shared_account import CROSS, named
from tieout.ledger.cross_margin import NO_EDGE, Band, Stake, largest, room, safe_bands
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.money import money

WHOLE = Fraction(1)
STEEP = MarginTerms(
    mode=MarginMode.CROSS,
    brackets=(
        MarginBracket(initial_rate=Decimal("0.1"), maintenance_rate=Decimal("0.011")),
        MarginBracket(
            from_notional=Decimal(4_000),
            initial_rate=Decimal("0.2"),
            maintenance_rate=Decimal("0.13"),
        ),
    ),
)


def a_stake(symbol: str, lots: int, ticks: int = 4000, *, inverse: bool = False) -> Stake:
    """Return a position; a lot is worth a thousand at 4,000 ticks, of an inverse contract too."""
    instrument = named(symbol)
    if inverse:
        instrument = msgspec.structs.replace(instrument, inverse=True, multiplier=Decimal(10**6))
    return Stake(instrument, lots, instrument.value(lots, ticks))


LONG, SHORT = a_stake("A", 6), a_stake("B", -4)


def test_the_room_is_what_stands_for_all_less_what_all_must_keep() -> None:
    prices = {"A": 3600, "B": 3800}

    # 1,000 − 600 + 200, less a twentieth of 5,400 and of 3,800.
    left = room(CROSS, [LONG, SHORT], prices, wallet=money(1_000), ratio=WHOLE)

    assert left == money(140)
    # At half of it: 300 and 460 to keep, times two.
    half = room(CROSS, [LONG, SHORT], prices, wallet=money(1_000), ratio=Fraction(1, 2))
    assert half == money(600) - 2 * money(460)


def test_without_a_price_a_position_counts_at_its_cost() -> None:
    assert room(CROSS, [LONG], {}, wallet=money(1_000), ratio=WHOLE) == money(700)
    assert safe_bands(CROSS, [LONG], {}, wallet=money(1_000), ratio=WHOLE) is None


def test_the_largest_is_the_one_that_asks_for_the_most_and_the_first_of_equals() -> None:
    assert largest(CROSS, [LONG, SHORT], {"A": 4000, "B": 4000}) is LONG
    assert largest(CROSS, [LONG, SHORT], {"A": 2000, "B": 4000}) is SHORT
    twins = [a_stake("D", 2), a_stake("C", -2)]
    assert largest(CROSS, twins, {"C": 4000, "D": 4000}) is twins[1]
    assert largest(CROSS, [], {}) is None


def test_alone_a_position_takes_all_the_room_there_is() -> None:
    # 6 · p = 5,000 / 0.95 at 877.19: it is over at 3,508 ticks, whatever it rises to.
    bands = safe_bands(CROSS, [LONG], {"A": 4000}, wallet=money(1_000), ratio=WHOLE)

    assert bands == {"A": Band(3508, NO_EDGE)}


def test_with_enough_money_nothing_is_too_low() -> None:
    bands = safe_bands(CROSS, [LONG], {"A": 4000}, wallet=money(10_000), ratio=WHOLE)

    assert bands == {"A": Band(0, NO_EDGE)}


def test_without_room_there_are_no_bands() -> None:
    prices = {"A": 3509, "B": 4000}

    assert safe_bands(CROSS, [LONG, SHORT], prices, wallet=money(1_000), ratio=WHOLE) is None


def test_of_inverse_contracts_profit_is_in_coins() -> None:
    long, short = a_stake("A", 6, inverse=True), a_stake("B", -4, inverse=True)
    prices = {"A": 3200, "B": 5000}

    # 6,000 owed become 7,500, 4,000 lent become 3,200; a twentieth of both must be kept.
    left = room(CROSS, [long, short], prices, wallet=money(5_000), ratio=WHOLE)

    assert left == money(5_000) - money(1_500) - money(800) - money(535)
    assert largest(CROSS, [long, short], prices) is long


def test_a_short_in_coins_that_all_stand_behind_it_has_no_upper_edge() -> None:
    short = a_stake("B", -4, inverse=True)
    bands = safe_bands(CROSS, [short], {"B": 4000}, wallet=money(4_001), ratio=WHOLE)

    assert bands == {"B": Band(0, NO_EDGE)}


@settings(max_examples=300, deadline=None)
@given(
    st.booleans(),
    st.lists(st.integers(-9, 9).filter(bool), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 9_000), st.integers(1, 9_000)), min_size=4, max_size=4),
    st.integers(-500, 9_000),
    st.sampled_from([WHOLE, Fraction(4, 5), Fraction(1, 50)]),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_within_its_bands_an_account_is_never_over(
    inverse: bool,
    lots: list[int],
    ticks: list[tuple[int, int]],
    cash: int,
    ratio: Fraction,
    places: list[float],
) -> None:
    stakes = [a_stake("ABCD"[n], each, ticks[n][0], inverse=inverse) for n, each in enumerate(lots)]
    prices = {each.symbol: ticks[n][1] for n, each in enumerate(stakes)}
    wallet = money(cash)

    bands = safe_bands(STEEP, stakes, prices, wallet=wallet, ratio=ratio)

    if bands is None:
        assert room(STEEP, stakes, prices, wallet=wallet, ratio=ratio) <= 1 + ratio.denominator * 12
        return
    assert all(bands[name].low < price < bands[name].high for name, price in prices.items())
    for far in (min, max):
        inside = {
            name: far(band.low + 1, min(band.high - 1, 50_000)) for name, band in bands.items()
        }
        assert room(STEEP, stakes, inside, wallet=wallet, ratio=ratio) > 0
    anywhere = {
        name: int(band.low + 1 + place * (min(band.high, 50_000) - band.low - 2))
        for (name, band), place in zip(bands.items(), places, strict=False)
    }
    assert room(STEEP, stakes, anywhere, wallet=wallet, ratio=ratio) > 0
