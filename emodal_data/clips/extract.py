"""A span of a film as a network sees and hears it: face and speech features, or why one of them is missing.

The same steps, settings and gates as a build, so that a network is asked about what it has learned from; but here a
span without a face keeps its sound, and one without sound its face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emodal_data.audio_features.extract import Float32s, Speech, describe_speech
from emodal_data.audio_features.quality import measure_audio
from emodal_data.clips.gates import audio_gate, face_gate
from emodal_data.clips.middle_face import loaded_backend, middle_face
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span
from emodal_data.core.worker_pool import WorkerCrashed, WorkerPool, WorkerTimedOut, reason_of
from emodal_data.face import FaceBackend
from emodal_data.media import Film, open_film
from emodal_data.media.encoders import pcm16

#: Seconds each further span adds to the time limit of the first.
_PATIENCE_S = 4.0


@dataclass(frozen=True)
class ObserveSettings:
    """The sections of the configuration that decide what is seen and heard."""

    clips: ClipsConfig
    face: FaceConfig
    audio: AudioConfig


@dataclass(frozen=True, eq=False)
class SpanFeatures:
    """What there is of a span.

    image: (128, 128) uint8, the face turned to the front; audio_features: (68,). Where one is missing (None) its reason
    is set. short_term: (frames, 68), where the settings ask for it. frame_s: time stamp of the frame taken, None if
    there is none.
    """

    span: Span
    frame_s: float | None = None
    image: NDArray[np.uint8] | None = None
    face_reason: Reason | None = None
    audio_features: Float32s | None = None
    sound_reason: Reason | None = None
    short_term: Float32s | None = None


def extract_features(path: Path, spans: Sequence[Span], settings: ObserveSettings) -> list[SpanFeatures]:
    """What there is of each span, in order. Runs inside a worker; a film that cannot be used is a reason too.

    Raises InputError when the face backend's weights are missing.
    """
    backend = loaded_backend(settings.face)
    try:
        with open_film(path, config=settings.clips) as film:
            return [_observe(film, span, backend, settings) for span in spans]
    except (Dropped, MemoryError) as error:
        return _nothing(spans, error.reason if isinstance(error, Dropped) else Reason.DECODER_OUT_OF_MEMORY)


def extract_features_isolated(
    path: Path, spans: Sequence[Span], settings: ObserveSettings, pool: WorkerPool
) -> list[SpanFeatures]:
    """As observe, in a worker. A span that crashes or hangs it gets that as its reason, its neighbours do not."""
    timeout_s = settings.clips.timeout_s + _PATIENCE_S * (len(spans) - 1)
    try:
        return pool.run(timeout_s, extract_features, path, spans, settings)
    except (WorkerCrashed, WorkerTimedOut, MemoryError) as error:
        if len(spans) > 1:
            return [
                seen for span in spans for seen in extract_features_isolated(path, [span], settings, pool)
            ]
        return _nothing(spans, reason_of(error))


def _observe(film: Film, span: Span, backend: FaceBackend, settings: ObserveSettings) -> SpanFeatures:
    frame_s, image, speech = None, None, None
    face_reason: Reason | None = None
    sound_reason: Reason | None = None
    try:
        frame, picture = middle_face(film, span.start_s, span.end_s, backend, settings.face)
        frame_s = frame.pts_s
        if isinstance(picture, Dropped):
            raise picture
        verdict = face_gate(picture.measures, settings.face)
        if verdict:
            face_reason = verdict[0]
        else:
            image = picture.image
    except Dropped as drop:
        face_reason = drop.reason
    try:
        speech = _speech(film, span, settings.audio)
    except Dropped as drop:
        sound_reason = drop.reason
    features, short_term = (speech.features, speech.short_term) if speech else (None, None)
    return SpanFeatures(span, frame_s, image, face_reason, features, sound_reason, short_term)


def _speech(film: Film, span: Span, audio: AudioConfig) -> Speech:
    """The numbers of 16-bit sound, as the clip store keeps it. Raises Dropped for sound that is no use."""
    sound = film.audio_span(span.start_s, span.end_s)
    wave = sound.samples / sound.full_scale
    verdict = audio_gate(measure_audio(wave), audio)
    if verdict:
        raise Dropped(verdict[0], measured=verdict[1])
    return describe_speech(pcm16(wave), audio)


def _nothing(spans: Sequence[Span], reason: Reason) -> list[SpanFeatures]:
    return [SpanFeatures(span, face_reason=reason, sound_reason=reason) for span in spans]
