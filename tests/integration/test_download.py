"""History of the practice exchange comes into the store row for row, whatever happens."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.integration.drill import INSTRUMENT, MINUTE, SECOND, a_venue
from tests.support.commands import as_json, in_this_process
from tests.support.object_server import ObjectServer
from tieout import wiring
from tieout.adapters.venues.exchange import past as past_module
from tieout.adapters.venues.practice import ThreadedServer
from tieout.errors import InputError, VenueError
from tieout.history import Store
from tieout.history.downloading import Contradiction
from tieout.model.columns import BarColumns, TradeColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tieout.adapters.venues.practice import PracticeServer
    from tieout.history import Dataset, Downloaded

pytest.importorskip("ccxt", reason="the extra `live` is not installed")

SYMBOL = INSTRUMENT.symbol
MONDAY = 1_704_067_200 * SECOND
HOURS = 60 * MINUTE
COUNT = 500
PAGE = 60
"""Small pages, so that a short history has many edges."""


def a_day(count: int = COUNT) -> BarColumns:
    """Return minute bars of a walk that really moves inside."""
    draw = np.random.default_rng(5)
    close = 7_000 + np.cumsum(draw.integers(-3, 4, count)).astype(np.int64)
    opens = np.concatenate((close[:1], close[:-1]))
    opened = MONDAY + MINUTE * np.arange(count, dtype=np.int64)
    return BarColumns(
        SYMBOL,
        MINUTE,
        opened,
        opened + MINUTE,
        opened + MINUTE,
        opens,
        np.maximum(opens, close) + 2,
        np.minimum(opens, close) - 1,
        close,
        draw.integers(1, 90, count).astype(np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.bool_),
    )


def some_trades(count: int = COUNT) -> TradeColumns:
    """Return trades a second apart, several of them in one millisecond."""
    draw = np.random.default_rng(6)
    when = MONDAY + np.arange(count, dtype=np.int64) // 3 * SECOND
    return TradeColumns(
        SYMBOL,
        when,
        when.copy(),
        7_000 + np.cumsum(draw.integers(-1, 2, count)).astype(np.int64),
        draw.integers(1, 50, count).astype(np.int64),
        draw.choice(np.array([-1, 1], np.int8), count),
        np.arange(1, count + 1, dtype=np.int64),
    )


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        past_module, "_ROWS_MAX", dict.fromkeys(("bars", "mark", "trades", "funding"), PAGE)
    )


@pytest.fixture
def venue() -> Iterator[Callable[..., PracticeServer]]:
    """Return what starts a venue that opens behind its market; all of them end with the test."""
    servers: list[ThreadedServer] = []

    def start(market: Any, faults: str = "[]", **settings: Any) -> PracticeServer:
        values = {"start_ns": MONDAY + COUNT * MINUTE, "weight_per_minute": 0}
        server = ThreadedServer(a_venue(faults, **(values | settings)), [market])
        servers.append(server)
        return server.__enter__()

    yield start
    for each in servers:
        each.__exit__(None, None, None)


def got(folder: Path, server: PracticeServer, **how: Any) -> Downloaded:
    """Download bars of a minute from the start of the market, without long pauses."""
    asked = {"kind": "bars", "start_ns": MONDAY, "pauses_s": (0.01,) * 4} | how
    if asked["kind"] in ("bars", "mark"):
        asked.setdefault("interval", "1m")
    return wiring.download(
        store=folder / "data", url=server.http_url, symbol=SYMBOL, name="set", **asked
    )


def fed(folder: Path, market: BarColumns | TradeColumns) -> Dataset:
    """Return the market as a data set of its own, by the venue's rules."""
    store = Store(folder / "fed")
    rules = msgspec.structs.replace(INSTRUMENT, venue_symbol="ESUSDT")
    if isinstance(market, BarColumns):
        return store.write_bars("fed", rules, market.interval_ns, [market], source="fed")
    return store.write_trades("fed", rules, [market], source="fed")


def same_rows(first: Dataset, second: Dataset) -> bool:
    (one,) = first.batches(delay_ns=0)
    (other,) = second.batches(delay_ns=0)
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in type(one).__slots__
        if isinstance(getattr(one, name), np.ndarray)
    )


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in (folder / "data").iterdir())


# -- what comes is what the venue was fed with ------------------------------------------------


@pytest.mark.parametrize("kind", ["bars", "trades"])
def test_what_is_downloaded_is_what_the_venue_was_fed_with(
    tmp_path: Path, venue: Callable[..., PracticeServer], kind: str
) -> None:
    market = a_day() if kind == "bars" else some_trades()

    made = got(tmp_path, venue(market), kind=kind)

    assert same_rows(made.dataset, fed(tmp_path, market))
    assert made.dataset.meta.fingerprint == fed_fingerprint(tmp_path)
    assert (made.missing, made.repeated > 5, made.pages > 5) == (0, True, True)
    assert left(tmp_path) == ["set"]
    Store(tmp_path / "data").verify("set")


def fed_fingerprint(folder: Path) -> str:
    return Store(folder / "fed").dataset("fed").meta.fingerprint


def test_funding_is_what_the_venue_charges_with_the_time_it_is_for(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    server = venue(a_day(), funding_interval_ns=HOURS, funding_rate=Decimal("-0.000375"))

    made = got(tmp_path, server, kind="funding")

    rates = made.dataset.funding()
    assert rates.venue_time_ns.tolist() == [MONDAY + each * HOURS for each in range(1, 9)]
    assert set(rates.rate_e18.tolist()) == {-375_000_000_000_000}
    assert set(rates.interval_ns.tolist()) == {HOURS}
    closes = a_day().close_ticks
    assert rates.mark_ticks.tolist() == [closes[each * 60 - 1] for each in range(1, 9)]


def test_mark_prices_are_there_for_every_interval_also_without_trading(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    whole = a_day()
    keep = np.ones(COUNT, np.bool_)
    keep[100:103] = False
    quiet = replace(
        whole,
        **{
            name: getattr(whole, name)[keep]
            for name in BarColumns.__slots__
            if isinstance(getattr(whole, name), np.ndarray)
        },
    )

    made = got(tmp_path, venue(quiet), kind="mark")

    (marks,) = made.dataset.marks()
    assert len(marks) == COUNT
    stood = whole.close_ticks[99]
    assert set(marks.high_ticks[100:103]) == set(marks.low_ticks[100:103]) == {stood}
    assert marks.close_ticks[[99, 103]].tolist() == whole.close_ticks[[99, 103]].tolist()
    assert made.missing == 0


def test_only_the_period_asked_for_comes(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    made = got(
        tmp_path, venue(a_day()), start_ns=MONDAY + 10 * MINUTE, end_ns=MONDAY + 200 * MINUTE
    )

    (bars,) = made.dataset.batches(delay_ns=0)
    assert (bars.open_time_ns[0], bars.close_time_ns[-1]) == (  # type: ignore[union-attr]
        MONDAY + 10 * MINUTE,
        MONDAY + 200 * MINUTE,
    )


def test_a_bar_that_has_not_closed_is_never_stored(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    server = venue(some_trades(), start_ns=MONDAY + 2 * MINUTE + 30 * SECOND)

    made = got(tmp_path, server)

    (bars,) = made.dataset.batches(delay_ns=0)
    assert bars.close_time_ns.tolist() == [  # type: ignore[union-attr]
        MONDAY + MINUTE, MONDAY + 2 * MINUTE,
    ]  # fmt: skip


# -- stopped and begun again ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bars", "trades"])
def test_a_download_that_stopped_asks_only_for_what_is_missing(
    tmp_path: Path, venue: Callable[..., PracticeServer], kind: str
) -> None:
    market = a_day() if kind == "bars" else some_trades()
    path = "klines" if kind == "bars" else "aggTrades"
    faults = f'[{{"fault":"query","path":"{path}","nth":5,"trouble":"error","status":400}}]'
    server = venue(market, faults)
    with pytest.raises(VenueError, match="status 400"):
        got(tmp_path, server, kind=kind)
    assert left(tmp_path) == [".set.download"]

    made = got(tmp_path, server, kind=kind)

    fed(tmp_path, market)
    assert made.dataset.meta.fingerprint == fed_fingerprint(tmp_path)
    assert 0 < made.resumed_rows < made.new_rows == COUNT
    assert left(tmp_path) == ["set"]


@pytest.mark.parametrize("lost", [1, 7, 200, 4_000])
def test_a_log_that_was_cut_anywhere_is_gone_on_with(
    tmp_path: Path, venue: Callable[..., PracticeServer], lost: int
) -> None:
    server = venue(
        a_day(), '[{"fault":"query","path":"klines","nth":6,"trouble":"error","status":400}]'
    )
    with pytest.raises(VenueError):
        got(tmp_path, server)
    log = tmp_path / "data" / ".set.download"
    log.write_bytes(log.read_bytes()[:-lost])

    made = got(tmp_path, server)

    fed(tmp_path, a_day())
    assert made.dataset.meta.fingerprint == fed_fingerprint(tmp_path)


def test_the_unfinished_is_not_taken_for_something_else(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    server = venue(
        a_day(), '[{"fault":"query","path":"klines","nth":3,"trouble":"error","status":400}]'
    )
    with pytest.raises(VenueError):
        got(tmp_path, server)

    with pytest.raises(InputError, match=r"unfinished download of .* ask for the same"):
        got(tmp_path, server, start_ns=MONDAY + 60 * MINUTE)
    made = got(tmp_path, server, start_ns=MONDAY + 60 * MINUTE, refresh=True)

    assert (made.dataset.meta.rows, made.resumed_rows) == (COUNT - 60, 0)


# -- gone on with later -----------------------------------------------------------------------


def test_a_later_download_of_the_name_adds_what_is_new(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    server = venue(a_day())
    got(tmp_path, server, end_ns=MONDAY + 200 * MINUTE)

    made = got(tmp_path, server, start_ns=None)

    fed(tmp_path, a_day())
    assert (made.new_rows, made.dataset.meta.rows) == (COUNT - 200, COUNT)
    assert made.dataset.meta.fingerprint == fed_fingerprint(tmp_path)
    Store(tmp_path / "data").verify("set")
    again = got(tmp_path, server)
    assert (again.new_rows, again.dataset.meta) == (0, made.dataset.meta)


def test_an_earlier_start_is_refused_where_the_venue_has_earlier_rows(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    server = venue(a_day())
    first = got(tmp_path, server, start_ns=MONDAY + 60 * MINUTE)

    with pytest.raises(InputError, match="begins at 2024-01-01T01:00, after the start asked for"):
        got(tmp_path, server, start_ns=MONDAY)

    assert Store(tmp_path / "data").dataset("set").meta == first.dataset.meta


def test_a_refresh_replaces_the_data_set_when_it_is_whole(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    server = venue(
        a_day(), '[{"fault":"query","path":"klines","nth":9,"trouble":"error","status":400}]'
    )
    first = got(tmp_path, server, end_ns=MONDAY + 200 * MINUTE)
    with pytest.raises(VenueError):
        got(tmp_path, server, refresh=True)
    assert Store(tmp_path / "data").dataset("set").meta == first.dataset.meta

    made = got(tmp_path, server, refresh=True)

    fed(tmp_path, a_day())
    assert made.dataset.meta.fingerprint == fed_fingerprint(tmp_path)
    assert made.resumed_rows > 0
    Store(tmp_path / "data").verify("set")


def test_what_the_venue_says_otherwise_now_is_named(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    got(tmp_path, venue(a_day()), end_ns=MONDAY + 200 * MINUTE)
    changed = a_day()
    changed.close_ticks[199] += 1
    other = venue(changed)
    port = f"http://127.0.0.1:{other.port}"
    meta = tmp_path / "data" / "set" / "meta.json"
    text = meta.read_text()
    source = msgspec.json.decode(text.encode())["source"]
    meta.write_text(text.replace(source, f"downloaded from {port}:{source.split(':', 4)[-1]}"))

    with pytest.raises(Contradiction, match=r"close_ticks \d+ on one page and \d+ on the next"):
        got(tmp_path, other)


# -- what goes wrong on the way ---------------------------------------------------------------


PASSING = {
    "error": '{"fault":"query","path":"klines","every":3,"trouble":"error","status":503}',
    "busy": '{"fault":"query","path":"klines","nth":3,"trouble":"error","status":502}',
    "cut": '{"fault":"query","path":"klines","every":4,"trouble":"cut"}',
    "repeat": '{"fault":"query","path":"klines","every":2,"trouble":"repeat","rows":7}',
    "drop": '{"fault":"query","path":"klines","nth":3,"trouble":"drop","rows":5}',
    "rules": '{"fault":"query","path":"exchangeInfo","nth":1,"trouble":"error"}',
    "time": '{"fault":"query","path":"time","nth":1,"trouble":"cut"}',
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_leaves_no_trace(
    tmp_path: Path, venue: Callable[..., PracticeServer], fault: str
) -> None:
    made = got(tmp_path, venue(a_day(), f"[{PASSING[fault]}]"))

    fed(tmp_path, a_day())
    assert made.dataset.meta.fingerprint == fed_fingerprint(tmp_path)
    assert made.missing == 0


def test_an_answer_that_does_not_come_in_time_is_asked_for_again(
    tmp_path: Path, venue: Callable[..., PracticeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_module, "_answer_s", lambda settings: 0.2)
    told: list[str] = []
    server = venue(
        a_day(), '[{"fault":"query","path":"klines","nth":2,"trouble":"delay","by_ms":600}]'
    )

    made = got(tmp_path, server, told=lambda reason, pause_s: told.append(reason))

    assert made.dataset.meta.rows == COUNT
    assert told == ["klines: no answer within 0.2 s"]


def test_a_venue_that_stays_away_is_named_and_nothing_is_lost(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    faults = [f'{{"fault":"query","path":"klines","nth":{n},"trouble":"cut"}}' for n in range(3, 8)]
    server = venue(a_day(), f"[{','.join(faults)}]")

    with pytest.raises(VenueError, match="klines: 5 attempts failed"):
        got(tmp_path, server)
    made = got(tmp_path, server)

    assert made.resumed_rows > 0
    assert made.dataset.meta.rows == COUNT


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("reverse", "out of order"), ("revise", r"volume_lots \d+ on one page and \d+ on the next")],
)
def test_a_venue_that_contradicts_itself_is_refused(
    tmp_path: Path, venue: Callable[..., PracticeServer], trouble: str, words: str
) -> None:
    server = venue(a_day(), f'[{{"fault":"query","path":"klines","nth":4,"trouble":"{trouble}"}}]')

    with pytest.raises(Contradiction, match=words):
        got(tmp_path, server)

    assert left(tmp_path) == [".set.download"]


def test_holes_are_asked_for_twice_counted_and_shown(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    whole = a_day()
    keep = np.ones(COUNT, np.bool_)
    keep[[30, 200, 201, 202]] = False
    market = replace(
        whole,
        **{
            name: getattr(whole, name)[keep]
            for name in BarColumns.__slots__
            if isinstance(getattr(whole, name), np.ndarray)
        },
    )

    made = got(tmp_path, venue(market))

    assert made.missing == 4
    assert made.holes == [
        (MONDAY + 30 * MINUTE, MONDAY + 31 * MINUTE),
        (MONDAY + 200 * MINUTE, MONDAY + 203 * MINUTE),
    ]
    assert made.dataset.meta.defects == {"bars missing": 4}


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"symbol": "NO/USDT:USDT"}, "NO/USDT:USDT: the venue does not trade it"),
        ({"interval": "7x"}, "--interval 7x: interval '7x' must be a whole number"),
        ({"interval": "30s"}, "the venue has no bars of 30s; choose another --interval"),
        ({"interval": None}, "how long is a bar"),
        ({"kind": "quotes"}, "--kind quotes: allowed are"),
        ({"kind": "trades", "interval": "1m"}, "trades have none"),
        ({"start_ns": MONDAY + HOURS, "end_ns": MONDAY}, "the end must lie after the start"),
        ({"start_ns": None}, "set: there is no such data set yet; say --start"),
        ({"end_ns": MONDAY + 30 * SECOND}, "the venue has nothing from 2024-01-01"),
        (
            {"start_ns": MONDAY - 48 * HOURS},
            "the venue's history begins at 2024-01-01, later than .* say --start 2024-01-01$",
        ),
        ({"start_ns": MONDAY - 48 * HOURS, "end_ns": MONDAY - HOURS}, "the first it has is of"),
        ({"lot": Decimal(7)}, "volume .* is not a multiple of 7; .* give a finer --lot"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    tmp_path: Path, venue: Callable[..., PracticeServer], how: dict[str, Any], words: str
) -> None:
    server = venue(a_day())
    asked = {"symbol": SYMBOL, "kind": "bars", "start_ns": MONDAY} | how
    if asked["kind"] == "bars":
        asked.setdefault("interval", "1m")

    with pytest.raises(InputError, match=words):
        wiring.download(store=tmp_path / "data", url=server.http_url, name="set", **asked)

    assert Store(tmp_path / "data").names() == []


def test_a_name_that_holds_something_else_is_left_alone(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    server = venue(a_day())
    first = got(tmp_path, server)

    with pytest.raises(
        InputError, match=r"there is a data set of this name.*another name with --as"
    ):
        got(tmp_path, server, kind="mark")
    assert Store(tmp_path / "data").dataset("set").meta == first.dataset.meta


# -- by the command ---------------------------------------------------------------------------


def test_the_command_says_what_came_and_what_is_missing(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    whole = a_day()
    keep = np.arange(COUNT) != 30
    market = replace(
        whole,
        **{
            name: getattr(whole, name)[keep]
            for name in BarColumns.__slots__
            if isinstance(getattr(whole, name), np.ndarray)
        },
    )
    (tmp_path / "tieout.toml").write_text(f'[venue.here]\nurl = "{venue(market).http_url}"\n')
    asked = ("download", "here", SYMBOL, "--interval", "1m", "--start", "2024-01-01")

    done = in_this_process(*asked, folder=tmp_path)
    again = as_json(*asked, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ESUSDT-1m: 499 bars of ES/USDT:USDT, 2024-01-01 00:01:00.000 …")
    assert "1 missing, asked for twice: 2024-01-01 00:30:00.000 … 2024-01-01 00:31:00.000" in (
        done.stdout
    )
    assert (again["new_rows"], again["rows"], again["name"]) == (0, 499, "ESUSDT-1m")


def test_the_command_says_what_failed_and_that_nothing_is_lost(
    tmp_path: Path, venue: Callable[..., PracticeServer]
) -> None:
    fault = '[{"fault":"query","path":"klines","nth":3,"trouble":"error","status":400}]'
    address = venue(a_day(), fault).http_url

    failed = in_this_process(
        "download", address, SYMBOL, "--interval", "1m", "--start", "2024-01-01", folder=tmp_path
    )
    refused = in_this_process("download", "nowhere", SYMBOL, "--interval", "1m", folder=tmp_path)

    assert failed.returncode == 1
    assert "what was fetched is kept; the same command goes on from there" in failed.stderr
    assert "status 400" in failed.stderr
    assert refused.returncode == 2
    assert "venue 'nowhere' is not in tieout.toml" in refused.stderr


def test_a_download_goes_into_object_storage(
    tmp_path: Path, venue: Callable[..., PracticeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    monkeypatch.setenv("TIEOUT_CACHE", str(tmp_path / "cache"))
    fault = '[{"fault":"query","path":"klines","nth":5,"trouble":"error","status":400}]'
    server = venue(a_day(), fault)
    how = {"url": server.http_url, "symbol": SYMBOL, "interval": "1m", "start_ns": MONDAY}
    with ObjectServer() as storage:
        far = storage.url("markets")
        with pytest.raises(VenueError):
            wiring.download(store=far, name="set", **how)
        assert storage.objects == {}

        made = wiring.download(
            store=far, name="set", end_ns=MONDAY + 300 * MINUTE, refresh=True, **how
        )
        more = wiring.download(store=far, name="set", **how)
        Store(far).verify("set")

    fed(tmp_path, a_day())
    assert (made.dataset.meta.rows, more.new_rows) == (300, 200)
    assert more.dataset.meta.fingerprint == fed_fingerprint(tmp_path)
    assert list((tmp_path / "cache").rglob("*.download")) == []


def test_a_venue_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VenueError, match="time: 2 attempts failed"):
        wiring.download(
            store=tmp_path / "data",
            url="http://127.0.0.1:9",
            symbol=SYMBOL,
            interval="1m",
            start_ns=MONDAY,
            pauses_s=(0.01,),
        )
