"""Planning: films found and lost, clips named by content, reels of what the store lacks."""

from pathlib import Path

import pandas as pd
import pytest

from emodal_data.annotations import read_annotations
from emodal_data.clips import store as clip_store
from emodal_data.clips.films import INSPECTION_VERSION, FilmCatalogue, FilmFacts, FilmFile
from emodal_data.clips.plan import (
    Plan,
    clip_id_of,
    film_parts,
    ingest_key,
    locate_films,
    places_in_store,
    plan_build,
)
from emodal_data.clips.store import (
    read_measures,
    read_payload,
    reel_file,
    store_folder,
    stored_clips,
    write_reel,
)
from emodal_data.core.config import ClipsConfig, FaceConfig
from emodal_data.core.errors import InputError
from emodal_data.core.reasons import Reason

HEADER = "film,start,end,label,annotator,speaker\n"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    (folder / "deep").mkdir(parents=True)
    for name, content in {"a.mp4": b"one", "deep/b.mkv": b"two", "copy of a.mp4": b"one"}.items():
        (folder / name).write_bytes(content)
    return folder


def plan(tmp_path: Path, films: Path, text: str, clips: ClipsConfig | None = None, broken: str = "") -> Plan:
    path = tmp_path / "spans.csv"
    path.write_text(HEADER + text)
    rows, files = locate_films(read_annotations(path), films)
    facts = {name: known(file, broken) for name, file in files.items()}
    return plan_build(rows, files, facts, tmp_path / "clips", clips or ClipsConfig(), FaceConfig())


def known(file: FilmFile, broken: str) -> FilmFacts:
    reason = Reason.FILM_UNREADABLE.value if file.name == broken else None
    sha256 = "1" * 64 if file.path.read_bytes() == b"one" else "2" * 64
    return FilmFacts(
        file.name, file.size_bytes, file.mtime_ns, sha256, 60.0, reason, reason and "moov atom not found"
    )


def test_films_are_found_below_the_folder_and_others_named_in_their_row(tmp_path: Path, films: Path) -> None:
    (films / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    (tmp_path / "outside.mp4").write_bytes(b"x")
    named = ["a.mp4", "deep/../deep/b.mkv", "b.mp4", "../outside.mp4", "link.mp4"]
    text = "".join(f"{name},0,1,sad,,\n" for name in named)
    rows = plan(tmp_path, films, text).rows
    assert [None if pd.isna(r) else r for r in rows["reason"]] == [
        None,
        None,
        Reason.FILM_MISSING,
        Reason.FILM_OUTSIDE_FOLDER,
        Reason.FILM_OUTSIDE_FOLDER,
    ]
    assert rows["film"][1] == "deep/b.mkv"
    assert "did you mean deep/b.mkv?" in rows["detail"][2]


def test_a_build_without_any_film_is_refused(tmp_path: Path, films: Path) -> None:
    with pytest.raises(InputError, match=r"none of the films .* row 2: x\.mp4"):
        plan(tmp_path, films, "x.mp4,0,1,sad,,\n")
    with pytest.raises(InputError, match="no such folder"):
        plan(tmp_path, tmp_path / "absent", "a.mp4,0,1,sad,,\n")


def test_an_unreadable_film_marks_its_rows_and_not_the_others(tmp_path: Path, films: Path) -> None:
    made = plan(tmp_path, films, "a.mp4,0,1,sad,,\ndeep/b.mkv,0,1,sad,,\n", broken="a.mp4")
    assert made.rows["reason"].tolist()[0] == Reason.FILM_UNREADABLE
    assert made.rows["detail"][0] == "moov atom not found"
    assert made.clips["film"].tolist() == ["deep/b.mkv"]


def test_a_clip_is_named_by_content_and_microseconds() -> None:
    assert clip_id_of("1" * 64, 1.0, 2.0) == clip_id_of("1" * 64, 1.0 + 1e-9, 2.0)
    assert (
        len(
            {clip_id_of("1" * 64, 1.0, 2.0), clip_id_of("2" * 64, 1.0, 2.0), clip_id_of("1" * 64, 1.0, 2.001)}
        )
        == 3
    )


def test_a_copy_of_a_film_is_the_same_film(tmp_path: Path, films: Path) -> None:
    made = plan(tmp_path, films, "a.mp4,0,1,sad,x,\ncopy of a.mp4,0,1,sad,y,\n")
    assert len(made.clips) == 1
    assert made.clips["votes"].tolist() == [2]
    assert made.rows["film"].tolist() == ["a.mp4", "a.mp4"]
    assert made.films == {"a.mp4": "1" * 64}


def test_reels_hold_consecutive_clips_and_never_more_than_reel_size(tmp_path: Path, films: Path) -> None:
    text = "".join(f"a.mp4,{start},{start + 1},sad,,\n" for start in (7, 3, 5, 1, 9))
    made = plan(tmp_path, films, text, ClipsConfig(reel_size=2))
    assert [[clip.start_s for clip in reel.clips] for reel in made.reels] == [[1, 3], [5, 7], [9]]
    assert len({reel.file for reel in made.reels}) == 3


def stored(made: Plan) -> None:
    for reel in made.reels:
        rows = [
            {
                "clip_id": c.clip_id,
                "film": reel.film,
                "start_s": c.start_s,
                "image": b"png",
                "audio": b"\0\0",
                "sharpness": 0.5,
            }
            for c in reel.clips
        ]
        write_reel(reel.file, rows)


def test_what_is_stored_is_not_read_again_and_a_new_span_reads_only_itself(
    tmp_path: Path, films: Path
) -> None:
    text = "a.mp4,0,1,sad,,\na.mp4,2,3,sad,,\n"
    stored(plan(tmp_path, films, text))
    assert plan(tmp_path, films, text).reels == ()
    relabelled = plan(tmp_path, films, text.replace("sad", "happy"))
    assert relabelled.reels == ()
    more = plan(tmp_path, films, "a.mp4,1,1.5,sad,,\n" + text)
    assert [[clip.start_s for clip in reel.clips] for reel in more.reels] == [[1.0]]
    stored(more)
    measures = read_measures(places_in_store(more, more.clips))
    assert sorted(measures.index) == sorted(more.clips.index)
    assert measures["sharpness"].tolist() == [0.5] * 3
    row = measures.iloc[0]
    assert next(read_payload(row["store_file"], [row["store_row"]])) == {"image": b"png", "audio": b"\0\0"}


def test_measures_are_those_of_the_clips_asked_for_however_many_files_hold_them(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_store, "_FILES_AT_ONCE", 2)
    made = plan(
        tmp_path, films, "".join(f"a.mp4,{n},{n + 1},sad,,\n" for n in range(9)), ClipsConfig(reel_size=2)
    )
    stored(made)
    places = places_in_store(made, made.clips)
    asked = {clip_id: places[clip_id] for clip_id in made.clips.index[[0, 3, 4, 5, 8]]}
    measures = read_measures(asked)
    assert dict(zip(measures.index, measures["start_s"], strict=True)) == dict(
        zip(asked, [0.0, 3.0, 4.0, 5.0, 8.0], strict=True)
    )
    where = zip(measures["store_file"], measures["store_row"], strict=True)
    assert dict(zip(measures.index, where, strict=True)) == asked
    assert read_measures({}).columns.tolist() == measures.columns.tolist()


@pytest.mark.parametrize(
    ("most", "wanted"),
    [
        (1, ["aa", "bbb", "c"]),
        (3, ["aa", "bbb", "c"]),
        (4, ["aa", "bbbc"]),
        (5, ["aabbb", "c"]),
        (6, ["aabbbc"]),
    ],
)
def test_a_part_of_the_clips_has_whole_films(most: int, wanted: list[str]) -> None:
    parts = list(film_parts(pd.DataFrame({"film": list("aabbbc")}), most))
    assert ["".join(part["film"]) for part in parts] == wanted


def test_a_damaged_store_file_is_read_again(tmp_path: Path, films: Path) -> None:
    made = plan(tmp_path, films, "a.mp4,0,1,sad,,\n")
    stored(made)
    damaged = made.reels[0].file.read_bytes()[:-9]
    made.reels[0].file.write_bytes(damaged)
    assert plan(tmp_path, films, "a.mp4,0,1,sad,,\n").reels == made.reels
    assert made.reels[0].file.read_bytes() == damaged  # planning writes nothing


def test_thresholds_keep_the_store_and_what_changes_the_reading_does_not() -> None:
    key = ingest_key(ClipsConfig(), FaceConfig())
    assert ingest_key(ClipsConfig(reel_size=3, timeout_s=5), FaceConfig(min_score=0.1, gate="score")) == key
    assert ingest_key(ClipsConfig(audio_track="eng"), FaceConfig()) != key
    assert ingest_key(ClipsConfig(audio_mix="dialogue"), FaceConfig()) != key
    assert ingest_key(ClipsConfig(), FaceConfig(frontalization="dense")) != key
    searching = FaceConfig(frame_search_s=1.0)
    assert ingest_key(ClipsConfig(), searching) != key
    assert ingest_key(ClipsConfig(), searching.model_copy(update={"min_score": 0.1})) != ingest_key(
        ClipsConfig(), searching
    )


def test_store_folders_are_readable_and_cannot_collide(tmp_path: Path) -> None:
    one = store_folder(tmp_path, "Ünï\nfilm/..mp4", "a" * 64)
    assert one.parent == tmp_path
    assert one.name.endswith("-aaaaaaaaaaaa")
    assert store_folder(tmp_path, "x.mp4", "b" * 64) != store_folder(tmp_path, "x.mp4", "c" * 64)
    assert stored_clips(one, "key") == {}
    assert reel_file(one, "key", ["a"]) != reel_file(one, "key", ["a", "b"])


def test_the_catalogue_knows_a_film_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "films.json"
    file = FilmFile("a.mp4", tmp_path / "a.mp4", 3, 100)
    facts = FilmFacts("a.mp4", 3, 100, "1" * 64, 60.0)
    FilmCatalogue(path).keep({"a.mp4": facts})
    assert FilmCatalogue(path).known(file) == facts
    assert FilmCatalogue(path).known(FilmFile("a.mp4", file.path, 4, 100)) is None
    assert FilmCatalogue(path).known(FilmFile("a.mp4", file.path, 3, 101)) is None
    path.write_text(path.read_text().replace(f'"inspection": {INSPECTION_VERSION}', '"inspection": 0'))
    assert FilmCatalogue(path).known(file) is None  # looked at by an earlier version, which overlooked more
    path.write_text("{broken")
    assert FilmCatalogue(path).known(file) is None
