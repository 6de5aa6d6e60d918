"""The work of `emodal propose`: look at every film, cut the clips, write the table and the project. No Prefect."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from emodal_data.annotations.columns import OPTIONAL, REQUIRED
from emodal_data.annotations.label_studio_project import clip_file, write_project
from emodal_data.clips.extract import SpanFeatures
from emodal_data.clips.proposals import list_films, propose_spans
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped, InputError, WorkError
from emodal_data.core.span import Span
from emodal_data.core.text import csv_text
from emodal_data.core.worker_pool import WorkerPool
from emodal_data.media.mp4 import export_clip
from emodal_data.storage.files import atomic_path, write_bytes
from emodal_data.storage.film_cache import film_at_hand, name_films
from emodal_model.inference.metadata import model_file, read_about
from flows.config.models import Config
from flows.operations.predict import settings_of
from flows.progress.observer import observer

ANNOTATIONS, PROJECT = "annotations.csv", "label-studio"
#: With a model: candidates for each span that is proposed, and spans that the command shows.
CANDIDATES, SHOWN = 4, 5

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Proposed:
    """A span of a film that is worth annotating. score, why: by a model; see emodal_model.inference.teaching."""

    film: str
    span: Span
    score: float | None = None
    why: str = ""


def make_proposal(
    config: Config, per_film: int, with_clips: bool, model: Path | None = None
) -> dict[str, Any]:
    """Propose at most per_film spans of each film, and write them below config.out.

    model: a model folder or .keras file; the spans that would teach it most are chosen among CANDIDATES times as many,
    read with its own settings, and come first. Returns the number of spans of each film, the first spans with the
    reasons, and the files to go on with. A film that cannot be used is logged and skipped.
    Raises InputError if the table is there already, WorkError if nothing was found.
    """
    table, project = config.out / ANNOTATIONS, config.out / PROJECT
    if with_clips and not config.labels.classes:
        raise InputError("a Label Studio project asks for classes, and labels.classes is empty: --no-clips")
    if table.exists():
        raise InputError(f"{table}: already there, and may hold labels; choose another --out")
    name_films(config.films)
    films = list_films(config.films)
    file = model_file(model / "model" if (model / "model").is_dir() else model) if model else None
    settings = ReadSettings(config.clips, config.face, config.audio)
    if file:
        about = read_about(file)
        if not about.get("labels"):
            raise InputError(
                f"{file}: has no classes, and spans are ranked by their probabilities; leave out --model"
            )
        settings = settings_of(about)
    wanted = per_film * CANDIDATES if file else per_film
    pool = WorkerPool(config.worker_count, config.clips.memory_mb)
    read: dict[str, list[SpanFeatures]] = {}
    watcher = observer()  # the threads below have none of their own

    def spans_of(film: str) -> list[SpanFeatures]:
        try:
            with _at_hand(film, config) as (path, folder):
                return propose_spans(folder, path.relative_to(folder).as_posix(), wanted, settings, pool)
        except Dropped as drop:
            watcher.log(f"{film}: {drop}")
            return []

    try:
        watcher.stage("searching films", len(films), "films")
        for film, spans in _together(config.worker_count, spans_of, films):
            read[film] = spans
            watcher.advance(note=f"{sum(map(len, read.values()))} spans")
    finally:
        pool.close()
    proposed = [Proposed(film, one.span) for film in films for one in read[film]]
    if not proposed:
        raise WorkError(
            f"no span with one clear face and speech in {len(films)} films; "
            "loosen face.min_width_px or other thresholds with --set"
        )
    if file:
        proposed = _by_lesson(proposed, [one for film in films for one in read[film]], file, per_film)
    found = [(one.film, one.span) for one in proposed]
    if with_clips:
        _cut(found, project, config)
        write_project(project, found, config.labels.classes)
    write_bytes(table, _table(proposed, ranked=file is not None).encode())
    files = [table, *((project / "tasks.json", project / "config.xml") if with_clips else ())]
    return {
        "spans": {film: sum(one.film == film for one in proposed) for film in films},
        "first": [asdict(one) for one in proposed[:SHOWN]] if file else [],
        "files": [str(file) for file in files],
    }


def _by_lesson(
    proposed: Sequence[Proposed], read: Sequence[SpanFeatures], file: Path, per_film: int
) -> list[Proposed]:
    """The spans that would teach a network most, at most per_film of each film, best first, with the reasons."""
    from emodal_model.inference.predictor import load
    from emodal_model.inference.teaching import labelled_codes, rank_lessons

    network = load(file)
    seen = [one for one in read if one.image is not None]
    images = [one.faces if network.image_frames > 1 else one.image for one in seen]
    sounds = [one.short_term if network.uses_frames else one.audio_features for one in read]
    probabilities, codes = network.predict_with_codes(images, sounds)
    dataset = _dataset_of(file)
    if dataset is None:
        observer().log(f"{file.parent}: its dataset is not there; spans are compared with each other alone")
    known = labelled_codes(network, dataset) if dataset else np.empty((0, codes.shape[1]))
    clips = network.about.get("training_clips") or dict.fromkeys(network.labels, 0)
    lessons = rank_lessons(probabilities, codes, known, clips, [one.film for one in proposed], per_film)
    return [
        replace(proposed[lesson.place], score=round(lesson.score, 4), why=lesson.why) for lesson in lessons
    ]


def _dataset_of(file: Path) -> Path | None:
    """The dataset that a network was trained on, if it is where its training found it or beside the model folder."""
    try:
        named = Path(json.loads((file.parent / "metrics.json").read_bytes())["dataset"]["path"])
    except (OSError, ValueError, LookupError, TypeError):
        named = file.parent
    return next((p for p in (named, file.parent.parent / "dataset") if (p / "manifest.json").is_file()), None)


def _at_hand(film: str, config: Config) -> AbstractContextManager[tuple[Path, Path]]:
    """A film to read, itself or a copy of one at a URL, and the folder that it is in."""
    films = config.films.resolve()
    return film_at_hand(films / film, films, config.storage.films_gb)


def _cut(found: list[tuple[str, Span]], project: Path, config: Config) -> None:
    """Cut the clips that are not there yet; ffmpeg runs in processes of its own."""
    clips: ClipsConfig = config.clips.model_copy(update={"export": "exact"})
    watcher = observer()

    def cut(one: tuple[str, Span]) -> None:
        film, span = one
        to = project / clip_file(film, span)
        if to.exists():
            return
        try:
            with _at_hand(film, config) as (path, folder), atomic_path(to) as temporary:
                export_clip(path, span.start_s, span.end_s, temporary, root=folder, config=clips)
        except Dropped as drop:
            watcher.log(f"{film} {span.start_s:g}-{span.end_s:g} s: no clip: {drop}")

    watcher.stage("cutting clips", len(found), "clips")
    for _ in _together(config.worker_count, cut, found):
        watcher.advance()


def _table(proposed: Iterable[Proposed], ranked: bool) -> str:
    rows: list[list[object]] = [[*REQUIRED, *OPTIONAL, *(("score", "why") if ranked else ())]]
    for one in proposed:
        reasons = (one.score, one.why) if ranked else ()
        rows.append([one.film, f"{one.span.start_s:.3f}", f"{one.span.end_s:.3f}", "", "", "", *reasons])
    return csv_text(rows)


def _together(threads: int, function: Callable[[T], U], things: Iterable[T]) -> Iterator[tuple[T, U]]:
    """Each thing with what the function makes of it, as they are done."""
    with ThreadPoolExecutor(threads) as executor:
        futures = {executor.submit(function, thing): thing for thing in things}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
