"""WebDataset tars, one for each shard: a sample is KEY.json and a file for each image, sound, vector and label."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from emodal_data.core.errors import InputError
from emodal_data.presentation.formats.records import (
    FILE_LISTS,
    FILES,
    card,
    copy_provenance_files,
    kinds,
    records,
)

#: Suffixes of the files in a column, by their first bytes.
_SUFFIXES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"fLaC": "flac"}

_READING = """
## Reading

    import webdataset
    samples = webdataset.WebDataset("train-{{00000..{last:05d}}}-of-{count:05d}.tar", shardshuffle=False).decode("l8")
    for sample in samples:
        sample["image.png"], sample["audio_features.npy"], {label}sample["json"]

{note}
"""


def write(dataset: Path, folder: Path, manifest: dict[str, Any]) -> Iterator[int]:
    """Write a tar for each shard; yields the number of its samples. Raises InputError without webdataset."""
    try:
        from webdataset import TarWriter
    except ImportError as exc:
        raise InputError("webdataset needs the package webdataset: pip install 'emodal[webdataset]'") from exc
    for shard in manifest["shards"]:
        path = dataset / "data" / shard["name"]
        kind = kinds(path)
        # Members get no time and no owner, so that the same samples give the same bytes.
        with TarWriter(
            str(folder / f"{path.stem}.tar"), user="", group="", mode=0o644, mtime=0, encoder=False
        ) as tar:
            for record in records(path):
                tar.write({"__key__": record["sample_id"], **_files(record, kind)})
        yield shard["rows"]
    count = sum(shard["name"].startswith("train-") for shard in manifest["shards"])
    _, body = card(dataset)
    text = body.strip() + "\n" + _READING.format(last=count - 1, count=count, **_words(manifest))
    (folder / "README.md").write_text(text, encoding="utf-8")
    copy_provenance_files(dataset, folder)


def _words(manifest: dict[str, Any]) -> dict[str, str]:
    if manifest["labels"]:
        return {"label": 'sample["label.cls"], ', "note": "Unlabelled samples have no `label.cls`."}
    return {
        "label": "",
        "note": f"The targets are in `json`: {', '.join(manifest['config']['labels']['targets'])}.",
    }


def _files(record: dict[str, Any], kind: dict[str, str]) -> dict[str, bytes]:
    """The files of a sample: suffix -> bytes."""
    plain = {name: value for name, value in record.items() if name not in kind}
    files = {"json": json.dumps(plain, ensure_ascii=False, allow_nan=False).encode()}
    for name in kind:
        if record[name] is None:
            continue
        if kind[name] == FILES:
            files[f"{name}.{_suffix(record[name])}"] = record[name]
        elif kind[name] == FILE_LISTS:
            files |= {f"{name}.{n}.{_suffix(data)}": data for n, data in enumerate(record[name])}
        else:
            buffer = io.BytesIO()
            np.save(buffer, np.array(record[name], dtype=np.float32))
            files[f"{name}.npy"] = buffer.getvalue()
    if record.get("label") is not None:
        files["label.cls"] = str(record["label"]).encode()
    return files


def _suffix(data: bytes) -> str:
    return next((suffix for start, suffix in _SUFFIXES.items() if data.startswith(start)), "bin")
