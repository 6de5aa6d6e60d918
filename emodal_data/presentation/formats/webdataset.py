"""WebDataset tars: one a shard, each sample as KEY.json and a file a picture, sound, vector and label."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from emodal_data.presentation.formats.records import FILES, card, copy_provenance_files, kinds, records

#: Suffix of the files in a column.
_SUFFIXES = {"image": "png", "audio": "flac"}

_READING = """
## Reading

    import webdataset
    samples = webdataset.WebDataset("train-{{00000..{last:05d}}}-of-{count:05d}.tar", shardshuffle=False).decode("l8")
    for sample in samples:
        sample["image.png"], sample["audio_features.npy"], sample["label.cls"], sample["json"]

Unlabelled samples have no `label.cls`.
"""


def write(dataset: Path, folder: Path, manifest: dict[str, Any]) -> Iterator[int]:
    """Write a tar for each shard; yields its samples."""
    for shard in manifest["shards"]:
        path = dataset / "data" / shard["name"]
        kind = kinds(path)
        # Members without a time or an owner: the same samples give the same bytes.
        with tarfile.open(folder / f"{path.stem}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for record in records(path):
                for suffix, data in _files(record, kind):
                    member = tarfile.TarInfo(f"{record['sample_id']}.{suffix}")
                    member.size, member.mode = len(data), 0o644
                    tar.addfile(member, io.BytesIO(data))
        yield shard["rows"]
    count = sum(shard["name"].startswith("train-") for shard in manifest["shards"])
    _, body = card(dataset)
    text = body.strip() + "\n" + _READING.format(last=count - 1, count=count)
    (folder / "README.md").write_text(text, encoding="utf-8")
    copy_provenance_files(dataset, folder)


def _files(record: dict[str, Any], kind: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    plain = {name: value for name, value in record.items() if name not in kind}
    for name in kind:
        if record[name] is None:
            continue
        if kind[name] == FILES:
            yield f"{name}.{_SUFFIXES.get(name, 'bin')}", record[name]
        else:
            buffer = io.BytesIO()
            np.save(buffer, np.array(record[name], dtype=np.float32))
            yield f"{name}.npy", buffer.getvalue()
    if record["label"] is not None:
        yield "label.cls", str(record["label"]).encode()
    yield "json", json.dumps(plain, ensure_ascii=False, allow_nan=False).encode()
