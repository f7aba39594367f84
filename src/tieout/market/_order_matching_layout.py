"""Where things lie in the arrays of the matching core on single orders; int64, flat, C order.

The book is drawn in `_order_book_layout`; row and key mean what they mean there. Compiled
functions take the arrays in two tuples: `desk`, what is ours, and `shelf`, the book's.

desk
  state (STATE_WIDTH)            see below
  own (rows of OWN_WIDTH)        our open orders, oldest first
  commands (COMMAND_WIDTH)       what is on its way to the venue, in order of (time, sequence)
  out (rows of OUT_WIDTH)        reports in the order in which they came about
shelf
  book, orders, levels, ladder, table, breaks
"""

from __future__ import annotations

from typing import Final

__all__: list[str] = []

# state
OWN_COUNT: Final = 0
COMMAND_COUNT: Final = 1
OUT_COUNT: Final = 2
CURSOR: Final = 3
"""First row of the chunk that has not acted."""
SCANNED: Final = 4
"""First row of the chunk not yet known to be quiet."""
POSITION: Final = 5
NEXT_FUNDING: Final = 6
"""−1: no row yet."""
FUNDING_INTERVAL: Final = 7
FUNDING_ANSWER: Final = 8
LAST_PRINT: Final = 9
SEQUENCE: Final = 10
NEEDED: Final = 11
"""Rows of `out` or `commands` needed where a step stopped."""
LAG: Final = 12
"""How long a command waits for a later row."""
CLEARED: Final = 13
"""1: orders were cleared, and the book is not whole since."""
PENDING: Final = 14
"""1: a whole book may fill one of ours, whatever its row tells."""
LEFT_LOTS: Final = 15
"""Lots of the last print that no fill row has told of."""
LEFT_PRICE: Final = 16
LEFT_SIDE: Final = 17
LEFT_TIME: Final = 18
OWN_BEST: Final = 19
"""Greatest key of our resting orders of row 0, then of row 1; −NEVER: none."""
OWN_LOW: Final = 21
"""Lowest key of the same; NEVER: none."""
LATEST: Final = 23
"""Latest AFTER of a resting order; a row of that time or before was there first."""
RISES: Final = 24
FALLS: Final = 25
"""A print at or above, at or below, triggers an order."""
NEXT_TIME: Final = 26
"""A row with a later venue time meets a command or a payment."""
NEXT_DUE: Final = 27
"""A row that arrives later than this comes after a command."""
OBEYED: Final = 28
"""When it was known that the last command acted; those behind it are known no earlier."""
VOID_SINCE: Final = 29
"""Venue time of a split since which no clear has begun the book anew; 0: none."""
STATE_WIDTH: Final = 30

# own
NUMBER: Final = 0
AFTER: Final = 1
"""It meets only rows with a later venue time."""
SIDE: Final = 2
PHASE: Final = 3
KIND: Final = 4
TRIGGER: Final = 5
IN_FORCE: Final = 6
OWN_LOTS: Final = 7
LIMIT: Final = 8
STOP: Final = 9
FILLED: Final = 10
ANSWER: Final = 11
POST_ONLY: Final = 12
REDUCE_ONLY: Final = 13
OWN_STAMP: Final = 14
"""Orders of its level with this stamp or an earlier one are ahead of it."""
AHEAD: Final = 15
"""Their lots."""
BACK: Final = 16
"""1: it is put at the back of its level when the book is whole again."""
MID: Final = 17
"""Mid when it met the book, in microticks; 0: a side was empty."""
HALF_SPREAD: Final = 18
OWN_WIDTH: Final = 19

# phases
WAITING: Final = 1
ARMED: Final = 2
TRIGGERED: Final = 3
"""Its trigger was reached; it enters the book once that moment is over."""
HUNGRY: Final = 4
"""It takes whatever a whole book shows until it is done."""
RESTING: Final = 5
DONE: Final = 6

MARKET_KIND: Final = 1
LIMIT_KIND: Final = 2
TO_LIMIT_KIND: Final = 3
"""It takes the best level alone, and what is left rests at that price."""
NO_TRIGGER: Final = 0
STOP_TRIGGER: Final = 1
TOUCH_TRIGGER: Final = 2
STAYS: Final = 0
AT_ONCE: Final = 1
ALL_OR_NOTHING: Final = 2

# commands
COMMAND_TIME: Final = 0
"""It acts after every row with a venue time up to this; an expiry stands 1 ns before its stamp."""
COMMAND_SEQUENCE: Final = 1
COMMAND_KIND: Final = 2
COMMAND_ORDER: Final = 3
COMMAND_READY: Final = 4
"""When its answer could be known at the earliest."""
COMMAND_ANSWER: Final = 5
COMMAND_LOTS: Final = 6
COMMAND_LIMIT: Final = 7
COMMAND_STOP: Final = 8
"""New terms of an amend; 0: as they are."""
COMMAND_WIDTH: Final = 9

PLACE_COMMAND: Final = 1
CANCEL_COMMAND: Final = 2
AMEND_COMMAND: Final = 3
EXPIRE_COMMAND: Final = 4
ENTER_COMMAND: Final = 5
"""A triggered order enters the book."""

# out: the first columns, the kinds and the reasons are those of `_layout`
OUT_MID: Final = 13
OUT_AHEAD: Final = 14
"""Microlots ahead of a maker just before the row that filled it."""
OUT_WIDTH: Final = 15

# why a commit stopped, beside what the book lacks
COMMITTED: Final = 0
OUT_FULL: Final = 101
COMMANDS_FULL: Final = 102
