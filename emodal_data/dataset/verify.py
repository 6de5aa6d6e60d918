"""Verification of a dataset against its manifest: hashes, counts, rows, votes, folds and the split."""

import importlib.metadata
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.annotations import count_words
from emodal_data.annotations.agreement import counted_rows, ledger_votes
from emodal_data.clips.overrides import relabel_vote_counts
from emodal_data.core.errors import InputError
from emodal_data.core.schema import LEDGER, SCHEMA_VERSION, SPLITS, with_current_names
from emodal_data.dataset.folder import existing_manifest, shard_paths
from emodal_data.dataset.manifest import dataset_hash
from emodal_data.dataset.manifest_check import dataset_config
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.seal import is_sealed
from emodal_data.dataset.shards import content_sha256, vote_shares
from emodal_data.storage.files import TEMPORARY, file_sha256


def verify_dataset(dataset: Path) -> list[str]:
    """The problems of a dataset folder, one line each; empty if there are none.

    Raises InputError if there is no manifest to compare with.
    """
    manifest = existing_manifest(dataset)
    version = manifest.get("schema_version")
    if version not in range(1, SCHEMA_VERSION + 1):
        return [f"manifest.json: schema version {version}, this program knows 1 to {SCHEMA_VERSION}"]
    problems = [problem for shard in manifest["shards"] for problem in _shard_problems(dataset, shard)]
    problems += _stray_files(dataset, manifest)
    problems += _ledger_problems(dataset, manifest)
    if not problems:  # what the rows say can be compared, whatever the hashes say
        problems += _split_problems(dataset, manifest)
        if manifest["labels"]:
            resolve = manifest["config"].get("labels", {}).get("resolve", "majority")
            problems += _vote_problems(dataset, manifest["labels"], resolve)
        problems += _fold_problems(dataset)
    problems += _manifest_problems(manifest)
    problems += [
        f"{name}: missing" if digest is None else f"{name}: is not what was written: hash {digest[:12]}"
        for name, written in manifest.get("files", {}).items()
        if (digest := file_sha256(dataset / name)) != written
    ]
    return problems


def _manifest_problems(manifest: dict[str, Any]) -> list[str]:
    problems = [] if is_sealed(manifest) else ["manifest.json: is not what was written"]
    try:
        dataset_config(manifest)
    except InputError as error:
        if manifest.get("versions", {}).get("emodal") == importlib.metadata.version("emodal"):
            problems.append(str(error))
    return problems


def _shard_problems(dataset: Path, shard: dict[str, Any]) -> list[str]:
    path, name = dataset / "data" / shard["name"], f"data/{shard['name']}"
    try:
        with pq.ParquetFile(path) as file:
            rows, digest = file.metadata.num_rows, content_sha256(file)
    except FileNotFoundError:
        return [f"{name}: missing"]
    except (OSError, pa.ArrowException) as error:
        return [f"{name}: cannot be read: {error}"]
    problems = []
    if rows != shard["rows"]:
        problems.append(f"{name}: {rows} samples, the manifest says {shard['rows']}")
    if digest != shard["content_sha256"]:
        problems.append(f"{name}: its content is not what was written: hash {digest[:12]}")
    return problems


def _stray_files(dataset: Path, manifest: dict[str, Any]) -> list[str]:
    known = {shard["name"] for shard in manifest["shards"]}
    strays = [path for path in (dataset / "data").iterdir() if path.name not in known]
    strays += [path for path in dataset.rglob(f".*{TEMPORARY}") if path not in strays]
    return [f"{path.relative_to(dataset)}: does not belong to this dataset" for path in sorted(strays)]


def _ledger_problems(dataset: Path, manifest: dict[str, Any]) -> list[str]:
    try:
        ledger = pq.read_table(dataset / "ledger.parquet")
    except (OSError, pa.ArrowException) as error:
        return [f"ledger.parquet: cannot be read: {error}"]
    if with_current_names(ledger).column_names[: len(LEDGER)] != LEDGER.names:
        return ["ledger.parquet: lacks columns of its schema"]
    problems = []
    counts = manifest["counts"]
    outcomes = Counter(ledger["outcome"].to_pylist())
    if len(ledger) != counts["rows"] or outcomes["kept"] != counts["kept"]:
        problems.append(
            f"ledger.parquet: {len(ledger)} rows, {outcomes['kept']} kept; the manifest says otherwise"
        )
    if outcomes["kept"] + outcomes["dropped"] != len(ledger):
        problems.append("ledger.parquet: kept and dropped do not add up to the rows")
    unexplained = sum(
        (outcome == "dropped") != (reason is not None)
        for outcome, reason in zip(ledger["outcome"].to_pylist(), ledger["reason"].to_pylist(), strict=True)
    )
    if unexplained:
        problems.append(f"ledger.parquet: {unexplained} rows are dropped without a reason, or kept with one")
    return problems


def _vote_problems(dataset: Path, classes: Sequence[str], resolve: str) -> list[str]:
    """Labels, and shares of votes where they were asked for, against the rows of the ledger."""
    ledger = pq.read_table(dataset / "ledger.parquet")
    counts, relabelled = count_words(counted_rows(ledger_votes(ledger)), classes), _relabelled(ledger)
    vote_counts = relabel_vote_counts(counts.of_classes(len(classes)), relabelled)
    is_new = counts.clip_ids.isin(list(relabelled))
    totals = pd.DataFrame({"total": counts.total, "most": counts.most}, index=counts.clip_ids)
    totals.loc[is_new] = 1
    problems = []
    for path in shard_paths(dataset):
        wanted = ["clip_id", "label", "label_votes"]
        columns = [name for name in wanted if name in pq.read_schema(path).names]
        table = pq.read_table(path, columns=columns)
        clip_ids = table["clip_id"].to_pylist()
        labels = table["label"].to_pandas().fillna(-1).to_numpy(dtype=np.int64)
        votes = vote_counts.reindex(clip_ids, fill_value=0).to_numpy()
        total, most = totals.reindex(clip_ids, fill_value=0).to_numpy().T
        own = votes[np.arange(len(labels)), labels]
        # The model of Dawid and Skene may choose a word with fewer votes; what it was fitted to may be gone by now.
        has_most = own == most if resolve == "majority" else own > 0
        wrong = np.where(labels >= 0, (total == 0) | ~has_most, total > 0)
        if wrong.any():
            problems.append(f"data/{path.name}: {wrong.sum()} labels are not what the ledger's rows chose")
        if "label_votes" in columns:
            shares = table["label_votes"].combine_chunks().flatten().to_numpy().reshape(-1, len(classes))
            if not np.array_equal(shares, vote_shares(votes, total)):
                problems.append(f"data/{path.name}: label_votes are not the votes of the ledger's rows")
    return problems


def _relabelled(ledger: pa.Table) -> dict[str, str]:
    """The labels that a review gave: clip_id -> class name."""
    if "review_label" not in ledger.column_names:
        return {}
    given = zip(ledger["clip_id"].to_pylist(), ledger["review_label"].to_pylist(), strict=True)
    return {clip_id: label for clip_id, label in given if clip_id and label}


def _fold_problems(dataset: Path) -> list[str]:
    """Folds, if the settings ask for them: no test clip is in one, no clip is in two, and the ledger agrees."""
    samples = read_samples(dataset, ["fold"])
    if "fold" not in samples:
        return []
    problems = []
    folds = samples.groupby("clip_id")["fold"]
    numbers = folds.nunique()
    two = numbers > 1
    if two.any():
        problems.append(f"{two.sum()} clips are in two folds, such as {two.index[two][0]}")
    if samples.loc[samples["split"].isin(["validation", "test"]), "fold"].notna().any():
        problems.append("clips of validation or test are in a fold")
    ledger = pq.read_table(dataset / "ledger.parquet", columns=["clip_id", "fold"]).to_pandas().dropna()
    expected = ledger.drop_duplicates("clip_id").set_index("clip_id")["fold"].to_dict()
    if expected != folds.first().dropna().to_dict():
        problems.append("ledger.parquet: its folds are not those of the shards")
    return problems


def _split_problems(dataset: Path, manifest: dict[str, Any]) -> list[str]:
    """Problems of the split as the shards have it, whatever the manifest says."""
    columns = ["clip_id", "augmentation"]
    clips: dict[str, set[str]] = {}
    problems = []
    for split in SPLITS:
        clips[split] = set()
        for path in shard_paths(dataset, split):
            table = pq.read_table(path, columns=columns).to_pydict()
            clips[split].update(table["clip_id"])
            if split != "train" and set(table["augmentation"]) - {"none"}:
                problems.append(f"data/{path.name}: augmented samples outside training")
    for one, two in itertools.combinations(SPLITS, 2):
        both = clips[one] & clips[two]
        if both:
            problems.append(f"{len(both)} clips are in {one} and in {two}, such as {min(both)}")
    ledger = pq.read_table(dataset / "ledger.parquet", columns=["clip_id", "outcome"]).to_pydict()
    kept = {
        clip for clip, outcome in zip(ledger["clip_id"], ledger["outcome"], strict=True) if outcome == "kept"
    }
    lost = kept ^ set().union(*clips.values())
    if lost:
        problems.append(
            f"{len(lost)} clips are kept in the ledger or in the shards, not in both, such as {min(lost)}"
        )
    content = dataset_hash((shard["name"], shard["content_sha256"]) for shard in manifest["shards"])
    if content != manifest["dataset_hash"]:
        problems.append("manifest.json: the dataset's hash is not that of its shards")
    return problems
