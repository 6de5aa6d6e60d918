"""TFRecord files of tf.train.Example, written without TensorFlow: one a shard.

The format is that of https://www.tensorflow.org/tutorials/load_data/tfrecord; an Example is a protocol buffer with
three levels of fields, all numbered 1 to 3.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emodal_data.core.errors import InputError
from emodal_data.presentation.formats.records import card, copy_provenance_files, records

_READING = """
## Reading

    import tensorflow as tf
    wanted = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "audio_features": tf.io.FixedLenFeature([68], tf.float32),
        "label": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
    }
    files = tf.data.Dataset.list_files("train-*.tfrecord", shuffle=False)
    samples = tf.data.TFRecordDataset(files).map(lambda record: tf.io.parse_single_example(record, wanted))
    faces = samples.map(lambda sample: tf.io.decode_png(sample["image"]))

Every column of the Parquet files is there under its name; what is missing there is missing here. Numbers with a
fraction are float32, so times of long films are exact to half a millisecond.
"""


def write(dataset: Path, folder: Path, manifest: dict[str, Any]) -> Iterator[int]:
    """Write a TFRecord file for each shard; yields its samples. Raises InputError without google-crc32c."""
    checksum = _crc32c()
    for shard in manifest["shards"]:
        path = dataset / "data" / shard["name"]
        with (folder / f"{path.stem}.tfrecord").open("wb") as file:
            for record in records(path):
                file.write(framed(example(record), checksum))
        yield shard["rows"]
    _, body = card(dataset)
    (folder / "README.md").write_text(body.strip() + "\n" + _READING, encoding="utf-8")
    copy_provenance_files(dataset, folder)


def framed(data: bytes, checksum: Callable[[bytes], int]) -> bytes:
    """A record as it lies in the file: length, its checksum, the data, its checksum; all little-endian."""
    length = struct.pack("<Q", len(data))
    return length + _masked(checksum(length)) + data + _masked(checksum(data))


def example(record: Mapping[str, Any]) -> bytes:
    """A tf.train.Example with a feature for each value that is not None.

    Text and bytes become a bytes_list, whole numbers an int64_list, numbers and lists of numbers a float_list; lists of
    lists are written one after the other.
    """
    features = b""
    for name, value in record.items():
        if value is not None:
            entry = _field(1, name.encode()) + _field(2, _feature(value))
            features += _field(1, entry)
    return _field(1, features)


def _feature(value: object) -> bytes:
    if isinstance(value, str | bytes):
        return _field(1, _field(1, value.encode() if isinstance(value, str) else value))
    if isinstance(value, int):
        return _field(3, _field(1, _varint(value % 2**64)))
    numbers: list[Any] = value if isinstance(value, list) else [value]
    if numbers and isinstance(numbers[0], list):
        numbers = [number for row in numbers for number in row]
    return _field(2, _field(1, struct.pack(f"<{len(numbers)}f", *numbers)))


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _masked(crc: int) -> bytes:
    """The checksum as TFRecord stores it: turned, so that a checksum of checksums is none of zeros."""
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _crc32c() -> Callable[[bytes], int]:
    try:
        import google_crc32c
    except ImportError as exc:
        raise InputError("tfrecord needs the package google-crc32c: pip install 'emodal[tfrecord]'") from exc
    value: Callable[[bytes], int] = google_crc32c.value
    return value
