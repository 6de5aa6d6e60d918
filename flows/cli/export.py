"""`emodal export`: a dataset or a model in a form that other programs read."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import Json, dataset_in, model_in, on_this_machine, print_result


class To(StrEnum):
    """The formats; each is of datasets or of models."""

    HUGGINGFACE = "huggingface"
    WEBDATASET = "webdataset"
    TFRECORD = "tfrecord"
    KERAS = "keras"
    LITERT = "litert"
    ONNX = "onnx"


_OF_DATASETS = (To.HUGGINGFACE, To.WEBDATASET, To.TFRECORD)


def export(
    path: Annotated[
        Path, typer.Argument(help="Folder of a build, its dataset, or its model (or a .keras file).")
    ],
    to: Annotated[To, typer.Option(help="Format to write.")],
    out: Annotated[Path, typer.Option(help="Folder to write into; for a dataset, a new one.")],
    as_json: Json = False,
) -> None:
    """Export a dataset or a trained network for other programs.

    A dataset becomes a folder for the Hugging Face Hub, WebDataset tars, or TFRecord files, with the same bytes
    every time. A network becomes a keras, litert or onnx file. The file is kept if the network's answers in the new
    runtime are those of the original.

    Example: emodal export build --to huggingface --out for-the-hub
    """
    out = on_this_machine(out)
    result = _export_dataset(path, to, out) if to in _OF_DATASETS else _export_model(path, to, out)
    print_result(result, "\n".join(result["files"]), as_json, then=[_then(to, out)])


def _then(to: To, out: Path) -> str:
    if to is To.HUGGINGFACE:
        return f"next: hf upload NAME {shlex.quote(str(out))} --repo-type dataset"
    page = "exports" if to in _OF_DATASETS else "using-the-model"
    return f"next: docs/{page}.md shows how programs read it"


def _export_dataset(path: Path, to: To, out: Path) -> dict[str, Any]:
    from emodal_data.dataset.folder import read_manifest
    from emodal_data.presentation.formats import export_dataset
    from flows.progress.terminal import watched_on_terminal

    if to is To.TFRECORD:
        import emodal_model.core.backend  # noqa: F401  (imports TensorFlow without its log lines)
    dataset = dataset_in(path)
    samples = read_manifest(dataset).get("counts", {}).get("samples", 0)
    with watched_on_terminal() as terminal:
        terminal.stage("writing samples", samples, "samples")
        files = export_dataset(dataset, to, out, on_samples=terminal.advance)
    return {"files": [str(file) for file in files]}


def _export_model(path: Path, to: To, out: Path) -> dict[str, Any]:
    from emodal_model import load
    from emodal_model.inference.export import export as export_network

    file, difference = export_network(load(model_in(path)), out, to)
    return {
        "files": [str(file), str(file.with_suffix(".json"))],
        "largest_difference": difference,
    }
