"""The work of `emodal predict`: a film and a trained model in, the probabilities of every span out.

The two packages meet here: emodal_data finds spans and extracts features, emodal_model predicts.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
from pydantic import ValidationError

from emodal_data.annotations import count_votes, read_annotations
from emodal_data.clips.candidates import find_candidates
from emodal_data.clips.extract import SpanFeatures, extract_features_isolated
from emodal_data.clips.films import INSPECT_TIMEOUT_S
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.core.config import DEFAULT_LABELS, AudioConfig, ClipsConfig, FaceConfig, LabelsConfig
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import ADVICE
from emodal_data.core.span import Span
from emodal_data.core.text import csv_text
from emodal_data.core.worker_pool import WorkerFailed, WorkerPool
from emodal_data.media import probe
from emodal_data.storage.files import write_bytes
from emodal_data.storage.film_cache import film_at_hand
from emodal_data.storage.sync import pull
from emodal_data.storage.urls import NAMES, local_path, shown
from emodal_model.inference.metadata import model_file, picture_of, read_about
from flows.config.models import StorageConfig
from flows.progress.observer import observer
from flows.progress.wrong_rows import wrong_row_line, wrong_rows

#: The columns of a line, without the probabilities.
_COLUMNS = (
    "film",
    "start_s",
    "end_s",
    "label",
    "predicted",
    "used",
    "face_reason",
    "sound_reason",
    "frame_s",
)
#: Settings of ClipsConfig that bound what a film may cost.
_LIMITS = (
    "max_duration_s",
    "max_pixels",
    "max_streams",
    "max_packets",
    "max_clip_s",
    "timeout_s",
    "memory_mb",
)
#: Spans read together by one worker.
_TOGETHER = 16


@dataclass(frozen=True)
class Question:
    """A span to ask about; label: what annotators say, None if they do not."""

    span: Span
    label: str | None = None


@dataclass(frozen=True)
class Questions:
    """What is asked about a film. are_found: by shots and speech, not given. wrong_rows: what cannot be asked.

    film: as it was named. path: the file to read, itself or a copy of one at a URL.
    """

    film: Path
    path: Path
    length_s: float
    asked: list[Question]
    are_found: bool
    wrong_rows: list[dict[str, Any]]


def predict_film(model: Path, film: Path, annotations: Path | None, out: Path | None) -> dict[str, Any]:
    """Predict every class for the spans of a film. Arguments and result: see emodal.predict.

    Raises InputError or ModelError if film, annotations or model cannot be used.
    """
    file = model_file(model / "model" if (model / "model").is_dir() else model)
    about = read_about(file)
    settings = settings_of(about)
    film = local_path(film, kind=NAMES)
    with film_at_hand(film, film.parent, StorageConfig().films_gb) as (path, _):
        questions = _questions(film, path, annotations, settings.clips, labels_of(about))
        for wrong in questions.wrong_rows:
            observer().log(f"emodal: {wrong_row_line(wrong)}")
        observer().stage("reading spans", len(questions.asked), "spans")
        observed = observe_all(questions, settings, on_progress=observer().advance)
    from emodal_model.inference.predictor import load

    network = load(file)
    sounds = [s.short_term if network.uses_frames else s.audio_features for s in observed]
    images = [s.faces if network.image_frames > 1 else s.image for s in observed]
    answers = network.predict_each(images, sounds)
    lines = predictions(questions, observed, answers, network.labels, network.targets)
    files = [] if out is None else _write(out, questions, lines, answers, network)
    return {
        "model": str(file),
        "labels": list(network.labels),
        "targets": list(network.targets),
        "spans_found": questions.are_found,
        "spans": lines,
        "wrong_rows": questions.wrong_rows,
        "files": [str(path) for path in files],
    }


def _questions(
    film: Path, path: Path, annotations: Path | None, config: ClipsConfig, labels: LabelsConfig
) -> Questions:
    if annotations is None:
        observer().log("looking for shots and speech")
        return found_questions(film, path, config)
    annotations = local_path(annotations)
    pull(annotations)
    return given_questions(film, path, annotations, config, labels)


def _write(
    out: Path,
    questions: Questions,
    lines: Sequence[dict[str, Any]],
    answers: Sequence[Any],
    network: Any,
) -> list[Path]:
    """Write predictions.csv and timeline.png into a folder; returns both."""
    from emodal_model.report.timeline import Mark, draw_timeline

    table, timeline = out / "predictions.csv", out / "timeline.png"
    write_bytes(table, as_csv(lines, network.labels, network.targets).encode())
    spans = [question.span for question in questions.asked]
    marks = [Mark(s.start_s, s.end_s, a) for s, a in zip(spans, answers, strict=True)]
    of_film = (questions.film.name, questions.length_s, marks)
    draw_timeline(timeline, *of_film, network.labels, network.targets)
    return [table, timeline]


def settings_of(about: dict[str, Any]) -> ReadSettings:
    """How the faces and sounds of the model were read: see emodal_model.inference.metadata.

    Limits of decoding protect this machine, so a model file may lower them and cannot raise them.
    Raises InputError for unknown settings.
    """
    try:
        clips, own = ClipsConfig(**about.get("clips", {})), ClipsConfig()
        lowest = {name: min(getattr(clips, name), getattr(own, name)) for name in _LIMITS}
        return ReadSettings(
            clips.model_copy(update=lowest),
            FaceConfig(**about.get("face", {})),
            AudioConfig(**about.get("audio", {})),
            picture=picture_of(about),
        )
    except TypeError as error:
        raise InputError("the model's settings are not what emodal train writes: train it again") from error
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(
            f"the model was trained with a setting {where} that this version does not know: train it again"
        ) from error


def labels_of(about: dict[str, Any]) -> LabelsConfig:
    """The classes of a model, and the words for them in its dataset: see emodal_model.inference.metadata.

    Spans that are asked about need not have the targets of the dataset. A model without classes reads any words, which
    its predictions do not show.
    Raises InputError if they cannot be classes, such as words with control characters.
    """
    try:
        if not about["labels"]:
            return DEFAULT_LABELS
        own = {"classes": tuple(about["labels"]), "targets": ()}
        return LabelsConfig(**{**about.get("label_settings", {}), **own})
    except (KeyError, TypeError, ValidationError) as error:
        raise InputError("the model's classes are not what emodal train writes: train it again") from error


def given_questions(
    film: Path,
    path: Path,
    annotations: Path,
    config: ClipsConfig,
    labels: LabelsConfig = DEFAULT_LABELS,
) -> Questions:
    """The spans that annotations have of this film; rows of one span are one question, their labels votes.

    film, path: as in Questions. labels: the classes of the model, and the words for them.
    Raises InputError if the film cannot be used, or no row is about it.
    """
    length_s = _length_s(film, path, config)
    rows = read_annotations(annotations, labels=labels)
    mine = rows[rows["film"].map(lambda name: _is_meant(name, film))]
    if mine.empty:
        names = ", ".join(sorted(set(rows["film"]))[:3])
        raise InputError(
            f"{shown(annotations)}: no row is about {film.name} (films there: {names}); "
            "the column film must end its path"
        )
    good = mine[mine["reason"].isna()]
    if "face_region" in good and good["face_region"].notna().any():
        raise InputError(
            f"{shown(annotations)}: predict takes the largest face of a frame, whatever face_box and face_side say: "
            "remove these columns"
        )
    whole = good["start_s"].isna()
    good = good.assign(start_s=good["start_s"].mask(whole, 0.0), end_s=good["end_s"].mask(whole, length_s))
    named = good.assign(clip_id=[f"{a}-{b}" for a, b in zip(good["start_s"], good["end_s"], strict=True)])
    votes = count_votes(named, labels.classes).clips["label"]
    spans = named.drop_duplicates("clip_id").sort_values(["start_s", "end_s"])
    voted = [None if pd.isna(label) else str(label) for label in votes.reindex(spans["clip_id"])]
    asked = [
        Question(Span(start_s, end_s), label)
        for start_s, end_s, label in zip(spans["start_s"], spans["end_s"], voted, strict=True)
    ]
    return Questions(film, path, length_s, asked, False, wrong_rows(mine, annotations))


def found_questions(film: Path, path: Path, config: ClipsConfig) -> Questions:
    """Spans of 1 to 6 seconds of speech within a shot, found by reading all of the film.

    film, path: as in Questions. Raises InputError if the film cannot be used.
    """
    length_s = _length_s(film, path, config)
    with _workers(1, config) as pool:
        try:
            # All of it is decoded, and that may take as long as watching it on a slow machine.
            spans = pool.run(INSPECT_TIMEOUT_S + 2 * length_s, find_candidates, path, None, config)
        except Dropped as drop:
            raise InputError(f"{shown(film)}: {drop}") from drop
        except WorkerFailed as error:
            raise InputError(f"{shown(film)}: {error.reason}: {ADVICE[error.reason]}") from error
    return Questions(film, path, length_s, [Question(span) for span in spans], True, [])


def observe_all(
    questions: Questions, settings: ReadSettings, on_progress: Callable[[int], None] = lambda _: None
) -> list[SpanFeatures]:
    """Face and speech features of every span, in order. on_progress: called with the spans just read."""
    spans = [question.span for question in questions.asked]
    parts = [spans[first : first + _TOGETHER] for first in range(0, len(spans), _TOGETHER)]
    count = min(len(os.sched_getaffinity(0)), max(1, len(parts)))
    seen: list[SpanFeatures] = []
    with _workers(count, settings.clips) as pool, ThreadPoolExecutor(count) as threads:
        for part in threads.map(
            lambda s: extract_features_isolated(questions.path, s, settings, pool), parts
        ):
            seen += part
            on_progress(len(part))
    return seen


def predictions(
    questions: Questions,
    observed: Sequence[SpanFeatures],
    answers: Sequence[Any],
    labels: Sequence[str],
    targets: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """A line a span, as JSON values. answers: emodal_model.predictor.Answer, in the order of observed.

    label and predicted are left out if there are no classes.
    """
    columns = answer_columns(labels, targets)
    lines = []
    for question, seen, answer in zip(questions.asked, observed, answers, strict=True):
        shares = [None] * len(labels) if answer.probabilities is None else answer.probabilities.tolist()
        values = [None] * len(targets) if answer.targets is None else answer.targets.tolist()
        best = None if answer.probabilities is None else labels[int(answer.probabilities.argmax())]
        words = {"label": question.label, "predicted": best} if labels else {}
        lines.append(
            {
                "film": questions.film.name,
                "start_s": round(question.span.start_s, 6),
                "end_s": round(question.span.end_s, 6),
                **words,
                **{
                    name: None if number is None else round(number, 6)
                    for name, number in zip(columns, [*shares, *values], strict=True)
                },
                "used": answer.used,
                "face_reason": seen.face_reason,
                "sound_reason": seen.sound_reason,
                "frame_s": None if seen.frame_s is None else round(seen.frame_s, 6),
            }
        )
    return lines


def answer_columns(labels: Sequence[str], targets: Sequence[str] = ()) -> list[str]:
    """The columns of the probabilities and of the values: the names of classes and targets.

    A class named like another column is <name>_probability, a target <name>_value.
    """
    classes = [f"{name}_probability" if name in _COLUMNS else name for name in labels]
    taken = {*_COLUMNS, *classes}
    return classes + [f"{name}_value" if name in taken else name for name in targets]


def as_csv(lines: Sequence[dict[str, Any]], labels: Sequence[str], targets: Sequence[str] = ()) -> str:
    """The lines as CSV with a header, empty cells where there is nothing."""
    words = ["label", "predicted"] if labels else []
    names = ["film", "start_s", "end_s", *words, *answer_columns(labels, targets), "used"]
    names += ["face_reason", "sound_reason", "frame_s"]
    return csv_text([names, *([line.get(name) for name in names] for line in lines)])


def _is_meant(name: str, film: Path) -> bool:
    """Whether an annotation's film is the end of this path, with or without suffix."""
    wanted = PurePath(name).parts
    here = film.resolve()
    return bool(wanted) and wanted in (
        here.parts[-len(wanted) :],
        here.with_suffix("").parts[-len(wanted) :],
    )


def _length_s(film: Path, path: Path, config: ClipsConfig) -> float:
    with _workers(1, config) as pool:
        try:
            return pool.run(INSPECT_TIMEOUT_S, probe, path, config=config).duration_s
        except Dropped as drop:
            raise InputError(f"{shown(film)}: {drop}") from drop
        except WorkerFailed as error:
            raise InputError(f"{shown(film)}: {error.reason}: {ADVICE[error.reason]}") from error


@contextmanager
def _workers(count: int, config: ClipsConfig) -> Iterator[WorkerPool]:
    pool = WorkerPool(count, config.memory_mb)
    try:
        yield pool
    finally:
        pool.close()
