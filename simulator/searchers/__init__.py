"""Searchers: they propose which configurations to try."""
