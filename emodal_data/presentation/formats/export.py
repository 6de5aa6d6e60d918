"""Exports a dataset into a new folder, which appears only when it is complete."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emodal_data.core.errors import InputError
from emodal_data.dataset.folder import discard_staging, read_manifest, staging_folder
from emodal_data.dataset.integrity import refuse_damaged
from emodal_data.dataset.read import read_unchanged
from emodal_data.presentation.formats import huggingface, tfrecord, webdataset
from emodal_data.storage.files import explain_os_errors

#: Writes a dataset folder into an empty folder; yields the number of samples of each finished file.
Writer = Callable[[Path, Path, dict[str, Any]], Iterator[int]]

FORMATS: MappingProxyType[str, Writer] = MappingProxyType(
    {
        "huggingface": huggingface.write,
        "webdataset": webdataset.write,
        "tfrecord": tfrecord.write,
    }
)


def export_dataset(
    dataset: Path, to: str, out: Path, on_samples: Callable[[int], object] = lambda samples: None
) -> list[Path]:
    """Write a dataset in one of FORMATS into a new folder. Returns the files, by name.

    If a build replaces the dataset meanwhile, the export begins anew.
    on_samples: called with the number of samples of each finished file.
    Raises InputError if `dataset` is not a dataset, `out` is not empty or a package is missing, WorkError if a shard is
    damaged or the disk is full.
    """
    with explain_os_errors(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"{out}: exists and is not empty; choose another --out")
    try:
        folder = read_unchanged(dataset, lambda: _written(dataset, to, out, on_samples))
        with explain_os_errors(out):
            folder.rename(out)
    finally:
        discard_staging(out)
    return sorted(path for path in out.rglob("*") if path.is_file())


def _written(dataset: Path, to: str, out: Path, on_samples: Callable[[int], object]) -> Path:
    """The folder beside `out` with the finished export."""
    manifest = read_manifest(dataset)
    if not manifest.get("shards"):
        raise InputError(f"{dataset}: no dataset here; give the folder of a build or of its dataset")
    refuse_damaged(dataset)
    folder = staging_folder(out)
    with explain_os_errors(out):
        for samples in FORMATS[to](dataset, folder, manifest):
            on_samples(samples)
    return folder
