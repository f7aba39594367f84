"""The gateway to a real venue: one ordered source of inputs, and the venue orders are sent to.

    kernel ──next()──▶ gateway ──own event loop──▶ streams, answers, timers ──▶ inbox ──▶ kernel
           ──place()─▶ outbox  ──────────────────▶ REST

The kernel is synchronous; the gateway's loop runs only inside `next` and the calls around a run.
Where the venue offers a clock socket (the practice venue), time is virtual and everything that
arrives at one instant is gathered before the kernel sees any of it, so a rehearsal is the same
twice. A real exchange has none: time is the machine's, corrected by the measured offset.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import msgspec

from tieout.adapters.clocks import LockStepClock, RunningClock
from tieout.adapters.venues.exchange.account import Account, Funding, instruments_of, mark_of
from tieout.adapters.venues.exchange.client import import_library, make_client
from tieout.adapters.venues.exchange.decode import MILLISECOND, Unreadable, money_units
from tieout.adapters.venues.exchange.inbox import Inbox, Outlet
from tieout.adapters.venues.exchange.market import MarketData
from tieout.adapters.venues.exchange.orders import OrderDesk, OrderPhase
from tieout.adapters.venues.exchange.rates import RateLimiter
from tieout.adapters.venues.exchange.sender import OrderSender
from tieout.adapters.venues.exchange.streams import StreamKeeper
from tieout.adapters.venues.exchange.timekeeping import Timekeeper
from tieout.adapters.venues.exchange.traffic import ClientHooks
from tieout.adapters.venues.exchange.user import UserStream
from tieout.errors import InvariantViolated, SettingsError, TieoutError, VenueError
from tieout.kernel.ports import Inputs
from tieout.model.events import (
    ClockReached,
    OperatorCommand,
    RunEnded,
    RunResumed,
    RunStarted,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from tieout.adapters.venues.exchange.client import ExchangeClient
    from tieout.adapters.venues.exchange.market import MarketCounts
    from tieout.adapters.venues.exchange.settings import (
        AccountSnapshot,
        Credentials,
        ExchangeSettings,
        ResumePoint,
        Subscription,
    )
    from tieout.model.events import Report
    from tieout.model.instruments import Instrument
    from tieout.model.orders import AmendOrder, CancelOrder, PlaceOrder
    from tieout.model.statement import Statement

__all__ = ["ExchangeGateway"]

SECOND: Final = 1_000_000_000
_AUDIT_NS: Final = 60 * SECOND
_FUNDING_LOOK_NS: Final = 3_600 * SECOND
_FUNDING_PAUSES_NS: Final = (SECOND, 5 * SECOND, 30 * SECOND)
_DOUBT_NS: Final = 10 * SECOND
"""The clock is not measured again sooner than this because of a stamp ahead of us."""

_Result = TypeVar("_Result")


class ExchangeGateway:
    """Implements `kernel.ports.Source` and `kernel.ports.Venue` over one account at one venue.

    Life: `instruments`, then `start`, then `Kernel.run(gateway, gateway)`, then `statement`, then
    `close`. Without credentials only market data flows and no order can be sent (paper).

    Args:
        run_id: Makes client order ids and recognises the run's own orders.
        settings: The venue.
        credentials: Key and secret; None for public data only.

    Example:
        gateway = ExchangeGateway(run_id, settings, Credentials(key, secret))
        instruments = gateway.instruments(["BTC/USDT:USDT"])
        gateway.start([Subscription("BTC/USDT:USDT", 60_000_000_000)], warmup_bars=200)
        kernel.run(gateway, gateway)
        statement = gateway.statement(start_ns, end_ns)
        gateway.close()
    """

    def __init__(
        self, run_id: str, settings: ExchangeSettings, credentials: Credentials | None = None
    ) -> None:
        self._run_id = run_id
        self._settings = settings
        self._credentials = credentials
        self._loop = asyncio.new_event_loop()
        self._inbox = Inbox()
        self._outbox: deque[Coroutine[Any, Any, None]] = deque()
        self._commands: deque[tuple[str, str]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived: list[tuple[bool, Mapping[str, Any] | Unreadable]] = []
        self._cut: list[tuple[bool, str]] = []
        self._instruments: dict[str, Instrument] = {}
        self._start_snapshot: AccountSnapshot | None = None
        self._failure: BaseException | None = None
        self._stop_reason = ""
        self._token_prices = dict(settings.fee_prices)
        self._doubted_ns = 0
        self._is_open = self._is_over = self._is_closed = False
        self._time: Timekeeper
        self._client: ExchangeClient
        self._market: MarketData
        self._market_keeper: StreamKeeper
        self._user_keeper: StreamKeeper | None = None

    # -- before a run -------------------------------------------------------------------------

    def instruments(self, symbols: Sequence[str]) -> list[Instrument]:
        """Return instruments by the venue's own rules; these are the ones the run may trade.

        Raises:
            SettingsError: A symbol is unknown to the venue or settled in another currency.
            VenueError: The venue does not answer.
        """
        found = self._run(self._load(symbols))
        self._instruments.update({each.symbol: each for each in found})
        return found

    def account(self) -> RunStarted:
        """Return the account as a run would start from it; reading is all that happens there.

        Raises:
            SettingsError: There are no credentials to read it with.
            VenueError: The venue does not answer.
        """
        if self._credentials is None:
            raise SettingsError("without credentials the account cannot be read; give a key")
        return self._run(self._account_now())

    def start(
        self,
        subscriptions: Sequence[Subscription],
        *,
        warmup_bars: int = 0,
        bar_delay_ns: int = 0,
        started: RunStarted | None = None,
        resume: ResumePoint | None = None,
        start_snapshot: AccountSnapshot | None = None,
    ) -> None:
        """Connect, set the account up, and make the first inputs ready.

        The first `next` gives `RunStarted` (or `RunResumed`), then what was missed while down, then
        `warmup_bars` bars of each bar subscription, flagged, all stamped with the start time.

        Args:
            subscriptions: Streams the strategy asked for.
            warmup_bars: How many bars of the past to give each.
            bar_delay_ns: Bars that closed later than this before the start are left to the stream,
                which has not published them yet.
            started: Stands in for the account's own snapshot: a paper run has its own cash.
            resume: What the journal knows; None for a new run.
            start_snapshot: The account as it was when the run first started, on a resume.

        Raises:
            SettingsError: An instrument was not loaded, or the account cannot be set up.
            VenueError: The venue does not answer.
        """
        for each in subscriptions:
            if each.instrument not in self._instruments:
                raise SettingsError(
                    f"{each.instrument}: its rules are not loaded; call instruments() with it first"
                )
        if self._credentials is None and started is None and resume is None:
            raise SettingsError(
                "without credentials the account cannot be read; give `started` with the run's cash"
            )
        self._start_snapshot = start_snapshot
        self._run(
            self._begin(
                subscriptions,
                warmup_bars=warmup_bars,
                bar_delay_ns=bar_delay_ns,
                started=started,
                resume=resume,
            )
        )

    # -- kernel.ports.Source ------------------------------------------------------------------

    def next(self, deadline_ns: int | None) -> Inputs | None:
        """Return what arrived, in order; wait for it until `deadline_ns` at most.

        Raises:
            VenueError: The venue is lost for good, or a part of the gateway died.
        """
        if self._is_over:
            return None
        gather = self._step_until if self._is_lock_step else self._wait_until
        events = self._run(gather(deadline_ns))
        self._is_over = type(events[-1]) is RunEnded
        return Inputs(events)

    # -- kernel.ports.Venue -------------------------------------------------------------------

    def place(self, order: PlaceOrder) -> None:
        """Take an order for sending; it leaves when the kernel asks for the next input."""
        if self._credentials is None:
            raise InvariantViolated(
                f"order {order.decision_id} was sent to a gateway without credentials; "
                "wire a simulated venue beside it"
            )
        tracked = self._desk.add(order, self._instruments[order.instrument])
        self._outbox.append(self._sender.create(tracked, order))

    def cancel(self, order: CancelOrder) -> None:
        """Take a cancel for sending; cancelling what is final already is answered at once."""
        tracked = self._desk.by_decision.get(order.order_decision_id)
        if tracked is None:
            self._desk.cancel_rejected(order.order_decision_id, "unknown_order")
        elif tracked.is_final:
            self._desk.cancel_rejected(order.order_decision_id, "already_final")
        else:
            self._outbox.append(self._sender.cancel(tracked))

    def amend(self, order: AmendOrder) -> None:
        """Refuse: the profile of this gateway says that the kernel cancels and sends anew."""
        raise InvariantViolated(
            f"amend {order.decision_id} was sent to a gateway whose profile has none; "
            "the kernel should have composed it"
        )

    def next_wake_ns(self, limit_ns: int) -> int | None:
        """Return None: reports come by `next`, in one order with everything else."""
        del limit_ns
        return None

    def advance(self, until_ns: int) -> Sequence[Report]:
        """Return nothing: reports come by `next`."""
        del until_ns
        return ()

    # -- from outside, any thread -------------------------------------------------------------

    def stop(self, reason: str = "stopped") -> None:
        """End the run at the next chance; its last input is `RunEnded` with this reason."""
        self._stop_reason = reason
        self._poke()

    def command(self, command: str, actor: str) -> None:
        """Give the kernel a person's command."""
        self._commands.append((command, actor))
        self._poke()

    # -- after a run --------------------------------------------------------------------------

    @property
    def market_counts(self) -> MarketCounts:
        """What the market streams brought besides new bars and trades."""
        return self._market.counts

    def snapshot(self) -> AccountSnapshot:
        """Return the account as it was at the start; keep it in the run's folder for a resume.

        Raises:
            SettingsError: The run has not started, or has no account.
        """
        if self._start_snapshot is None:
            raise SettingsError("there is no start snapshot; start the run with credentials first")
        return self._start_snapshot

    def statement(
        self, start_ns: int, end_ns: int, *, start: AccountSnapshot | None = None
    ) -> Statement:
        """Return what the venue says happened to our money between two times, read by REST alone.

        Args:
            start_ns: First moment.
            end_ns: Last moment; the end balance is the one of now.
            start: The account at the start; by default the snapshot of this gateway's start.
        """
        snapshot = self.snapshot() if start is None else start
        return self._run(
            self._account.statement(
                snapshot, list(self._instruments.values()), start_ns=start_ns, end_ns=end_ns
            )
        )

    def close(self) -> None:
        """Close every connection and the event loop; closing twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        while self._outbox:
            self._outbox.popleft().close()
        try:
            self._loop.run_until_complete(self._close())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def __enter__(self) -> ExchangeGateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- opening ------------------------------------------------------------------------------

    async def _load(self, symbols: Sequence[str]) -> list[Instrument]:
        if not self._is_open:
            await self._open()
        return await instruments_of(self._client, symbols, self._settings.currency)

    async def _open(self) -> None:
        from aiohttp import ClientSession  # noqa: PLC0415 - of an extra

        settings = self._settings
        # It takes seconds, and a paced venue's time runs from hello on.
        import_library()
        self._session = ClientSession()
        self._time = await Timekeeper.open(self._session, settings.ws_url)
        clock = self._time.clock
        hooks = ClientHooks(
            self._time.traffic,
            limiter=RateLimiter(clock, settings.weight_share),
            on_message=self._receive,
            on_closed=self._closed_stream,
        )
        credentials = self._credentials
        self._client = make_client(
            settings.base_url,
            settings.ws_url,
            "" if credentials is None else credentials.key,
            "" if credentials is None else credentials.secret,
            clock,
            hooks=hooks,
            recv_window_ms=settings.recv_window_ms,
        )
        market_outlet = Outlet(self._inbox, clock.now_ns)
        self._user_outlet = Outlet(self._inbox, clock.now_ns)
        self._desk = OrderDesk(
            self._run_id, clock, self._user_outlet, price_of=self._token_prices.get
        )
        self._sender = OrderSender(
            self._client,
            clock,
            self._desk,
            settings,
            spawn=self._spawn,
            clock_doubted=self._doubt_clock,
        )
        self._account = Account(self._client, clock, settings)
        self._funding = Funding(self._client, clock, self._user_outlet)
        self._user = UserStream(
            self._desk,
            self._sender,
            spawn=self._spawn,
            funding_charged=self._funding_announced,
            key_expired=lambda: self._break_user("the listen key expired"),
            broken=self._break_user,
        )
        self._market = MarketData(
            self._client,
            clock,
            market_outlet,
            spawn=self._spawn,
            broken=self._break_market,
        )
        self._market_keeper = StreamKeeper(
            "market",
            self._client,
            clock,
            self._inbox,
            market_outlet,
            connect=self._connect_market,
            catch_up=self._market.catch_up,
            spawn=self._spawn,
            restored=self._market.release,
        )
        self._market_outlet = market_outlet
        if credentials is not None:
            self._user_keeper = StreamKeeper(
                "user",
                self._client,
                clock,
                self._inbox,
                self._user_outlet,
                connect=self._connect_user,
                catch_up=self._catch_up_user,
                spawn=self._spawn,
            )
        self._is_open = True

    async def _begin(
        self,
        subscriptions: Sequence[Subscription],
        *,
        warmup_bars: int,
        bar_delay_ns: int,
        started: RunStarted | None,
        resume: ResumePoint | None,
    ) -> None:
        clock = self._time.clock
        offset = await self._time.measure(self._client)
        self._market.subscribe(subscriptions, self._instruments)
        self._market_outlet.shut()
        self._user_outlet.shut()
        self._market.hold()
        await self._learn_token_prices()
        if self._user_keeper is not None:
            await self._account.prepare(self._instruments.values())
            self._user.trade(self._instruments)
            await self._user_keeper.start()
        if subscriptions:
            await self._market_keeper.start()
        first: RunStarted | RunResumed
        if resume is None:
            first = await self._first_input(started)
            await self._market.warm_up(warmup_bars, until_ns=clock.now_ns() - bar_delay_ns)
            await self._market.mark_start()
            self._know_everything_until(clock.now_ns(), ())
        else:
            first = await self._catch_up_after(resume, warmup_bars, bar_delay_ns)
        # A run begins with its start: what came while we prepared is stamped with it, or later.
        start_ns = clock.now_ns()
        early = self._inbox.take()
        for event in (first, *([] if offset is None else [offset]), *early):
            self._inbox.put(msgspec.structs.replace(event, arrival_time_ns=start_ns))
        self._user_outlet.open()
        self._market_outlet.open()
        self._market.release()
        self._start_background()

    async def _first_input(self, started: RunStarted | None) -> RunStarted:
        marks = await self._marks()
        if self._user_keeper is None:
            assert started is not None, "checked by start()"
            return RunStarted(
                arrival_time_ns=0,
                cash=started.cash,
                positions=started.positions,
                store=started.store,
                marks=started.marks or marks,
            )
        snapshot = await self._account.snapshot(self._instruments.values())
        if self._start_snapshot is None:
            self._start_snapshot = snapshot
        return _start_from(snapshot, marks) if started is None else started

    async def _account_now(self) -> RunStarted:
        snapshot = await self._account.snapshot(self._instruments.values())
        return _start_from(snapshot, await self._marks())

    async def _catch_up_after(
        self, resume: ResumePoint, warmup_bars: int, bar_delay_ns: int
    ) -> RunResumed:
        """Fetch what happened while we were down; the orders nobody knows about come first."""
        self._know_everything_until(resume.down_since_ns, resume.charge_ids)
        if self._user_keeper is not None:
            orders = [
                self._desk.restore(each, self._instruments[each.place.instrument])
                for each in resume.orders
            ]
            await self._sender.resume([o for o in orders if o.phase is OrderPhase.SENDING])
            await self._catch_up_user()
        if resume.state == "fresh":
            # A bar that was not published when we went down is news and no warm-up.
            published_ns = resume.down_since_ns - bar_delay_ns
            await self._market.warm_up(warmup_bars, until_ns=published_ns)
        self._market.go_on_from(resume)
        await self._market.catch_up()
        return RunResumed(arrival_time_ns=0, down_since_ns=resume.down_since_ns, state=resume.state)

    def _know_everything_until(self, time_ns: int, charge_ids: Sequence[str]) -> None:
        self._sender.known_until(time_ns)
        self._funding.start(self._instruments.values(), since_ns=time_ns, charge_ids=charge_ids)

    def _start_background(self) -> None:
        if not self._is_lock_step:
            self._spawn(self._watch_end())
        self._spawn(self._watch_clock())
        if self._user_keeper is not None:
            self._spawn(self._keep_alive())
            self._spawn(self._watch_funding())
            self._spawn(self._sender.audit(list(self._instruments.values()), _AUDIT_NS))

    # -- gathering ----------------------------------------------------------------------------

    @property
    def _is_lock_step(self) -> bool:
        return isinstance(self._time.clock, LockStepClock)

    async def _step_until(self, deadline_ns: int | None) -> list[Any]:
        """Gather in lock-step: move virtual time until something is here."""
        time = self._time
        await time.settle()
        while self._outbox:
            self._spawn(self._outbox.popleft())
            await time.settle()
            if self._outbox:
                # Connections race; the venue must hold this request before the next one leaves.
                await self._step(time.clock.now_ns())
        while True:
            events = await self._ready(deadline_ns)
            if events:
                return events
            await self._step(deadline_ns)

    async def _step(self, until_ns: int | None) -> None:
        await self._time.step(until_ns)
        self._deliver()
        await self._time.settle()

    async def _wait_until(self, deadline_ns: int | None) -> list[Any]:
        """Gather while time runs by itself."""
        clock = self._time.clock
        assert isinstance(clock, RunningClock), clock
        while self._outbox:
            self._spawn(self._outbox.popleft())
        # Sockets get their turn even when there is always something in the inbox.
        await asyncio.sleep(0)
        while True:
            events = await self._ready(deadline_ns)
            if events:
                return events
            timeout_s = None if deadline_ns is None else clock.real_s(deadline_ns)
            await self._inbox.wait(timeout_s)

    async def _ready(self, deadline_ns: int | None) -> list[Any]:
        """Return the inputs that are here, or what stands for their absence; empty for wait."""
        if self._failure is not None:
            self._raise(self._failure)
        clock = self._time.clock
        while self._commands:
            command, actor = self._commands.popleft()
            self._inbox.put(
                OperatorCommand(command=command, actor=actor, arrival_time_ns=clock.now_ns())
            )
        if len(self._inbox):
            return self._inbox.take()
        if self._stop_reason or self._time.is_finished:
            return [await self._last_input()]
        now_ns = clock.now_ns()
        if deadline_ns is not None and now_ns >= deadline_ns:
            return [ClockReached(arrival_time_ns=deadline_ns, woke_at_ns=now_ns)]
        return []

    async def _last_input(self) -> RunEnded:
        try:
            marks = await self._marks()
        except VenueError:
            marks = ()  # The venue is gone; the last prices seen stand.
        return RunEnded(
            arrival_time_ns=self._time.clock.now_ns(),
            reason=self._stop_reason or "finished",
            marks=marks,
        )

    async def _marks(self) -> tuple[tuple[str, int], ...]:
        """Return the venue's mark prices, to the nearest tick."""
        return tuple(
            [
                (each.symbol, each.round_stop(await mark_of(self._client, each.venue_symbol)))
                for each in self._instruments.values()
            ]
        )

    # -- streams ------------------------------------------------------------------------------

    def _receive(self, url: str, message: Mapping[str, Any] | Unreadable) -> None:
        """Take a raw message off the library; it must not see an error of ours."""
        if self._is_lock_step:
            # The messages of an instant overtake the word of what the instant is.
            self._arrived.append((_is_users(url), message))
        else:
            self._route(message, is_users=_is_users(url))

    def _closed_stream(self, url: str, reason: str) -> None:
        if self._is_closed:
            return
        if self._is_lock_step:
            self._cut.append((_is_users(url), reason))
        else:
            self._keeper(is_users=_is_users(url)).closed(reason)

    def _deliver(self) -> None:
        """Route what an instant brought: two sockets race, so the user's messages come first."""
        arrived, self._arrived = self._arrived, []
        for is_users, message in sorted(arrived, key=lambda pair: not pair[0]):
            self._route(message, is_users=is_users)
        cut, self._cut = self._cut, []
        for is_users, reason in sorted(cut):
            self._keeper(is_users=is_users).closed(reason)

    def _route(self, message: Mapping[str, Any] | Unreadable, *, is_users: bool) -> None:
        """Hand a message on; one that cannot be read costs its stream the connection."""
        if isinstance(message, Unreadable):
            self._keeper(is_users=is_users).broken(f"unreadable message: {message}")
            return
        try:
            if is_users:
                self._user.receive(message)
            else:
                self._market.receive(message)
        except Unreadable as error:
            self._keeper(is_users=is_users).broken(f"unreadable message: {error}")
            return
        except Exception as error:  # noqa: BLE001 - the library would drop it; the run must stop
            self._fail(error)
            return
        stamp = message.get("E")
        latest_ns = self._time.clock.now_ns() + self._time.doubt_ns
        if isinstance(stamp, int) and stamp * MILLISECOND > latest_ns:
            self._doubt_clock()

    def _keeper(self, *, is_users: bool) -> StreamKeeper:
        if self._user_keeper is not None and is_users:
            return self._user_keeper
        return self._market_keeper

    def _break_market(self, reason: str) -> None:
        self._market_keeper.broken(reason)

    def _break_user(self, reason: str) -> None:
        if self._user_keeper is not None:
            self._user_keeper.broken(reason)

    def _funding_announced(self) -> None:
        self._spawn(self._expect_funding())

    async def _connect_market(self) -> str:
        self._market.hold()
        return await self._client.subscribe("market", self._market.streams)

    async def _connect_user(self) -> str:
        answer = await self._client.call("fapiPrivate", "POST", "listenKey")
        if not isinstance(answer, dict) or not answer.get("listenKey"):
            raise Unreadable(f"listenKey: the venue answered {str(answer)[:200]!r}")
        return await self._client.listen(str(answer["listenKey"]))

    async def _catch_up_user(self) -> None:
        await self._sender.catch_up(list(self._instruments.values()))
        await self._funding.collect()

    # -- background ---------------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        while True:
            await self._time.clock.sleep(self._settings.keep_alive_ns)
            try:
                await self._client.call("fapiPrivate", "PUT", "listenKey")
            except VenueError as error:
                self._break_user(f"the listen key could not be renewed: {error}")

    async def _expect_funding(self) -> None:
        """Book a payment that the stream announced; the income history may lag a little."""
        for pause_ns in (0, *_FUNDING_PAUSES_NS):
            if pause_ns:
                await self._time.clock.sleep(pause_ns)
            try:
                if await self._funding.collect():
                    return
            except VenueError:
                continue

    async def _watch_funding(self) -> None:
        """Look every hour whether a payment came that no message announced."""
        while True:
            await self._time.clock.sleep(_FUNDING_LOOK_NS)
            try:
                await self._funding.collect()
            except VenueError:
                continue

    async def _watch_clock(self) -> None:
        while True:
            await self._time.clock.sleep(self._settings.clock_interval_ns)
            await self._measure_clock()
            await self._learn_token_prices()

    async def _learn_token_prices(self) -> None:
        """Ask the venue what the tokens are worth that fees are paid in."""
        if self._user_keeper is None:
            return
        for token in self._settings.fee_tokens:
            if token in self._settings.fee_prices:
                continue
            try:
                price = await mark_of(self._client, f"{token}{self._settings.currency}")
            except VenueError:
                continue  # The price before stands; without any the fee's worth is not known.
            self._token_prices[token] = price

    async def _measure_clock(self) -> None:
        try:
            measured = await self._time.measure(self._client)
        except VenueError:
            return  # The old offset stands until the next time.
        if measured is not None:
            self._inbox.put(measured)

    def _doubt_clock(self) -> None:
        now_ns = self._time.clock.now_ns()
        if now_ns - self._doubted_ns >= _DOUBT_NS:
            self._doubted_ns = now_ns
            self._spawn(self._measure_clock())

    async def _watch_end(self) -> None:
        await self._time.wait_for_end()
        self._inbox.wake()

    # -- work ---------------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        if self._is_closed:
            work.close()
            raise InvariantViolated("the gateway is closed; a run needs a new one")
        return self._loop.run_until_complete(work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the streams; counted from now on, and its death ends the run."""
        turns = self._time.turns
        turns.begin()
        task = self._loop.create_task(self._supervised(work))
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            work.close()  # Cancelled before its first step, it would be reported as never awaited.
            turns.end()

        task.add_done_callback(done)
        return task

    async def _supervised(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self._time.turns.take()
            await work
        except Exception as error:  # noqa: BLE001 - whatever it was, the kernel must hear of it
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
        self._inbox.wake()

    @staticmethod
    def _raise(failure: BaseException) -> NoReturn:
        if isinstance(failure, TieoutError):
            raise failure
        raise InvariantViolated(
            f"a part of the gateway died of {type(failure).__name__}: {failure}; the run's journal "
            "is whole, resume it"
        ) from failure

    def _poke(self) -> None:
        """Let a waiting `next` look again, from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._inbox.wake)

    async def _close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._is_open:
            await self._client.close()
            await self._time.close()
        session = getattr(self, "_session", None)
        if session is not None:
            await session.close()


def _start_from(snapshot: AccountSnapshot, marks: tuple[tuple[str, int], ...]) -> RunStarted:
    costs = dict(snapshot.costs)
    return RunStarted(
        arrival_time_ns=0,
        cash=money_units(str(snapshot.balance)),
        positions=tuple(
            (each.instrument, each.lots, money_units(str(costs[each.instrument])))
            for each in snapshot.positions
        ),
        marks=marks,
    )


def _is_users(url: str) -> bool:
    return "listenKey=" in url
