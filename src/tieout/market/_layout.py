"""Where things lie in the arrays of the matching core; all int64, flat, C order.

state (STATE_WIDTH)            one instrument's market
  ORDER_COUNT … CANCEL_COUNT   rows in use in `orders` and `cancels`
  OUT_COUNT                    rows in use in `out`
  CURSOR                       first row of the current chunk not yet committed
  SCANNED                      first row of the current chunk not yet known to be quiet
  PASSED                       rows that arrived by this time are quiet: committed when next asked
  LAST_PRICE                   ticks of the last print before the chunk; 0: none yet
  POSITION                     signed lots; NEXT_FUNDING  ns, multiple of the interval
  SEQUENCE                     reports made so far
  AMBIGUOUS                    bars that could have filled a stop and a limit
  PROBLEM                      the price that would overflow, or the rows of `out` needed
  LEVEL … FUNDING_INTERVAL     the profile, constant; 10⁻⁴ bps; 0: no participation, no funding
  STAT_ROW … RUN_VOLUME        rolling statistics: rows taken in, ring head and length, and
                               the minute that is not yet complete (RUN_VOLUME 0: none)

orders (rows of ORDER_WIDTH)   open orders, oldest first
cancels (rows of CANCEL_WIDTH) cancels on their way, oldest first
out (rows of OUT_WIDTH)        reports in the order in which they came about
ring (2·WINDOW)                closes in ticks, then volumes in lots, of completed minutes/bars
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
CANCEL_COUNT: Final = 1
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
FUNDING_INTERVAL: Final = 18
STAT_ROW: Final = 19
STAT_HEAD: Final = 20
STAT_COUNT: Final = 21
RUN_MINUTE: Final = 22
RUN_CLOSE: Final = 23
RUN_VOLUME: Final = 24
PASSED: Final = 25
STATE_WIDTH: Final = 26

# orders
NUMBER: Final = 0
ARRIVAL: Final = 1
AFTER: Final = 2
SIDE: Final = 3
PHASE: Final = 4
KIND: Final = 5
AT_ONCE: Final = 6
LOTS: Final = 7
LIMIT: Final = 8
STOP: Final = 9
FILLED: Final = 10
VOLUME: Final = 11
ORDER_WIDTH: Final = 12

# phases of an order
WAITING: Final = 1
"""On its way: no market event later than its arrival has been seen."""
HUNGRY: Final = 2
"""A market order, or a triggered stop: fills at any event later than AFTER."""
TAKING: Final = 3
"""A limit order that may take at its first event."""
RESTING: Final = 4
ARMED: Final = 5
"""A stop order that waits for its trigger."""
DONE: Final = 6

# order kinds and fill levels (the numbers of `OrderType`; levels are only of this core)
MARKET_KIND: Final = 1
LIMIT_KIND: Final = 2
STOP_KIND: Final = 3
NAIVE_LEVEL: Final = 1
FIXED_LEVEL: Final = 2
IMPACT_LEVEL: Final = 3

# cancels
CANCEL_TIME: Final = 0
CANCEL_ORDER: Final = 1
CANCEL_SEQUENCE: Final = 2
CANCEL_WIDTH: Final = 3

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
OUT_WIDTH: Final = 12

# out kinds
FILL_REPORT: Final = 1
TRIGGER_REPORT: Final = 2
EXPIRY_REPORT: Final = 3
CANCEL_REPORT: Final = 4
CANCEL_REFUSAL: Final = 5
FUNDING_REPORT: Final = 6

# out ranks: what comes about first at one venue time
FUNDING_RANK: Final = 0
EVENT_RANK: Final = 1
"""A print, or what happens by the close of a bar."""
ARRIVAL_RANK: Final = 2
"""Orders and cancels that reach the venue."""
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
