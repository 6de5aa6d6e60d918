"""A folder of clips as a table: one row a file, with columns taken from its path."""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from emodal_data.annotations.columns import Row, table_of_rows
from emodal_data.annotations.mapping import TableFormat
from emodal_data.annotations.times import with_times
from emodal_data.core.config import TableConfig
from emodal_data.core.errors import InputError
from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES, STILL_SUFFIXES
from emodal_data.core.text import counted
from emodal_data.storage.files import files_below

_FIELD = re.compile(r"\{([^{}]*)\}")
_SUFFIXES = FILM_SUFFIXES | SOUND_SUFFIXES | STILL_SUFFIXES


def clip_files(folder: Path) -> list[str]:
    """Paths of the films, sound files and still pictures below a folder, in the order of their names."""
    return [
        name
        for name in files_below(folder)
        if PurePosixPath(name).suffix.lower() in _SUFFIXES and "/." not in f"/{name}"
    ]


def read_clip_folder(folder: Path, config: TableConfig, films: Path | None) -> pd.DataFrame:
    """The rows of a folder of clips whose paths match config.pattern or config.regex, numbered in their order.

    film is the path below `films`, or below the folder if that is not in `films`. Each row is a whole file, unless
    columns of the paths give start and end. Columns are mapped as those of a table; a pattern without {label} gives
    unlabelled rows. The number of files that do not match is reported in attrs["warnings"].
    Raises InputError if the folder does not exist or no file matches.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of clips; table.pattern and table.regex read a folder")
    compiled = _compiled(config)
    inside = ""
    if (
        films is not None
        and folder.resolve() != films.resolve()
        and folder.resolve().is_relative_to(films.resolve())
    ):
        inside = folder.resolve().relative_to(films.resolve()).as_posix() + "/"
    names = list(compiled.groupindex)
    header = ["film", *(name for name in names if name != "film")]
    extra = [name for name in ("label",) if name not in header and name not in config.columns]
    rows: list[Row] = []
    others: list[str] = []
    for name in clip_files(folder):
        if match := compiled.fullmatch(_matched_part(name, config)):
            groups = {"film": inside + name, **match.groupdict("")}
            rows.append((len(rows) + 1, [*(groups[column] for column in header), *("" for _ in extra)]))
        else:
            others.append(name)
    if not rows:
        said = config.pattern or config.regex
        example = f"such as {others[0]}" if others else "the folder has none"
        raise InputError(f"{folder}: no clip matches {said!r} ({len(others)} do not; {example})")
    table = table_of_rows(
        folder, [(0, [*header, *extra]), *rows], TableFormat(config.columns, config.extract)
    )
    table = with_times(table, config, is_semicolon=False, may_be_whole=True)
    if others:
        pattern = config.pattern or repr(config.regex)
        left_out = counted(len(others), "file", "files")
        table.attrs["warnings"] = (
            f"{left_out} of {folder} left out: no match with {pattern}, such as {others[0]}",
        )
    return table


def _matched_part(name: str, config: TableConfig) -> str:
    """What of a path is matched: a pattern without a folder is about the name, one without a suffix leaves it out."""
    said = config.pattern or config.regex
    if "/" not in said:
        name = PurePosixPath(name).name
    suffix = PurePosixPath(said).suffix.lower()
    if config.pattern and suffix not in _SUFFIXES and "{" not in suffix and "*" not in suffix:
        name = PurePosixPath(name).with_suffix("").as_posix()
    return name


def _compiled(config: TableConfig) -> re.Pattern[str]:
    if config.regex:
        try:
            return re.compile(config.regex)
        except re.error as error:
            raise InputError(f"table.regex = {config.regex!r}: not a regular expression: {error}") from error
    parts, names = [], set[str]()
    for index, text in enumerate(_FIELD.split(config.pattern)):
        if index % 2 == 0:
            parts.append(re.escape(text).replace(r"\*", "[^/]*"))
        elif not text.isidentifier():
            raise InputError(f"table.pattern: {{{text}}} must be a name of letters, digits and underscores")
        elif text in names:
            parts.append(f"(?P={text})")
        else:
            names.add(text)
            parts.append(f"(?P<{text}>[^/]+?)")
    return re.compile("".join(parts))
