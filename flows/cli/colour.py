"""Colour for people: on a terminal, unless NO_COLOR is set (https://no-color.org) or the terminal has none."""

import os
import sys
from typing import Literal, TextIO

_CODES = {"bold": 1, "red": 31, "yellow": 33, "cyan": 36}


def is_coloured(stream: TextIO) -> bool:
    """Whether a stream shows colour."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, style: Literal["bold", "red", "yellow", "cyan"], stream: TextIO | None = None) -> str:
    """The text in a colour, if the stream (default: standard error) shows it."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if is_coloured(stream or sys.stderr) else text
