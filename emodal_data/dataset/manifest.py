"""The manifest of a dataset: settings, versions, counts, hashes and the result of the leakage check."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import pyarrow as pa

from emodal_data.annotations.agreement import VOTES_FROM, agreement, ledger_votes
from emodal_data.clips.plan import ingest_key
from emodal_data.core.config import DatasetConfig
from emodal_data.core.label_words import counted_classes
from emodal_data.core.schema import SCHEMA_VERSION
from emodal_data.core.versions import FEATURE_PACKAGES
from emodal_data.dataset.carried import tally_carried
from emodal_data.dataset.ledger import Ledger
from emodal_data.dataset.plan import DatasetPlan
from emodal_data.dataset.shards import ShardSettings, WrittenShard
from emodal_data.dataset.split.assignment import tally
from emodal_data.dataset.split.folds import tally_folds


def make_manifest(
    plan: DatasetPlan,
    config: DatasetConfig,
    shards: Sequence[WrittenShard],
    versions: Mapping[str, Any],
    films: Mapping[str, str],
    annotations_sha256: str,
    overrides_sha256: str | None = None,
    review: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest of a dataset. It has no time and no path, so that the same build gives the same bytes.

    versions: from package_versions. films: name -> SHA-256 of the content. overrides_sha256: of the decisions of
    reviews, if there were any. review: from reviewers.review_summary.
    """
    ledger = counted_columns(plan.ledger)
    contents = manifest_contents(plan.samples, ledger, shards, plan.proof, films, config.labels.classes)
    if plan.fold_names:
        contents["split"]["fold_names"] = list(plan.fold_names)
    return {
        "schema_version": SCHEMA_VERSION,
        "build_key": plan.key,
        "ingest_key": ingest_key(config.clips, config.face, config.audio),
        "contents_key": ShardSettings.of(config, versions).derivation_key,
        "labels": list(config.labels.classes),
        **contents,
        "annotations_sha256": annotations_sha256,
        "overrides_sha256": overrides_sha256,
        **({"review": dict(review)} if review else {}),
        "config": config.model_dump(mode="json"),
        "versions": {name: version for name, version in versions.items() if name not in FEATURE_PACKAGES},
    }


def counted_columns(ledger: Ledger) -> pa.Table:
    """The columns of a ledger from which its manifest is made: a quarter of its memory."""
    return ledger.table(["outcome", *(name for name in VOTES_FROM if name in ledger.schema.names)])


def manifest_contents(
    samples: pd.DataFrame,
    ledger: pa.Table,
    shards: Sequence[WrittenShard],
    proof: Mapping[str, Any],
    films: Mapping[str, str],
    classes: Sequence[str],
) -> dict[str, Any]:
    """The part of the manifest that describes the files.

    samples: tables.SAMPLES, with carried columns (see carried.py).
    films: name -> SHA-256 of the content. classes: those of the dataset; without any, all clips count as RATED.
    """
    originals = samples[samples["augmentation_index"] == 0]
    labelled = originals[originals["split"] != "unlabelled"]
    counted = counted_classes(classes)
    split = tally(labelled["split"].astype(object), labelled["label"], counted)
    words = originals["label"].astype(object).fillna("unlabelled")
    split_entry: dict[str, Any] = {"test_fraction": split.test_fraction, "per_class": split.per_class}
    if split.validation_fraction:
        split_entry["validation_fraction"] = split.validation_fraction
    if "fold" in originals:
        known = originals["fold"].dropna()
        split_entry["folds"] = tally_folds(
            labelled["fold"], labelled["label"], int(known.max()) + 1 if len(known) else 0, counted
        )
    return {
        "dataset_hash": dataset_hash((shard.name, shard.content_sha256) for shard in shards),
        "counts": {
            "rows": len(ledger),
            "kept": _counts(ledger["outcome"]).get("kept", 0),
            "clips": len(originals),
            "samples": len(samples),
            "dropped": _counts(ledger["reason"]),
            "clips_per_split": _counts(originals["split"]),
            "samples_per_split": _counts(samples["split"]),
        },
        "split": split_entry,
        "balance": {str(film): _counts(part) for film, part in words.groupby(originals["film"], sort=True)},
        "agreement": agreement(ledger_votes(ledger), classes),
        **({"columns": columns} if (columns := tally_carried(originals)) else {}),
        "leak_proof": dict(proof),
        "shards": [asdict(shard) for shard in shards],
        "films": dict(sorted(films.items())),
    }


def dataset_hash(shards: Iterable[tuple[str, str]]) -> str:
    """The hash of a whole dataset. shards: name and content hash of each, in order."""
    return hashlib.sha256("\n".join(f"{name} {content}" for name, content in shards).encode()).hexdigest()


def _counts(values: Any) -> dict[str, int]:
    counts = (values.to_pandas() if isinstance(values, pa.ChunkedArray) else values).value_counts()
    return {str(name): int(counts[name]) for name in sorted(counts.index)}
