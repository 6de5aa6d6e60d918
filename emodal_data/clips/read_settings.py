"""What decides how spans are read, and how long that may take.

A build hands this to its workers and loads nothing that reads films itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.patience import opening_patience_s
from emodal_data.core.span import Span

#: Frames that face.frame chooses from, beside those of face.frames.
CANDIDATES: Final = 9
#: So much of the shot before and after the span is read too: a talker's mouth rests where the voice does.
CONTEXT_S: Final = 0.5

#: Seconds that each further span adds to the time limit of the first; one usually takes well under a second.
_PATIENCE_S = 4.0
#: Seconds that following the faces may take for each second of a span; it usually takes half a second for each face.
_FOLLOWING_PATIENCE = 8.0
#: Seconds that each further frame of a span may take, and that the search for its shot may take for each second.
_FRAME_PATIENCE_S, _SHOT_PATIENCE = 1.0, 2.0


@dataclass(frozen=True)
class ReadSettings:
    """The sections of the configuration that decide how spans are read.

    films: the folder that a film must not lead out of; None for a film that is named by its path alone. picture: what
    a network takes of a face: the frontal image, or a view of face.views.
    """

    clips: ClipsConfig
    face: FaceConfig
    audio: AudioConfig
    films: Path | None = None
    picture: Literal["image", "rgb", "gray"] = "image"

    def timeout_s(self, film: Path, spans: Sequence[Span]) -> float:
        """The time limit in seconds of a worker that opens a film and reads these spans of it."""
        whole_s = sum(span.length_s for span in spans)
        patience_s = _PATIENCE_S * (len(spans) - 1)
        if self.face.tracks_faces:
            patience_s += _FOLLOWING_PATIENCE * (whole_s + 2 * CONTEXT_S * len(spans))
        if self.face.reads_series:
            patience_s += _FRAME_PATIENCE_S * (self.face.frames + CANDIDATES) * len(spans)
            patience_s += _SHOT_PATIENCE * whole_s
        return self.clips.timeout_s + patience_s + opening_patience_s(film)
