"""Says what a file is that is no film: a Git LFS pointer, a web page, an archive, a download that was not finished.

Used only after FFmpeg has refused a file, for the detail of film_unreadable; a file that opens is never refused here.
"""

import re
from pathlib import Path
from typing import BinaryIO

from emodal_data.media.mp4_boxes import boxes

#: Bytes that are read from the start of a file.
_HEAD = 4096
#: Where an ISO 9660 volume states its name.
_ISO_AT = 32769
#: Names that browsers and download managers give to downloads that are not finished.
_UNFINISHED = frozenset(
    {".part", ".partial", ".filepart", ".crdownload", ".opdownload", ".download", ".aria2", ".!ut", ".ytdl"}
)

#: Boxes of an MP4 that say where its frames are.
_INDEX = (b"moov", b"moof")

_CONVERT = "this container is not read; convert it to MP4 or Matroska"

#: First bytes of a file, what it is, and what to do.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive", "unpack it"),
    (b"PK\x05\x06", "an empty zip archive", "get the film itself"),
    (b"Rar!\x1a\x07", "a rar archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"BZh", "a bzip2 archive", "unpack it"),
    (b"\xfd7zXZ\x00", "an xz archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it"),
    (b"\x00\x05\x16\x07", "a side file of macOS", "annotate the file without ._ in its name"),
    (b"DVDVIDEO-", "the index of a DVD", "annotate the VOB files beside it"),
    (b"%PDF-", "a PDF document", "get the film itself"),
    (b"\x89PNG\r\n", "a picture (PNG)", "annotate the film itself"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "annotate the film itself"),
    (b"GIF8", "a picture (GIF)", "annotate the film itself"),
    (b"SQLite format 3\x00", "an SQLite database", "get the film itself"),
    (b"bplist00", "a property list of macOS", "if it stands for a file in iCloud, download that file"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "a Windows shortcut", "copy the film that it leads to"),
    (b"d8:announce", "a torrent file", "download the film that it describes"),
    (b".RMF", "a RealMedia file", _CONVERT),
    (b"nut/multimedia container", "a NUT file", _CONVERT),
    (b"DKIF", "an IVF file", _CONVERT),
    (b"YUV4MPEG2", "a Y4M file", _CONVERT),
    (b"\x00\x00\x00\x01", "a raw video stream", _CONVERT),
)

#: Patterns at the start of a text, what the file is, and what to do.
_TEXTS: tuple[tuple[str, str, str], ...] = (
    (r"version https://git-lfs\.github\.com/spec/", "a Git LFS pointer", "run git lfs pull"),
    (r"(\.\./)*(\.git/annex/objects|/annex/objects)/", "a git-annex pointer", "run git annex get"),
    (r"outs:\s*\n\s*- ", "a DVC pointer", "run dvc pull"),
    (r"#EXTM3U", "an M3U playlist", "save the stream as one file, and annotate that"),
    (r"ffconcat version|\[playlist\]|<asx\b|<smil\b", "a playlist", "annotate the films that it names"),
    (r"(<\?xml[^>]*>\s*)?<MPD\b", "a DASH playlist", "save the stream as one file, and annotate that"),
    (r"(<\?xml[^>]*>\s*)?<playlist\b", "an XSPF playlist", "annotate the films that it names"),
    (r"WEBVTT|1\s*\n\d\d:\d\d:\d\d,\d{3} -->", "subtitles", "annotate the film itself"),
    (r"\[InternetShortcut\]", "a link to a web page", "download the film itself"),
    (
        r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype html|<html|<head|<body|<script)",
        "an HTML page",
        "download the film again; the site may ask you to sign in",
    ),
    (r"<\?xml|<Error>", "an XML text", "it may be the error message of a server; download the film again"),
    (r"[{\[]", "a JSON text", "it may be the error message of a server; download the film again"),
)


def describe_file(path: Path) -> str | None:
    """What a file is and what to do, one line; None if nothing speaks against a film.

    Reads at most the first 36 KiB, and the boxes of an MP4. Raises OSError.
    """
    size = path.stat().st_size
    if size == 0:
        return "an empty file (0 bytes): copy or download it again"
    with path.open("rb") as file:
        head = file.read(_HEAD)
        found = _by_signature(head) or _by_text(head, size) or _by_layout(file, head, size)
    if found is None and path.suffix.lower() in _UNFINISHED:
        found = f"a download that is not finished ({path.suffix}): finish it"
    return found


def _by_signature(head: bytes) -> str | None:
    for start, what, advice in _SIGNATURES:
        if head.startswith(start):
            return f"{what}: {advice}"
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it"
    return None


def _by_text(head: bytes, size: int) -> str | None:
    """What a text is. A text has no control characters and is UTF-8, but for a character that the head cuts."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "ignore")
    elif re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", head):
        return None
    else:
        try:
            text = head.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if error.start < len(head) - 3:
                return None
            text = head[: error.start].decode("utf-8-sig")
    for pattern, what, advice in _TEXTS:
        if re.match(pattern, text.lstrip(), re.IGNORECASE | re.DOTALL):
            return f"{what} ({size} bytes of text): {advice}"
    return f"{size} bytes of text, no film: copy or download it again"


def _by_layout(file: BinaryIO, head: bytes, size: int) -> str | None:
    if not head.strip(b"\x00"):
        return "zeros where a film begins: the download or copy was not finished, or the disk lost it"
    if head[4:8] == b"ftyp" and not any(name in _INDEX for name, _ in boxes(file, 0, size)):
        return "an MP4 without its index (moov): the download, copy or recording broke off"
    file.seek(_ISO_AT)
    if file.read(5) == b"CD001":
        return "a disc image: copy its films out of it"
    return None
