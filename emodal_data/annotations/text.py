"""Annotation files as text and lines, and numbers as the text of a table's cell.

Every reader here yields text; what it means is decided once, in spans.py.
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
    """The lines of the file as every editor counts them: str.splitlines would also cut at form feeds."""
    return re.split(r"\r\n|\r|\n", decode(path))


def number_text(value: float) -> str:
    """The number in full, never as 1e-05, which is no time: at least one decimal, the shortest that is exact."""
    return np.format_float_positional(value, trim="0")
