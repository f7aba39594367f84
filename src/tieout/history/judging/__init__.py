"""What is wrong with files of market data: each finding with its rows and a remedy.

A judge reads files as they are, before anything is imported, and refuses nothing: it tells. One
file is judged by itself first, then the files of one folder against each other, since two files
show what one cannot: which of them is shifted, copied, or has lost what the other one kept.

    files ──▶ sheets ──▶ of_bars, of_rates, of_trades, of_recordings ──▶ findings
                    └──▶ together ──────────────────────────────────────▶
"""

from tieout.history.judging.findings import KINDS, Finding
from tieout.history.judging.judge import judge

__all__ = ["KINDS", "Finding", "judge"]
