"""`emodal predict`: a trained model on a film."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import Annotations, Json, model_in, print_result


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a build, its model, or a .keras file.")],
    film: Annotated[Path, typer.Argument(help="The film, or its URL.")],
    annotations: Annotations = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for predictions.csv and timeline.png as well.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a trained model about a film: for each span the probability of every emotion, as CSV.

    Spans are those of --annotations (labels may be missing), or stretches of speech within a shot that are found in
    the film. Where a face or the sound is missing the model answers by the other, and the reason is told.

    Example: emodal predict build/model films/heat.mkv --out heat
    """
    from emodal_data.storage.film_cache import film_at_hand
    from emodal_data.storage.sync import pull
    from emodal_data.storage.urls import NAMES, local_path
    from emodal_model.inference.metadata import model_file, read_about
    from flows.config.models import StorageConfig
    from flows.operations.predict import (
        as_csv,
        found_questions,
        given_questions,
        observe_all,
        predictions,
        settings_of,
    )
    from flows.progress.summary import wrong_row_line
    from flows.progress.terminal import watched_on_terminal

    file = model_file(model_in(model))
    settings = settings_of(read_about(file))
    film = local_path(film, kind=NAMES)
    room_gb = StorageConfig().films_gb
    with watched_on_terminal() as terminal, film_at_hand(film, film.parent, room_gb) as (path, _):
        if annotations is not None:
            annotations = local_path(annotations)
            pull(annotations)
            questions = given_questions(film, path, annotations, settings.clips)
        else:
            terminal.log("looking for shots and speech")
            questions = found_questions(film, path, settings.clips)
        for wrong in questions.wrong_rows:
            terminal.log(f"emodal: {wrong_row_line(wrong)}")
        terminal.stage("reading spans", len(questions.asked), "spans")
        observed = observe_all(questions, settings, on_progress=terminal.advance)
    if not questions.asked:
        print("emodal: no span to ask about; give some with --annotations", file=sys.stderr)
    from emodal_model.inference.predictor import load

    network = load(file)
    sounds = [s.short_term if network.uses_frames else s.audio_features for s in observed]
    answers = network.predict_each([s.image for s in observed], sounds)
    lines = predictions(questions, observed, answers, network.labels)
    text = as_csv(lines, network.labels)
    files: list[Path] = []
    if out is not None:
        from emodal_data.storage.files import write_bytes
        from emodal_model.report.timeline import Mark, draw_timeline

        files = [out / "predictions.csv", out / "timeline.png"]
        write_bytes(files[0], text.encode())
        marks = [Mark(s.span.start_s, s.span.end_s, a) for s, a in zip(observed, answers, strict=True)]
        draw_timeline(files[1], film.name, questions.length_s, marks)
    result = {
        "model": str(file),
        "spans_found": questions.are_found,
        "spans": lines,
        "wrong_rows": questions.wrong_rows,
        "files": [str(path) for path in files],
    }
    print_result(result, text.rstrip("\n"), as_json)
