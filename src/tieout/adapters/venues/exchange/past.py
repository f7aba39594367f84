"""A venue's history by REST: the gateway's client, limiter and rules, asked page by page.

    bars     klines          from an open time
    mark     markPriceKlines from an open time
    trades   aggTrades       from an id; the first by time
    funding  fundingRate     from a time

Nothing here needs a key. What fails on the way is asked again with growing pauses; what the venue
refuses is not.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pyarrow as pa

from tieout.adapters.clocks import RunningClock, Turns, WallClock
from tieout.adapters.venues.exchange.account import instruments_of
from tieout.adapters.venues.exchange.client import make_client
from tieout.adapters.venues.exchange.decode import MILLISECOND, Unreadable, integer, nanoseconds
from tieout.adapters.venues.exchange.outcomes import RequestFailed
from tieout.adapters.venues.exchange.rates import RateLimiter, RequestKind
from tieout.adapters.venues.exchange.traffic import ClientHooks, Traffic
from tieout.errors import ConnectionFailed, InputError, VenueError
from tieout.history import scaled
from tieout.model.columns import interval_name

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from numpy.typing import NDArray

    from tieout.adapters.venues.exchange.settings import ExchangeSettings
    from tieout.history.downloading import Rows, Wanted
    from tieout.model.instruments import Instrument

    Int64s = NDArray[np.int64]

__all__ = ["ExchangePast"]

_PATHS: Final = {
    "bars": "klines",
    "mark": "markPriceKlines",
    "trades": "aggTrades",
    "funding": "fundingRate",
}
_ROWS_MAX: Final = {"bars": 1_500, "mark": 1_500, "trades": 1_000, "funding": 1_000}
_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_BUSY: Final = frozenset({408, 418, 425, 429})
"""Statuses below 500 that say: later."""

_INVALID_INTERVAL: Final = -1120
_RATE_STEP: Final = Decimal(1).scaleb(-18)
_OHLC: Final = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
_Result = TypeVar("_Result")


class ExchangePast:
    """Implements `history.downloading.Past` over one venue; use it in a `with` block.

    Args:
        settings: The venue.
        pauses_s: Seconds before each further attempt; when they are used up, it is given up.
        told: Called with what failed and the pause that follows.
    """

    def __init__(
        self,
        settings: ExchangeSettings,
        *,
        pauses_s: Sequence[float] = _PAUSES_S,
        told: Callable[[str, float], None] | None = None,
    ) -> None:
        self._settings = settings
        self._pauses_s = tuple(pauses_s)
        self._told = told
        self._loop = asyncio.new_event_loop()
        self._clock = RunningClock(WallClock())
        self._limiter = RateLimiter(self._clock, settings.weight_share)
        self._client = make_client(
            settings.base_url,
            settings.ws_url,
            "",
            "",
            self._clock,
            hooks=ClientHooks(
                Traffic(Turns(one_at_a_time=False)),
                limiter=self._limiter,
            ),
        )

    def __enter__(self) -> ExchangePast:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; closing twice is fine."""
        if self._loop.is_closed():
            return
        try:
            self._loop.run_until_complete(self._client.close())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def now_ns(self) -> int:
        """Return the venue's time, and set the limiter's minutes by it.

        Raises:
            VenueError: The venue does not answer.
        """
        answer = self._asked("time", {})
        if not isinstance(answer, dict):
            raise Unreadable(f"time: the venue answered {str(answer)[:200]!r} and not an object")
        venue_ns = nanoseconds(answer.get("serverTime"))
        self._clock.shift(venue_ns - self._clock.base_ns())
        return venue_ns

    def instrument(self, symbol: str) -> Instrument:
        """Return an instrument by the venue's own rules.

        Raises:
            InputError: The venue does not trade it.
            VenueError: The venue does not answer.
        """
        return self._run(lambda: self._loaded(symbol), "exchangeInfo")

    def page(self, wanted: Wanted, from_key: int | None) -> Rows:
        """Return the next rows from a key on, that row included.

        Raises:
            InputError: The venue does not know the interval.
            DataError: A price or quantity lies off the tick or lot.
            VenueError: The venue does not answer, or nobody can read its answer.
        """
        if wanted.kind == "trades":
            bounds = (
                {"startTime": _up(wanted.start_ns)} if from_key is None else {"fromId": from_key}
            )
            return self._rows(wanted, self._answer(wanted, bounds))
        start_ns = wanted.start_ns if from_key is None else from_key
        rows = self._answer(wanted, {"startTime": _up(start_ns)})
        if wanted.kind == "funding" and from_key is None:
            before = self._answer(wanted, {"endTime": _up(start_ns) - 1, "limit": 1})
            rows = before + rows
        return self._rows(wanted, rows)

    def first_ns(self, wanted: Wanted) -> int | None:
        """Return the time of the first row the venue has at all.

        Raises:
            VenueError: The venue does not answer, or nobody can read its answer.
        """
        bounds = {"fromId": 0} if wanted.kind == "trades" else {"startTime": 0}
        rows = self._answer(wanted, {**bounds, "limit": 1})
        return _times(wanted.kind, rows)[0] if rows else None

    def _answer(self, wanted: Wanted, bounds: dict[str, int]) -> list[Any]:
        path = _PATHS[wanted.kind]
        parameters: dict[str, object] = {
            "symbol": wanted.instrument.venue_symbol,
            "limit": _ROWS_MAX[wanted.kind],
            **bounds,
        }
        if wanted.interval_ns:
            parameters["interval"] = interval_name(wanted.interval_ns)
        try:
            answer = self._asked(path, parameters)
        except RequestFailed as error:
            if error.record.code != _INVALID_INTERVAL:
                raise
            raise InputError(
                f"{wanted.words}: the venue has no {wanted.kind} of "
                f"{interval_name(wanted.interval_ns)}; choose another --interval, such as 1m, 5m, "
                "1h or 1d"
            ) from error
        if not isinstance(answer, list):
            raise Unreadable(f"{path}: the venue answered {str(answer)[:200]!r} and not a list")
        return answer

    def _rows(self, wanted: Wanted, answer: list[Any]) -> Rows:
        """Return an answer as stored columns."""
        reader = _Reader(wanted)
        match wanted.kind:
            case "trades":
                return {
                    "venue_time_ns": _int64s(_times(wanted.kind, answer)),
                    "price_ticks": reader.ticks("price", _fields(answer, "p")),
                    "quantity_lots": reader.lots("quantity", _fields(answer, "q")),
                    # The buyer was resting when the seller was the aggressor.
                    "aggressor": _int64s([-1 if each else 1 for each in _fields(answer, "m")]),
                    "trade_id": _int64s([integer(each) for each in _fields(answer, "a")]),
                }
            case "funding":
                return {
                    "venue_time_ns": _int64s(_times(wanted.kind, answer)),
                    "rate_e18": reader.rates(_fields(answer, "fundingRate")),
                    "interval_ns": np.zeros(len(answer), np.int64),
                    "mark_ticks": reader.marks(_fields(answer, "markPrice")),
                }
            case _:
                opened = _int64s(_times(wanted.kind, answer))
                prices = {
                    name: reader.ticks(name.removesuffix("_ticks"), _fields(answer, place))
                    for place, name in enumerate(_OHLC, start=1)
                }
                rows = {"open_time_ns": opened, "close_time_ns": opened + wanted.interval_ns}
                if wanted.kind == "mark":
                    return {**rows, **prices}
                volume = reader.lots("volume", _fields(answer, 5))
                return {**rows, **prices, "volume_lots": volume}

    async def _loaded(self, symbol: str) -> Instrument:
        # Loads the venue's rules; what a symbol is settled in is known only then.
        await instruments_of(self._client, [], self._settings.currency)
        market = self._client.markets.get(symbol) or {}
        currency = market.get("settle") or self._settings.currency
        return (await instruments_of(self._client, [symbol], currency))[0]

    def _asked(self, path: str, parameters: dict[str, object]) -> Any:  # noqa: ANN401
        return self._run(lambda: self._client.call("fapiPublic", "GET", path, **parameters), path)

    def _run(self, work: Callable[[], Coroutine[Any, Any, _Result]], what: str) -> _Result:
        """Run a request, again where it failed on the way.

        Raises:
            VenueError: It was refused, or the pauses are used up.
        """
        return self._loop.run_until_complete(self._persistently(work, what))

    async def _persistently(
        self, work: Callable[[], Coroutine[Any, Any, _Result]], what: str
    ) -> _Result:
        failure: Exception | None = None
        for pause_s in (*self._pauses_s, None):
            # Waiting for the venue's next minute is no time-out.
            await self._limiter.admit(RequestKind.QUERY)
            try:
                async with asyncio.timeout(_answer_s(self._settings)):
                    return await work()
            except TimeoutError as error:
                failure = error
                said = f"no answer within {_answer_s(self._settings):g} s"
            except (RequestFailed, ConnectionFailed) as error:
                if not _is_passing(error):
                    raise
                failure, said = error, str(error)
            if pause_s is not None:
                if self._told is not None:
                    self._told(f"{what}: {said}", pause_s)
                await asyncio.sleep(pause_s)
        raise ConnectionFailed(
            f"{what}: {len(self._pauses_s) + 1} attempts failed, the last one with: "
            f"{failure or 'no answer'}; the same command goes on where this one stopped"
        ) from failure


class _Reader:
    """Decimal text as whole steps, exactly; what lies between two is refused by name."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def ticks(self, field: str, texts: list[Any]) -> Int64s:
        return self._steps(field, texts, self._wanted.instrument.tick_size, "--tick")

    def lots(self, field: str, texts: list[Any]) -> Int64s:
        return self._steps(field, texts, self._wanted.instrument.lot_size, "--lot")

    def rates(self, texts: list[Any]) -> Int64s:
        return self._steps("rate", texts, _RATE_STEP, "")

    def marks(self, texts: list[Any]) -> Int64s:
        """Return mark prices to the nearest tick, 0 where none is told: a mean has no tick."""
        instrument = self._wanted.instrument
        return _int64s([instrument.round_stop(each) if each else 0 for each in texts])

    def _steps(self, field: str, texts: list[Any], step: Decimal, option: str) -> Int64s:
        read = scaled(pa.array([str(each) for each in texts], pa.string()), step)
        wrong = read.unreadable | read.huge | read.off
        if not wrong.any():
            return read.steps
        row = int(np.argmax(wrong))
        if read.off[row] and option:
            raise InputError(
                f"{self._wanted.words}: {field} {texts[row]} is not a multiple of {step}; history "
                f"may reach back before a change of the venue's steps, give a finer {option}"
            )
        raise Unreadable(
            f"{self._wanted.words}: {field} {str(texts[row])[:80]!r} is no number that can be read"
        )


def _answer_s(settings: ExchangeSettings) -> float:
    """Return how long an answer may take, in real seconds."""
    return settings.request_timeout_ns / 1e9


def _is_passing(error: VenueError) -> bool:
    """Whether asking again may help: no answer, a busy venue, or a fault of its own."""
    if not isinstance(error, RequestFailed):
        cause = error.__cause__
        return cause is not None
    status = error.record.status
    return status is None or status >= 500 or status in _BUSY


def _times(kind: str, rows: list[Any]) -> list[int]:
    match kind:
        case "trades":
            return [nanoseconds(each) for each in _fields(rows, "T")]
        case "funding":
            return [nanoseconds(each) for each in _fields(rows, "fundingTime")]
        case _:
            return [nanoseconds(each) for each in _fields(rows, 0)]


def _fields(rows: list[Any], name: str | int) -> list[Any]:
    try:
        return [row[name] for row in rows]
    except (KeyError, IndexError, TypeError) as error:
        raise Unreadable(
            f"a row of the venue's history has no {name!r}: {str(rows[:1])[:200]}"
        ) from error


def _int64s(values: list[int]) -> Int64s:
    return np.array(values, np.int64)


def _up(time_ns: int) -> int:
    """Return the first whole millisecond at or after a time."""
    return -(-time_ns // MILLISECOND)
