"""A dataset's folder: what stands there already, and how the next one takes its place.

It is replaced as a whole: written beside, then renamed; a kill in between is mended.
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
    """Whether the folder holds the dataset of this key already, none of its shards missing. key: of DatasetPlan."""
    manifest = read_manifest(dataset)
    shards = manifest.get("shards", [])
    return manifest.get("build_key") == key and all(
        (file := dataset / "data" / shard["name"]).is_file() and file.stat().st_size == shard["size_bytes"]
        for shard in shards
    )


def previous_split(dataset: Path, config: SplitConfig) -> dict[str, str]:
    """The side of each clip in the dataset that is there already: clip_id -> "train" or "test".

    Empty if there is none, if it was split by other rules, or if config.keep_sides is off.
    """
    sides = _cells_before(dataset, config, "split", {"group_by", "seed", "test_fraction"})
    return {clip_id: side for clip_id, side in sides if side in ("train", "test")}


def previous_folds(dataset: Path, config: SplitConfig) -> dict[str, int]:
    """The fold of each clip in the dataset that is there already; empty as sides_before."""
    if not config.folds:
        return {}
    folds = _cells_before(dataset, config, "fold", {"group_by", "seed", "folds"})
    return {clip_id: fold for clip_id, fold in folds if fold is not None}


def replace_dataset(new: Path, dataset: Path) -> None:
    """Put a finished folder in the place of the dataset; a kill in between is mended by recover_dataset."""
    old = dataset.with_name(f".{dataset.name}-old")
    with explain_os_errors(dataset):
        shutil.rmtree(old, ignore_errors=True)
        if dataset.exists():
            dataset.rename(old)
        new.rename(dataset)
        shutil.rmtree(old, ignore_errors=True)


def recover_dataset(dataset: Path) -> None:
    """Mend what a kill left, also during replace_dataset: keep whichever whole dataset there is, and nothing else."""
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


def _cells_before(dataset: Path, config: SplitConfig, column: str, rules: Set[str]) -> list[tuple[str, Any]]:
    """clip_id and a column of each row of the ledger that is there already, if the rules are what they were."""
    was = read_manifest(dataset).get("config", {}).get("split", {})
    if not config.keep_sides or any(was.get(rule) != getattr(config, rule) for rule in rules):
        return []
    try:
        ledger = pq.read_table(dataset / "ledger.parquet", columns=["clip_id", column]).to_pydict()
    except (OSError, pa.ArrowException):
        return []
    return list(zip(ledger["clip_id"], ledger[column], strict=True))
