"""The app of `emodal review`: watch each clip, decide by a key, and have every decision saved at once."""
