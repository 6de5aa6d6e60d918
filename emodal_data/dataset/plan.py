"""From gated clips to the plan of a dataset: the split of each clip, its augmented samples, and their shards."""

import hashlib
import importlib.metadata
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.audio_features import FEATURES_VERSION
from emodal_data.clips.plan import ingest_key
from emodal_data.clips.tables import GATED, ROWS, checked
from emodal_data.core.config import AugmentConfig, DatasetConfig
from emodal_data.core.errors import WorkError
from emodal_data.core.label_words import counted_classes
from emodal_data.core.places import as_arrow, places_of
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.schema import SCHEMA_VERSION, SPLITS
from emodal_data.dataset.augment.counts import plan_augmentations
from emodal_data.dataset.carried import PREFIX, carry
from emodal_data.dataset.chunking import chunk_boundaries
from emodal_data.dataset.ledger import PART_ROWS, Ledger
from emodal_data.dataset.persons import add_persons
from emodal_data.dataset.shards import Shard, shard_name
from emodal_data.dataset.split.assignment import Split, split_clips, tally
from emodal_data.dataset.split.folds import fold_clips
from emodal_data.dataset.split.groups import group_of, id_columns
from emodal_data.dataset.split.leakage_check import check_leaks
from emodal_data.dataset.split.near_duplicates import NEAR_BITS, near_any
from emodal_data.dataset.split.official import fold_names, official_folds, official_splits
from emodal_data.dataset.tables import SAMPLES, SPLIT

Places = npt.NDArray[np.int64]

_LABELLED_SPLITS: Final = ("train", "validation", "test")


@dataclass(frozen=True)
class DatasetPlan:
    """A dataset before it is written.

    clips: tables.SPLIT. samples: tables.SAMPLES. ledger: one line for each annotation row. proof: the result of the
    leakage check. key: names inputs and settings; the same key gives the same bytes. fold_names: what the annotations
    call the folds, if split.fold_column names them.
    """

    clips: pd.DataFrame
    samples: pd.DataFrame
    ledger: Ledger
    split: Split
    proof: dict[str, Any]
    key: str
    fold_names: tuple[str, ...] = ()


def plan_dataset(
    rows: pd.DataFrame,
    clips: pd.DataFrame,
    config: DatasetConfig,
    previous_split: Mapping[str, str] = MappingProxyType({}),
    previous_folds: Mapping[str, int] = MappingProxyType({}),
    persons: Mapping[str, int] = MappingProxyType({}),
) -> DatasetPlan:
    """Choose the split and the augmented samples of the clips that passed the gates.

    rows: clips.tables.ROWS. clips: clips.tables.GATED. previous_split, previous_folds: from the functions of
    these names; persons: from previous_persons.
    Raises WorkError if no labelled clip is left, InputError if the split is impossible or a column of it is missing.
    """
    checked(rows, ROWS)
    clips = checked(clips, GATED).copy(deep=False)
    if config.face.persons:
        rows = add_persons(rows, clips, persons, config.face.person_distance)
        clips = clips.drop(columns="embedding", errors="ignore")
    clips = carry(rows, clips, config)
    official, folds = official_splits(rows, config.split), official_folds(rows, config.split)
    if official is not None:
        clips["official"] = official.reindex(clips.index).astype(object)
        _drop(clips, clips["official"] == "", Reason.SPLIT_CONFLICT)
        _drop(clips, clips["official"].isna() & clips["label"].notna(), Reason.SPLIT_UNKNOWN)
    if folds is not None:
        clips["fold"] = folds.reindex(clips.index).astype(object)
        _drop(clips, clips["fold"] == "", Reason.SPLIT_CONFLICT)
    passed = clips["reason"].isna().to_numpy()
    labelled = passed & clips["label"].notna().to_numpy()
    if not labelled.any():
        why = "see the reasons in the ledger"
        if clips["label"].isna().all() and config.labels.targets and config.labels.classes:
            why = "no row has a label of labels.classes; for a dataset of targets alone, set labels.classes = []"
        raise WorkError(f"no {'labelled ' if config.labels.classes else ''}clip is left: {why}")
    ids = id_columns(rows, clips, config.split)
    # Until they are needed again, numbers stand for the names of clips: of names, pandas makes a hash table.
    clip_ids, clips = clips.index, clips.reset_index(drop=True)
    # Only the columns that are needed: with all of them each selection would copy the whole table.
    known = clips.loc[passed, ["film", "speaker", "start_s", "end_s"]].set_axis(clip_ids[passed])
    clips["group"] = clips["split"] = None
    clips.loc[passed, "group"] = group_of(known, config.split.group_by, ids).to_numpy()
    if official is None:
        known = clips.loc[labelled, ["group", "label"]].set_axis(clip_ids[labelled])
        clips.loc[labelled, "split"] = split_clips(known, config.split, previous_split).of_clip.to_numpy()
    else:
        clips["split"] = clips["official"].where(labelled, None)
    clips = _place_unlabelled(clips)
    if official is None:
        clips = _drop_near_duplicates(clips)
    clips = clips.drop(columns="official", errors="ignore")
    kept = clips.loc[clips["split"].isin(_LABELLED_SPLITS), ["split", "label"]]
    split = tally(kept["split"], kept["label"], counted_classes(config.labels.classes))
    names: tuple[str, ...] = ()
    if folds is not None:
        names = tuple(fold_names(clips["fold"]))
        in_folds = clips["split"].isin(["train", "unlabelled"])
        numbers = clips["fold"].map({name: number for number, name in enumerate(names)})
        clips["fold"] = numbers.where(in_folds).astype("Int32")
    elif config.split.folds:
        is_seen = clips["split"].isin(["train", "unlabelled"]).to_numpy()
        seen = clips.loc[is_seen, ["group", "label", "face_hash"]].set_axis(clip_ids[is_seen])
        folds = fold_clips(seen, config.split, previous_folds).reindex(clip_ids)
        clips["fold"] = folds.array
    clips = clips.set_axis(clip_ids)
    samples = checked(_samples(clips, config.augment), SAMPLES)
    checked(clips, SPLIT)
    compared = clips["split"] if official is None else None
    proof = check_leaks(samples, clips, config.split, ids, compared=compared)
    ledger = Ledger(rows, clips)
    return DatasetPlan(clips, samples, ledger, split, proof, _key(clips, ledger, config), names)


class PlannedShards(Sequence[Shard]):
    """The shards of a plan, each made when it is asked for: all of them would hold every clip once more."""

    def __init__(self, plan: DatasetPlan, folder: Path, rows: int) -> None:
        """Cut the samples into shards of at most `rows`, named as Hugging Face names them."""
        self._clips, self._number = plan.clips, plan.samples["augmentation_index"].to_numpy()
        self._clip = places_of(plan.samples["clip_id"], plan.clips.index)
        self._runs: list[tuple[Path, Places]] = []
        for split in SPLITS:
            of_split = np.flatnonzero(plan.samples["split"] == split)
            films = plan.samples["film"].take(of_split).tolist()
            clip_ids = plan.clips.index.take(self._clip[of_split]).tolist()
            runs = chunk_boundaries(films, clip_ids, rows)
            for index, (start, stop) in enumerate(runs):
                path = folder / "data" / shard_name(split, index, len(runs))
                self._runs.append((path, of_split[start:stop]))

    def __len__(self) -> int:
        return len(self._runs)

    def __getitem__(self, number: Any) -> Any:
        path, run = self._runs[number]
        clips = self._clips.take(np.unique(self._clip[run]))
        numbers = {
            "clip_id": self._clips.index.take(self._clip[run]),
            "augmentation_index": self._number[run],
        }
        return Shard(path, pd.DataFrame(numbers), clips)

    @property
    def paths(self) -> list[Path]:
        """The files of the shards."""
        return [path for path, _ in self._runs]

    @property
    def rows(self) -> list[int]:
        """The number of samples of each shard."""
        return [len(run) for _, run in self._runs]


def _drop(clips: pd.DataFrame, which: pd.Series, reason: Reason) -> None:
    """Give clips that passed so far a reason."""
    which = which & clips["reason"].isna()
    clips.loc[which, ["reason", "detail"]] = [reason.value, ADVICE[reason]]


def _place_unlabelled(clips: pd.DataFrame) -> pd.DataFrame:
    """Put unlabelled clips that passed into their split, unless an official split or their group holds them out."""
    unlabelled = clips["reason"].isna() & clips["label"].isna()
    held_groups = clips.loc[clips["split"].isin(["validation", "test"]), "group"].unique()
    held_out = unlabelled & clips["group"].isin(held_groups)
    if "official" in clips:
        held_out = unlabelled & clips["official"].isin(["validation", "test"]) | (
            held_out & clips["official"].isna()
        )
    _drop(clips, held_out, Reason.UNLABELLED_IN_TEST_GROUP)
    clips.loc[unlabelled & ~held_out, "split"] = "unlabelled"
    return clips


def _drop_near_duplicates(clips: pd.DataFrame) -> pd.DataFrame:
    """Drop clips whose face is also in a test clip, as in a film that is there in two encodings.

    So do clips of training whose face is in a validation clip.
    """
    for held, reason in {
        "test": Reason.SAME_AS_TEST_CLIP,
        "validation": Reason.SAME_AS_VALIDATION_CLIP,
    }.items():
        seen = (clips["split"].notna() & ~clips["split"].isin([held, "test"])).to_numpy(copy=True)
        hashes = clips.loc[clips["split"] == held, "face_hash"]
        seen[seen] = near_any(clips.loc[seen, "face_hash"], hashes, NEAR_BITS)
        clips.loc[seen, ["reason", "detail", "split"]] = [reason.value, ADVICE[reason], None]
    return clips


def _samples(clips: pd.DataFrame, config: AugmentConfig) -> pd.DataFrame:
    """One line a sample: the clips in order, each followed by its augmented samples if it is in the training split."""
    names = [name for name in ("film", "split", "label", "fold") if name in clips]
    names += [str(name) for name in clips if str(name).startswith(PREFIX)]
    is_kept = clips["split"].notna().to_numpy()
    kept = clips.loc[is_kept, names]
    train = (kept["split"] == "train").to_numpy()
    augmented = np.zeros(len(kept), dtype=np.int64)
    test_count = int((kept["split"] == "test").sum())
    trained = kept[train]
    augmented[train] = plan_augmentations(trained["label"], trained["film"], test_count, config)
    counts = augmented + 1
    places = np.repeat(np.arange(len(kept)), counts)
    number = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    # Texts as codes: otherwise the samples would hold the texts of each clip several times.
    texts: dict[str, Any] = {
        name: pd.Categorical(kept[name]) for name in ("film", "split", "label") if name in kept
    }
    codes = np.flatnonzero(is_kept)
    # Not a Categorical, which makes a hash table of the names of all clips.
    names_of_clips = pa.DictionaryArray.from_arrays(codes.astype(np.int32), as_arrow(clips.index))
    texts["clip_id"] = pd.arrays.ArrowExtensionArray(names_of_clips)
    originals = kept.assign(**texts).reset_index(drop=True)[["clip_id", *names]]
    return originals.take(places).assign(augmentation_index=number).reset_index(drop=True)


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


def _key(clips: pd.DataFrame, ledger: Ledger, config: DatasetConfig) -> str:
    settings = {
        "version": importlib.metadata.version("emodal"),
        "schema": SCHEMA_VERSION,
        "features": FEATURES_VERSION,
        "ingest": ingest_key(config.clips, config.face, config.audio),
        "config": config.model_dump(mode="json"),
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    # Where the store keeps a clip says nothing about what is in it.
    chosen = clips.drop(columns=["store_file", "store_row"])
    # Hashes are digested as Python objects, as they always were; one of them shows the type of all.
    a_hash = next((one for one in chosen["face_hash"].array if not pd.isna(one)), None)
    schema = pa.Schema.from_pandas(chosen.assign(face_hash=a_hash).reset_index(), preserve_index=False)
    starts = range(0, len(chosen), PART_ROWS)
    tables = (
        chosen.iloc[start : start + PART_ROWS].reset_index().astype({"face_hash": object}) for start in starts
    )
    parts = (pa.Table.from_pandas(table, schema, preserve_index=False, nthreads=1) for table in tables)
    _update_digest(digest, schema, parts)
    _update_digest(digest, ledger.schema, ledger.parts())
    return digest.hexdigest()


def _update_digest(digest: "hashlib._Hash", schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
    """Add a table in parts of PART_ROWS, as Parquet, which leaves out what lies under nulls."""
    # Its other features cost time and memory here.
    plain: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    with pq.ParquetWriter(_Digester(digest), schema, **plain) as writer:
        for part in parts:
            writer.write_table(part)
