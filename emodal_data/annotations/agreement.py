"""Measures the agreement of annotators: Krippendorff's alpha of their labels, over all spans, by class and by film.

A unit is a clip; its votes are those that votes.py counts. A clip that is dropped later for its face is a unit too.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from emodal_data.annotations.votes import VoteCounts, annotators_of, count_words, fit_annotators
from emodal_data.core.labels import BETWEEN_WORDS
from emodal_data.core.places import as_arrow
from emodal_data.core.reasons import Reason

#: The columns of a ledger from which votes are counted; those of earlier versions have no label_mapped_to.
VOTES_FROM: Final = ("film", "clip_id", "label", "label_mapped_to", "annotator", "reason")


def agreement(rows: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """The agreement of the annotators of a plan's or a ledger's rows.

    rows: film, clip_id, label_mapped_to, annotator and reason, one line an annotation row.
    Returns annotators (number of different names), spans (with at least two votes), votes (on those spans), alpha,
    per_class (alpha of this class against the rest), per_film (spans, votes and alpha of films with such a span) and
    per_annotator (see annotator_reliability). Words outside the classes are values like any other. alpha is null where
    it is not defined; see nominal_alpha.
    """
    counted = is_counted(rows)
    chosen = rows["label_mapped_to"] if "label_mapped_to" in rows else rows["label"]
    annotators = len(set(rows.loc[counted, "annotator"].dropna().unique()) - {""})
    # Most clips have one row of one word, which says nothing here, and there may be a million of them.
    has_words = chosen.str.contains(BETWEEN_WORDS, regex=False, na=False).to_numpy(bool)
    clip = as_arrow(rows["clip_id"]).dictionary_encode().indices.fill_null(-1).to_numpy()
    is_voted_on = counted & (has_words | (np.bincount(clip[counted], minlength=len(rows))[clip] > 1))
    rows = rows.assign(label_mapped_to=chosen)[is_voted_on]
    rows["annotator"] = rows["annotator"].fillna("")
    counts = _with_two_votes(count_words(rows, classes))
    films = rows.drop_duplicates("clip_id").set_index("clip_id")["film"].reindex(counts.clip_ids)
    return {
        "annotators": annotators,
        **_measured(counts),
        "per_class": {label: _alpha(*_against_rest(counts, place)) for place, label in enumerate(classes)},
        "per_film": {
            str(film): _measured(_part(counts, np.asarray(places)))
            for film, places in films.groupby(films, sort=True).indices.items()
        },
        "per_annotator": annotator_reliability(rows[rows["clip_id"].isin(counts.clip_ids)], classes),
    }


def annotator_reliability(rows: pd.DataFrame, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How reliable each named annotator is by the model of Dawid and Skene, by name.

    rows: those of clips with at least two votes, as in votes.fit_annotators. votes: their number. reliability: the
    probability that a vote of the annotator is the truth. Empty without a name, or if every vote is by the same name.
    """
    names = annotators_of(rows)
    if len(names) < 2:
        return {}
    _, fitted = fit_annotators(rows, classes)
    votes = rows.loc[rows["label_mapped_to"].notna(), "annotator"].value_counts()
    return {
        str(name): {"votes": int(votes[name]), "reliability": round(float(reliability), 4)}
        for name, reliability in zip(names, fitted.reliabilities, strict=True)
        if name
    }


def ledger_votes(ledger: pa.Table) -> pd.DataFrame:
    """The columns of a ledger of any version from which votes are counted."""
    rows: pd.DataFrame = ledger.select([n for n in VOTES_FROM if n in ledger.column_names]).to_pandas()
    return rows


def counted_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose labels are votes: those of a clip, without an annotator's second row for it."""
    return rows[is_counted(rows)]


def is_counted(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows counted_rows takes."""
    counted = rows["clip_id"].notna() & (rows["reason"] != Reason.DUPLICATE_VOTE)
    return counted.to_numpy(bool)


def nominal_alpha(vote_counts: npt.NDArray[np.int64]) -> float | None:
    """Krippendorff's alpha for nominal values: 1 if all agree, 0 if they agree as often as by chance.

    vote_counts: (units, values), how often each unit was given each value; units with fewer than two votes are ignored.
    None if it is not defined: no unit has two votes, or all votes are for one value.
    Formula: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), with 1 - observed / expected
    disagreement written out for counts.
    """
    units, values = np.nonzero(vote_counts)
    return _alpha(units, values, vote_counts[units, values])


def _alpha(
    units: npt.NDArray[np.int64], values: npt.NDArray[np.int64], votes: npt.NDArray[np.int64]
) -> float | None:
    """nominal_alpha of the pairs of unit and value that occur."""
    of_unit = np.bincount(units, votes)
    usable = of_unit[units] >= 2
    units, values, votes = units[usable], values[usable], votes[usable].astype(np.int64)
    of_value = np.bincount(values, votes).astype(np.int64)
    total = int(of_value.sum())
    unlike_by_chance = total**2 - int((of_value**2).sum())
    if unlike_by_chance == 0:
        return None
    squares = np.bincount(units, votes**2)
    there = squares > 0
    of_unit = np.bincount(units, votes)[there]
    unlike_in_units = ((of_unit**2 - squares[there]) / (of_unit - 1)).sum()
    return float(1 - (total - 1) * unlike_in_units / unlike_by_chance)


def _with_two_votes(counts: VoteCounts) -> VoteCounts:
    return _part(counts, np.flatnonzero(counts.total >= 2))


def _part(counts: VoteCounts, places: npt.NDArray[np.int64]) -> VoteCounts:
    """The votes of some clips."""
    new = np.full(len(counts.clip_ids), -1)
    new[places] = np.arange(len(places))
    inside = new[counts.clip] >= 0
    return VoteCounts(
        counts.clip_ids[places],
        counts.words,
        new[counts.clip[inside]],
        counts.word[inside],
        counts.votes[inside],
    )


def _measured(counts: VoteCounts) -> dict[str, Any]:
    return {
        "spans": len(counts.clip_ids),
        "votes": int(counts.votes.sum()),
        "alpha": _alpha(counts.clip, counts.word, counts.votes),
    }


def _against_rest(
    counts: VoteCounts, place: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Units, values and votes of two values: one word, and all others together."""
    mine = counts.word == place
    chosen = np.bincount(counts.clip[mine], counts.votes[mine], len(counts.clip_ids)).astype(np.int64)
    table = np.column_stack([chosen, counts.total - chosen])
    units, values = np.nonzero(table)
    return units, values, table[units, values]
