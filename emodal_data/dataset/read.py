"""Reading samples of a dataset folder: some columns of all samples for our own use, or one split for users."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.core.errors import EmodalError, InputError, TransientError
from emodal_data.core.label_words import RATED
from emodal_data.core.schema import (
    OF_CLASSES,
    SHARD_OPTIONS,
    SPLITS,
    class_names,
    stored_names,
    with_current_names,
)
from emodal_data.dataset.folder import parse_manifest, shard_paths
from emodal_data.storage.remote import read_remote
from emodal_data.storage.sync import pull
from emodal_data.storage.urls import READING, local_path, shown, url_of


def read_samples(dataset: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of every sample, in the order of the shards.

    Returns clip_id, augmentation_index (0: the original), split, label (class name or null; RATED if there are no
    classes), the columns asked for (optional ones if they exist), and the place of the sample: shard and shard_row.
    """
    names = list(dict.fromkeys(["sample_id", "clip_id", "label", *columns]))
    frames = []
    for split in SPLITS:
        for path in shard_paths(dataset, split):
            schema = pq.read_schema(path)
            present, classes = schema.names, class_names(schema)
            names = [name for name in names if name in present or name not in (*SHARD_OPTIONS, *OF_CLASSES)]
            table = pq.read_table(path, columns=stored_names(names, present))
            frame = with_current_names(table).to_pandas()
            labels = pd.Series(RATED, index=frame.index, dtype=object)
            if classes:
                labels = frame["label"].map(dict(enumerate(classes))).astype(object)
                labels = labels.where(labels.notna(), None)
            frames.append(frame.assign(label=labels, split=split, shard=path, shard_row=range(len(frame))))
    samples: pd.DataFrame = pd.concat(frames, ignore_index=True)
    numbers = samples["sample_id"].str.rsplit("-", n=1).str[1].astype(int)
    return samples.assign(augmentation_index=numbers)


def read_split(dataset: Path | str, split: str) -> pa.Table:
    """All samples of one split of a dataset, in a folder or at a URL: "train", "validation", "test" or "unlabelled".

    A split that the dataset does not have is an empty table. Raises InputError if there is no dataset, or no split of
    that name.
    """
    if split not in SPLITS:
        raise InputError(f"no split {split!r}: choose one of {', '.join(SPLITS)}")
    folder = open_dataset(dataset)

    def read() -> pa.Table:
        files, any_file = shard_paths(folder, split), next(iter(shard_paths(folder)), None)
        if any_file is None:
            raise InputError(
                f"{dataset}: no dataset here; give the folder that holds data/ and manifest.json"
            )
        if not files:
            return with_current_names(pq.read_schema(any_file).empty_table())
        return pa.concat_tables([with_current_names(pq.read_table(path)) for path in files])

    return read_unchanged(folder, read)


_TRIES = 3
_T = TypeVar("_T")


def read_unchanged(dataset: Path, read: Callable[[], _T]) -> _T:
    """What read returns while one and the same dataset is in the folder.

    A build replaces a dataset as a whole, and a reader that opens one file after the other may meet two of them: if the
    manifest was replaced meanwhile, what was read, or the error, does not count, and read is called again.
    Raises TransientError if the dataset is replaced again and again.
    """
    failure: Exception | None = None
    for _ in range(_TRIES):
        before = _settled_version(dataset)
        try:
            result = read()
        except (EmodalError, OSError, pa.ArrowException) as error:
            if _settled_version(dataset) == before:
                raise
            failure = error
            continue
        if _settled_version(dataset) == before:
            return result
    raise TransientError(f"{dataset}: a build replaces it again and again; try again later") from failure


def _settled_version(dataset: Path) -> tuple[bytes, int, int] | None:
    """The manifest and its file; None if there is none, and not only between the two renames of replace_dataset."""
    old = dataset.with_name(f".{dataset.name}-old")
    for _ in range(_TRIES):
        version = _manifest_version(dataset)
        if version is not None or (not old.exists() and _manifest_version(dataset) is None):
            return version
        time.sleep(0.1)
    return None


def _manifest_version(dataset: Path) -> tuple[bytes, int, int] | None:
    try:
        with (dataset / "manifest.json").open("rb") as file:
            status = os.fstat(file.fileno())
            return file.read(), status.st_ino, status.st_ctime_ns
    except OSError:
        return None


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


def _is_whole(dataset: Path, content: bytes) -> bool:
    manifest = parse_manifest(dataset / "manifest.json", content)
    shards = [(dataset / "data" / shard["name"], shard) for shard in manifest.get("shards", [])]
    return bool(manifest) and all(
        path.is_file() and path.stat().st_size == shard.get("size_bytes") for path, shard in shards
    )
