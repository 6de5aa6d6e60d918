"""The split of a build, kept a second time beside its clip store: OUT/clips/split.json.

Which clips were tested on must survive a lost or damaged dataset. A build that finds neither copy stops.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from emodal_data.storage.files import write_bytes

#: The columns of a ledger that say the split; without folds it lacks the last.
SPLIT_COLUMNS: Final = ("clip_id", "split", "fold")


@dataclass(frozen=True)
class KeptSplit:
    """The split of a published dataset.

    build_key: of its manifest. rules: the section split of its configuration. splits, folds: by clip_id.
    """

    build_key: str | None
    rules: Mapping[str, Any]
    splits: Mapping[str, str]
    folds: Mapping[str, int]


def split_of_ledger(ledger: pa.Table, build_key: str | None, rules: Mapping[str, Any]) -> KeptSplit:
    """The split of the clips that a ledger keeps."""
    kept = ledger.select([name for name in SPLIT_COLUMNS if name in ledger.column_names])
    kept = kept.filter(pc.is_valid(kept["split"]))
    clip_ids = kept["clip_id"].to_pylist()
    splits = dict(zip(clip_ids, map(sys.intern, kept["split"].to_pylist()), strict=True))
    folds = zip(clip_ids, kept["fold"].to_pylist(), strict=True) if "fold" in kept.column_names else ()
    return KeptSplit(build_key, rules, splits, {clip: fold for clip, fold in folds if fold is not None})


def kept_split_file(dataset: Path) -> Path:
    """The file of the second copy. dataset: the folder of the published dataset."""
    return dataset.parent / "clips" / "split.json"


def keep_split(dataset: Path, split: KeptSplit) -> None:
    """Write the second copy, atomically."""
    contents = {
        "build_key": split.build_key,
        "rules": dict(split.rules),
        "splits": dict(sorted(split.splits.items())),
        "folds": dict(sorted(split.folds.items())),
    }
    text = json.dumps(contents | {"sha256": _digest(contents)}, indent=0, ensure_ascii=False)
    write_bytes(kept_split_file(dataset), (text + "\n").encode())


def read_kept_split(dataset: Path) -> KeptSplit | None:
    """The second copy; None if it is missing or damaged."""
    try:
        contents = json.loads(kept_split_file(dataset).read_bytes())
        digest = contents.pop("sha256")
        if digest != _digest(contents):
            return None
        return KeptSplit(**contents)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def forget_kept_clips(dataset: Path, clips: Set[str]) -> None:
    """Take clips out of the second copy, and all of it if it is damaged."""
    split = read_kept_split(dataset)
    if split is None:
        kept_split_file(dataset).unlink(missing_ok=True)
        return
    splits = {clip: name for clip, name in split.splits.items() if clip not in clips}
    folds = {clip: fold for clip, fold in split.folds.items() if clip not in clips}
    keep_split(dataset, KeptSplit(None, split.rules, splits, folds))


def _digest(contents: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
