"""One span of an open film: its sound, the frame that is chosen, and the face in that frame.

A build and a prediction read spans with the same two functions; they differ only in what they do if a half is missing.
"""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.quality import AudioMeasures, measure_audio
from emodal_data.audio_features.voice_level import VoiceLevel, voice_level
from emodal_data.clips.frame_series import Anchor, SeenFace, read_series
from emodal_data.clips.gates import face_gate
from emodal_data.clips.speaker_reading import middle_shot, read_speakers
from emodal_data.clips.speaking import SpeakingMeasures
from emodal_data.core.config import AudioConfig, FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.region import Region
from emodal_data.core.span import Span
from emodal_data.face import Detection, FaceBackend, FacePicture, create_backend, find_face
from emodal_data.face.embedding import Embedding, create_embedder
from emodal_data.media import Film, Frame
from emodal_data.media.encoders import pcm16
from emodal_data.media.voice_activity import speech_in

#: Frames are taken from the decoder no larger than this: the detector sees 256 px, the face picture 128 px.
FACE_STAGE_SIDE_PX = 1280

#: How finely the surroundings of the middle frame are searched for a clear face.
_SEARCH_STEP_S = 0.1


@dataclass(frozen=True, eq=False)
class SpanSound:
    """The sound of a span. pcm: (n,) at 16 kHz. missing_samples: those that the film does not have; they are zeros.

    is_one_channel: the channels cancel each other, and one was taken. level: where audio.measures asks for it.
    """

    pcm: npt.NDArray[np.int16]
    measures: AudioMeasures
    missing_samples: int
    is_one_channel: bool
    level: VoiceLevel | None = None


@dataclass(frozen=True, eq=False)
class SpanFace:
    """The frame chosen for a span, and its face, or why it has none. speaking, tracks: where faces were followed.

    frames: the frames of face.frames with the same face, ascending; none if it is 1. tracks: the column schema.TRACKS.
    """

    frame: Frame
    picture: FacePicture | Dropped
    speaking: SpeakingMeasures | None = None
    frames: tuple[SeenFace, ...] = ()
    tracks: dict[str, Any] | None = None


@functools.cache
def loaded_backend(config: FaceConfig) -> FaceBackend:
    """The face models, loaded once in a process. Raises InputError, saying what to install or which file is missing."""
    return create_backend(config.backend, config.weights, config.detector)


def read_sound(film: Film, span: Span, audio: AudioConfig) -> SpanSound:
    """The sound of a span, without thresholds. Raises Dropped as Film.audio_span does."""
    sound = film.audio_span(span.start_s, span.end_s)
    wave = sound.samples / sound.full_scale  # a downmix of full channels exceeds 1, and 16 bits end there
    level = voice_level(wave, speech_in([wave])) if audio.measures else None
    return SpanSound(pcm16(wave), measure_audio(wave), sound.missing_samples, sound.is_one_channel, level)


def read_face(
    film: Film,
    span: Span,
    backend: FaceBackend,
    face: FaceConfig,
    region: Region | None = None,
) -> SpanFace:
    """The middle frame of a span and its face; with face.frame_search_s, the nearest frame with a face that passes.

    region: where in the frame the face is looked for; None is everywhere. The gates choose the frame and refuse none.
    Raises Dropped as Film.frame_at does.
    """
    if not face.tracks_faces:
        return _with_series(film, span, backend, face, _search(film, span, backend, face, lambda _: region))
    speakers = read_speakers(film, span, backend, face)
    speaker = speakers.best(region) if face.choose == "speaking" else None
    if speaker is None:
        seen = _search(film, span, backend, face, lambda _: region)
    else:
        middle_s = speaker.nearest_s((span.start_s + span.end_s) / 2)
        seen = _search(film, span, backend, face, speaker.region_at, middle_s)
    seen = _with_series(film, span, backend, face, seen)
    if isinstance(seen.picture, Dropped):
        return replace(seen, tracks=speakers.record)
    of_face = seen.picture.measures
    x_px, y_px = (of_face.x0 + of_face.x1) / 2, (of_face.y0 + of_face.y1) / 2
    number = speakers.number_of(x_px, y_px, seen.frame.pts_s)
    tracks = None if speakers.record is None else speakers.record | {"chosen": number}
    return replace(seen, speaking=None if number is None else speakers.measures[number], tracks=tracks)


def embedding(seen: SpanFace, backend: FaceBackend, face: FaceConfig) -> Embedding:
    """The embedding of the face that was found in the frame."""
    assert not isinstance(seen.picture, Dropped)
    measures, scale = seen.picture.measures, seen.frame.scale
    box = measures.x0 * scale, measures.y0 * scale, measures.x1 * scale, measures.y1 * scale
    found = backend.landmarks(seen.frame.rgb, Detection(box, measures.face_score))
    return create_embedder(face.embedder)(seen.frame.rgb, found.landmarks68)


def _with_series(film: Film, span: Span, backend: FaceBackend, face: FaceConfig, seen: SpanFace) -> SpanFace:
    """The same with further frames of the face, and with the frame that face.frame chooses among them."""
    anchor = None
    if isinstance(seen.picture, FacePicture):
        box = seen.picture.measures
        anchor = Anchor((box.x0, box.y0, box.x1, box.y1), seen.frame.pts_s)
    if not face.reads_series or (anchor is None and face.frame == "middle"):
        return seen
    shot = middle_shot(film, span, frame_s=anchor.t_s if anchor else None)
    series = read_series(film, shot, anchor, backend, face)
    if series.chosen is not None:
        seen = replace(seen, frame=series.chosen.frame, picture=series.chosen.picture)
    return replace(seen, frames=series.frames)


def _search(
    film: Film,
    span: Span,
    backend: FaceBackend,
    face: FaceConfig,
    region_at: Callable[[float], Region | None],
    middle_s: float | None = None,
) -> SpanFace:
    middle_s = (span.start_s + span.end_s) / 2 if middle_s is None else middle_s
    middle = _look(film, middle_s, backend, face, region_at(middle_s))
    if not _passes(middle, face):
        for t_s in _nearby_s(middle_s, span, face.frame_search_s):
            other = _look(film, t_s, backend, face, region_at(t_s))
            if _passes(other, face):
                return other
    return middle


def _look(film: Film, t_s: float, backend: FaceBackend, face: FaceConfig, region: Region | None) -> SpanFace:
    frame = film.frame_at(t_s, max_side_px=FACE_STAGE_SIDE_PX)
    try:
        return SpanFace(frame, find_face(frame.picture, backend, face, frame.scale, region))
    except Dropped as drop:
        return SpanFace(frame, drop)


def _passes(seen: SpanFace, face: FaceConfig) -> bool:
    return not isinstance(seen.picture, Dropped) and face_gate(seen.picture.measures, face) is None


def _nearby_s(middle_s: float, span: Span, search_s: float) -> Iterator[float]:
    """Times around the middle, nearest first, within the search and the span."""
    for n in range(1, math.floor(search_s / _SEARCH_STEP_S + 1e-9) + 1):
        for t_s in (middle_s - n * _SEARCH_STEP_S, middle_s + n * _SEARCH_STEP_S):
            if span.start_s <= t_s < span.end_s:
                yield t_s
