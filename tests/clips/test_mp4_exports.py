"""Clips as mp4 files of a build: each is complete or absent."""

from pathlib import Path

import pytest

from emodal_data.clips import mp4_exports
from emodal_data.clips.mp4_exports import Export, write_exports
from emodal_data.clips.plan import Clip
from emodal_data.core.config import ClipsConfig
from emodal_data.storage.files import remove_temporary
from tests.media.films import Recipe, make_film

CONFIG = ClipsConfig(export="copy")


def test_a_clip_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe())
    export = Export("film.mp4", film, (Clip("a", 1.0, 2.0),), tmp_path / "clips")
    assert write_exports(export, tmp_path, CONFIG) == []
    (tmp_path / "clips" / "a.mp4").rename(tmp_path / "clips" / "before.mp4")
    film.write_bytes(b"no film")
    (line,) = write_exports(export, tmp_path, CONFIG)
    assert line.startswith("film.mp4 1-2 s: no mp4: ")
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["before.mp4"]


def test_what_a_killed_export_left_is_removed_with_other_leftovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def killed(path: Path, start_s: float, end_s: float, to: Path, **_: object) -> None:
        written.append(to)
        raise KeyboardInterrupt

    monkeypatch.setattr(mp4_exports, "export_clip", killed)
    with pytest.raises(KeyboardInterrupt):
        write_exports(Export("a.mp4", tmp_path, (Clip("a", 1.0, 2.0),), tmp_path / "clips"), tmp_path, CONFIG)
    (temporary,) = written
    temporary.write_bytes(b"half")  # as a kill would leave it
    remove_temporary(tmp_path)
    assert list((tmp_path / "clips").iterdir()) == []
