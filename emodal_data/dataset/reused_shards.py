"""Shards of the dataset that stands there already: those that would come out the same to the byte are kept."""

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
    """Put what is the same already in the place of planned shards; the dataset itself stays as it is.

    A shard is kept when its key is that of a planned one and its bytes are those it was written with.
    Returns the shards that are in place, and those to be written, with the files that may hold some of their samples.
    """
    manifest = read_manifest(dataset)
    if manifest.get("contents_key") != settings.derivation_key:
        return [], list(shards)
    before = {shard.key or shard.name: shard for shard in map(WrittenShard.of, manifest["shards"])}
    kept, missing = [], []
    for shard in shards:
        known = before.get(shard_key(shard, settings))
        path = dataset / "data" / known.name if known else None
        if known and path and file_sha256(path) == known.file_sha256:
            link_or_copy(path, shard.path)
            kept.append(replace(known, name=shard.path.name))
            del before[str(known.key)]
        else:
            missing.append(shard)
    if kept:
        folder = shards[0].path.parent
        with explain_os_errors(folder):
            sync(folder)
    left = {dataset / "data" / shard.name: shard.file_sha256 for shard in before.values()}
    films = {path: films for path in left if (films := _films(path))}
    return kept, [
        replace(shard, before={path: left[path] for path in films if _may_share(shard, films[path])})
        for shard in missing
    ]


def _films(path: Path) -> tuple[str, str] | None:
    """The first and the last film of a shard in order of names, as its footer has them."""
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
