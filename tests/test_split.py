"""The split: nothing on both sides, near 80/20 in every class, and honest when groups make that impossible."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emodal_data.config import SplitConfig
from emodal_data.errors import InputError, WorkError
from emodal_data.leaks import prove_no_leak
from emodal_data.schema import LABELS
from emodal_data.split import group_of, split_clips


def clips(films: list[str], labels: list[str], speakers: list[str | None] | None = None) -> pd.DataFrame:
    index = pd.Index([f"clip{i}" for i in range(len(films))], name="clip_id")
    return pd.DataFrame(
        {"film": films, "label": labels, "speaker": speakers or [None] * len(films)}, index=index
    )


def random_clips(films: int, per_film: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    names = [f"film{i}" for i in range(films) for _ in range(per_film)]
    return clips(names, list(draw.choice(LABELS, films * per_film)))


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 10), st.sampled_from(["film", "clip"]))
def test_no_group_is_ever_on_both_sides(films: int, per_film: int, seed: int, group_by: str) -> None:
    table = random_clips(films, per_film, seed)
    config = SplitConfig(group_by=group_by, seed=seed, allow_imbalance=True)
    sides = split_clips(table, config).sides
    assert sides.index.equals(table.index)
    assert set(sides) <= {"train", "test"}
    assert sides.groupby(group_of(table, group_by)).nunique().max() == 1


def test_fifty_films_split_within_a_percent_in_every_class() -> None:
    split = split_clips(random_clips(53, 58, seed=1), SplitConfig())
    assert split.test_fraction == pytest.approx(0.2, abs=1 / 53)
    for sides in split.per_class.values():
        assert sides["test"] / sum(sides.values()) == pytest.approx(0.2, abs=0.015)


def test_single_clips_split_exactly_in_every_class() -> None:
    split = split_clips(random_clips(1, 1000, seed=2), SplitConfig(group_by="clip"))
    for sides in split.per_class.values():
        assert sides["test"] == round(0.2 * sum(sides.values()))


def test_the_same_seed_splits_alike_in_any_order_and_another_seed_differs() -> None:
    table = random_clips(30, 10, seed=3)
    sides = split_clips(table, SplitConfig(seed=5)).sides
    shuffled = split_clips(table.sample(frac=1, random_state=0), SplitConfig(seed=5)).sides
    assert sides.sort_index().equals(shuffled.sort_index())
    assert not sides.equals(split_clips(table, SplitConfig(seed=6)).sides)


def test_one_film_cannot_be_split_by_film() -> None:
    table = clips(["a"] * 8, list(LABELS) * 2)
    with pytest.raises(InputError, match=r"the only film group can only put 0\.0% .* instead of 20\.0%"):
        split_clips(table, SplitConfig())
    assert set(split_clips(table, SplitConfig(allow_imbalance=True)).sides) == {"train"}


def test_a_class_that_one_side_would_lack_stops_the_build() -> None:
    films = [f"f{i}" for i in range(10) for _ in range(4)]
    labels = (["angry"] + ["happy", "neutral", "sad"]) + ["happy", "neutral", "sad", "sad"] * 9
    with pytest.raises(InputError, match=r"leave no angry clip on the \w+ side \(of 1\)"):
        split_clips(clips(films, labels), SplitConfig())


def test_clips_without_a_speaker_group_with_their_film() -> None:
    table = clips(["a", "a", "b"], ["sad"] * 3, ["ann", None, None])
    assert group_of(table, "speaker").tolist() == ["ann", "film a", "film b"]


def samples(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["clip_id", "film", "split", "copy"]).assign(speaker=None)


def test_the_proof_counts_groups_and_finds_nothing_in_a_sound_split() -> None:
    proof = prove_no_leak(
        samples(("a", "f", "train", 0), ("a", "f", "train", 1), ("b", "g", "test", 0)), "film"
    )
    assert proof["groups"] == {"test": 1, "train": 1}
    assert proof["clips_on_both_sides"] == proof["groups_on_both_sides"] == 0


@pytest.mark.parametrize(
    ("rows", "leak"),
    [
        ([("a", "f", "train", 0), ("a", "g", "test", 0)], "clips on both sides: a"),
        ([("a", "f", "train", 0), ("b", "f", "test", 0)], "groups on both sides: f"),
        (
            [("a", "f", "train", 0), ("b", "g", "test", 0), ("b", "g", "test", 1)],
            "augmented outside training: b",
        ),
        (
            [("a", "f", "train", 0), ("b", "g", "test", 0), ("c", "g", "unlabelled", 0)],
            "unlabelled in test groups: g",
        ),
    ],
)
def test_every_kind_of_leak_is_named(rows: list[tuple[str, str, str, int]], leak: str) -> None:
    with pytest.raises(WorkError, match=leak):
        prove_no_leak(samples(*rows), "film")
