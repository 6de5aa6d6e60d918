"""The commands: each file has one or a few, and flows/cli/app.py joins them into `emodal`.

Heavy modules are imported inside the functions, so that `emodal --help` is quick.
"""

from flows.cli.app import app, main

__all__ = ["app", "main"]
