"""The folder of a dataset: reading what exists, and replacing it as a whole.

The new dataset is written beside the old one and renamed; recover_dataset repairs what a kill in between leaves.
"""

import contextlib
import json
import re
import shutil
import uuid
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError
from emodal_data.core.schema import SPLITS
from emodal_data.dataset.kept_split import (
    SPLIT_COLUMNS,
    KeptSplit,
    kept_split_file,
    read_kept_split,
    split_of_ledger,
)
from emodal_data.dataset.manifest_check import wrong_type
from emodal_data.dataset.seal import is_sealed
from emodal_data.storage.files import explain_os_errors, file_sha256, is_inside

#: What a shard may be named. Names from a manifest are checked, so that none leads out of data/.
_SHARD: Final = re.compile(rf"({'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet")


def read_manifest(dataset: Path) -> dict[str, Any]:
    """The manifest of a dataset folder; empty if there is none. Raises InputError as parse_manifest."""
    path = dataset / "manifest.json"
    try:
        return parse_manifest(path, path.read_bytes())
    except OSError:
        return {}


def existing_manifest(dataset: Path) -> dict[str, Any]:
    """As read_manifest. Raises InputError if there is none, or it is damaged."""
    if manifest := read_manifest(dataset):
        return manifest
    if (dataset / "manifest.json").is_file():
        raise InputError(f"{dataset / 'manifest.json'}: is damaged: build the dataset again")
    raise InputError(f"{dataset}: no dataset here; give the folder that holds manifest.json")


def parse_manifest(path: Path, content: bytes) -> dict[str, Any]:
    """A manifest from its bytes; empty if it is damaged: no JSON, or an entry that is missing or of another type.

    Raises InputError if it names a file outside the dataset.
    """
    try:
        manifest = json.loads(content)
        shards = [str(shard["name"]) for shard in manifest.get("shards", [])]
        files = [str(name) for name in manifest.get("files", {})]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}
    if outside := [name for name in files if not is_inside(name)]:
        raise InputError(f"{path}: names {outside[0]!r}, which is outside the dataset")
    if outside := [name for name in shards if not is_inside(f"data/{name}")]:
        raise InputError(f"{path}: names {outside[0]!r}, which is no shard")
    return manifest if wrong_type(manifest) is None else {}


def shard_paths(dataset: Path, split: str | None = None) -> list[Path]:
    """The shards that the manifest names, of one split or of all, in their order; other files in data/ are ignored.

    A folder without a manifest, such as one that is being written, has the shards that are there.
    Raises InputError if the manifest names a file that is no shard.
    """
    manifest = read_manifest(dataset)
    if manifest:
        names = [str(shard["name"]) for shard in manifest.get("shards", [])]
    else:
        found = {path.name for path in (dataset / "data").glob("*.parquet") if _SHARD.fullmatch(path.name)}
        names = [name for of in SPLITS for name in sorted(found) if name.startswith(f"{of}-")]
    for name in names:
        if not _SHARD.fullmatch(name):
            raise InputError(f"{dataset / 'manifest.json'}: names {name!r}, which is no shard")
    return [dataset / "data" / name for name in names if split in (None, name.split("-", 1)[0])]


def check_split_is_known(dataset: Path, config: SplitConfig) -> None:
    """Stop if the split of the existing dataset is needed and lost. Raises InputError, saying what to do."""
    if config.keep_sides and (not config.column or config.folds):
        _known_split(dataset)


def previous_split(dataset: Path, config: SplitConfig) -> dict[str, str]:
    """The split of each clip in the existing dataset: clip_id -> "train", "validation" or "test".

    Empty if there is none, if it was split by other rules, if config.keep_sides is off, or if split.column decides.
    Raises InputError if it is lost: see check_split_is_known.
    """
    if config.column:
        return {}
    known = _previous(dataset, config, {"column", "group_by", "seed", "test_fraction", "validation_fraction"})
    splits = known.splits.items() if known else ()
    return {clip_id: split for clip_id, split in splits if split in ("train", "validation", "test")}


def previous_folds(dataset: Path, config: SplitConfig) -> dict[str, int]:
    """The fold of each clip in the existing dataset; empty in the same cases as previous_split."""
    if not config.folds:
        return {}
    known = _previous(dataset, config, {"group_by", "seed", "folds", "fold_column"})
    return dict(known.folds) if known else {}


def replace_dataset(new: Path, dataset: Path) -> None:
    """Replace the dataset by a finished folder; recover_dataset repairs what a kill in between leaves.

    If the dataset is a link to a folder, the link is replaced, and the folder stays.
    """
    old = dataset.with_name(f".{dataset.name}-old")
    with explain_os_errors(dataset):
        _remove(old)
        if dataset.exists():
            dataset.rename(old)
        new.rename(dataset)
        _remove(old)


def recover_dataset(dataset: Path) -> None:
    """Repair what a kill left, also during replace_dataset: keep the one whole dataset, and nothing else."""
    old = dataset.with_name(f".{dataset.name}-old")
    with explain_os_errors(dataset):
        _remove(_staging(dataset))
        if old.exists() and not dataset.exists():
            old.rename(dataset)
        _remove(old)


@contextlib.contextmanager
def recovered_dataset(dataset: Path) -> Iterator[None]:
    """Repair the dataset (recover_dataset), and remove what the block began and did not finish.

    On a full disk, a half-written dataset would take the room that the next run needs.
    """
    recover_dataset(dataset)
    try:
        yield
    finally:
        discard_staging(dataset)


def staging_folder(dataset: Path) -> Path:
    """An empty folder beside the dataset to write the next one in.

    Each has a name of its own: a worker of a cluster that still writes for a killed build writes into no other's.
    """
    folder = _staging(dataset) / uuid.uuid4().hex[:12]
    with explain_os_errors(folder):
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
    return folder


def discard_staging(dataset: Path) -> None:
    """Remove the folder of staging_folder, if it is there."""
    shutil.rmtree(_staging(dataset), ignore_errors=True)


def _staging(dataset: Path) -> Path:
    return dataset.with_name(f".{dataset.name}-new")


def _remove(folder: Path) -> None:
    """Remove a folder, or a link to one."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _previous(dataset: Path, config: SplitConfig, rules: Set[str]) -> KeptSplit | None:
    """The split of the existing dataset, if it was made by the same rules and is to be kept."""
    if not config.keep_sides:
        return None
    known = _known_split(dataset)
    if known is None:
        return None
    # A rule that a dataset of an earlier version does not name was what it is by default today.
    was = SplitConfig().model_dump(mode="json") | dict(known.rules)
    now = config.model_dump(mode="json")
    return known if all(was[rule] == now[rule] for rule in rules) else None


def _known_split(dataset: Path) -> KeptSplit | None:
    """The split of the published dataset, from its ledger or the second copy; None if nothing was published.

    Raises InputError if there was a dataset and neither says its split.
    """
    published = published_split(dataset) or read_kept_split(dataset)
    if published is not None:
        return published
    kept = kept_split_file(dataset)
    was_published = dataset.is_dir() and any(dataset.iterdir())
    if was_published or kept.exists():
        raise InputError(
            f"{dataset}: its split is not known: manifest.json or ledger.parquet is missing or damaged, and so is the "
            f"second copy, {kept}. Put one of them back from a backup; or set split.keep_sides=false to split anew, "
            "after which clips that were tested on may be trained on"
        )
    return None


def published_split(dataset: Path) -> KeptSplit | None:
    """The split that the published ledger says; None if it or the manifest is missing or damaged."""
    manifest = read_manifest(dataset)
    if not manifest or not is_sealed(manifest) or "counts" not in manifest:
        return None
    written = manifest.get("files", {}).get("ledger.parquet")
    if written and file_sha256(dataset / "ledger.parquet") != written:
        return None
    try:
        with pq.ParquetFile(dataset / "ledger.parquet") as file:
            names = file.schema_arrow.names
            ledger = file.read([name for name in SPLIT_COLUMNS if name in names])
        rules = manifest.get("config", {}).get("split", {})
        return split_of_ledger(ledger, manifest.get("build_key"), rules)
    except (OSError, KeyError, pa.ArrowException):
        return None
