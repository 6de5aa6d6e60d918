"""Counts the rows of one clip as votes: the word that most annotators chose, and the share of them.

Words outside the classes are votes like any other: they count in the total, in the majority and in ties.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emodal_data.core.label_words import DEFAULT_CLASSES
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
        label_confidence (share of all votes for the winner), speaker, votes (all of them), tied (bool), and the votes
        for each class (schema.vote_columns).
    repeated: rows (index of the annotation table) whose annotator already has an earlier row for the clip.
    """

    clips: pd.DataFrame
    repeated: pd.Index


def count_votes(rows: pd.DataFrame, classes: Sequence[str] = DEFAULT_CLASSES) -> Votes:
    """Count the votes of good rows with the columns clip_id, label_mapped_to, annotator and speaker.

    A row without a label is not a vote. An annotator's second row for a clip does not count; rows without an annotator
    count as different people. A tie between the most chosen words gives no label.
    """
    named = rows[rows["annotator"] != ""]
    repeated = named.index[named.duplicated(["clip_id", "annotator"])]
    counted = rows.drop(index=repeated)
    counts = count_words(counted, classes)
    clip_ids, total, most = counts.clip_ids, counts.total, counts.most
    is_most = counts.votes == most[counts.clip]
    tied = np.bincount(counts.clip[is_most], minlength=len(clip_ids)) > 1
    winner = np.full(len(clip_ids), -1)
    winner[counts.clip[is_most]] = counts.word[is_most]
    winner[tied] = -1
    known = (winner >= 0) & (winner < len(classes))
    words = np.array([*counts.words, None], dtype=object)  # the last one is that of clips without a winner
    speakers = counted.dropna(subset="speaker").groupby("clip_id", sort=False)["speaker"].first()
    clips = pd.DataFrame(
        {
            "label": np.where(known, words[winner], None),
            "outside": np.where(known, None, words[winner]),
            "label_confidence": np.where(winner >= 0, most / np.maximum(total, 1), np.nan),
            "speaker": speakers.reindex(clip_ids).astype(object).where(lambda s: s.notna(), None),
            "votes": total,
            "tied": tied,
        },
        index=clip_ids,
    )
    of_classes = counts.of_classes(len(classes)).set_axis(vote_columns(len(classes)), axis=1)
    return Votes(clips.join(of_classes), repeated)


def count_words(rows: pd.DataFrame, classes: Sequence[str]) -> VoteCounts:
    """The votes of rows with the columns clip_id and label_mapped_to, for every word; clips in order of appearance.

    Rows of a ledger without label_mapped_to, of an earlier version, voted for the class in their column label.
    """
    clip_ids = pd.Index(rows["clip_id"].unique(), name="clip_id")
    chosen = rows["label_mapped_to"] if "label_mapped_to" in rows else rows["label"]
    clip_of = clip_ids.get_indexer(pd.Index(rows["clip_id"]))
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
        clip_ids, tuple(places), pairs // len(places), pairs % len(places), votes.astype(np.int64)
    )
