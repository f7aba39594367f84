"""Where things lie in the arrays of the bar maker; all int64, flat, C order.

state (BAR_STATE_WIDTH)        one stream of trades (or finer bars) and the bars made of it
  KIND … WHOLE_FROM            the rule, constant
  CURSOR, CHECKED, CALM        next row of the chunk; rows looked at so far; whether they are calm
  OUT_COUNT, KEPT_COUNT        rows in use in `out` and in `kept`
  STARTED … LAST_ID            the interval under way: [OPEN_TIME, CLOSE_TIME), empty while TRADES
                               is 0; its first and its last trade by (venue time, id)
  LAST_CLOSE                   price of the last bar closed: what a gap is filled with
  GAP_TOLD                     1 while a gap was told and no trade came since
  RUNNING_DUE                  when the bar under way is told next; NEVER when nothing is new
  LAST_ARRIVAL                 no row and no time may come before it
  FORGOTTEN                    close of the newest bar that `kept` had no room for
  TOO_LATE, OUTSIDE, PARTIAL   trades for a forgotten bar, between sessions, before WHOLE_FROM
  PROBLEM                      row of the chunk that a reason code is about
  CORRECTED                    how often a finer bar of the bar under way was corrected
  COUNTED_UNTIL                close of the last bar of trades, lots or notional
  KEPT_MIXED                   1 once a bar was kept that opened before another one kept

sessions (2·n)                 opens and closes in turn: [open, close), ascending; empty: always
kept (rows of KEPT_WIDTH)      the latest bars closed, for revisions; a ring, KEPT_NEXT is written
                               next; once they are mixed, the one that opened first makes room
out (rows of BAR_WIDTH)        bars in the order in which they are known
finer (rows of FINER_WIDTH)    finer bars seen last, a ring: only when bars are made of bars
"""

from __future__ import annotations

from typing import Final

from tieout.market._layout import NEVER

__all__: list[str] = []

# state: the rule
KIND: Final = 0
SIZE: Final = 1
GRACE: Final = 2
GAPS: Final = 3
RUNNING: Final = 4
WHOLE_FROM: Final = 5
# state: where the maker stands
CURSOR: Final = 6
CHECKED: Final = 7
CALM: Final = 8
OUT_COUNT: Final = 9
KEPT_COUNT: Final = 10
KEPT_NEXT: Final = 11
STARTED: Final = 12
OPEN_TIME: Final = 13
CLOSE_TIME: Final = 14
TRADES: Final = 16
VOLUME: Final = 17
NOTIONAL: Final = 18
OPEN: Final = 19
HIGH: Final = 20
LOW: Final = 21
CLOSE: Final = 22
FIRST_TIME: Final = 23
FIRST_ID: Final = 24
LAST_TIME: Final = 25
LAST_ID: Final = 26
LAST_CLOSE: Final = 27
GAP_TOLD: Final = 28
RUNNING_DUE: Final = 29
LAST_ARRIVAL: Final = 30
FORGOTTEN: Final = 31
TOO_LATE: Final = 32
OUTSIDE: Final = 33
PARTIAL: Final = 34
PROBLEM: Final = 35
FINER_COUNT: Final = 36
FINER_NEXT: Final = 37
FINER_FORGOTTEN: Final = 38
KEPT_MIXED: Final = 39
CORRECTED: Final = 40
COUNTED_UNTIL: Final = 41
BAR_STATE_WIDTH: Final = 42

# kinds of bars (the numbers of `BarKind`) and what becomes of a gap (those of `GapRule`)
TIME_KIND: Final = 1
TRADES_KIND: Final = 2
VOLUME_KIND: Final = 3
NOTIONAL_KIND: Final = 4
SKIP: Final = 1
FILL: Final = 2
HALT: Final = 3

EACH_TRADE: Final = -1
"""In RUNNING: the bar under way is told after every trade. 0: never; else every so many ns."""

# kept
KEPT_OPEN_TIME: Final = 0
KEPT_CLOSE_TIME: Final = 1
KEPT_TRADES: Final = 2
KEPT_VOLUME: Final = 3
KEPT_OPEN: Final = 4
KEPT_HIGH: Final = 5
KEPT_LOW: Final = 6
KEPT_CLOSE: Final = 7
KEPT_FIRST_TIME: Final = 8
KEPT_FIRST_ID: Final = 9
KEPT_LAST_TIME: Final = 10
KEPT_LAST_ID: Final = 11
KEPT_REVISION: Final = 12
KEPT_WIDTH: Final = 13

# out
BAR_ROW_KIND: Final = 0
BAR_OPEN_TIME: Final = 1
BAR_CLOSE_TIME: Final = 2
BAR_KNOWN: Final = 3
BAR_OPEN: Final = 4
BAR_HIGH: Final = 5
BAR_LOW: Final = 6
BAR_CLOSE: Final = 7
BAR_VOLUME: Final = 8
BAR_TRADES: Final = 9
BAR_REVISION: Final = 10
BAR_LAST_ID: Final = 11
BAR_WIDTH: Final = 12

# what a row of out is
CLOSED_ROW: Final = 1
"""A bar that is over; without trades it is made up to fill a gap."""
RUNNING_ROW: Final = 2
GAP_ROW: Final = 3
"""Nothing traded in this interval, and the rule says to halt."""

# finer
FINER_OPEN_TIME: Final = 0
FINER_OPEN: Final = 1
FINER_HIGH: Final = 2
FINER_LOW: Final = 3
FINER_CLOSE: Final = 4
FINER_VOLUME: Final = 5
FINER_TRADES: Final = 6
FINER_WIDTH: Final = 7

# why a compiled step returned
DONE: Final = 0
BARS_FULL: Final = 1
"""`out` has no room for what the next row may bring: empty it and go on."""
PAUSED: Final = 2
"""As many rows as asked for are in `out`."""
ARRIVAL_BACKWARDS: Final = 3
PRICE_NOT_POSITIVE: Final = 4
QUANTITY_NOT_POSITIVE: Final = 5
TIME_OUT_OF_RANGE: Final = 6
VOLUME_TOO_LARGE: Final = 7
NOTIONAL_TOO_LARGE: Final = 8
BAR_NOT_INSIDE: Final = 9

TIME_MAX: Final = 2**62 - 2**60
"""Times stay below, so that adding a grace to one stays in int64."""
TOTAL_MAX: Final = 2**62
"""Most lots, and most ticks·lots, that one bar may hold."""

assert TIME_MAX < NEVER
