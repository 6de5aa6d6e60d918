"""Reads a dataset folder into arrays: decoded images, audio features, labels and group keys."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_model.core.config import PictureName
from emodal_model.core.errors import ModelInputError
from emodal_model.data.contract import (
    FEATURES,
    FRAME_TIMES,
    FRAMES,
    FRAMES_SUFFIX,
    IMAGE_SIZE,
    IMAGES,
    NO_FRAMES,
    UNLABELLED,
)
from emodal_model.data.disk_images import DiskImages, on_disk
from emodal_model.data.image_frames import frames_in, image_shape, pad_frames, resized
from emodal_model.data.sequences import Sequences

_COLUMNS = ("clip_id", "film", "speaker", "label", "audio_features", "augmentation")


@dataclass(frozen=True)
class Samples:
    """Samples as columns, all of the same length n.

    images: (n, 128, 128) uint8, or (n, frames, 128, 128) with blank images after the last frame, with a last axis of
    three colours for the view rgb; an array or DiskImages on disk. audio_features: (n, 68) float32, or the frames
    after by_frames. has_image, has_audio: (n,) bool; where False, the image or the features are zeros.
    labels: (n,) int64, -1 if unlabelled; without classes 0 for a sample with a known target. clip_ids, films, speakers:
    (n,) str; a missing speaker is "". originals: (n,) bool, False for augmented samples. classes: the names of the
    labels 0, 1, ...; none if the dataset has only targets.
    targets: (n, t) float32, NaN where unknown; target_names: their t columns.
    frames: n rows of (frames, 68), or None if they were not read.
    """

    images: np.ndarray | DiskImages
    audio_features: np.ndarray | Sequences
    labels: np.ndarray
    clip_ids: np.ndarray
    films: np.ndarray
    speakers: np.ndarray
    originals: np.ndarray
    has_image: np.ndarray
    has_audio: np.ndarray
    classes: tuple[str, ...]
    targets: np.ndarray
    target_names: tuple[str, ...]
    frames: Sequences | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> "Samples":
        """The samples of a boolean mask or of indices, in that order."""
        return Samples(**{name: _taken(column, chosen) for name, column in vars(self).items()})

    @property
    def image_frames(self) -> int:
        """The most images of a sample."""
        return frames_in(self.images.shape[1:])

    def having(self, head: str) -> np.ndarray:
        """(n,) bool: the samples with the inputs of a head, "audio", "image" or "both"."""
        if head == "both":
            return np.asarray(self.has_audio & self.has_image)
        return self.has_audio if head == "audio" else self.has_image

    def without_classes(self) -> "Samples":
        """The same samples as of a dataset without classes: a sample with a known target counts as labelled."""
        known = ~np.isnan(self.targets).all(axis=1)
        return replace(self, classes=(), labels=np.where(known, 0, UNLABELLED))

    def by_frames(self) -> "Samples":
        """The same samples for a network that uses frames: the frames replace the 68 features of each clip.

        Raises ModelInputError if no frames were read.
        """
        if self.frames is None:
            raise ModelInputError(NO_FRAMES)
        return replace(self, audio_features=self.frames, frames=None)


def join(parts: list[Samples]) -> Samples:
    """Concatenate several sets of samples."""
    return Samples(**{name: _joined([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def _taken(column: Any, chosen: np.ndarray) -> Any:
    if column is None or isinstance(column, tuple):  # names
        return column
    return column.take(chosen) if isinstance(column, DiskImages | Sequences) else column[chosen]


def _joined(columns: list[Any]) -> Any:
    if isinstance(columns[0], Sequences):
        return Sequences([row for column in columns for row in column])
    if isinstance(columns[0], tuple):  # names
        return columns[0]
    on_disk = [column for column in columns if isinstance(column, DiskImages)]
    if on_disk:
        return DiskImages.join(on_disk)
    return None if columns[0] is None else np.concatenate(columns)


def images_mb(dataset: Path, picture: PictureName = "image") -> float:
    """Size of all decoded images of a dataset, in MB of 2**20 bytes. picture: model.input."""
    rows = sum(_metadata(path).num_rows for path in shards(dataset, "*"))
    return float(rows * np.prod(image_shape(count_image_frames(dataset), picture == "rgb")) / 2**20)


def count_image_frames(dataset: Path) -> int:
    """The most frames that a sample of the dataset has images of; 1 if samples have one image each."""
    most = 1
    for path in shards(dataset, "*"):
        if FRAME_TIMES in _schema(path).names:
            times = _read_table(path, [FRAME_TIMES])[FRAME_TIMES].combine_chunks()
            most = max(most, pa.compute.max(times.value_lengths()).as_py() or 1)
    return most


def has_frames(dataset: Path) -> bool:
    """Whether the samples of a dataset have short-term frames."""
    return has_column(dataset, FRAMES)


def has_column(dataset: Path, name: str) -> bool:
    """Whether the shards of a dataset have a column."""
    return any(name in _schema(path).names for path in shards(dataset, "*")[:1])


def read_samples(
    dataset: Path,
    split: str,
    spill: Path | None = None,
    with_frames: bool = False,
    targets: tuple[str, ...] = (),
    image_frames: int = 1,
    picture: PictureName = "image",
) -> Samples:
    """All samples of a split, "train", "validation", "test" or "unlabelled"; none if the dataset has no such split.

    spill: a folder for the images, which are then DiskImages in an unnamed file; None: in memory. with_frames: read the
    short-term frames too. targets: numeric columns to read (see learned_targets); a column that a shard lacks is
    unknown. image_frames: with more than 1, the images of so many frames at most, where the dataset has the column; a
    clip without any has its image as its one frame. picture: model.input, a key of contract.IMAGES; views are resized.
    A null image or null audio_features is a missing modality.
    Raises ModelInputError if a shard is unreadable, lacks a column, or holds anything but 128x128 gray images (or views
    of their number of colours) and 68 finite features.
    """
    column, shape = IMAGES[picture], image_shape(is_colour=picture == "rgb")
    if picture != "image" and not has_column(dataset, column):
        raise ModelInputError(
            f"{dataset}: has no column {column}, which model.input={picture} needs; build the dataset with "
            f"--set 'face.views=[\"{picture}\"]'"
        )
    wanted = [*_COLUMNS, column, *([FRAMES] if with_frames else [])]
    classes, targets = read_classes(dataset), learned_targets(dataset, targets)
    if not classes:
        wanted.remove("label")
    has_lists = image_frames > 1 and has_column(dataset, column + FRAMES_SUFFIX)
    if has_lists:
        wanted.append(column + FRAMES_SUFFIX)
    tables = [_read_table(path, wanted, targets) for path in shards(dataset, split)]
    rows = sum(table.num_rows for table in tables)
    # Filled in place: 11,606 images need 190 MB, and a list of them with its copy three times that.
    every = (rows, *([image_frames] if has_lists else []), *shape)
    images = on_disk(every, spill) if spill else np.zeros(every, np.uint8)
    has_image = np.zeros(rows, np.bool_)
    for index, (clip_id, files) in enumerate(_image_files(tables, column)):
        if files:
            decoded = np.stack([_decode(file, picture, clip_id, dataset) for file in files])
            images[index] = pad_frames(decoded[None], image_frames)[0] if has_lists else decoded[0]
            has_image[index] = True
    samples = Samples(
        images=DiskImages([images]) if spill else images,
        audio_features=_join([_audio_features(table, dataset) for table in tables], np.float32, (FEATURES,)),
        labels=_join([_labels(table, dataset, len(classes)) for table in tables], np.int64),
        clip_ids=_join([_strings(table["clip_id"]) for table in tables], np.str_),
        films=_join([_strings(table["film"]) for table in tables], np.str_),
        speakers=_join([_strings(table["speaker"]) for table in tables], np.str_),
        originals=_join([_strings(table["augmentation"]) == "none" for table in tables], np.bool_),
        has_image=has_image,
        has_audio=_join([_valid(table["audio_features"]) for table in tables], np.bool_),
        classes=classes,
        targets=_join([_targets(table, targets, dataset) for table in tables], np.float32, (len(targets),)),
        target_names=targets,
        frames=Sequences([row for table in tables for row in _frames(table, dataset)])
        if with_frames
        else None,
    )
    return samples if classes else samples.without_classes()


def read_folds(dataset: Path, split: str) -> np.ndarray:
    """(n,) int64 fold of each sample of read_samples(dataset, split); -1 if it is in no fold."""
    parts = []
    for path in shards(dataset, split):
        with pq.ParquetFile(path) as file:
            if "fold" in file.schema_arrow.names:
                column = file.read(columns=["fold"])["fold"]
                parts.append(np.asarray(column.fill_null(-1).to_numpy(), np.int64))
            else:
                parts.append(np.full(file.metadata.num_rows, -1, np.int64))
    return _join(parts, np.int64)


def read_spans(dataset: Path) -> dict[str, tuple[float, float]]:
    """Start and end of every clip on the clock of its film, in seconds, by clip_id; empty if the shards lack them."""
    found: dict[str, tuple[float, float]] = {}
    wanted = ["clip_id", "start_s", "end_s"]
    for path in shards(dataset, "*"):
        if all(name in _schema(path).names for name in wanted):
            clip_ids, starts_s, ends_s = _read_table(path, wanted).to_pydict().values()
            found |= zip(clip_ids, zip(starts_s, ends_s, strict=True), strict=True)
    return found


def shards(dataset: Path, split: str) -> list[Path]:
    """The Parquet files of a split ("*" for all), in order: those that the manifest names, or all if there is none.

    Raises ModelInputError if this is not a dataset folder.
    """
    data = Path(dataset) / "data"
    if not data.is_dir():
        raise ModelInputError(f"{dataset}: no dataset here (no data folder); run emodal build first")
    named = [str(shard["name"]) for shard in read_manifest(dataset).get("shards", [])]
    if not named:
        return sorted(data.glob(f"{split}-*-of-*.parquet"))
    if strays := [name for name in named if Path(name).name != name]:
        raise ModelInputError(f"{dataset}/manifest.json: names {strays[0]!r}, which is no shard")
    return sorted(data / name for name in named if split in ("*", name.split("-", 1)[0]))


def read_manifest(dataset: Path) -> dict[str, Any]:
    """manifest.json of the dataset; empty if there is none. Raises ModelInputError if it is not JSON."""
    path = Path(dataset) / "manifest.json"
    if not path.is_file():
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ModelInputError(f"{path}: not JSON ({exc}); build the dataset again") from exc
    return manifest if isinstance(manifest, dict) else {}


def read_classes(dataset: Path) -> tuple[str, ...]:
    """The names of the classes, in the order of their codes in the column `label`; none if there is no such column.

    From the manifest, else from the ClassLabel feature of the shards. Raises ModelInputError if neither names them, or
    if they differ.
    """
    listed = read_manifest(dataset).get("labels")
    in_manifest = tuple(str(name) for name in listed or [])
    in_shards = next((names for path in shards(dataset, "*")[:1] if (names := _class_names(path))), ())
    if in_manifest and in_shards and in_manifest != in_shards:
        raise ModelInputError(
            f"{dataset}: manifest.json has the classes {', '.join(in_manifest)}, the shards {', '.join(in_shards)}; "
            "build the dataset again"
        )
    if not (in_manifest or in_shards) and (listed is None or has_column(dataset, "label")):
        raise ModelInputError(
            f"{dataset}: names no classes (labels in manifest.json); build the dataset again"
        )
    return in_manifest or in_shards


def learned_targets(dataset: Path, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The targets that a network learns: those asked for (model.targets), or all of a dataset without classes.

    Raises ModelInputError if there are neither classes nor targets.
    """
    if asked or read_classes(dataset):
        return asked
    settings = read_manifest(dataset).get("config", {}).get("labels", {})
    targets = tuple(str(name) for name in settings.get("targets", []))
    if not targets:
        raise ModelInputError(
            f"{dataset}: has no classes; name the numeric columns to learn in model.targets"
        )
    return targets


def _class_names(path: Path) -> tuple[str, ...]:
    """The names of the ClassLabel feature in the metadata of a shard; none if it has no such metadata."""
    metadata = _schema(path).metadata or {}
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features["label"]["names"])
    except (KeyError, ValueError, TypeError):
        return ()


def dataset_hash(dataset: Path) -> str:
    """Hash of the dataset's content: from the manifest, else SHA-256 over names and bytes of the shards."""
    known = read_manifest(dataset).get("dataset_hash")
    if known:
        return str(known)
    digest = hashlib.sha256()
    for path in shards(dataset, "*"):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def batches(rows: int, size: int, seed: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Indices of 0..rows-1 in batches, in an order that depends only on the seed; the last batch may be smaller.

    A single sample has no covariance: a last batch of one sample is joined with the batch before it.
    """
    order = np.random.default_rng(seed).permutation(rows)
    starts = list(range(0, rows, size))
    if len(starts) > 1 and rows - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], rows], strict=True):
        yield order[start:end]


def _metadata(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as exc:
        raise ModelInputError(
            f"{path}: cannot be read as Parquet ({_line(exc)}); build the dataset again"
        ) from exc


def _schema(path: Path) -> pa.Schema:
    return _metadata(path).schema.to_arrow_schema()


def _read_table(path: Path, wanted: list[str], optional: tuple[str, ...] = ()) -> pa.Table:
    try:
        # Opened as one file: pyarrow would read the other splits of the folder as partitions.
        file = pq.ParquetFile(path)
        missing = [name for name in wanted if name not in file.schema_arrow.names]
        if missing:
            raise ModelInputError(f"{path}: lacks the columns {', '.join(missing)}; build the dataset again")
        wanted = [*wanted, *(name for name in optional if name in file.schema_arrow.names)]
        return file.read(wanted).select(wanted)
    except (pa.ArrowException, OSError) as exc:
        raise ModelInputError(
            f"{path}: cannot be read as Parquet ({_line(exc)}); build the dataset again"
        ) from exc


def _image_files(tables: list[pa.Table], column: str) -> Iterator[tuple[str, list[bytes]]]:
    """The clip of each sample and the files of its frames; without frames of its image; without an image none."""
    for table in tables:
        lists = column + FRAMES_SUFFIX
        several = table[lists if lists in table.column_names else column]
        for clip_id, image, frames in zip(table["clip_id"], table[column], several, strict=True):
            one, many = image.as_py(), frames.as_py()
            files = (
                many if isinstance(many, list) and many else [one] if one and one["bytes"] is not None else []
            )
            yield str(clip_id.as_py()), [file["bytes"] for file in files]


def _decode(file: bytes, picture: PictureName, clip_id: str, dataset: Path) -> np.ndarray:
    """The image of a PNG or JPEG file; see read_samples for picture."""
    image = (
        cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED) if file else None
    )  # empty bytes are damage
    if picture != "image" and image is not None and image.dtype == np.uint8:
        image = resized(image)
    if image is None or image.shape != image_shape(is_colour=picture == "rgb") or image.dtype != np.uint8:
        wanted = f"{IMAGE_SIZE}x{IMAGE_SIZE} 8-bit gray" if picture == "image" else f"8-bit {picture}"
        raise ModelInputError(
            f"{dataset}: clip {clip_id}: the image is not {wanted}; build the dataset again"
        )
    return np.asarray(image[:, :, ::-1] if picture == "rgb" else image)


def _audio_features(table: pa.Table, dataset: Path) -> np.ndarray:
    column = table["audio_features"].combine_chunks()
    values = np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32)
    if values.size != (table.num_rows - column.null_count) * FEATURES:
        raise ModelInputError(
            f"{dataset}: audio_features must have {FEATURES} numbers in each sample; build the dataset again"
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0]) // FEATURES
        clip_id = table["clip_id"].filter(column.is_valid())[row]
        raise ModelInputError(f"{dataset}: clip {clip_id}: audio_features are not finite")
    features = np.zeros((table.num_rows, FEATURES), np.float32)
    features[_valid(column)] = values.reshape(-1, FEATURES)
    return features


def _frames(table: pa.Table, dataset: Path) -> list[np.ndarray]:
    """The frames of each sample, (frames, 68) float32, without a copy; one frame of zeros where there is no sound."""
    has_audio = _valid(table["audio_features"])
    column = table.filter(has_audio)[FRAMES].combine_chunks()
    counts = column.value_lengths().fill_null(0).to_numpy()
    values = column.flatten().flatten().to_numpy(zero_copy_only=False)
    if (counts == 0).any() or values.size != counts.sum() * FEATURES or not np.isfinite(values).all():
        raise ModelInputError(
            f"{dataset}: {FRAMES} must have {FEATURES} finite numbers in each frame; build the dataset again"
        )
    rows = iter(np.split(np.asarray(values, np.float32).reshape(-1, FEATURES), np.cumsum(counts)[:-1]))
    silence = np.zeros((1, FEATURES), np.float32)
    return [next(rows) if has else silence for has in has_audio]


def _valid(column: Any) -> np.ndarray:
    return np.asarray(column.is_valid(), np.bool_)


def _labels(table: pa.Table, dataset: Path, classes: int) -> np.ndarray:
    if not classes:
        return np.full(len(table), UNLABELLED)
    labels = np.asarray(table["label"].fill_null(UNLABELLED).to_numpy(), np.int64)
    if not np.isin(labels, range(UNLABELLED, classes)).all():
        raise ModelInputError(
            f"{dataset}: labels must be 0 to {classes - 1} or null; build the dataset again"
        )
    return labels


def _targets(table: pa.Table, names: tuple[str, ...], dataset: Path) -> np.ndarray:
    columns = [np.empty((len(table), 0), np.float32)]
    for name in names:
        known = name in table.column_names
        kind = table.schema.field(name).type if known else pa.float32()
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise ModelInputError(f"{dataset}: the column {name} has no numbers ({kind}); see model.targets")
        values = table[name].cast(pa.float64()).to_numpy() if known else np.full(len(table), np.nan)
        columns.append(np.asarray(values, np.float32)[:, None])
    return np.concatenate(columns, axis=1)


def _strings(column: Any) -> np.ndarray:
    return np.asarray([value or "" for value in column.to_pylist()], np.str_)


def _join(parts: list[np.ndarray], dtype: type[np.generic], shape: tuple[int, ...] = ()) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty((0, *shape), dtype)


def _line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200]
