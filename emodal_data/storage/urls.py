"""URLs and the local paths that stand for them."""

import os
import re
from pathlib import Path

from emodal_data.core.errors import InputError

#: Below the cache: copies that a build works on, copies to read only, and films by name only (film_copies.py).
COPIES, READING, NAMES = "emodal-copies", "emodal-reading", "emodal-names"

_URL = re.compile(r"([a-z][a-z0-9+]+):/+(.+)")


def default_cache() -> Path:
    """Where copies are kept unless the configuration says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emodal"


def local_path(location: Path | str, cache: Path | None = None, kind: str = COPIES) -> Path:
    """The path to work with: a local one is itself, a URL's is its copy below the cache.

    kind: COPIES, READING or NAMES. A URL may have lost a slash by being a Path.
    Raises InputError for a URL with credentials in it.
    """
    cache = cache or cache_of(Path(location)) or default_cache()
    location = url_of(Path(location)) or str(location)
    parts = _URL.fullmatch(location)
    if parts is None:
        return Path(location)
    protocol, rest = parts.groups()
    if protocol in ("file", "local"):
        return Path("/") / rest
    if "@" in rest.split("/")[0]:
        raise InputError(f"{protocol}://...: no credentials in URLs; set them as for any {protocol} program")
    return cache.absolute() / kind / protocol / rest.rstrip("/")


def url_of(path: Path) -> str | None:
    """The URL that a path stands for; None for a path that stands for itself."""
    place = _place_of_kind(path)
    if place is None:
        return None
    protocol, *rest = path.parts[place + 1 :]
    return f"{protocol}://{'/'.join(rest)}"


def cache_of(path: Path) -> Path | None:
    """The cache that a path which stands for a URL is in."""
    place = _place_of_kind(path)
    return None if place is None else Path(*path.parts[:place])


def _place_of_kind(path: Path) -> int | None:
    found = [place for place, part in enumerate(path.parts) if part in (COPIES, READING, NAMES)]
    return found[0] if found else None


def shown(path: Path) -> str:
    """The name of a path for people: its URL if it has one."""
    return url_of(path) or str(path)
