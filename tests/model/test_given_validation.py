"""A dataset's own validation split, rare classes, and classes that no training clip has."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emodal_model.data.samples import join
from emodal_model.data.synthetic import draw_samples
from emodal_model.data.validation import hold_out
from emodal_model.evaluation.tables import format_report
from emodal_model.training.ensemble import members_of
from emodal_model.training.loop import MOST_WEIGHT, balanced_weights
from emodal_model.training.train import train
from tests.model.conftest import TINY, write_dataset

SOUND = TINY.model_copy(update={"name": "audio", "epochs": 1})


def test_the_validation_split_of_the_dataset_is_validated_on_and_all_of_training_is_trained_on(
    tmp_path: Path,
) -> None:
    dataset = write_dataset(
        tmp_path / "d",
        train=draw_samples(40, 1),
        validation=draw_samples(14, 2),
        test=draw_samples(12, 3),
    )
    metrics = train(dataset, tmp_path / "m", SOUND)
    sides = metrics["dataset"]
    assert {side: sides[side]["clips"] for side in ("fit", "validation", "test")} == {
        "fit": 40,
        "validation": 14,
        "test": 12,
    }
    assert metrics["validation"]["group_by"] == "split"
    assert metrics["training"]["audio"]["validation"]["n"] == 14
    assert "14 validation clips (the dataset's validation split)" in " ".join(
        (tmp_path / "m" / "report" / "index.html").read_text().split()
    )
    assert "Validation clips are the dataset's validation split" in (tmp_path / "m" / "README.md").read_text()


def test_every_member_of_an_ensemble_validates_on_the_given_split_with_a_seed_of_its_own() -> None:
    samples = join([draw_samples(30, 1), draw_samples(10, 2)])
    given = np.arange(40) >= 30
    members = members_of(samples, "film", TINY.model_copy(update={"members": 2}), given)
    assert [member.held.validation.tolist() for member in members] == [given.tolist()] * 2
    assert [member.held.fit.tolist() for member in members] == [(~given).tolist()] * 2
    assert members[0].config.seed != members[1].config.seed


def test_a_validation_split_without_labels_is_not_trained_on_and_training_clips_are_held_out() -> None:
    unlabelled = draw_samples(10, 2, labelled=0)
    samples = join([draw_samples(60, 1), unlabelled])
    given = np.arange(70) >= 60
    held = members_of(samples, "film", TINY, given)[0].held
    assert held.validation.any() and not (held.validation & given).any()
    assert not (held.fit & given).any()


def test_a_class_of_three_clips_weighs_at_most_twenty_times_the_largest() -> None:
    labels = np.repeat([0, 1, 2], [3000, 2000, 3])
    weights = balanced_weights(labels, 3)
    assert weights[2] / weights[0] == pytest.approx(MOST_WEIGHT)
    assert weights[1] / weights[0] == pytest.approx(1.5)
    even = balanced_weights(np.repeat([0, 1, 2], [30, 20, 10]), 4)
    assert even.tolist() == pytest.approx([60 / 90, 60 / 60, 60 / 30, 0.0])


def test_a_class_with_three_clips_and_one_without_are_trained_around_and_named(tmp_path: Path) -> None:
    samples = draw_samples(80, 1)
    labels = np.where(np.arange(80) < 3, 2, np.arange(80) % 2)
    rare = replace(samples, labels=labels, films=np.asarray([f"film {i % 9}" for i in range(80)]))
    dataset = write_dataset(tmp_path / "d", train=rare, test=draw_samples(12, 2))
    metrics = train(dataset, tmp_path / "m", SOUND)
    assert metrics["notes"] == [
        "no training clip is sad: the networks cannot learn it",
        "classes with fewer than 10 training clips: neutral (3)",
    ]
    assert metrics["dataset"]["fit"]["classes"]["neutral"] >= 1
    assert "note: no training clip is sad: the networks cannot learn it" in format_report(metrics)
    assert "no training clip is sad" in (tmp_path / "m" / "report" / "index.html").read_text()


def test_many_classes_of_one_clip_do_not_prevent_a_validation_split() -> None:
    samples = draw_samples(120, 1)
    labels = np.where(np.arange(120) < 60, np.arange(120) + 4, np.arange(120) % 4)
    classes = tuple(f"class {number}" for number in range(64))
    held = hold_out(replace(samples, labels=labels, classes=classes), "film", 0.15, 0)
    assert held.group_by == "clip"
    assert held.validation.sum() == pytest.approx(18, abs=1)
    assert set(labels[held.fit]) == set(range(64))
    assert (
        held.note
        == "too few groups for a validation split: single clips of the commoner classes are held out"
    )
