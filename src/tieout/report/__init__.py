"""Figures, tables and HTML; reads results, decides nothing."""
