"""Long one unit while the fast average is above the slow one: decided in compiled code."""

from tieout import Context, Instrument
from tieout.compiled import Account, BarRow, CompiledStrategy, Given, Memory, Wishes, target

ROWS, FAST_SUM, SLOW_SUM, FAST_PLACE, SLOW_PLACE, CLOSES = range(6)
"""What lies where in the memory; the last `slow` closes lie from CLOSES on, in a ring."""


class CompiledCross(CompiledStrategy):
    """Averages are compared as whole numbers, each sum times the other's length."""

    instrument: str = "ES/USDT:USDT"
    fast: int = 5
    slow: int = 20
    lots: int = 1

    def on_start(self, context: Context) -> None:
        context.bars(self.instrument, "1m", warm_up=self.slow)

    def cells(self) -> tuple[int, int]:
        return CLOSES + self.slow, 0

    def prepare(self, memory: Memory, instrument: Instrument) -> None:
        memory.whole[FAST_PLACE] = self.slow - self.fast

    @staticmethod
    def step_bar(
        bar: BarRow, given: Given, memory: Memory, account: Account, wishes: Wishes
    ) -> None:
        kept = memory.whole
        close = bar.close_ticks
        slow_place, fast_place = kept[SLOW_PLACE], kept[FAST_PLACE]
        kept[FAST_SUM] += close - kept[CLOSES + fast_place]
        kept[SLOW_SUM] += close - kept[CLOSES + slow_place]
        kept[CLOSES + slow_place] = close
        kept[SLOW_PLACE] = slow_place + 1 if slow_place + 1 < given.slow else 0
        kept[FAST_PLACE] = fast_place + 1 if fast_place + 1 < given.slow else 0
        kept[ROWS] += 1
        if bar.warm_up or kept[ROWS] < given.slow:
            return
        above = kept[FAST_SUM] * given.slow - kept[SLOW_SUM] * given.fast
        wanted = given.lots if above > 0 else 0
        if wanted != account.position_lots + account.coming_lots:
            target(wishes, wanted)
