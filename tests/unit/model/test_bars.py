"""What a person writes about bars becomes a rule, or an error that says what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.worlds import ES
from tieout.errors import SettingsError
from tieout.model.bars import BarKind, GapRule, bar_rule


@pytest.mark.parametrize(
    ("size", "more", "name", "kind", "length"),
    [
        ("1m", {}, "1m@trades", BarKind.TIME, 60_000_000_000),
        ("60s", {}, "1m@trades", BarKind.TIME, 60_000_000_000),
        ("250ms", {"gaps": "fill"}, "250ms@trades+fill", BarKind.TIME, 250_000_000),
        ("5m", {"made_of": "60s"}, "5m@1m", BarKind.TIME, 300_000_000_000),
        ("1h", {"sessions": [(0, 5)]}, "1h@trades+sessions", BarKind.TIME, 3_600_000_000_000),
        ("100 trades", {}, "100-trades", BarKind.TRADES, 100),
        ("5000-lots", {}, "5000-lots", BarKind.VOLUME, 5000),
        ("50 notional", {}, "50-notional", BarKind.NOTIONAL, 200),
    ],
)
def test_a_rule_has_the_name_and_the_size_that_were_meant(
    size: str, more: dict[str, Any], name: str, kind: BarKind, length: int
) -> None:
    rule = bar_rule(size, ES, **more)

    assert (rule.name, rule.kind, rule.size) == (name, kind, length)
    assert bar_rule(rule.label, ES, **more) == rule


def test_a_rule_says_of_what_it_is_made() -> None:
    assert bar_rule("5m", ES, made_of="1m").finer_ns == 60_000_000_000
    assert bar_rule("5m", ES).finer_ns == 0
    assert bar_rule("100 trades", ES).interval_ns == 0
    assert bar_rule("5m", ES, gaps="halt").gaps is GapRule.HALT


@pytest.mark.parametrize(
    ("size", "more", "words"),
    [
        ("minute", {}, "must be a whole number of ms, s, m, h or d"),
        ("0m", {}, "must be a whole number"),
        ("0 trades", {}, "give a whole number above 0"),
        ("1.5 lots", {}, "give a whole number above 0"),
        ("9999999999999999999 lots", {}, "must be a whole number up to"),
        ("100 trades", {"gaps": "fill"}, "know no gaps and no sessions"),
        ("100 trades", {"made_of": "1m"}, "are made of trades"),
        ("1m", {"gaps": "interpolate"}, "allowed: skip, fill, halt"),
        ("1m", {"made_of": "5m"}, "cannot be made of bars of 5m"),
        ("5m", {"made_of": "2m"}, "whole multiple"),
        ("1m", {"sessions": [(5, 5)]}, "ascending pairs"),
        ("1m", {"sessions": [(5, 9), (8, 10)]}, "begins before 9"),
    ],
)
def test_what_is_no_rule_is_refused(size: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        bar_rule(size, ES, **more)
