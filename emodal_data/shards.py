"""Samples as Parquet shards: a row group at a time, and the same bytes every time."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.audio_features import FEATURES_VERSION, FRAME_NAMES, feature_names
from emodal_data.clip_store import read_heavy
from emodal_data.config import DatasetConfig
from emodal_data.egemaps import egemaps_names
from emodal_data.errors import InputError
from emodal_data.files import atomic_path, write_bytes
from emodal_data.remote_dataset import open_dataset
from emodal_data.sample_contents import ContentSettings, make_contents
from emodal_data.schema import LABELS, QUALITY, RATE_HZ, SHARD_OPTIONS, SPLITS, VOTES_OF, shard_schema


@dataclass(frozen=True)
class Shard:
    """A shard to be written: its file and its samples.

    samples: clip_id and copy (0: the original), one line a sample, in order. clips: film, speaker, start_s, end_s,
    frame_s, label (class name or null), label_confidence, votes_angry to votes_sad, the quality columns, store_file
    and store_row, indexed by clip_id; fold where there are folds.
    """

    path: Path
    samples: pd.DataFrame
    clips: pd.DataFrame


@dataclass(frozen=True)
class ShardSettings:
    """What writing a shard needs to know. options: names of schema.SHARD_OPTIONS."""

    contents: ContentSettings
    row_group_rows: int
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: DatasetConfig) -> "ShardSettings":
        """What a build's configuration asks for."""
        asked = {
            "label_votes": config.shards.soft_labels,
            "fold": config.split.folds is not None,
            "audio": config.shards.audio,
            "short_term_features": config.audio.short_term,
        }
        options = tuple(name for name, wanted in asked.items() if wanted)
        contents = ContentSettings(config.audio, config.augment.seed, config.shards.audio)
        return cls(contents, config.shards.row_group_rows, options)


@dataclass(frozen=True)
class WrittenShard:
    """A shard on disk. content_sha256 depends on the values alone, not on how Parquet stores them."""

    name: str
    rows: int
    size_bytes: int
    content_sha256: str


def write_shard(shard: Shard, settings: ShardSettings) -> WrittenShard:
    """Augment, compute features and write one shard, a row group at a time.

    Raises InputError or WorkError if the file cannot be written.
    """
    audio = settings.contents.audio
    names = feature_names(audio.statistics)
    described = audio.model_dump(include={"window_s", "step_s", "statistics"}) | {
        "rate_hz": RATE_HZ,
        "version": FEATURES_VERSION,
    }
    egemaps = egemaps_names() if audio.egemaps else ()
    schema = shard_schema(
        names, described, egemaps, settings.options, FRAME_NAMES if audio.short_term else ()
    )
    starts = range(0, len(shard.samples), settings.row_group_rows)
    parts = (shard.samples.iloc[start : start + settings.row_group_rows] for start in starts)
    rows = (part.join(shard.clips, on="clip_id") for part in parts)
    groups = (pa.Table.from_pydict(_columns(part, settings), schema=schema) for part in rows)
    return _write(shard.path, schema, groups)


def copy_shards(
    dataset: Path, folder: Path, shards: Sequence[WrittenShard], gone: Set[str]
) -> list[WrittenShard]:
    """Write the shards of a dataset into another folder without the clips `gone`.

    A shard that holds none of them keeps its bytes, and its name unless their number changes.
    """
    remaining: dict[str, list[tuple[WrittenShard, int]]] = {split: [] for split in SPLITS}
    for shard in shards:
        clip_ids = pq.read_table(dataset / "data" / shard.name, columns=["clip_id"])["clip_id"].to_pylist()
        rows = sum(clip_id not in gone for clip_id in clip_ids)
        if rows:
            remaining[shard.name.split("-")[0]].append((shard, rows))
    copied = []
    for split, of_split in remaining.items():
        for index, (shard, rows) in enumerate(of_split):
            old = dataset / "data" / shard.name
            new = folder / "data" / shard_name(split, index, len(of_split))
            if rows == shard.rows:
                write_bytes(new, old.read_bytes())
                copied.append(replace(shard, name=new.name))
            else:
                with pq.ParquetFile(old) as file:
                    copied.append(_write(new, file.schema_arrow, _groups_without(file, gone)))
    return copied


def shard_name(split: str, index: int, count: int) -> str:
    """The file name of a shard, as Hugging Face names them."""
    return f"{split}-{index:05d}-of-{count:05d}.parquet"


def read_samples(dataset: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of every sample, in the order of the shards, as they were before they were written.

    Returns clip_id, copy (0: the original), split, label (class name or null), the columns asked for (of the optional
    ones those that are there), and the place of the sample: shard and shard_row.
    """
    names = list(dict.fromkeys(["sample_id", "clip_id", "label", *columns]))
    frames = []
    for split in SPLITS:
        for path in sorted((dataset / "data").glob(f"{split}-*.parquet")):
            has = pq.read_schema(path).names
            names = [name for name in names if name in has or name not in SHARD_OPTIONS]
            frame = pq.read_table(path, columns=names).to_pandas()
            frames.append(frame.assign(split=split, shard=path, shard_row=range(len(frame))))
    samples: pd.DataFrame = pd.concat(frames, ignore_index=True)
    copies = samples["sample_id"].str.rsplit("-", n=1).str[1].astype(int)
    labels = samples["label"].map(dict(enumerate(LABELS))).astype(object)
    return samples.assign(copy=copies, label=labels.where(labels.notna(), None))


def read_split(dataset: Path | str, split: str) -> pa.Table:
    """All samples of one side of a dataset folder, or of a dataset's URL: "train", "test" or "unlabelled".

    An absent unlabelled side is an empty table. Raises InputError if the folder holds no dataset or the split
    has another name.
    """
    if split not in SPLITS:
        raise InputError(f"no split {split!r}: choose one of {', '.join(SPLITS)}")
    folder = open_dataset(dataset) / "data"
    files = sorted(folder.glob(f"{split}-*.parquet"))
    any_file = next(iter(sorted(folder.glob("*.parquet"))), None)
    if any_file is None:
        raise InputError(f"{dataset}: no dataset here; give the folder that holds data/ and manifest.json")
    if not files:
        return pq.read_schema(any_file).empty_table()
    return pa.concat_tables([pq.read_table(path) for path in files])


def content_sha256(file: pq.ParquetFile) -> str:
    """The content hash of a shard on disk: as write_shard returned it, if nothing has changed."""
    digest = hashlib.sha256()
    for group in range(file.num_row_groups):
        _update_digest(digest, file.read_row_group(group))
    return digest.hexdigest()


def _write(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> WrittenShard:
    """Write row groups as a shard, atomically."""
    digest, rows = hashlib.sha256(), 0
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=["film", "speaker"]) as writer,
    ):
        for table in groups:
            _update_digest(digest, table)
            writer.write_table(table)
            rows += len(table)
    return WrittenShard(path.name, rows, path.stat().st_size, digest.hexdigest())


def _groups_without(file: pq.ParquetFile, gone: Set[str]) -> Iterator[pa.Table]:
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        left = table.filter(pa.array([clip_id not in gone for clip_id in table["clip_id"].to_pylist()]))
        if len(left):
            yield left


def _columns(samples: pd.DataFrame, settings: ShardSettings) -> dict[str, Any]:
    stored = zip(samples["clip_id"], samples["copy"], _heavy(samples), strict=True)
    made = [
        make_contents(png, pcm, clip_id, int(copy), settings.contents) for clip_id, copy, (png, pcm) in stored
    ]
    labels = pd.Series(pd.Categorical(samples["label"], categories=list(LABELS)).codes).astype("Int64")
    plain = ["clip_id", "film", "speaker", "start_s", "end_s", "frame_s", "label_confidence"]
    plain += [field.name for field in QUALITY]
    extra: dict[str, Any] = {}
    if settings.contents.audio.egemaps:
        extra["egemaps"] = [contents.egemaps for contents in made]
    if "fold" in settings.options:
        extra["fold"] = pa.array(samples["fold"], from_pandas=True)
    if "label_votes" in settings.options:
        extra["label_votes"] = list(vote_shares(samples[list(VOTES_OF)].to_numpy()))
    if "audio" in settings.options:
        extra["audio"] = [{"bytes": contents.flac, "path": None} for contents in made]
    if "short_term_features" in settings.options:
        extra["short_term_features"] = _sequences([c.short_term for c in made if c.short_term is not None])
    return {
        "sample_id": [
            f"{clip}-{copy}" for clip, copy in zip(samples["clip_id"], samples["copy"], strict=True)
        ],
        **{name: pa.array(samples[name], from_pandas=True) for name in plain},
        "label": pa.array(labels.where(labels >= 0), from_pandas=True),
        "image": [{"bytes": contents.png, "path": None} for contents in made],
        "audio_features": [contents.audio_features for contents in made],
        "augmentation": [contents.augmentation for contents in made],
        **extra,
    }


def vote_shares(votes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Shares of the votes, (n, classes) float32: rows add up to 1, or are zeros where nobody voted.

    Zeros rather than nulls: a loss weighted with them leaves unlabelled clips out by itself.
    """
    shares: npt.NDArray[np.float32] = (votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)).astype(
        np.float32
    )
    return shares


def _sequences(rows: Sequence[npt.NDArray[np.float32]]) -> pa.Array:
    """Rows of (frames, 68), each with its own number of frames, as a column."""
    frames = np.concatenate(rows)
    values = pa.FixedSizeListArray.from_arrays(pa.array(frames.ravel()), frames.shape[1])
    return pa.ListArray.from_arrays(np.cumsum([0, *map(len, rows)], dtype=np.int32), values)


def _heavy(samples: pd.DataFrame) -> Iterator[tuple[bytes, bytes]]:
    """Pictures and sounds in the order of the samples; each run of one store file is read at once."""
    runs = (samples["store_file"] != samples["store_file"].shift()).cumsum()
    for _, run in samples.groupby(runs, sort=True):
        yield from read_heavy(run["store_file"].iloc[0], run["store_row"].tolist())


def _update_digest(digest: "hashlib._Hash", table: pa.Table) -> None:
    """Add the values of a row group, column by column, in a form that no Arrow or Parquet version changes."""
    for field in table.schema:
        column = table[field.name].combine_chunks()
        digest.update(field.name.encode())
        digest.update(column.is_null().to_numpy(zero_copy_only=False).tobytes())
        if pa.types.is_struct(field.type):
            column = column.field("bytes")
        if pa.types.is_list(field.type):
            digest.update(column.value_lengths().fill_null(0).to_numpy().tobytes())
            column = column.flatten()
        if pa.types.is_fixed_size_list(column.type):
            column = column.flatten()
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            for value in column.cast(pa.binary()).to_pylist():
                digest.update(len(value or b"").to_bytes(8, "little") + (value or b""))
        else:
            digest.update(column.fill_null(0).to_numpy(zero_copy_only=False).tobytes())
