"""Publishing: the ledger loses no row, shards are the same bytes every time, other readers understand them."""

import io
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodal_data import read_split
from emodal_data.audio_features import (
    FEATURE_NAMES,
    FRAME_NAMES,
    clip_features,
    short_term_features,
    with_deltas,
)
from emodal_data.clips.gates import apply_gates
from emodal_data.clips.tables import MEASURED, PLANNED
from emodal_data.core.config import DatasetConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.core.reasons import Reason
from emodal_data.core.schema import CLIP_STORE, LEDGER
from emodal_data.dataset.folder import recover_dataset, replace_dataset, staging_folder
from emodal_data.dataset.integrity import is_published
from emodal_data.dataset.ledger import Ledger, write_ledger
from emodal_data.dataset.plan import plan_dataset
from emodal_data.dataset.verify import verify_dataset
from emodal_data.media.encoders import encode_flac
from tests.published import CLEAR, complete, fake_clips, planned, written, written_anew


def test_every_row_is_kept_or_dropped_with_a_reason(tmp_path: Path) -> None:
    ledger = planned(tmp_path).ledger.table().to_pandas()
    assert len(ledger) == 20
    assert ledger["outcome"].tolist().count("dropped") == 2
    dropped = ledger[ledger["outcome"] == "dropped"]
    assert dropped["reason"].tolist() == ["no_face", "no_face"]
    assert dropped["split"].isna().all()
    assert ledger.loc[ledger["outcome"] == "kept", "split"].isin(["train", "test"]).all()
    assert ledger["note"].tolist() == ["kept as it is"] * 20


def test_the_ledger_has_the_columns_of_its_schema_first_whatever_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path)
    ledger = plan.ledger.table()
    assert ledger.schema == plan.ledger.schema
    assert ledger.column_names[: len(LEDGER)] == LEDGER.names
    assert ledger.schema.field("label").type == LEDGER.field("label").type
    monkeypatch.setattr("emodal_data.dataset.ledger.PART_ROWS", 7)
    again = Ledger(ledger.to_pandas(), plan.clips)
    assert [len(part) for part in again.parts()] == [7, 7, 6]
    write_ledger(tmp_path / "ledger.parquet", again)
    with pq.ParquetFile(tmp_path / "ledger.parquet") as file:
        assert file.num_row_groups == 3
        assert file.read().equals(ledger)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["good", "bad row", "no face", "tie", "turned"]), min_size=1, max_size=40))
def test_kept_and_dropped_add_up_to_the_rows_of_every_film(kinds: list[str]) -> None:
    rows = pd.DataFrame(
        {
            "row": range(2, len(kinds) + 2),
            "film": [f"f{i % 3}.mp4" for i in range(len(kinds))],
            "start_s": [float(i) for i in range(len(kinds))],
            "end_s": [i + 1.0 for i in range(len(kinds))],
            "label": "sad",
            "annotator": "",
            "speaker": None,
            "clip_id": [None if kind == "bad row" else f"c{i}" for i, kind in enumerate(kinds)],
            "reason": [Reason.BAD_TIME.value if kind == "bad row" else None for kind in kinds],
            "measured": np.nan,
            "detail": None,
        }
    )
    good = rows[rows["clip_id"].notna()].set_index("clip_id")
    kind_of = {f"c{i}": kind for i, kind in enumerate(kinds)}
    clips = complete(good[["film", "start_s", "end_s", "label", "speaker"]], PLANNED)
    clips["tied"] = np.array([kind_of[clip_id] == "tie" for clip_id in clips.index], dtype=bool)
    measures = complete(
        pd.DataFrame([CLEAR for _ in clips.index], columns=list(CLEAR), index=clips.index), MEASURED
    )
    for clip_id in clips.index:
        if kind_of[clip_id] == "no face":
            measures.loc[clip_id, "reason"] = Reason.NO_FACE.value
        if kind_of[clip_id] == "turned":
            measures.loc[clip_id, "yaw_deg"] = 80.0
    config = DatasetConfig()
    gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
    ledger = Ledger(rows, gated).table().to_pandas()
    wanted = {
        "bad row": "bad_time",
        "no face": "no_face",
        "tie": "label_tie",
        "turned": "face_turned_away",
        "good": None,
    }
    assert [None if pd.isna(reason) else reason for reason in ledger["reason"]] == [
        wanted[kind] for kind in kinds
    ]
    assert (ledger["outcome"] == "kept").tolist() == [kind == "good" for kind in kinds]
    assert ledger["row"].tolist() == rows["row"].tolist()


def test_a_threshold_drops_a_clip_with_the_measured_value_and_gate_score_keeps_it(tmp_path: Path) -> None:
    strict = DatasetConfig.model_validate({"face": {"min_sharpness": 0.3}})
    rows, clips, measures = fake_clips(tmp_path)
    dropped = apply_gates(clips, measures, strict.clips, strict.face, strict.audio)
    assert dropped.loc["c0000", ["reason", "measured"]].tolist() == ["face_blurred", pytest.approx(0.2)]
    with pytest.raises(WorkError, match="no labelled clip is left"):
        plan_dataset(rows, dropped, strict)
    kept = DatasetConfig.model_validate({"face": {"min_sharpness": 0.3, "gate": "score"}})
    assert apply_gates(clips, measures, kept.clips, kept.face, kept.audio)["reason"].isna().sum() == 18


def test_only_the_training_side_is_augmented_and_no_clip_is_on_both(tmp_path: Path) -> None:
    samples = planned(tmp_path).samples.astype({"clip_id": "str"})
    assert set(samples.loc[samples["augmentation_index"] > 0, "split"]) == {"train"}
    assert samples.groupby("clip_id")["split"].nunique().max() == 1
    copies = samples[samples["split"] == "train"].groupby("clip_id")["augmentation_index"].apply(list)
    assert all(numbers == [0, 1, 2] for numbers in copies)


def test_the_target_size_counts_every_sample_of_the_dataset(tmp_path: Path) -> None:
    config = DatasetConfig.model_validate({"augment": {"target_size": 77}})
    assert len(planned(tmp_path, config).samples) == 77


def test_unlabelled_clips_of_test_films_stay_out_of_training(tmp_path: Path) -> None:
    config = DatasetConfig()
    rows, clips, measures = fake_clips(tmp_path, films=10, per_film=5)
    clips.loc[clips.index.str.endswith("04"), "label"] = None
    made = plan_dataset(rows, apply_gates(clips, measures, config.clips, config.face, config.audio), config)
    free = made.clips[made.clips["label"].isna() & (made.clips["reason"] != "no_face")]
    test_films = set(made.clips.loc[made.clips["split"] == "test", "film"])
    assert test_films
    for _, clip in free.iterrows():
        inside = clip["film"] in test_films
        assert clip["reason"] == "unlabelled_in_test_group" if inside else clip["split"] == "unlabelled"


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    config = DatasetConfig()
    one, two = (written_anew(tmp_path / name, "one", config) for name in ("x", "y"))
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert {Path("manifest.json"), Path("README.md"), Path("report/data/sheets.json")} <= set(files)
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes(), file


def test_shard_rows_hold_the_face_and_the_features_of_its_sound(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    table = read_split(dataset, "test")
    assert set(table["augmentation"].to_pylist()) == {"none"}
    first = table.to_pylist()[0]
    face = cv2.imdecode(np.frombuffer(first["image"]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert face.shape == (128, 128)
    film, clip = int(first["clip_id"][1:3]), int(first["clip_id"][3:])
    (reel,) = (tmp_path / "clips").glob(f"f{film}-*/*.parquet")
    stored = pq.read_table(reel).to_pylist()[clip]
    assert first["image"]["bytes"] == stored["image"]
    expected = clip_features(np.frombuffer(stored["audio"], "<i2"))
    np.testing.assert_array_equal(np.float32(first["audio_features"]), expected.astype(np.float32))
    assert first["label"] == LABELS.index(LABELS[clip % 4])
    assert first["sample_id"] == first["clip_id"] + "-0"


def test_augmented_rows_differ_from_the_original_and_say_what_was_done(tmp_path: Path) -> None:
    rows = read_split(written(tmp_path, "dataset"), "train").to_pylist()
    for original, copy in zip(rows[::3], rows[1::3], strict=True):
        assert original["clip_id"] == copy["clip_id"]
        assert original["augmentation"] == "none" != copy["augmentation"]
        assert original["image"]["bytes"] != copy["image"]["bytes"]
        assert original["audio_features"] != copy["audio_features"]


def test_the_schema_names_the_features_and_how_they_were_computed(tmp_path: Path) -> None:
    table = read_split(written(tmp_path, "dataset"), "train")
    about = json.loads(table.schema.metadata[b"emodal"])
    assert about["feature_names"] == list(FEATURE_NAMES)
    assert about["audio"] == {
        "rate_hz": 16000,
        "statistics": "mean_std",
        "step_s": 0.025,
        "version": 2,
        "window_s": 0.05,
    }


def test_the_manifest_counts_what_is_in_the_files(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    manifest = json.loads((dataset / "manifest.json").read_bytes())
    assert [shard["rows"] for shard in manifest["shards"]] == [
        pq.read_metadata(dataset / "data" / shard["name"]).num_rows for shard in manifest["shards"]
    ]
    assert manifest["counts"]["rows"] == 20
    assert manifest["counts"]["kept"] == 18
    assert manifest["leak_proof"]["clips_on_both_sides"] == 0


def test_datasets_loads_images_class_names_and_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    dataset = written(tmp_path, "dataset")
    files = {split: str(dataset / "data" / f"{split}-*.parquet") for split in ("train", "test")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].features["label"].names == list(LABELS)
    assert loaded["train"][0]["image"].size == (128, 128)
    assert loaded["train"][0]["image"].mode == "L"
    assert len(loaded["test"][0]["audio_features"]) == 68


def test_a_published_dataset_is_known_until_it_changes(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    plan = planned(tmp_path / "clips")
    assert is_published(plan.key, dataset)
    other = planned(tmp_path / "clips", DatasetConfig.model_validate({"augment": {"per_clip": 1}}))
    assert not is_published(other.key, dataset)
    shard = next((dataset / "data").glob("train-*"))
    shard.unlink()
    assert not is_published(plan.key, dataset)


def test_a_kill_while_the_dataset_is_replaced_loses_nothing(tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    old, new = tmp_path / ".dataset-old", staging_folder(dataset)
    (new / "a").write_text("new")
    replace_dataset(new, dataset)
    assert (dataset / "a").read_text() == "new"
    dataset.rename(old)  # killed between the two renames
    recover_dataset(dataset)
    assert (dataset / "a").read_text() == "new"
    old.mkdir()  # killed before the old one was removed
    recover_dataset(dataset)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dataset"]


def test_reading_a_split_that_is_not_there_says_so(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    assert len(read_split(dataset, "unlabelled")) == 0
    with pytest.raises(InputError, match="no split 'dev'"):
        read_split(dataset, "dev")
    with pytest.raises(InputError, match="no dataset here"):
        read_split(tmp_path / "absent", "train")


def test_the_card_tells_the_counts(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    card = (dataset / "README.md").read_text()
    assert card.startswith("---\n")
    assert "20 annotation rows, 18 kept, 2 dropped" in card
    assert "| no_face | 2 |" in card


def test_store_columns_are_all_measured_or_explained() -> None:
    unmeasured = set(CLIP_STORE.names) - set(CLEAR)
    explained = {"clip_id", "film", "start_s", "end_s", "reason", "measured", "detail"}
    asked_for = {"shot_cut_s"}
    heavy = {"image", "audio", "face_hash", "preview_frame", "preview_sound"}
    assert unmeasured == explained | asked_for | heavy


def test_a_film_in_two_encodings_does_not_leak(tmp_path: Path) -> None:
    config = DatasetConfig()
    rows, clips, measures = fake_clips(tmp_path)
    first = plan_dataset(rows, apply_gates(clips, measures, config.clips, config.face, config.audio), config)
    test_clip = first.clips.index[first.clips["split"] == "test"][0]
    train_clip = first.clips.index[first.clips["split"] == "train"][0]
    measures.loc[train_clip, "face_hash"] = measures.loc[test_clip, "face_hash"]
    second = plan_dataset(rows, apply_gates(clips, measures, config.clips, config.face, config.audio), config)
    assert second.clips.loc[train_clip, "reason"] == "same_as_test_clip"
    assert train_clip not in set(second.samples["clip_id"])
    assert second.proof["near_duplicate_faces_on_both_sides"] == 0


def test_verify_finds_nothing_wrong_with_what_was_written(tmp_path: Path) -> None:
    assert verify_dataset(written(tmp_path, "dataset")) == []
    with pytest.raises(InputError, match="no dataset here"):
        verify_dataset(tmp_path)


def test_verify_sees_every_kind_of_damage(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    shard = next((dataset / "data").glob("train-*"))
    table, whole = pq.read_table(shard), shard.read_bytes()
    place = table.schema.get_field_index("sharpness")
    sharper = table.set_column(place, table.schema.field(place), pa.array([0.9] * len(table), pa.float32()))
    pq.write_table(sharper, shard, row_group_size=256)
    (problem,) = verify_dataset(dataset)
    assert problem.startswith(f"data/{shard.name}: its content is not what was written: hash ")
    shard.write_bytes(whole[:-100])
    assert "cannot be read" in verify_dataset(dataset)[0]
    shard.unlink()
    assert verify_dataset(dataset) == [f"data/{shard.name}: missing"]
    shard.write_bytes(whole)
    (dataset / "data" / "train-00009-of-00010.parquet").write_bytes(whole)
    assert verify_dataset(dataset) == ["data/train-00009-of-00010.parquet: does not belong to this dataset"]
    (dataset / "data" / "train-00009-of-00010.parquet").unlink()
    ledger = pq.read_table(dataset / "ledger.parquet")
    write_ledger(dataset / "ledger.parquet", ledger.slice(1))
    assert "19 rows" in verify_dataset(dataset)[0]


def test_another_compression_is_still_the_same_content(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    for shard in (dataset / "data").iterdir():
        pq.write_table(
            pq.read_table(shard), shard, compression="gzip", row_group_size=256, use_dictionary=False
        )
    assert verify_dataset(dataset) == []


def test_egemaps_stand_in_a_column_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("opensmile", reason="the optional extra opensmile is not installed")
    dataset = written(tmp_path, "dataset", DatasetConfig.model_validate({"audio": {"egemaps": True}}))
    plain = written(tmp_path / "plain", "dataset")
    table = read_split(dataset, "test")
    names = json.loads(table.schema.metadata[b"emodal"])["egemaps_names"]
    assert len(names) == 88
    assert all(len(row) == 88 for row in table["egemaps"].to_pylist())
    assert table["audio_features"].to_pylist() == read_split(plain, "test")["audio_features"].to_pylist()
    assert "egemaps" not in read_split(plain, "test").column_names
    assert verify_dataset(dataset) == []


def test_the_sound_stands_in_a_column_of_its_own_to_the_last_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DatasetConfig.model_validate({"shards": {"audio": True}})
    dataset, again = written(tmp_path, "dataset", config), written_anew(tmp_path, "again", config)
    for path in sorted((dataset / "data").iterdir()):
        assert path.read_bytes() == (again / "data" / path.name).read_bytes()
    assert verify_dataset(dataset) == []
    plain = read_split(written(tmp_path, "plain"), "train").to_pylist()
    rows = read_split(dataset, "train").to_pylist()
    for row, without in zip(rows, plain, strict=True):
        sound = decoded(row.pop("audio")["bytes"])
        assert sound.dtype == np.int16
        assert row == without
        # The very sound that the features were computed from, changed as the row says.
        np.testing.assert_array_equal(
            np.float32(row["audio_features"]), clip_features(sound).astype(np.float32)
        )
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets

    files = {"train": str(dataset / "data" / "train-*")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))["train"]
    assert loaded.features["audio"] == datasets.Audio(sampling_rate=16_000)
    read = loaded.cast_column("audio", datasets.Audio(decode=False))[0]["audio"]["bytes"]
    film, clip = int(rows[0]["clip_id"][1:3]), int(rows[0]["clip_id"][3:])
    (reel,) = (tmp_path / "clips").glob(f"f{film}-*/*.parquet")
    stored = pq.read_table(reel).to_pylist()[clip]
    np.testing.assert_array_equal(decoded(read), np.frombuffer(stored["audio"], "<i2"))


def test_short_term_frames_stand_in_a_column_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DatasetConfig.model_validate({"shards": {"audio": True}, "audio": {"short_term": True}})
    dataset, again = written(tmp_path, "dataset", config), written_anew(tmp_path, "again", config)
    for path in sorted((dataset / "data").iterdir()):
        assert path.read_bytes() == (again / "data" / path.name).read_bytes()
    assert verify_dataset(dataset) == []
    table = read_split(dataset, "train")
    assert json.loads(table.schema.metadata[b"emodal"])["short_term_names"] == list(FRAME_NAMES)
    off = DatasetConfig.model_validate({"shards": {"audio": True}})
    plain = read_split(written(tmp_path / "plain", "dataset", off), "train")
    assert "short_term_names" not in json.loads(plain.schema.metadata[b"emodal"])
    lengths = set()
    for row, without in zip(table.to_pylist(), plain.to_pylist(), strict=True):
        frames = np.float32(row.pop("short_term_features"))
        assert row == without
        # Of augmented copies too: the frames of the very sound that the row holds.
        expected = with_deltas(short_term_features(decoded(row["audio"]["bytes"])))
        np.testing.assert_array_equal(frames, expected.astype(np.float32))
        lengths.add(len(frames))
    assert len(lengths) > 1
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets

    files = {"train": str(dataset / "data" / "train-*")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))["train"]
    frames = loaded.remove_columns(["audio", "image"]).with_format("numpy")[1]["short_term_features"]
    np.testing.assert_array_equal(np.stack(frames), np.float32(table["short_term_features"][1].as_py()))
    assert loaded.features["short_term_features"].feature.length == 68


def test_a_frame_more_is_another_content(tmp_path: Path) -> None:
    config = DatasetConfig.model_validate({"audio": {"short_term": True}})
    dataset = written(tmp_path, "dataset", config)
    shard = next((dataset / "data").glob("test-*"))
    table = pq.read_table(shard)
    place = table.schema.get_field_index("short_term_features")
    frames = table["short_term_features"].to_pylist()
    # The same numbers, but the first frame of the second sample has become the last of the first.
    frames[0].append(frames[1].pop(0))
    moved = pa.array(frames, table.schema.field(place).type)
    pq.write_table(table.set_column(place, table.schema.field(place), moved), shard)
    assert "its content is not what was written" in verify_dataset(dataset)[0]


def decoded(flac: bytes) -> np.ndarray:
    with av.open(io.BytesIO(flac)) as file:
        assert (file.streams[0].codec_context.name, file.streams[0].rate) == ("flac", 16_000)
        return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])


@pytest.mark.parametrize("count", [1, 800, 4608, 4609, 16_000])
def test_flac_gives_back_every_sample(count: int) -> None:
    sound = np.random.default_rng(count).integers(-32768, 32768, count).astype(np.int16)
    np.testing.assert_array_equal(decoded(encode_flac(sound)), sound)
    assert encode_flac(sound) == encode_flac(sound.copy())
