"""How annotation tools name a film: by a URL or the path of some other machine; and what film files are called."""

import re
from typing import Final
from urllib.parse import unquote

#: Suffixes of the containers that films come in; a name without one of them is completed with it.
FILM_SUFFIXES: Final = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".vob"}
    | {".wmv", ".asf", ".flv", ".ogv", ".ogg", ".mxf", ".3gp"}
)
#: Suffixes of sound files that people annotate in place of the film.
SOUND_SUFFIXES: Final = frozenset([".wav", ".flac", ".mp3", ".m4a", ".aac", ".opus"])

_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")


def file_name(url: str) -> str:
    """The file name at the end of a URL or path of any system: "file:///C:/films/a%20b.mp4" is "a b.mp4"."""
    if "?d=" in url:  # Label Studio serves local files as /data/local-files/?d=PATH
        url = url.split("?d=", 1)[1].split("&")[0]
    elif url.startswith(("http://", "https://")):
        url = url.split("?", 1)[0].split("#", 1)[0]
    return unquote(url).replace("\\", "/").rsplit("/", 1)[-1]


def without_upload_prefix(name: str) -> str:
    """The name that a file had before Label Studio put eight random digits and a dash before it."""
    return _UPLOAD_PREFIX.sub("", name, count=1) if _UPLOAD_PREFIX.match(name) else name
