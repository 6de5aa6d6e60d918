"""The validation split: groups of training clips that are held out for early stopping and calibration.

A group is a film, a speaker or a clip. All samples of a group are on the same side.
"""

from dataclasses import dataclass

import numpy as np

from emodal_model.data.samples import Samples

#: Largest difference between the validation share and the wanted one; beyond it, finer groups are tried.
TOLERANCE = 0.15
#: Random choices of groups, of which the best is taken.
DRAWS = 200


@dataclass(frozen=True)
class Holdout:
    """fit, validation: (n,) bool over the training samples.

    group_by: the unit of a group, or "split": the dataset has a validation split. note: a line for people.

    Validation has labelled originals only; other samples of its groups are in neither.
    """

    fit: np.ndarray
    validation: np.ndarray
    group_by: str
    groups: int
    note: str


def hold_out(
    samples: Samples, group_by: str, fraction: float, seed: int, earlier: np.ndarray | None = None
) -> Holdout:
    """Hold out groups with about `fraction` of the labelled clips, so that every class stays on the fit side.

    group_by: "film", "speaker" or "clip". earlier: (n,) bool, samples that other members of the ensemble hold out;
    their groups are avoided. If there are too few films (or speakers), the next finer groups are tried, and at last
    nothing is held out; the note says which.
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
        note = f"too few groups by {name} for a validation split"
    held = _best_draw(samples.clip_ids, samples, fraction, seed, earlier, spare_rare=True)
    if held is not None:
        inside = np.isin(samples.clip_ids, held)
        note = "too few groups for a validation split: single clips of the commoner classes are held out"
        return Holdout(~inside, inside & samples.originals & (samples.labels >= 0), "clip", len(held), note)
    nothing = np.zeros(len(samples), bool)
    return Holdout(~nothing, nothing, "none", 0, "too few clips for a validation split: no early stopping")


def _keys(samples: Samples, group_by: str) -> np.ndarray:
    """The group of each sample. A clip without a speaker is a group of its own."""
    if group_by == "film":
        return samples.films
    if group_by == "speaker":
        named = samples.speakers != ""
        return np.where(named, np.char.add("s:", samples.speakers), np.char.add("c:", samples.clip_ids))
    return samples.clip_ids


def _best_draw(
    keys: np.ndarray,
    samples: Samples,
    fraction: float,
    seed: int,
    earlier: np.ndarray | None,
    spare_rare: bool = False,
) -> np.ndarray | None:
    """Of many random choices of groups, the one closest to the wanted share and to the class distribution.

    Groups that were held out earlier add their share to the cost of a choice. spare_rare: never hold out a group with
    all clips of a class.
    """
    labelled = samples.originals & (samples.labels >= 0)
    groups, member = np.unique(keys, return_inverse=True)
    counts = np.zeros((len(groups), max(len(samples.classes), 1)))
    np.add.at(counts, (member[labelled], samples.labels[labelled]), 1)
    total = counts.sum(axis=0)
    again = np.isin(groups, keys[earlier] if earlier is not None else [])
    if len(groups) < 2 or total.sum() < 2:
        return None
    rng = np.random.default_rng((seed, len(groups)))
    best: tuple[float, np.ndarray] | None = None
    for _ in range(DRAWS):
        order = rng.permutation(len(groups))
        if spare_rare:
            order = order[~((total > 0) & (counts == total)).any(axis=1)[order]]
            if len(order) == 0:
                return None
        share = counts[order].sum(axis=1).cumsum() / total.sum()
        held = order[: int(np.abs(share - fraction).argmin()) + 1]
        inside = counts[held].sum(axis=0)
        # The fit side needs every class, and the validation side at least one clip.
        if inside.sum() == 0 or ((total > 0) & (inside == total)).any():
            continue
        off = abs(inside.sum() / total.sum() - fraction)
        mix = np.abs(inside / inside.sum() - total / total.sum()).sum()
        cost = float(off + mix + counts[held[again[held]]].sum() / inside.sum())
        if off <= TOLERANCE and (best is None or cost < best[0]):
            best = (cost, groups[held])
    return None if best is None else best[1]
