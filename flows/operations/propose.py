"""The work of `emodal propose`: look at every film, cut the clips, write the table and the project. No Prefect."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from emodal_data.annotations.columns import OPTIONAL, REQUIRED
from emodal_data.annotations.label_studio_project import clip_file, write_project
from emodal_data.clips.proposals import list_films, propose_spans
from emodal_data.clips.span_reading import ReadSettings
from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped, InputError, WorkError
from emodal_data.core.span import Span
from emodal_data.core.worker_pool import WorkerPool
from emodal_data.media.mp4 import export_clip
from emodal_data.storage.files import atomic_path, write_bytes
from emodal_data.storage.film_cache import film_at_hand, name_films
from flows.config.models import Config
from flows.progress.observer import observer

ANNOTATIONS, PROJECT = "annotations.csv", "label-studio"

T = TypeVar("T")
U = TypeVar("U")


def make_proposal(config: Config, per_film: int, with_clips: bool) -> dict[str, Any]:
    """Propose at most per_film spans of each film, and write them below config.out.

    Returns the number of spans of each film, and the files to go on with. A film that cannot be used is
    logged and skipped. Raises InputError if the table is there already, WorkError if nothing was found.
    """
    table, project = config.out / ANNOTATIONS, config.out / PROJECT
    if table.exists():
        raise InputError(f"{table}: already there, and may hold labels; choose another --out")
    name_films(config.films)
    films = list_films(config.films)
    settings = ReadSettings(config.clips, config.face, config.audio)
    pool = WorkerPool(config.worker_count, config.clips.memory_mb)
    proposed: dict[str, list[Span]] = {}
    watcher = observer()  # the threads below have none of their own

    def spans_of(film: str) -> list[Span]:
        try:
            with _at_hand(film, config) as (path, folder):
                return propose_spans(folder, path.relative_to(folder).as_posix(), per_film, settings, pool)
        except Dropped as drop:
            watcher.log(f"{film}: {drop}")
            return []

    try:
        watcher.stage("searching films", len(films), "films")
        for film, spans in _together(config.worker_count, spans_of, films):
            proposed[film] = spans
            watcher.advance(note=f"{sum(map(len, proposed.values()))} spans")
    finally:
        pool.close()
    found = [(film, span) for film in films for span in proposed[film]]
    if not found:
        raise WorkError(
            f"no span with one clear face and speech in {len(films)} films; "
            "loosen face.min_width_px or other thresholds with --set"
        )
    if with_clips:
        _cut(found, project, config)
        write_project(project, found, config.labels.classes)
    write_bytes(table, _table(found).encode())
    files = [table, *((project / "tasks.json", project / "config.xml") if with_clips else ())]
    return {"spans": {film: len(proposed[film]) for film in films}, "files": [str(file) for file in files]}


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


def _table(found: Iterable[tuple[str, Span]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*REQUIRED, *OPTIONAL])
    for film, span in found:
        writer.writerow([film, f"{span.start_s:.3f}", f"{span.end_s:.3f}", "", "", ""])
    return text.getvalue()


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
