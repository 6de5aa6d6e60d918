"""Clips as mp4 files of a build: each is complete or absent."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emodal_data.clips.films import FilmFile
from emodal_data.clips.mp4_exports import Export, write_exports
from emodal_data.clips.plan import Clip
from emodal_data.core.config import ClipsConfig
from emodal_data.media.mp4 import export_clip
from emodal_data.storage.files import remove_temporary
from tests.media.films import Recipe, make_film

CONFIG = ClipsConfig(export="copy")


def found(path: Path) -> FilmFile:
    """A film's file as a build finds it."""
    fact = path.stat()
    return FilmFile("film.mp4", path, fact.st_size, fact.st_mtime_ns, inode=fact.st_ino)


def test_a_clip_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe())
    export = Export(found(film), (Clip("a", 1.0, 2.0),), tmp_path / "clips")
    assert write_exports(export, tmp_path, CONFIG) == []
    (tmp_path / "clips" / "a.mp4").rename(tmp_path / "clips" / "before.mp4")
    film.write_bytes(b"no film")
    (line,) = write_exports(replace(export, source=found(film)), tmp_path, CONFIG)
    assert line.startswith("film.mp4 1-2 s: no mp4: ")
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["before.mp4"]


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_of_a_film_that_was_exchanged_since_it_was_hashed_no_clip_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Another film of the same size, with the same time of change: its clips would have this film's names."""
    film = make_film(tmp_path, Recipe())
    export = Export(found(film), (Clip("a", 1.0, 2.0),), tmp_path / "clips")

    def exchange() -> None:
        other = tmp_path / "other.mp4"
        other.write_bytes(film.read_bytes()[::-1])
        os.utime(other, ns=(0, export.source.mtime_ns))
        other.replace(film)

    def cut(*arguments: Any, **options: Any) -> None:
        export_clip(*arguments, **options)
        exchange()

    if moment == "before":
        exchange()
    else:
        monkeypatch.setattr("emodal_data.media.mp4.export_clip", cut)
    (line,) = write_exports(export, tmp_path, CONFIG)
    assert line == f"film.mp4 1-2 s: no mp4: {film}: the file changed while it was read"
    assert not list(tmp_path.glob("clips/*"))


def test_what_a_killed_export_left_is_removed_with_other_leftovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def killed(path: Path, start_s: float, end_s: float, to: Path, **_: object) -> None:
        written.append(to)
        raise KeyboardInterrupt

    monkeypatch.setattr("emodal_data.media.mp4.export_clip", killed)
    with pytest.raises(KeyboardInterrupt):
        write_exports(Export(found(tmp_path), (Clip("a", 1.0, 2.0),), tmp_path / "clips"), tmp_path, CONFIG)
    (temporary,) = written
    temporary.write_bytes(b"half")  # as a kill would leave it
    remove_temporary(tmp_path)
    assert list((tmp_path / "clips").iterdir()) == []
