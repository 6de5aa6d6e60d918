"""The commands: each file has one or a few, and flows/cli/app.py joins them into `emodal`.

Heavy modules are imported inside the functions, so that `emodal --help` is quick.
"""

from flows.cli.module_path import leave_working_folder

leave_working_folder()  # before anything else is imported

from flows.cli.app import app, main  # noqa: E402

__all__ = ["app", "main"]
