"""Counts the rows of one clip as votes: the word that most annotators chose, or that is most probably true.

Words outside the classes are votes like any other: they count in the total, in the majority and in ties.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emodal_data.annotations.dawid_skene import Estimate, estimate
from emodal_data.core.config import Resolve
from emodal_data.core.label_words import DEFAULT_CLASSES, RATED
from emodal_data.core.labels import BETWEEN_WORDS
from emodal_data.core.schema import vote_columns

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class VoteCounts:
    """How often each word was chosen for each clip.

    clip_ids: of all clips, also those without votes. words: the classes in their order, then the words outside them.
    clip, word, votes: (n,) place of the clip, place of the word and number of votes, for each pair that occurs.
    """

    clip_ids: pd.Index
    words: tuple[str, ...]
    clip: Ints
    word: Ints
    votes: Ints

    @property
    def total(self) -> Ints:
        """(clips,) votes of each clip, for whatever word."""
        return np.bincount(self.clip, self.votes, len(self.clip_ids)).astype(np.int64)

    @property
    def most(self) -> Ints:
        """(clips,) votes of each clip for the word that has most of them."""
        most = np.zeros(len(self.clip_ids), dtype=np.int64)
        np.maximum.at(most, self.clip, self.votes)
        return most

    def of_classes(self, classes: int) -> pd.DataFrame:
        """The votes for each of the first words, which are the classes; indexed by clip_id."""
        counts = np.zeros((len(self.clip_ids), classes), dtype=np.int64)
        inside = self.word < classes
        counts[self.clip[inside], self.word[inside]] = self.votes[inside]
        return pd.DataFrame(counts, index=self.clip_ids, columns=list(self.words[:classes]))


@dataclass(frozen=True)
class Votes:
    """The outcome for every clip.

    clips: indexed by clip_id: label (class or null), outside (the word outside the classes that won, or null),
        label_confidence (share of all votes for the winner, or its probability), speaker, votes (all of them), tied
        (bool), and the votes for each class (schema.vote_columns).
    repeated: rows (index of the annotation table) whose annotator already has an earlier row for the clip.
    first: the first row of each clip, in the order of clips.
    """

    clips: pd.DataFrame
    repeated: pd.Index
    first: pd.Index


def count_votes(
    rows: pd.DataFrame, classes: Sequence[str] = DEFAULT_CLASSES, resolve: Resolve = "majority"
) -> Votes:
    """Count the votes of good rows with the columns clip_id, label_mapped_to, annotator and speaker.

    A row without a label is not a vote. An annotator's second row for a clip does not count; rows without an annotator
    count as different people. resolve: "majority" takes the most chosen word, and a tie gives no label; "dawid_skene"
    takes, of the words chosen for the clip, the one that is most probably true (see dawid_skene.py), and
    label_confidence is its probability. Without classes, every clip is RATED, and votes is the number of its rows.
    """
    # Numbers in place of names, which are slow to compare; in the order of the names where that order matters.
    numbers, names = pd.factorize(rows["clip_id"], sort=resolve == "dawid_skene")
    rows = rows.assign(clip_id=numbers)
    # A row that is not counted follows one that is, so clips have the same order with and without it.
    first = rows.index[~rows["clip_id"].duplicated().to_numpy()]
    named = rows[rows["annotator"] != ""]
    repeated = named.index[named.duplicated(["clip_id", "annotator"])]
    counted = rows.drop(index=repeated) if len(repeated) else rows
    if not classes:
        rated = _rated(counted)
        return Votes(rated.set_axis(names[rated.index].rename("clip_id")), repeated, first)
    counts = count_words(counted, classes)
    clip_ids, total = counts.clip_ids, counts.total
    weights = counts.votes / np.maximum(total, 1)[counts.clip]
    if resolve == "dawid_skene":
        weights = _posteriors(counts, counted, classes)
    most = np.zeros(len(clip_ids))
    np.maximum.at(most, counts.clip, weights)
    is_most = weights == most[counts.clip]
    tied = np.bincount(counts.clip[is_most], minlength=len(clip_ids)) > 1
    winner = np.full(len(clip_ids), -1)
    winner[counts.clip[is_most]] = counts.word[is_most]
    winner[tied] = -1
    known = (winner >= 0) & (winner < len(classes))
    words = np.array([*counts.words, None], dtype=object)  # the last one is that of clips without a winner
    clips = pd.DataFrame(
        {
            "label": np.where(known, words[winner], None),
            "outside": np.where(known, None, words[winner]),
            "label_confidence": np.where(winner >= 0, most, np.nan),
            "speaker": _speakers(counted, clip_ids),
            "votes": total,
            "tied": tied,
        },
        index=clip_ids,
    )
    clips[vote_columns(len(classes))] = counts.of_classes(len(classes))
    return Votes(clips.set_axis(names[clip_ids].rename("clip_id")), repeated, first)


def _rated(rows: pd.DataFrame) -> pd.DataFrame:
    """The clips of rows that count, if there are no classes."""
    votes = rows["clip_id"].value_counts(sort=False)
    clip_ids = pd.Index(rows["clip_id"].unique(), name="clip_id")
    return pd.DataFrame(
        {
            "label": np.full(len(clip_ids), RATED, dtype=object),
            "outside": np.full(len(clip_ids), None),
            "label_confidence": np.full(len(clip_ids), np.nan),
            "speaker": _speakers(rows, clip_ids),
            "votes": votes.reindex(clip_ids).to_numpy(dtype=np.int64),
            "tied": np.zeros(len(clip_ids), dtype=bool),
        },
        index=clip_ids,
    )


def _speakers(rows: pd.DataFrame, clip_ids: pd.Index) -> pd.Series:
    """The speaker that is first named for each clip, or None."""
    named = rows.dropna(subset="speaker").groupby("clip_id", sort=False)["speaker"].first()
    return named.reindex(clip_ids).astype(object).where(lambda s: s.notna(), None)


def fit_annotators(rows: pd.DataFrame, classes: Sequence[str]) -> tuple[pd.Index, Estimate]:
    """The model of Dawid and Skene for rows as in count_votes: clip_ids in the order of its items, and the estimate.

    All words outside the classes are one further class, and all rows without an annotator are one annotator; the places
    of the others are those of annotators_of.
    """
    voted = rows[rows["label_mapped_to"].notna()]
    each = voted.assign(word=voted["label_mapped_to"].str.split(BETWEEN_WORDS, regex=False)).explode("word")
    # In an order that does not depend on that of the rows, so that sums are the same to the bit.
    each = each.sort_values(["clip_id", "annotator", "word"])
    places = {name: place for place, name in enumerate(classes)}
    words = np.asarray(each["word"].map(places).fillna(len(classes)), np.int64)
    clip_ids = pd.Index(np.unique(each["clip_id"].to_numpy(dtype=object)))
    items = _places(each["clip_id"], clip_ids)
    annotators = _places(each["annotator"], annotators_of(rows))
    return clip_ids, estimate(items, annotators, words, len(classes) + int((words == len(classes)).any()))


def annotators_of(rows: pd.DataFrame) -> pd.Index:
    """The names in the column annotator of the rows that vote, in order."""
    names: pd.Index = pd.Index(sorted(rows.loc[rows["label_mapped_to"].notna(), "annotator"].unique()))
    return names.astype(object)


def _places(values: pd.Series, of: pd.Index) -> Ints:
    return np.asarray(of.get_indexer(pd.Index(values)), np.int64)


def _posteriors(counts: VoteCounts, rows: pd.DataFrame, classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """(n,) probability of each pair of clip and word in the counts; words outside the classes share one probability.

    Rounded to six digits: beyond them, machines differ.
    """
    clip_ids, fitted = fit_annotators(rows, classes)
    word = np.minimum(counts.word, len(classes))
    probability = fitted.posteriors[clip_ids.get_indexer(counts.clip_ids[counts.clip]), word]
    of_word = np.bincount(counts.clip * (len(classes) + 1) + word, counts.votes)
    shared = counts.votes / of_word[counts.clip * (len(classes) + 1) + word]
    return np.asarray(np.round(probability * shared, 6))


def count_words(rows: pd.DataFrame, classes: Sequence[str]) -> VoteCounts:
    """The votes of rows with the columns clip_id and label_mapped_to, for every word; clips in order of appearance.

    Rows of a ledger without label_mapped_to, of an earlier version, voted for the class in their column label.
    """
    clip_of, clip_ids = pd.factorize(rows["clip_id"])
    chosen = rows["label_mapped_to"] if "label_mapped_to" in rows else rows["label"]
    codes, texts = pd.factorize(chosen)
    places = {name: place for place, name in enumerate(classes)}
    words = [
        [places.setdefault(word, len(places)) for word in str(text).split(BETWEEN_WORDS)] for text in texts
    ]
    lengths = np.array([*map(len, words), 0], dtype=np.int64)  # the last one is that of rows without a vote
    starts = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.array([place for of_text in words for place in of_text], dtype=np.int64)
    rows_of = np.repeat(np.arange(len(rows)), lengths[codes])
    within = np.arange(len(rows_of)) - np.repeat(np.cumsum(lengths[codes]) - lengths[codes], lengths[codes])
    word_of = flat[starts[codes][rows_of] + within] if len(rows_of) else np.empty(0, np.int64)
    pairs, votes = np.unique(clip_of[rows_of] * np.int64(len(places)) + word_of, return_counts=True)
    return VoteCounts(
        pd.Index(clip_ids, name="clip_id"),
        tuple(places),
        pairs // len(places),
        pairs % len(places),
        votes.astype(np.int64),
    )
