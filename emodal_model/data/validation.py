"""Which training groups are held back: to stop training early, and to calibrate. Never part of the fit.

A group is a film, else a speaker, else a clip; all samples of a group stand on one side.
"""

from dataclasses import dataclass

import numpy as np

from emodal_model.data.contract import LABELS
from emodal_model.data.samples import Samples

#: How far the validation share may be from the wanted one before coarser groups are given up.
TOLERANCE = 0.15
DRAWS = 200


@dataclass(frozen=True)
class Holdout:
    """fit, validation: (n,) bool over the training samples; group_by: what stays together; note: for people.

    Validation holds labelled originals only; all else of its groups is on neither side.
    """

    fit: np.ndarray
    validation: np.ndarray
    group_by: str
    groups: int
    note: str


def hold_out(
    samples: Samples, group_by: str, fraction: float, seed: int, earlier: np.ndarray | None = None
) -> Holdout:
    """Hold back groups of about `fraction` of the labelled clips, all classes staying on the fit side.

    group_by: "film", "speaker" or "clip". earlier: (n,) bool, what other members of an ensemble hold back; such groups
    are avoided. When there are too few films (or speakers) for that, falls back to the next finer groups, at last to
    none at all, and says so in the note.
    """
    note = ""
    wanted = [group_by] + [name for name in ("speaker", "clip") if name != group_by]
    if group_by == "clip":
        wanted = ["clip"]
    for name in wanted:
        if name == "speaker" and not (samples.speakers != "").any():
            note = note or "no speaker is named"
            continue
        keys = _keys(samples, name)
        held = _best_draw(keys, samples, fraction, seed, earlier)
        if held is not None:
            inside = np.isin(keys, held)
            validation = inside & samples.originals & (samples.labels >= 0)
            return Holdout(~inside, validation, name, len(held), note)
        note = f"too few groups by {name} for a validation side"
    nothing = np.zeros(len(samples), bool)
    return Holdout(~nothing, nothing, "none", 0, "too few clips for a validation side: no early stopping")


def _keys(samples: Samples, group_by: str) -> np.ndarray:
    """Group key of each sample. A clip without a speaker is its own group."""
    if group_by == "film":
        return samples.films
    if group_by == "speaker":
        named = samples.speakers != ""
        return np.where(named, np.char.add("s:", samples.speakers), np.char.add("c:", samples.clip_ids))
    return samples.clip_ids


def _best_draw(
    keys: np.ndarray, samples: Samples, fraction: float, seed: int, earlier: np.ndarray | None
) -> np.ndarray | None:
    """Of many random draws of groups, the one with the share and class mix nearest to what is wanted.

    Groups that were held back earlier count against a draw by their share of it.
    """
    labelled = samples.originals & (samples.labels >= 0)
    groups, member = np.unique(keys, return_inverse=True)
    counts = np.zeros((len(groups), len(LABELS)))
    np.add.at(counts, (member[labelled], samples.labels[labelled]), 1)
    total = counts.sum(axis=0)
    again = np.isin(groups, keys[earlier] if earlier is not None else [])
    if len(groups) < 2 or total.sum() < 2:
        return None
    rng = np.random.default_rng((seed, len(groups)))
    best: tuple[float, np.ndarray] | None = None
    for _ in range(DRAWS):
        order = rng.permutation(len(groups))
        share = counts[order].sum(axis=1).cumsum() / total.sum()
        held = order[: int(np.abs(share - fraction).argmin()) + 1]
        inside = counts[held].sum(axis=0)
        # Every class must be learnable on the fit side, and something must be there to validate on.
        if inside.sum() == 0 or ((total > 0) & (inside == total)).any():
            continue
        off = abs(inside.sum() / total.sum() - fraction)
        mix = np.abs(inside / inside.sum() - total / total.sum()).sum()
        cost = float(off + mix + counts[held[again[held]]].sum() / inside.sum())
        if off <= TOLERANCE and (best is None or cost < best[0]):
            best = (cost, groups[held])
    return None if best is None else best[1]
