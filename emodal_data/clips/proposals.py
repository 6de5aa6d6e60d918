"""Proposed spans of a film: candidates with one good face and good sound, spread over the whole film.

choose computes from numbers alone; propose_spans reads a film, in workers.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from emodal_data.clips.candidates import find_candidates
from emodal_data.clips.extract import SpanFeatures, extract_features_isolated
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.file_types import FILM_SUFFIXES
from emodal_data.core.reasons import ADVICE
from emodal_data.core.span import Span
from emodal_data.core.worker_pool import WorkerFailed, WorkerPool

#: Least share of the face in the area of the two largest: four times the area of any other face.
MIN_DOMINANCE = 0.8


def list_films(films: Path) -> list[str]:
    """The films below a folder, as paths below it. Raises InputError if there is none."""
    if not films.is_dir():
        raise InputError(f"{films}: no such folder of films")
    root = films.resolve()
    found = sorted(
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.suffix.lower() in FILM_SUFFIXES
    )
    if not found:
        raise InputError(f"{films}: no film in this folder ({', '.join(sorted(FILM_SUFFIXES))})")
    return found


def propose_spans(
    films: Path, film: str, wanted: int, settings: ReadSettings, pool: WorkerPool
) -> list[SpanFeatures]:
    """At most `wanted` spans of a film with their features, ascending, in milliseconds. film: path below `films`.

    Raises Dropped for a film that cannot be used, or that crashes or hangs its decoder.
    """
    path = films.resolve() / film
    one_face = {"gate": "drop", "min_dominance": max(settings.face.min_dominance, MIN_DOMINANCE)}
    settings = replace(settings, face=settings.face.model_copy(update=one_face))
    try:
        # A film is decoded faster than it plays.
        found = pool.run(settings.clips.max_duration_s, find_candidates, path, films, settings.clips)
    except WorkerFailed as error:
        raise Dropped(error.reason, f"{film}: {ADVICE[error.reason]}") from error

    read: dict[Span, SpanFeatures] = {}

    def clear(spans: Sequence[Span]) -> list[bool]:
        seen = extract_features_isolated(path, spans, settings, pool)
        read.update(zip(spans, seen, strict=True))
        return [one.image is not None and one.audio_features is not None for one in seen]

    candidates = [Span(round(s.start_s, 3), round(s.end_s, 3)) for s in found]
    return [read[span] for span in choose(candidates, wanted, clear)]


def choose(
    candidates: Sequence[Span], wanted: int, clear: Callable[[Sequence[Span]], Sequence[bool]]
) -> list[Span]:
    """At most `wanted` of the candidates that pass, spread evenly over their time, ascending.

    clear: returns for some candidates, ascending, whether each passes; it is called for no more than needed. The time
    is cut into `wanted` equal stretches; the stretch with the fewest chosen spans is searched next.
    """
    stretches = _stretches(candidates, wanted)
    chosen: list[list[Span]] = [[] for _ in stretches]
    while any(stretches) and (missing := wanted - sum(map(len, chosen))) > 0:
        left = [index for index, stretch in enumerate(stretches) if stretch]
        fewest = min(len(chosen[index]) for index in left)
        asked = _spread([index for index in left if len(chosen[index]) == fewest], missing)
        spans = [stretches[index].popleft() for index in asked]
        for index, span, is_clear in zip(asked, spans, clear(spans), strict=True):
            if is_clear:
                chosen[index].append(span)
    return sorted(span for of_stretch in chosen for span in of_stretch)


def _stretches(candidates: Sequence[Span], count: int) -> list[deque[Span]]:
    """The candidates by the stretch that holds their middle, sorted by the distance from its centre."""
    stretches: list[list[Span]] = [[] for _ in range(count)]
    if candidates:
        begin_s = candidates[0].start_s
        length_s = (candidates[-1].end_s - begin_s) / count
        for span in candidates:
            middle_s = (span.start_s + span.end_s) / 2 - begin_s
            stretches[min(int(middle_s / length_s), count - 1)].append(span)
        for index, stretch in enumerate(stretches):
            centre_s = begin_s + (index + 0.5) * length_s
            stretch.sort(key=lambda s, c=centre_s: (abs((s.start_s + s.end_s) / 2 - c), s))  # type: ignore[misc]
    return [deque(stretch) for stretch in stretches]


def _spread(indexes: Sequence[int], count: int) -> list[int]:
    """At most `count` of the indexes, evenly among them."""
    if len(indexes) <= count:
        return list(indexes)
    return [indexes[(2 * n + 1) * len(indexes) // (2 * count)] for n in range(count)]
