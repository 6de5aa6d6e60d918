"""The assignment of clips to training, validation and test: stratified by label, and never a group in two."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError
from emodal_data.core.places import places_of

#: With more pairs of groups than this no exchanges are tried: adding and removing alone come near enough.
_MOST_EXCHANGES = 1_000_000
_SPLITS = ("train", "validation", "test")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Split:
    """The split of labelled clips.

    of_clip: "train", "validation" or "test", indexed by clip_id. test_fraction, validation_fraction: the actual shares.
    per_class: clips of each class in each split, validation only if there is one.
    """

    of_clip: pd.Series
    test_fraction: float
    validation_fraction: float
    per_class: dict[str, dict[str, int]]


def split_clips(clips: pd.DataFrame, config: SplitConfig, previous: Mapping[str, str] = _NOTHING) -> Split:
    """Split clips with the columns group (see group_of) and label (class name, no nulls), indexed by clip_id.

    Every group is in one split. Of the assignments found, the one nearest to the wanted fractions in every class is
    taken, first for the test split, then for validation; the seed decides ties. previous: clip_id -> split of the
    dataset that exists; such clips stay in it, and so does their group.
    Raises InputError, saying by how much, if groups make the wanted split impossible.
    """
    places, names = pd.factorize(clips["group"], sort=True)
    codes, labels = pd.factorize(clips["label"], sort=True)
    counts = np.zeros((len(names), len(labels)), dtype=np.int64)
    np.add.at(counts, (places, codes), 1)
    order = np.argsort([_draw(config.seed, name) for name in names], kind="stable")
    split_of = np.full(len(names), "train", dtype=object)
    counts, fixed = counts[order], _fixed_groups(clips.index, places, len(names), previous)[order]
    in_test = _choose(counts, fixed, "test", config.test_fraction)
    split_of[order[in_test]] = "test"
    if config.validation_fraction:
        share = config.validation_fraction / (1 - config.test_fraction)  # of what is left
        in_validation = _choose(counts[~in_test], fixed[~in_test], "validation", share)
        split_of[order[~in_test][in_validation]] = "validation"
    of_clip = pd.Series(split_of[places], index=clips.index, name="split", dtype=object)
    split = tally(of_clip, clips["label"])
    if not config.allow_imbalance:
        _refuse_imbalance(split, len(names), config)
    return split


def tally(of_clip: pd.Series, labels: pd.Series, classes: Sequence[str] | None = None) -> Split:
    """Count the clips of each class in each split. of_clip and labels: of the labelled clips, indexed alike.

    classes: to be counted; none: those of the labels.
    """
    names = sorted(labels.unique()) if classes is None else list(classes)
    label_codes = places_of(labels, pd.Index(names))
    split_codes = places_of(of_clip, pd.Index(_SPLITS))
    in_split = {split: split_codes == code for code, split in enumerate(_SPLITS)}
    shares = {split: float(clips.mean()) if len(of_clip) else 0.0 for split, clips in in_split.items()}
    splits = [split for split in _SPLITS if split != "validation" or in_split[split].any()]
    per_class = {
        label: {split: int(np.count_nonzero(in_split[split] & (label_codes == code))) for split in splits}
        for code, label in enumerate(names)
    }
    return Split(of_clip, shares["test"], shares["validation"], per_class)


def _fixed_groups(
    clip_ids: pd.Index, places: np.ndarray, groups: int, previous: Mapping[str, str]
) -> np.ndarray:
    """The previous split of each group, "" for none. A group of the training split is never tested on."""
    fixed = np.full(groups, "", dtype=object)
    of_clip = np.array([previous.get(clip_id, "") for clip_id in clip_ids.tolist()], dtype=object)
    for split in ("test", "validation", "train"):
        fixed[places[of_clip == split]] = split
    return fixed


def _draw(seed: int, name: str) -> bytes:
    """The key that orders groups for the choice; it depends on the seed and the name alone."""
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def _choose(counts: np.ndarray, fixed: np.ndarray, split: str, fraction: float) -> np.ndarray:
    """Which groups go into a split. counts: (groups, classes), in the order of the draw. fixed: see _fixed_groups."""
    if fraction >= 1:
        chosen: np.ndarray = np.isin(fixed, ("", split))
        return chosen
    codes = np.select([fixed == split, fixed != ""], [1, 0], -1)
    choose = _choose_singles if counts.sum(axis=1).max(initial=0) <= 1 else _choose_groups
    return choose(counts, fraction, codes)


def _choose_singles(counts: np.ndarray, fraction: float, fixed: np.ndarray) -> np.ndarray:
    """The choice for groups of one clip: the first share of each class in order. counts: (groups, classes)."""
    wanted = np.rint(counts.sum(axis=0) * fraction) - counts[fixed == 1].sum(axis=0)
    free = counts * (fixed < 0)[:, None]
    chosen: np.ndarray = ((np.cumsum(free, axis=0) <= wanted) & (free > 0)).any(axis=1)
    chosen |= fixed == 1
    return chosen


def _choose_groups(counts: np.ndarray, fraction: float, fixed: np.ndarray) -> np.ndarray:
    """The choice for groups of many clips: take those that help, in order, then add, remove or exchange.

    The distance is the sum of the squared errors of the classes and of the whole, each as a share. The search ends when
    no step reduces it.
    """
    counts = np.column_stack([counts, counts.sum(axis=1)])
    totals = counts.sum(axis=0)
    share = counts / np.maximum(totals, 1)
    target = np.where(totals > 0, fraction, 0.0)
    chosen: np.ndarray = fixed == 1
    free = fixed < 0

    def miss(sums: np.ndarray) -> np.ndarray:
        distance: np.ndarray = ((sums - target) ** 2).sum(axis=-1)
        return distance

    sums = share[chosen].sum(axis=0)
    for group in np.flatnonzero(free):
        if miss(sums + share[group]) < miss(sums):
            chosen[group], sums = True, sums + share[group]
    while free.any():
        moves = np.where(chosen[:, None], -share, share)
        best = int(np.argmin(np.where(free, miss(sums + moves), np.inf)))
        step = moves[best]
        changed = [best]
        inside, outside = np.flatnonzero(chosen & free), np.flatnonzero(~chosen & free)
        if 0 < len(inside) * len(outside) <= _MOST_EXCHANGES:
            exchanged = miss(sums + share[outside][None] - share[inside][:, None])
            i, j = np.unravel_index(int(np.argmin(exchanged)), exchanged.shape)
            if exchanged[i, j] < miss(sums + step) - 1e-12:
                changed = [int(inside[i]), int(outside[j])]
                step = share[changed[1]] - share[changed[0]]
        if miss(sums + step) >= miss(sums) - 1e-12:
            break
        sums = sums + step
        chosen[changed] ^= True
    return chosen


def _refuse_imbalance(split: Split, groups: int, config: SplitConfig) -> None:
    hint = (
        "add films, choose another split.group_by, raise split.tolerance, or set split.allow_imbalance=true"
    )
    by = " or ".join(config.groups)
    where = f"the {groups} {by} groups" if groups != 1 else f"the only {by} group"
    wanted = {
        "test": (split.test_fraction, config.test_fraction),
        "validation": (split.validation_fraction, config.validation_fraction),
    }
    for name, (share, fraction) in wanted.items():
        if abs(share - fraction) > config.tolerance:
            put = f"{share:.1%} of the clips in the {name} split instead of {fraction:.1%}"
            raise InputError(f"split: {where} can only put {put}; {hint}")
    wanted_splits = {name for name, (_, fraction) in wanted.items() if fraction}
    if sum(fraction for _, fraction in wanted.values()) < 1:
        wanted_splits.add("train")
    for label, counts in split.per_class.items():
        total = sum(counts.values())
        for side in (name for name in ("train", "validation", "test") if name in wanted_splits):
            if total > 0 and not counts.get(side):
                raise InputError(
                    f"split: {where} leave no {label} clip in the {side} split (of {total}); {hint}"
                )
