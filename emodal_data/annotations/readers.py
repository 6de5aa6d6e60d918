"""Chooses the reader of an annotation file, and reads folders of annotation files or of clips."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from emodal_data.annotations.audacity import is_label_track, read_audacity
from emodal_data.annotations.bounded import BoundedReaders
from emodal_data.annotations.clip_folders import clip_files, read_clip_folder
from emodal_data.annotations.columns import KNOWN, Row, table_of_rows
from emodal_data.annotations.elan import read_elan
from emodal_data.annotations.label_studio import is_label_studio, read_label_studio
from emodal_data.annotations.mapping import TableFormat
from emodal_data.annotations.odd_times import columns_side_by_side, odd_times, unmapped_times
from emodal_data.annotations.praat import read_textgrid
from emodal_data.annotations.records import names_inner_records, read_json_lines, read_json_records
from emodal_data.annotations.spreadsheets import read_xlsx
from emodal_data.annotations.subtitles import read_subtitles
from emodal_data.annotations.tables import delimiter_of, read_long_csv, read_parquet
from emodal_data.annotations.times import TIME_COLUMNS, with_times
from emodal_data.core.config import AS_DOCUMENTED, TableConfig
from emodal_data.core.errors import InputError
from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES, STILL_SUFFIXES

#: Readers of tables, whose columns are mapped.
_TABLES: Final[dict[str, Callable[[Path, TableFormat], Iterable[Row]]]] = {
    ".parquet": lambda path, _: read_parquet(path),
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}

_TEXT_TABLES: Final = (".csv", ".tsv", ".txt")

#: Readers of formats with known columns; each takes the file, a film name for formats that do not name their film, and
#: the encoding, which XML files say themselves.
_FORMATS: Final[dict[str, Callable[[Path, str, str], Iterable[Row]]]] = {
    ".srt": read_subtitles,
    ".vtt": read_subtitles,
    ".eaf": lambda path, film, _: read_elan(path, film),
    ".textgrid": read_textgrid,
    ".txt": read_audacity,
    ".json": read_label_studio,
}
_SUFFIXES: Final = tuple(dict.fromkeys((*_TEXT_TABLES, ".xlsx", *_TABLES, *_FORMATS)))
#: Other files in folders of annotations, which are ignored: films, preferences of ELAN, notes.
_IGNORED: Final = FILM_SUFFIXES | SOUND_SUFFIXES | STILL_SUFFIXES | {".pfsx", ".etf", ".md"}
#: Text tables, and other text, up to these sizes are read in this process, in about a second.
_SMALL_TABLE_BYTES, _SMALL_BYTES = 8 * 2**20, 2**20
#: Libraries in C++ and Rust read these, and what such a file asks for has no relation to its size.
_BINARY: Final = (".parquet", ".xlsx")
#: Names of text files for people that lie beside tables.
_FOR_PEOPLE: Final = re.compile(r"(?i)(read[ _-]?me|licen[cs]e|notice|changelog|layout)\b.*")


@dataclass(frozen=True)
class AnnotationFile:
    """A file to read. name: its path within the folder of annotations, or "" if it was named itself."""

    path: Path
    name: str
    form: TableFormat
    is_table: bool


def read_table(
    path: Path, config: TableConfig, films: Path | None = None, needs_label: bool = True
) -> pd.DataFrame:
    """The table of a file, or of all files below a folder, as text: see columns.table_of_rows.

    A folder's table has the column annotation_file, the path within the folder. If a format does not name its film,
    the film has the name of the annotation file without suffix, with its path within the folder.
    films: the folder of films, for tables that are made of the paths of clips. needs_label: a table without the column
    label is an error; else the column is empty.
    Raises InputError with one line for each file that cannot be read, and if there are no rows at all.
    """
    if config.reads_names:
        return read_clip_folder(path, config, films)
    tables, errors = [], []
    with BoundedReaders() as readers:
        for file in annotation_files(path, config):
            file = replace(file, form=replace(file.form, needs_label=needs_label))
            try:
                if _is_small_text(file):
                    tables.append(_read_file(file, config))
                else:
                    tables.append(readers.read(file.path, _read_file, file, config))
            except InputError as error:
                errors.append(str(error))
    if errors:
        raise InputError("\n".join(errors))
    table = pd.concat(tables, ignore_index=True)
    warnings = (line for each in tables for line in each.attrs.get("warnings", ()))
    table.attrs["warnings"] = tuple(dict.fromkeys(warnings))
    if table.empty:
        raise InputError(f"{path}: the table has no rows: write one line for each span")
    others = [name for name in table.columns if name not in (*KNOWN, *TIME_COLUMNS)]
    return table.fillna(dict.fromkeys(others, ""))


def annotation_files(path: Path, config: TableConfig) -> list[AnnotationFile]:
    """The file itself, or the annotation files below a folder, in the order of their names.

    Hidden files, films, sound files, pictures and files for people are ignored. With config.files, only those are
    read, in their order. Raises InputError if no file remains, or none is at a path of config.files.
    """
    if config.files:
        return _named_files(path, config)
    form = TableFormat.of(config)
    if not path.is_dir():
        return [AnnotationFile(path, "", form, _is_mapped(form))]
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file()
        and file.suffix.lower() not in _IGNORED
        and not _FOR_PEOPLE.fullmatch(file.name)
        and not any(part.startswith((".", "~")) for part in file.relative_to(path).parts)
    )
    if not files:
        raise InputError(
            f"{path}: no annotation file in this folder; for a folder of clips, set table.pattern"
        )
    return [AnnotationFile(file, file.relative_to(path).as_posix(), form, False) for file in files]


def annotations_sha256(path: Path, config: TableConfig = AS_DOCUMENTED) -> str:
    """SHA-256 of the content of an annotation file, or of the names and contents of a folder's.

    Of a folder of clips the names alone: what is in the films is hashed elsewhere.
    """
    if config.reads_names:
        return hashlib.sha256("\n".join(clip_files(path)).encode()).hexdigest()
    if not path.is_dir():
        return _sha256(path)
    digest = hashlib.sha256()
    for file in annotation_files(path, config):
        digest.update(f"{_sha256(file.path)} {file.name}\n".encode())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named_files(path: Path, config: TableConfig) -> list[AnnotationFile]:
    if not path.is_dir():
        raise InputError(f"{path}: table.files names files of a folder: give the folder as annotations")
    found, absent = [], []
    for wanted in config.files:
        files = sorted(file for file in path.glob(wanted.path) if file.is_file())
        if not files:
            absent.append(wanted.path)
        form = TableFormat.of(config, wanted)
        found += [
            AnnotationFile(file, file.relative_to(path).as_posix(), form, _is_mapped(form)) for file in files
        ]
    if absent:
        raise InputError(f"{path}: table.files: no file {' and no file '.join(absent)}")
    return found


def _is_small_text(file: AnnotationFile) -> bool:
    """Whether a file needs no worker: readers of text take time in proportion to its size, but for a user's regex."""
    suffix = file.path.suffix.lower()
    try:
        size_bytes = file.path.stat().st_size
    except OSError:  # its reader says what is wrong
        size_bytes = 0
    most_bytes = _SMALL_TABLE_BYTES if suffix in _TEXT_TABLES else _SMALL_BYTES
    return suffix not in _BINARY and size_bytes <= most_bytes and not file.form.extract


def _is_mapped(form: TableFormat) -> bool:
    """Whether the format says that the file is a table, which its first line might not."""
    return bool(form.columns or form.extract or form.votes or form.delimiter or not form.header)


def _read_file(file: AnnotationFile, config: TableConfig) -> pd.DataFrame:
    path, suffix = file.path, file.path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(
            f"{path}: annotations must be {', '.join(_SUFFIXES)}, not {suffix or 'no suffix'}: save it as one of them; "
            "name a table of another kind of text .txt"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such annotation file")
    try:
        table = _read_rows(file, suffix, config)
    except (InputError, MemoryError):
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # whatever a file can make a reader of its format do
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{path}: not a sound {suffix} file: {said}") from error
    return table.assign(annotation_file=file.name) if file.name else table


def _read_rows(file: AnnotationFile, suffix: str, config: TableConfig) -> pd.DataFrame:
    path, encoding = file.path, file.form.encoding
    film = str(Path(file.name or path.name).with_suffix("").as_posix())
    rows: Iterable[Row] | None = None
    block, is_semicolon, odd = None, False, list[str]()
    if suffix in _TEXT_TABLES and (suffix != ".txt" or file.is_table or not is_label_track(path, encoding)):
        rows, block = read_long_csv(path, file.form)
        is_semicolon = delimiter_of(path, file.form) == ";"
    elif suffix == ".xlsx":
        rows, odd = read_xlsx(path, file.form)
    elif suffix in _TABLES:
        rows = _TABLES[suffix](path, file.form)
    elif suffix == ".json" and (names_inner_records(file.form) or not is_label_studio(path, encoding)):
        rows = read_json_records(path, file.form)
    if rows is None:
        mapped = replace(file.form, header=True, votes={}) if file.is_table else None
        table = table_of_rows(path, _FORMATS[suffix](path, film, encoding), mapped)
        table = with_times(table, config, is_semicolon=False, may_be_whole=False)
        if (file.form.columns or file.form.extract) and not mapped:
            unused = (
                f"table.columns and table.extract are not used for {suffix} files: name them in table.files"
            )
            table.attrs["warnings"] = (unused,)
        return table
    table = table_of_rows(path, rows, file.form, block)
    odd += unmapped_times(path, table, is_meant=bool({"start", "end"} & file.form.columns.keys()))
    elsewhere = {source for other in config.files for source in other.columns.values()}
    odd += columns_side_by_side(path, table, file.form.columns, elsewhere)
    table = with_times(table, config, is_semicolon, may_be_whole=True)
    times = odd_times(path, table, file.form.columns, config.unit)
    table.attrs["warnings"] = (*table.attrs.get("warnings", ()), *times, *odd)
    return table
