"""Reuse of shards of the existing dataset: those that would be equal to the byte are linked, not written."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.shards import Shard, ShardSettings, WrittenShard, shard_key
from emodal_data.storage.files import explain_os_errors, file_sha256, link_or_copy, sync


def reuse_shards(
    dataset: Path, shards: Sequence[Shard], settings: ShardSettings
) -> tuple[list[WrittenShard], list[Shard]]:
    """Link shards of the existing dataset to the places of planned ones; the dataset itself is not changed.

    A shard is reused if its key is that of a planned one and its bytes are those it was written with.
    Returns the reused shards, and those to be written, with the existing files that may hold some of their samples.
    """
    manifest = read_manifest(dataset)
    if manifest.get("contents_key") != settings.derivation_key:
        return [], list(shards)
    existing = {shard.key or shard.name: shard for shard in map(WrittenShard.of, manifest["shards"])}
    reused, missing = [], []
    for shard in shards:
        known = existing.get(shard_key(shard, settings))
        path = dataset / "data" / known.name if known else None
        if known and path and file_sha256(path) == known.file_sha256:
            link_or_copy(path, shard.path)
            reused.append(replace(known, name=shard.path.name))
            del existing[str(known.key)]
        else:
            missing.append(shard)
    if reused:
        folder = shards[0].path.parent
        with explain_os_errors(folder):
            sync(folder)
    left = {dataset / "data" / shard.name: shard.file_sha256 for shard in existing.values()}
    films = {path: films for path in left if (films := _films(path))}
    return reused, [
        replace(shard, previous={path: left[path] for path in films if _may_share(shard, films[path])})
        for shard in missing
    ]


def _films(path: Path) -> tuple[str, str] | None:
    """The first and the last film of a shard in the order of names, from its footer."""
    try:
        about = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return None
    column = about.schema.to_arrow_schema().get_field_index("film")
    seen = [about.row_group(group).column(column).statistics for group in range(about.num_row_groups)]
    if not all(found and found.has_min_max for found in seen):
        return None
    return min(found.min for found in seen), max(found.max for found in seen)


def _may_share(shard: Shard, films: tuple[str, str]) -> bool:
    first, last = films
    return bool(first <= shard.clips["film"].max() and shard.clips["film"].min() <= last)
