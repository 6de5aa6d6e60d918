"""Failures that are stored: under the limits that they were found with, and never where they may pass."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_data.annotations import read_annotations
from emodal_data.clips import films as films_module
from emodal_data.clips.films import (
    FilmCatalogue,
    FilmFacts,
    FilmFile,
    inspect_film,
    inspect_guarded,
    limits_key,
)
from emodal_data.clips.ingest import read_reel
from emodal_data.clips.plan import Plan, locate_films, places_in_store, plan_build
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.store import stored_clips
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.errors import TransientError
from emodal_data.core.reasons import Reason
from emodal_data.core.worker_pool import WorkerPool
from tests.media.films import Recipe, make_film

SHORT = ClipsConfig(max_duration_s=2.0)
FEW = ClipsConfig(max_packets=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a film of 4 s and a table with one span of it."""
    (tmp_path / "films").mkdir()
    make_film(tmp_path / "films", Recipe())
    (tmp_path / "spans.csv").write_text("film,start,end,label\nfilm.mp4,1,2,sad\n")
    return tmp_path


def looked_at(folder: Path, clips: ClipsConfig) -> FilmFacts:
    """What a build knows of the film after it looked at it under these limits: from the catalogue, or anew."""
    catalogue = FilmCatalogue(folder / "films.json", limits_key(clips))
    _, files = locate_films(read_annotations(folder / "spans.csv"), folder / "films")
    film = files["film.mp4"]
    facts = catalogue.known(film) or inspect_film(
        replace(film, sha256=catalogue.known_sha256(film)), folder / "films", clips
    )
    catalogue.keep({"film.mp4": facts})
    return facts


def planned(folder: Path, clips: ClipsConfig) -> Plan:
    rows, files = locate_films(read_annotations(folder / "spans.csv"), folder / "films")
    facts = {name: inspect_film(file, folder / "films", ClipsConfig()) for name, file in files.items()}
    return plan_build(rows, files, facts, folder / "clips", clips, FaceConfig())


def read(folder: Path, plan: Plan, clips: ClipsConfig) -> None:
    for reel in plan.reels:
        read_reel(reel, ReadSettings(clips, FaceConfig(), AudioConfig(), folder / "films"))


def test_a_raised_limit_lets_a_film_in_and_a_lowered_one_keeps_it_out(folder: Path) -> None:
    assert looked_at(folder, SHORT).reason == Reason.FILM_TOO_LARGE
    assert looked_at(folder, ClipsConfig()).reason is None
    assert looked_at(folder, SHORT).reason == Reason.FILM_TOO_LARGE


def test_a_film_under_other_limits_is_not_hashed_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = looked_at(folder, SHORT)
    assert first.sha256 == hashlib.sha256((folder / "films" / "film.mp4").read_bytes()).hexdigest()
    monkeypatch.setattr(films_module.hashlib, "file_digest", None)
    assert looked_at(folder, ClipsConfig()).sha256 == first.sha256


def test_a_clip_beyond_a_limit_is_stored_and_a_raised_limit_reads_it_again(folder: Path) -> None:
    plan = planned(folder, FEW)
    read(folder, plan, FEW)
    (clip_id,) = plan.clips.index
    assert pq.read_table(plan.reels[0].file)["reason"].to_pylist() == ["film_too_large"]
    assert planned(folder, FEW).reels == ()
    again = planned(folder, ClipsConfig())
    assert [clip.clip_id for reel in again.reels for clip in reel.clips] == [clip_id]
    read(folder, again, ClipsConfig())
    path, row = places_in_store(again, again.clips)[clip_id]
    assert pq.read_table(path)["reason"].to_pylist()[row] != "film_too_large"


def test_a_limit_of_the_effort_that_is_lowered_changes_no_clip_that_was_read(folder: Path) -> None:
    """Unlike those of a film: they say what the film is, and it is compared with them in every build."""
    plan = planned(folder, ClipsConfig())
    read(folder, plan, ClipsConfig())
    lowered = planned(folder, FEW)
    assert lowered.reels == ()
    path, row = places_in_store(lowered, lowered.clips)[plan.clips.index[0]]
    assert pq.read_table(path)["reason"].to_pylist()[row] != "film_too_large"


def test_the_time_to_hash_a_film_grows_with_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here at most 10 ms and 1 s for each 30 MB: a film of 150 MB takes longer than 10 ms."""
    path = tmp_path / "film.mp4"
    with path.open("wb") as film:
        film.truncate(150_000_000)  # a sparse file takes no room
    stat = path.stat()
    monkeypatch.setattr(films_module, "INSPECT_TIMEOUT_S", 0.01)
    pool = WorkerPool(1, 1024)
    try:
        reasons = []
        for slowest_bytes_s in (30e6, 1e15):
            monkeypatch.setattr(films_module, "_SLOWEST_BYTES_S", slowest_bytes_s)
            film = FilmFile("film.mp4", path, stat.st_size, stat.st_mtime_ns, inode=stat.st_ino)
            reasons.append(inspect_guarded(film, tmp_path, ClipsConfig(), pool).reason)
    finally:
        pool.close()
    assert reasons == [Reason.FILM_UNREADABLE, Reason.DECODER_TIMED_OUT]


@pytest.mark.parametrize(
    ("reason", "is_read_again"),
    [
        ("decoder_timed_out", True),
        ("decoder_out_of_memory", True),
        ("read_failed", True),
        ("decoder_crashed", True),  # the worker may have been killed: earlier versions did not tell
        ("film_unreadable", True),  # so it was without permission
        ("no_face", False),
        (None, False),
    ],
)
def test_what_earlier_versions_stored_wrongly_is_read_again(
    folder: Path, reason: str | None, is_read_again: bool
) -> None:
    plan = planned(folder, ClipsConfig())
    read(folder, plan, ClipsConfig())
    (reel,) = plan.reels
    stored = pq.read_table(reel.file)
    column = stored.schema.get_field_index("reason")
    old = stored.set_column(column, stored.schema.field(column), pa.array([reason], pa.string()))
    pq.write_table(old.replace_schema_metadata(None), reel.file)
    again = planned(folder, ClipsConfig())
    assert bool(again.reels) == is_read_again
    read(folder, again, ClipsConfig())
    (place,) = places_in_store(plan, plan.clips).values()
    assert pq.read_table(place[0])["reason"].to_pylist()[place[1]] == ("no_face" if is_read_again else reason)


def test_a_clip_that_was_stored_and_one_that_was_not_share_no_file(folder: Path) -> None:
    (folder / "spans.csv").write_text("film,start,end,label\nfilm.mp4,1,2,sad\nfilm.mp4,2,3,sad\n")
    plan = planned(folder, ClipsConfig())
    read(folder, plan, ClipsConfig())
    (reel,) = plan.reels
    stored = pq.read_table(reel.file)
    pq.write_table(stored.slice(1), reel.file)  # the first was not stored
    again = planned(folder, ClipsConfig())
    assert [len(reel.clips) for reel in again.reels] == [1]
    read(folder, again, ClipsConfig())
    assert planned(folder, ClipsConfig()).reels == ()
    assert len(stored_clips(reel.file.parent, reel.settings_key)) == 2


def test_a_film_that_cannot_be_opened_for_no_fault_of_its_content_is_looked_at_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "film.mp4":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    _, files = locate_films(read_annotations(folder / "spans.csv"), folder / "films")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        facts = inspect_film(files["film.mp4"], folder / "films", ClipsConfig())
    assert (facts.reason, facts.detail) == (Reason.READ_FAILED, "film.mp4: Permission denied")
    catalogue = FilmCatalogue(folder / "films.json", limits_key(ClipsConfig()))
    catalogue.keep({"film.mp4": facts})
    assert catalogue.known(files["film.mp4"]) is None


def test_a_film_that_changed_since_it_was_found_is_not_hashed(folder: Path) -> None:
    film = folder / "films" / "film.mp4"
    stat = film.stat()
    found = FilmFile("film.mp4", film, stat.st_size, stat.st_mtime_ns, inode=stat.st_ino)
    assert inspect_film(found, folder / "films", ClipsConfig()).reason is None
    for odd in (
        replace(found, size_bytes=found.size_bytes + 1),
        replace(found, mtime_ns=found.mtime_ns + 1),
        replace(found, inode=found.inode + 1),
    ):
        with pytest.raises(TransientError, match="changed while it was read"):
            inspect_film(odd, folder / "films", ClipsConfig())
    other_machine = replace(found, inode=0, mtime_ns=found.mtime_ns // 10**9 * 10**9)
    assert inspect_film(other_machine, folder / "films", ClipsConfig()).reason is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_bytes": "many"},
        {"sha256": "../../../elsewhere"},
        {"duration_s": "long"},
        {"name": "b.mp4"},
        {"reason": 7},
    ],
)
def test_an_entry_of_the_catalogue_with_a_wrong_value_counts_as_absent(folder: Path, wrong: dict) -> None:
    looked_at(folder, ClipsConfig())
    path = folder / "films.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps({"film.mp4": entries["film.mp4"] | wrong}))
    _, files = locate_films(read_annotations(folder / "spans.csv"), folder / "films")
    catalogue = FilmCatalogue(path, limits_key(ClipsConfig()))
    assert catalogue.known(files["film.mp4"]) is None
    assert catalogue.hashes() == {}
