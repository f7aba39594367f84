"""Keeps a stream up: notices its end, comes back with growing pauses, fills the gap first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tieout.errors import ConnectionFailed, InputError, InvariantViolated, TieoutError
from tieout.model.events import ConnectionLost, ConnectionRestored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from tieout.adapters.clocks import VenueClock
    from tieout.adapters.venues.exchange.client import ExchangeClient
    from tieout.adapters.venues.exchange.inbox import Inbox, Outlet

__all__ = ["StreamKeeper"]

SECOND: Final = 1_000_000_000
_FIRST_PAUSE_NS: Final = SECOND // 4
_PAUSE_NS_MAX: Final = 5 * SECOND
"""The venue allows 300 connections in five minutes; two streams stay far below it."""


class StreamKeeper:
    """One stream and its way back.

    Args:
        name: `market` or `user`, as the inputs name it.
        client: Closes what is left of an old connection.
        clock: Stamps and pauses.
        inbox: Hears of the loss at once.
        outlet: Held shut until the gap is filled.
        connect: Opens the stream and returns its address.
        catch_up: Puts everything that was missed into the outlet.
        spawn: Runs a coroutine beside the others.
        restored: Called when the gap's rows are given and live ones may follow.
    """

    def __init__(
        self,
        name: str,
        client: ExchangeClient,
        clock: VenueClock,
        inbox: Inbox,
        outlet: Outlet,
        *,
        connect: Callable[[], Awaitable[str]],
        catch_up: Callable[[], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        restored: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.url = ""
        self.is_up = False
        self._client = client
        self._clock = clock
        self._inbox = inbox
        self._outlet = outlet
        self._connect = connect
        self._catch_up = catch_up
        self._spawn = spawn
        self._restored = restored
        self._was_cut = False

    async def start(self) -> None:
        """Open the stream for the first time; there is no gap to fill.

        Raises:
            ConnectionFailed: It cannot be opened.
        """
        try:
            self.url = await self._connect()
        except TieoutError:
            raise
        except Exception as error:
            raise ConnectionFailed(
                f"the {self.name} stream cannot be opened: {error}; is the venue up?"
            ) from error
        self.is_up = True

    def closed(self, reason: str) -> None:
        """The venue closed our connection: begin to come back, or try again if we just did."""
        if self.is_up:
            self._lose(reason)
        else:
            self._was_cut = True

    def broken(self, reason: str) -> None:
        """The connection stands but cannot be trusted: give it up and begin to come back."""
        if self.is_up:
            self._lose(reason)

    def _lose(self, reason: str) -> None:
        self.is_up = False
        self._inbox.put(
            ConnectionLost(stream=self.name, reason=reason, arrival_time_ns=self._clock.now_ns())
        )
        self._spawn(self._return())

    async def _return(self) -> None:
        pause_ns = 0
        while not await self._is_restored():
            pause_ns = min(max(2 * pause_ns, _FIRST_PAUSE_NS), _PAUSE_NS_MAX)
            await self._clock.sleep(pause_ns)

    async def _is_restored(self) -> bool:
        """Try once; whatever was learned on the way is given even when it fails in the end."""
        await self._client.drop(self.url)
        self._was_cut = False
        self._outlet.shut()
        try:
            self.url = await self._connect()
            await self._catch_up()
        except (InputError, InvariantViolated):
            raise
        except Exception:  # noqa: BLE001 - the library raises what it likes; another try follows
            self._outlet.open()
            return False
        if self._was_cut:
            self._outlet.open()
            return False
        self.is_up = True
        self._outlet.open(self._announce)
        if self._restored is not None:
            self._restored()
        return True

    def _announce(self, backfilled: int, now_ns: int) -> ConnectionRestored:
        return ConnectionRestored(stream=self.name, backfilled=backfilled, arrival_time_ns=now_ns)
