"""Films of scenes: who is shown while somebody speaks, and that a build takes the face that speaks."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.clips.track_record import read_curve
from emodal_data.dataset.verify import verify_dataset
from emodal_data.media.encoders import decode_image
from emodal_data.sample_films import make_sample_films
from emodal_data.sample_films.scenes import SCENES, side_by_side, write_scenes
from tests.flows.commands import emodal

SPLITS = ("train", "test")
#: Scenes that are built, and of all scenes those that do not show the speaker.
SHOWN = ("talk", "two_shot", "chewing")
OFF_SCREEN = {"listener", "listeners", "chewing"}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    make_sample_films(folder, films=1, clips_per_film=len(SCENES), seed=4, scenes=True)
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


@pytest.fixture(scope="module")
def built(scenes: Path) -> Path:
    """A build by who speaks, of scenes that show the speaker or do not, read once: it keeps what the gates refuse."""
    pytest.importorskip("dlib", reason="the extra people is not installed")
    kinds = {(row["film"], row["start"]): row["kind"] for row in truth(scenes)}
    header, *lines = (scenes / "annotations.csv").read_text().splitlines()
    some = [line for line in lines if kinds[*line.split(",")[:2]] in SHOWN]
    (scenes / "some.csv").write_text("\n".join([header, *some]))
    return build(
        scenes, scenes / "out", "face.gate=score", "split.group_by=person", "split.test_fraction=0.5"
    )


def build(scenes: Path, out: Path, *settings: str) -> Path:
    asked = ("face.choose=speaking", "face.persons=true", "audio.measures=true", "split.allow_imbalance=true")
    run = emodal(
        *(
            "build",
            "--no-train",
            "--films",
            scenes / "films",
            "--annotations",
            scenes / "some.csv",
            "--out",
            out,
        ),
        *(word for setting in (*asked, *settings) for word in ("--set", setting)),
    )
    assert run.returncode == 0, run.stderr
    return out


def test_a_build_takes_the_face_that_speaks_and_drops_a_mouth_that_chews_while_the_voice_is_off_screen(
    scenes: Path, built: Path
) -> None:
    shown = {(row["film"], float(row["start"])): row for row in truth(scenes)}
    shutil.copytree(built / "clips", scenes / "gated" / "clips")
    build(scenes, scenes / "gated", "face.min_speaking=0.5", "split.group_by=clip")
    for row in pq.read_table(scenes / "gated" / "dataset" / "ledger.parquet").to_pylist():
        true = shown[row["film"], row["start_s"]]
        if true["kind"] in OFF_SCREEN:
            assert (row["reason"], row["on_screen"]) == ("nobody_on_screen_speaks", "no")
            assert row["measured"] == row["speaking_score"] < 0.3
        else:
            assert (row["outcome"], row["on_screen"]) == ("kept", "yes")
            assert row["speaking_score"] > max(0.6, row["runner_up_score"])
            assert row["speech_share"] > 0.5
            assert row["music_share"] < 0.5


def test_no_person_is_in_two_splits_of_a_build_by_person(built: Path) -> None:
    manifest = json.loads((built / "dataset" / "manifest.json").read_bytes())
    persons = {split: set(read_split(built / "dataset", split)["person"].to_pylist()) for split in SPLITS}
    assert all(persons.values())
    assert persons["train"].isdisjoint(persons["test"])
    assert manifest["leak_proof"]["columns"]["person"]["in_several_splits"] == 0
    assert verify_dataset(built / "dataset") == []


def test_the_store_has_the_curves_and_portraits_of_all_faces_of_a_span(scenes: Path, built: Path) -> None:
    (two,) = [row for row in truth(scenes) if row["kind"] == "two_shot"]
    stored = [row for path in built.glob("clips/*/*.parquet") for row in pq.read_table(path).to_pylist()]
    (clip,) = [row for row in stored if row["start_s"] == float(two["start"])]
    assert float(two["x0"]) < (clip["x0"] + clip["x1"]) / 2 < float(two["x1"])
    tracks, chosen = clip["tracks"], clip["tracks"]["chosen"]
    assert tracks["scores"][chosen] == max(tracks["scores"]) == pytest.approx(clip["speaking_score"])
    assert tracks["start_s"] < clip["start_s"] < clip["end_s"] < tracks["end_s"]
    mouths, voice = [read_curve(mouth) for mouth in tracks["mouths"]], read_curve(tracks["voice"])
    assert np.nanstd(mouths[chosen]) > 2 * np.nanstd(mouths[1 - chosen])
    assert len(voice) == len(mouths[0]) == round(8 * (tracks["end_s"] - tracks["start_s"]))
    assert (voice.min(), voice.max()) == (0, 1)
    portraits = decode_image(tracks["portraits"])
    assert portraits.shape == (2 * 48, 8 * 48, 3)
    # Every place has its face.
    assert portraits.reshape(2, 48, 8, 48, 3).std(axis=(1, 3, 4)).min() > 20
