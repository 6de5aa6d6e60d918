"""Opens what a row names: a film, or with clips.modalities also a sound file or a still picture."""

from pathlib import Path

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.file_types import STILL_SUFFIXES
from emodal_data.core.reasons import Reason
from emodal_data.media.film import Film
from emodal_data.media.guard import film_path
from emodal_data.media.halves import SoundFile, StillPicture
from emodal_data.media.info import FilmInfo

_DEFAULTS = ClipsConfig()


def open_film(path: Path | str, *, root: Path | None = None, config: ClipsConfig = _DEFAULTS) -> Film:
    """Open a film with the limits of guard.py.

    path: relative to root if root is given. root: folder in which the film must lie, links resolved. With
    config.modalities "audio" or "any" a file without a picture is opened too, with "image" or "any" a JPEG or PNG.
    MPEG-TS, MPEG-PS and other containers without a list of their keyframes are read through once, without decoding.
    Raises Dropped(FILM_MISSING, FILM_OUTSIDE_FOLDER, FILM_UNREADABLE, FILM_TOO_LARGE, NO_VIDEO, CLOCK_DISCONTINUOUS,
    COLOUR_UNSUPPORTED, DECODER_TIMED_OUT).
    """
    file = film_path(path, root)
    if config.modalities in ("image", "any") and file.suffix.lower() in STILL_SUFFIXES:
        return StillPicture(file, config)
    try:
        return Film(file, config)
    except Dropped as drop:
        if drop.reason is not Reason.NO_VIDEO or config.modalities not in ("audio", "any"):
            raise
        return SoundFile(file, config)


def probe(path: Path | str, *, root: Path | None = None, config: ClipsConfig = _DEFAULTS) -> FilmInfo:
    """The information in a film's header; nothing is decoded. Raises as open_film does."""
    with open_film(path, root=root, config=config) as film:
        return film.info
