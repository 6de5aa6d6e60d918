"""TFRecord files of tf.train.Example, one for each shard. TensorFlow is imported only here, when an export runs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emodal_data.core.errors import WorkError
from emodal_data.presentation.formats.records import card, copy_provenance_files, records

_READING = """
## Reading

    import tensorflow as tf
    wanted = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "audio_features": tf.io.FixedLenFeature([68], tf.float32),
        LEARNED,
    }
    files = tf.data.Dataset.list_files("train-*.tfrecord", shuffle=False)
    samples = tf.data.TFRecordDataset(files).map(lambda record: tf.io.parse_single_example(record, wanted))
    faces = samples.map(lambda sample: tf.io.decode_png(sample["image"]))

Each column of the Parquet files is a feature of the same name; a missing value is a missing feature. Fractional numbers
are float32, so the times of long films are exact to half a millisecond.
"""


def write(dataset: Path, folder: Path, manifest: dict[str, Any]) -> Iterator[int]:
    """Write a TFRecord file for each shard; yields the number of its samples. Raises WorkError if it cannot."""
    import tensorflow as tf

    for shard in manifest["shards"]:
        path = dataset / "data" / shard["name"]
        written = folder / f"{path.stem}.tfrecord"
        try:
            with tf.io.TFRecordWriter(str(written)) as file:
                for record in records(path):
                    file.write(example(record))
        except tf.errors.OpError as error:
            raise WorkError(f"{written}: cannot be written: {error.message}") from error
        yield shard["rows"]
    _, body = card(dataset)
    targets = [] if manifest["labels"] else manifest["config"]["labels"]["targets"]
    missing = dict.fromkeys(targets, ("float32", 'float("nan")')) or {"label": ("int64", "-1")}
    lines = [
        f'"{name}": tf.io.FixedLenFeature([], tf.{kind}, default_value={value})'
        for name, (kind, value) in missing.items()
    ]
    reading = _READING.replace("LEARNED", (",\n" + 8 * " ").join(lines))
    (folder / "README.md").write_text(body.strip() + "\n" + reading, encoding="utf-8")
    copy_provenance_files(dataset, folder)


def example(record: Mapping[str, Any]) -> bytes:
    """A serialized tf.train.Example with a feature for each value that is not None, ordered by name.

    Text, bytes and lists of bytes become a bytes_list, integers an int64_list, floats and lists of numbers a
    float_list. A list of lists is flattened, row by row.
    """
    import tensorflow as tf

    features = {name: _feature(value) for name, value in record.items() if value is not None}
    message = tf.train.Example(features=tf.train.Features(feature=features))
    # Without it, the order of the features, and so the bytes, may differ between two exports.
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def _feature(value: object) -> Any:
    from tensorflow.train import BytesList, Feature, FloatList, Int64List

    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        return Feature(bytes_list=BytesList(value=[data]))
    if isinstance(value, int):
        return Feature(int64_list=Int64List(value=[value]))
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return Feature(bytes_list=BytesList(value=value))
    numbers: list[Any] = value if isinstance(value, list) else [value]
    if numbers and isinstance(numbers[0], list):
        numbers = [number for row in numbers for number in row]
    return Feature(float_list=FloatList(value=numbers))
