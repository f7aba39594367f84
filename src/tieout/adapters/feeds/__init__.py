"""Feeds: where inputs come from."""
