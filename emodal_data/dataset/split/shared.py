"""What two datasets that belong together have in common, such as official training and test built apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from emodal_data.annotations.cells import alike
from emodal_data.dataset.folder import existing_manifest
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.split.groups import id_columns
from emodal_data.dataset.split.near_duplicates import NEAR_BITS, near_any
from emodal_data.dataset.split.notes import split_config
from emodal_data.dataset.split.written_shards import face_hashes

#: Names listed in the text; the JSON has all.
_MOST_NAMES = 5


def shared_between(one: Path, two: Path) -> dict[str, Any]:
    """What is in both datasets, in whatever split.

    films: pairs of names of films with the same content, whatever their names. clips: clip_ids. columns: for speaker,
    series, person and the columns that the settings of either name, the values in both. alike: for those columns, pairs
    of a value of `one` and one of `two` that hardly differ. not_compared: columns of which only one has values.
    near_duplicate_faces: clips of `one` whose face nearly equals one of `two`, but for the clips in both.
    Raises InputError if one holds no dataset.
    """
    manifests = [existing_manifest(dataset) for dataset in (one, two)]
    first, second = (manifest["films"] for manifest in manifests)
    names_in_two = {digest: name for name, digest in second.items()}
    clips = [_originals(dataset) for dataset in (one, two)]
    ids = [
        _ids(dataset, of, manifest)
        for dataset, of, manifest in zip((one, two), clips, manifests, strict=True)
    ]
    same = clips[0].index.isin(clips[1].index)
    hashes = [face_hashes(of) for of in (clips[0][~same], clips[1])]
    near = near_any(hashes[0], hashes[1], NEAR_BITS)
    values = [{str(name): set(of[name].dropna()) for name in of} for of in ids]
    named = [{name for name, of_name in of.items() if of_name} for of in values]
    return {
        "films": [[name, names_in_two[digest]] for name, digest in first.items() if digest in names_in_two],
        "clips": sorted(clips[0].index[same]),
        "columns": {
            name: sorted(values[0][name] & values[1][name]) for name in values[0] if name in values[1]
        },
        "alike": {
            name: found
            for name in values[0]
            if name in named[0] & named[1]
            if (found := _alike(values[0][name], values[1][name]))
        },
        "not_compared": sorted(named[0] ^ named[1]),
        "near_duplicate_faces": sorted(clips[0].index[~same][near]),
    }


def has_shared(shared: Mapping[str, Any]) -> bool:
    """Whether anything is in both."""
    return bool(
        shared["films"]
        or shared["clips"]
        or shared["near_duplicate_faces"]
        or any(shared["columns"].values())
    )


def format_shared(shared: Mapping[str, Any]) -> str:
    """What is in both, as lines for people."""
    found = {
        "films": [" = ".join(dict.fromkeys(pair)) for pair in shared["films"]],
        "clips": shared["clips"],
        **{f"values of {name}": values for name, values in shared["columns"].items()},
        "clips with nearly the same face": shared["near_duplicate_faces"],
    }
    lines = []
    for what, names in found.items():
        some = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
        lines.append(f"{len(names):>7} {what}" + (f": {some}" if names else ""))
    for name, pairs in shared["alike"].items():
        some = ", ".join(f"{one!r} and {two!r}" for one, two in pairs[:_MOST_NAMES])
        lines.append(f"{len(pairs):>7} values of {name} hardly differ, and count as two: {some}")
    if shared["not_compared"]:
        names = " and ".join(shared["not_compared"])
        lines.append(
            f"only one of the builds names values of {names}: nothing is known of what they share there"
        )
    return "\n".join(lines)


def _alike(one: set[str], two: set[str]) -> list[list[str]]:
    """Pairs of a value of one that two lacks, and the other way round, that hardly differ: see alike."""
    pairs = alike([*sorted(one - two), *sorted(two - one)])
    return [[first, second] for first, second in pairs if (first in one) != (second in one)]


def _originals(dataset: Path) -> pd.DataFrame:
    samples = read_samples(dataset, ["film", "speaker"])
    return samples[samples["augmentation_index"] == 0].set_index("clip_id")


def _ids(dataset: Path, clips: pd.DataFrame, manifest: Mapping[str, Any]) -> pd.DataFrame:
    rows = pq.read_table(dataset / "ledger.parquet").to_pandas()
    return id_columns(rows, clips, split_config(manifest))
