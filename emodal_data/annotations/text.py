"""Decodes annotation files to text and lines, and writes numbers as the text of a cell.

Every reader yields text; cells.py parses it.
"""

import codecs
import datetime
import re
from pathlib import Path

import numpy as np

from emodal_data.core.errors import InputError

#: Byte order marks of encodings other than UTF-8; that of UTF-32 begins like that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: The ends of lines of all systems, and \r\r\n, which programs make of \r\n that they take for text.
LINE_END = re.compile(r"\r{0,2}\n|\r")


def decode(path: Path, encoding: str = "") -> str:
    """The file as text: in the given encoding, or else UTF-8, or UTF-16 or UTF-32 with its byte order mark.

    Raises InputError naming the first line that is not, or UTF-16 without a mark.
    """
    raw = path.read_bytes()
    name = encoding or "UTF-8"
    if not encoding:
        encoding = next((named for mark, named in _MARKS.items() if raw.startswith(mark)), "utf-8-sig")
    try:
        text = raw.decode(encoding)
    except LookupError as error:
        raise InputError(f"{path}: table.encoding: there is no encoding {encoding!r}") from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: row {line} is not {name}: save the file as UTF-8, or set table.encoding"
        ) from error
    if "\0" in text[:1000]:
        likely = "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
        raise InputError(
            f"{path}: UTF-16 without a byte order mark: save as UTF-8, or set table.encoding to {likely}"
        )
    return text.removeprefix("\ufeff")


def lines(path: Path, encoding: str = "") -> list[str]:
    """The lines of the file as editors count them: str.splitlines would also split at form feeds."""
    return LINE_END.split(decode(path, encoding))


def number_text(value: float) -> str:
    """The shortest exact decimal text of the number, with at least one decimal and never with an exponent."""
    return np.format_float_positional(value, trim="0")


def cell_text(value: object) -> str:
    """A typed cell as text; whole numbers have no decimals, because spreadsheets have no others.

    Clock times and durations both mean a time from the film's start. A list is its items, between commas.
    """
    if isinstance(value, list):
        return ", ".join(map(cell_text, value))
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):  # text in Parquet files of other programs
        return value.decode(errors="replace")
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return number_text(value.total_seconds())
    if isinstance(value, float):
        return number_text(value).removesuffix(".0")
    return str(value)
