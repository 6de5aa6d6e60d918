"""Scores, tables and baselines."""
