"""The Parquet shards of a dataset: what decides their bytes, their columns without pictures and sounds, their hash."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.audio_features import FEATURES_VERSION, FRAME_NAMES, feature_names
from emodal_data.audio_features.egemaps import egemaps_names
from emodal_data.clips.plan import ingest_key
from emodal_data.core.config import AudioConfig, DatasetConfig, FaceConfig
from emodal_data.core.errors import WorkError
from emodal_data.core.label_words import DEFAULT_CLASSES
from emodal_data.core.schema import (
    DERIVED_COLUMNS,
    EXPRESSION_NAMES,
    SCHEMA_VERSION,
    SPEAKING,
    SPLITS,
    VOICE_LEVEL,
    shard_schema,
    vote_columns,
)
from emodal_data.core.sizes import RATE_HZ
from emodal_data.dataset.carried import PREFIX, carried_fields
from emodal_data.dataset.views import view_options
from emodal_data.storage.files import atomic_path, explain_os_errors, file_sha256, link_or_copy, sync

#: Settings of the section audio that do not change the features of a sample.
_NOT_DECISIVE: Final = {
    *(
        "min_s",
        "min_rms",
        "max_clipped_fraction",
        "measures",
        "min_speech_share",
        "min_snr_db",
        "max_music_share",
    ),
}


@dataclass(frozen=True)
class Shard:
    """A shard to be written: its file and its samples.

    samples: clip_id and augmentation_index of tables.SAMPLES, in order. clips: those of tables.SPLIT that the samples
        need.
    previous: files of the existing dataset that may hold some of the samples, and their SHA-256.
    """

    path: Path
    samples: pd.DataFrame
    clips: pd.DataFrame
    previous: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleSettings:
    """The settings that decide the derived columns of samples. with_sound: keep the sound itself, too.

    face: its views and frames; the gates choose among the frames.
    """

    audio: AudioConfig
    augment_seed: int
    with_sound: bool
    face: FaceConfig = field(default_factory=FaceConfig)


@dataclass(frozen=True)
class ShardSettings:
    """The settings that a shard is written with.

    options: names of schema.SHARD_OPTIONS. classes: in the order of their codes. targets: carried columns that are
    float32. derivation_key: the hash of all that decides the derived columns of a sample
    except its clip and its number; the same key gives the same bytes.
    """

    contents: SampleSettings
    row_group_rows: int
    options: tuple[str, ...]
    derivation_key: str
    classes: tuple[str, ...] = DEFAULT_CLASSES
    targets: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: DatasetConfig, versions: Mapping[str, Any]) -> "ShardSettings":
        """What a build's configuration asks for. versions: from package_versions."""
        asked = {
            "label_votes": config.shards.soft_labels,
            "fold": config.split.folds is not None or config.split.fold_column is not None,
            "audio": config.shards.audio,
            "short_term_features": config.audio.short_term,
            **dict.fromkeys(EXPRESSION_NAMES, config.face.measures),
            **{field.name: config.face.tracks_faces for field in SPEAKING},
            **{field.name: config.audio.measures for field in VOICE_LEVEL},
            **dict.fromkeys(view_options(config.face), True),
        }
        options = tuple(name for name, wanted in asked.items() if wanted)
        contents = SampleSettings(config.audio, config.augment.seed, config.shards.audio, config.face)
        decisive = {
            "audio": config.audio.model_dump(mode="json", exclude=_NOT_DECISIVE),
            "augment_seed": contents.augment_seed,
            "with_sound": contents.with_sound,
            "ingest": ingest_key(config.clips, config.face, config.audio),
            "features": FEATURES_VERSION,
            "schema": SCHEMA_VERSION,
            "versions": dict(versions),
        }
        if config.face.frames > 1:  # the gates choose among the frames of a clip
            decisive["face"] = config.face.model_dump(mode="json")
        key = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
        labels = config.labels
        return cls(contents, config.shards.row_group_rows, options, key, labels.classes, labels.targets)


@dataclass(frozen=True)
class WrittenShard:
    """A shard on disk.

    content_sha256 depends on the values alone, not on how Parquet stores them; file_sha256 is that of its bytes.
    key: see shard_key; None if only the values are known.
    """

    name: str
    rows: int
    size_bytes: int
    content_sha256: str
    file_sha256: str = ""
    key: str | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "WrittenShard":
        """The shard of an entry in a manifest of any version."""
        return cls(**{known.name: entry[known.name] for known in fields(cls) if known.name in entry})


def shard_key(shard: Shard, settings: ShardSettings) -> str:
    """The hash of all that decides the bytes of a shard.

    Clip, reading settings and measures stand for pictures and sounds.
    """
    rows = shard.samples.join(shard.clips, on="clip_id")
    decisive: list[Any] = [settings.derivation_key, settings.row_group_rows, settings.options]
    schema = schema_of(settings, shard.clips)
    carried = carried_fields(shard.clips, settings.targets)
    if settings.classes != DEFAULT_CLASSES or carried:  # what is not in the values: names and types
        decisive += [settings.classes, [str(field) for field in carried]]
    digest = hashlib.sha256(json.dumps(decisive).encode())
    _update_digest(digest, plain_columns(rows, parts_of(schema)[0], settings.classes))
    measured = {"face_hash": pa.array(rows["face_hash"], pa.binary()), "rms": pa.array(rows["audio_rms"])}
    _update_digest(digest, pa.table(measured))
    return digest.hexdigest()


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
                link_or_copy(old, new)
                copied.append(replace(shard, name=new.name))
            else:
                with pq.ParquetFile(old) as file:
                    copied.append(write_groups(new, file.schema_arrow, _groups_without(file, gone)))
    if copied:
        with explain_os_errors(folder):
            sync(folder / "data")
    return copied


def shard_name(split: str, index: int, count: int) -> str:
    """The file name of a shard, as Hugging Face names them."""
    return f"{split}-{index:05d}-of-{count:05d}.parquet"


def content_sha256(file: pq.ParquetFile) -> str:
    """The content hash of a shard on disk: as write_shard returned it, if nothing has changed."""
    digest = hashlib.sha256()
    for group in range(file.num_row_groups):
        _update_digest(digest, file.read_row_group(group))
    return digest.hexdigest()


def write_groups(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> WrittenShard:
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
    whole = file_sha256(path)
    if whole is None:
        raise WorkError(f"{path}: cannot be read again after writing it")
    return WrittenShard(path.name, rows, path.stat().st_size, digest.hexdigest(), whole)


def _groups_without(file: pq.ParquetFile, gone: Set[str]) -> Iterator[pa.Table]:
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        left = table.filter(pa.array([clip_id not in gone for clip_id in table["clip_id"].to_pylist()]))
        if len(left):
            yield left


def schema_of(settings: ShardSettings, clips: pd.DataFrame) -> pa.Schema:
    """The columns of a shard with these settings. clips: of the shard."""
    audio = settings.contents.audio
    described = audio.model_dump(include={"window_s", "step_s", "statistics"}) | {
        "rate_hz": RATE_HZ,
        "version": FEATURES_VERSION,
    }
    egemaps = egemaps_names() if audio.egemaps else ()
    frames = FRAME_NAMES if audio.short_term else ()
    names, carried = feature_names(audio.statistics), carried_fields(clips, settings.targets)
    return shard_schema(names, described, egemaps, settings.options, frames, settings.classes, carried)


def parts_of(schema: pa.Schema) -> tuple[pa.Schema, pa.Schema]:
    """The plain columns, which are known before a sample is made, and the derived columns."""
    derived = [name for name in schema.names if name in DERIVED_COLUMNS]
    plain = [name for name in schema.names if name not in DERIVED_COLUMNS]
    return pa.schema(map(schema.field, plain)), pa.schema(map(schema.field, derived))


def plain_columns(samples: pd.DataFrame, schema: pa.Schema, classes: Sequence[str]) -> pa.Table:
    """The plain columns of samples. samples: joined with their clips."""
    numbers = zip(samples["clip_id"], samples["augmentation_index"], strict=True)
    made: dict[str, Any] = {
        "sample_id": [f"{clip}-{number}" for clip, number in numbers],
    }
    if "label" in schema.names:
        codes = pd.Series(pd.Categorical(samples["label"], categories=list(classes)).codes).astype("Int64")
        made["label"] = pa.array(codes.where(codes >= 0), from_pandas=True)
    if "label_votes" in schema.names:
        made["label_votes"] = list(
            vote_shares(samples[vote_columns(len(classes))].to_numpy(), samples["votes"].to_numpy())
        )
    plain = {
        name: pa.array(samples[PREFIX + name if PREFIX + name in samples else name], from_pandas=True)
        for name in schema.names
        if name not in made
    }
    return pa.Table.from_pydict(plain | made, schema=schema)


def vote_shares(votes: npt.NDArray[np.int64], total: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Shares of the votes for each class, (n, classes) float32.

    votes: (n, classes). total: (n,) all votes; with some for none of the classes, the shares add up to less.
    Zeros rather than nulls: a loss that is weighted with them ignores unlabelled clips.
    """
    shares: npt.NDArray[np.float32] = (votes / np.maximum(total, 1)[:, None]).astype(np.float32)
    return shares


def _update_digest(digest: "hashlib._Hash", table: pa.Table) -> None:
    """Add the values of a row group, column by column, in a form that no Arrow or Parquet version changes."""
    for name in table.column_names:
        column = table[name].combine_chunks()
        digest.update(name.encode())
        digest.update(column.is_null().to_numpy(zero_copy_only=False).tobytes())
        if pa.types.is_list(column.type):
            digest.update(column.value_lengths().fill_null(0).to_numpy().tobytes())
            column = column.flatten()
        if pa.types.is_struct(column.type):
            column = column.field("bytes")
        if pa.types.is_fixed_size_list(column.type):
            column = column.flatten()
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            for value in column.cast(pa.binary()).to_pylist():
                digest.update(len(value or b"").to_bytes(8, "little") + (value or b""))
        else:
            if pa.types.is_boolean(column.type):
                column = column.cast(pa.uint8())
            digest.update(column.fill_null(0).to_numpy(zero_copy_only=False).tobytes())
