"""Datasets and builds at URLs: what a reader may trust, and what of a build is kept there."""

import json
from pathlib import Path

from emodal_data.errors import InputError, TransientError
from emodal_data.storage import READING, local_path, pull, push, read_remote, shown, url_of

#: What of a build's folder stands at its URL; whatever else is there is not ours, and left alone.
_PARTS = ("clips", "dataset", "exports", "model", "announced", "failed-ledger.parquet")
_TRIES = 3


def open_dataset(location: Path | str) -> Path:
    """A dataset folder to read: a local one as it is, one at a URL as a copy.

    location: the dataset, or the build that it is in. Only what a whole manifest names counts, before and after.
    Raises InputError if there is none, TransientError if it is replaced again and again while it is read.
    """
    path = local_path(location, kind=READING)
    if url_of(path) is None:
        return path / "dataset" if (path / "dataset").is_dir() else path
    for _ in range(_TRIES):
        for dataset in (path / "dataset", path):
            if manifest := read_remote(dataset / "manifest.json"):
                pull(dataset)
                if manifest == read_remote(dataset / "manifest.json") and _is_whole(dataset, manifest):
                    return dataset
                break
        else:
            raise InputError(f"{shown(path)}: no dataset there; a build may be writing it")
    raise TransientError(f"{shown(path)}: is being written; try again")


def pull_build(out: Path) -> None:
    """Make the copy of a build what stands at its URL. Leaves local builds alone."""
    if url_of(out) is not None:
        for part in _PARTS:
            pull(out / part)


def push_build(out: Path) -> None:
    """Make the URL of a build hold what its copy holds, the dataset's manifest last. Leaves local builds alone."""
    if url_of(out) is not None:
        for part in _PARTS:
            push(out / part)


def _is_whole(dataset: Path, manifest: bytes) -> bool:
    shards = [(dataset / "data" / shard["name"], shard) for shard in json.loads(manifest)["shards"]]
    return all(path.is_file() and path.stat().st_size == shard["size_bytes"] for path, shard in shards)
