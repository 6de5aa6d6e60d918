"""Writes samples as Parquet shards, one row group at a time, with the same bytes every time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from emodal_data.clips.store import read_payload
from emodal_data.core.config import DatasetConfig
from emodal_data.core.schema import FEATURE_COUNT, VIEW_OPTIONS
from emodal_data.core.versions import package_versions
from emodal_data.dataset.reused_samples import ReusableSamples
from emodal_data.dataset.sample import make_sample
from emodal_data.dataset.shards import (
    Shard,
    ShardSettings,
    WrittenShard,
    parts_of,
    plain_columns,
    schema_of,
    shard_key,
    write_groups,
)
from emodal_data.dataset.views import arrow_file, stored_views


def write_shard(shard: Shard, config: DatasetConfig) -> WrittenShard:
    """Augment, compute features and write one shard, a row group at a time; samples of shard.previous are reused.

    Raises InputError or WorkError if the file cannot be written.
    """
    settings = ShardSettings.of(config, package_versions())
    schema = schema_of(settings, shard.clips)
    plain, derived = parts_of(schema)
    reusable = ReusableSamples(shard.previous, derived.names)

    def group(samples: pd.DataFrame) -> pa.Table:
        rows = samples.join(shard.clips, on="clip_id")
        known = plain_columns(rows, plain, settings.classes)
        places = reusable.find(known)
        new = np.flatnonzero(places < 0)
        made = pa.Table.from_pydict(_derived_columns(rows.iloc[new], settings), schema=derived)
        order = np.argsort(np.concatenate([np.flatnonzero(places >= 0), new]))
        values = pa.concat_tables([reusable.take(places[places >= 0], derived), made]).take(order)
        columns = {name: (known if name in plain.names else values)[name] for name in schema.names}
        # Whole columns: where a page of the file ends must not depend on which samples were reused.
        return pa.table(columns, schema=schema).combine_chunks()

    starts = range(0, len(shard.samples), settings.row_group_rows)
    groups = (group(shard.samples.iloc[start : start + settings.row_group_rows]) for start in starts)
    return replace(write_groups(shard.path, schema, groups), key=shard_key(shard, settings))


def _derived_columns(samples: pd.DataFrame, settings: ShardSettings) -> dict[str, Any]:
    """The columns derived from pictures and sounds. samples: joined with their clips."""
    views = [name for name in settings.options if name in VIEW_OPTIONS]
    payload = _payload(samples, ("image", "audio", *stored_views(settings.contents.face)))
    stored = zip(samples["clip_id"], samples["augmentation_index"], payload, strict=True)
    made = [
        make_sample(files["image"], files["audio"], clip_id, int(index), settings.contents, files)
        for clip_id, index, files in stored
    ]
    columns: dict[str, Any] = {
        "image": [arrow_file(one.png) for one in made],
        **{name: [one.views[name] for one in made] for name in views},
        "audio_features": [one.audio_features for one in made],
        "augmentation": [one.augmentation for one in made],
    }
    if settings.contents.audio.egemaps:
        columns["egemaps"] = [one.egemaps for one in made]
    if "audio" in settings.options:
        columns["audio"] = [arrow_file(one.flac) for one in made]
    if "short_term_features" in settings.options:
        columns["short_term_features"] = _sequences([one.short_term for one in made])
    return columns


def _sequences(rows: Sequence[npt.NDArray[np.float32] | None]) -> pa.Array:
    """Rows of (frames, 68), each with its own number of frames, as a column; None is null."""
    some = [row for row in rows if row is not None]
    frames = np.concatenate(some or [np.empty((0, FEATURE_COUNT), np.float32)])
    values = pa.FixedSizeListArray.from_arrays(pa.array(frames.ravel()), frames.shape[1])
    ends = np.cumsum([0, *(0 if row is None else len(row) for row in rows)], dtype=np.int32)
    missing = None if len(some) == len(rows) else pa.array([row is None for row in rows])
    return pa.ListArray.from_arrays(ends, values, mask=missing)


def _payload(samples: pd.DataFrame, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Pictures and sounds in the order of the samples; consecutive samples of one store file are read together."""
    runs = (samples["store_file"] != samples["store_file"].shift()).cumsum()
    for _, run in samples.groupby(runs, sort=True):
        yield from read_payload(run["store_file"].iloc[0], run["store_row"].tolist(), columns)
