"""A file that is no film is refused with a line that says what it is and what to do."""

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import open_film
from emodal_data.media.file_kind import describe_file
from tests.media.films import Recipe, make_film

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 414429\n".encode()
NOISE = os.urandom(6000)
CASES = Path(__file__).parents[2].parent / "shared" / "cases"


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("film.mp4", NOISE)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("film.mp4")
        entry.size = len(NOISE)
        archive.addfile(entry, io.BytesIO(NOISE))
    return file.getvalue()


FILES = {
    "empty.mp4": (b"", "an empty file (0 bytes): copy or download it again"),
    "pointer.flv": (POINTER, "a Git LFS pointer (131 bytes of text): run git lfs pull"),
    "annex.mkv": (
        b"/annex/objects/SHA256E-s1--ab.mkv\n",
        "a git-annex pointer (34 bytes of text): run git annex get",
    ),
    "page.mp4": (
        b"\n<!DOCTYPE html>\n<html>" + b"<p>Sign in</p>" * 500,
        "an HTML page (7023 bytes of text): download the film again; the site may ask you to sign in",
    ),
    "utf16.mp4": (
        "<html>x</html>".encode("utf-16"),
        "an HTML page (30 bytes of text): download the film again; the site may ask you to sign in",
    ),
    "denied.mp4": (
        b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
        "an XML text (62 bytes of text): it may be the error message of a server; download the film again",
    ),
    "missing.mp4": (
        b'{"message": "Not Found"}',
        "a JSON text (24 bytes of text): it may be the error message of a server; download the film again",
    ),
    "note.mp4": (b"see the other folder\n", "21 bytes of text, no film: copy or download it again"),
    "archive.mp4": (zipped(), "a zip archive: unpack it"),
    "tar.mp4": (tarred(), "a tar archive: unpack it"),
    "gz.mp4": (gzip.compress(NOISE), "a gzip archive: unpack it"),
    "rar.mp4": (b"Rar!\x1a\x07\x01\x00" + NOISE, "a rar archive: unpack it"),
    "list.mp4": (
        b"#EXTM3U\nfilm.ts\n",
        "an M3U playlist (16 bytes of text): save the stream as one file, and annotate that",
    ),
    "concat.mp4": (
        b"ffconcat version 1.0\nfile 'a.mp4'\n",
        "a playlist (34 bytes of text): annotate the films that it names",
    ),
    "zeros.mkv": (
        bytes(100_000),
        "zeros where a film begins: the download or copy was not finished, or the disk lost it",
    ),
    "film.mp4.part": (b"\x01" + NOISE, "a download that is not finished (.part): finish it"),
    "._film.mp4": (
        b"\x00\x05\x16\x07" + NOISE,
        "a side file of macOS: annotate the file without ._ in its name",
    ),
    "poster.mp4": (b"\x89PNG\r\n\x1a\n" + NOISE, "a picture (PNG): annotate the film itself"),
    "old.rm": (
        b".RMF" + NOISE,
        "a RealMedia file: this container is not read; convert it to MP4 or Matroska",
    ),
    "disc.mp4": (b"\x01" * 32769 + b"CD001" + NOISE, "a disc image: copy its films out of it"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_film_is_named(name: str, tmp_path: Path) -> None:
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Dropped) as dropped:
        open_film(name, root=tmp_path)
    assert (dropped.value.reason, dropped.value.detail) == (Reason.FILM_UNREADABLE, f"'{name}': {expected}")


def test_an_mp4_that_broke_off_before_its_index_says_so(tmp_path: Path) -> None:
    whole = make_film(tmp_path, Recipe(frames=50)).read_bytes()
    (tmp_path / "torn.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Dropped) as dropped:
        open_film(tmp_path / "torn.mp4")
    line = "an MP4 without its index (moov): the download, copy or recording broke off"
    assert dropped.value.detail == f"'torn.mp4': {line}"


def test_noise_keeps_the_words_of_the_demuxer(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(b"\x01" + NOISE)
    with pytest.raises(Dropped) as dropped:
        open_film(tmp_path / "noise.mp4")
    assert dropped.value.detail == "'noise.mp4': Invalid data found when processing input"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts", ".mpg", ".flv"])
def test_nothing_speaks_against_a_film(suffix: str, tmp_path: Path) -> None:
    video, audio = {".avi": ("mpeg4", "mp3"), ".mpg": ("mpeg2video", "mp2")}.get(suffix, ("libx264", "aac"))
    assert describe_file(make_film(tmp_path, Recipe(suffix, video, audio=audio, frames=25))) is None


def test_the_pointer_of_case_23_is_named() -> None:
    pointer = CASES / "23-git-lfs-pointer" / "films" / "lfs.flv"
    if not pointer.is_file():
        pytest.skip(f"no cases at {CASES}")
    assert describe_file(pointer) == "a Git LFS pointer (131 bytes of text): run git lfs pull"
