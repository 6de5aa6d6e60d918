"""How far the annotators agree: Krippendorff's alpha of their labels, over all spans, by class and by film.

A unit is a span; its votes are those that votes.py counts, so a span dropped later for its face is a unit too.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from emodal_data.annotations import count_ballots
from emodal_data.core.reasons import Reason
from emodal_data.core.schema import LABELS

#: The columns that votes are counted from.
VOTES_FROM: Final = ["film", "clip_id", "label", "annotator", "reason"]


def agreement(rows: pd.DataFrame) -> dict[str, Any]:
    """How far the annotators of a plan's or a ledger's rows agree.

    rows: film, clip_id, label, annotator and reason, one line an annotation row.
    Returns annotators (names that differ), spans that have two votes or more, votes on those, alpha, per_class
    (alpha of this class against the rest) and per_film (spans, votes and alpha; films that have such a span).
    alpha is null where it is not defined: see nominal_alpha.
    """
    rows = counted_rows(rows)
    vote_counts = count_ballots(rows)
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
    """The rows whose labels are votes: those that speak of a clip, but no annotator's second one."""
    return rows[rows["clip_id"].notna() & (rows["reason"] != Reason.DUPLICATE_VOTE)]


def nominal_alpha(vote_counts: npt.NDArray[np.int64]) -> float | None:
    """Krippendorff's alpha for values without an order: 1 where all agree, 0 where they do as chance would.

    ballots: (units, values), how often each unit was given each value; units with one vote or none do not count.
    None where it is not defined: no unit has two votes, or all votes are for one value.
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
