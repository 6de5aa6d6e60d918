"""The split that planned clips would have if all of them passed the gates: what `emodal plan` says of it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError
from emodal_data.core.text import counted
from emodal_data.dataset.split.assignment import split_clips
from emodal_data.dataset.split.folds import too_few_groups
from emodal_data.dataset.split.groups import group_of, id_columns
from emodal_data.dataset.split.leakage_check import crossing
from emodal_data.dataset.split.notes import check_warnings, move_notes
from emodal_data.dataset.split.official import official_splits


def expected_split(
    rows: pd.DataFrame, clips: pd.DataFrame, config: SplitConfig, previous: Mapping[str, str]
) -> dict[str, Any]:
    """The expected number of clips_per_split, the columns that cross it as in the leakage check, and warnings.

    rows: clips.tables.ROWS. clips: clips.tables.PLANNED. previous: from folder.previous_split.
    """
    labelled = clips[clips["label"].notna()]
    if labelled.empty:  # why, the rows say
        return {"clips_per_split": {}, "columns": {}, "warnings": []}
    ids = id_columns(rows, labelled, config)
    warnings: list[str] = []
    official = official_splits(rows, config)
    groups = group_of(labelled, config.group_by, ids)
    if official is not None:
        of_clip = official.reindex(labelled.index)
        if conflicts := int((of_clip == "").sum()):
            found = counted(conflicts, "clip has", "clips have")
            warnings.append(f"split: {found} rows of different splits: dropped")
        of_clip = of_clip[of_clip.isin(["train", "validation", "test"])]
    else:
        try:
            of_clip = split_clips(labelled.assign(group=groups), config, previous).of_clip
        except InputError as error:
            return {"clips_per_split": {}, "columns": {}, "warnings": [str(error)]}
        warnings += move_notes(of_clip, previous)
    of_training = groups.reindex(of_clip.index[of_clip == "train"]).nunique()
    if config.folds and of_training < config.folds:
        warnings.append(too_few_groups(of_training, config))
    members = labelled.loc[of_clip.index].assign(split=of_clip).reset_index()
    columns = crossing(members, ids.loc[of_clip.index])
    counts = of_clip.value_counts()
    return {
        "clips_per_split": {str(name): int(counts[name]) for name in sorted(counts.index)},
        "columns": columns,
        "warnings": [*warnings, *check_warnings({"columns": columns}, config)],
    }
