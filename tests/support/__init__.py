"""Builders and real, scripted adapters shared by the tests."""
