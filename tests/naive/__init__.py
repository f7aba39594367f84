"""Slow, obvious twins of everything compiled, kept for ever."""
