"""Scores of networks and baselines, and their tables."""
