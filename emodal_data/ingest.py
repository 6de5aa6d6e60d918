"""A reel in, a clip-store file out: the only place that reads films. Runs inside a worker process.

Everything is measured and stored; what is good enough is decided later (clear_clips.py), so that another
threshold reads no film again.
"""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from emodal_data.audio_check import measure_audio
from emodal_data.clip_store import write_reel
from emodal_data.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.egemaps import egemaps_names
from emodal_data.errors import Dropped
from emodal_data.face import FaceBackend, FacePicture, create_backend, find_face, gate
from emodal_data.face_hash import face_hash
from emodal_data.isolation import WorkerCrashed, WorkerPool, WorkerTimedOut, reason_of
from emodal_data.media import Film, Frame, open_film
from emodal_data.plan import Clip, Reel
from emodal_data.preview import preview_frame, preview_sound
from emodal_data.reasons import ADVICE, Reason

#: Frames are taken from the decoder no larger than this: the detector sees 256 px, the face picture 128 px.
FACE_STAGE_SIDE_PX = 1280

#: How finely the surroundings of the middle frame are searched for a clear face.
_SEARCH_STEP_S = 0.1

#: Seconds each further clip of a reel adds to its time limit; one takes well under a second as a rule.
_PATIENCE_S = 4.0

Row = dict[str, Any]


@dataclass(frozen=True)
class IngestSettings:
    """What ingest needs to know: the films folder and two sections of the configuration."""

    films: Path
    clips: ClipsConfig
    face: FaceConfig


def check_ready(face: FaceConfig, audio: AudioConfig) -> None:
    """Load what reading and publishing need. Raises InputError, saying what to install or which file to put where."""
    _backend(face)
    if audio.egemaps:
        egemaps_names()


def ingest_reel(reel: Reel, settings: IngestSettings) -> None:
    """Read the clips of a reel and write its file into the store.

    What is wrong with a clip or the film becomes the clip's reason. Raises InputError or WorkError only when
    the file cannot be written or the face backend's weights are missing.
    """
    backend = _backend(settings.face)
    try:
        with open_film(reel.path, root=settings.films, config=settings.clips) as film:
            rows = [
                _row(reel.film, clip, functools.partial(_measure, film, clip, backend, settings.face))
                for clip in reel.clips
            ]
    except (Dropped, MemoryError) as error:
        rows = list(failed_rows(reel, error))
    write_reel(reel.file, rows)


def ingest_guarded(reel: Reel, settings: IngestSettings, pool: WorkerPool) -> None:
    """Read a reel in a worker. One that crashes or hangs costs the clip that does it, not its neighbours.

    After a crash every clip is tried once alone, and the guilty ones get their reason. Errors as ingest_reel.
    """
    timeout_s = settings.clips.timeout_s + _PATIENCE_S * (len(reel.clips) - 1)
    try:
        pool.run(timeout_s, ingest_reel, reel, settings)
    except (WorkerCrashed, WorkerTimedOut, MemoryError) as error:
        if len(reel.clips) > 1:
            for clip in reel.clips:
                ingest_guarded(reel.alone(clip), settings, pool)
        else:
            reason = reason_of(error)
            write_reel(reel.file, list(failed_rows(reel, Dropped(reason, ADVICE[reason]))))


def failed_rows(reel: Reel, error: Exception) -> Iterator[Row]:
    """The rows of a reel whose film, or whose worker, failed as a whole."""

    def fail() -> Row:
        raise error

    for clip in reel.clips:
        yield _row(reel.film, clip, fail)


def _row(film: str, clip: Clip, measure: Callable[[], Row]) -> Row:
    row: Row = {"clip_id": clip.clip_id, "film": film, "start_s": clip.start_s, "end_s": clip.end_s}
    try:
        return row | measure()
    except Dropped as drop:
        return row | {"reason": drop.reason.value, "measured": drop.measured, "detail": drop.detail}
    except MemoryError:
        reason = Reason.DECODER_OUT_OF_MEMORY
        return row | {"reason": reason.value, "detail": ADVICE[reason]}


def _measure(film: Film, clip: Clip, backend: FaceBackend, face: FaceConfig) -> Row:
    sound = film.audio_span(clip.start_s, clip.end_s)
    middle_s = (clip.start_s + clip.end_s) / 2
    frame, picture = _look(film, middle_s, backend, face)
    if not _is_clear(picture, face):
        for t_s in _nearby_s(middle_s, clip, face.frame_search_s):
            other = _look(film, t_s, backend, face)
            if _is_clear(other[1], face):
                frame, picture = other
                break
    wave = sound.samples / sound.full_scale  # a downmix of full channels exceeds 1, and 16 bits end there
    pcm = pcm16(wave)
    row: Row = {
        "frame_s": frame.pts_s,
        "frame_error_s": middle_s - frame.pts_s,
        "corrupt_frames": frame.corrupt_frames,
        "missing_samples": sound.missing_samples,
        "frame_width_px": frame.rgb.shape[1] / frame.scale,
        "preview_frame": preview_frame(frame.rgb),
        "preview_sound": preview_sound(pcm),
    }
    if isinstance(picture, Dropped):
        return row | {"reason": picture.reason.value, "measured": picture.measured, "detail": picture.detail}
    heard = measure_audio(wave)
    return (
        row
        | asdict(picture.measures)
        | {
            "audio_rms": heard.rms,
            "audio_peak": heard.peak,
            "audio_clipped_fraction": heard.clipped_fraction,
            "audio_is_constant": heard.is_constant,
            "audio_is_finite": heard.is_finite,
            "face_hash": face_hash(picture.image),
            "image": encode_png(picture.image),
            "audio": pcm.tobytes(),
        }
    )


def _look(
    film: Film, t_s: float, backend: FaceBackend, face: FaceConfig
) -> tuple[Frame, FacePicture | Dropped]:
    frame = film.frame_at(t_s, max_side_px=FACE_STAGE_SIDE_PX)
    try:
        return frame, find_face(frame.rgb, backend, face, scale=frame.scale)
    except Dropped as drop:
        return frame, drop


def _is_clear(picture: FacePicture | Dropped, face: FaceConfig) -> bool:
    return not isinstance(picture, Dropped) and gate(picture.measures, face) is None


def _nearby_s(middle_s: float, clip: Clip, search_s: float) -> Iterator[float]:
    """Times around the middle, nearest first, within the search and the span."""
    for n in range(1, math.floor(search_s / _SEARCH_STEP_S + 1e-9) + 1):
        for t_s in (middle_s - n * _SEARCH_STEP_S, middle_s + n * _SEARCH_STEP_S):
            if clip.start_s <= t_s < clip.end_s:
                yield t_s


def encode_png(image: np.ndarray) -> bytes:
    """A gray image as PNG bytes, the same bytes for the same pixels. image: (h, w) uint8."""
    done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ValueError(f"no PNG can be made of an array of shape {image.shape} and type {image.dtype}")
    return data.tobytes()


def pcm16(samples: np.ndarray) -> np.ndarray:
    """Sound as 16-bit integers, little-endian. samples: (n,) float in [-1, 1]; beyond that it clips, NaN is 0."""
    pcm: np.ndarray = np.clip(np.rint(np.nan_to_num(samples) * 32768.0), -32768, 32767).astype("<i2")
    return pcm


@functools.cache
def _backend(config: FaceConfig) -> FaceBackend:
    """The face models, loaded once in a worker's life."""
    return create_backend(config.backend, config.weights, config.detector)
