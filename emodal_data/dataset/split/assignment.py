"""The assignment of clips to training and test: stratified by label, and never a group in both."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError
from emodal_data.core.schema import LABELS

#: With more pairs of groups than this no exchanges are tried: adding and removing alone come near enough.
_MOST_EXCHANGES = 1_000_000
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Split:
    """The split of labelled clips. of_clip: "train" or "test", indexed by clip_id. test_fraction: the actual share."""

    of_clip: pd.Series
    test_fraction: float
    per_class: dict[str, dict[str, int]]


def split_clips(clips: pd.DataFrame, config: SplitConfig, previous: Mapping[str, str] = _NOTHING) -> Split:
    """Split clips with the columns group (see group_of) and label (class name, no nulls), indexed by clip_id.

    Every group is in one split. Of the assignments found, the one nearest to test_fraction in every class is taken;
    the seed decides ties. previous: clip_id -> split of the dataset that exists; such clips stay in it, and so does
    their group. Raises InputError, saying by how much, if groups make the wanted split impossible.
    """
    names, places = np.unique(clips["group"].to_numpy(dtype=str), return_inverse=True)
    counts = np.zeros((len(names), len(LABELS)), dtype=np.int64)
    codes = pd.Categorical(clips["label"], categories=list(LABELS)).codes
    np.add.at(counts, (places, codes), 1)
    order = np.argsort([_draw(config.seed, name) for name in names], kind="stable")
    in_test = np.zeros(len(names), dtype=bool)
    fixed = _fixed_groups(clips.index, places, len(names), previous)
    choose = _choose_singles if counts.sum(axis=1).max(initial=0) <= 1 else _choose_groups
    in_test[order] = choose(counts[order], config.test_fraction, fixed[order])
    of_clip = pd.Series(np.where(in_test[places], "test", "train"), index=clips.index, name="split")
    split = tally(of_clip, clips["label"])
    if not config.allow_imbalance:
        _refuse_imbalance(split, len(names), config)
    return split


def tally(of_clip: pd.Series, labels: pd.Series) -> Split:
    """Count the clips of each class in each split. of_clip and labels: of the labelled clips, indexed alike."""
    per_class = {
        label: {split: int(((labels == label) & (of_clip == split)).sum()) for split in ("train", "test")}
        for label in LABELS
    }
    share = float((of_clip == "test").mean()) if len(of_clip) else 0.0
    return Split(of_clip, share, per_class)


def group_of(clips: pd.DataFrame, group_by: str) -> pd.Series:
    """The group of each clip: its film, its speaker in the whole build, or the clips that it overlaps with.

    clips: film, speaker, start_s and end_s, indexed by clip_id. A clip without a speaker is in one group with the
    other such clips of its film. By clip, overlapping spans of one film are one group, because they share frames and
    sound; it is named after the first of them.
    """
    if group_by == "clip":
        return _overlapping(clips)
    if group_by == "film":
        return clips["film"].astype(object)
    return clips["speaker"].astype(object).where(clips["speaker"].notna(), "film " + clips["film"])


def _overlapping(clips: pd.DataFrame) -> pd.Series:
    in_order = clips.sort_values(["film", "start_s", "end_s"], kind="stable")
    reached_s = in_order.groupby("film", sort=False)["end_s"].cummax()
    same_film = in_order["film"] == in_order["film"].shift()
    opens = ~same_film | (in_order["start_s"] >= reached_s.shift())
    names = pd.Series(in_order.index, index=in_order.index, dtype=object).where(opens).ffill()
    return names.reindex(clips.index)


def _fixed_groups(
    clip_ids: pd.Index, places: np.ndarray, groups: int, previous: Mapping[str, str]
) -> np.ndarray:
    """The previous split of each group: 0 train, 1 test, -1 none. A group of the training split is never tested on."""
    fixed = np.full(groups, -1)
    if not previous:
        return fixed
    codes = {clip_id: {"train": 0, "test": 1}.get(split, -1) for clip_id, split in previous.items()}
    of_clip = np.array([codes.get(clip_id, -1) for clip_id in clip_ids.tolist()])
    for code in (1, 0):
        fixed[places[of_clip == code]] = code
    return fixed


def _draw(seed: int, name: str) -> bytes:
    """The key that orders groups for the choice; it depends on the seed and the name alone."""
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


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
    where = f"the {groups} {config.group_by} groups" if groups != 1 else f"the only {config.group_by} group"
    share = f"{split.test_fraction:.1%} of the clips on the test side instead of {config.test_fraction:.1%}"
    if abs(split.test_fraction - config.test_fraction) > config.tolerance:
        raise InputError(f"split: {where} can only put {share}; {hint}")
    for label, counts in split.per_class.items():
        for side, count in counts.items():
            if count == 0 and sum(counts.values()) > 0:
                total = sum(counts.values())
                raise InputError(
                    f"split: {where} leave no {label} clip on the {side} side (of {total}); {hint}"
                )
