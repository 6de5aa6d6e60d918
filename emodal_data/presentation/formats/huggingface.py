"""A folder for the Hugging Face Hub: shards, card with front matter, Croissant, ledger and manifest."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emodal_data.dataset.integrity import described_files
from emodal_data.dataset.seal import sealed
from emodal_data.presentation.formats.records import card, copy_provenance_files
from emodal_data.storage.files import write_json

#: The size categories of https://huggingface.co/docs/hub/datasets-cards by their upper bounds.
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_LOADING = """
## Loading

    import datasets
    datasets.load_dataset("NAME")    # the name on the Hub, or this folder

`image` is an image, {learned}, `audio_features` a vector; its names are in the schema of the Parquet files.
Rows with `augmentation` other than "none" are augmented training samples.
"""


def write(dataset: Path, folder: Path, manifest: dict[str, Any]) -> Iterator[int]:
    """Write the dataset; yields the number of samples of each shard. `emodal verify` accepts the folder."""
    (folder / "data").mkdir()
    for shard in manifest["shards"]:
        shutil.copyfile(dataset / "data" / shard["name"], folder / "data" / shard["name"])
        yield shard["rows"]
    samples = manifest["counts"]["samples"]
    size = next((name for bound, name in _SIZES if samples < bound), "n>1M")
    matter, body = card(dataset)
    # The owners of the films decide on the licence, so the card cannot name one.
    head = f"---\n{matter}license: other\nsize_categories:\n- {size}\n---\n"
    learned = "`label` a named class" if manifest["labels"] else "the targets are numbers"
    text = head + body.rstrip() + "\n" + _LOADING.format(learned=learned)
    (folder / "README.md").write_text(text, encoding="utf-8")
    shutil.copyfile(dataset / "croissant.json", folder / "croissant.json")
    copy_provenance_files(dataset, folder)
    # The card is another one, and the report is left out: the manifest has the hashes of the files that are here.
    write_json(folder / "manifest.json", sealed(manifest | {"files": described_files(folder)}))
