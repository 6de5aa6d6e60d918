"""Proof that nothing stands on both sides of the split. Training refuses a dataset without it."""

from typing import Any

import pandas as pd

from emodal_data.errors import WorkError
from emodal_data.split import group_of


def prove_no_leak(samples: pd.DataFrame, group_by: str) -> dict[str, Any]:
    """Check the samples that are about to be written, and return the proof for the manifest.

    samples: film, speaker, clip_id, split and copy (0: the original), one line a sample.
    Raises WorkError, naming the leak, if a clip or a group is on both sides or something other than training
    was augmented.
    """
    labelled = samples[samples["split"] != "unlabelled"]
    checks = {
        "clips_on_both_sides": _straddling(labelled["clip_id"], labelled["split"]),
        "groups_on_both_sides": _straddling(_groups(labelled, group_by), labelled["split"]),
        "unlabelled_in_test_groups": _shared(samples, group_by),
        "augmented_outside_training": sorted(
            samples.loc[(samples["split"] != "train") & (samples["copy"] > 0), "clip_id"].unique()
        ),
    }
    for name, found in checks.items():
        if found:
            raise WorkError(f"the split leaks: {name.replace('_', ' ')}: {', '.join(map(str, found[:5]))}")
    return {
        "group_by": group_by,
        "clips": int(samples["clip_id"].nunique()),
        "groups": {
            side: int(_groups(part, group_by).nunique())
            for side, part in labelled.groupby("split", sort=True)
        },
        **dict.fromkeys(checks, 0),
    }


def _groups(samples: pd.DataFrame, group_by: str) -> pd.Series:
    return group_of(samples.set_index("clip_id", drop=False), group_by).reset_index(drop=True)


def _straddling(names: pd.Series, sides: pd.Series) -> list[Any]:
    per_name = sides.reset_index(drop=True).groupby(names.reset_index(drop=True)).nunique()
    return sorted(per_name.index[per_name > 1])


def _shared(samples: pd.DataFrame, group_by: str) -> list[Any]:
    test = samples[samples["split"] == "test"]
    free = samples[samples["split"] == "unlabelled"]
    return sorted(set(_groups(test, group_by)) & set(_groups(free, group_by)))
