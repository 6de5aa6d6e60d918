"""Where files still name a film or a speaker: in their paths, their bytes, their columns, or as the film itself."""

import errno
import gzip
import hashlib
import html
import json
import lzma
import mmap
import os
import re
import unicodedata
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

#: What is searched: bytes, or a file mapped into memory.
Bytes = bytes | mmap.mmap

#: A shorter speaker's name, or one of digits alone, cannot be told from other text.
_SHORTEST_NAME = 3


@dataclass(frozen=True)
class Marks:
    """What names a film or a speaker.

    films: its names. hashes: SHA-256 of its content. sizes: of its file, in bytes. clips: its clip_ids.
    others: names of all other films or speakers, which may contain one of its names.
    """

    films: frozenset[str]
    speaker: str | None = None
    hashes: frozenset[str] = frozenset()
    sizes: frozenset[int] = frozenset()
    clips: frozenset[str] = frozenset()
    others: frozenset[str] = field(default=frozenset(), repr=False)

    def are_in(self, data: Bytes) -> bool:
        """Whether bytes name the film, its hash, the speaker, or a clip.

        "f1.mp4" is not named by "of1.mp4", nor by "b/f1.mp4" if that is another film; "a/f1.mp4" is named by "f1.mp4"
        alone, because some files have no folders. Names may be escaped as in JSON, HTML or URLs.
        """
        if self._words:
            for found in self._like_words.finditer(data):
                word = found.group()
                if (
                    word in self._words or word[1:] in self._words
                ):  # a length, as one byte, may look like a letter
                    return True
        if any(data.find(exact) >= 0 for exact in self._exact):
            return True
        return any(
            _stands_alone(data, at, len(name), may_follow_slash) and not self._is_of_another(data, at, name)
            for name, may_follow_slash in self._names.items()
            for at in _places(data, name)
        )

    def are_in_text(self, text: str) -> bool:
        """Whether a text names it: see are_in."""
        return self.are_in(text.encode(errors="surrogatepass"))

    @cached_property
    def _words(self) -> frozenset[bytes]:
        words = self.clips | self.hashes | {digest[:12] for digest in self.hashes}
        return frozenset(word.encode() for word in words)

    @cached_property
    def _like_words(self) -> re.Pattern[bytes]:
        return re.compile(rb"[0-9A-Za-z]{%d,}" % min(map(len, self._words)))

    @cached_property
    def _exact(self) -> frozenset[bytes]:
        """What is sought without looking at what is around it."""
        digests = {bytes.fromhex(digest) for digest in self.hashes if re.fullmatch("[0-9a-f]{64}", digest)}
        wide = {name.encode(coding) for name in self.films for coding in ("utf-16-le", "utf-16-be")}
        if self.speaker is None:
            return frozenset(digests | wide)
        value = json.dumps(self.speaker, ensure_ascii=False)
        return frozenset(digests | wide | {f'"speaker":{space}{value}'.encode() for space in ("", " ")})

    @cached_property
    def _names(self) -> dict[bytes, bool]:
        """The ways to write a name, and whether a slash may be before it: of a whole path, not of a part of one."""
        names: dict[bytes, bool] = {}
        for film in self.films:
            parts = PurePosixPath(film).parts
            for first in reversed(range(len(parts))):
                names |= dict.fromkeys(_spellings("/".join(parts[first:])), first == 0)
        if self.speaker and len(self.speaker) >= _SHORTEST_NAME and not self.speaker.isdigit():
            names |= dict.fromkeys(_spellings(self.speaker), True)
        return names

    @cached_property
    def _other_names(self) -> tuple[bytes, ...]:
        parts = [PurePosixPath(film).name for film in self.films] + ([self.speaker] if self.speaker else [])
        return tuple(name.encode() for name in sorted(self.others) if any(part in name for part in parts))

    def _is_of_another(self, data: Bytes, at: int, name: bytes) -> bool:
        """Whether the name at a place is only a part of another film's name there."""
        for other in self._other_names:
            start = at - other.find(name)
            if name in other and start >= 0 and data[start : start + len(other)] == other:
                return True
        return False


@dataclass(frozen=True)
class Trace:
    """A file that names what is sought, or cannot be searched. what: where in it."""

    path: Path
    what: str


def files_in(place: Path, without: Path | None = None) -> Iterator[Path]:
    """A file, or all files below a folder, also hidden ones and those behind links, each folder once.

    without: a folder that is left out.
    """
    if not place.is_dir():
        yield from [place] if place.exists() else []
        return
    seen = set()
    for parent, folders, names in os.walk(place, followlinks=True):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in seen or Path(parent) == without:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        yield from (Path(parent) / name for name in sorted(names))


def find_traces(files: Iterable[Path], marks: Marks, root: Path) -> Iterator[Trace]:
    """Files that name it, one entry for each way; and files that cannot be read, for they may.

    root: the part of the paths that does not count.
    """
    for path in files:
        name = path.relative_to(root) if path.is_relative_to(root) else path
        if marks.are_in(os.fsencode(name.as_posix())):
            yield Trace(path, "its name")
        try:
            yield from (Trace(path, what) for what in _traces_in(path, marks))
        except (
            OSError,
            ValueError,
            EOFError,
            lzma.LZMAError,
            zipfile.BadZipFile,
            pa.ArrowException,
        ) as error:
            yield Trace(path, f"cannot be searched: {' '.join(str(error).split())[:200]}")


def clips_named_in(path: Path, films: frozenset[str], speaker: str | None) -> set[str]:
    """The clip_ids that a Parquet file gives to films or to a speaker; none if it is no such file."""
    wanted = {"clip_id", "film", "speaker"}
    try:
        columns = [name for name in pq.read_schema(path).names if name in wanted]
        if "clip_id" not in columns or len(columns) < 2:
            return set()
        rows = pq.read_table(path, columns=columns).to_pylist()
    except (OSError, pa.ArrowException):
        return set()
    return {
        row["clip_id"]
        for row in rows
        if row["clip_id"]
        and (row.get("film") in films or (speaker is not None and row.get("speaker") == speaker))
    }


def _traces_in(path: Path, marks: Marks) -> Iterator[str]:
    if not path.is_file():  # a socket, a link to nothing
        return
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes == 0 or _is_hollow(file):
            return
        if size_bytes in marks.sizes and hashlib.file_digest(file, "sha256").hexdigest() in marks.hashes:
            yield "the film itself"
            return
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        start = data[:6]
        if start[:4] == b"PAR1":
            yield from (f"column {column}" for column in _columns_naming(path, marks))
            footer_bytes = int.from_bytes(data[-8:-4], "little") + 8
            if marks.are_in(data[-footer_bytes:]):
                yield "its metadata"
        elif marks.are_in(data):
            yield "its content"
        elif start[:4] == b"PK\x03\x04" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from (
                    f"its member {name}" for name in archive.namelist() if marks.are_in(archive.read(name))
                )
        elif (start[:2] == b"\x1f\x8b" and marks.are_in(gzip.decompress(data))) or (
            start == b"\xfd7zXZ\x00" and marks.are_in(lzma.decompress(data))
        ):
            yield "its compressed content"


def _is_hollow(file: BinaryIO) -> bool:
    """Whether a file has a size and no content, as the names of films at URLs do (film_cache.name_films)."""
    try:
        os.lseek(file.fileno(), 0, os.SEEK_DATA)
    except OSError as error:
        return error.errno == errno.ENXIO
    return False


def _columns_naming(path: Path, marks: Marks) -> Iterator[str]:
    with pq.ParquetFile(path) as file:
        texts = [column for field in file.schema_arrow for column in _text_leaves(field, field.name)]
        for column in texts:
            for group in range(file.num_row_groups):
                values = _texts(file.read_row_group(group, columns=[column]).column(0).combine_chunks())
                is_speaker = column == "speaker" and marks.speaker in values
                if is_speaker or marks.are_in_text("\n".join(sorted(values))):
                    yield column
                    break


def _text_leaves(of: pa.Field, path: str) -> Iterator[str]:
    """The columns of text in a field, however deep, as Parquet names them. Pictures and sounds are binary."""
    kind = of.type.value_type if pa.types.is_dictionary(of.type) else of.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield path
    elif pa.types.is_struct(kind):
        for inner in kind:
            yield from _text_leaves(inner, f"{path}.{inner.name}")
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from [path] if any(_text_leaves(kind.value_field, path)) else []


def _texts(values: pa.Array) -> set[str]:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_struct(values.type):
        return set().union(*(_texts(inner) for inner in values.flatten()))
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        return _texts(values.flatten())
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return set(values.drop_null().unique().to_pylist()) if is_text else set()


def _spellings(name: str) -> set[bytes]:
    """A name as it is written in text, JSON, HTML and URLs, with composed and with decomposed letters."""
    written = set()
    for form in (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)):
        escaped = html.escape(form)
        jinja = escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        ascii_json, plain_json = (json.dumps(form, ensure_ascii=ascii)[1:-1] for ascii in (True, False))
        urls = urllib.parse.quote(form), urllib.parse.quote(form, safe="")
        written |= {form, escaped, jinja, ascii_json, plain_json, *urls}
    return {spelling.encode(errors="surrogatepass") for spelling in written}


def _places(data: Bytes, name: bytes) -> Iterator[int]:
    at = data.find(name)
    while at >= 0:
        yield at
        at = data.find(name, at + 1)


def _stands_alone(data: Bytes, at: int, length: int, may_follow_slash: bool) -> bool:
    """Whether bytes are a whole name, and no part of a longer one."""
    before, after = bytes(data[max(0, at - 8) : at]), bytes(data[at + length : at + length + 4])
    if before and data.find(b"\0") >= 0 and _is_counted(data, at, length, before):
        return True
    if _in_name(after.decode(errors="replace")[:1]):
        return False
    if re.search(rb"(\\[nrt]|%[0-9A-Fa-f]{2})$", before):  # an escaped end of a line, or a character of a URL
        return True
    last = before.decode(errors="replace")[-1:]
    return not (_in_name(last) or last in tuple(".-") or (last == "/" and not may_follow_slash))


def _is_counted(data: Bytes, at: int, length: int, before: bytes) -> bool:
    """Whether a string that starts with the name has its length before it, as in Protocol Buffers and Arrow.

    Such a length may look like a letter. Text has none; it has no zero bytes either.
    """
    if before[-1] == length or int.from_bytes(before[-4:], "little") == length:
        return True
    counted = bytes(data[at : at + before[-1]])
    try:
        return len(counted) == before[-1] > length and counted.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _in_name(character: str) -> bool:
    return character.isalnum() or character == "_"
