"""From gated clips to the plan of a dataset: the split of each clip, its augmented samples, and their shards."""

import hashlib
import importlib.metadata
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.audio_features import FEATURES_VERSION
from emodal_data.clips.plan import ingest_key
from emodal_data.clips.tables import GATED, ROWS, checked
from emodal_data.core.config import AugmentConfig, DatasetConfig
from emodal_data.core.errors import WorkError
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.schema import SCHEMA_VERSION, SPLITS
from emodal_data.dataset.augment.counts import plan_augmentations
from emodal_data.dataset.chunking import chunk_boundaries
from emodal_data.dataset.ledger import make_ledger
from emodal_data.dataset.shards import Shard, shard_name
from emodal_data.dataset.split.assignment import Split, group_of, split_clips, tally
from emodal_data.dataset.split.folds import fold_clips
from emodal_data.dataset.split.leakage_check import check_leaks
from emodal_data.dataset.split.near_duplicates import near_any
from emodal_data.dataset.tables import SAMPLES, SPLIT
from emodal_data.face.perceptual_hash import NEAR_BITS


@dataclass(frozen=True)
class DatasetPlan:
    """A dataset before it is written.

    clips: tables.SPLIT. samples: tables.SAMPLES. ledger: one line for each annotation row. proof: the result of the
    leakage check. key: names inputs and settings; the same key gives the same bytes.
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
    previous_split: Mapping[str, str] = MappingProxyType({}),
    previous_folds: Mapping[str, int] = MappingProxyType({}),
) -> DatasetPlan:
    """Choose the split and the augmented samples of the clips that passed the gates.

    rows: clips.tables.ROWS. clips: clips.tables.GATED. previous_split, previous_folds: from the functions of
    these names. Raises WorkError if no labelled clip is left, InputError if the split is impossible.
    """
    checked(rows, ROWS)
    clips = checked(clips, GATED).copy(deep=False)
    passed = clips["reason"].isna()
    labelled = passed & clips["label"].notna()
    if not labelled.any():
        raise WorkError("no labelled clip is left: see the reasons in the ledger")
    # Only the columns that are needed: with all of them each selection would copy the whole table.
    clips["group"] = group_of(
        clips.loc[passed, ["film", "speaker", "start_s", "end_s"]], config.split.group_by
    )
    split = split_clips(clips.loc[labelled, ["group", "label"]], config.split, previous_split)
    clips["split"] = split.of_clip.reindex(clips.index)
    unlabelled = passed & clips["label"].isna()
    in_test = unlabelled & clips["group"].isin(set(clips.loc[clips["split"] == "test", "group"]))
    reason = Reason.UNLABELLED_IN_TEST_GROUP
    clips.loc[in_test, ["reason", "detail"]] = [reason.value, ADVICE[reason]]
    clips.loc[unlabelled & ~in_test, "split"] = "unlabelled"
    clips = _drop_near_duplicates_of_test(clips)
    kept = clips.loc[clips["split"].isin(["train", "test"]), ["split", "label"]]
    split = tally(kept["split"], kept["label"])
    if config.split.folds:
        seen = clips.loc[clips["split"].isin(["train", "unlabelled"]), ["group", "label", "face_hash"]]
        clips["fold"] = fold_clips(seen, config.split, previous_folds).reindex(clips.index)
    samples = checked(_samples(clips, config.augment), SAMPLES)
    checked(clips, SPLIT)
    proof = check_leaks(samples, clips, config.split.group_by, compared=clips["split"])
    ledger = make_ledger(rows, clips)
    return DatasetPlan(clips, samples, ledger, split, proof, _key(clips, ledger, config))


def plan_shards(plan: DatasetPlan, folder: Path, rows: int) -> list[Shard]:
    """Cut the samples into shards of at most `rows`, named as Hugging Face names them."""
    shards = []
    for split in SPLITS:
        samples = plan.samples[plan.samples["split"] == split]
        runs = chunk_boundaries(samples["film"].tolist(), samples["clip_id"].tolist(), rows)
        for index, (start, stop) in enumerate(runs):
            path = folder / "data" / shard_name(split, index, len(runs))
            part = samples[["clip_id", "copy"]].iloc[start:stop]
            shards.append(Shard(path, part, plan.clips.loc[part["clip_id"].unique()]))
    return shards


def _drop_near_duplicates_of_test(clips: pd.DataFrame) -> pd.DataFrame:
    """Drop clips of training whose face is also in a test clip, as in a film that is there in two encodings."""
    test = clips["split"] == "test"
    seen = clips["split"].isin(["train", "unlabelled"])
    same = near_any(clips.loc[seen, "face_hash"].tolist(), clips.loc[test, "face_hash"].tolist(), NEAR_BITS)
    duplicates = clips.index[seen][same]
    reason = Reason.SAME_AS_TEST_CLIP
    clips.loc[duplicates, ["reason", "detail"]] = [reason.value, ADVICE[reason]]
    clips.loc[duplicates, "split"] = None
    return clips


def _samples(clips: pd.DataFrame, config: AugmentConfig) -> pd.DataFrame:
    """One line a sample: the clips in order, each followed by its augmented samples if it is in the training split."""
    names = [name for name in ("film", "split", "label", "fold") if name in clips]
    kept = clips.loc[clips["split"].notna(), names]
    train = (kept["split"] == "train").to_numpy()
    augmented = np.zeros(len(kept), dtype=np.int64)
    test_count = int((kept["split"] == "test").sum())
    trained = kept[train]
    augmented[train] = plan_augmentations(
        trained["label"].to_numpy(), trained["film"].tolist(), test_count, config
    )
    originals = kept.reset_index()
    samples = originals.loc[originals.index.repeat(augmented + 1)]
    return samples.assign(copy=samples.groupby(level=0).cumcount()).reset_index(drop=True)


class _Digester(io.RawIOBase):
    """A file that only digests what is written to it."""

    def __init__(self, digest: "hashlib._Hash") -> None:
        super().__init__()
        self._digest = digest

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return len(data)


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
        pq.write_table(table, _Digester(digest))  # Parquet leaves out what lies under nulls
    return digest.hexdigest()
