"""What people must know about the split of a dataset, as lines of text: how it was made, and where it is weak."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from emodal_data.core.config import SplitConfig
from emodal_data.core.text import counted
from emodal_data.dataset.manifest_check import dataset_config

#: With fewer films of one clip each, nothing is said about them.
_MANY_FILMS: Final = 20
_TITLES: Final = {"train": "training", "validation": "validation", "test": "test"}
#: Checks that stop a build, but of an official split are only counted.
_COUNTED: Final = {
    "near_duplicate_faces_on_both_sides": "validation and test clips have nearly the same face as another split",
    "overlapping_spans_on_both_sides": "validation and test clips overlap in time with a clip of another split",
}


def labelled_splits(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The splits that the manifest counts classes of, and their titles."""
    counted: Mapping[str, int] = next(iter(manifest["split"]["per_class"].values()), {})
    return {split: title for split, title in _TITLES.items() if split in counted}


def split_rule(manifest: Mapping[str, Any]) -> str:
    """How the dataset was split, in a sentence."""
    config = split_config(manifest)
    if config.column:
        return f"The official split of the annotations (column {config.column}), followed as it is."
    if config.groups == ("clip",):
        return "By clip: no clip is in more than one split."
    names = " or ".join(config.groups)
    return f"By {names}: no {names} is in more than one split."


def split_warnings(manifest: Mapping[str, Any]) -> list[str]:
    """What makes the split of a dataset worse than it looks, a line each."""
    return check_warnings(manifest.get("leak_proof", {}), split_config(manifest))


def split_config(manifest: Mapping[str, Any]) -> SplitConfig:
    """The settings of the split in a manifest of any version."""
    return dataset_config(manifest).split


def move_notes(of_clip: pd.Series, previous: Mapping[str, str]) -> list[str]:
    """A line for each way in which clips of the existing dataset change their split: new rows can join two groups.

    of_clip: the split of each clip, indexed by clip_id. previous: that of the clips of the dataset.
    """
    if not previous:
        return []
    before = of_clip.index.to_series().map(previous)
    moves = Counter(
        (was, now)
        for was, now in zip(before, of_clip, strict=True)
        if was in _TITLES and now in _TITLES and was != now
    )
    return [
        f"split: {counted(count, 'clip of the existing dataset moves', 'clips of the existing dataset move')} "
        f"from {_TITLES[was]} to {_TITLES[now]}: rows joined their groups, or the rules of the split changed"
        for (was, now), count in sorted(moves.items())
    ]


def check_warnings(proof: Mapping[str, Any], config: SplitConfig) -> list[str]:
    """The same of the result of a leakage check. proof: from leakage_check.check_leaks."""
    lines = []
    columns: Mapping[str, Mapping[str, int]] = proof.get("columns", {})
    for name, column in columns.items():
        by_choice = name == "film" and config.groups != ("film",) and not config.column
        if not column["in_several_splits"] or by_choice:
            continue
        found = (
            f"{column['in_several_splits']} of {column['values']} values of {name} are in more than one split, "
            f"with {column['held_out_clips']} of the {column['all_held_out_clips']} validation and test clips"
        )
        cure = f'split.group_by = "{name}" keeps them apart'
        lines.append(f"split: {found}; {'the official split is followed' if config.column else cure}")
    if config.column:
        for check, meaning in _COUNTED.items():
            if proof.get(check):
                lines.append(f"split: {proof[check]} {meaning}; the official split is followed")
    film = columns.get("film")
    if film and set(columns) == {"film"} and config.groups == ("film",) and not config.column:
        alone = film["with_one_clip"]
        if alone >= _MANY_FILMS and alone > 0.9 * film["values"]:
            lines.append(
                f"split: {alone} of {film['values']} films are one clip each, and no speaker is named: the same person "
                'may be in training and test; name speakers in a column, and set split.group_by = "speaker"'
            )
    return lines
