"""Where things lie in the array of the matching core on an L2 book; int64, flat, C order.

The book has an array of its own, drawn in `_book_layout`; row and key mean what they mean there.

desk, one array with all that is ours, since each further one is a price at every call:
  ORDER_COUNT … TAKEN_COUNT      rows in use of orders, commands, reports and taken
  ORDERS_START … TAKEN_START     where they begin in the desk; …_ROOM: rows there are of each
  CURSOR, SCANNED                first row of the chunk not applied, and not known to be quiet
  POSITION                       signed lots; NEXT_FUNDING  ns, −1: no event yet
  CLOCK                          greatest venue time of a row so far
  LAST_PRINT                     ticks of the last print, 0: none yet
  WHOLE                          1: no message of the venue is half applied
  SEQUENCE                       reports made so far
  PROBLEM                        further rows needed where a step stopped
  MODEL, MODEL_PARAMETER         the queue model, with twice its exponent or its address
  MODEL_BROKE                    1: the user's own model answered what it may not
  VOID_SINCE                     venue time of a split since which no snapshot or clear has told
                                 the book anew: until one does nothing is filled; 0: none
  LAG                            how long a command waits for a later row
  OWN_BEST + row, OWN_LOW + row  greatest and lowest key of our resting orders; −NEVER and NEVER
  HUNGRY_COUNT                   orders that would take from the book at once
  TOUCHING                       1: a best price crosses a resting order of ours
  RISES, FALLS                   a print at or above, at or below, triggers an order
  NEXT_TIME                      a row with this venue time or a later one meets a command
  NEXT_DUE                       a row that arrives later than this comes after a command
  rows of ORDER_WIDTH            open orders; those that rest stand in the order of their queue
  rows of COMMAND_WIDTH          what is on its way to the venue, in order of (time, sequence)
  rows of OUT_WIDTH              reports in the order in which they came about
  rows of TAKEN_WIDTH            lots of a level that we took since it was last told
"""

from __future__ import annotations

from typing import Final

__all__: list[str] = []

# state
ORDER_COUNT: Final = 0
COMMAND_COUNT: Final = 1
OUT_COUNT: Final = 2
TAKEN_COUNT: Final = 3
CURSOR: Final = 4
SCANNED: Final = 5
POSITION: Final = 6
NEXT_FUNDING: Final = 7
FUNDING_INTERVAL: Final = 8
FUNDING_ANSWER: Final = 9
CLOCK: Final = 10
LAST_PRINT: Final = 11
WHOLE: Final = 12
SEQUENCE: Final = 13
PROBLEM: Final = 14
MODEL: Final = 15
MODEL_PARAMETER: Final = 16
LAG: Final = 17
OWN_BEST: Final = 18
OWN_LOW: Final = 20
HUNGRY_COUNT: Final = 22
TOUCHING: Final = 23
RISES: Final = 24
FALLS: Final = 25
NEXT_TIME: Final = 26
NEXT_DUE: Final = 27
ORDERS_START: Final = 28
COMMANDS_START: Final = 29
OUT_START: Final = 30
TAKEN_START: Final = 31
ORDER_ROOM: Final = 32
COMMAND_ROOM: Final = 33
OUT_ROOM: Final = 34
TAKEN_ROOM: Final = 35
MODEL_BROKE: Final = 36
VOID_SINCE: Final = 37
DESK_WIDTH: Final = 40

# orders
NUMBER: Final = 0
AFTER: Final = 1
"""It meets only rows with a later venue time."""
SIDE: Final = 2
PHASE: Final = 3
KIND: Final = 4
TRIGGER: Final = 5
AT_ONCE: Final = 6
LOTS: Final = 7
LIMIT: Final = 8
STOP: Final = 9
FILLED: Final = 10
ANSWER: Final = 11
POST_ONLY: Final = 12
REDUCE_ONLY: Final = 13
AHEAD: Final = 14
"""Microlots of others ahead of it at its level."""
TRADED: Final = 15
"""Microlots printed at its level since the level was last told."""
REFERENCE: Final = 16
"""Mid when it first met the book, in microticks; 0: not met."""
HALF_SPREAD: Final = 17
ORDER_WIDTH: Final = 18

# phases of an order
WAITING: Final = 1
HUNGRY: Final = 2
"""It takes what a whole book shows, and goes on doing so until it is done."""
TAKING: Final = 3
"""It takes once what a whole book shows within its limit, then it rests."""
RESTING: Final = 4
ARMED: Final = 5
DONE: Final = 6

MARKET_KIND: Final = 1
LIMIT_KIND: Final = 2
TO_LIMIT_KIND: Final = 3
"""It takes the best level alone, and what is left rests at that price."""
NO_TRIGGER: Final = 0
STOP_TRIGGER: Final = 1
TOUCH_TRIGGER: Final = 2
STAYS: Final = 0
ONE_EVENT: Final = 1
ALL_OR_NOTHING: Final = 2

# commands
COMMAND_TIME: Final = 0
"""It acts after every row with a venue time up to this; an expiry stands 1 ns before its stamp."""
COMMAND_SEQUENCE: Final = 1
COMMAND_KIND: Final = 2
COMMAND_ORDER: Final = 3
COMMAND_ANSWER: Final = 4
COMMAND_LOTS: Final = 5
COMMAND_LIMIT: Final = 6
COMMAND_STOP: Final = 7
COMMAND_WIDTH: Final = 8
PLACE_COMMAND: Final = 1
CANCEL_COMMAND: Final = 2
AMEND_COMMAND: Final = 3
EXPIRE_COMMAND: Final = 4

# taken
TAKEN_ROW: Final = 0
TAKEN_KEY: Final = 1
TAKEN_LOTS: Final = 2
TAKEN_WIDTH: Final = 3

# out: the first columns, the kinds and the reasons are those of `_layout`
OUT_MID: Final = 13
"""The reference in microticks; 0: none."""
OUT_AHEAD: Final = 14
"""Microlots ahead of a maker just before the event that filled it."""
OUT_WIDTH: Final = 15

# why a commit stopped, beside the reasons of the book
COMMITTED: Final = 0
OUT_FULL: Final = 101
TAKEN_FULL: Final = 102
