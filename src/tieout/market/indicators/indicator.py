"""An indicator at work: bar by bar, over columns, ahead of the close, saved and restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.errors import SettingsError
from tieout.market._compile import made_ready
from tieout.market.indicators._layout import GIVEN, MEMORY, OUTPUTS, SEEN, TICK
from tieout.market.indicators._rows_compiled import take_rows
from tieout.market.indicators.registry import indicator_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tieout.model.columns import BarColumns
    from tieout.model.events import Bar

    Lines = dict[str, NDArray[np.float64]]

__all__ = ["Indicator", "OtherStream", "PairIndicator", "make_indicator"]


def make_indicator(
    name: str, *arguments: float | str, tick: float = 1.0, **options: float | str
) -> Indicator | PairIndicator:
    """Return a new indicator that gives prices in multiples of `tick`.

    Args:
        name: One of `INDICATORS`.
        *arguments: In the order of its parameters.
        tick: Size of a tick. Indicators work in whole ticks and give prices.
        **options: Parameters by name.

    Raises:
        SettingsError: The name is unknown or an argument is not allowed.
    """
    if indicator_named(name).streams == 2:
        return PairIndicator(name, *arguments, tick=tick, **options)
    return Indicator(name, *arguments, tick=tick, **options)


_FOLLOWED_LEAST: Final = 32
"""Fewer bars are taken one by one: handing a step to the loop costs as much as a dozen of them."""


class _Working:
    """An indicator, of one stream of bars or of two.

    Its outputs are attributes by name: `bands.upper`. An output is 0.0 until it says something;
    act on none before `ready`.

    Args:
        name: One of `INDICATORS`.
        *arguments: In the order of its parameters.
        tick: Size of a tick.
        **options: Parameters by name.

    Attributes:
        definition: What it is.
        arguments: All arguments by name, defaults filled in.
        warm_up: Bars until all outputs are there.
        ready: Whether so many have come.
        value: The first output.

    Raises:
        SettingsError: The name is unknown, it reads another number of streams, or an argument is
            not allowed.
    """

    __slots__ = (
        "_lines",
        "_scratch",
        "_seen",
        "_state",
        "_step",
        "arguments",
        "definition",
        "ready",
        "value",
        "warm_up",
    )

    _streams = 1

    def __init__(
        self, name: str, *arguments: float | str, tick: float = 1.0, **options: float | str
    ) -> None:
        definition = indicator_named(name)
        if definition.streams != self._streams:
            raise SettingsError(
                f"indicator {name} reads {definition.streams} streams, not {self._streams}"
            )
        given = definition.bound(arguments, options)
        self.definition = definition
        self.arguments = given
        self.warm_up = definition.warm_up(**given)
        self.ready = False
        self.value = 0.0
        self._lines = {each: OUTPUTS + at for at, each in enumerate(definition.outputs)}
        self._step = definition.step
        self._seen = 0
        self._state = np.zeros(MEMORY + definition.memory(**given))
        self._scratch = np.zeros_like(self._state)
        self._state[TICK] = tick
        numbers = definition.coded(given)
        self._state[GIVEN : GIVEN + len(numbers)] = numbers

    def __getattr__(self, name: str) -> float:
        if name.startswith("_") or name not in self._lines:
            raise AttributeError(f"{type(self).__name__} has no output or attribute {name!r}")
        return self._output(name)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.definition.name}({given})"

    def peek(self, bar: Bar, other: Bar | None = None, *, output: str | None = None) -> float:
        """Return what an output would be after a bar, such as one still forming; nothing changes.

        Args:
            bar: The bar as it stands.
            other: The second stream's bar, for what reads two.
            output: Which one; the first where none is named.

        Raises:
            SettingsError: There is no such output, or there are bars of too few or many streams.
        """
        if (other is not None) != (self._streams == 2):
            raise SettingsError(f"{self!r}: peek takes a bar of each of {self._streams} streams")
        at = OUTPUTS if output is None else self._lines.get(output)
        if at is None:
            raise SettingsError(
                f"{self!r}: output {output!r}; allowed: {', '.join(self.definition.outputs)}"
            )
        self._catch_up()
        np.copyto(self._scratch, self._state)
        self._step(
            self._scratch,
            bar.open_ticks if other is None else other.close_ticks,
            bar.high_ticks,
            bar.low_ticks,
            bar.close_ticks,
            bar.volume_lots,
        )
        return float(self._scratch[at])

    def state(self) -> bytes:
        """Return all that it knows; `restore` takes it back, in another process too."""
        self._catch_up()
        return self.definition.name.encode() + b"\x00" + self._state.tobytes()

    def restore(self, state: bytes) -> None:
        """Know again what `state` told.

        Raises:
            SettingsError: It is of an indicator with another name, tick or arguments.
        """
        name, _, numbers = state.partition(b"\x00")
        if name != self.definition.name.encode() or len(numbers) != self._state.nbytes:
            raise SettingsError(f"a state of {name.decode(errors='replace')!r} is none of {self!r}")
        told = np.frombuffer(numbers, np.float64)
        same = told[GIVEN:MEMORY] == self._state[GIVEN:MEMORY]
        if told[TICK] != self._state[TICK] or not same.all():
            raise SettingsError(f"a state with another tick or other arguments is none of {self!r}")
        self._let_go()
        self._state[:] = told
        self._stand()

    def begin_anew(self) -> None:
        """Forget every bar."""
        self._let_go()
        tick, given = self._state[TICK], self._state[GIVEN:MEMORY].copy()
        self._state[:] = 0.0
        self._state[TICK] = tick
        self._state[GIVEN:MEMORY] = given
        self._stand()

    def _stand(self) -> None:
        self._seen = int(self._state[SEEN])
        self.ready = self._seen >= self.warm_up
        self.value = float(self._state[OUTPUTS])

    def _output(self, name: str) -> float:
        return float(self._state[self._lines[name]])

    def _catch_up(self) -> None:
        """Bring the state to what is shown; there is nothing to do where it always is."""

    def _let_go(self) -> None:
        """Catch up, and show nothing any more that was worked out before."""

    def _take_rows(self, first: NDArray[np.int64], bars: BarColumns) -> Lines:
        self._let_go()
        lines = self._worked_out(self._state, self.warm_up, first, bars)
        self._stand()
        return lines

    def _worked_out(
        self,
        state: NDArray[np.float64],
        warm_up: int,
        first: NDArray[np.int64],
        bars: BarColumns,
    ) -> Lines:
        lines = np.empty((len(self._lines), len(bars)))
        take_rows(
            made_ready(self._step),
            state,
            warm_up,
            np.ascontiguousarray(first),
            np.ascontiguousarray(bars.high_ticks),
            np.ascontiguousarray(bars.low_ticks),
            np.ascontiguousarray(bars.close_ticks),
            np.ascontiguousarray(bars.volume_lots),
            lines,
        )
        return dict(zip(self._lines, lines, strict=True))


class Indicator(_Working):
    """One indicator of one stream of bars."""

    __slots__ = ("_ahead", "_behind", "_row")

    def __init__(
        self, name: str, *arguments: float | str, tick: float = 1.0, **options: float | str
    ) -> None:
        super().__init__(name, *arguments, tick=tick, **options)
        self._ahead: tuple[BarColumns, Lines, NDArray[np.float64]] | None = None
        self._row = 0
        self._behind = 0

    def follow(self, bars: BarColumns) -> Callable[[Bar], None]:
        """Return what takes the next of these bars, for bars that come one by one, in this order.

        It does what `update` does, at a fifth of the cost: all rows are worked out at once on a
        copy, and each call shows the next one. The state itself catches up when somebody asks.
        """
        self._let_go()
        if len(bars) < _FOLLOWED_LEAST:
            return self.update
        state = self._state.copy()
        lines = self._worked_out(state, 0, bars.open_ticks, bars)
        ahead = (bars, lines, state)
        self._ahead, self._row, self._behind = ahead, 0, 0
        first = next(iter(lines.values())).tolist()
        seen, warm_up = self._seen, self.warm_up

        def take(bar: Bar) -> None:
            if self._ahead is not ahead:
                # Another batch, a bar alone or a restored state came between.
                self.update(bar)
                return
            row = self._row
            self.value = first[row]
            self._row = row + 1
            if row + seen + 1 >= warm_up:
                self.ready = True

        return take

    def _catch_up(self) -> None:
        """Bring the state to the row that is shown."""
        if self._ahead is None:
            return
        bars, _, after = self._ahead
        if self._row == len(bars):
            self._state[:] = after
            self._behind = self._row
        for row in range(self._behind, self._row):
            self._step(
                self._state,
                int(bars.open_ticks[row]),
                int(bars.high_ticks[row]),
                int(bars.low_ticks[row]),
                int(bars.close_ticks[row]),
                int(bars.volume_lots[row]),
            )
        self._behind = self._row
        self._seen = int(self._state[SEEN])

    def _let_go(self) -> None:
        self._catch_up()
        self._ahead = None

    def _output(self, name: str) -> float:
        if self._ahead is not None and self._row:
            return float(self._ahead[1][name][self._row - 1])
        return super()._output(name)

    def update(self, bar: Bar) -> None:
        """Take the next closed bar."""
        if self._ahead is not None:
            self._let_go()
        self.value = self._step(
            self._state,
            bar.open_ticks,
            bar.high_ticks,
            bar.low_ticks,
            bar.close_ticks,
            bar.volume_lots,
        )
        self._seen += 1
        if self._seen >= self.warm_up:
            self.ready = True

    def extend(self, bars: BarColumns) -> Lines:
        """Take a batch of closed bars; return each output's line over them.

        It is the same step, so the values are those of `update`, bit for bit, however the bars are
        cut. Rows before `ready` are NaN.
        """
        return self._take_rows(bars.open_ticks, bars)


class PairIndicator(_Working):
    """One indicator of two streams; it takes a step where both have a bar of one close time.

    Which of both comes first makes no difference. A bar that has no partner is left out.

    Args:
        name: One of `INDICATORS` that reads two streams.
        *arguments: In the order of its parameters.
        tick: Size of a tick of the first stream.
        **options: Parameters by name.

    Raises:
        SettingsError: The name is unknown, it reads one stream, or an argument is not allowed.
    """

    __slots__ = ("_other_waits", "_waits")

    _streams = 2

    def __init__(
        self, name: str, *arguments: float | str, tick: float = 1.0, **options: float | str
    ) -> None:
        super().__init__(name, *arguments, tick=tick, **options)
        self._waits: Bar | None = None
        self._other_waits: Bar | None = None

    @property
    def other(self) -> OtherStream:
        """What takes the bars of the second stream."""
        return OtherStream(self)

    def update(self, bar: Bar) -> None:
        """Take the next closed bar of the first stream."""
        self._waits = bar
        self._pair()

    def begin_anew(self) -> None:
        """Forget every bar of both streams."""
        super().begin_anew()
        self._waits = self._other_waits = None

    def update_other(self, bar: Bar) -> None:
        """Take the next closed bar of the second stream."""
        self._other_waits = bar
        self._pair()

    def extend(self, bars: BarColumns, others: BarColumns) -> Lines:
        """Take a batch of closed bars of both; return each output's line over them.

        Raises:
            SettingsError: The rows of both do not close at the same times.
        """
        if not np.array_equal(bars.close_time_ns, others.close_time_ns):
            raise SettingsError(f"{self!r}: the bars of both streams must close at the same times")
        return self._take_rows(others.close_ticks, bars)

    def _pair(self) -> None:
        bar, other = self._waits, self._other_waits
        if bar is None or other is None or bar.close_time_ns != other.close_time_ns:
            return
        self._waits = self._other_waits = None
        self.value = self._step(
            self._state,
            other.close_ticks,
            bar.high_ticks,
            bar.low_ticks,
            bar.close_ticks,
            bar.volume_lots,
        )
        self._seen += 1
        if self._seen >= self.warm_up:
            self.ready = True


class OtherStream:
    """The second stream's side of a pair."""

    __slots__ = ("_pair",)

    def __init__(self, pair: PairIndicator) -> None:
        self._pair = pair

    def update(self, bar: Bar) -> None:
        """Take the next closed bar of the second stream."""
        self._pair.update_other(bar)
