"""Gives the columns of a table the names that are known here: renames, templates, constants, regular expressions."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from emodal_data.core.config import TableConfig, TableFile
from emodal_data.core.errors import InputError

#: What other people call the known columns, in lower case: only to suggest a mapping, never to take one.
_ALSO_CALLED: Mapping[str, tuple[str, ...]] = {
    "film": (
        "filename",
        "file",
        "video",
        "clip",
        "path",
        "movie",
        "name",
        "file_name",
        "video_id",
        "videoname",
    ),
    "start": (
        *("starttime", "start_time", "start_s", "onset", "begin", "from", "t_start", "tmin", "t0", "in"),
        *("von", "inicio", "début", "开始", "开始时间"),
    ),
    "end": (
        *("endtime", "end_time", "end_s", "stop", "offset", "to", "t_end", "tmax", "t1", "out"),
        *("bis", "fin", "结束", "结束时间"),
    ),
    "label": ("emotion", "class", "category", "discrete", "emo", "emovote", "expression", "annotation"),
}

_FIELD = re.compile(r"\{([^{}]+)\}")
#: More votes for a clip are no votes of people, but a column of something else.
_NUMBER_OF_VOTES = re.compile(r"\d{1,4}(?:\.0+)?")
_WHOLE_NUMBER_SPEC = re.compile(r".*[dxXob]")
_REAL_NUMBER_SPEC = re.compile(r".*[eEfFgG%]")

#: Parts of a path that a template can take: {path.stem} of "a/b.mp4" is "b".
_PARTS: Mapping[str, Callable[[PurePosixPath], str]] = {
    "name": lambda path: path.name,
    "stem": lambda path: path.stem,
    "parent": lambda path: path.parent.as_posix(),
    "folder": lambda path: path.parent.name,
}


@dataclass(frozen=True)
class TableFormat:
    """How one file is read. columns: known column -> source; see TableConfig, which documents all of them.

    needs_label: whether the column label is required.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    extract: Mapping[str, str] = field(default_factory=dict)
    sheet: str | int | None = None
    header: bool = True
    delimiter: str = ""
    quotes: str = "auto"
    encoding: str = ""
    skip: int = 0
    votes: Mapping[str, str] = field(default_factory=dict)
    needs_label: bool = True

    @classmethod
    def of(cls, table: TableConfig, file: TableFile | None = None) -> "TableFormat":
        """The format of a file: what it does not set is as in the section."""
        if file is None:
            file = TableFile(path="")
        own = {"film": file.film, "split": None if file.split is None else f"={file.split}"}

        return cls(
            {
                **table.columns,
                **file.columns,
                **{name: text for name, text in own.items() if text is not None},
            },
            {**table.extract, **file.extract},
            table.sheet if file.sheet is None else file.sheet,
            table.header if file.header is None else file.header,
            table.delimiter if file.delimiter is None else file.delimiter,
            table.quotes,
            table.encoding if file.encoding is None else file.encoding,
            table.skip if file.skip is None else file.skip,
            {**table.votes, **file.votes},
        )


#: A table that needs no mapping.
PLAIN: Final = TableFormat()


def map_columns(path: Path, table: pd.DataFrame, form: TableFormat) -> pd.DataFrame:
    """The table with its mapped columns under the names that are known here, the others as they were.

    table: text, with the names of the file's header. A column that is only renamed leaves its old name; one whose
    name a mapped column takes is kept as NAME_in_table. Raises InputError that names every source that is missing.
    """
    table = _extracted(path, table, form.extract)
    missing = [
        f"{target} = {source!r}{hint(name, table.columns)}"
        for target, source in form.columns.items()
        for name in _sources(source, table.columns)
        if name not in table.columns
    ]
    if missing:
        raise InputError(
            f"{path}: table.columns names columns that are not in the header ({', '.join(table.columns)}): "
            + "; ".join(missing)
            + '; "=text" is the same text for all rows'
        )
    mapped = {target: _evaluated(source, table) for target, source in form.columns.items()}
    renamed = {source for source in form.columns.values() if source in table.columns}
    if "film" not in form.columns:
        renamed.discard("film")  # it says more than one thing: speaker = "film"
    rest = table.drop(columns=sorted(renamed))
    rest = rest.rename(columns={name: f"{name}_in_table" for name in rest if str(name).lower() in mapped})
    return rest.assign(**mapped)


def count_as_rows(path: Path, table: pd.DataFrame, votes: Mapping[str, str]) -> pd.DataFrame:
    """The table with a row for each vote, its label the word that the vote is for; a row without votes has no label.

    votes: the column with the number of votes of each label. Raises InputError if one is missing, or a cell is no
    whole number.
    """
    missing = [
        f"{label} = {name!r}{hint(name, table.columns)}" for label, name in votes.items() if name not in table
    ]
    if missing:
        raise InputError(
            f"{path}: table.votes names columns that are not in the header: " + "; ".join(missing)
        )
    words = []
    for row, *cells in table[["row", *votes.values()]].itertuples(index=False, name=None):
        if wrong := next((cell for cell in cells if cell and not _NUMBER_OF_VOTES.fullmatch(cell)), None):
            raise InputError(
                f"{path}: row {row}: {wrong!r} is no number of votes (table.votes): write counts, or a column label"
            )
        counts = [int(float(cell)) if cell else 0 for cell in cells]
        words.append(
            [label for label, count in zip(votes, counts, strict=True) for _ in range(count)] or [""]
        )
    table = table.rename(columns={name: "label_in_table" for name in table if str(name).lower() == "label"})
    table = table.assign(label=pd.Series(words, index=table.index, dtype=object)).explode(
        "label", ignore_index=True
    )
    return table.astype({"label": "str"})


def hint(name: str, names: "pd.Index[str] | list[str]") -> str:
    """ "; did you mean ...?" with the column whose name is nearest, or "" if none is near."""
    found = nearest(name, names)
    return f"; did you mean {found!r}?" if found else ""


def nearest(name: str, names: "pd.Index[str] | list[str]") -> str | None:
    """The column that was probably meant by a name: one that others call so, or the one spelt most alike."""
    by_lower = {str(other).lower(): str(other) for other in names}
    for also in (name.lower(), *_ALSO_CALLED.get(name, ())):
        if also in by_lower:
            return by_lower[also]
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def named_like_a_time(name: str) -> bool:
    """Whether a column's name says that it may hold the start, the end or the length of spans."""
    words = (*_ALSO_CALLED["start"], *_ALSO_CALLED["end"], "start", "end")
    return name.lower() in words or bool(
        re.search(r"(?i)start|begin|onset|offset|duration|^end|end_?time", name)
    )


def _extracted(path: Path, table: pd.DataFrame, extract: Mapping[str, str]) -> pd.DataFrame:
    for name, pattern in extract.items():
        if name not in table.columns:
            raise InputError(
                f"{path}: table.extract: no column {name!r} in the header{hint(name, table.columns)}"
            )
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise InputError(
                f"table.extract: {name} = {pattern!r}: not a regular expression: {error}"
            ) from error
        if not compiled.groupindex:
            raise InputError(
                f"table.extract: {name} = {pattern!r}: has no named group, such as (?P<speaker>...)"
            )
        found = [match.groupdict("") if (match := compiled.search(cell)) else {} for cell in table[name]]
        unmatched = [cell for cell, groups in zip(table[name], found, strict=True) if cell and not groups]
        if unmatched:
            warning = f"{path}: table.extract: {len(unmatched)} cells of {name!r} do not match"
            table.attrs["warnings"] = (
                *table.attrs.get("warnings", ()),
                f"{warning}, such as {unmatched[0]!r}: what they should give is empty",
            )
        for group in compiled.groupindex:
            if group in table.columns:
                table = table.rename(columns={group: f"{group}_in_table"})
            table = table.assign(**{group: pd.array([each.get(group, "") for each in found], dtype="str")})
    return table


def _is_constant(source: str, names: "pd.Index[str]") -> bool:
    return source not in names and source.startswith("=")


def _sources(source: str, names: "pd.Index[str]") -> list[str]:
    """The columns that a source reads."""
    if source in names:
        return [source]
    if source.startswith("="):
        return []
    if _FIELD.search(source):
        return [_parsed(text, names)[0] for text in _FIELD.findall(source)]
    return [source]


def _evaluated(source: str, table: pd.DataFrame) -> pd.Series:
    if source in table.columns:
        return table[source]
    if _is_constant(source, table.columns):
        return pd.Series(source[1:], index=table.index, dtype="str")
    pieces = _FIELD.split(source)  # text, field, text, field, ..., text
    texts = pd.Series(pieces[0], index=table.index, dtype="str")
    for field_text, after in zip(pieces[1::2], pieces[2::2], strict=True):
        name, part, spec = _parsed(field_text, table.columns)
        texts = (
            texts + table[name].map(lambda cell, part=part, spec=spec: _formatted(cell, part, spec)) + after
        )
    return texts.astype("str")


def _parsed(text: str, names: "pd.Index[str]") -> tuple[str, str, str]:
    """Column, part of a path and format specification of "Dialogue_ID", "path.stem" or "x:08d"."""
    if text in names:
        return text, "", ""
    name, _, spec = text.rpartition(":") if ":" in text else (text, "", "")
    if name in names:
        return name, "", spec
    whole, _, part = name.rpartition(".")
    return (whole, part, spec) if part in _PARTS and whole else (name, "", spec)


def _formatted(cell: str, part: str, spec: str) -> str:
    """The cell in a template. A cell that does not fit its format stays as it is: the film is then reported missing."""
    if part:
        cell = _PARTS[part](PurePosixPath(cell.replace("\\", "/")))
    try:
        if _WHOLE_NUMBER_SPEC.fullmatch(spec):
            return format(int(float(cell)) if "." in cell else int(cell), spec)
        if _REAL_NUMBER_SPEC.fullmatch(spec):
            return format(float(cell), spec)
        return format(cell, spec)
    except ValueError:
        return cell
