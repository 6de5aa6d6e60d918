"""The validation split: whole groups, no augmented samples, and a note that says which groups."""

from dataclasses import replace

import numpy as np
import pytest

from emodal_model.data.samples import Samples, join
from emodal_model.data.synthetic import draw_samples
from emodal_model.data.validation import hold_out


def with_copies(samples: Samples) -> Samples:
    """Each sample and two augmented copies of it."""
    copy = replace(samples, originals=np.zeros(len(samples), bool))
    return join([samples, copy, copy])


@pytest.mark.parametrize("group_by", ["film", "speaker", "clip"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_group_is_on_both_sides_and_no_augmented_sample_is_in_validation(group_by: str, seed: int) -> None:
    samples = draw_samples(120, seed=5)
    samples = with_copies(
        replace(samples, speakers=np.char.add("speaker ", (np.arange(120) % 12).astype(str)))
    )
    held = hold_out(samples, group_by, 0.15, seed)
    keys = {"film": samples.films, "speaker": samples.speakers, "clip": samples.clip_ids}[group_by]
    assert held.group_by == group_by
    assert not set(keys[held.fit]) & set(keys[held.validation])
    assert not set(samples.clip_ids[held.fit]) & set(samples.clip_ids[held.validation])
    assert samples.originals[held.validation].all()
    assert held.validation.sum() / 120 == pytest.approx(0.15, abs=0.1)


def test_one_film_falls_back_to_clips_and_says_so() -> None:
    samples = replace(draw_samples(40, seed=5), films=np.full(40, "only one"))
    held = hold_out(samples, "film", 0.15, 0)
    assert held.group_by == "clip"
    assert "too few groups by film" in held.note


def test_too_few_clips_give_no_validation_split() -> None:
    samples = draw_samples(4, seed=5).take(np.array([0, 1]))
    samples = replace(samples, labels=np.array([0, 1]))
    held = hold_out(samples, "film", 0.15, 0)
    assert (held.group_by, held.validation.sum(), held.fit.sum()) == ("none", 0, 2)
    assert "no early stopping" in held.note


def test_every_class_stays_on_the_fit_side() -> None:
    samples = draw_samples(60, seed=5)
    for seed in range(10):
        held = hold_out(samples, "film", 0.3, seed)
        assert set(samples.labels[held.fit]) == set(samples.labels)


def test_unlabelled_clips_never_validate_and_those_of_held_films_are_left_out() -> None:
    samples = draw_samples(120, seed=5, labelled=80)
    held = hold_out(samples, "film", 0.15, 0)
    assert (samples.labels[held.validation] >= 0).all()
    neither = ~held.fit & ~held.validation
    assert neither.any()
    assert (samples.labels[neither] < 0).all()
    assert set(samples.films[neither]) <= set(samples.films[held.validation])
