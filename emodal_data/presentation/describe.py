"""Writes what describes a dataset beside its shards and ledger: card, Croissant, report and manifest."""

from pathlib import Path
from typing import Any

from emodal_data.dataset.integrity import described_files
from emodal_data.dataset.seal import sealed
from emodal_data.presentation.card import write_card
from emodal_data.presentation.croissant import write_croissant
from emodal_data.presentation.report import write_report
from emodal_data.storage.files import write_json


def describe_dataset(folder: Path, manifest: dict[str, Any], store: Path, before: Path | None = None) -> None:
    """Write the descriptions of the shards and the ledger in the folder.

    manifest: from manifest.make_manifest; it is written last, with the hashes of the other files and its own, so that a
    folder with a manifest is complete.
    store: folder of the clip store, for the images and sounds of the report. before: the previous dataset, whose report
    may have some of them already.
    """
    write_card(folder, manifest)
    write_croissant(folder, manifest)
    write_report(folder, manifest, store, before)
    files = described_files(folder)
    write_json(folder / "manifest.json", sealed(manifest | {"files": files}))
