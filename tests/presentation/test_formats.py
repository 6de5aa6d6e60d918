"""Exports of a dataset, each read back by the library whose format it is."""

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emodal_data.core.config import AudioConfig, DatasetConfig, FaceConfig, ShardsConfig, SplitConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.dataset.read import read_split
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.formats import FORMATS, export_dataset
from emodal_data.presentation.formats.tfrecord import example
from tests.folder_hashes import hashes
from tests.published import written

#: The columns of pictures, and the suffixes of their files.
PICTURES = {"image": "png", "image_rgb": "jpg", "image_gray": "jpg", "image_context": "jpg"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with every column that can be asked for."""
    shards, split = ShardsConfig(soft_labels=True, audio=True), SplitConfig(folds=2)
    face = FaceConfig(views=("rgb", "gray", "context"), frames=3, measures=True)
    config = DatasetConfig(shards=shards, split=split, audio=AudioConfig(short_term=True), face=face)
    return written(tmp_path_factory.mktemp("dataset"), "dataset", config)


@pytest.fixture(scope="module")
def with_validation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with a validation split of a fifth of the clips."""
    split = SplitConfig(group_by="clip", validation_fraction=0.2, allow_imbalance=True)
    return written(tmp_path_factory.mktemp("validation"), "dataset", DatasetConfig(split=split))


def exported(dataset: Path, to: str, out: Path) -> Path:
    export_dataset(dataset, to, out)
    return out


@pytest.fixture(scope="module")
def exports(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The dataset in a format, written when it is first asked for; no test changes it."""
    folder = tmp_path_factory.mktemp("exports")
    return cache(lambda to: exported(dataset, to, folder / to))


def samples(dataset: Path, split: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_split(dataset, split).to_pylist()
    return rows


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_dataset_gives_the_same_bytes(
    dataset: Path, exports: Callable[[str], Path], tmp_path: Path, to: str
) -> None:
    again = hashes(exported(dataset, to, tmp_path / "again"))
    assert hashes(exports(to)) == again
    assert {"README.md", "ledger.parquet", "manifest.json"} < set(again)
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_datasets_loads_the_hugging_face_folder_by_its_name_alone(
    dataset: Path, exports: Callable[[str], Path], tmp_path: Path
) -> None:
    import datasets

    folder = exports("huggingface")
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    loaded = loaded.cast_column("audio", datasets.Audio(decode=False))  # decoding wants torchcodec
    assert {name: len(part) for name, part in loaded.items()} == {"train": 42, "test": 4}
    assert loaded["train"].features["label"].names == list(LABELS)
    for split, part in loaded.items():
        rows = samples(dataset, split)
        assert part["sample_id"] == [row["sample_id"] for row in rows]
        for name in PICTURES:
            assert np.array_equal(np.asarray(part[0][name]), pixels(rows[0][name]["bytes"])), name
            frames = [pixels(file["bytes"]) for file in rows[0][f"{name}_frames"]]
            assert len(frames) == 2
            assert np.array_equal([np.asarray(frame) for frame in part[0][f"{name}_frames"]], frames), name
        assert part["frame_times_s"][:] == [row["frame_times_s"] for row in rows]
        assert part[0]["mouth_opening_frames"] == [0.25, 0.25]
        assert part[0]["audio"]["bytes"] == rows[0]["audio"]["bytes"]
        assert part[-1]["audio_features"] == rows[-1]["audio_features"]
    assert verify_dataset(folder) == []


def test_the_card_for_the_hub_has_front_matter_that_the_hub_reads(exports: Callable[[str], Path]) -> None:
    from huggingface_hub import DatasetCard

    card = DatasetCard((exports("huggingface") / "README.md").read_text())
    assert card.data.license == "other"
    assert card.data.size_categories == ["n<1K"]
    assert [part["split"] for part in card.data.configs[0]["data_files"]] == ["train", "test"]
    assert card.text.lstrip().startswith("# Emotions in films")


def test_webdataset_reads_the_tars_sample_by_sample(dataset: Path, exports: Callable[[str], Path]) -> None:
    import webdataset

    folder = exports("webdataset")
    for split in ("train", "test"):
        tars = str(folder / f"{split}-{{00000..00000}}-of-00001.tar")
        read = list(webdataset.WebDataset(tars, shardshuffle=False).decode("l8"))
        rows = samples(dataset, split)
        assert [sample["__key__"] for sample in read] == [row["sample_id"] for row in rows]
        for sample, row in zip(read, rows, strict=True):
            for name, suffix in PICTURES.items():
                decoded = Image.fromarray(sample[f"{name}.{suffix}"]).convert("L")
                assert np.array_equal(decoded, Image.open(io.BytesIO(row[name]["bytes"])).convert("L"))
                assert f"{name}_frames.1.{suffix}" in sample and f"{name}_frames.2.{suffix}" not in sample
            assert sample["mouth_opening_frames.npy"].tolist() == [0.25, 0.25]
            assert sample["audio_features.npy"].tolist() == row["audio_features"]
            assert sample["label.cls"] == row["label"]
            assert sample["audio.flac"] == row["audio"]["bytes"]
            assert sample["label_votes.npy"].tolist() == row["label_votes"]
            assert sample["short_term_features.npy"].tolist() == row["short_term_features"]
            files = (*PICTURES, "audio", "audio_features", "label_votes", "short_term_features")
            plain = {n: row[n] for n in row if n not in files and not n.endswith("_frames")}
            assert sample["json"] == plain and len(plain["frame_times_s"]) == 2


def test_tensorflow_reads_the_records_by_the_card_s_own_lines(
    dataset: Path, exports: Callable[[str], Path]
) -> None:
    folder = exports("tfrecord")
    recipe = (folder / "README.md").read_text().split("## Reading")[1]
    code = "\n".join(line[4:] for line in recipe.splitlines() if line.startswith("    "))
    names: dict[str, Any] = {}
    exec(code.replace('"train-', f'"{folder}/train-'), names)
    rows = samples(dataset, "train")
    read = list(names["samples"].as_numpy_iterator())
    assert [int(sample["label"]) for sample in read] == [row["label"] for row in rows]
    assert [sample["audio_features"].tolist() for sample in read] == [row["audio_features"] for row in rows]
    frames = names["tf"].io.FixedLenSequenceFeature([68], names["tf"].float32, allow_missing=True)
    record = next(iter(names["tf"].data.TFRecordDataset(names["files"]))).numpy()
    found = names["tf"].io.parse_single_example(record, {"short_term_features": frames})
    assert found["short_term_features"].numpy().tolist() == rows[0]["short_term_features"]
    wanted = {"image_rgb": names["tf"].io.FixedLenFeature([], names["tf"].string)}
    view = names["tf"].io.parse_single_example(record, wanted)["image_rgb"].numpy()
    assert view == rows[0]["image_rgb"]["bytes"]
    several = names["tf"].train.Example.FromString(record).features.feature
    frames = [file["bytes"] for file in rows[0]["image_frames"]]
    assert list(several["image_frames"].bytes_list.value) == frames
    assert list(several["frame_times_s"].float_list.value) == pytest.approx(rows[0]["frame_times_s"])
    faces = list(names["faces"].as_numpy_iterator())
    assert np.array_equal(faces[0][:, :, 0], pixels(rows[0]["image"]["bytes"]))


def test_the_validation_split_has_files_of_its_own_in_every_format(
    with_validation: Path, tmp_path: Path
) -> None:
    import datasets
    import tensorflow as tf
    import webdataset

    expected = {
        split: [row["sample_id"] for row in samples(with_validation, split)]
        for split in ("train", "validation", "test")
    }
    assert {split: len(names) for split, names in expected.items()} == {
        "train": 33,
        "validation": 3,
        "test": 4,
    }
    hub = exported(with_validation, "huggingface", tmp_path / "hub")
    loaded = datasets.load_dataset(str(hub), cache_dir=str(tmp_path / "cache"))
    assert {split: part["sample_id"][:] for split, part in loaded.items()} == expected
    tars = exported(with_validation, "webdataset", tmp_path / "tars")
    records = exported(with_validation, "tfrecord", tmp_path / "records")
    for split, names in expected.items():
        tar = str(tars / f"{split}-00000-of-00001.tar")
        assert [sample["__key__"] for sample in webdataset.WebDataset(tar, shardshuffle=False)] == names
        file = str(records / f"{split}-00000-of-00001.tfrecord")
        read = [tf.train.Example.FromString(record.numpy()) for record in tf.data.TFRecordDataset(file)]
        assert [one.features.feature["sample_id"].bytes_list.value[0].decode() for one in read] == names


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.text()
        | st.binary(max_size=300)
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(width=32, allow_nan=False)
        | st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=40)
        | st.none(),
        max_size=6,
    )
)
def test_an_example_has_the_values_of_its_record(record: dict[str, Any]) -> None:
    import tensorflow as tf

    features = tf.train.Example.FromString(example(record)).features.feature
    assert set(features) == {name for name, value in record.items() if value is not None}
    for name, feature in features.items():
        value = record[name]
        kind = feature.WhichOneof("kind")
        got = list(getattr(feature, kind).value)
        if isinstance(value, str | bytes):
            assert got == [value.encode() if isinstance(value, str) else value]
        elif isinstance(value, int):
            assert (kind, got) == ("int64_list", [value])
        else:
            assert (kind, got) == ("float_list", value if isinstance(value, list) else [value])


def test_nothing_is_written_over_and_nothing_is_left_after_a_failure(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(InputError, match="not empty; choose another --out"):
        export_dataset(dataset, "tfrecord", tmp_path / "mine")
    with pytest.raises(InputError, match="no dataset here"):
        export_dataset(tmp_path, "tfrecord", tmp_path / "new")
    broken = exported(dataset, "huggingface", tmp_path / "broken")
    shard = broken / "data" / json.loads((broken / "manifest.json").read_text())["shards"][0]["name"]
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(WorkError, match="is missing or not what was written: run emodal build again"):
        export_dataset(broken, "webdataset", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "mine"]
