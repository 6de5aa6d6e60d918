"""Chooses the reader of an annotation file, and reads folders of annotation files."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from emodal_data.annotations.audacity import is_label_track, read_audacity
from emodal_data.annotations.columns import KNOWN, Row, table_of_rows
from emodal_data.annotations.elan import read_elan
from emodal_data.annotations.label_studio import read_label_studio
from emodal_data.annotations.subtitles import read_subtitles
from emodal_data.annotations.tables import read_csv, read_parquet, read_xlsx
from emodal_data.core.errors import InputError
from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES


def _read_txt(path: Path, film: str) -> Iterable[Row]:
    return read_audacity(path, film) if is_label_track(path) else read_csv(path)


#: A reader takes the file, and a film name for formats that do not name their film.
_READERS: dict[str, Callable[[Path, str], Iterable[Row]]] = {
    ".csv": lambda path, _: read_csv(path),
    ".tsv": lambda path, _: read_csv(path),
    ".parquet": lambda path, _: read_parquet(path),
    ".xlsx": lambda path, _: read_xlsx(path),
    ".srt": read_subtitles,
    ".vtt": read_subtitles,
    ".eaf": read_elan,
    ".txt": _read_txt,
    ".json": read_label_studio,
}
#: Other files in folders of annotations, which are ignored: films, preferences of ELAN, notes.
_IGNORED = FILM_SUFFIXES | SOUND_SUFFIXES | {".pfsx", ".etf", ".md"}


def read_table(path: Path) -> pd.DataFrame:
    """The table of a file, or of all files below a folder, as text: see columns.table_of_rows.

    A folder's table has the column annotation_file, the path within the folder. If a format does not name its film,
    the film has the name of the annotation file without suffix, with its path within the folder.
    Raises InputError with one line for each file that cannot be read, and if there are no rows at all.
    """
    tables, errors = [], []
    for file in annotation_files(path):
        try:
            tables.append(_read_file(file, path))
        except InputError as error:
            errors.append(str(error))
    if errors:
        raise InputError("\n".join(errors))
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        raise InputError(f"{path}: the table has no rows: write one line for each span")
    others = [name for name in table.columns if name not in KNOWN]
    return table.fillna(dict.fromkeys(others, ""))


def annotation_files(path: Path) -> list[Path]:
    """The file itself, or the annotation files below a folder, in the order of their names.

    Hidden files, films and sound files are ignored. Raises InputError if no file remains.
    """
    if not path.is_dir():
        return [path]
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file()
        and file.suffix.lower() not in _IGNORED
        and not any(part.startswith((".", "~")) for part in file.relative_to(path).parts)
    )
    if not files:
        raise InputError(f"{path}: no annotation file in this folder")
    return files


def annotations_sha256(path: Path) -> str:
    """SHA-256 of the content of an annotation file, or of the names and contents of a folder's."""
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for file in annotation_files(path):
        name = file.relative_to(path).as_posix()
        digest.update(f"{hashlib.sha256(file.read_bytes()).hexdigest()} {name}\n".encode())
    return digest.hexdigest()


def _read_file(file: Path, given: Path) -> pd.DataFrame:
    suffix = file.suffix.lower()
    if suffix not in _READERS:
        kinds = ", ".join(_READERS)
        raise InputError(f"{file}: annotations must be {kinds}, not {suffix or 'no suffix'}")
    if not file.is_file():
        raise InputError(f"{file}: no such annotation file")
    inside = file.relative_to(given) if file != given else Path(file.name)
    try:
        table = table_of_rows(file, _READERS[suffix](file, inside.with_suffix("").as_posix()))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or error}") from error
    return table if file == given else table.assign(annotation_file=inside.as_posix())
