"""Annotation rows and films to clips: planned, read in reels, stored, and judged by the quality gates."""
