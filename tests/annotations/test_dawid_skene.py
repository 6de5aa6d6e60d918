"""Annotators who err in known ways: the model finds the truth and how reliable each of them is."""

import numpy as np
import pandas as pd
import pytest

from emodal_data.annotations import count_votes
from emodal_data.annotations.agreement import agreement
from emodal_data.annotations.dawid_skene import estimate

CLASSES = ("angry", "happy", "neutral", "sad")
#: The probability of each annotator's vote being the truth.
DRAWN = {"ann": 0.95, "ben": 0.9, "cat": 0.6, "dan": 0.35, "eve": 0.3}


def drawn_votes(items: int, each: int, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    """(items,) drawn truth, and a row for each vote; each item is seen by `each` of the annotators."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, size=items, p=[0.4, 0.3, 0.2, 0.1])
    rows = []
    for item, right in enumerate(truth):
        for name in rng.permutation(list(DRAWN))[:each]:
            vote = right if rng.random() < DRAWN[name] else (right + rng.integers(1, 4)) % 4
            rows.append((f"c{item:04}", str(name), CLASSES[vote]))
    table = pd.DataFrame(rows, columns=["clip_id", "annotator", "label_mapped_to"])
    return truth, table.assign(speaker=None, film="f", reason=None, label=table["label_mapped_to"])


def test_the_reliability_of_each_annotator_is_found_without_the_truth() -> None:
    _, rows = drawn_votes(2000, 3)
    found = agreement(rows, CLASSES)["per_annotator"]
    assert list(found) == ["ann", "ben", "cat", "dan", "eve"]
    for name, reliability in DRAWN.items():
        assert found[name]["reliability"] == pytest.approx(reliability, abs=0.04)
        assert found[name]["votes"] == (rows["annotator"] == name).sum()


def test_more_labels_are_true_than_by_the_majority() -> None:
    truth, rows = drawn_votes(1000, 3)
    names = np.asarray(CLASSES)[truth]
    right = {
        resolve: float((count_votes(rows, CLASSES, resolve).clips["label"].to_numpy() == names).mean())
        for resolve in ("majority", "dawid_skene")
    }
    assert right["dawid_skene"] > right["majority"] + 0.1
    assert right["dawid_skene"] > 0.85


def test_the_confidence_is_the_share_of_the_labels_that_are_true() -> None:
    truth, rows = drawn_votes(3000, 3)
    clips = count_votes(rows, CLASSES, "dawid_skene").clips
    right = clips["label"].to_numpy() == np.asarray(CLASSES)[truth]
    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
        within = clips["label_confidence"].between(low, high, inclusive="left").to_numpy()
        assert within.sum() > 100
        assert right[within].mean() == pytest.approx(clips["label_confidence"][within].mean(), abs=0.06)


def test_the_order_of_the_rows_does_not_matter_to_the_bit() -> None:
    _, rows = drawn_votes(200, 3)
    shuffled = rows.sample(frac=1, random_state=1)
    one, other = (count_votes(table, CLASSES, "dawid_skene").clips for table in (rows, shuffled))
    pd.testing.assert_frame_equal(one, other.loc[one.index], check_exact=True)


def test_one_reliable_vote_can_outweigh_two_but_only_chosen_words_become_labels() -> None:
    _, rows = drawn_votes(1000, 4)
    votes = [("odd", "ann", "sad"), ("odd", "dan", "happy"), ("odd", "eve", "happy"), ("one", "eve", "happy")]
    more = pd.DataFrame(votes, columns=["clip_id", "annotator", "label_mapped_to"])
    rows = pd.concat([rows, more.assign(speaker=None)], ignore_index=True)
    majority, modelled = (count_votes(rows, CLASSES, r).clips for r in ("majority", "dawid_skene"))
    assert majority.loc["odd", ["label", "label_confidence"]].tolist() == ["happy", pytest.approx(2 / 3)]
    assert modelled.loc["odd", "label"] == "sad"
    assert modelled.loc["one", "label"] == "happy"
    assert modelled.loc["one", "label_confidence"] < 0.5
    assert (modelled["votes"] == majority["votes"]).all()


def test_words_outside_the_classes_can_win_and_rows_without_a_vote_give_no_label() -> None:
    _, rows = drawn_votes(300, 3)
    votes = [("odd", "ann", "bored"), ("odd", "ben", "bored"), ("odd", "eve", "sad"), ("mute", "ann", None)]
    more = pd.DataFrame(votes, columns=["clip_id", "annotator", "label_mapped_to"])
    clips = count_votes(
        pd.concat([rows, more.assign(speaker=None)], ignore_index=True), CLASSES, "dawid_skene"
    ).clips
    assert clips.loc["odd", "outside"] == "bored"
    assert pd.isna(clips.loc["odd", "label"]) and pd.isna(clips.loc["mute", "label"])
    assert np.isnan(clips.loc["mute", "label_confidence"])


def test_annotators_who_always_agree_are_reliable_and_one_annotator_is_not_judged() -> None:
    item = np.repeat(np.arange(40), 2)
    fitted = estimate(item, np.tile([0, 1], 40), item % 4, 4)
    assert fitted.posteriors.argmax(axis=1).tolist() == (np.arange(40) % 4).tolist()
    assert (fitted.reliabilities > 0.95).all()
    assert fitted.prior == pytest.approx(0.25, abs=1e-3)
    alone = pd.DataFrame({"clip_id": ["a", "a"], "annotator": "ann", "label_mapped_to": "sad"})
    assert agreement(alone.assign(film="f", reason=None, label="sad"), CLASSES)["per_annotator"] == {}
