"""Proof that nothing stands on both sides of the split. Training refuses a dataset without it."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from emodal_data.core.errors import WorkError
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.split.near_duplicates import near_any
from emodal_data.dataset.split.sides import group_of
from emodal_data.face.perceptual_hash import NEAR_BITS, face_hash


def prove_no_leak(
    samples: pd.DataFrame, clips: pd.DataFrame, group_by: str, compared: pd.Series | None = None
) -> dict[str, Any]:
    """Check the samples that are about to be written, and return the proof for the manifest.

    samples: clip_id, split and copy (0: the original), one line a sample. clips: film, start_s, end_s, group and
    face_hash, indexed by clip_id, and fold where there are folds. compared: the sides, indexed as clips, for which
    no near-duplicate face was found across; those of other sides are compared here.
    Raises WorkError, naming the leak, if a clip, a group or a near-duplicate face is on both sides, spans that
    share a moment are (unless the split is by speaker, who may talk at once), anything but training was
    augmented, or a group or a near-duplicate face is in two folds.
    """
    sides = samples.drop_duplicates(["clip_id", "split"])[["clip_id", "split"]]
    of_clips = clips[["film", "start_s", "end_s", "group", "face_hash"]].assign(compared=compared)
    sides = sides.join(of_clips, on="clip_id")
    labelled = sides[sides["split"] != "unlabelled"]
    test_groups = set(sides.loc[sides["split"] == "test", "group"])
    overlapping = _overlapping(sides)
    checks = {
        "clips_on_both_sides": _straddling(labelled, "clip_id"),
        "groups_on_both_sides": _straddling(labelled, "group"),
        "unlabelled_in_test_groups": sorted(
            test_groups & set(sides.loc[sides["split"] == "unlabelled", "group"])
        ),
        "augmented_outside_training": sorted(
            samples.loc[(samples["split"] != "train") & (samples["copy"] > 0), "clip_id"].unique()
        ),
        "near_duplicate_faces_on_both_sides": _near_duplicates(sides),
        "overlapping_spans_on_both_sides": [] if group_by == "speaker" else overlapping,
    }
    if "fold" in clips:
        seen = sides[sides["split"] != "test"].join(clips["fold"], on="clip_id")
        checks |= {
            "groups_in_several_folds": _straddling(seen[seen["fold"].notna()], "group", "fold"),
            "near_duplicate_faces_in_several_folds": _near_duplicates_of_folds(seen),
        }
    for name, found in checks.items():
        if found:
            raise WorkError(f"the split leaks: {name.replace('_', ' ')}: {', '.join(map(str, found[:5]))}")
    return {
        "group_by": group_by,
        "clips": len(sides),
        "groups": {side: int(part["group"].nunique()) for side, part in labelled.groupby("split", sort=True)},
        **dict.fromkeys(checks, 0),
        "overlapping_spans_on_both_sides": len(overlapping),
    }


def prove_shards(dataset: Path, group_by: str) -> dict[str, Any]:
    """The same proof for a dataset whose shards are written, from what is in them."""
    samples = read_samples(dataset, ["film", "speaker", "start_s", "end_s", "fold"])
    clips = samples[samples["copy"] == 0].set_index("clip_id")
    hashes = {}
    for path, of_shard in clips.groupby("shard"):
        images = pq.read_table(path, columns=["image"])["image"]
        for clip_id, row in of_shard["shard_row"].items():
            png = np.frombuffer(images[row]["bytes"].as_py(), np.uint8)
            hashes[clip_id] = face_hash(np.asarray(cv2.imdecode(png, cv2.IMREAD_GRAYSCALE), np.uint8))
    clips = clips.assign(group=group_of(clips, group_by), face_hash=pd.Series(hashes))
    return prove_no_leak(samples, clips, group_by)


def _straddling(clips: pd.DataFrame, name: str, side: str = "split") -> list[Any]:
    sides = clips.drop_duplicates([name, side])[name].value_counts()
    return sorted(sides.index[sides > 1])


def _near_duplicates(clips: pd.DataFrame) -> list[str]:
    """Test clips whose face nearly equals one that training sees, in whatever film."""
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
    """Test clips that share a moment of their film with a clip that training sees."""
    found: set[str] = set()
    for _, of_film in clips.groupby("film"):
        test = of_film[of_film["split"] == "test"]
        seen = of_film[of_film["split"] != "test"].sort_values("start_s")
        if test.empty or seen.empty:
            continue
        # The latest end among the spans that start before a test span ends: later than its start is an overlap.
        latest_end_s = seen["end_s"].cummax().to_numpy()
        before = seen["start_s"].to_numpy().searchsorted(test["end_s"].to_numpy(), side="left")
        overlaps = (before > 0) & (latest_end_s[before - 1] > test["start_s"].to_numpy())
        found.update(test.loc[overlaps, "clip_id"])
    return sorted(found)
