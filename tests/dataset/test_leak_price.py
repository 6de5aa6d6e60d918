"""The price of a leak: what is known to leak scores high, what is honest does not, and the same every time."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emodal_data import read_split
from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.plan import plan_dataset
from emodal_data.dataset.split.leak_price import Samples, accuracies, format_price, leak_price
from flows.cli import app
from flows.operations.forget import forget
from tests.published import fake_clips, publish, written


def samples(films: int = 10, per_film: int = 12, copies: int = 2, *, told_by: str = "nothing") -> Samples:
    """Clips that look like nothing but themselves, with copies; film or face may tell the label."""
    draw = np.random.default_rng(0)
    clips = films * per_film
    film = np.repeat(np.arange(films), per_film)
    label = draw.integers(0, 4, clips)
    face, speech = draw.normal(size=(clips, 40)), draw.normal(size=(clips, 68))
    if told_by == "film":  # one set, one light, one mood
        label = np.where(draw.random(clips) < 0.9, film % 4, label)
        face = draw.normal(size=(films, 40))[film] * 2 + 0.5 * face
    if told_by == "face":
        face[:, :10] += 6 * np.eye(4)[label].repeat(3, axis=1)[:, :10]
    again = np.repeat(np.arange(clips), copies + 1)
    noise = 0.1 * draw.normal(size=(len(again), 40))
    return Samples(
        (face[again] + noise).astype(np.float32),
        speech[again].astype(np.float32),
        label[again],
        np.tile(np.arange(copies + 1), clips),
        np.array([f"clip{n}" for n in again]),
        np.array([f"film{n}" for n in film[again]]),
        np.array([""] * len(again)),
    )


def test_a_model_that_memorises_seems_to_know_labels_that_nothing_tells() -> None:
    told = accuracies(samples())
    assert told["augment_then_split"]["nearest_neighbour"] > 0.95
    assert told["clip"]["nearest_neighbour"] < 0.4
    assert told["film"]["nearest_neighbour"] < 0.4
    assert told["clip"]["logistic_regression"] < 0.4


def test_a_split_by_clip_rewards_knowing_the_film_and_a_split_by_film_does_not() -> None:
    told = accuracies(samples(told_by="film"))
    for model in ("nearest_neighbour", "logistic_regression"):
        assert told["clip"][model] > 0.7
        assert told["film"][model] < 0.5


def test_what_the_face_really_tells_survives_every_split() -> None:
    told = accuracies(samples(told_by="face"))
    for way in ("augment_then_split", "clip", "film"):
        assert told[way]["logistic_regression"] > 0.95


def test_without_copies_or_a_second_film_there_is_no_number() -> None:
    told = accuracies(samples(copies=0))
    assert told["augment_then_split"] is None
    assert told["clip"] is not None
    assert accuracies(samples(films=1, per_film=40))["film"] is None
    assert "speaker" not in told


def test_a_film_of_one_class_held_out_against_another_of_one_class_scores_nothing() -> None:
    one = samples(films=2, per_film=5)
    told = accuracies(
        Samples(
            one.face,
            one.speech,
            (one.film == "film1").astype(np.int64),
            one.augmentation_index,
            one.clip,
            one.film,
            one.film,
        )
    )
    assert told["film"] == {"nearest_neighbour": 0.0, "logistic_regression": 0.0}
    assert told["speaker"] == told["film"]
    assert "person" not in told


def test_persons_are_held_out_where_every_clip_has_a_number() -> None:
    known = samples(told_by="film")
    told = accuracies(replace(known, person=known.film))
    assert told["person"] == told["film"]
    without = np.where(known.clip == known.clip[0], "", known.film)
    assert "person" not in accuracies(replace(known, person=without))


CONFIG = DatasetConfig.model_validate({"report": {"leak_price": True}})


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of ten films whose manifest has the price."""
    folder = tmp_path_factory.mktemp("price")
    rows, clips, measures = fake_clips(folder / "store", films=10)
    clear = apply_gates(clips, measures, CONFIG.clips, CONFIG.face, CONFIG.audio)
    publish(plan_dataset(rows, clear, CONFIG), folder / "build" / "dataset", CONFIG)
    return folder / "build"


def test_manifest_and_card_have_the_price_of_the_training_side(out: Path) -> None:
    price = json.loads((out / "dataset" / "manifest.json").read_bytes())["leak_price"]
    counts = json.loads((out / "dataset" / "manifest.json").read_bytes())["counts"]
    assert price == leak_price(out / "dataset")
    assert price["clips"] == counts["clips_per_split"]["train"]
    assert price["samples"] == counts["samples_per_split"]["train"]
    card = (out / "dataset" / "README.md").read_text()
    one, two = (
        100 * price["accuracy"]["film"][model] for model in ("nearest_neighbour", "logistic_regression")
    )
    assert f"| films | {one:.1f} % | {two:.1f} % |" in card


def test_the_command_prints_what_the_manifest_has(out: Path) -> None:
    price = json.loads((out / "dataset" / "manifest.json").read_bytes())["leak_price"]
    asked = CliRunner().invoke(app, ["leak-price", str(out), "--json"])
    assert json.loads(asked.stdout) == price
    lines = CliRunner().invoke(app, ["leak-price", str(out)]).stdout.splitlines()
    assert lines == format_price(price).splitlines()
    assert [line.split("  ")[0] for line in lines[:5]] == [
        "held out",
        "samples, augmented first",
        "clips",
        "films",
        "speakers",
    ]


def test_it_is_not_measured_unless_asked_for_and_a_folder_without_a_dataset_is_refused(
    tmp_path: Path,
) -> None:
    assert "leak_price" not in json.loads((written(tmp_path, "dataset") / "manifest.json").read_bytes())
    with pytest.raises(InputError, match="no dataset here"):
        leak_price(tmp_path)


def test_forgetting_a_film_measures_again(out: Path) -> None:
    before = json.loads((out / "dataset" / "manifest.json").read_bytes())["leak_price"]
    film = read_split(out / "dataset", "train")["film"][0].as_py()
    forget(out, film=film)
    after = json.loads((out / "dataset" / "manifest.json").read_bytes())["leak_price"]
    assert after == leak_price(out / "dataset")
    assert after["clips"] < before["clips"]
