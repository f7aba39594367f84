"""Where things lie in the arrays of a compiled run; all int64, flat, C order.

run (RUN_WIDTH)                  how far the run is, its account, its gate, its way to the venue
  ROW, ROWS                      next row of the strategy's chunk, and how many there are
  REASON_ROW                     row at which the run stopped for wishes, or the function failed
  PENDING                        1: the wishes of REASON_ROW are still to be decided
  LAST_KNOWN, NO_MORE            arrival of the last row given to the core; 1: it gets no further
  WATCH, TOUCHES, KNOWN          what is known of the core's rows: quiet before WATCH, whether the
                                 row there touches; KNOWN 0: nothing is known, look again
  WAIT_COUNT, REPORTED           reports on their way to us, and how many there ever were
  TRACKED_COUNT, NEXT_NUMBER     orders that a report may still be of, and the next number
  WORDS, PACKED                  words in use of `words`, bytes in use of `packed`
  POSITION … FILLS               the account since it was last read: lots, cost (both absolute),
                                 and what was added to cash, profit, fees, funding, counts
  TICK_VALUE … ROUNDING          money: see `_account`; rates are reduced fractions
  MIN_LOTS … RATE_HEAD           the risk gate; NEVER: no such limit
  ENTRY, CANCEL_ENTRY            ns to the matching engine; ANSWER_WAY, CANCEL_ANSWER: back to us
  PLAIN_MARKET … PLAIN_STOP      1: the venue has this kind of order itself
  STEP                           address of the strategy's function
  BLOCK                          address of what it is given, drawn in `_stepping`
  WARM_UP                        1: the rows only warm the strategy up
  UNRESOLVED, ASSUMED_FILLS      bars and fills that an assumption about a path decided

waiting (rows of WAIT_WIDTH)     reports by arrival, moment, rank, sequence, number: a row of `out`,
                                 then WAIT_REPORTED and WAIT_ASSUMED
tracked (rows of TRACK_WIDTH)    orders that a report may still be of, oldest first
words                            decisions and reports in their order, for the journal: each begins
                                 with its kind; what follows is drawn at WORDS_OF
packed, kept                     words that were before them, made short: see `_packing_compiled`
recent (orders_per_minute_max)   when the last orders left, a ring
"""

from __future__ import annotations

from typing import Final

__all__: list[str] = []

ROW: Final = 0
ROWS: Final = 1
REASON_ROW: Final = 2
PENDING: Final = 3
LAST_KNOWN: Final = 4
NO_MORE: Final = 5
WATCH: Final = 6
TOUCHES: Final = 7
KNOWN: Final = 8
WAIT_COUNT: Final = 9
REPORTED: Final = 10
TRACKED_COUNT: Final = 11
NEXT_NUMBER: Final = 12
WORDS: Final = 13
HELD: Final = 14
COST: Final = 15
CASH: Final = 16
REALISED: Final = 17
FEES: Final = 18
FUNDING: Final = 19
FILLS: Final = 20
ORDERS: Final = 21
TICK_VALUE: Final = 22
MAKER_NUMERATOR: Final = 23
MAKER_DENOMINATOR: Final = 24
TAKER_NUMERATOR: Final = 25
TAKER_DENOMINATOR: Final = 26
FUNDING_NUMERATOR: Final = 27
FUNDING_DENOMINATOR: Final = 28
FUNDING_AGAINST: Final = 29
ROUNDING: Final = 30
MIN_LOTS: Final = 31
MAX_LOTS: Final = 32
AGE_MAX: Final = 33
ORDER_MAX: Final = 34
POSITION_MAX: Final = 35
MIN_NOTIONAL: Final = 36
OPEN_MAX: Final = 37
RATE_MAX: Final = 38
RATE_HEAD: Final = 39
RATE_COUNT: Final = 40
HALTED: Final = 41
ENTRY: Final = 42
ANSWER_WAY: Final = 43
CANCEL_ENTRY: Final = 44
CANCEL_ANSWER: Final = 45
PLAIN_MARKET: Final = 46
PLAIN_LIMIT: Final = 47
PLAIN_STOP: Final = 48
STEP: Final = 49
BLOCK: Final = 50
NAMED_BY_TIME: Final = 51
"""1: the strategy's rows are named by a time, as bars are."""
WARM_UP: Final = 52
UNRESOLVED: Final = 53
ASSUMED_FILLS: Final = 54
CORE_ROWS: Final = 55
COUNTED_AMBIGUOUS: Final = 56
"""Ambiguous bars of the core that were looked at."""
COMING: Final = 57
"""Signed lots under way: market orders and triggered ones."""
LATEST_ARRIVAL: Final = 58
"""Latest arrival of an order at the venue."""
OPEN_COUNT: Final = 59
"""Of those tracked, how many may still trade."""
AHEAD: Final = 60
"""How many rows the core's cursor was beyond the strategy's when it was last put there."""
SHORT_WAY: Final = 61
"""1: a market order that meets nobody goes the short way; 0, in tests: all go the long way."""
PACKED: Final = 62
PLAIN_POST: Final = 63
"""1: the venue has limit orders that never take, and the core of this run matches them."""
DUE: Final = 64
INTERVAL: Final = 65
UNTIL: Final = 66
"""A run of a timer goes on while DUE is not later than this; then DUE is INTERVAL later."""
SEEN_VENUE: Final = 67
SEEN_ARRIVAL: Final = 68
"""Times of the last row of the book that the strategy knows; 0: none yet."""
CORE_REASON: Final = 69
"""Why the core stopped, in its own numbering."""
REACH: Final = 70
"""Then the core catches up to this time."""
RUN_WIDTH: Final = 71

# waiting: a row of `out`, then
WAIT_REPORTED: Final = 13
WAIT_ASSUMED: Final = 14
WAIT_WIDTH: Final = 15

# tracked
TRACK_NUMBER: Final = 0
TRACK_HANDLE: Final = 1
TRACK_SIDE: Final = 2
TRACK_LOTS: Final = 3
TRACK_FILLED: Final = 4
TRACK_FILLS: Final = 5
TRACK_COMES: Final = 6
"""1: a market order, or one that was triggered."""
TRACK_KEY: Final = 7
TRACK_REVISION: Final = 8
TRACK_PLACE: Final = 9
TRACK_CANCELS: Final = 10
"""Cancels of it that were sent and not answered."""
TRACK_OVER: Final = 11
"""1: it is over, and kept because a cancel is still to be answered."""
TRACK_KIND: Final = 12
"""Kind of wish, never a target; what follows is the rest of the order's words."""
TRACK_PRICE: Final = 13
TRACK_DECIDED: Final = 14
TRACK_MARK: Final = 15
TRACK_WIDTH: Final = 16

# wishes: count, handles given, too many; then rows
WISH_COUNT: Final = 0
WISH_HANDLES: Final = 1
WISH_EXCESS: Final = 2
WISH_ROWS: Final = 3
WISH_KIND: Final = 0
WISH_LOTS: Final = 1
WISH_PRICE: Final = 2
WISH_HANDLE: Final = 3
WISH_WIDTH: Final = 4
WISHES_MAX: Final = 32
"""Wishes of one call."""
WISHES_LENGTH: Final = WISH_ROWS + WISHES_MAX * WISH_WIDTH

# kinds of wishes; of all but the cancel WISH_LOTS is signed
TARGET_WISH: Final = 1
MARKET_WISH: Final = 2
LIMIT_WISH: Final = 3
STOP_WISH: Final = 4
CANCEL_WISH: Final = 5
POST_WISH: Final = 6
"""A limit order that rests or is rejected."""

# words: kinds of decisions; a report's kind is its kind in `out` plus REPORT_KINDS
PLACED: Final = 1
CANCELLED: Final = 2
CLOCK: Final = 3
"""A timer's time has come: an input of its own."""
REPORT_KINDS: Final = 10

PLACED_WORDS: Final = 11
"""Kind, number, key, revision, place, decided at, price or 0, signed lots, wish, its price, 0."""
CANCELLED_WORDS: Final = 6
"""Kind, number, key, revision, place, decided at."""
CLOCK_WORDS: Final = 4
"""Kind, 0, when it was due, when the rows that came later arrived."""
REPORT_WORDS: Final = 11
"""Kind, number, arrival, venue time, then lots, price, fee or amount, liquidity, reference, half
spread in microticks, and 1 where the fill was assumed; of an end lots and reason."""

BYTES_A_WORD: Final = 10
"""Most that a word takes when it is packed."""
KINDS: Final = 20
KEPT_WIDTH: Final = 16
"""More than any entry has words; see `_packing_compiled`."""

# why a run returned
ROWS_DONE: Final = 0
WANTS_ROWS: Final = 1
WORDS_FULL: Final = 2
OUT_FULL: Final = 3
PRICE_TOO_HIGH: Final = 4
WISHES_REFUSED: Final = 5
"""Something about the wishes is not plain: they are to be decided where words can be said."""
STEP_FAILED: Final = 6
MARGIN_SPENT: Final = 7
"""The account is to be read, so that its numbers begin at nothing again."""
NO_ROOM: Final = 8
CORE_STOPPED: Final = 9
"""The core cannot go on: it wants room, or a row cannot be right; CORE_REASON says which."""

LONG_AGO: Final = 2**62
"""Negative it is before any time; as a limit it is none."""

MONEY_MAX: Final = 2**61
"""Sums of money in an account stay below."""

STEP_FAILURE: Final = -1
"""What a strategy's function answers when it raised; the row stands in its block."""
