"""Reports: single HTML files that open offline; they read results and decide nothing."""

from tieout.report.page import picture, reconciliation_page, run_page, write_page

__all__ = ["picture", "reconciliation_page", "run_page", "write_page"]
