"""Measures the agreement of annotators: Krippendorff's alpha of their labels, over all spans, by class and by film.

A unit is a span; its votes are those that votes.py counts. A span that is dropped later for its face is a unit too.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from emodal_data.annotations import count_labels
from emodal_data.core.reasons import Reason
from emodal_data.core.schema import LABELS

#: The columns from which votes are counted.
VOTES_FROM: Final = ["film", "clip_id", "label", "annotator", "reason"]


def agreement(rows: pd.DataFrame) -> dict[str, Any]:
    """The agreement of the annotators of a plan's or a ledger's rows.

    rows: film, clip_id, label, annotator and reason, one line an annotation row.
    Returns annotators (number of different names), spans (with at least two votes), votes (on those spans), alpha,
    per_class (alpha of this class against the rest) and per_film (spans, votes and alpha of films with such a span).
    alpha is null where it is not defined; see nominal_alpha.
    """
    rows = counted_rows(rows)
    vote_counts = count_labels(rows)
    vote_counts = vote_counts[vote_counts.sum(axis=1) >= 2]
    films = rows.drop_duplicates("clip_id").set_index("clip_id")["film"].reindex(vote_counts.index)
    return {
        "annotators": int(rows.loc[rows["annotator"].fillna("") != "", "annotator"].nunique()),
        **_measured(vote_counts.to_numpy()),
        "per_class": {
            label: nominal_alpha(_against_rest(vote_counts[label], vote_counts)) for label in LABELS
        },
        "per_film": {
            str(film): _measured(part.to_numpy()) for film, part in vote_counts.groupby(films, sort=True)
        },
    }


def counted_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose labels are votes: those of a clip, without an annotator's second row for it."""
    return rows[rows["clip_id"].notna() & (rows["reason"] != Reason.DUPLICATE_VOTE)]


def nominal_alpha(vote_counts: npt.NDArray[np.int64]) -> float | None:
    """Krippendorff's alpha for nominal values: 1 if all agree, 0 if they agree as often as by chance.

    vote_counts: (units, values), how often each unit was given each value; units with fewer than two votes are ignored.
    None if it is not defined: no unit has two votes, or all votes are for one value.
    Formula: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), with 1 - observed / expected
    disagreement written out for counts.
    """
    vote_counts = vote_counts[vote_counts.sum(axis=1) >= 2]
    of_unit, of_value = vote_counts.sum(axis=1), vote_counts.sum(axis=0)
    votes = int(of_value.sum())
    unlike_by_chance = votes**2 - int((of_value**2).sum())
    if unlike_by_chance == 0:
        return None
    unlike_in_units = ((of_unit**2 - (vote_counts**2).sum(axis=1)) / (of_unit - 1)).sum()
    return float(1 - (votes - 1) * unlike_in_units / unlike_by_chance)


def _measured(vote_counts: npt.NDArray[np.int64]) -> dict[str, Any]:
    return {"spans": len(vote_counts), "votes": int(vote_counts.sum()), "alpha": nominal_alpha(vote_counts)}


def _against_rest(chosen: Any, vote_counts: Any) -> npt.NDArray[np.int64]:
    return np.column_stack([chosen, vote_counts.sum(axis=1) - chosen])
