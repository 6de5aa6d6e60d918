"""The files of a corpus on disk: one index of the tree, found by the end of their paths, and its tables as rows."""

import codecs
import itertools
import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from emodal_data.annotations.mapping import TableFormat
from emodal_data.annotations.spreadsheets import read_xlsx
from emodal_data.annotations.tables import read_csv
from emodal_data.annotations.text import decode
from emodal_data.core.errors import InputError
from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES

_MEDIA = FILM_SUFFIXES | SOUND_SUFFIXES


class CorpusFolder:
    """A corpus as it was unpacked. files: paths below the folder, with forward slashes, in order; no hidden ones.

    notes: what a reader found odd about the files; reported beside the result. place: the row that was read last.
    Raises InputError if the folder does not exist.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(
                f"{root}: no such folder; unpack the corpus and name the folder that holds its files"
            )
        self.root = root
        self.files = tuple(sorted(_files_below(root)))
        self.notes: list[str] = []
        self.place = str(root)
        self._known = frozenset(self.files)
        self._by_end: dict[int, dict[str, list[str]]] = {}

    def media(self, suffixes: Collection[str] = FILM_SUFFIXES) -> list[str]:
        """The paths of films, or of files with other suffixes."""
        return [name for name in self.files if PurePosixPath(name).suffix.lower() in suffixes]

    def matching(
        self, pattern: str, names: Collection[str] | None = None
    ) -> Iterator[tuple[str, re.Match[str]]]:
        """Paths whose end matches a regular expression, from the start of a name of a file or a folder."""
        compiled = re.compile(rf"(?:.*/)?{pattern}")
        for name in self.files if names is None else names:
            if match := compiled.fullmatch(name):
                yield name, match

    def find(self, end: str, suffixes: Collection[str] = FILM_SUFFIXES) -> list[str]:
        """The files of these suffixes whose path ends with `end`, with or without suffix.

        The whole path of a file means that file only.
        """
        if end in self._known and PurePosixPath(end).suffix.lower() in suffixes:
            return [end]
        found = self._ends(end.count("/") + 1).get(end, [])
        return [name for name in found if PurePosixPath(name).suffix.lower() in suffixes]

    def table(self, pattern: str, what: str) -> str:
        """The only file that matches a pattern; see matching. what: its name, for the message.

        Raises InputError if there is none, or several.
        """
        found = [name for name, _ in self.matching(pattern)]
        if not found:
            raise InputError(f"{self.root}: no {what} here or below: is this the folder of the corpus?")
        if len(found) > 1:
            raise InputError(
                f"{self.root}: {what} is there {len(found)} times, such as {found[0]} and {found[1]}: keep one"
            )
        return found[0]

    def parts(self, pattern: str, what: str) -> list[tuple[str, re.Match[str]]]:
        """The files that match a pattern; see matching. what: the name of one, for the message.

        Raises InputError if there is none, or if two have the same groups: one of them is a copy.
        """
        found = list(self.matching(pattern))
        if not found:
            raise InputError(f"{self.root}: no {what} here or below: is this the folder of the corpus?")
        names: dict[tuple[str, ...], str] = {}
        for name, match in found:
            if (other := names.setdefault(match.groups(), name)) != name:
                raise InputError(f"{self.root}: {other} and {name} are the same part of the corpus: keep one")
        return found

    def rows(self, name: str, *needed: str) -> Iterator[dict[str, str]]:
        """The rows of a CSV, TSV or XLSX table by column, without surrounding blanks; missing cells are empty.

        Raises InputError if one of the needed columns is missing.
        """
        path = self.root / name
        is_book = path.suffix.lower() == ".xlsx"
        lines = read_xlsx(path)[0] if is_book else read_csv(path, TableFormat(encoding=self._encoding(name)))
        header = [cell.strip() for cell in next(lines, (1, []))[1]]
        if missing := [column for column in needed if column not in header]:
            raise InputError(
                f"{path}: no column {missing[0]!r} in the header: is this the corpus's own table?"
            )
        for line, cells in lines:
            self.place = f"{path}: row {line}"
            if any(cells):
                yield dict(
                    itertools.zip_longest(
                        header, (cell.strip() for cell in cells[: len(header)]), fillvalue=""
                    )
                )

    def has_columns(self, name: str, *names: str) -> bool:
        """Whether the header of a CSV or TSV table has all of these columns."""
        header = next(read_csv(self.root / name, TableFormat(encoding=self._encoding(name))), (1, []))[1]
        return {cell.strip() for cell in header} >= set(names)

    def text(self, name: str) -> str:
        """A text file. What is not UTF-8 is read as cp1252, which older corpora have, and noted."""
        return decode(self.root / name, self._encoding(name))

    def json(self, name: str) -> Any:
        """A JSON file. Raises InputError if it is none."""
        try:
            return json.loads(self.text(name))
        except ValueError as error:
            raise InputError(f"{self.root / name}: not valid JSON: {error}") from error

    def _encoding(self, name: str) -> str:
        content = (self.root / name).read_bytes()
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return ""
        try:
            content.decode()
        except UnicodeDecodeError:
            note = f"{name}: is not UTF-8; read as cp1252"
            self.notes += [] if note in self.notes else [note]
            return "cp1252"
        return ""

    def _ends(self, parts: int) -> dict[str, list[str]]:
        """Media by the last `parts` parts of their paths, with and without suffix."""
        if parts not in self._by_end:
            index: dict[str, list[str]] = defaultdict(list)
            for name in self.media(_MEDIA):
                end = "/".join(name.split("/")[-parts:])
                index[end].append(name)
                index[end[: -len(PurePosixPath(end).suffix)]].append(name)
            self._by_end[parts] = dict(index)
        return self._by_end[parts]


def _files_below(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = Path(folder).relative_to(root)
        yield from ((inside / name).as_posix() for name in names if not name.startswith("."))
