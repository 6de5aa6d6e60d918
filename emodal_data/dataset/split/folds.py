"""Folds of the training split for cross-validation: stratified by label, and never a group in two of them.

Test clips are in no fold. An unlabelled clip is in the fold of its group, so that training sees nothing of a fold that
is held out; if its group has no labelled clip, it is in none.
"""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.split.near_duplicates import NEAR_BITS, near_pairs

_NOTHING: Mapping[str, int] = MappingProxyType({})


def fold_clips(clips: pd.DataFrame, config: SplitConfig, previous: Mapping[str, int] = _NOTHING) -> pd.Series:
    """The fold of every clip that training sees, 0 to config.folds - 1, null if it is in none.

    clips: group, label (class name or null) and face_hash, indexed by clip_id. Groups that share a near-duplicate
    face are one. previous: clip_id -> fold in the dataset that exists; such groups stay in it.
    Raises InputError if there are fewer groups than folds, or a class is missing in one.
    """
    assert config.folds is not None
    labelled = clips["label"].notna().to_numpy()
    block = _blocks(clips)
    groups = len(np.unique(block[labelled]))
    if groups < config.folds:
        raise InputError(too_few_groups(groups, config))
    fixed = np.array([previous.get(clip_id, -1) for clip_id in clips.index[labelled]])
    _, codes = np.unique(clips["label"][labelled].to_numpy(dtype=str), return_inverse=True)
    fold_of = pd.Series(
        spread_groups(block[labelled], codes, config.folds, config.seed, fixed), index=block[labelled]
    )
    of_block = fold_of[~fold_of.index.duplicated()]
    folds = pd.Series(block, index=clips.index).map(of_block).astype("Int32").rename("fold")
    _refuse_gaps(tally_folds(folds[labelled], clips["label"][labelled], config.folds), config)
    return folds


def too_few_groups(groups: int, config: SplitConfig) -> str:
    """What is said if the training split has fewer groups than folds are wanted."""
    return (
        f"split.folds = {config.folds}: the training split has only {groups} "
        f"{' or '.join(config.groups)} groups (those that share a face count as one); ask for fewer folds"
    )


def spread_groups(
    groups: npt.NDArray[np.str_],
    labels: npt.NDArray[np.int64],
    count: int,
    seed: int,
    previous: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int64]:
    """The fold of each of n samples, (n,): no group in two folds, every class as even over them as groups allow.

    groups: (n,) names. labels: (n,) class numbers. From the largest group to the smallest, each joins the fold that has
    least of the classes it adds; the seed orders groups of one size. previous: (n,) fold in the dataset that exists, -1
    for none; such groups stay. With as many groups as folds and no previous fold, no fold stays empty.
    """
    names, places = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(labels.max(initial=0)) + 2))
    np.add.at(counts, (places, labels), 1)
    counts[:, -1] = counts.sum(axis=1)
    share = counts / np.maximum(counts.sum(axis=0), 1)
    fold_of = np.full(len(names), -1)
    if previous is not None:
        known = (previous >= 0) & (previous < count)
        fold_of[places[known]] = previous[known]
    loads = np.zeros((count, counts.shape[1]))
    np.add.at(loads, fold_of[fold_of >= 0], share[fold_of >= 0])
    free = np.flatnonzero(fold_of < 0)
    for group in sorted(free, key=lambda g: (-counts[g, -1], _draw(seed, str(names[g])))):
        fold_of[group] = int(np.argmin(loads @ share[group]))
        loads[fold_of[group]] += share[group]
    folds: npt.NDArray[np.int64] = fold_of[places]
    return folds


def tally_folds(
    folds: pd.Series, labels: pd.Series, count: int, classes: Sequence[str] | None = None
) -> list[dict[str, int]]:
    """How many clips of each class are in each of the folds. folds and labels: of labelled clips, indexed alike.

    classes: to be counted; none: those of the labels.
    """
    names = sorted(labels.unique()) if classes is None else classes
    return [
        {label: int(((folds == fold) & (labels == label)).sum()) for label in names} for fold in range(count)
    ]


def _blocks(clips: pd.DataFrame) -> npt.NDArray[np.str_]:
    """The block of groups, joined by near-duplicate faces, that each clip is in: the first name of its groups."""
    from scipy.sparse import coo_array  # half a second and 20 MB, which builds without folds need not spend
    from scipy.sparse.csgraph import connected_components

    groups = clips["group"].to_numpy(dtype=str)
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    one, two = near_pairs(clips["face_hash"], NEAR_BITS)
    edges = np.concatenate([one, np.arange(len(clips))]), np.concatenate([two, first[inverse]])
    graph = coo_array((np.ones(len(edges[0]), bool), edges), shape=(len(clips), len(clips)))
    _, component = connected_components(graph, directed=False)
    names = pd.Series(groups).groupby(component).transform("min")
    return names.to_numpy(dtype=str)


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"fold:{seed}:{name}".encode()).digest()


def _refuse_gaps(per_fold: list[dict[str, int]], config: SplitConfig) -> None:
    hint = "ask for fewer folds, or choose another split.group_by"
    for fold, counts in enumerate(per_fold):
        if not any(counts.values()):
            raise InputError(
                f"split.folds: fold {fold} is empty now; set split.keep_sides=false to draw all folds anew"
            )
        for label, count in counts.items():
            total = sum(other[label] for other in per_fold)
            if total and not count and not config.allow_imbalance:
                raise InputError(
                    f"split.folds = {config.folds}: fold {fold} has none of the {total} {label} clips; "
                    f"{hint}, or set split.allow_imbalance=true"
                )
