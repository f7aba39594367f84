"""Where things lie in the arrays of an order-by-order book; all int64, flat, C order.

Both sides are one thing: a price is held as its *key*, the ticks of a bid and minus the ticks of
an ask, so that better is always greater. Row 0 holds the bids, row 1 the asks. Two keys, one of
each row, cross when their sum is ≥ 0.

orders (slots of SLOT_WIDTH)    one resting order: ID, the PLACE of its level, LOTS, TRADED (lots
                                that traded and that a row to come takes away), TAKEN (lots that our
                                own orders took of it), STAMP (later in the queue is greater), NEXT
                                and PREVIOUS slot of its level; −1: none
levels (places of PLACE_WIDTH)  one price: KEY, ROW, HEAD and TAIL slot, LOTS, COUNT
ladder (4·L)                    of each row the keys in use, ascending, so the best is the last:
                                row·L + i; and from 2·L on the places they lie at
table (2·T, T a power of two)   id and slot + 1 of every order, by open addressing; 0: empty.
                                At most half of it is in use
breaks (BREAKS_MAX rows)        the first rows that told what cannot be right
book (BOOK_WIDTH)               see below; a free slot or place links to the next by its first cell
"""

from __future__ import annotations

from typing import Final

__all__: list[str] = []

NEVER: Final = 2**62
"""Later than any time, greater than any key; −NEVER is earlier and worse."""
PRICE_MAX: Final = 2**60
LOTS_MAX: Final = 2**43
"""Most lots of one row: sums over a level stay in int64."""

# orders
ID: Final = 0
PLACE: Final = 1
LOTS: Final = 2
TRADED: Final = 3
TAKEN: Final = 4
STAMP: Final = 5
NEXT: Final = 6
PREVIOUS: Final = 7
SLOT_WIDTH: Final = 8

# levels
KEY: Final = 0
ROW: Final = 1
HEAD: Final = 2
TAIL: Final = 3
LEVEL_LOTS: Final = 4
COUNT: Final = 5
PLACE_WIDTH: Final = 6

# book
LEVEL_COUNT: Final = 0
"""Levels of row 0; of row 1 in the next cell."""
ORDER_COUNT: Final = 2
SLOTS_USED: Final = 3
"""Slots that were ever in use since the last clear; those among them that are free are linked."""
FREE_SLOT: Final = 4
PLACES_USED: Final = 5
FREE_PLACE: Final = 6
STAMPS: Final = 7
"""Stamps given so far."""
BOOK_TIME: Final = 8
"""Latest venue time seen: a row that tells of an earlier one acts now."""
ARRIVAL_TIME: Final = 9
CROSSED: Final = 10
"""1: the best bid is at or above the best ask since a break named it."""
ROWS_BEFORE: Final = 11
"""Rows of the stream before this chunk."""
BREAK_COUNT: Final = 12
BREAK_COUNTS: Final = 13
"""Of each kind of break, BREAK_KINDS cells from its own number on."""
BREAK_KINDS: Final = 7
OUT_ROWS: Final = 20
"""Level rows written by `level_events`."""
BOOK_WIDTH: Final = 21

# a break
BREAK_KIND: Final = 0
BREAK_ROW: Final = 1
BREAK_TIME: Final = 2
BREAK_ORDER: Final = 3
BREAK_VALUE: Final = 4
BREAK_LIMIT: Final = 5
BREAK_WIDTH: Final = 6
BREAKS_MAX: Final = 1024

UNKNOWN_BREAK: Final = 1
"""A cancel, modify or fill of an order that is not there; a modify is taken for an add."""
DOUBLE_BREAK: Final = 2
"""An add of an order that is there: it is met as a modify that goes to the back."""
EXCESS_BREAK: Final = 3
"""More is cancelled than is there: all of it goes."""
CROSSED_BREAK: Final = 4
"""The book is whole, and its best bid is at or above its best ask."""
STALE_BREAK: Final = 5
"""A row's venue time lies before that of an earlier row: it acts at the later one."""
UNSCALED_BREAK: Final = 6
"""A row of the book of before a split, which nothing has told anew since: it is left out."""

# actions, the numbers of `OrderAction`
ADD: Final = 1
MODIFY: Final = 2
CANCEL: Final = 3
FILL: Final = 4
TRADE: Final = 5
CLEAR: Final = 6

# kinds of level rows, the numbers of `BookKind`
LEVEL_ROW: Final = 1
TRADE_ROW: Final = 2
CLEAR_ROW: Final = 3

# why a step stopped
APPLIED: Final = 0
SLOTS_FULL: Final = 1
PLACES_FULL: Final = 2

# what is wrong with a row
GOOD: Final = 0
BAD_ACTION: Final = 1
BAD_SIDE: Final = 2
BAD_PRICE: Final = 3
BAD_LOTS: Final = 4
BAD_ID: Final = 5
BAD_ARRIVAL: Final = 6
