"""Augmented samples of training clips: how many, which, and what is done to face and voice."""
