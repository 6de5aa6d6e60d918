"""Finds the films that annotations name, in one listing of the films folder for a whole plan."""

import difflib
import heapq
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from emodal_data.clips.films import FilmFile
from emodal_data.core.errors import Dropped
from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES, STILL_SUFFIXES
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.storage.files import files_below
from emodal_data.storage.urls import shown

_OTHER_SUFFIXES = SOUND_SUFFIXES | STILL_SUFFIXES
_SUFFIXES = FILM_SUFFIXES | _OTHER_SUFFIXES
#: Names compared with misspelt ones in all; beyond that only case and leading zeros are compared, which costs nothing.
_COMPARISONS = 100_000
_ALIKE_AT_ONCE = 50
_WHOLE_NUMBER = re.compile(r"\d+\.0+")
#: Words of folders and of split columns, each with the split that it means.
_SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validation", "development"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class FoundFilm:
    """A film that was found by its name. is_elsewhere: it is in a folder that the name does not say."""

    file: FilmFile
    is_elsewhere: bool


class FilmIndex:
    """The files of a films folder. It is listed when the first name is no path of a file, and then once."""

    def __init__(self, films: Path) -> None:
        self._films = films
        self._root = str(films.resolve())
        self._inside = f"{self._root.rstrip('/')}/"
        self._folders: dict[str, str] = {}
        self._tails: dict[tuple[int, frozenset[str]], dict[str, list[str]]] = {}
        self._comparisons_left = _COMPARISONS

    def find(self, name: str) -> FoundFilm:
        """The film that an annotation names.

        A name that is no path below the folder means the only film whose path ends with it, with or without suffix:
        subtitles know no suffix, and annotation tools know no folders. Composed and decomposed letters are equal; case
        and leading zeros are not. 1917.0, as spreadsheets write numbers, is 1917.
        Raises Dropped (film_missing with a suggestion, or film_outside_folder when a path or link leads out).
        """
        if file := self._file_at(name):
            return FoundFilm(file, is_elsewhere=False)
        wanted = _clean(name)
        likely = self._that_end_with(wanted)
        if not likely and _WHOLE_NUMBER.fullmatch(name):
            return self.find(name.split(".")[0])
        if len(likely) == 1 and (file := self._file_at(likely[0])):
            return FoundFilm(file, is_elsewhere=likely[0].count("/") > wanted.count("/"))
        if len(likely) > 1:
            several = f"{len(likely)} films may be meant, such as {' and '.join(likely[:2])}: write its path"
            raise Dropped(Reason.FILM_MISSING, f"{name}: {several}")
        near = self._nearest(wanted)
        said = f"; did you mean {near}?" if near else ""
        raise Dropped(Reason.FILM_MISSING, f"{name}: not under {shown(self._films)}{said}")

    def _file_at(self, name: str) -> FilmFile | None:
        """The file at a path below the folder. With text, because pathlib takes four times as long."""
        path = os.path.normpath(os.path.join(self._root, name))  # noqa: PTH118
        try:
            if not path.startswith(self._inside):
                fact, real = None, os.path.realpath(path)
            else:
                fact = os.lstat(path)  # most names that are not paths end here
                folder, file = os.path.split(path)
                real = (
                    os.path.realpath(path) if stat.S_ISLNK(fact.st_mode) else f"{self._real(folder)}/{file}"
                )
            if not f"{real}/".startswith(self._inside):
                raise Dropped(Reason.FILM_OUTSIDE_FOLDER, f"{name}: {ADVICE[Reason.FILM_OUTSIDE_FOLDER]}")
            if fact is None or stat.S_ISLNK(fact.st_mode):
                fact = os.stat(path)  # noqa: PTH116
        except (OSError, ValueError):  # no such file, no such name, a link to itself
            return None
        if not stat.S_ISREG(fact.st_mode):
            return None
        path = path if path.startswith(self._inside) else real
        name = path.removeprefix(self._inside)
        return FilmFile(name, Path(path), fact.st_size, fact.st_mtime_ns, inode=fact.st_ino)

    def _real(self, folder: str) -> str:
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return self._folders[folder]

    @cached_property
    def _files(self) -> list[str]:
        return files_below(Path(self._root))

    @cached_property
    def _by_composed_path(self) -> dict[str, list[str]]:
        return _grouped(self._files, lambda path: [_composed(path)])

    @cached_property
    def _by_folded_name(self) -> dict[str, list[str]]:
        return _grouped(self._files, lambda path: [_folded(path.rpartition("/")[2])])

    def _that_end_with(self, wanted: str) -> list[str]:
        """Paths of the films that end with a clean name, with or without suffix; only those at that path, if any."""
        parts = wanted.split("/")
        if not wanted or ".." in parts or wanted.startswith("/"):
            return []
        if same := self._by_composed_path.get(wanted):
            return same
        found = self._ending(wanted, FILM_SUFFIXES) or self._ending(wanted, _OTHER_SUFFIXES)
        here = [path for path in found if path.count("/") == len(parts) - 1]
        return here or found

    def _ending(self, wanted: str, suffixes: frozenset[str]) -> list[str]:
        """The paths of the files of a kind whose last parts are these, with or without suffix."""
        length = wanted.count("/") + 1
        if (length, suffixes) not in self._tails:

            def tails(path: str) -> list[str]:
                parts = _composed(path).split("/")
                tail = "/".join(parts[-length:])
                return [tail, _split_suffix(tail)[0]] if len(parts) >= length else []

            films = [path for path in self._files if _split_suffix(path)[1].lower() in suffixes]
            self._tails[length, suffixes] = _grouped(films, tails)
        return self._tails[length, suffixes].get(wanted, [])

    def _nearest(self, wanted: str) -> str | None:
        """The file that was probably meant: one that differs in case or leading zeros, or the one spelt most alike."""
        if same := self._by_folded_name.get(_folded(wanted.rpartition("/")[2])):
            return max(same, key=lambda path: _common_length(path, wanted))
        if self._comparisons_left < len(self._files):
            return None
        self._comparisons_left -= len(self._files)
        alike = heapq.nlargest(_ALIKE_AT_ONCE, self._files, key=lambda path: _common_length(path, wanted))
        return next(iter(difflib.get_close_matches(wanted, alike, n=1)), None)


def split_word(text: str) -> str | None:
    """The split that a cell or a path names: "train_splits/a.mp4" and "Training" are train; None if it names none."""
    words = re.findall(r"[a-z]+", text.lower())
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), None)


def _clean(name: str) -> str:
    """A path without empty parts and dots. With text, because pathlib takes four times as long."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return _composed(("/" if name.startswith("/") else "") + "/".join(parts))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _folded(name: str) -> str:
    """A file name without what people and systems spell differently: case, leading zeros, a film's suffix."""
    stem, suffix = _split_suffix(_composed(name).casefold())
    return re.sub(r"0+(?=\d)", "", stem if suffix in _SUFFIXES else stem + suffix)


def _split_suffix(name: str) -> tuple[str, str]:
    return os.path.splitext(name)  # noqa: PTH122  (text, not a file; pathlib takes ten times as long)


def _common_length(one: str, other: str) -> int:
    """How many characters two names share at their beginning and at their end."""
    return _common_prefix(one, other) + _common_prefix(one[::-1], other[::-1])


def _common_prefix(one: str, other: str) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _grouped(paths: Iterable[str], keys: Callable[[str], list[str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for path in paths:
        for key in dict.fromkeys(keys(path)):
            groups.setdefault(key, []).append(path)
    return groups
