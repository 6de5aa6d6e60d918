"""Comparison of two datasets: settings, versions, films, and the outcome of every span."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.core.config import DatasetConfig
from emodal_data.core.schema import (
    QUALITY,
    RENAMED,
    SPEAKING,
    VIEW_OPTIONS,
    VOICE_LEVEL,
    carried_columns,
    with_current_names,
)
from emodal_data.dataset.folder import existing_manifest
from emodal_data.dataset.read import read_samples

#: The columns that identify a span: its clip_id changes with the content of the film.
_SPAN = ["film", "start_s", "end_s"]
#: The parts of a sample that are compared as a whole, and their columns.
_PARTS = {
    "picture": ["image"],
    "views": [*VIEW_OPTIONS],
    "sound": ["audio"],
    "speech features": ["audio_features", "short_term_features", "egemaps"],
    "measures": [
        "frame_s",
        "label_confidence",
        "label_votes",
        *(field.name for field in (*QUALITY, *SPEAKING, *VOICE_LEVEL)),
    ],
}
#: The part of the columns that were carried from the annotations, whichever they are.
_CARRIED = "columns of the annotations"
#: Changes of a span listed in the text; the JSON has all.
_MOST_LINES = 20


def compare_datasets(one: Path, two: Path) -> dict[str, Any]:
    """The differences from dataset `one` to dataset `two`.

    settings, versions, films: what is another, as name -> [before, after]; of films, their content hashes.
    spans: lists of those added, removed and changed. A span whose clip is kept in one build only is changed, and its
    reason says why; "contents" names the parts of its samples that differ. samples: numbers added, removed, changed
    and the same. schema: the schema versions of the files and the columns renamed between them, empty if the versions
    are the same; renamed columns are compared by value. Raises InputError if one of the folders holds no dataset.
    """
    manifests = [existing_manifest(dataset) for dataset in (one, two)]
    before, after = _samples(one), _samples(two)
    # A setting that an earlier version did not have was what it is by default today.
    defaults = dict(_flat(DatasetConfig().model_dump(mode="json")))
    settings = [defaults | dict(_flat(manifest["config"])) for manifest in manifests]
    return {
        "settings": _differing(*settings),
        **{
            title: _differing(*(dict(_flat(manifest[name])) for manifest in manifests))
            for title, name in {"versions": "versions", "films": "films"}.items()
        },
        "schema": _compare_schemas(*(manifest.get("schema_version") for manifest in manifests)),
        "spans": _compare_spans(_spans(one, before), _spans(two, after)),
        "samples": _count(before, after),
    }


def is_equal(differences: Mapping[str, Any]) -> bool:
    """Whether two datasets hold the same; their files may be of different schema versions."""
    samples = differences["samples"]
    context = [differences[name] for name in ("settings", "versions", "films")]
    return not any([*context, *differences["spans"].values(), sum(samples.values()) - samples["same"]])


def format_differences(differences: Mapping[str, Any]) -> str:
    """The differences as lines for people."""
    schema = differences["schema"]
    files = "schema version {} -> {}".format(*schema["version"]) if schema else ""
    files += "".join(f"; column {old} is named {name}" for old, name in schema.get("renamed", {}).items())
    if is_equal(differences):
        return f"equal: {differences['samples']['same']} samples" + (files and f"; but for {files}")
    lines = [files] if files else []
    for kind in ("settings", "versions"):
        lines += [f"{kind}: {name}: {was} -> {now}" for name, (was, now) in differences[kind].items()]
    for name, (was, now) in differences["films"].items():
        lines.append(f"film {name}: {'added' if not was else 'gone' if not now else 'other content'}")
    for kind, spans in differences["spans"].items():
        lines += [f"{kind}: {_line(span)}" for span in spans[:_MOST_LINES]]
        if len(spans) > _MOST_LINES:
            lines.append(f"{kind}: {len(spans) - _MOST_LINES} more spans; --json lists all")
    return "\n".join([*lines, "samples: " + ", ".join(f"{n} {k}" for k, n in differences["samples"].items())])


def _compare_schemas(one: int | None, two: int | None) -> dict[str, Any]:
    if one == two:
        return {}
    # So far the one renaming is that between versions 1 and 2.
    return {"version": [one, two], "renamed": dict(RENAMED)}


def _line(span: Mapping[str, Any]) -> str:
    if "changed" in span:
        fields = {name: values for name, values in span["changed"].items() if name != "contents"}
        words = [f"{name} {was} -> {now}" for name, (was, now) in fields.items()]
        words += [f"other {part}" for part in span["changed"].get("contents", [])]
    else:
        words = [str(span[name]) for name in ("outcome", "reason", "label", "split") if span[name]]
    return f"{span['film']} {span['start_s']}-{span['end_s']} s: {', '.join(words)}"


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings, with dotted names."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _differing(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = dict.fromkeys([*one, *two])
    return {name: [one.get(name), two.get(name)] for name in names if one.get(name) != two.get(name)}


def _samples(dataset: Path) -> pd.DataFrame:
    """The samples by sample_id: clip_id, augmentation_index, split, label, speaker, augmentation, hash of each part."""
    samples = read_samples(dataset, ["speaker", "augmentation"])
    files = [pq.ParquetFile(path) for path in samples["shard"].unique()]
    hashes = pd.concat([_hashes(rows) for file in files for rows in file.iter_batches(256)])
    parts = {part: hashes[part].to_numpy() for part in (*_PARTS, _CARRIED)}
    return samples.assign(**parts).drop(columns=["shard", "shard_row"]).set_index("sample_id")


def _hashes(rows: pa.RecordBatch) -> pd.DataFrame:
    """A 64-bit hash of each part of each row."""
    carried = carried_columns(rows.schema)
    rows = with_current_names(rows)
    hashes = {}
    for part, names in {**_PARTS, _CARRIED: carried}.items():
        columns = {name: _flat_column(rows[name]) for name in names if name in rows.schema.names}
        hashes[part] = (
            pd.util.hash_pandas_object(pa.table(columns).to_pandas(), index=False) if columns else 0
        )
    return pd.DataFrame(hashes)


def _flat_column(column: pa.Array) -> pa.Array:
    if pa.types.is_struct(column.type):
        return column.field("bytes")
    if pa.types.is_fixed_size_list(column.type):
        rows = column.flatten().to_numpy().reshape(-1, column.type.list_size)
        return pa.array([row.tobytes() for row in rows], pa.binary())
    if pa.types.is_list(column.type) and not pa.types.is_fixed_size_list(column.type.value_type):
        return pa.array([str(row).encode() for row in column.to_pylist()], pa.binary())
    if pa.types.is_list(column.type):
        ends = np.cumsum(column.value_lengths().to_numpy() * column.type.value_type.list_size)
        rows = np.split(column.flatten().flatten().to_numpy(), ends[:-1])
        return pa.array([row.tobytes() for row in rows], pa.binary())
    return column


def _spans(dataset: Path, samples: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The outcome of each span, by film, start, end, and a number: of clips of several speakers, and of faulty rows."""
    columns = [*_SPAN, "clip_id", "label", "speaker", "outcome", "reason", "split"]
    ledger = pq.read_table(dataset / "ledger.parquet", columns=columns).to_pandas()
    originals = samples[samples["augmentation_index"] == 0].set_index("clip_id")
    # Several rows are votes: the clip has the label that they chose, and is dropped only if all rows are.
    ledger = ledger.sort_values("outcome", ascending=False, kind="stable")
    ledger["label"] = ledger["label"].where(
        ~ledger["clip_id"].isin(originals.index), ledger["clip_id"].map(originals["label"])
    )
    number = (
        ledger.groupby(_SPAN, dropna=False).cumcount().where(ledger["clip_id"].isna(), _clip_number(ledger))
    )
    ledger = ledger.assign(number=number).drop_duplicates([*_SPAN, "number"])
    ledger = ledger.join(originals[[*_PARTS, _CARRIED]].astype(object), on="clip_id")
    augmented = samples[samples["augmentation_index"] > 0].drop(columns=["label", "split", "speaker"])
    of_clip = {clip: tuple(rows.itertuples(index=False)) for clip, rows in augmented.groupby("clip_id")}
    spans = ledger.astype(object).where(ledger.notna(), None).to_dict("records")
    return {
        (*(span[name] for name in _SPAN), span["number"]): {
            **{
                name: span[name]
                for name in ("outcome", "reason", "split", "label", "speaker", *_PARTS, _CARRIED)
            },
            "copies": [copy[2:] for copy in of_clip.get(span["clip_id"], ())],
        }
        for span in spans
    }


def _clip_number(ledger: pd.DataFrame) -> pd.Series:
    """The number of each row's clip among those of its span, in the order of their speakers."""
    clips = ledger.dropna(subset="clip_id").sort_values("speaker", kind="stable").drop_duplicates("clip_id")
    number = clips.groupby(_SPAN).cumcount().set_axis(clips["clip_id"])
    return ledger["clip_id"].map(number).fillna(0).astype(int)


def _compare_spans(
    one: Mapping[tuple[Any, ...], dict[str, Any]], two: Mapping[tuple[Any, ...], dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    changed = []
    for span in sorted(one.keys() & two.keys(), key=str):
        what = _differing(one[span], two[span])
        contents = [part for part in (*_PARTS, _CARRIED, "copies") if what.pop(part, None)]
        # The contents of a span that is kept in one build only need no mention.
        if contents and "outcome" not in what:
            what["contents"] = contents
        if what:
            changed.append(_named(span) | {"changed": what})
    return {
        "added": [_named(span) | _outcome(two[span]) for span in sorted(two.keys() - one.keys(), key=str)],
        "removed": [_named(span) | _outcome(one[span]) for span in sorted(one.keys() - two.keys(), key=str)],
        "changed": changed,
    }


def _named(span: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(_SPAN, span, strict=False))


def _outcome(span: Mapping[str, Any]) -> dict[str, Any]:
    return {name: span[name] for name in ("outcome", "reason", "label", "split")}


def _count(one: pd.DataFrame, two: pd.DataFrame) -> dict[str, int]:
    common = one.index.intersection(two.index)
    before, after = (samples.loc[common].astype(object) for samples in (one, two))
    unlike = (before.where(before.notna(), None) != after.where(after.notna(), None)).to_numpy()
    both_null = before.isna().to_numpy() & after.isna().to_numpy()
    changed = int(np.any(unlike & ~both_null, axis=1).sum())
    return {
        "added": len(two) - len(common),
        "removed": len(one) - len(common),
        "changed": changed,
        "same": len(common) - changed,
    }
