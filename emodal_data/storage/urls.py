"""URLs, and the paths on this machine that stand for them.

A RemotePath is the local copy of what a URL names, and knows its URL. Only `local_path` makes one from a URL, and only
what is derived from it stands for a URL too; no path is ever taken for a URL because of its name.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PosixPath
from typing import Any

from emodal_data.core.errors import InputError

#: Folders of the cache: copies that a build works on, copies to read only, and films by name only (film_cache.py).
COPIES, READING, NAMES = "emodal-copies", "emodal-reading", "emodal-names"

_URL = re.compile(r"([a-z][a-z0-9+]+):/+(.+)")


def _derives(name: str) -> Callable[..., Any]:
    """The method of Path with this name, whose result keeps its URL."""

    def method(self: "RemotePath", *args: Any, **options: Any) -> Path:
        path: Path = getattr(PosixPath, name)(self, *args, **options)
        return self.spelt(path)

    return method


def _derives_many(name: str) -> Callable[..., Any]:
    """The method of Path with this name, each of whose results keeps its URL."""

    def method(self: "RemotePath", *args: Any, **options: Any) -> Iterator[Path]:
        return map(self.spelt, getattr(PosixPath, name)(self, *args, **options))

    return method


class RemotePath(PosixPath):
    """The local copy of a file or folder at a URL; a path below it stands for the URL below.

    It is a Path for everything that reads and writes the copy, and equals the plain Path of the same name. `/`,
    `parent`, `with_name`, `resolve`, `glob` and their kin keep the URL; what leads out of the copies of the protocol,
    also by `..`, is a plain Path. Pickles.
    """

    #: The folder CACHE/KIND, below which copies lie as PROTOCOL/BUCKET/NAME. None in what Path of Python 3.11 makes
    #: by itself, such as the result of rename(): a path without URL.
    _copies: Path | None = None

    def __new__(cls, path: str | os.PathLike[str], root: Path | None = None) -> "RemotePath":
        """Path builds itself here until Python 3.11, and in __init__ afterwards."""
        self = super().__new__(cls, path)
        self._copies = root
        return self

    def __init__(self, path: str | os.PathLike[str], root: Path | None = None) -> None:
        if sys.version_info >= (3, 12):
            super().__init__(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return (RemotePath, (str(self), self._copies)) if self._copies else (Path, (str(self),))

    def with_segments(self, *segments: str | os.PathLike[str]) -> Path:
        """What Path makes by itself from Python 3.12 on: a path without URL."""
        return Path(*segments)

    @property
    def url(self) -> str | None:
        """The URL; None for a path without."""
        if self._copies is None:
            return None
        protocol, *rest = self.parts[len(self._copies.parts) :]
        return f"{protocol}://{'/'.join(rest)}"

    @property
    def cache(self) -> Path | None:
        """The cache that the copy is in."""
        return None if self._copies is None else self._copies.parent

    def spelt(self, path: Path) -> Path:
        """A path with its URL if it lies among the copies that this one lies among; else a plain one."""
        plain = Path(os.fspath(path))
        if self._copies is None:
            return plain
        for root in (self._copies, Path(os.path.realpath(self._copies))):
            below = plain.parts[len(root.parts) :] if plain.is_relative_to(root) else ()
            if len(below) > 1 and ".." not in below:
                return RemotePath(plain, root)
        return plain

    @property
    def parent(self) -> Path:  # type: ignore[override]
        """The folder that it is in."""
        return self.spelt(Path(os.fspath(self)).parent)

    __truediv__ = _derives("__truediv__")
    joinpath = _derives("joinpath")
    with_name = _derives("with_name")
    with_stem = _derives("with_stem")
    with_suffix = _derives("with_suffix")
    absolute = _derives("absolute")
    resolve = _derives("resolve")
    glob = _derives_many("glob")
    rglob = _derives_many("rglob")
    iterdir = _derives_many("iterdir")


def default_cache() -> Path:
    """Where copies are kept unless the configuration says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emodal"


def local_path(location: Path | str, cache: Path | None = None, kind: str = COPIES) -> Path:
    """The path to work with: a local one is itself, a URL's is its copy below the cache.

    cache: default: the one that a RemotePath is in already, else default_cache(). kind: COPIES, READING or NAMES.
    A URL may have lost a slash by being a Path. Raises InputError for a URL with credentials in it.
    """
    if isinstance(location, RemotePath):
        cache = cache or location.cache
    cache = (cache or default_cache()).absolute()
    parts = _URL.fullmatch(shown(location) if isinstance(location, Path) else location)
    if parts is None:
        return Path(location)
    protocol, rest = parts.groups()
    if protocol in ("file", "local"):
        return Path("/") / rest
    if "@" in rest.split("/")[0]:
        raise InputError(f"{protocol}://...: no credentials in URLs; set them as for any {protocol} program")
    if ".." in rest.split("/"):
        raise InputError(f"{protocol}://{rest}: write the URL without '..'")
    return RemotePath(cache / kind / protocol / rest.rstrip("/"), cache / kind)


def url_of(path: Path) -> str | None:
    """The URL that a path stands for; None for a path that stands for itself."""
    return path.url if isinstance(path, RemotePath) else None


def shown(path: Path) -> str:
    """The name of a path for people: its URL if it has one."""
    return url_of(path) or str(path)
