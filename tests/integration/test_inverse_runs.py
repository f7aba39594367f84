"""Runs on coin-margined contracts: answers known by hand, and by another way on a recording."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.support.acting import arriving
from tests.support.commands import as_json, in_this_process
from tests.support.inverse import COIN, PERP, Scripted, coin_prints
from tests.support.worlds import MINUTE, T0, bars, trades
from tests.unit.reconcile.builders import a_statement
from tieout import Strategy
from tieout.adapters.feeds.rows import events_of
from tieout.adapters.storage.disk import RealDisk
from tieout.adapters.storage.runs import Runs
from tieout.compiled import Account, BarRow, CompiledStrategy, Given, Memory, Wishes, target
from tieout.errors import InputError, SettingsError
from tieout.history import Store
from tieout.journal import JournalReader
from tieout.kernel.ports import Inputs
from tieout.model.events import Fill, FundingCharged, RunEnded, RunStarted
from tieout.model.margin import MarginBracket, MarginMode, MarginTerms
from tieout.model.orders import PlaceOrder
from tieout.model.profiles import HOUR, FundingRule, SimulationProfile, profile
from tieout.reconcile import Step
from tieout.strategy import load_strategy
from tieout.wiring import (
    VenueAccess,
    backtest,
    backtest_columns,
    ladder,
    paper,
    reconcile,
    replay,
    report,
)
from tieout.wiring.trading import check_rules

if TYPE_CHECKING:
    from tieout.adapters.storage.runs import RunFolder
    from tieout.model.columns import TradeColumns
    from tieout.model.instruments import Instrument
    from tieout.wiring import Result

PLAIN = msgspec.structs.replace(
    profile("zero-latency"),
    name="coin-1",
    taker_fee_rate=Decimal("0.0005"),
    maker_fee_rate=Decimal("0.0001"),
    fee_digits=8,
    funding_rule=FundingRule.SIGNED,
    funding_rate=Decimal("0.0001"),
    funding_interval_ns=HOUR,
)
SCRIPTED = Path(__file__).parents[1] / "support/inverse.py"
WORDS = ("--symbol", COIN, "--tick", "0.1", "--inverse", "--contract-size", "100")
CAPTURE = "binance_ws_raw/cm_btcusd_perp_20240808.gz"


def ran(
    lots: str,
    prices: list[int],
    *,
    with_profile: SimulationProfile = PLAIN,
    chunk_rows: int = 131_072,
) -> Result:
    return backtest_columns(
        load_strategy(Scripted, {"lots": lots}),
        [coin_prints(prices, step_ns=20 * MINUTE)],
        instruments=[PERP],
        profile=with_profile,
        cash=Decimal(1),
        chunk_rows=chunk_rows,
    )


@pytest.mark.parametrize("chunk_rows", [1, 3, 131_072])
def test_a_run_with_partial_closes_and_a_turn_has_the_answer_of_the_hand(chunk_rows: int) -> None:
    result = ran("10 -4 -16 4", [10_000, 12_500, 8_000, 20_000, 16_000], chunk_rows=chunk_rows)

    # 4 closed: 4·100·(1/10,000 − 1/12,500) = 0.008. 6 closed at 8,000: −0.015; 10 sold there.
    # 4 of these bought back at 20,000: −0.03; 6 are left, at 16,000: −0.0375.
    price = Decimal("0.008") - Decimal("0.015") - Decimal("0.03") - Decimal("0.0375")
    # 0.0005 of 0.1 + 0.032 + 0.2 + 0.02 coins.
    assert result.fees == Decimal("0.000176")
    # Ten long at 10,000 pay, six long at 8,000 pay, six short at 20,000 are paid, each a 10,000th.
    assert result.funding == Decimal("-0.00001") - Decimal("0.0000075") + Decimal("0.000003")
    assert result.profit == price - result.fees + result.funding
    assert result.equity == 1 + result.profit
    assert (result.fills, result.failure) == (4, "")


def test_rows_that_arrive_one_by_one_as_on_paper_make_the_same_coins() -> None:
    prices = [10_000, 12_500, 8_000, 20_000, 16_000]
    columns = coin_prints(prices, step_ns=20 * MINUTE)
    fixed = type("Fixed", (Scripted,), {"lots": "10 -4 -16 4"})

    kernel, decisions = arriving(fixed, columns, PERP, profile=PLAIN, actions=[], cash=10**12)

    past = ran("10 -4 -16 4", prices)
    marks = {COIN: int(columns.price_ticks[-1])}
    assert kernel.failure is None
    assert sum(isinstance(each, PlaceOrder) for each in decisions) == 4
    assert kernel.ledger.profit(marks) == int(past.profit.scaleb(12)) == -74_690_500_000
    assert kernel.ledger.fees == int(past.fees.scaleb(12))


class FakeGateway:
    """A gateway that knows the contract and brings prints one by one, each with its arrival."""

    def __init__(self, prints: TradeColumns) -> None:
        self._rows = list(events_of(prints, tick=PERP.tick_float))
        self._given: list[Any] = []

    def __enter__(self) -> FakeGateway:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def instruments(self, symbols: list[str]) -> list[Instrument]:
        assert symbols == [COIN]
        return [PERP]

    def start(self, subscriptions: object, *, started: RunStarted, **terms: object) -> None:
        first, last = self._rows[0], self._rows[-1]
        began = msgspec.structs.replace(
            started,
            arrival_time_ns=first.arrival_time_ns - 1,
            marks=((COIN, first.price_ticks),),
        )
        ended = RunEnded(
            arrival_time_ns=last.arrival_time_ns,
            reason="end",
            marks=((COIN, last.price_ticks),),
        )
        self._given = [began, *self._rows, ended]

    def next(self, deadline_ns: int | None) -> Inputs | None:
        return Inputs((self._given.pop(0),)) if self._given else None


def on_paper(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stored: list[int], seen: list[int]
) -> tuple[RunFolder, Result]:
    """Run on paper where the venue printed otherwise than the provider's history will say."""
    write_prints(folder, stored)
    gateway = FakeGateway(coin_prints(seen, step_ns=20 * MINUTE))
    monkeypatch.setattr("tieout.wiring.watching.gateway_of", lambda *_: gateway)
    runs = Runs(folder / "runs")
    result = paper(
        load_strategy(f"{SCRIPTED}:Scripted", {"lots": "10 -4 -16 4"}),
        access=VenueAccess("http://127.0.0.1:1", "", ""),
        store=folder / "data",
        data=["prints"],
        profile=PLAIN,
        cash=Decimal(1),
        runs=runs,
    )
    return runs.find(result.run_id), result


def test_paper_is_the_backtest_and_its_twin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = [10_000, 12_500, 8_000, 20_000, 16_000]

    run, result = on_paper(tmp_path, monkeypatch, prices, prices)

    assert (result.profit, result.failure) == (Decimal("-0.0746905"), "")
    facts = reconcile(run, store=tmp_path / "data").facts()
    assert (facts["currency"], facts["live_pnl"], facts["difference"]) == (
        "BTC",
        "-0.0746905",
        "0.00",
    )
    assert facts["breaks"] == []
    assert replay(run, store=tmp_path / "data").identical


def test_a_ladder_of_contracts_filled_elsewhere_sums_to_the_last_digit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = [10_000, 12_500, 8_000, 20_000, 16_000]
    seen = [10_007, 12_493, 8_011, 19_987, 16_003]

    run, result = on_paper(tmp_path, monkeypatch, stored, seen)
    live = ladder(run, store=tmp_path / "data")[4]
    run.write("statement.json", a_statement(live, instruments={COIN: PERP}))
    found = reconcile(run, store=tmp_path / "data")

    found.check()
    assert found.live_pnl == int(result.profit.scaleb(12))
    # At live's final mark: six short are 600/16,003 and not 600/16,000 of the coin.
    assert found.twin_pnl == -74_690_500_000 + 37_492_970_068 - 37_500_000_000
    # It decided alike on both; the venue filled at other prices than history has.
    assert found.steps[Step.EXECUTION] == 199_899_774
    # Funding twice a hundred-millionth less: at 10,007 and 8,011 and not at 10,000 and 8,000.
    assert found.parts(Step.COST)["funding"] == found.steps[Step.COST] == 20_000
    assert found.difference == 199_919_774
    assert found.steps[Step.UNEXPLAINED] == 0
    assert found.rungs[5].profit == found.live_pnl
    assert len(found.orders) == 4
    assert all(line.matched for line in found.orders)


def test_a_long_loses_more_coins_by_a_fall_than_a_rise_brings() -> None:
    free = msgspec.structs.replace(
        PLAIN, name="free-1", taker_fee_rate=Decimal(0), funding_rule=FundingRule.NONE
    )

    up = ran("10", [10_000, 15_000], with_profile=free).profit
    down = ran("10", [10_000, 5_000], with_profile=free).profit

    assert up == Decimal("0.033333333333")
    assert down == Decimal("-0.1")
    assert ran("-10", [10_000, 5_000], with_profile=free).profit == Decimal("0.1")


class Weighs(Strategy):
    """Holds a share of the equity."""

    weight: float = 0.0

    def on_start(self, context: Any) -> None:
        context.trades(COIN)
        self.done = False

    def on_trade(self, context: Any, trade: Any) -> None:
        if not self.done:
            self.done = True
            asked = context.targets({COIN: str(self.weight)})[COIN]
            assert (asked.wanted, asked.reached) == (Decimal("-0.5"), Decimal("-0.5"))


def test_a_weight_is_a_share_of_the_coins() -> None:
    # Half of one coin is 0.5·10,000/100 contracts at 10,000.
    result = backtest_columns(
        load_strategy(Weighs, {"weight": -0.5}),
        [coin_prints([10_000, 20_000], step_ns=MINUTE)],
        instruments=[PERP],
        profile=msgspec.structs.replace(PLAIN, taker_fee_rate=Decimal(0)),
        cash=Decimal(1),
    )

    assert result.fills == 1
    # 50 short from 10,000 to 20,000: a half becomes a quarter.
    assert result.profit == Decimal("-0.25")


def kept(folder: Path, lots: str, prices: list[int], *, with_profile: SimulationProfile) -> Result:
    """Run on stored prints; an account on margin needs its cash at the venue too."""
    write_prints(folder, prices)
    return backtest(
        load_strategy(f"{SCRIPTED}:Scripted", {"lots": lots}),
        store=folder / "data",
        data=["prints"],
        profile=with_profile,
        cash=Decimal(1),
        runs=Runs(folder / "runs"),
    )


def write_prints(folder: Path, prices: list[int]) -> None:
    columns = coin_prints(prices, step_ns=20 * MINUTE)
    stored = {
        "venue_time_ns": columns.venue_time_ns,
        "price_ticks": columns.price_ticks,
        "quantity_lots": columns.quantity_lots,
        "aggressor": columns.aggressor,
        "trade_id": columns.trade_id,
    }
    Store(folder / "data").write("prints", "trades", PERP, [stored], source="made up")


def on_margin(leverage: int) -> SimulationProfile:
    bracket = MarginBracket(
        from_notional=Decimal(0), initial_rate=Decimal("0.01"), maintenance_rate=Decimal("0.004")
    )
    terms = MarginTerms(mode=MarginMode.ISOLATED, brackets=(bracket,), leverage=Decimal(leverage))
    return msgspec.structs.replace(
        PLAIN,
        name="margin-1",
        margin=terms,
        taker_fee_rate=Decimal(0),
        funding_rule=FundingRule.NONE,
    )


def test_a_short_with_all_its_coins_behind_it_outlives_any_price(tmp_path: Path) -> None:
    result = kept(tmp_path, "-100", [10_000, 50_000, 10_000_000], with_profile=on_margin(1))

    assert result.fills == 1
    assert result.profit == Decimal("-0.999")


def test_a_levered_short_is_closed_by_the_venue(tmp_path: Path) -> None:
    result = kept(tmp_path, "-100", [10_000, 11_000, 11_100, 9_000], with_profile=on_margin(10))

    # 10,000·0.996/0.9 is 11,066.67: closed at the next print, 11,100.
    assert result.fills == 2
    with localcontext(prec=50):
        exact = Decimal(10_000) * (Decimal(1) / 11_100 - Decimal(1) / 10_000)
    assert result.profit == exact.quantize(Decimal("1e-12"), ROUND_HALF_UP)


def test_an_order_beyond_the_coins_is_denied(tmp_path: Path) -> None:
    result = kept(tmp_path, "-101", [10_000, 11_000], with_profile=on_margin(1))

    assert (result.fills, result.profit) == (0, 0)


def test_compiled_code_leaves_inverse_contracts_to_the_exact_books() -> None:
    prices = [10_000 + 7 * each for each in range(40)]
    lots = "3 -5 2 " * 12

    whole = ran(lots, prices)

    assert whole.fills == 36
    assert ran(lots, prices, chunk_rows=1).facts()["profit"] == whole.facts()["profit"]


class Alternates(CompiledStrategy):
    """Turns around every third bar, in compiled code."""

    def on_start(self, context: Any) -> None:
        context.bars(COIN, "1m")

    def cells(self) -> tuple[int, int]:
        return 1, 0

    @staticmethod
    def step_bar(
        bar: BarRow, given: Given, memory: Memory, account: Account, wishes: Wishes
    ) -> None:
        memory.whole[0] += 1
        if memory.whole[0] % 3 == 0:
            target(wishes, 7 if memory.whole[0] % 2 else -5)


class AlternatesSlowly(Strategy):
    """The same, in Python."""

    def on_start(self, context: Any) -> None:
        context.bars(COIN, "1m")
        self.seen = 0

    def on_bar(self, context: Any, bar: Any) -> None:
        self.seen += 1
        if self.seen % 3 == 0:
            context.target(COIN, units=7 if self.seen % 2 else -5)


def test_a_compiled_strategy_runs_row_by_row_to_the_same_coins() -> None:
    closes = [20_000 + 13 * (each % 11) - 5 * each for each in range(60)]
    columns = replace(bars(closes), instrument=COIN)

    compiled, slow = (
        backtest_columns(
            load_strategy(made), [columns], instruments=[PERP], profile=PLAIN, cash=Decimal(1)
        )
        for made in (Alternates, AlternatesSlowly)
    )

    assert (compiled.fills, compiled.failure) == (slow.fills, "")
    assert slow.fills > 15
    assert (compiled.profit, compiled.fees) == (slow.profit, slow.fees)


def test_drilling_down_tells_no_bounds_that_would_be_no_money() -> None:
    closes = [20_000 + 13 * (each % 11) for each in range(30)]
    minutes = replace(bars(closes), instrument=COIN)
    prints = replace(
        trades([close for close in closes for _ in range(60)], start_ns=T0), instrument=COIN
    )
    drilled = msgspec.structs.replace(profile("drilldown-1"), bar_delay_ns=0, trade_delay_ns=0)

    found = backtest_columns(
        AlternatesSlowly,
        [minutes, prints],
        instruments=[PERP],
        profile=drilled,
        cash=Decimal(1),
    )

    assert (found.failure, found.fills > 5) == ("", True)
    assert found.certainty is not None
    assert found.certainty.bounds is None


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = in_this_process("new", "project", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "project"
    prices = [10_000, 12_500, 8_000, 20_000, 16_000]
    rows = [price for price in prices for _ in range(2)]
    lines = ["id,price,qty,base_qty,time,is_buyer_maker"] + [
        f"{number},{price},7,0.07,{(T0 + number * 20 * MINUTE) // 10**6},true"
        for number, price in enumerate(rows, 1)
    ]
    (folder / "BTCUSD_PERP-trades-2013-09.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_an_archive_of_contracts_is_imported_run_replayed_and_reported(project: Path) -> None:
    told = as_json(
        *("import", "BTCUSD_PERP-trades-2013-09.csv", "--name", "perp", "--symbol", COIN),
        *("--tick", "0.5", "--inverse", "--contract-size", "100"),
        folder=project,
    )
    (shown,) = as_json("data", "show", "perp", folder=project)["data"]
    runs = Runs(project / "runs")
    run_once = backtest(
        load_strategy(f"{SCRIPTED}:Scripted", {"lots": "10 -4 -16 4"}),
        store=project / "data",
        data=["perp"],
        profile=PLAIN,
        cash=Decimal(1),
        runs=runs,
    )

    assert (told["rows"], told["kind"], told["instrument"]) == (10, "trades", COIN)
    assert "Binance archive, trades, with a header" in told["time_rule"]
    assert (shown["currency"], shown["inverse"], shown["contract_size"]) == ("BTC", True, "100")
    once_more = ran("10 -4 -16 4", [10_000, 12_500, 8_000, 20_000, 16_000])
    assert run_once.profit == once_more.profit == Decimal("-0.0746905")
    assert (run_once.fees, run_once.funding) == (once_more.fees, once_more.funding)
    run = runs.find(run_once.run_id)
    twin = as_json("twin", run_once.run_id, folder=project)
    assert (twin["profit"], twin["fills"]) == ("-0.0746905", 4)
    assert replay(run, store=project / "data").difference is None
    report(run, store=project / "data", output=project / "page.html")
    said = (project / "page.html").read_text()
    assert "Profit \N{MINUS SIGN}0.07469050 BTC" in said
    assert "<td>Turnover</td>" in said
    assert "0.35200000 BTC" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--symbol", COIN, "--inverse"), "Say --contract-size, as 100 for BTCUSD"),
        (("--symbol", COIN), "is settled in its base coin, BTC: an inverse contract"),
        (
            ("--symbol", "BTC/USDT:USDT", "--inverse", "--contract-size", "100"),
            "is settled in USDT, an inverse contract in its base coin, BTC",
        ),
    ],
)
def test_a_symbol_and_options_that_contradict_are_refused(
    project: Path, words: tuple[str, ...], said: str
) -> None:
    file = "BTCUSD_PERP-trades-2013-09.csv"
    done = in_this_process("import", file, "--name", "no", "--tick", "0.5", *words, folder=project)

    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert not Store(project / "data").names()


def test_the_practice_venue_refuses_it() -> None:
    from tieout.adapters.venues.practice import config_from_profile

    with pytest.raises(SettingsError, match=r"BTC/USD:BTC.*must be linear"):
        config_from_profile(profile("practice-1"), PERP, start_ns=T0)


class Swings(Strategy):
    """Trades every tenth print of a recording, more one way than the other."""

    def on_start(self, context: Any) -> None:
        context.trades(COIN)
        self.seen = 0

    def on_trade(self, context: Any, trade: Any) -> None:
        turn, rest = divmod(self.seen, 10)
        self.seen += 1
        if rest == 0:
            trade_one = context.sell if turn % 3 == 1 else context.buy
            trade_one(COIN, units=1 + turn % 17)


def test_a_recording_is_traded_to_the_last_digit(tmp_path: Path, test_data: Path) -> None:
    if not (test_data / CAPTURE).is_file():
        pytest.skip(f"TIEOUT_TEST_DATA has no {CAPTURE}")
    made = in_this_process("new", "project", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "project"
    told = as_json(
        *("import", str(test_data / CAPTURE), "--name", "perp", "--kind", "trades"),
        *("--format", "binance", "--venue-symbol", "BTCUSD_PERP", "--clock-offset", "measure"),
        *WORDS,
        folder=folder,
    )
    runs = Runs(folder / "runs")

    result = backtest(
        load_strategy(f"{__file__}:Swings"),
        store=folder / "data",
        data=["perp"],
        profile=PLAIN,
        cash=Decimal(5),
        runs=runs,
    )

    run = runs.find(result.run_id)
    records = list(JournalReader(RealDisk(), str(run.journal)).inputs())
    fills = [each for each in records if isinstance(each, Fill)]
    charges = [each for each in records if isinstance(each, FundingCharged)]
    prints = prices_of(test_data / CAPTURE)
    assert told["rows"] == len(prints) == 2_286
    assert len(fills) > 200
    assert {Decimal(fill.price_ticks) / 10 for fill in fills} <= set(prints)
    expected, fees, lots = by_hand(fills, prints[-1])
    assert result.fees == fees
    assert result.funding == sum((Decimal(each.amount) for each in charges), Decimal(0)).scaleb(-12)
    error = result.profit - (expected - fees + result.funding)
    # Half a unit of the last digit for each fill, and for the position at the end.
    assert abs(error) <= Decimal(len(fills) + 1).scaleb(-12) / 2
    assert lots
    assert replay(run, store=folder / "data").difference is None


def prices_of(path: Path) -> list[Decimal]:
    """Return the recording's prints, read without any of ours."""
    found = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            message = json.loads(line.partition(" ")[2])
            data = message.get("data", message)
            if data.get("e") == "trade":
                found.append(Decimal(data["p"]))
    return found


def by_hand(fills: list[Fill], last: Decimal) -> tuple[Decimal, Decimal, int]:
    """Return profit before costs, the fees, and the lots left, in fifty digits."""
    coins = fees = Decimal(0)
    lots = 0
    with localcontext(prec=50):
        for fill in fills:
            price = Decimal(fill.price_ticks) / 10
            coins += fill.side * fill.lots * 100 / price
            owed = fill.lots * 100 / price * Decimal("0.0005")
            fees += owed.quantize(Decimal("1e-8"), ROUND_HALF_UP)
            lots += fill.side * fill.lots
        return coins - lots * 100 / last, fees, lots


def test_klines_tell_what_a_contract_is_worth(project: Path) -> None:
    draw = np.random.default_rng(3)
    closes = 50_000 + np.cumsum(draw.integers(-20, 21, 60)) / 2
    lines = []
    for row, close in enumerate(closes.tolist()):
        opened = T0 // 10**6 + 60_000 * row
        coins = round(200 * 100 / close, 8)
        prices = f"{close},{close + 5},{close - 5},{close}"
        lines.append(f"{opened},{prices},200,{opened + 59_999},{coins},9,1,0,0")
    name = "BTCUSD_PERP-1m-2013-09.csv"
    (project / name).write_text("\n".join(lines) + "\n")

    def imported(*words: str) -> tuple[int, str]:
        given = ("import", name, "--name", "bars", "--tick", "0.5", *words)
        done = in_this_process(*given, folder=project)
        return done.returncode, " ".join(done.stderr.split())

    code, said = imported("--symbol", "BTC/USD:USD")
    assert code == 2
    assert "a contract of about 100 of the quote currency" in said
    code, said = imported("--symbol", COIN, "--inverse", "--contract-size", "10")
    assert code == 2
    assert "a contract is not worth what was said (value about 100 by its two volumes)" in said
    assert not Store(project / "data").names()
    assert imported("--symbol", COIN, "--inverse", "--contract-size", "100")[0] == 0
    (made,) = Store(project / "data").dataset("bars").batches(delay_ns=0)
    assert set(made.volume_lots.tolist()) == {200}


def test_the_same_rows_of_another_contract_are_another_data_set(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    linear = msgspec.structs.replace(PERP, inverse=False)
    row = {
        "venue_time_ns": np.array([T0], np.int64),
        "rate_e18": np.array([10**14], np.int64),
        "interval_ns": np.array([HOUR], np.int64),
        "mark_ticks": np.array([20_000], np.int64),
    }

    made = [
        store.write(name, "funding", each, [row], source="made up", time_rule="made up")
        for name, each in (("inverse", PERP), ("linear", linear))
    ]

    one, other = (store.dataset(each).meta.fingerprint for each in ("inverse", "linear"))
    assert len(made) == 2
    assert one != other


def test_live_rules_of_the_other_kind_are_refused() -> None:
    linear = msgspec.structs.replace(PERP, inverse=False)

    with pytest.raises(InputError, match="an inverse contract in the data and a linear one at the"):
        check_rules([PERP], [linear])
    with pytest.raises(InputError, match="an inverse contract in the venue and a linear one at"):
        check_rules([linear], [PERP])
