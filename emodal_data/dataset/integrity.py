"""Whether the files of a published dataset are those that were written.

Sizes and times are compared first; a file whose size or time is another is hashed. `emodal verify`, training and
exports hash in any case.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.core.errors import WorkError
from emodal_data.dataset.folder import read_manifest, shard_paths
from emodal_data.dataset.seal import SEAL, is_sealed
from emodal_data.dataset.shards import content_sha256
from emodal_data.storage.files import file_sha256, write_json

#: The part of the report that trainings write, after the dataset is published.
TRAINING_SCRIPT: Final = "report/data/training.js"


def described_files(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a dataset folder by path, except shards, manifest and what trainings write."""
    return {
        str(name): file_sha256(path) or ""
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and (name := path.relative_to(folder).as_posix()) not in ("manifest.json", TRAINING_SCRIPT)
        and not name.startswith("data/")
    }


def is_published(key: str, dataset: Path) -> bool:
    """Whether the folder holds the dataset of this key (DatasetPlan.key), with all its files as they were written."""
    manifest = read_manifest(dataset)
    return manifest.get("build_key") == key and not wrong_files(dataset, manifest)


def wrong_files(dataset: Path, manifest: Mapping[str, Any]) -> list[str]:
    """The files of a published dataset that are missing or not what was written, by path. No file is read twice."""
    if not is_sealed(manifest):
        return ["manifest.json"]
    written = _written(manifest)
    now = {name: times for name in written if (times := _times(dataset / name)) is not None}
    known = _read_times(dataset, manifest)
    wrong = [
        name
        for name, digest in written.items()
        if name not in now or (known.get(name) != now[name] and file_sha256(dataset / name) != digest)
    ]
    if not wrong and known != now:
        remember_times(dataset, manifest)
    return wrong


def remember_times(dataset: Path, manifest: Mapping[str, Any]) -> None:
    """Write down the sizes and times of the files, which were just written or hashed."""
    times = {name: of_file for name in _written(manifest) if (of_file := _times(dataset / name)) is not None}
    write_json(_times_file(dataset), {"manifest": manifest.get(SEAL), "files": times})


def forget_times(dataset: Path) -> None:
    """Remove what remember_times wrote."""
    _times_file(dataset).unlink(missing_ok=True)


def refuse_damaged(dataset: Path) -> None:
    """Hash every shard, before a training or an export reads them.

    Raises WorkError, naming the first that is not what was written. A shard stored in another way, such as with another
    compression, counts by its values. Manifests of earlier versions without hashes are believed.
    """
    manifest = read_manifest(dataset)
    if not is_sealed(manifest):
        raise WorkError(f"{dataset / 'manifest.json'}: is not what was written: build the dataset again")
    for path, shard in zip(shard_paths(dataset), manifest.get("shards", []), strict=bool(manifest)):
        if not shard.get("file_sha256") or file_sha256(path) == shard["file_sha256"]:
            continue
        try:
            with pq.ParquetFile(path) as file:
                intact = content_sha256(file) == shard["content_sha256"]
        except (OSError, pa.ArrowException):
            intact = False
        if not intact:
            raise WorkError(
                f"{path}: is missing or not what was written: run emodal build again, which makes it anew; "
                "emodal verify names everything that is damaged"
            )


def _times_file(dataset: Path) -> Path:
    """Sizes and times of the published files, beside the dataset: those of this machine, which no other one shares."""
    return dataset.with_name(f".{dataset.name}-times.json")


def _written(manifest: Mapping[str, Any]) -> dict[str, str]:
    shards = {f"data/{shard['name']}": shard.get("file_sha256", "") for shard in manifest.get("shards", [])}
    files: dict[str, str] = manifest.get("files", {})
    return shards | files


def _times(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _read_times(dataset: Path, manifest: Mapping[str, Any]) -> dict[str, list[int]]:
    try:
        known = json.loads(_times_file(dataset).read_bytes())
        files: dict[str, list[int]] = known["files"] if known["manifest"] == manifest.get(SEAL) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return files if isinstance(files, dict) else {}
