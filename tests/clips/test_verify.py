"""clips.verify: some clips of each film are compared with a whole decode; a difference drops the film."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.clips.ingest import read_reel
from emodal_data.clips.plan import Clip, Reel, ingest_key
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.store import read_measures, reel_file
from emodal_data.clips.tables import PLANNED
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.reasons import Reason
from emodal_data.media import Film, Frame
from emodal_data.media.audio import AudioSpan
from tests.clips.test_plan import plan
from tests.media.films import Recipe, make_film
from tests.published import complete

SETTINGS = ReadSettings(ClipsConfig(verify=1), FaceConfig(), AudioConfig())


@pytest.fixture
def reel(tmp_path: Path) -> Reel:
    """Two clips of a film, the second of which is verified."""
    clips = (Clip("c0", 0.5, 1.5), Clip("c1", 1.5, 2.5))
    file = reel_file(tmp_path, "key", ["c0", "c1"])
    return Reel("film.mp4", make_film(tmp_path, Recipe()), clips, file, frozenset({"c1"}))


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that gives a frame two frames late."""
    right = Film.frame_at

    def wrong(film: Film, t_s: float, max_side_px: int | None = None) -> Frame:
        return right(film, t_s + 0.08, max_side_px)

    monkeypatch.setattr(Film, "frame_at", wrong)


def test_right_frames_change_nothing(reel: Reel) -> None:
    read_reel(reel, SETTINGS)
    verified = pq.read_table(reel.file)
    read_reel(replace(reel, verified=frozenset()), SETTINGS)
    assert verified == pq.read_table(reel.file)
    assert verified["reason"].to_pylist() == ["no_face", "no_face"]


@pytest.mark.usefixtures("late")
def test_a_wrong_frame_is_uncertain_and_both_answers_are_kept(reel: Reel) -> None:
    read_reel(reel, SETTINGS)
    rows = pq.read_table(reel.file).to_pylist()
    assert [row["reason"] for row in rows] == ["no_face", "frame_uncertain"]
    assert rows[1]["detail"] == "at 2.000 s: the frame of 2.080 s; a whole decode: the frame of 2.000 s"
    assert rows[1]["measured"] == pytest.approx(2.0)


def test_another_sound_than_that_of_the_whole_track_is_uncertain(
    reel: Reel, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Film.audio_span

    def late(film: Film, start_s: float, end_s: float) -> AudioSpan:
        return right(film, start_s + 0.01, end_s + 0.01)

    monkeypatch.setattr(Film, "audio_span", late)
    read_reel(reel, SETTINGS)
    rows = pq.read_table(reel.file).to_pylist()
    assert [row["reason"] for row in rows] == ["no_face", "frame_uncertain"]
    assert rows[1]["detail"].startswith("the sound at 1.500 s: off by 0.")
    assert rows[1]["measured"] > 0.1


@pytest.mark.usefixtures("late")
def test_one_uncertain_frame_drops_its_film_and_no_other(reel: Reel, tmp_path: Path) -> None:
    read_reel(reel, SETTINGS)
    measures = read_measures({"c0": (reel.file, 0), "c1": (reel.file, 1)})
    measures.loc["c0", "reason"] = None
    measures = pd.concat(
        [measures, *(measures.loc[["c0"]].rename(index={"c0": name}) for name in ("c2", "c3"))]
    )
    measures.loc["c3", "reason"] = "frame_uncertain"  # by the reader, of a film whose other frames are sure
    clips = pd.DataFrame(
        {
            "film": ["film.mp4", "film.mp4", "b.mp4", "b.mp4"],
            "start_s": [0.5, 1.5] * 2,
            "end_s": [1.5, 2.5] * 2,
        },
        index=pd.Index(["c0", "c1", "c2", "c3"], name="clip_id"),
    )
    made = apply_gates(
        complete(clips.assign(label="sad", tied=False), PLANNED),
        measures,
        ClipsConfig(),
        FaceConfig(),
        AudioConfig(),
    )
    uncertain = made["reason"] == Reason.FRAME_UNCERTAIN
    assert uncertain.to_dict() == {"c0": True, "c1": True, "c2": False, "c3": True}
    assert made.loc["c0", "detail"] == made.loc["c1", "detail"]


def test_as_many_clips_of_each_film_are_verified_as_asked_for(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for name, content in {"a.mp4": b"one", "b.mp4": b"two"}.items():
        (films / name).write_bytes(content)
    text = "".join(f"{film}.mp4,{n},{n + 1},sad,,\n" for film in "ab" for n in range(9))
    made = plan(tmp_path, films, text, ClipsConfig(reel_size=4, verify=3))
    again = plan(tmp_path, films, text, ClipsConfig(reel_size=9, verify=3))
    names = [
        {
            film: frozenset().union(*(reel.verified for reel in one.reels if reel.film == film))
            for film in ("a.mp4", "b.mp4")
        }
        for one in (made, again)
    ]
    assert names[0] == names[1]
    assert [len(clips) for clips in names[0].values()] == [3, 3]
    assert all(reel.verified <= {clip.clip_id for clip in reel.clips} for reel in made.reels)


def test_verifying_reads_films_again_and_not_verifying_does_not() -> None:
    key = ingest_key(ClipsConfig(), FaceConfig())
    assert ingest_key(ClipsConfig(verify=0), FaceConfig()) == key
    assert ingest_key(ClipsConfig(verify=2), FaceConfig()) != key
