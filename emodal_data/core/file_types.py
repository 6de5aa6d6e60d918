"""Suffixes of films, sound files and still pictures."""

from typing import Final

#: Suffixes of film containers. A film name without one of them is completed with it.
FILM_SUFFIXES: Final = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".vob"}
    | {".wmv", ".asf", ".flv", ".ogv", ".ogg", ".mxf", ".3gp"}
)

#: Suffixes of sound files that people annotate in place of the film.
SOUND_SUFFIXES: Final = frozenset([".wav", ".flac", ".mp3", ".m4a", ".aac", ".opus"])

#: Suffixes of still pictures.
STILL_SUFFIXES: Final = frozenset([".jpg", ".jpeg", ".png"])
