"""The split: nothing on both sides, near 80/20 in every class, and honest when groups make that impossible."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.dataset.split.assignment import Split, split_clips
from emodal_data.dataset.split.groups import group_of
from emodal_data.dataset.split.leakage_check import check_leaks


def clips(films: list[str], labels: list[str], speakers: list[str | None] | None = None) -> pd.DataFrame:
    index = pd.Index([f"clip{i}" for i in range(len(films))], name="clip_id")
    starts = [float(2 * i) for i in range(len(films))]
    table = pd.DataFrame(
        {"film": films, "label": labels, "speaker": speakers or [None] * len(films)}, index=index
    )
    return table.assign(start_s=starts, end_s=[start + 1 for start in starts])


def split(table: pd.DataFrame, config: SplitConfig, before: dict[str, str] | None = None) -> Split:
    return split_clips(table.assign(group=group_of(table, config.group_by)), config, before or {})


def random_clips(films: int, per_film: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    names = [f"film{i}" for i in range(films) for _ in range(per_film)]
    return clips(names, list(draw.choice(LABELS, films * per_film)))


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 10), st.sampled_from(["film", "clip"]))
def test_no_group_is_ever_on_both_sides(films: int, per_film: int, seed: int, group_by: str) -> None:
    table = random_clips(films, per_film, seed)
    config = SplitConfig(group_by=group_by, seed=seed, allow_imbalance=True)
    sides = split(table, config).of_clip
    assert sides.index.equals(table.index)
    assert set(sides) <= {"train", "test"}
    assert sides.groupby(group_of(table, group_by)).nunique().max() == 1


def test_fifty_films_split_within_a_percent_in_every_class() -> None:
    made = split(random_clips(53, 58, seed=1), SplitConfig())
    assert made.test_fraction == pytest.approx(0.2, abs=1 / 53)
    for sides in made.per_class.values():
        assert sides["test"] / sum(sides.values()) == pytest.approx(0.2, abs=0.015)


def test_single_clips_split_exactly_in_every_class() -> None:
    made = split(random_clips(1, 1000, seed=2), SplitConfig(group_by="clip"))
    for sides in made.per_class.values():
        assert sides["test"] == round(0.2 * sum(sides.values()))


def test_the_same_seed_splits_alike_in_any_order_and_another_seed_differs() -> None:
    table = random_clips(30, 10, seed=3)
    sides = split(table, SplitConfig(seed=5)).of_clip
    shuffled = split(table.sample(frac=1, random_state=0), SplitConfig(seed=5)).of_clip
    assert sides.sort_index().equals(shuffled.sort_index())
    assert not sides.equals(split(table, SplitConfig(seed=6)).of_clip)


def test_one_film_cannot_be_split_by_film() -> None:
    table = clips(["a"] * 8, list(LABELS) * 2)
    with pytest.raises(InputError, match=r"the only film group can only put 0\.0% .* instead of 20\.0%"):
        split(table, SplitConfig())
    assert set(split(table, SplitConfig(allow_imbalance=True)).of_clip) == {"train"}


def test_a_class_that_one_side_would_lack_stops_the_build() -> None:
    films = [f"f{i}" for i in range(10) for _ in range(4)]
    labels = (["angry"] + ["happy", "neutral", "sad"]) + ["happy", "neutral", "sad", "sad"] * 9
    with pytest.raises(InputError, match=r"leave no angry clip in the \w+ split \(of 1\)"):
        split(clips(films, labels), SplitConfig())


def test_clips_without_a_speaker_group_with_their_film() -> None:
    table = clips(["a", "a", "b"], ["sad"] * 3, ["ann", None, None])
    assert group_of(table, "speaker").tolist() == ["ann", "film a", "film b"]


@given(st.integers(2, 12), st.integers(1, 9), st.integers(1, 6), st.sampled_from(["film", "clip"]))
def test_old_clips_never_change_sides_when_films_are_added(
    old: int, per_film: int, new: int, group_by: str
) -> None:
    config = SplitConfig(group_by=group_by, allow_imbalance=True)
    grown = random_clips(old + new, per_film, seed=4)
    first = split(grown.iloc[: old * per_film], config).of_clip
    again = split(grown, config, first.to_dict()).of_clip
    assert again.reindex(first.index).equals(first)


def test_added_films_bring_the_share_back_to_what_is_wanted() -> None:
    grown = random_clips(50, 20, seed=5)
    first = split(grown.iloc[:100], SplitConfig(test_fraction=0.5)).of_clip
    assert split(grown, SplitConfig(), first.to_dict()).test_fraction == pytest.approx(0.2, abs=0.01)


def test_spans_that_share_a_moment_are_one_group_when_splitting_by_clip() -> None:
    table = clips(["a", "a", "a", "a", "b"], ["sad"] * 5)
    table["start_s"], table["end_s"] = [0.0, 1.0, 2.5, 9.0, 9.0], [2.0, 3.0, 4.0, 9.5, 9.5]
    assert group_of(table, "clip").tolist() == ["clip0", "clip0", "clip0", "clip3", "clip4"]
    apart = table.assign(end_s=[1.0, 2.5, 4.0, 9.5, 9.5])  # one ends where the next begins
    assert group_of(apart, "clip").tolist() == list(table.index)


def samples(*rows: tuple[str, str, str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The samples, and their clips ten seconds apart with faces that have nothing in common."""
    table = pd.DataFrame(rows, columns=["clip_id", "film", "split", "augmentation_index"])
    clips = table.drop_duplicates("clip_id").set_index("clip_id")[["film"]]
    starts = [float(10 * ord(clip_id)) for clip_id in clips.index]
    hashes = [hashlib.sha256(clip_id.encode()).digest() for clip_id in clips.index]
    ends = [start + 1 for start in starts]
    return table.drop(columns="film"), clips.assign(
        group=clips["film"], start_s=starts, end_s=ends, face_hash=hashes
    )


def test_the_proof_counts_groups_and_finds_nothing_in_a_sound_split() -> None:
    table = samples(("a", "f", "train", 0), ("a", "f", "train", 1), ("b", "g", "test", 0))
    proof = check_leaks(*table, SplitConfig(group_by="film"))
    assert proof["groups"] == {"test": 1, "train": 1}
    assert proof["clips_on_both_sides"] == proof["groups_on_both_sides"] == 0


@pytest.mark.parametrize(
    ("rows", "leak"),
    [
        ([("a", "f", "train", 0), ("a", "f", "test", 0)], "clips in two splits: a"),
        ([("a", "f", "train", 0), ("b", "f", "test", 0)], "groups in two splits: f"),
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
        check_leaks(*samples(*rows), SplitConfig(group_by="film"))


def test_test_spans_that_share_a_moment_with_training_are_found() -> None:
    table, clips = samples(("a", "f", "train", 0), ("b", "f", "test", 0), ("c", "f", "train", 0))
    clips["group"] = ["a", "b", "c"]
    clips["start_s"], clips["end_s"] = [0.0, 1.5, 3.0], [2.0, 3.0, 4.0]
    with pytest.raises(WorkError, match="overlapping spans in two splits: b"):
        check_leaks(table, clips, SplitConfig(group_by="clip"))
    assert check_leaks(table, clips, SplitConfig(group_by="speaker"))["overlapping_spans_on_both_sides"] == 1
    clips["end_s"] = [1.5, 3.0, 4.0]
    assert check_leaks(table, clips, SplitConfig(group_by="clip"))["overlapping_spans_on_both_sides"] == 0


def test_near_duplicate_faces_across_the_split_are_found() -> None:
    table, clips = samples(("a", "f", "train", 0), ("b", "g", "test", 0))
    clips["face_hash"] = [bytes(32), bytes(31) + b"\x07"]
    with pytest.raises(WorkError, match="near duplicate faces in two splits: b"):
        check_leaks(table, clips, SplitConfig(group_by="film"))
    clips["face_hash"] = [bytes(32), bytes(16) + b"\xff" * 16]
    assert check_leaks(table, clips, SplitConfig(group_by="film"))["near_duplicate_faces_on_both_sides"] == 0


def test_faces_are_compared_again_only_for_sides_that_were_not_compared() -> None:
    table, clips = samples(("a", "f", "train", 0), ("b", "g", "test", 0))
    clips["face_hash"] = [bytes(32)] * 2
    as_written = pd.Series({"b": "test", "a": "train"})
    assert (
        check_leaks(table, clips, SplitConfig(group_by="film"), compared=as_written)[
            "near_duplicate_faces_on_both_sides"
        ]
        == 0
    )
    for others in ({"a": "train", "b": "train"}, {"a": "test", "b": "train"}, {"a": "train"}):
        with pytest.raises(WorkError, match="near duplicate faces in two splits: b"):
            check_leaks(table, clips, SplitConfig(group_by="film"), compared=pd.Series(others))
