"""The only place that chooses adapters: each world is a source, a venue and a journal.

world      source                           venue                      journal
backtest   history                          simulated, on history      buffered
twin       history, from the run's start    simulated, on history      buffered
live       gateway                          gateway                    durable
paper      gateway, public data             simulated, on live rows    durable
shadow     gateway, public data, from the   simulated, on live rows    durable
           account's own state
replay     the run's recorded inputs        its recorded answers       in memory
rungs      history or recorded inputs       simulated or the answers   in memory
"""

from tieout.wiring.comparing import candles
from tieout.wiring.downloading import download
from tieout.wiring.history import backtest, backtest_columns, twin
from tieout.wiring.rehearsal import practice
from tieout.wiring.replays import replay
from tieout.wiring.reports import report, report_on, summary_of
from tieout.wiring.results import Replayed, Result
from tieout.wiring.resuming import resume
from tieout.wiring.runs import run_facts, run_summary
from tieout.wiring.tie_out import ladder, reconcile
from tieout.wiring.trading import VenueAccess, live
from tieout.wiring.watching import paper, shadow

__all__ = [
    "Replayed",
    "Result",
    "VenueAccess",
    "backtest",
    "backtest_columns",
    "candles",
    "download",
    "ladder",
    "live",
    "paper",
    "practice",
    "reconcile",
    "replay",
    "report",
    "report_on",
    "resume",
    "run_facts",
    "run_summary",
    "shadow",
    "summary_of",
    "twin",
]
