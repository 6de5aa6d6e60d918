"""`emodal export`: a dataset or a model in a form that other programs read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import Json, print_result


class To(StrEnum):
    """The formats; each is of models or of datasets."""

    KERAS = "keras"
    LITERT = "litert"
    ONNX = "onnx"


def export(
    path: Annotated[Path, typer.Argument(help="Folder of a build, its model (or a .keras file).")],
    to: Annotated[To, typer.Option(help="Format to write.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    as_json: Json = False,
) -> None:
    """Write a trained network for another runtime: keras, litert or onnx.

    A network is asked in its new runtime before the file is kept: it must answer as the original does.

    Example: emodal export build/model --to onnx --out exported
    """
    result = _export_model(path, to, out)
    print_result(result, _told(result), as_json)


def _export_model(path: Path, to: To, out: Path) -> dict[str, Any]:
    from emodal_model import load
    from emodal_model.export import export as export_network

    inside = path / "model"
    file, difference = export_network(load(inside if inside.is_dir() else path), out, to)
    return {
        "files": [str(file), str(file.with_suffix(".json"))],
        "largest_difference": difference,
    }


def _told(result: dict[str, Any]) -> str:
    return "\n".join(result["files"])
