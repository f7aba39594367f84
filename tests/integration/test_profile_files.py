"""A profile of one's own: a file that starts from a shipped one and may name models."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tieout.errors import SettingsError
from tieout.model.availability import Polling
from tieout.model.latencies import MeasuredLatency
from tieout.model.profiles import PROFILES, FillLevel
from tieout.wiring.assumptions import models_of, profile_of

FEES = '''
from decimal import Decimal


class Quarter:
    """A quarter a lot."""

    name = "quarter"
    version = 3

    def fee(self, instrument, *, side, lots, price_ticks, liquidity, venue_time_ns):
        return Decimal("0.25") * lots
'''


def a_file(folder: Path, text: str) -> str:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_file_starts_from_a_shipped_profile_and_says_what_differs(tmp_path: Path) -> None:
    file = a_file(
        tmp_path,
        'name = "mine-1"\nbase = "zero-latency"\nslippage_bps = "2.5"\nfill_level = "fixed"\n'
        '[latency]\ntype = "measured"\nlog = [[1000, 1500, 1900], [2000, 0, 9000]]\n',
    )

    profile = profile_of(file)

    assert profile.name == "mine-1"
    assert profile.fill_level is FillLevel.FIXED
    assert profile.slippage_bps == Decimal("2.5")
    assert profile.taker_fee_rate == PROFILES["zero-latency"].taker_fee_rate
    assert isinstance(profile.latency, MeasuredLatency)


def test_a_file_says_when_the_bot_looks_and_how_long_the_ways_are(tmp_path: Path) -> None:
    file = a_file(
        tmp_path,
        'name = "mine-1"\npolling = "by-length-1"\n'
        '[bar_feed]\ntype = "drawn"\ndelay = [[[0, 900], [1000000, 3000]]]\n'
        '[trade_feed]\ntype = "measured"\nlog = [[1000, 1500], [2000, 2900]]\n',
    )

    profile = profile_of(file)

    assert profile.schedule == Polling()
    assert profile.bar_delay_ns == profile.trade_delay_ns == 0
    assert profile.feed_delay_ns_max(bars=True) == 3_000
    assert profile.feed_delay_ns_max(bars=False) == 900


def test_a_file_may_have_a_schedule_of_its_own(tmp_path: Path) -> None:
    text = 'name = "mine-1"\n[polling]\nevery_ns = 60000000000\noffset_ns = 5\n'
    assert profile_of(a_file(tmp_path, text)).schedule == Polling(every_ns=60 * 10**9, offset_ns=5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slippage_bps = 1", "give it a name of its own"),
        ('name = "pessimistic-1"', "give it a name of its own"),
        ('name = "m"\nspred_bps = 1', "unknown field `spred_bps`"),
        ('name = "m"\nslippage_bps = -1', "slippage_bps -1"),
        ('name = "m"\npolling = "often"', "polling 'often'"),
        ('name = "m"\n[polling]\nevery_ns = 0', "every_ns 0"),
        ('name = "m"\n[bar_feed]\ntype = "measured"\nlog = []', "there is no row in it"),
        ('name = "m"\nbase = "nothing"', "'nothing' is unknown"),
        ('name = "m"\n[models]\nfees = "a.py:B"', "model 'fees'"),
        ('name = "m"\n[latency]\ntype = "measured"\nlog = []', "no request in it"),
        ("name = ", "Invalid value"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        profile_of(a_file(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        profile_of(str(tmp_path / "nothing.toml"))


def test_a_model_is_found_beside_the_profile_and_named_in_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "fees.py").write_text(FEES, encoding="utf-8")
    profile = profile_of(a_file(tmp_path, 'name = "m-1"\n[models]\nfee = "fees.py:Quarter"\n'))

    (use,) = models_of(profile)

    assert (use.kind, use.label) == ("fee", "quarter-3")
    assert Path(use.path) == tmp_path / "fees.py"
