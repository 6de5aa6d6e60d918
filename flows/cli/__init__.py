"""What each command does with its arguments; flows/cli/app.py joins them into `emodal`.

Heavy rooms are imported inside the functions, so that `emodal --help` is quick.
"""

from flows.cli.app import app, main

__all__ = ["app", "main"]
