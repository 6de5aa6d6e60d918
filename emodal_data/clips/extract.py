"""Face and speech features of spans, for a network's prediction: what is missing gets its reason.

The steps, settings and gates are those of a build, so that a network sees what it was trained on. Unlike in a build, a
span without a usable face keeps its sound, and one without a usable sound keeps its face.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emodal_data.audio_features.extract import Float32s, Speech, describe_speech
from emodal_data.clips.gates import audio_gate, face_gate, speaking_gate
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.span_reading import (
    SpanFace,
    SpanSound,
    loaded_backend,
    read_face,
    read_sound,
)
from emodal_data.core.config import AudioConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span
from emodal_data.core.worker_pool import WorkerFailed, WorkerPool
from emodal_data.face import FaceBackend, FacePicture
from emodal_data.face.views import make_views
from emodal_data.media import Film, Frame, open_film
from emodal_data.media.encoders import decode_image, encode_image


@dataclass(frozen=True, eq=False)
class SpanFeatures:
    """The features of a span.

    image: (128, 128) uint8, the frontal face, or the view of settings.picture as a dataset has it, (side, side) or
    (side, side, 3). audio_features: (68,). If one of them is None, its reason is set.
    frames: (n, ...), the faces of the frames of face.frames that pass the gates, if it is more than 1.
    short_term: (frames, 68), if the settings ask for it. frame_s: time stamp of the chosen frame, None without one.
    """

    span: Span
    frame_s: float | None = None
    image: NDArray[np.uint8] | None = None
    frames: NDArray[np.uint8] | None = None
    face_reason: Reason | None = None
    audio_features: Float32s | None = None
    sound_reason: Reason | None = None
    short_term: Float32s | None = None

    @property
    def faces(self) -> NDArray[np.uint8] | None:
        """The frames, if there are any, else the image."""
        return self.image if self.frames is None else self.frames


def extract_features(path: Path, spans: Sequence[Span], settings: ReadSettings) -> list[SpanFeatures]:
    """The features of each span, in order. Runs inside a worker. If the film cannot be used, every span says so.

    Raises InputError if the weights of the face backend are missing.
    """
    backend = loaded_backend(settings.face)
    try:
        with open_film(path, root=settings.films, config=settings.clips) as film:
            return [_read(film, span, backend, settings) for span in spans]
    except (Dropped, MemoryError) as error:
        return _nothing(spans, error.reason if isinstance(error, Dropped) else Reason.DECODER_OUT_OF_MEMORY)


def extract_features_isolated(
    path: Path, spans: Sequence[Span], settings: ReadSettings, pool: WorkerPool
) -> list[SpanFeatures]:
    """As extract_features, in a worker. If the worker crashes or hangs, only the span at fault gets that reason."""
    try:
        return pool.run(settings.timeout_s(path, spans), extract_features, path, spans, settings)
    except WorkerFailed as error:
        if len(spans) > 1:
            return [
                features
                for span in spans
                for features in extract_features_isolated(path, [span], settings, pool)
            ]
        return _nothing(spans, error.reason)


def _read(film: Film, span: Span, backend: FaceBackend, settings: ReadSettings) -> SpanFeatures:
    """The features of one span. A half that is missing, or that a gate refuses, gets its reason; the other stays."""
    features, sound = SpanFeatures(span), None
    try:
        sound = read_sound(film, span, settings.audio)
        speech = _speech(sound, settings.audio)
        features = replace(features, audio_features=speech.features, short_term=speech.short_term)
    except Dropped as drop:
        features = replace(features, sound_reason=drop.reason)
    try:
        seen = read_face(film, span, backend, settings.face)
        features = replace(features, frame_s=seen.frame.pts_s)
        features = replace(features, image=_image(seen, settings))
        return replace(features, frames=_frames(seen, settings))
    except Dropped as drop:
        return replace(features, face_reason=drop.reason)


def _image(seen: SpanFace, settings: ReadSettings) -> NDArray[np.uint8]:
    """The picture of the face. Raises Dropped if there is none or a gate refuses it."""
    if isinstance(seen.picture, Dropped):
        raise seen.picture
    if verdict := face_gate(seen.picture.measures, settings.face) or speaking_gate(
        seen.speaking, settings.face
    ):
        raise Dropped(verdict[0], measured=verdict[1])
    return _view(seen.frame, seen.picture, settings)


def _frames(seen: SpanFace, settings: ReadSettings) -> NDArray[np.uint8] | None:
    clear = [one for one in seen.frames if face_gate(one.picture.measures, settings.face) is None]
    return np.stack([_view(one.frame, one.picture, settings) for one in clear]) if clear else None


def _view(frame: Frame, picture: FacePicture, settings: ReadSettings) -> NDArray[np.uint8]:
    """The picture that settings.picture names. A view was encoded for the dataset, and JPEG changes it."""
    if settings.picture == "image":
        return picture.image
    face = settings.face.model_copy(update={"views": (settings.picture,)})
    view = make_views(frame.rgb, picture, face)[settings.picture]
    return decode_image(encode_image(view, face.view_format))


def _speech(sound: SpanSound, audio: AudioConfig) -> Speech:
    """The speech features of 16-bit sound, as the clip store keeps it. Raises Dropped if a gate refuses it."""
    if verdict := audio_gate(sound.measures, audio, sound.missing_samples, sound.level):
        raise Dropped(verdict[0], measured=verdict[1])
    return describe_speech(sound.pcm, audio)


def _nothing(spans: Sequence[Span], reason: Reason) -> list[SpanFeatures]:
    return [SpanFeatures(span, face_reason=reason, sound_reason=reason) for span in spans]
