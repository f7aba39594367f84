"""Corporate actions come in exactly, from a table and from factor and map files, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.history.formats.files import instrument, lines
from tieout.errors import DataError, InputError
from tieout.history import Ask, Store, import_any
from tieout.history.formats.actions import simplest_between
from tieout.model.actions import Action, ActionKind

if TYPE_CHECKING:
    from pathlib import Path

UNIT = 10**12


def actions_in(folder: Path, name: str, *rows: str, **said: Any) -> list[Action]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lines(*rows))
    asked = {"zone": "America/New_York", **said}
    store = Store(folder / "store")
    return import_any(store, path, Ask(instrument=instrument(), **asked), name="made").actions()


def a_table(folder: Path, *rows: str, **said: Any) -> list[Action]:
    return actions_in(folder, "own.csv", "date,action,value,reference,known", *rows, **said)


def factors(folder: Path, *rows: str) -> list[Action]:
    return actions_in(folder, "equity/usa/factor_files/aapl.csv", *rows)


def ns(year: int, month: int, day: int, hour: int) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 10**9


def test_a_table_holds_every_kind_of_action(tmp_path: Path) -> None:
    split, dividend, change, end = a_table(
        tmp_path,
        "2014-06-09,split,7:1,,",
        "20140807,dividend,0.47,94.96,2014-07-22",
        "2015-01-02,symbol change,AAPL2,,",
        "2016-01-04,delisted,,,",
    )

    assert (split.kind, split.value, split.per) == (ActionKind.SPLIT, 7, 1)
    # Midnight in New York in summer, and in winter.
    assert split.venue_time_ns == split.known_time_ns == ns(2014, 6, 9, 4)
    assert end.venue_time_ns == ns(2016, 1, 4, 5)
    assert (dividend.value, dividend.reference) == (47 * UNIT // 100, 9496 * UNIT // 100)
    assert dividend.known_time_ns == ns(2014, 7, 22, 4)
    assert (change.kind, change.text) == (ActionKind.SYMBOL_CHANGE, "AAPL2")
    assert end.kind is ActionKind.DELISTING


def test_a_dividend_of_a_day_comes_before_its_split_whatever_the_lines_say(tmp_path: Path) -> None:
    first, second = a_table(tmp_path, "2014-06-09,split,7:1,,", "2014-06-09,dividend,1,,")

    assert (first.kind, second.kind) == (ActionKind.DIVIDEND, ActionKind.SPLIT)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2014-06-09,merger,7:1,,", "there is no such action"),
        ("2014-06-09,split,7:0,,", "the split is not readable"),
        ("2014-06-09,split,-7:1,,", "the split is not possible"),
        ("2014-06-09,dividend,much,,", "the amount is not readable"),
        ("2014-06-09,dividend,0,,", "the amount is not possible"),
        ("2014-06-09,dividend,1e999999999,,", "the amount is not readable"),
        ("2014-06-09,split,1e999999999:1,,", "the split is not readable"),
        ("2014-06-09,symbol change,,,", "there is no new symbol"),
        ("09.06.2014,split,7:1,,", "the date is not readable"),
    ],
)
def test_a_line_that_cannot_be_is_named_and_nothing_is_written(
    tmp_path: Path, row: str, problem: str
) -> None:
    with pytest.raises(DataError, match=problem) as refused:
        a_table(tmp_path, "2014-01-02,dividend,1,,", row)

    assert refused.value.row == 2
    assert Store(tmp_path / "store").names() == []


def test_an_action_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the action was there already"):
        a_table(tmp_path, "2014-06-09,split,7:1,,", "2014-06-09,split,2:1,,")


def test_prices_are_not_made_of_actions(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of such a file: actions"):
        a_table(tmp_path, "2014-06-09,split,7:1,,", kind="bars")


def test_factors_tell_the_split_and_the_dividend_exactly(tmp_path: Path) -> None:
    dividend, split, after = factors(
        tmp_path,
        "20140507,0.8815559,0.03571430,592.33",
        "20140606,0.8864797,0.03571430,645.57",
        "20140806,0.8864797,0.25,94.96",
        "20501231,0.8908891,0.25,0",
    )

    assert dividend.value == 329 * UNIT // 100
    assert (split.value, split.per) == (7, 1)
    assert after.value == 47 * UNIT // 100
    # The sixth of June was a Friday.
    assert split.venue_time_ns == ns(2014, 6, 9, 4)
    assert split.reference == 64557 * UNIT // 100


def test_a_reverse_split_and_a_dividend_can_share_a_line(tmp_path: Path) -> None:
    dividend, split = factors(tmp_path, "20140605,0.98,8,100", "20501231,1,1,0")

    assert (dividend.kind, dividend.value) == (ActionKind.DIVIDEND, 2 * UNIT)
    assert (split.kind, split.value, split.per) == (ActionKind.SPLIT, 1, 8)
    assert dividend.venue_time_ns == split.venue_time_ns


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (("20140605,1.1,1,100", "20501231,1,1,0"), "dividend that cannot be"),
        (("20140605,0.9,1,0", "20501231,1,1,0"), "dividend that cannot be"),
        (("20140605,1,0.00003,100", "20501231,1,1,0"), "no ratio of small numbers"),
        (("20140605,1,1", "20501231,1,1"), "has not date, price factor"),
        (("20140605,1,-1,5", "20501231,1,1,0"), "not above what it was rounded by"),
        (("20140605,0.9,1,5", "20501231,0.000000051,1,0"), "not above what it was rounded by"),
        (("20140605,1,0.5,5", "20501231,1,0.000000051,0"), "not above what it was rounded by"),
        (("20140605,1,1e400,5", "20501231,1,1,0"), "the line is not readable"),
        (("20140605,1e-999999999,1,5", "20501231,1,1,0"), "the line is not readable"),
        (("20140605,0.9,1,1e40", "20501231,1,1,0"), "the reference close is no price"),
        (("20140605,0.9,1,-5", "20501231,1,1,0"), "the reference close is no price"),
        (("20140605,1,1,5", "20140605,1,2,0"), "not later than that of the line above"),
        (("20140605,1,x,5", "20501231,1,1,0"), "the line is not readable"),
    ],
)
def test_factors_that_contradict_themselves_are_refused_with_their_line(
    tmp_path: Path, rows: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(DataError, match=problem) as refused:
        factors(tmp_path, *rows)

    assert refused.value.row in (1, 2)


def test_a_day_beyond_all_that_are_known_is_refused(tmp_path: Path) -> None:
    rows = ("98500507,0.8,0.25,592.33", "98600606,0.9,0.25,645.57")

    with pytest.raises(DataError, match=r"beyond those that are known here .*2079"):
        factors(tmp_path, *rows)


def test_a_table_with_a_stray_end_of_line_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "actions.csv"
    path.write_bytes(b"date,action,value\n2024-01-02,div\ridend,1.5\n")

    with pytest.raises((DataError, InputError), match=r"actions\.csv"):
        import_any(Store(tmp_path / "store"), path, Ask(instrument=instrument()), name="a")


def test_an_amount_that_no_file_could_keep_is_refused(tmp_path: Path) -> None:
    rows = ("20140507,0.8,0.25,5923300000000", "20140606,0.9,0.25,645.57")

    with pytest.raises(DataError, match=r"reference close is no price .*4611686"):
        factors(tmp_path, *rows)


def test_a_map_file_tells_of_symbols_and_of_the_end(tmp_path: Path) -> None:
    change, end = actions_in(
        tmp_path,
        "equity/usa/map_files/qqq.csv",
        "19990310,qqq,Q",
        "20041130,qqq,Q",
        "20110322,qqqq,Q",
    )

    assert (change.text, change.venue_time_ns) == ("QQQQ", ns(2004, 12, 1, 5))
    assert (end.kind, end.venue_time_ns) == (ActionKind.DELISTING, ns(2011, 3, 23, 4))


def test_the_simplest_ratio_is_the_one_of_the_smallest_terms() -> None:
    assert simplest_between(Fraction(3333, 10_000), Fraction(3334, 10_000)) == Fraction(1, 3)
    assert simplest_between(Fraction(199, 100), Fraction(201, 100)) == 2
    assert simplest_between(Fraction(66, 100), Fraction(67, 100)) == Fraction(2, 3)


def test_real_factors_give_the_dividends_that_were_paid(test_data: Path, tmp_path: Path) -> None:
    folder = test_data / "lean" / "data" / "equity" / "usa" / "factor_files"
    store = Store(tmp_path / "store")
    ask = Ask(instrument=instrument(currency="USD"))

    apple = import_any(store, folder / "aapl.csv", ask, name="apple").actions()
    spiders = import_any(store, folder / "spy.csv", ask, name="spiders").actions()

    splits = [(each.value, each.per) for each in apple if each.kind is ActionKind.SPLIT]
    assert splits == [(2, 1), (2, 1), (7, 1), (4, 1)]
    paid = {
        datetime.fromtimestamp(each.venue_time_ns // 10**9, UTC).date().isoformat(): (
            Decimal(each.value).scaleb(-12)
        )
        for each in (*apple, *spiders)
        if each.kind is ActionKind.DIVIDEND
    }
    assert paid["2012-08-09"] == Decimal("2.65")
    assert paid["2014-05-08"] == Decimal("3.29")
    assert paid["2014-08-07"] == Decimal("0.47")
