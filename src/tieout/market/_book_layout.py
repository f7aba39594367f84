"""Where things lie in the array of an L2 book; int64, flat, C order.

Both sides are one thing: a price is held as its *key*, the ticks of a bid and minus the ticks of
an ask, so that better is always greater and no code asks for the side. Row 0 holds the bids, row
1 the asks. Two keys, one of each row, cross when their sum is ≥ 0.

book, one array with all of it, since each further one is a price at every call:
  row·SIDE_WIDTH + …   BEST        greatest key, in the window; −NEVER: the row is empty
                       BASE        lowest key of the window; NEVER: not placed yet
                       CELL_COUNT  levels in the window
                       FAR_COUNT   levels below it
  BOOK_TIME            venue time of the newest row that changed the book
  ARRIVAL_TIME         arrival of the newest row
  CROSSED              1: best bid ≥ best ask since the row that a break names
  BREAK_COUNT          rows in use in the breaks
  ROWS_BEFORE          rows of the stream before this chunk
  PROBLEM_ROW, NEEDED  where a step stopped, and the far levels needed there
  WINDOW               W, the ticks of a window, a power of two; FAR_ROOM: F, far levels a row
  BREAKS + …           BREAK_ROOM rows of BREAK_WIDTH: what a row told that cannot be right
  CELLS + …            W lots of row 0, W of row 1, at key & (W − 1); 0: nobody.
                       Of each row only keys in [BASE, BASE + W) are held here
  after them           F keys ascending, F lots; for row 0, then for row 1: the levels below the
                       window. Every one of them is worse than all that is in it
"""

from __future__ import annotations

from typing import Final

__all__: list[str] = []

NEVER: Final = 2**62
"""Later than any time, greater than any key; −NEVER is earlier and worse."""
PRICE_MAX: Final = 2**60
LOTS_MAX: Final = 2**43
"""Most lots of a level or print: as microlots they stay in int64."""

BID_ROW: Final = 0
ASK_ROW: Final = 1

# of each row
BEST: Final = 0
BASE: Final = 1
CELL_COUNT: Final = 2
FAR_COUNT: Final = 3
SIDE_WIDTH: Final = 4
# of the book
BOOK_TIME: Final = 8
ARRIVAL_TIME: Final = 9
CROSSED: Final = 10
BREAK_COUNT: Final = 11
ROWS_BEFORE: Final = 12
PROBLEM_ROW: Final = 13
NEEDED: Final = 14
WINDOW: Final = 15
FAR_ROOM: Final = 16

# kinds of rows, the numbers of `BookKind`
LEVEL_ROW: Final = 1
TRADE_ROW: Final = 2
CLEAR_ROW: Final = 3
SNAPSHOT_ROW: Final = 4

# one break
BREAK_KIND: Final = 0
BREAK_ROW: Final = 1
BREAK_TIME: Final = 2
BREAK_VALUE: Final = 3
BREAK_LIMIT: Final = 4
BREAK_WIDTH: Final = 5
BREAK_ROOM: Final = 256
BREAKS: Final = 32
CELLS: Final = BREAKS + BREAK_ROOM * BREAK_WIDTH

STALE_BREAK: Final = 1
"""A level or clear older than the one before: the book is left as it is."""
CROSSED_BREAK: Final = 2
"""The book is whole, and its best bid is at or above its best ask."""
UNSCALED_BREAK: Final = 3
"""A level of the book of before a split, which nothing has told anew since: it is left out."""

# why a step stopped
APPLIED: Final = 0
FAR_FULL: Final = 1
BREAKS_FULL: Final = 2
BAD_PRICE: Final = 3
BAD_LOTS: Final = 4
BAD_SIDE: Final = 5
BAD_KIND: Final = 6
BAD_ARRIVAL: Final = 7
