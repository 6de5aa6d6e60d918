"""The leakage check: nothing may be in two splits, or in two folds. Training refuses a dataset without its result."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from emodal_data.core.errors import WorkError
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.split.assignment import group_of
from emodal_data.dataset.split.near_duplicates import near_any
from emodal_data.face.perceptual_hash import NEAR_BITS, face_hash


def check_leaks(
    samples: pd.DataFrame, clips: pd.DataFrame, group_by: str, compared: pd.Series | None = None
) -> dict[str, Any]:
    """Check the samples that are about to be written, and return the result for the manifest.

    samples: tables.SAMPLES. clips: film, start_s, end_s, group and face_hash, indexed by clip_id, and fold if there are
    folds. compared: the splits, indexed as clips, between which no near-duplicate face was found; if they are not those
    of the samples, the faces are compared here.
    Raises WorkError, naming the leak, if a clip, a group or a near-duplicate face is in training and in test; if
    overlapping spans are (unless the split is by speaker: two may talk at once); if a sample outside training was
    augmented; or if a group or a near-duplicate face is in two folds.
    """
    members = samples.drop_duplicates(["clip_id", "split"])[["clip_id", "split"]]
    of_clips = clips[["film", "start_s", "end_s", "group", "face_hash"]].assign(compared=compared)
    members = members.join(of_clips, on="clip_id")
    labelled = members[members["split"] != "unlabelled"]
    test_groups = set(members.loc[members["split"] == "test", "group"])
    overlapping = _overlapping(members)
    checks = {
        "clips_on_both_sides": _straddling(labelled, "clip_id"),
        "groups_on_both_sides": _straddling(labelled, "group"),
        "unlabelled_in_test_groups": sorted(
            test_groups & set(members.loc[members["split"] == "unlabelled", "group"])
        ),
        "augmented_outside_training": sorted(
            samples.loc[(samples["split"] != "train") & (samples["copy"] > 0), "clip_id"].unique()
        ),
        "near_duplicate_faces_on_both_sides": _near_duplicates(members),
        "overlapping_spans_on_both_sides": [] if group_by == "speaker" else overlapping,
    }
    if "fold" in clips:
        seen = members[members["split"] != "test"].join(clips["fold"], on="clip_id")
        checks |= {
            "groups_in_several_folds": _straddling(seen[seen["fold"].notna()], "group", "fold"),
            "near_duplicate_faces_in_several_folds": _near_duplicates_of_folds(seen),
        }
    for name, found in checks.items():
        if found:
            raise WorkError(
                f"the split.leakage_check: {name.replace('_', ' ')}: {', '.join(map(str, found[:5]))}"
            )
    return {
        "group_by": group_by,
        "clips": len(members),
        "groups": {
            split: int(part["group"].nunique()) for split, part in labelled.groupby("split", sort=True)
        },
        **dict.fromkeys(checks, 0),
        "overlapping_spans_on_both_sides": len(overlapping),
    }


def check_shards(dataset: Path, group_by: str) -> dict[str, Any]:
    """The same check of a dataset whose shards are written, from what they hold."""
    samples = read_samples(dataset, ["film", "speaker", "start_s", "end_s", "fold"])
    clips = samples[samples["copy"] == 0].set_index("clip_id")
    hashes = {}
    for path, of_shard in clips.groupby("shard"):
        images = pq.read_table(path, columns=["image"])["image"]
        for clip_id, row in of_shard["shard_row"].items():
            png = np.frombuffer(images[row]["bytes"].as_py(), np.uint8)
            hashes[clip_id] = face_hash(np.asarray(cv2.imdecode(png, cv2.IMREAD_GRAYSCALE), np.uint8))
    clips = clips.assign(group=group_of(clips, group_by), face_hash=pd.Series(hashes))
    return check_leaks(samples, clips, group_by)


def _straddling(clips: pd.DataFrame, name: str, part: str = "split") -> list[Any]:
    """The values of a column that occur in more than one split (or fold)."""
    parts = clips.drop_duplicates([name, part])[name].value_counts()
    return sorted(parts.index[parts > 1])


def _near_duplicates(clips: pd.DataFrame) -> list[str]:
    """Test clips whose face nearly equals one that training sees, in any film."""
    if (clips["split"] == clips["compared"]).all():
        return []
    test, seen = clips[clips["split"] == "test"], clips[clips["split"] != "test"]
    near = near_any(test["face_hash"].tolist(), seen["face_hash"].tolist(), NEAR_BITS)
    return sorted(test.loc[near, "clip_id"])


def _near_duplicates_of_folds(seen: pd.DataFrame) -> list[str]:
    """Clips of a fold whose face nearly equals one that training sees while the fold is held out."""
    found: list[str] = []
    for fold in seen["fold"].dropna().unique():
        held_out, others = seen[seen["fold"] == fold], seen[(seen["fold"] != fold).fillna(True)]
        near = near_any(held_out["face_hash"].tolist(), others["face_hash"].tolist(), NEAR_BITS)
        found += held_out.loc[near, "clip_id"].tolist()
    return sorted(found)


def _overlapping(clips: pd.DataFrame) -> list[str]:
    """Test clips that overlap a clip that training sees."""
    found: set[str] = set()
    for _, of_film in clips.groupby("film"):
        test = of_film[of_film["split"] == "test"]
        seen = of_film[of_film["split"] != "test"].sort_values("start_s")
        if test.empty or seen.empty:
            continue
        # Of the spans that start before a test span ends, the latest end decides: after its start is an overlap.
        latest_end_s = seen["end_s"].cummax().to_numpy()
        earlier = seen["start_s"].to_numpy().searchsorted(test["end_s"].to_numpy(), side="left")
        overlaps = (earlier > 0) & (latest_end_s[earlier - 1] > test["start_s"].to_numpy())
        found.update(test.loc[overlaps, "clip_id"])
    return sorted(found)
