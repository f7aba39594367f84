"""Where things lie in the arrays of the matching core; all int64, flat, C order.

state (STATE_WIDTH)              one instrument's market
  ORDER_COUNT, COMMAND_COUNT     rows in use in `orders` and `commands`
  OUT_COUNT                      rows in use in `out`
  CURSOR                         first row of the current chunk not yet committed
  SCANNED                        first row of the current chunk not yet known to be quiet
  PASSED                         rows that arrived by this time are quiet: committed when next asked
  LAST_PRICE                     ticks of the print (bars: close) before the event; 0: none yet
  POSITION                       signed lots; NEXT_FUNDING  ns, multiple of the interval
  SEQUENCE                       commands and reports so far
  AMBIGUOUS                      bars whose path, which is not known, decided what filled
  PROBLEM                        the price that would overflow, or the rows of `out` needed
  LEVEL … FUNDING_INTERVAL       the profile, constant; 10⁻⁴ bps; 0: no participation, no funding
  STAT_ROW … RUN_VOLUME          rolling statistics: rows taken in, ring head and length, and
                                 the minute that is not yet complete (RUN_VOLUME 0: none)
  SHIFT_MODEL, LOTS_MODEL        addresses of the user's own models; 0: none
  MODEL_BROKE                    a model failed, or answered out of its bounds
  STATISTICS                     whether anything asks for the rolling statistics
  STALE_AFTER                    profile, ns; NEVER: prices of any age fill
  INSIDE_BY_CLOSE, STOP_LIMIT_BY_CLOSE  profile: 1: the close decides, not the worse way
  NEXT_DUE                       earliest time at which an expiry is known to us; NEVER: none
  OPEN_TIME … UNSURE             the market event being met; a print is one whose times and whose
                                 prices are all the same
    KNOWN_TIME                   when it arrived here
    LEFT                         lots of it that our orders have not taken; QUANTITY: all of them
    OPENED                       our position after what traded at its open
    STOP_MET, LIMIT_MET, UNSURE  1: a stop, a limit was reached; the path decided
  LAST_TIME, LAST_LEFT           of the event that LAST_PRICE is of; −NEVER, 0: none yet
  MET                            row after the last one that was met, whose LEFT is LEFT; 0: none
  TRADED_TIME, TRADED_ROW        close of the last bar with volume before TRADED_ROW; −NEVER: none

orders (rows of ORDER_WIDTH)     open orders, those that came first first: by QUEUED, then SENT
commands (rows of COMMAND_WIDTH) cancels, amends and arrivals to be judged that are on their way,
                                 by COMMAND_TIME, then COMMAND_SENT
out (rows of OUT_WIDTH)          reports in the order in which they came about
ring (2·WINDOW)                  closes in ticks, then volumes in lots, of completed minutes/bars
"""

from __future__ import annotations

from typing import Final

__all__: list[str] = []

WINDOW: Final = 100
MINUTE: Final = 60_000_000_000
NEVER: Final = 2**62
"""Later than any time, higher than any price; −NEVER is earlier and lower."""

# state
ORDER_COUNT: Final = 0
COMMAND_COUNT: Final = 1
OUT_COUNT: Final = 2
CURSOR: Final = 3
SCANNED: Final = 4
LAST_PRICE: Final = 5
POSITION: Final = 6
NEXT_FUNDING: Final = 7
SEQUENCE: Final = 8
AMBIGUOUS: Final = 9
PROBLEM: Final = 10
LEVEL: Final = 11
SPREAD: Final = 12
SLIPPAGE: Final = 13
SHARE_NUMERATOR: Final = 14
SHARE_DENOMINATOR: Final = 15
TOUCH: Final = 16
RESPONSE: Final = 17
"""Of funding; an order's reports take the order's own."""
FUNDING_INTERVAL: Final = 18
STAT_ROW: Final = 19
STAT_HEAD: Final = 20
STAT_COUNT: Final = 21
RUN_MINUTE: Final = 22
RUN_CLOSE: Final = 23
RUN_VOLUME: Final = 24
PASSED: Final = 25
STALE_AFTER: Final = 26
NEXT_DUE: Final = 27
OPEN_TIME: Final = 28
CLOSE_TIME: Final = 29
KNOWN_TIME: Final = 30
OPENING: Final = 31
HIGH: Final = 32
LOW: Final = 33
CLOSING: Final = 34
QUANTITY: Final = 35
LEFT: Final = 36
OPENED: Final = 37
STOP_MET: Final = 38
LIMIT_MET: Final = 39
UNSURE: Final = 40
LAST_TIME: Final = 41
LAST_LEFT: Final = 42
MET: Final = 43
TRADED_TIME: Final = 44
TRADED_ROW: Final = 45
SHIFT_MODEL: Final = 46
LOTS_MODEL: Final = 47
MODEL_BROKE: Final = 48
STATISTICS: Final = 49
INSIDE_BY_CLOSE: Final = 50
STOP_LIMIT_BY_CLOSE: Final = 51
STATE_WIDTH: Final = 52

# orders
NUMBER: Final = 0
ARRIVAL: Final = 1
AFTER: Final = 2
"""It meets events later than this; set by its arrival, its trigger, an amend of its price."""
SIDE: Final = 3
PHASE: Final = 4
KIND: Final = 5
AT_ONCE: Final = 6
"""`STAYS`, `ONE_EVENT` or `ALL_OR_NOTHING`."""
LOTS: Final = 7
LIMIT: Final = 8
STOP: Final = 9
"""Trigger price; of a trailing stop where it stands now, 0: nowhere yet."""
FILLED: Final = 10
VOLUME: Final = 11
"""Lots traded that it could have had a share of."""
SENT: Final = 12
"""Number of the command that gave it its place."""
QUEUED: Final = 13
"""When it took its place."""
ANSWER: Final = 14
"""Response latency of its reports."""
TRIGGER: Final = 15
POST_ONLY: Final = 16
REDUCE_ONLY: Final = 17
UNJUDGED: Final = 18
"""1: whether it is accepted is not decided yet (post-only, reduce-only)."""
STARTS: Final = 19
"""It meets events from this time on: the session's open; 0: from its arrival on."""
EXPIRES: Final = 20
"""From this time on it no longer fills; of a `CLOSING` order when it fills. NEVER: never."""
DISPLAY: Final = 21
SHOWN: Final = 22
"""Most lots of a resting order that are shown, and how many are; 0: all."""
TRAIL: Final = 23
TRAIL_SHARE: Final = 24
"""Distance of a trailing stop: ticks, or 10⁻⁸ of the price; one of them is 0."""
ACTIVATION: Final = 25
"""Price from which on it trails; 0: it does."""
EXTREME: Final = 26
"""Best price since it trails; 0: none seen yet."""
MOVED: Final = 27
"""1: its place has changed; the rows are to be put in order."""
COUNTED: Final = 28
"""Close of the bar whose volume it counted at its open; 0: none."""
ORDER_WIDTH: Final = 29

# phases of an order
WAITING: Final = 1
"""On its way: no market event later than its arrival has been seen."""
HUNGRY: Final = 2
"""A market order, or what a trigger made one: fills at any event later than AFTER."""
TAKING: Final = 3
"""A limit order that may take at its first event."""
RESTING: Final = 4
ARMED: Final = 5
"""It waits for its trigger."""
DONE: Final = 6
CLOSE_PHASE: Final = 7
"""It waits for the session's close."""

# order kinds: what an order is once its trigger, if it has one, is reached
MARKET_KIND: Final = 1
LIMIT_KIND: Final = 2
TO_LIMIT_KIND: Final = 3
"""A market order whose rest becomes a limit order at the price of its first fill."""

# triggers
NO_TRIGGER: Final = 0
STOP_TRIGGER: Final = 1
"""The price goes against us: up to a buy, down to a sale."""
TOUCH_TRIGGER: Final = 2
"""The price comes our way: down to a buy, up to a sale."""
TRAILING_TRIGGER: Final = 3
"""A stop that follows the price where it comes our way."""

# AT_ONCE
STAYS: Final = 0
ONE_EVENT: Final = 1
ALL_OR_NOTHING: Final = 2

# fill levels
NAIVE_LEVEL: Final = 1
FIXED_LEVEL: Final = 2
IMPACT_LEVEL: Final = 3

# commands
COMMAND_TIME: Final = 0
COMMAND_ORDER: Final = 1
COMMAND_SENT: Final = 2
COMMAND_KIND: Final = 3
COMMAND_ANSWER: Final = 4
COMMAND_LOTS: Final = 5
COMMAND_LIMIT: Final = 6
COMMAND_STOP: Final = 7
"""New terms of an amend; 0: as they are."""
COMMAND_EARLY: Final = 8
"""1: it arrives before its order."""
COMMAND_WIDTH: Final = 9

ARRIVE_COMMAND: Final = 1
CANCEL_COMMAND: Final = 2
AMEND_COMMAND: Final = 3

# out
OUT_KIND: Final = 0
OUT_ORDER: Final = 1
OUT_ARRIVAL: Final = 2
OUT_MOMENT: Final = 3
OUT_RANK: Final = 4
OUT_SEQUENCE: Final = 5
OUT_VENUE_TIME: Final = 6
OUT_LOTS: Final = 7
OUT_PRICE: Final = 8
OUT_REFERENCE: Final = 9
OUT_HALF_SPREAD: Final = 10
OUT_LIQUIDITY: Final = 11
OUT_REASON: Final = 12
OUT_WIDTH: Final = 13

# liquidity
MAKER: Final = 1
TAKER: Final = 2

# out kinds
FILL_REPORT: Final = 1
TRIGGER_REPORT: Final = 2
EXPIRY_REPORT: Final = 3
"""What was left is gone without our cancel; OUT_REASON says why."""
CANCEL_REPORT: Final = 4
CANCEL_REFUSAL: Final = 5
FUNDING_REPORT: Final = 6
ACCEPTANCE: Final = 7
REJECTION: Final = 8
AMEND_REPORT: Final = 9
"""OUT_LOTS, OUT_PRICE and OUT_REFERENCE are lots, limit and trigger as they are now."""
AMEND_REFUSAL: Final = 10

# out reasons
NO_REASON: Final = 0
IN_FORCE_REASON: Final = 1
EXPIRED_REASON: Final = 2
POST_ONLY_REASON: Final = 3
REDUCE_ONLY_REASON: Final = 4
FINAL_REASON: Final = 5
UNKNOWN_REASON: Final = 6
INVALID_REASON: Final = 7
AMENDED_REASON: Final = 8
"""An amend to no more than has filled."""

# out ranks: what comes about first at one venue time
FUNDING_RANK: Final = 0
EVENT_RANK: Final = 1
"""A print, or what happens by the close of a bar."""
ARRIVAL_RANK: Final = 2
"""Orders, cancels and amends that reach the venue."""
OPENING_RANK: Final = 3
"""What happens at the open of a bar, which meets the orders that arrived at that time."""

# why a compiled step returned
COMMITTED: Final = 0
OUT_FULL: Final = 1
PRICE_TOO_HIGH: Final = 2

PRICE_MAX: Final = 2**63 // (2 * (10**8 + 10**8 + 10**8))
"""Highest reference price: twice the largest shift in 10⁻⁴ bps times this stays in int64."""
SHIFT_MAX: Final = 10**8
"""100 % in 10⁻⁴ bps: the most that spread, slippage or impact may each be."""
LOTS_MAX: Final = 2**53
"""Most lots of an order, of a market event, and of a chunk: sums of a thousand stay in int64."""
SHARE_MAX: Final = 10**9
"""Highest denominator of a share of the volume: LOTS_MAX below it times this stays in int64."""
VOLUME_MAX: Final = 2**62
"""An order's eligible volume counts no further."""
