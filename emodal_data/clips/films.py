"""The films of a build: their files, their facts, and whether they changed since they were last read."""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped, TransientError
from emodal_data.core.file_types import SOUND_SUFFIXES, STILL_SUFFIXES
from emodal_data.core.reasons import ADVICE, PASSING, Reason
from emodal_data.core.worker_pool import WorkerFailed, WorkerPool
from emodal_data.storage.files import is_passing, write_bytes

#: Raised when inspecting a film finds something else than before; the films in catalogues are then inspected again.
INSPECTION_VERSION = 2

#: Seconds that the header of a film may take to be read, and bytes a second that a slow drive gives to be hashed.
INSPECT_TIMEOUT_S, _SLOWEST_BYTES_S = 900.0, 10e6

#: Times of change that two machines see of one file differ by no more than this, in nanoseconds (FAT rounds to 2 s).
_ROUNDED_NS = 2_000_000_000


@dataclass(frozen=True)
class FilmFile:
    """A film's file as the file system shows it.

    name: path below the films folder, with forward slashes. version: of a film at a URL, what its store calls this
    content; then mtime_ns is 0, for the time of a local name means nothing. inode: 0 if it is not known, or was seen
    by another machine. sha256: of its content if that is known, else empty.
    """

    name: str
    path: Path
    size_bytes: int
    mtime_ns: int
    version: str = ""
    inode: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class FilmFacts:
    """The facts of a film, from its content and header.

    reason is set if it cannot be used. fps is the average. timecode: of its first frame, empty if it has none.
    inspection: version of the code that looked at it. limits: as limits_key when it was looked at.
    """

    name: str
    size_bytes: int
    mtime_ns: int
    sha256: str
    duration_s: float | None
    reason: str | None = None
    detail: str | None = None
    fps: float | None = None
    version: str = ""
    timecode: str = ""
    inspection: int = INSPECTION_VERSION
    limits: str = ""


def limits_key(config: ClipsConfig) -> str:
    """The hash of what decides whether a film can be read: the limits of its size, and the version of av."""
    limits = config.model_dump(include={"max_duration_s", "max_pixels", "max_streams", "max_packets"})
    text = json.dumps({**limits, "av": importlib.metadata.version("av")}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def still_growing(films: Iterable[FilmFile], settle_s: float, now_s: float) -> dict[str, FilmFacts]:
    """The films that changed less than settle_s ago, by name: they may still be copied.

    A time of change far in the future means a wrong clock; such a film is not waited for.
    """
    return {
        film.name: not_read(film, Reason.FILM_STILL_GROWING)
        for film in films
        if abs(now_s - film.mtime_ns / 1e9) < settle_s
    }


def not_read(film: FilmFile, reason: Reason, detail: str = "") -> FilmFacts:
    """The facts of a film that was not inspected. detail: what happened, if the reason does not say it."""
    detail = detail or ADVICE[reason]
    return replace(_unseen(film), reason=reason.value, detail=detail)


def check_unchanged(film: FilmFile) -> None:
    """Raise TransientError if the file at the film's path is no longer the one that was found and hashed.

    A film at a URL is not compared: its copy was fetched by version.
    """
    if film.version:
        return
    try:
        now = film.path.stat()
    except OSError as error:
        raise TransientError(f"{film.path}: {error.strerror or error}") from error
    same_time = abs(now.st_mtime_ns - film.mtime_ns) <= (0 if film.inode else _ROUNDED_NS)
    if now.st_size != film.size_bytes or not same_time or film.inode not in (0, now.st_ino):
        raise TransientError(f"{film.path}: the file changed while it was read")


def inspect_film(film: FilmFile, root: Path, config: ClipsConfig) -> FilmFacts:
    """Hash a film's content, unless its hash is known, and read its header. A fault of the file becomes its reason.

    Raises TransientError for an error that may be gone next time, and if the file changes meanwhile.
    """
    from emodal_data.media import probe

    facts = replace(_unseen(film), sha256=film.sha256, limits=limits_key(config))
    check_unchanged(film)
    try:
        if not film.sha256:
            with film.path.open("rb") as file:
                facts = replace(facts, sha256=hashlib.file_digest(file, "sha256").hexdigest())
        info = probe(film.path, root=root, config=config)
        facts = replace(facts, duration_s=info.duration_s, fps=info.fps or None, timecode=info.timecode)
    except Dropped as drop:
        facts = replace(facts, reason=drop.reason.value, detail=drop.detail)
    except OSError as error:  # never a fault of the content
        if is_passing(error):
            raise TransientError(f"{film.path}: {error.strerror or error}") from error
        detail = f"{film.name}: {error.strerror or error}"
        facts = replace(facts, reason=Reason.READ_FAILED.value, detail=detail)
    check_unchanged(film)
    return facts


def inspect_guarded(film: FilmFile, root: Path, config: ClipsConfig, pool: WorkerPool) -> FilmFacts:
    """Inspect a film in a worker; a film that crashes or hangs the worker cannot be used. Raises as inspect_film."""
    try:
        timeout_s = INSPECT_TIMEOUT_S + film.size_bytes / _SLOWEST_BYTES_S
        return pool.run(timeout_s, inspect_film, film, root, config)
    except WorkerFailed as error:
        return replace(not_read(film, error.reason), limits=limits_key(config))


def _unseen(film: FilmFile) -> FilmFacts:
    return FilmFacts(film.name, film.size_bytes, film.mtime_ns, "", None, version=film.version)


_CATALOGUE = TypeAdapter(dict[str, FilmFacts])
_SHA256 = re.compile("(?:[0-9a-f]{64})?")  # it becomes a part of a path


class FilmCatalogue:
    """The facts of the films on disk, beside the clips, so that an unchanged film is not read again.

    A film counts as unchanged while its size and its time of change are the same; at a URL, its size and version.
    """

    def __init__(self, path: Path, limits: str = "") -> None:
        """limits: as limits_key; what was found under other limits is not known."""
        self._path, self._limits = path, limits
        self._facts = _load(path)

    def known(self, film: FilmFile) -> FilmFacts | None:
        """The facts of a film that has not changed since they were written."""
        facts = self._unchanged(film)
        is_current = facts and (facts.inspection, facts.limits) == (INSPECTION_VERSION, self._limits)
        return facts if is_current else None

    def known_sha256(self, film: FilmFile) -> str:
        """The SHA-256 of a film that has not changed, under whichever limits it was hashed; else empty."""
        facts = self._unchanged(film)
        return facts.sha256 if facts else ""

    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each film in the catalogue, by name."""
        return {name: facts.sha256 for name, facts in self._facts.items()}

    def sizes_bytes(self, names: Set[str]) -> set[int]:
        """The sizes of the files of films in the catalogue."""
        return {facts.size_bytes for name, facts in self._facts.items() if name in names}

    def forget(self, names: Set[str]) -> None:
        """Remove films from the facts on disk."""
        self.keep({name: facts for name, facts in self._facts.items() if name not in names})

    def keep(self, facts: Mapping[str, FilmFacts]) -> None:
        """Replace the facts on disk by these, if they differ. Facts that may change without the film are not stored."""
        facts = {name: fact for name, fact in facts.items() if not _may_change(fact)}
        if facts != self._facts:
            self._facts = dict(facts)
            table = {name: asdict(self._facts[name]) for name in sorted(self._facts)}
            write_bytes(self._path, json.dumps(table, indent=1).encode())

    def _unchanged(self, film: FilmFile) -> FilmFacts | None:
        facts = self._facts.get(film.name)
        if facts is None:
            return None
        was = (facts.size_bytes, facts.mtime_ns, facts.version)
        return facts if was == (film.size_bytes, film.mtime_ns, film.version) else None


def _may_change(fact: FilmFacts) -> bool:
    """Whether the next look may tell otherwise: after a passing error, or of a half with other clips.modalities."""
    is_half = PurePosixPath(fact.name).suffix.lower() in SOUND_SUFFIXES | STILL_SUFFIXES
    return fact.reason in (*PASSING, Reason.NO_VIDEO) or (fact.reason is not None and is_half)


def _load(path: Path) -> dict[str, FilmFacts]:
    """The facts on disk; a damaged file or entry counts as absent, because it only saves time."""
    try:
        table = _CATALOGUE.validate_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {
        name: facts for name, facts in table.items() if facts.name == name and _SHA256.fullmatch(facts.sha256)
    }
