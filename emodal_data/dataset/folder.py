"""The folder of a dataset: reading what exists, and replacing it as a whole.

The new dataset is written beside the old one and renamed; recover_dataset repairs what a kill in between leaves.
"""

import json
import shutil
from collections.abc import Set
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.core.config import SplitConfig
from emodal_data.storage.files import explain_os_errors


def read_manifest(dataset: Path) -> dict[str, Any]:
    """The manifest of a dataset folder; empty if there is none."""
    try:
        manifest: dict[str, Any] = json.loads((dataset / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest


def is_published(key: str, dataset: Path) -> bool:
    """Whether the folder holds the dataset of this key (DatasetPlan.key) with all its shards."""
    manifest = read_manifest(dataset)
    shards = manifest.get("shards", [])
    return manifest.get("build_key") == key and all(
        (file := dataset / "data" / shard["name"]).is_file() and file.stat().st_size == shard["size_bytes"]
        for shard in shards
    )


def previous_split(dataset: Path, config: SplitConfig) -> dict[str, str]:
    """The split of each clip in the existing dataset: clip_id -> "train", "validation" or "test".

    Empty if there is none, if it was split by other rules, if config.keep_sides is off, or if split.column decides.
    """
    if config.column:
        return {}
    rules = {"column", "group_by", "seed", "test_fraction", "validation_fraction"}
    splits = _previous_cells(dataset, config, "split", rules)
    return {clip_id: split for clip_id, split in splits if split in ("train", "validation", "test")}


def previous_folds(dataset: Path, config: SplitConfig) -> dict[str, int]:
    """The fold of each clip in the existing dataset; empty in the same cases as previous_split."""
    if not config.folds:
        return {}
    folds = _previous_cells(dataset, config, "fold", {"group_by", "seed", "folds", "fold_column"})
    return {clip_id: fold for clip_id, fold in folds if fold is not None}


def replace_dataset(new: Path, dataset: Path) -> None:
    """Replace the dataset by a finished folder; recover_dataset repairs what a kill in between leaves."""
    old = dataset.with_name(f".{dataset.name}-old")
    with explain_os_errors(dataset):
        shutil.rmtree(old, ignore_errors=True)
        if dataset.exists():
            dataset.rename(old)
        new.rename(dataset)
        shutil.rmtree(old, ignore_errors=True)


def recover_dataset(dataset: Path) -> None:
    """Repair what a kill left, also during replace_dataset: keep the one whole dataset, and nothing else."""
    old = dataset.with_name(f".{dataset.name}-old")
    with explain_os_errors(dataset):
        shutil.rmtree(dataset.with_name(f".{dataset.name}-new"), ignore_errors=True)
        if old.exists() and not dataset.exists():
            old.rename(dataset)
        shutil.rmtree(old, ignore_errors=True)


def staging_folder(dataset: Path) -> Path:
    """An empty folder beside the dataset to write the next one in."""
    folder = dataset.with_name(f".{dataset.name}-new")
    with explain_os_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return folder


def _previous_cells(
    dataset: Path, config: SplitConfig, column: str, rules: Set[str]
) -> list[tuple[str, Any]]:
    """clip_id and a column of each row of the existing ledger, if it was made by the same rules."""
    if not read_manifest(dataset):
        return []
    # A rule that a dataset of an earlier version does not name was what it is by default today.
    was = SplitConfig().model_dump(mode="json") | read_manifest(dataset).get("config", {}).get("split", {})
    now = config.model_dump(mode="json")
    if not config.keep_sides or any(was[rule] != now[rule] for rule in rules):
        return []
    try:
        ledger = pq.read_table(dataset / "ledger.parquet", columns=["clip_id", column]).to_pydict()
    except (OSError, pa.ArrowException):
        return []
    return list(zip(ledger["clip_id"], ledger[column], strict=True))
