"""Text from files, made safe for a terminal, a spreadsheet, and Markdown."""

import csv
import difflib
import io
import re
from collections.abc import Iterable
from typing import Final

#: Control characters but for tab and line feed; marks that reorder a line; halves of characters.
_CONTROLS: Final = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
#: What Markdown may take for markup, HTML, or a link; not the _ within a word.
_MARKUP: Final = re.compile(
    r"[\\`*\[\]<>&|~#]|(?<![^\W_])_|_(?![^\W_])|(?<=http):|(?<=https):|(?<=ftp):|(?<=www)\."
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str) -> str:
    """The text with control characters as escapes (\\x1b), so that a name from a file cannot steer a terminal."""
    return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" with the known word that is spelt most alike, or "" if none is."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def markdown_text(text: str) -> str:
    """The text on one line of Markdown, also in a cell of a table: no markup, no HTML, and no link."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", " ".join(printable(text).split()))


def plain_cell(text: str) -> str:
    """The text as a CSV cell that is no formula in a spreadsheet: with ' before =, +, - or @, unless it is a number."""
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV, the header among them; no text in them is a formula in a spreadsheet, and None is an empty cell."""
    text = io.StringIO()
    cells = ([plain_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    csv.writer(text, lineterminator="\n").writerows(cells)
    return text.getvalue()


def counted(number: int, one: str, many: str) -> str:
    """A number with its words: "1 row is wrong", "2 rows are wrong"."""
    return f"{number} {one if number == 1 else many}"


def cell_as_meant(cell: str) -> str:
    """The text of a cell that plain_cell has written."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
