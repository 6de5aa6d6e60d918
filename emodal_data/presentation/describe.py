"""Everything that describes a dataset beside its shards and ledger: card, Croissant, report, and the manifest."""

from pathlib import Path
from typing import Any

from emodal_data.presentation.card import write_card
from emodal_data.presentation.croissant import write_croissant
from emodal_data.presentation.report import write_report
from emodal_data.storage.files import write_json


def describe_dataset(folder: Path, manifest: dict[str, Any], store: Path, before: Path | None = None) -> None:
    """Write the descriptions of the shards and the ledger that are in the folder.

    manifest: as dataset.make_manifest gives it; written last, so that a folder with a manifest is whole.
    store: folder of the clip store, for the pictures and sounds of the report. before: the dataset that stands there,
    whose report may have some of them already.
    """
    write_card(folder, manifest)
    write_croissant(folder, manifest)
    write_report(folder, manifest, store, before)
    write_json(folder / "manifest.json", manifest)
