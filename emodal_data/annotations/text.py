"""Decodes annotation files to text and lines, and writes numbers as the text of a cell.

Every reader yields text; cells.py parses it.
"""

import re
from pathlib import Path

import numpy as np

from emodal_data.core.errors import InputError


def decode(path: Path) -> str:
    """The file as text: UTF-8, or UTF-16 with its byte order mark.

    Raises InputError naming the first line that is neither.
    """
    raw = path.read_bytes()
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: row {line} is not UTF-8: save the file as UTF-8") from error


def lines(path: Path) -> list[str]:
    """The lines of the file as editors count them: str.splitlines would also split at form feeds."""
    return re.split(r"\r\n|\r|\n", decode(path))


def number_text(value: float) -> str:
    """The shortest exact decimal text of the number, with at least one decimal and never with an exponent."""
    return np.format_float_positional(value, trim="0")
