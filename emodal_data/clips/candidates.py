"""Candidate spans of a film: 1 to 6 seconds of speech within one shot.

find_candidates reads the film, in a worker as everything that decodes; candidates computes from numbers alone.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span
from emodal_data.media import open_film
from emodal_data.media.shots import find_shots
from emodal_data.media.voice_activity import find_speech

MIN_S, MAX_S = 1.0, 6.0
#: A short exclamation joins the speech after it over a pause of at most this.
JOIN_S = 0.5


def find_candidates(path: Path, root: Path | None, config: ClipsConfig) -> list[Span]:
    """The candidates of a film, ascending; from its shots alone if it has no sound track.

    path, root: as media.open_film takes them. Decodes the whole film.
    Raises Dropped for a film that cannot be used.
    """
    with open_film(path, root=root, config=config) as film:
        shots = find_shots(film)
        try:
            speech = find_speech(film, shots[-1].end_s) if shots else []
        except Dropped as drop:
            if drop.reason is not Reason.NO_AUDIO:
                raise
            return candidates(shots, shots)
    return candidates(shots, speech)


def candidates(
    shots: Sequence[Span], speech: Sequence[Span], min_s: float = MIN_S, max_s: float = MAX_S
) -> list[Span]:
    """The parts of speech that lie in one shot and last min_s to max_s, ascending; none overlap.

    shots, speech: ascending, each without overlaps. Longer speech is cut into equal parts.
    """
    found: list[Span] = []
    for shot in shots:
        heard = [part for part in (span.within(shot) for span in speech) if part.length_s > 0]
        for span in _joined(heard, min_s, max_s):
            found += [part for part in _parts(span, max_s) if part.length_s >= min_s]
    return found


def _joined(heard: Sequence[Span], min_s: float, max_s: float) -> list[Span]:
    spans: list[Span] = []
    for span in heard:
        last = spans[-1] if spans else None
        if (
            last is not None
            and min(last.length_s, span.length_s) < min_s
            and span.start_s - last.end_s <= JOIN_S
            and span.end_s - last.start_s <= max_s
        ):
            spans[-1] = Span(last.start_s, span.end_s)
        else:
            spans.append(span)
    return spans


def _parts(span: Span, max_s: float) -> list[Span]:
    count = math.ceil(span.length_s / max_s - 1e-9)
    borders = [span.start_s + span.length_s * i / count for i in range(count)] + [span.end_s]
    return [Span(a, b) for a, b in pairwise(borders)]
