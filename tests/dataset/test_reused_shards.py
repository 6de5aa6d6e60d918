"""A dataset that grows: what stays the same is kept or taken over, and the bytes are those of one made at once."""

import errno
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig
from emodal_data.core.schema import vote_columns
from emodal_data.dataset import shard_writing
from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.plan import DatasetPlan, plan_dataset
from emodal_data.storage.files import write_json
from flows.operations.forget import forget
from tests.published import fake_clips, publish, publish_shards

PER_CLIP = {"shards": {"rows": 16, "row_group_rows": 12}}
TARGET = PER_CLIP | {"augment": {"target_size": 190}}
MORE = {
    "shards": {"rows": 16, "row_group_rows": 12, "audio": True, "soft_labels": True},
    "split": {"folds": 2},
    "audio": {"short_term": True},
}


Clips = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Rows, clips and measures of eight films of six clips."""
    return fake_clips(tmp_path_factory.mktemp("store") / "clips", 8, 6)


def of_films(tables: Clips, names: set[str]) -> Clips:
    rows, clips, measures = (table[table["film"].isin(names)].copy() for table in tables)
    return rows, clips, measures


def planned(tables: Clips, config: DatasetConfig, sides: dict[str, str] | None = None) -> DatasetPlan:
    rows, clips, measures = tables
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    return plan_dataset(rows, clear, config, sides or {})


def plan(
    tables: Clips, films: int, config: DatasetConfig, sides: dict[str, str] | None = None
) -> DatasetPlan:
    """A dataset of so many of the films."""
    return planned(of_films(tables, {f"f{film}.mp4" for film in range(films)}), config, sides)


def sides(made: DatasetPlan) -> dict[str, str]:
    return made.clips["split"].dropna().to_dict()


def put(made: DatasetPlan, folder: Path, config: DatasetConfig, before: Path | None = None) -> Path:
    """The shards of a dataset and its manifest."""
    write_json(folder / "manifest.json", publish_shards(made, folder, config, before=before))
    return folder


def files(dataset: Path) -> dict[str, bytes]:
    found = (path for path in dataset.rglob("*") if path.is_file())
    return {path.relative_to(dataset).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def five(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetPlan, Path]:
    """A dataset of five of the films, which no test changes."""
    config = DatasetConfig.model_validate(PER_CLIP)
    first = plan(clips, 5, config)
    return first, put(first, tmp_path_factory.mktemp("five") / "one", config)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The samples whose contents are made, as they are."""
    samples: list[str] = []
    make = shard_writing.make_sample

    def noted(png: bytes, pcm: bytes, clip_id: str, copy: int, *settings: object) -> object:
        samples.append(f"{clip_id}-{copy}")
        return make(png, pcm, clip_id, copy, *settings)

    monkeypatch.setattr(shard_writing, "make_sample", noted)
    return samples


@pytest.mark.parametrize("settings", [PER_CLIP, TARGET, MORE])
def test_a_dataset_that_grew_has_the_bytes_of_one_made_at_once(
    tmp_path: Path, clips: Clips, made: list[str], settings: dict[str, object]
) -> None:
    config = DatasetConfig.model_validate(settings)
    before, last, seen = None, None, set[str]()
    for films in (6, 8):
        last = plan(clips, films, config, sides(last) if last else {})
        before = put(last, tmp_path / f"of{films}", config, before=before)
        samples = {f"{row.clip_id}-{row.augmentation_index}" for row in last.samples.itertuples()}
        assert set(made) == samples - seen
        assert len(made) == len(set(made))
        seen = samples
        made.clear()
    assert before and last
    assert files(before) == files(put(last, tmp_path / "at-once", config))
    assert len(made) == len(last.samples)
    assert len(read_manifest(before)["shards"]) > 5


def test_a_film_that_is_added_leaves_most_shards_where_they_are_on_disk(tmp_path: Path, clips: Clips) -> None:
    config = DatasetConfig.model_validate(PER_CLIP)
    first = plan(clips, 7, config)
    one = put(first, tmp_path / "one", config)
    two = put(plan(clips, 8, config, sides(first)), tmp_path / "two", config, before=one)
    inodes = [{path.stat().st_ino for path in (dataset / "data").iterdir()} for dataset in (one, two)]
    assert len(inodes[0] - inodes[1]) <= 1
    assert len(inodes[1] - inodes[0]) <= 3


def test_where_there_are_no_links_reused_shards_are_copies_of_the_same_bytes(
    tmp_path: Path, five: tuple[DatasetPlan, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, (first, one) = DatasetConfig.model_validate(PER_CLIP), five

    def no_links(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    two = put(first, tmp_path / "two", config, before=one)
    assert files(two) == files(one)
    inodes = [{path.stat().st_ino for path in (folder / "data").iterdir()} for folder in (one, two)]
    assert not inodes[0] & inodes[1]
    assert not list(two.rglob("*.tmp"))


def test_a_shard_that_was_damaged_is_neither_kept_nor_read(
    tmp_path: Path, five: tuple[DatasetPlan, Path], made: list[str]
) -> None:
    config, first = DatasetConfig.model_validate(PER_CLIP), five[0]
    one = shutil.copytree(five[1], tmp_path / "one")
    expected = files(one)
    train = sorted((one / "data").glob("train-*"))
    for path, place in zip(train, (4, -4, 400), strict=False):  # in a page, in the footer, in a page
        whole = bytearray(path.read_bytes())
        whole[place] ^= 1
        path.write_bytes(whole)
    train[3].unlink()
    made.clear()
    assert files(put(first, tmp_path / "two", config, before=one)) == expected
    damaged = {path.name for path in train[:4]}
    rows = [shard["rows"] for shard in read_manifest(one)["shards"] if shard["name"] in damaged]
    assert len(rows) == 4
    assert len(made) == sum(rows)


@pytest.mark.parametrize(
    ("section", "change", "makes"),
    [
        ("augment", {"seed": 1}, True),
        ("audio", {"window_s": 0.04}, True),
        ("shards", {"row_group_rows": 7}, False),
        ("shards", {"soft_labels": True}, False),
        ("audio", {"min_rms": 2e-4}, False),
    ],
)
def test_another_setting_makes_again_what_it_decides(
    tmp_path: Path,
    clips: Clips,
    five: tuple[DatasetPlan, Path],
    made: list[str],
    section: str,
    change: dict[str, object],
    makes: bool,
) -> None:
    first, one = five
    merged = PER_CLIP | {section: PER_CLIP.get(section, {}) | change}
    other = DatasetConfig.model_validate(merged)
    again = plan(clips, 5, other, sides(first))
    made.clear()
    two = put(again, tmp_path / "two", other, before=one)
    assert len(made) == (len(again.samples) if makes else 0)
    assert files(two) == files(put(again, tmp_path / "fresh", other))


def test_another_label_takes_over_the_contents_and_another_measure_does_not(
    tmp_path: Path, clips: Clips, five: tuple[DatasetPlan, Path], made: list[str]
) -> None:
    config, (first, one) = DatasetConfig.model_validate(PER_CLIP), five
    relabelled, measured = first.clips.index[first.clips["split"] == "train"][[0, 7]]
    rows, labels, measures = of_films(clips, set(first.clips["film"]))
    votes = ["label", *vote_columns(4)]
    labels.loc[relabelled, votes] = ["sad", 0, 0, 0, 1]
    measures.loc[measured, "sharpness"] = 0.3
    again = planned((rows, labels, measures), config, sides(first))
    made.clear()
    two = put(again, tmp_path / "two", config, before=one)
    assert sorted(made) == [f"{measured}-{copy}" for copy in range(3)]
    assert files(two) == files(put(again, tmp_path / "fresh", config))
    label = (
        pq.read_table(two / "data", columns=["clip_id", "label"]).to_pandas().set_index("clip_id")["label"]
    )
    assert set(label.loc[[relabelled]]) == {3}


def test_what_was_forgotten_is_not_taken_over_and_the_rest_is(
    tmp_path: Path, clips: Clips, made: list[str]
) -> None:
    config = DatasetConfig.model_validate(PER_CLIP)
    first = plan(clips, 6, config)
    out = tmp_path / "out"
    publish(first, out / "dataset", config)
    gone = first.clips.loc[first.clips["split"] == "train", "film"].iloc[0]
    forget(out, film=gone)
    assert [shard for shard in read_manifest(out / "dataset")["shards"] if shard["key"]]
    left = planned(of_films(clips, set(first.clips["film"]) - {gone}), config, sides(first))
    made.clear()
    again = put(left, tmp_path / "again", config, before=out / "dataset")
    assert made == []
    assert gone not in set(pq.read_table(again / "data", columns=["film"])["film"].to_pylist())
    assert files(again) == files(put(left, tmp_path / "fresh", config))
