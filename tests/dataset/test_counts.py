"""How many copies each clip gets: exactly what was asked for, spread evenly, level where balance asks for it."""

import numpy as np
import pytest

from emodal_data.core.config import AugmentConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.augment.counts import plan_augmentations


def test_every_clip_gets_its_copies():
    assert plan_augmentations([0, 1, 2], list("abc"), 1, AugmentConfig(per_clip=3)).tolist() == [3, 3, 3]
    assert plan_augmentations([], [], 0, AugmentConfig()).tolist() == []


@pytest.mark.parametrize(("train", "test", "target"), [(2460, 615, 11606), (7, 2, 9), (7, 2, 30), (1, 0, 5)])
def test_a_target_size_is_met_exactly_and_evenly(train, test, target):
    copies = plan_augmentations(np.zeros(train, int), ["a"] * train, test, AugmentConfig(target_size=target))
    assert len(copies) == train
    assert train + copies.sum() + test == target
    assert copies.max() - copies.min() <= 1


def test_a_target_below_what_there_is_says_so():
    with pytest.raises(InputError, match=r"augment\.target_size = 8.*7 training and 2 test"):
        plan_augmentations(np.zeros(7, int), list("abcdefg"), 2, AugmentConfig(target_size=8))


@pytest.mark.parametrize(
    ("per_class", "copies", "sizes"),
    [
        ([10, 2, 4, 4], 12, [10, 7, 7, 8]),
        ([10, 2, 4, 4], 2, [10, 4, 4, 4]),
        ([10, 2, 4, 4], 20, [10, 10, 10, 10]),
        ([10, 2, 4, 4], 40, [15, 15, 15, 15]),
        ([5, 5], 0, [5, 5]),
        ([7], 3, [10]),
    ],
)
def test_balancing_levels_the_rarest_classes_first(per_class, copies, sizes):
    labels = np.repeat(["angry", "happy", "neutral", "sad"][: len(per_class)], per_class)
    labels = np.random.default_rng(0).permutation(labels)
    config = AugmentConfig(target_size=len(labels) + copies + 9, balance=True)
    plan = plan_augmentations(labels, ["a"] * len(labels), 9, config)
    assert plan.sum() == copies
    ends = [int((plan[labels == name] + 1).sum()) for name in sorted(set(labels))]
    assert sorted(ends) == sorted(sizes)
    for name in set(labels):
        assert np.ptp(plan[labels == name]) <= 1


def test_balancing_keeps_the_number_of_copies_that_per_clip_asks_for():
    labels = ["angry"] * 3 + ["sad"]
    assert plan_augmentations(labels, list("aabb"), 2, AugmentConfig(per_clip=2, balance=True)).tolist() == [
        1,
        1,
        1,
        5,
    ]
    assert plan_augmentations([], [], 2, AugmentConfig(per_clip=2, balance=True)).tolist() == []


@pytest.mark.parametrize("balance", [False, True])
def test_another_film_takes_copies_from_the_clips_of_few_films(balance):
    films = np.repeat([f"f{film:02}" for film in range(40)], 52)
    labels = np.tile(range(4), 520)
    config = AugmentConfig(target_size=7000, balance=balance)
    before = plan_augmentations(labels, films, 500, config)
    films_after, labels_after = (
        np.insert(films, 1040, ["new"] * 52),
        np.insert(labels, 1040, list(range(4)) * 13),
    )
    after = plan_augmentations(labels_after, films_after, 500, config)
    assert before.sum() + len(labels) == after.sum() + len(labels_after) == 6500
    old = after[films_after != "new"]
    assert set(before - old) == {0, 1}
    # 52 originals and their 104 or so copies take the place of 156 copies: those of three films and a bit.
    assert 3 <= len(set(films[before != old])) <= 5
    assert np.ptp(after) == 1
