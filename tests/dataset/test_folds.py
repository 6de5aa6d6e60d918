"""Folds of the training split: groups whole, classes even, old clips stay, and the proof covers them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodal_data import read_split
from emodal_data.annotations import read_annotations
from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig, SplitConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.dataset.folder import previous_folds, previous_split
from emodal_data.dataset.plan import plan_dataset
from emodal_data.dataset.split.folds import fold_clips, tally_folds
from emodal_data.dataset.split.leakage_check import check_leaks
from emodal_data.dataset.verify import verify_dataset
from flows.operations.forget import forget
from tests.published import fake_clips, publish, written


def clips(groups: list[str], labels: list[str | None]) -> pd.DataFrame:
    """A clip for each group and label, all with faces that have nothing in common."""
    index = pd.Index([f"clip{n}" for n in range(len(groups))], name="clip_id")
    draw = np.random.default_rng(0)
    hashes = [draw.bytes(32) for _ in groups]
    return pd.DataFrame({"group": groups, "label": labels, "face_hash": hashes}, index=index)


def random_clips(films: int, per_film: int, seed: int, *, unlabelled: bool = False) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    names = [f"film{n}" for n in range(films) for _ in range(per_film)]
    labels = [*LABELS, *([None] if unlabelled else [])]
    return clips(names, list(draw.choice(np.array(labels, dtype=object), len(names))))


def folded(
    table: pd.DataFrame, folds: int = 5, before: dict[str, int] | None = None, **more: object
) -> pd.Series:
    config = SplitConfig.model_validate({"folds": folds, "allow_imbalance": True} | more)
    return fold_clips(table, config, before or {})


@settings(max_examples=20)
@given(st.integers(5, 15), st.integers(1, 7), st.integers(2, 5), st.integers(0, 5))
def test_every_group_is_in_one_fold_with_all_of_its_clips(
    films: int, per_film: int, count: int, seed: int
) -> None:
    table = random_clips(films, per_film, seed, unlabelled=True)
    table.loc[table.groupby("group").head(1).index, "label"] = "sad"  # every group has a label
    folds = folded(table, count, seed=seed)
    assert folds.index.equals(table.index)
    assert set(folds) == set(range(count))
    assert folds.groupby(table["group"]).nunique().max() == 1


def test_classes_are_even_over_the_folds_of_many_films() -> None:
    table = random_clips(53, 58, seed=1)
    for fold in tally_folds(folded(table), table["label"], 5):
        for label, count in fold.items():
            assert count / (table["label"] == label).sum() == pytest.approx(0.2, abs=0.02)


def test_single_clips_are_even_to_the_clip_in_every_class() -> None:
    table = clips([f"g{n}" for n in range(403)], [LABELS[n % 4] for n in range(403)])
    per_fold = tally_folds(folded(table), table["label"], 5)
    for label in LABELS:
        counts = [fold[label] for fold in per_fold]
        assert max(counts) - min(counts) <= 1


def test_the_order_of_the_clips_changes_nothing_and_the_seed_does() -> None:
    table = random_clips(30, 10, seed=3)
    folds = folded(table)
    assert folds.sort_index().equals(folded(table.sample(frac=1, random_state=0)).sort_index())
    assert not folds.equals(folded(table, seed=6))


@settings(max_examples=20)
@given(st.integers(5, 12), st.integers(1, 6), st.integers(1, 6))
def test_old_clips_stay_in_their_fold_when_films_are_added(old: int, per_film: int, new: int) -> None:
    grown = random_clips(old + new, per_film, seed=4)
    first = folded(grown.iloc[: old * per_film], 3)
    again = folded(grown, 3, before=first.astype(int).to_dict())
    assert again.reindex(first.index).equals(first)


def test_groups_that_share_a_face_are_in_one_fold() -> None:
    table = random_clips(10, 4, seed=7)
    for film in range(1, 10):
        if folded(table)[f"clip{4 * film}"] != folded(table)["clip0"]:
            break
    face = bytearray(table.loc["clip0", "face_hash"])
    face[3] ^= 0b101
    table.loc[f"clip{4 * film + 2}", "face_hash"] = bytes(face)
    folds = folded(table)
    assert len(set(folds[table["group"].isin(["film0", f"film{film}"])])) == 1


def test_an_unlabelled_clip_is_in_the_fold_of_its_group_or_in_none() -> None:
    table = clips(["a", "b", "a", "c"], ["sad", "sad", None, None])
    folds = folded(table, 2)
    assert folds["clip2"] == folds["clip0"] != folds["clip1"]
    assert pd.isna(folds["clip3"])


def test_too_few_groups_are_refused_with_how_many_there_are() -> None:
    with pytest.raises(InputError, match=r"split\.folds = 5: the training split has only 4 film groups"):
        folded(random_clips(4, 10, seed=0))


def test_a_class_that_a_fold_lacks_is_refused_unless_allowed() -> None:
    table = clips(["a", "b", "c"], ["angry", "happy", "happy"])
    with pytest.raises(InputError, match=r"fold \d has none of the 1 angry clips; .*allow_imbalance"):
        folded(table, 2, allow_imbalance=False)
    assert set(folded(table, 2)) == {0, 1}


def test_a_fold_that_lost_its_films_is_told() -> None:
    table = random_clips(6, 4, seed=1)
    before = {clip_id: int(group[-1]) % 2 for clip_id, group in table["group"].items()}
    with pytest.raises(InputError, match=r"fold 2 is empty now; set split\.keep_sides=false"):
        folded(table, 3, before)


CONFIG = DatasetConfig.model_validate({"split": {"folds": 3}})


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of ten films, the fifth clip of each unlabelled, with three folds."""
    folder = tmp_path_factory.mktemp("folds")
    publish(made(folder / "store"), folder / "build" / "dataset", CONFIG)
    return folder / "build"


def made(store: Path, films: int = 10, before: Path | None = None):  # type: ignore[no-untyped-def]
    rows, table, measures = fake_clips(store, films=films, per_film=5)
    fifth = table.index.str.endswith("04")
    table.loc[fifth, "label"] = None
    rows.loc[rows["clip_id"].str.endswith("04"), ["label", "label_mapped_to"]] = None
    clear = apply_gates(table, measures, CONFIG.clips, CONFIG.face, CONFIG.audio)
    if before is None:
        return plan_dataset(rows, clear, CONFIG)
    kept = previous_split(before, CONFIG.split), previous_folds(before, CONFIG.split)
    return plan_dataset(rows, clear, CONFIG, *kept)


def test_shards_and_ledger_tell_the_fold_and_the_test_side_has_none(out: Path) -> None:
    ledger = pq.read_table(out / "dataset" / "ledger.parquet").to_pandas().set_index("clip_id")
    for split in ("train", "unlabelled"):
        for row in read_split(out / "dataset", split).to_pylist():
            assert row["fold"] == ledger.loc[row["clip_id"], "fold"]
            assert row["fold"] in (0, 1, 2)
    assert read_split(out / "dataset", "test")["fold"].null_count == len(read_split(out / "dataset", "test"))
    assert ledger.loc[ledger["outcome"] == "dropped", "fold"].isna().all()
    assert verify_dataset(out / "dataset") == []


def test_the_manifest_counts_the_folds_and_proves_them(out: Path) -> None:
    manifest = json.loads((out / "dataset" / "manifest.json").read_bytes())
    train = read_split(out / "dataset", "train").to_pandas()
    train = train[train["augmentation"] == "none"]
    for fold, counts in enumerate(manifest["split"]["folds"]):
        of_fold = train.loc[train["fold"] == fold, "label"].value_counts()
        assert counts == {label: of_fold.get(n, 0) for n, label in enumerate(LABELS)}
    assert sum(sum(counts.values()) for counts in manifest["split"]["folds"]) == len(train)
    assert manifest["leak_proof"]["groups_in_several_folds"] == 0
    assert manifest["leak_proof"]["near_duplicate_faces_in_several_folds"] == 0


def test_without_the_setting_no_fold_is_written(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    assert "fold" not in read_split(dataset, "train").column_names
    assert "fold" not in pq.read_schema(dataset / "ledger.parquet").names
    assert "folds" not in json.loads((dataset / "manifest.json").read_bytes())["split"]


def test_a_grown_build_keeps_the_folds_it_had(out: Path, tmp_path: Path) -> None:
    first = (
        pq.read_table(out / "dataset" / "ledger.parquet", columns=["clip_id", "fold"]).to_pandas().dropna()
    )
    grown = made(tmp_path, films=14, before=out / "dataset").clips["fold"]
    assert grown.reindex(first["clip_id"]).tolist() == first["fold"].tolist()
    other = SplitConfig.model_validate({"folds": 4})
    assert previous_folds(out / "dataset", other) == {}


@pytest.mark.parametrize(
    ("fold_of_b", "face_of_b", "leak"),
    [
        (1, bytes(32), "near duplicate faces in several folds: a, b"),
        (None, bytes(32), "near duplicate faces in several folds: a"),
        (0, b"\xff" * 32, None),
    ],
)
def test_a_leak_between_folds_is_named(fold_of_b: int | None, face_of_b: bytes, leak: str | None) -> None:
    samples = pd.DataFrame({"clip_id": ["a", "b"], "split": ["train", "train"], "augmentation_index": 0})
    table = pd.DataFrame(
        {"film": ["f", "g"], "group": ["f", "g"], "start_s": 0.0, "end_s": 1.0}, index=pd.Index(["a", "b"])
    ).assign(face_hash=[bytes(32), face_of_b], fold=pd.array([0, fold_of_b], dtype="Int32"))
    if leak is None:
        assert (
            check_leaks(samples, table, SplitConfig(group_by="film"))["near_duplicate_faces_in_several_folds"]
            == 0
        )
    else:
        with pytest.raises(WorkError, match=leak):
            check_leaks(samples, table, SplitConfig(group_by="film"))
    with pytest.raises(WorkError, match="groups in several folds: f"):
        check_leaks(
            samples,
            table.assign(group="f", fold=pd.array([0, 1], dtype="Int32")),
            SplitConfig(group_by="film"),
        )


def test_forgetting_a_film_leaves_the_other_folds_as_they_are(out: Path) -> None:
    ledger = pq.read_table(out / "dataset" / "ledger.parquet").to_pandas()
    film = ledger.loc[ledger["split"] == "train", "film"].iloc[0]
    forget(out, film=film)
    left = pq.read_table(out / "dataset" / "ledger.parquet").to_pandas()
    wanted = ledger[ledger["film"] != film].set_index("row")["fold"].dropna()
    assert left.set_index("row")["fold"].dropna().equals(wanted)
    assert verify_dataset(out / "dataset") == []


def test_a_column_of_that_name_in_the_table_is_kept_under_another(tmp_path: Path) -> None:
    (tmp_path / "spans.csv").write_text("film,start,end,label,fold\na.mp4,0,1,sad,7\n")
    assert read_annotations(tmp_path / "spans.csv")["fold_in_table"].tolist() == ["7"]
