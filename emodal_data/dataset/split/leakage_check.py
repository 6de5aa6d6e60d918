"""The leakage check: nothing may be in two splits, or in two folds. Training refuses a dataset without its result."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import WorkError
from emodal_data.core.places import places_of
from emodal_data.dataset.split.near_duplicates import NEAR_BITS, near_any

_HELD_OUT: Final = ("validation", "test")
#: The checks in the order of the manifest.
_IN_ORDER: Final = (
    "clips_on_both_sides",
    "groups_on_both_sides",
    "unlabelled_in_test_groups",
    "augmented_outside_training",
    "near_duplicate_faces_on_both_sides",
    "overlapping_spans_on_both_sides",
)


def in_words(check: str) -> str:
    """The name of a check of the manifest as people read it."""
    return check.replace("on_both_sides", "in_two_splits").replace("_", " ")


def check_leaks(
    samples: pd.DataFrame,
    clips: pd.DataFrame,
    config: SplitConfig,
    ids: pd.DataFrame | None = None,
    compared: pd.Series | None = None,
) -> dict[str, Any]:
    """Check the samples that are about to be written, and return the result for the manifest.

    samples: tables.SAMPLES. clips: film, start_s, end_s, group and face_hash, indexed by clip_id, and fold if there are
    folds. ids: from groups.id_columns. compared: the splits, indexed as clips, between which no near-duplicate face was
    found; if they are not those of the samples, the faces are compared here.
    Returns, beside what was found, "columns": for the film and each column of ids, see crossing.
    Raises WorkError, naming the leak, if a clip, a group or a near-duplicate face is in two splits; if overlapping
    spans are (unless the split is by speaker or the like: two may talk at once); if a sample outside training was
    augmented; or if a group or a near-duplicate face is in two folds. Of an official split and official folds, groups,
    faces and spans are only counted.
    """
    members = _members(samples, clips, compared)
    labelled = members.loc[(members["split"] != "unlabelled").to_numpy(), ["split", "group"]]
    held_groups = set(members.loc[members["split"].isin(_HELD_OUT), "group"])
    must = {
        "clips_on_both_sides": _names(clips, labelled.index[labelled.index.duplicated()]),
        "augmented_outside_training": sorted(
            samples.loc[
                (samples["split"] != "train") & (samples["augmentation_index"] > 0), "clip_id"
            ].unique()
        ),
    }
    by_split = {
        "groups_on_both_sides": _straddling(labelled, "group"),
        "unlabelled_in_test_groups": sorted(
            held_groups & set(members.loc[members["split"] == "unlabelled", "group"])
        ),
        "near_duplicate_faces_on_both_sides": _near_duplicates(members, clips),
        "overlapping_spans_on_both_sides": _overlapping(members, clips),
    }
    by_fold = {}
    if "fold" in clips:
        seen = members[~members["split"].isin(_HELD_OUT)]
        seen = seen.assign(fold=clips["fold"].take(seen.index.to_numpy()).array)
        by_fold = {
            "groups_in_several_folds": _straddling(seen[seen["fold"].notna()], "group", "fold"),
            "near_duplicate_faces_in_several_folds": _near_duplicates_of_folds(seen, clips),
        }
    may_overlap = not {"film", "clip"} & set(config.groups)  # two speakers may talk at once
    for name, found in {
        **must,
        **({} if config.column else by_split),
        **({} if config.column or config.fold_column else by_fold),
    }.items():
        if found and not (name == "overlapping_spans_on_both_sides" and may_overlap):
            raise WorkError(f"leakage check: {in_words(name)}: {', '.join(map(str, found[:5]))}")
    counts = {name: len(found) for name, found in {**must, **by_split, **by_fold}.items()}
    return {
        "group_by": config.group_by if isinstance(config.group_by, str) else list(config.group_by),
        "clips": len(members),
        "groups": {
            split: int(part["group"].nunique()) for split, part in labelled.groupby("split", sort=True)
        },
        **{name: counts[name] for name in (*_IN_ORDER, *by_fold)},
        "columns": crossing(
            members, None if ids is None else ids.reindex(clips.index).take(members.index.to_numpy())
        ),
    }


def _members(samples: pd.DataFrame, clips: pd.DataFrame, compared: pd.Series | None) -> pd.DataFrame:
    """A line for each clip in each split, with what is known of the clip; the index is its place in clips.

    Films are numbers, which are faster to compare than names.
    Raises WorkError if a sample is of no clip.
    """
    clip = places_of(samples["clip_id"], clips.index)
    if (clip < 0).any():
        raise WorkError("leakage check: a sample is of a clip that is not known")
    split, splits = pd.factorize(samples["split"])
    first = np.flatnonzero(~pd.Series(clip * len(splits) + split).duplicated().to_numpy())
    clip = clip[first]
    known = clips[["start_s", "end_s", "group"]].assign(
        film=pd.factorize(clips["film"])[0].astype(np.int32), compared=compared
    )
    return known.take(clip).assign(split=splits[split[first]]).set_axis(clip)


def _names(clips: pd.DataFrame, places: Iterable[int]) -> list[str]:
    """The names of the clips at some places."""
    return sorted(clips.index[sorted(set(places))])


def crossing(members: pd.DataFrame, ids: pd.DataFrame | None) -> dict[str, dict[str, int]]:
    """Of the film and each id column: values, in_several_splits of them, the held_out_clips with such a value, all
    held-out clips, and for films, with_one_clip. Unlabelled clips count as training.

    ids: of the members, in their order.
    """
    side, sides = pd.factorize(members["split"].replace("unlabelled", "train"))
    held = np.asarray(sides != "train")[side]
    columns = {"film": members["film"].to_numpy()}
    if ids is not None:
        columns |= {str(name): ids[name].to_numpy() for name in ids if name != "film"}
    counts = {}
    for name, cells in columns.items():
        value, values = pd.factorize(cells)
        known = value >= 0
        if not known.any():
            continue
        pairs = pd.unique(value[known] * len(sides) + side[known])
        is_crossing = np.bincount(pairs // len(sides)) > 1
        counts[name] = {
            "values": len(values),
            "in_several_splits": int(is_crossing.sum()),
            "held_out_clips": int((known & held & is_crossing[value]).sum()),
            "all_held_out_clips": int(held.sum()),
        }
    if "film" in counts:  # there may be no labelled clip
        counts["film"]["with_one_clip"] = int((members["film"].value_counts() == 1).sum())
    return counts


def _straddling(clips: pd.DataFrame, name: str, part: str = "split") -> list[Any]:
    """The values of a column that occur in more than one split (or fold)."""
    parts = clips.drop_duplicates([name, part])[name].value_counts()
    return sorted(parts.index[parts > 1])


def _near_duplicates(members: pd.DataFrame, clips: pd.DataFrame) -> list[str]:
    """Held-out clips whose face, in any film, nearly equals one that training sees, or a test clip's of validation."""
    if (members["split"] == members["compared"]).all():
        return []
    found: set[int] = set()
    for is_held, is_seen in _sides(members["split"]):
        held = members.index[is_held]
        near = near_any(_hashes(clips, held), _hashes(clips, members.index[is_seen]), NEAR_BITS)
        found.update(held[near])
    return _names(clips, found)


def _hashes(clips: pd.DataFrame, places: pd.Index) -> pd.Series:
    return clips["face_hash"].take(places.to_numpy())


def _sides(split: pd.Series) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Which clips are in a split that is held out, and which it must have nothing in common with."""
    is_test, is_validation = (split == "test").to_numpy(), (split == "validation").to_numpy()
    yield is_test, ~is_test
    yield is_validation, ~is_test & ~is_validation


def _near_duplicates_of_folds(seen: pd.DataFrame, clips: pd.DataFrame) -> list[str]:
    """Clips of a fold whose face nearly equals one that training sees while the fold is held out."""
    found: set[int] = set()
    for fold in seen["fold"].dropna().unique():
        is_held = (seen["fold"] == fold).fillna(False).to_numpy(bool)
        held = seen.index[is_held]
        near = near_any(_hashes(clips, held), _hashes(clips, seen.index[~is_held]), NEAR_BITS)
        found.update(held[near])
    return _names(clips, found)


def _overlapping(members: pd.DataFrame, clips: pd.DataFrame) -> list[str]:
    """Held-out clips that overlap a clip that training sees, and test clips that overlap one of validation."""
    found: set[int] = set()
    for is_held, is_seen in _sides(members["split"]):
        if not is_held.any():
            continue
        held = members.loc[is_held, ["film", "start_s", "end_s"]]
        spans = members.loc[is_seen, ["film", "start_s", "end_s"]].sort_values("start_s")
        others = dict(iter(spans.groupby("film")))
        for film, of_film in held.groupby("film"):
            if film not in others:
                continue
            # Of the spans that start before a held-out one ends, the latest end decides: after its start is an overlap.
            latest_end_s = others[film]["end_s"].cummax().to_numpy()
            earlier = (
                others[film]["start_s"].to_numpy().searchsorted(of_film["end_s"].to_numpy(), side="left")
            )
            overlaps = (earlier > 0) & (latest_end_s[earlier - 1] > of_film["start_s"].to_numpy())
            found.update(of_film.index[overlaps])
    return _names(clips, found)
