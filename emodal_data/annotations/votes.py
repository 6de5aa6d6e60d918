"""Counts the rows of one span as votes: the label that most annotators chose, and the share of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from emodal_data.core.schema import LABELS, VOTES_OF


@dataclass(frozen=True)
class Votes:
    """The outcome for every span.

    clips: indexed by clip_id: label (class name or null), label_confidence, speaker, votes, tied (bool), and
        votes_angry to votes_sad.
    repeated: rows (index of the annotation table) whose annotator already has an earlier row for the span.
    """

    clips: pd.DataFrame
    repeated: pd.Index


def count_votes(rows: pd.DataFrame) -> Votes:
    """Count the votes of good rows with the columns clip_id, label, annotator and speaker.

    An empty label is not a vote. An annotator's second vote for a span does not count; rows without an annotator
    count as different people. A tie between the most chosen labels gives no label.
    """
    named = rows[rows["annotator"] != ""]
    repeated = named.index[named.duplicated(["clip_id", "annotator"])]
    counted = rows.drop(index=repeated)
    counts = count_labels(counted)
    clip_ids, vote_counts = counts.index, counts.to_numpy()
    most, total = vote_counts.max(axis=1, initial=0), vote_counts.sum(axis=1)
    tied = (total > 0) & ((vote_counts == most[:, None]).sum(axis=1) > 1)
    winner = np.array(LABELS, dtype=object)[vote_counts.argmax(axis=1)]
    known = (total > 0) & ~tied
    speakers = counted.dropna(subset="speaker").groupby("clip_id", sort=False)["speaker"].first()
    clips = pd.DataFrame(
        {
            "label": np.where(known, winner, None),
            "label_confidence": np.where(known, most / np.maximum(total, 1), np.nan),
            "speaker": speakers.reindex(clip_ids).astype(object).where(lambda s: s.notna(), None),
            "votes": total,
            "tied": tied,
        },
        index=clip_ids,
    )
    return Votes(clips.join(counts.set_axis(list(VOTES_OF), axis=1)), repeated)


def count_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """The number of rows for each span and label: indexed by clip_id, in order of appearance, a column per class."""
    clip_ids = pd.Index(rows["clip_id"].unique(), name="clip_id")
    codes = pd.Categorical(rows["label"], categories=list(LABELS)).codes.astype(np.int64)
    places = clip_ids.get_indexer(pd.Index(rows["clip_id"]))
    vote_counts = np.zeros((len(clip_ids), len(LABELS)), dtype=np.int64)
    np.add.at(vote_counts, (places[codes >= 0], codes[codes >= 0]), 1)
    return pd.DataFrame(vote_counts, index=clip_ids, columns=list(LABELS))
