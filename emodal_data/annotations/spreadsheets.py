"""Reads the rows of XLSX workbooks as text, and what their values do not show: formats and formulas of cells."""

import datetime
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from emodal_data.annotations.columns import LINES_ABOVE_A_HEADER, MAX_CELLS, REQUIRED, Row
from emodal_data.annotations.mapping import PLAIN, TableFormat
from emodal_data.annotations.text import cell_text
from emodal_data.annotations.times import WITHOUT_SECONDS
from emodal_data.core.errors import InputError
from emodal_data.core.text import counted

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

#: Number formats that every workbook has and that show hours and minutes without seconds (ECMA-376, 18.8.30).
_BUILT_IN_WITHOUT_SECONDS: Final = frozenset((18, 20, 22))
_NOT_SHOWN: Final = re.compile(r'"[^"]*"|\\.|\[(?![hm]+\])[^\[\]]*\]')
#: Cells that are shown as one, in the XML of a sheet.
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell ref="([A-Z]+)(\d+):[A-Z]+(\d+)"')
#: A hidden row with cells, in the XML of a sheet; a filter hides rows, too.
_HIDDEN_ROW: Final = re.compile(rb'<(?:\w+:)?row [^<>]*\bhidden="(?:1|true)"[^<>]*>(?=<(?:\w+:)?c )')
#: A cell with content, in the XML of a sheet.
_FILLED_CELL: Final = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"(?:>|[^<>]*[^/<>]>)')
#: Row and style of a cell with content, in the XML of a sheet.
_STYLED_CELL: Final = re.compile(rb'<(?:\w+:)?c r="[A-Z]{1,3}(\d{1,7})" s="(\d+)"(?:>|[^<>]*[^/<>]>)')
_CELL_NAME: Final = re.compile(r"([A-Z]+)(\d+)")


def read_xlsx(path: Path, form: TableFormat = PLAIN) -> tuple[Iterator[Row], list[str]]:
    """The rows of one sheet of an XLSX file; and warnings of hidden rows and of sheets that are not read.

    The sheet is the one that is named, or else the first that is not hidden.

    A clock time that is shown without seconds, as 2:05 typed for two minutes and five seconds is, becomes a text that
    says so, a formula that was never calculated its own text, and an error its name (#N/A): times.py reports them.
    A cell that is merged over several rows is the cell of each of them.
    Raises InputError if there is no such sheet, or if none is named and several have the same header.
    """
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        name = _sheet_name(path, book, form)
        content = _content(path, name)
        _refuse_far_cells(path, name, content)
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        _fill_merged(rows, content)
        styles = _styles(path)
        formulas, without_seconds = _odd_cells(content, styles)
        odd = [*_sheet_oddities(path, book, name, content, styles, form)]
    except (
        python_calamine.CalamineError,
        zipfile.BadZipFile,
        ElementTree.ParseError,
        KeyError,
        OSError,
    ) as error:
        raise InputError(f"{path}: not an XLSX file: {error}") from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of Rust, and no Exception
            raise InputError(f"{path}: not a sound XLSX file: {error}; save it again, or as CSV") from error
        raise
    lines: Iterator[Row] = (
        (
            line,
            [
                formulas.get((line, column))
                or (_shown_without_seconds(value) if (line, column) in without_seconds else cell_text(value))
                for column, value in enumerate(values)
            ],
        )
        for line, values in enumerate(rows[form.skip :], start=form.skip + 1)
    )
    return lines, odd


def _sheet_oddities(
    path: Path,
    book: "CalamineWorkbook",
    name: str,
    content: bytes,
    styles: ElementTree.Element,
    form: TableFormat,
) -> Iterator[str]:
    """A line each if rows of the sheet that is read are hidden or struck through, and if other sheets are not read."""
    if hidden := len(_HIDDEN_ROW.findall(content)):
        found = counted(hidden, "hidden row is", "hidden rows are")
        yield f"{path}: {found} read like all others: delete what is not meant"
    if struck := _struck_rows(content, styles):
        found = counted(struck, "row is", "rows are")
        yield f"{path}: {found} struck through and read like all others: delete what is not meant"
    others = [other for other in _shown(book) if other != name and any(_first_rows(book, other))]
    if others and form.sheet is None:
        yield f"{path}: only sheet {name!r} is read, not {', '.join(map(repr, others))}: see table.sheet"


def _content(path: Path, sheet: str) -> bytes:
    """The XML of a sheet."""
    with zipfile.ZipFile(path) as book:
        return book.read(_part_of(book, sheet))


def _refuse_far_cells(path: Path, sheet: str, content: bytes) -> None:
    """Raise InputError if a cell lies so far out that the table up to it, empty cells included, is too large."""
    far_row, far_column, names = 0, 0, ["", ""]
    for cell in _FILLED_CELL.finditer(content):
        letters, digits = cell[1].decode(), cell[2].decode()
        if int(digits) > far_row:
            far_row, names[0] = int(digits), letters + digits
        if _column_number(letters) >= far_column:
            far_column, names[1] = _column_number(letters) + 1, letters + digits
    if far_row * far_column > MAX_CELLS:
        far = " and ".join(dict.fromkeys(names))
        raise InputError(
            f"{path}: sheet {sheet!r} has cells as far out as {far}: delete what is far from the table"
        )


def _fill_merged(rows: list[list[Any]], content: bytes) -> None:
    """Give a cell that is merged over several rows to each of them; a file holds it for the first row alone."""
    for merged in _MERGED.finditer(content):
        column, first, last = _column_number(merged[1].decode()), int(merged[2]), int(merged[3])
        if first <= len(rows) and column < len(rows[first - 1]):
            for row in rows[first:last]:
                row[column] = rows[first - 1][column]


def _sheet_name(path: Path, book: "CalamineWorkbook", form: TableFormat) -> str:
    names, wanted = book.sheet_names, form.sheet
    if isinstance(wanted, int) and 1 <= wanted <= len(names):
        return names[wanted - 1]
    if wanted is None:
        return _first_shown(path, book, form)
    if wanted in names:
        return str(wanted)
    raise InputError(f"{path}: no sheet {wanted!r}; its sheets are {', '.join(names)}")


def _first_shown(path: Path, book: "CalamineWorkbook", form: TableFormat) -> str:
    """The first sheet that is not hidden.

    Raises InputError if another has the same header or the same known columns: its rows would be lost.
    """
    first, *others = _shown(book)
    if not others:
        return first
    wanted = {*REQUIRED, *form.columns.values()}
    rows = {name: _first_rows(book, name) for name in (first, *others)}
    known = {
        name: max(
            ({cell for cell in row if cell in wanted or cell.lower() in wanted} for row in top), key=len
        )
        for name, top in rows.items()
        if top
    }
    header = known.get(first, set())
    if len(header) < 2 and (table := next((name for name in others if len(known.get(name, ())) > 1), None)):
        raise InputError(
            f"{path}: sheet {first!r} is no table, and {table!r} looks like one: set table.sheet"
        )
    same = [
        name
        for name in others
        if rows[name] and (rows[name][:1] == rows[first][:1] or (header and header <= known[name]))
    ]
    if same:
        names = " and ".join(map(repr, (first, *same)))
        raise InputError(
            f"{path}: the sheets {names} have the same columns: choose one with table.sheet, or name each in "
            "table.files"
        )
    return first


def _shown(book: "CalamineWorkbook") -> list[str]:
    """The names of the sheets that are not hidden."""
    from python_calamine import SheetVisibleEnum

    return [sheet.name for sheet in book.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]


def _first_rows(book: "CalamineWorkbook", name: str) -> list[list[str]]:
    """The cells of the rows among which a header is looked for; none of an empty sheet."""
    rows = book.get_sheet_by_name(name).to_python(nrows=LINES_ABOVE_A_HEADER)
    return [[cell_text(cell).strip() for cell in row] for row in rows]


def _shown_without_seconds(value: object) -> str:
    if isinstance(value, datetime.time):
        seconds = value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6
    elif isinstance(value, datetime.timedelta):
        seconds = value.total_seconds()
    else:
        return cell_text(value)
    if seconds % 60:
        return cell_text(value)  # seconds that are not shown are no guess
    return WITHOUT_SECONDS.format(hours=int(seconds // 3600), minutes=int(seconds % 3600 // 60))


def _odd_cells(
    content: bytes, styles: ElementTree.Element
) -> tuple[dict[tuple[int, int], str], set[tuple[int, int]]]:
    """The formulas without a value and the errors, and the cells whose format shows hours and minutes but no seconds.

    Both by line from 1 and column from 0.
    """
    formulas: dict[tuple[int, int], str] = {}
    without_seconds: set[tuple[int, int]] = set()
    shown_without = _without_seconds(styles)
    if not shown_without and b"<f" not in content and b't="e"' not in content:
        return formulas, without_seconds
    for cell in ElementTree.fromstring(content).iter():
        if not cell.tag.endswith("}c") or not (name := _CELL_NAME.fullmatch(cell.get("r", ""))):
            continue
        place = int(name[2]), _column_number(name[1])
        if cell.get("s") in shown_without:
            without_seconds.add(place)
        formula, value = cell.find("{*}f"), cell.find("{*}v")
        if formula is not None and (value is None or not value.text) and cell.get("t") != "str":
            formulas[place] = f"={formula.text or '...'}"
        elif cell.get("t") == "e" and value is not None:
            formulas[place] = value.text or ""
    return formulas, without_seconds


def _part_of(book: zipfile.ZipFile, sheet: str) -> str:
    """The file of a sheet within a workbook."""
    relations = {
        relation.get("Id"): relation.get("Target", "")
        for relation in ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))
    }
    for element in ElementTree.fromstring(book.read("xl/workbook.xml")).iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            target = next(relations[value] for name, value in element.items() if name.endswith("}id"))
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError(sheet)


def _struck_rows(content: bytes, styles: ElementTree.Element) -> int:
    """How many rows of a sheet have a cell with content that is struck through."""
    struck = _struck(styles)
    if not struck:
        return 0
    return len({cell[1] for cell in _STYLED_CELL.finditer(content) if cell[2].decode() in struck})


def _styles(path: Path) -> ElementTree.Element:
    """The styles of a workbook; an empty element if it has none."""
    with zipfile.ZipFile(path) as book:
        if "xl/styles.xml" not in book.namelist():
            return ElementTree.Element("styleSheet")
        return ElementTree.fromstring(book.read("xl/styles.xml"))


def _without_seconds(styles: ElementTree.Element) -> frozenset[str]:
    """The numbers of the cell styles that show hours and minutes without seconds."""
    codes = {
        element.get("numFmtId"): _NOT_SHOWN.sub("", element.get("formatCode", "")).lower()
        for element in styles.iter()
        if element.tag.endswith("}numFmt")
    }
    formats = {name for name, code in codes.items() if "h" in code and "m" in code and "s" not in code}
    formats |= {str(number) for number in _BUILT_IN_WITHOUT_SECONDS}
    return _with(styles, "numFmtId", formats)


def _struck(styles: ElementTree.Element) -> frozenset[str]:
    """The numbers of the cell styles that strike the text through."""
    fonts = {
        str(number)
        for number, font in enumerate(styles.iterfind("{*}fonts/*"))
        if (strike := font.find("{*}strike")) is not None and strike.get("val", "1") not in ("0", "false")
    }
    return _with(styles, "fontId", fonts)


def _with(styles: ElementTree.Element, name: str, values: Collection[str | None]) -> frozenset[str]:
    """The numbers of the cell styles whose attribute has one of some values."""
    cells = enumerate(styles.iterfind("{*}cellXfs/*"))
    return frozenset(str(number) for number, style in cells if style.get(name) in values)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
