"""Films of scenes: who is shown while somebody speaks, and that a build takes the face that speaks."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from emodal_data.clips.gates import speaking_gate
from emodal_data.clips.span_reading import ReadSettings, loaded_backend, read_face
from emodal_data.clips.track_record import read_curve
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span
from emodal_data.media import open_film
from emodal_data.media.encoders import decode_image
from emodal_data.sample_films import make_sample_films
from emodal_data.sample_films.scenes import SCENES, side_by_side, write_scenes

OFF_SCREEN = {"listener", "listeners", "chewing"}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    make_sample_films(folder, films=1, clips_per_film=len(SCENES), seed=3, scenes=True)
    return folder


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_scene_is_played_and_the_truth_has_the_face_that_speaks_where_it_is_shown(scenes: Path) -> None:
    rows = truth(scenes)
    assert Counter(row["kind"] for row in rows) == dict.fromkeys(SCENES, 1)
    assert {row["kind"] for row in rows if not row["x0"]} == OFF_SCREEN
    assert all(float(row["start"]) < float(row["end"]) for row in rows)


def test_scenes_are_drawn_from_the_seed_each_as_often_as_the_others() -> None:
    drawn = [write_scenes(16, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert set(Counter(scene for scene, _ in drawn[0]).values()) == {2}


def test_two_shots_are_shown_as_the_halves_of_one_picture() -> None:
    left, right = (np.full((6, 8), value, np.uint8) for value in (1, 2))
    (picture,) = side_by_side(iter([left]), iter([right]))
    assert picture[:4].tolist() == [[1] * 4 + [2] * 4] * 4
    assert picture[4:].reshape(4, -1).tolist() == [[1, 1, 2, 2]] * 4


def test_of_two_faces_a_build_takes_the_one_that_speaks_and_finds_the_voice_of_a_listener_off_screen(
    scenes: Path,
) -> None:
    face = FaceConfig(choose="speaking", min_speaking=0.5)
    settings = ReadSettings(ClipsConfig(), face, AudioConfig(), scenes / "films")
    for row in truth(scenes):
        if row["kind"] not in ("two_shot", "listener"):
            continue
        path, span = scenes / "films" / row["film"], Span(float(row["start"]), float(row["end"]))
        with open_film(path, root=settings.films, config=settings.clips) as film:
            seen = read_face(film, span, loaded_backend(face), face)
        assert not isinstance(seen.picture, Dropped)
        assert seen.speaking is not None
        if row["kind"] == "listener":
            assert seen.speaking.on_screen == "no"
            assert speaking_gate(seen.speaking, face) == (
                Reason.NOBODY_ON_SCREEN_SPEAKS,
                seen.speaking.speaking_score,
            )
        else:
            middle = (seen.picture.measures.x0 + seen.picture.measures.x1) / 2
            assert float(row["x0"]) < middle < float(row["x1"])
            assert seen.speaking.speaking_score > seen.speaking.runner_up_score
            tracks = seen.tracks
            assert tracks is not None
            chosen = tracks["chosen"]
            assert tracks["scores"][chosen] == max(tracks["scores"]) == seen.speaking.speaking_score
            mouths, voice = [read_curve(mouth) for mouth in tracks["mouths"]], read_curve(tracks["voice"])
            assert np.nanstd(mouths[chosen]) > 2 * np.nanstd(mouths[1 - chosen])
            assert len(voice) == len(mouths[0]) == round(8 * (tracks["end_s"] - tracks["start_s"]))
            assert voice.min() >= 0
            assert voice.max() == 1
            portraits = decode_image(tracks["portraits"])
            assert portraits.shape == (2 * 48, 8 * 48, 3)
            assert (
                portraits.reshape(2, 48, 8, 48, 3).std(axis=(1, 3, 4)).min() > 20
            )  # every place has its face
