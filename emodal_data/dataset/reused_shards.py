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
) -> tuple[list[WrittenShard], dict[int, dict[Path, str]]]:
    """Link shards of the existing dataset to the places of planned ones; the dataset itself is not changed.

    A shard is reused if its key is that of a planned one and its bytes are those it was written with.
    Returns the reused shards, and for the number of each that is to be written the existing files that may hold some of
    its samples: see Shard.previous.
    """
    manifest = read_manifest(dataset)
    if manifest.get("contents_key") != settings.derivation_key:
        return [], {number: {} for number in range(len(shards))}
    existing = {shard.key or shard.name: shard for shard in map(WrittenShard.of, manifest["shards"])}
    reused: list[WrittenShard] = []
    missing: dict[int, tuple[str, str]] = {}
    for number, shard in enumerate(shards):
        known = existing.get(shard_key(shard, settings))
        path = dataset / "data" / known.name if known else None
        if known and path and file_sha256(path) == known.file_sha256:
            link_or_copy(path, shard.path)
            folder = shard.path.parent
            reused.append(replace(known, name=shard.path.name))
            del existing[str(known.key)]
        else:
            missing[number] = (shard.clips["film"].min(), shard.clips["film"].max())
    if reused:
        with explain_os_errors(folder):
            sync(folder)
    left = {dataset / "data" / shard.name: shard.file_sha256 for shard in existing.values()}
    films = {path: films for path in left if (films := _films(path))}
    return reused, {
        number: {path: left[path] for path, others in films.items() if _may_share(own, others)}
        for number, own in missing.items()
    }


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


def _may_share(films: tuple[str, str], others: tuple[str, str]) -> bool:
    return others[0] <= films[1] and films[0] <= others[1]
