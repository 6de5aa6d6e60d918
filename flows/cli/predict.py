"""`emodal predict`: a trained model on a film."""

from pathlib import Path
from typing import Annotated

import typer

import emodal
from flows.cli.options import Annotations, Json, as_given, note, print_result


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a build, its model, or a .keras file.")],
    film: Annotated[Path, typer.Argument(help="The film, or its URL.")],
    annotations: Annotations = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write predictions.csv and timeline.png into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict the emotions in a film: for each span the probability of every class, as CSV.

    Spans are those of --annotations (labels may be missing), or stretches of speech within a shot that are found in
    the film. If the face or the sound is missing, the model uses the other one, and the table gives the reason.

    Example: emodal predict build/model films/heat/part1.mkv --out heat
    """
    result = emodal.predict(model, film, annotations, out)
    if not result["spans"]:
        note("no span to ask about; give some with --annotations")
    for file in result["files"]:
        note(f"written {file}")
    from flows.operations.predict import as_csv
    from flows.progress.summary import next_command

    asked = as_given({"annotations": annotations}, None, None)
    then = [] if out else [next_command("predict", model, film, *asked, "--out", "DIR")]
    text = as_csv(result["spans"], result["labels"], result["targets"]).rstrip("\n")
    print_result(result, text, as_json, then=then)
