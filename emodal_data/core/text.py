"""Text from files, made safe for a terminal and for a spreadsheet."""

import re
from typing import Final

#: Control characters but for tab and line feed; marks that reorder a line; halves of characters.
_CONTROLS: Final = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str) -> str:
    """The text with control characters as escapes (\\x1b), so that a name from a file cannot steer a terminal."""
    return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], text)


def plain_cell(text: str) -> str:
    """The text as a CSV cell that is no formula in a spreadsheet: with ' before =, +, - or @, unless it is a number."""
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def cell_as_meant(cell: str) -> str:
    """The text of a cell that plain_cell has written."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
