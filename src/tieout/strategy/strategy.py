"""What a trader writes: a class with typed parameters and the callbacks he needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from tieout.errors import SettingsError

if TYPE_CHECKING:
    from tieout.model.events import (
        AmendRejected,
        Bar,
        CancelRejected,
        Fill,
        OrderAccepted,
        OrderAmended,
        OrderCancelled,
        OrderDenied,
        OrderOutcomeUnknown,
        OrderRejected,
        OrderTriggered,
        Quote,
        Trade,
    )
    from tieout.model.universes import UniverseChanged
    from tieout.strategy.context import BookView, Context, TimerEvent

    OrderUpdate = (
        OrderAccepted
        | OrderRejected
        | OrderTriggered
        | OrderCancelled
        | CancelRejected
        | OrderAmended
        | AmendRejected
        | OrderOutcomeUnknown
        | OrderDenied
    )

__all__ = ["Strategy"]


class Strategy:
    """Base of every strategy; override the callbacks you need.

    Typed class attributes are parameters: they can be set by keyword, from settings and from the
    command line, and they are printed into the run's manifest. A callback may place and cancel
    orders through its context; they are checked and sent after it returns.

    Args:
        **parameters: Values for the typed class attributes.

    Raises:
        SettingsError: A parameter is unknown or has the wrong type.

    Example:
        >>> class Dip(Strategy):
        ...     window: int = 200
        >>> Dip(window=50).parameters()
        {'window': 50}
    """

    def __init__(self, **parameters: object) -> None:
        types = self._parameter_types()
        for name, value in parameters.items():
            if name not in types:
                known = ", ".join(types) or "none"
                raise SettingsError(
                    f"{type(self).__name__}: parameter {name!r} is unknown; it has: {known}"
                )
            try:
                converted = msgspec.convert(value, types[name], strict=False)
            except msgspec.ValidationError as error:
                raise SettingsError(
                    f"{type(self).__name__}: parameter {name} = {value!r}: {error}"
                ) from error
            setattr(self, name, converted)

    @classmethod
    def _parameter_types(cls) -> dict[str, Any]:
        return {
            name: kind
            for name, kind in get_type_hints(cls).items()
            if not name.startswith("_") and hasattr(cls, name)
        }

    def parameters(self) -> dict[str, Any]:
        """Return every parameter with its value, in the order of definition."""
        return {name: getattr(self, name) for name in self._parameter_types()}

    def on_start(self, context: Context) -> None:
        """Name the data, indicators and timers you want; orders are not possible yet."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Take a closed bar."""

    def on_running_bar(self, context: Context, bar: Bar) -> None:
        """Take a bar that is still forming, when you asked for it with `running`."""

    def on_trade(self, context: Context, trade: Trade) -> None:
        """Take a print of the market."""

    def on_quote(self, context: Context, quote: Quote) -> None:
        """Take a best bid and ask, when you asked for `quotes`."""

    def on_book(self, context: Context, book: BookView) -> None:
        """Take a packet of a book you asked for: `book` is as it stands after it."""

    def on_timer(self, context: Context, timer: TimerEvent) -> None:
        """Take a timer that is due; *now* is its due time."""

    def on_universe(self, context: Context, change: UniverseChanged) -> None:
        """Take a change of a list: the first one, at the start, brings everybody on it."""

    def on_fill(self, context: Context, fill: Fill) -> None:
        """Take a fill of one of your orders; the position includes it already."""

    def on_order(self, context: Context, update: OrderUpdate) -> None:
        """Take any other change of one of your orders."""

    def on_stop(self, context: Context) -> None:
        """Take the end of the run; orders are not possible any more."""
