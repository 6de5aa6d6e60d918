"""Reading a reel of clips from its film into a file of the clip store, inside a worker process.

Everything is measured and stored. The gates compare the measures with the settings later (gates.py), so that another
threshold reads no film again.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from emodal_data.audio_features.egemaps import egemaps_names
from emodal_data.clips.films import check_unchanged, limits_key
from emodal_data.clips.frame_series import SeenFace
from emodal_data.clips.gates import stored_audio, stored_level
from emodal_data.clips.plan import Clip, Reel
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.span_reading import (
    SpanFace,
    SpanSound,
    embedding,
    loaded_backend,
    read_face,
    read_sound,
)
from emodal_data.clips.store import write_reel
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.errors import Dropped, TransientError
from emodal_data.core.reasons import ADVICE, PASSING, Reason
from emodal_data.core.region import parse_region
from emodal_data.face import FaceBackend, FacePicture
from emodal_data.face.embedding import create_embedder
from emodal_data.face.perceptual_hash import face_hash
from emodal_data.face.views import make_views
from emodal_data.media import Film, Frame, open_film
from emodal_data.media.encoders import encode_image, encode_png, preview_frame, preview_sound
from emodal_data.media.guard import film_path
from emodal_data.media.shots import crossed_cut_s
from emodal_data.media.whole_decode import compare_frames
from emodal_data.media.whole_sound import compare_sound, plain_sound
from emodal_data.storage.files import is_passing

#: The note in the ledger on a clip whose channels cancel each other.
ONE_CHANNEL = "the channels of the sound cancel each other: one of them was taken"

Row = dict[str, Any]
T = TypeVar("T")


def check_ready(face: FaceConfig, audio: AudioConfig) -> None:
    """Load what reading and publishing need. Raises InputError, saying what to install or which file is missing."""
    loaded_backend(face)
    if face.persons:
        create_embedder(face.embedder)
    if audio.egemaps:
        egemaps_names()


def read_reel(reel: Reel, settings: ReadSettings) -> list[Row]:
    """Read the clips of a reel and write its file into the store. Returns clip_id, reason, measured and detail of those
    that were dropped for a reason that may be gone next time: they are not stored.

    What is wrong with a clip or the film becomes the clip's reason. Raises InputError if the weights of the face
    backend are missing, WorkError if the file cannot be written, and TransientError if the film or its drive went away
    or the film was exchanged since it was hashed.
    """
    backend = loaded_backend(settings.face)
    if reel.source:
        check_unchanged(reel.source)
    try:
        with open_film(reel.path, root=settings.films, config=settings.clips) as film:
            rows = [
                _row(reel.film, clip, functools.partial(_measure, film, clip, backend, settings))
                for clip in reel.clips
            ]
            for row in rows:  # in one go an encoder costs an eighth less than between decoders and networks
                if "preview_sound" in row:
                    row["preview_sound"] = preview_sound(row["preview_sound"])
            rows = verified_rows(film, rows, reel, settings)
    except (Dropped, MemoryError) as error:
        if isinstance(error, Dropped) and _may_pass(error):
            raise TransientError(f"{reel.path}: {error.detail}") from error
        rows = list(failed_rows(reel, error))
    if reel.source:
        check_unchanged(reel.source)
    return store_rows(reel, rows, settings)


def store_rows(reel: Reel, rows: Sequence[Row], settings: ReadSettings) -> list[Row]:
    """Write the rows of a reel that are settled. Returns the others, as read_reel does."""
    settled = [row for row in rows if row.get("reason") not in PASSING]
    if settled:
        write_reel(reel.file, settled, limits_key(settings.clips))
    names = ("clip_id", "reason", "measured", "detail")
    return [{name: row.get(name) for name in names} for row in rows if row.get("reason") in PASSING]


def verified_rows(film: Film, rows: list[Row], reel: Reel, settings: ReadSettings) -> list[Row]:
    """The rows of a reel, those of reel.verified with frame_uncertain where a whole decode gives another answer."""
    face = settings.face
    may_be_another = face.frame_search_s > 0 or face.choose == "speaking" or face.frame != "middle"
    asked = {
        # The middle; or, where another frame may have been chosen, the frame that was taken.
        row["frame_s"] if may_be_another else (row["start_s"] + row["end_s"]) / 2: row
        for row in rows
        if row["clip_id"] in reel.verified and row.get("frame_s") is not None
    }
    if type(film) is not Film:  # a still picture, or sound alone
        return rows
    path = film_path(reel.path, settings.films)
    _verify_sound(film, path, [row for row in rows if row["clip_id"] in reel.verified], settings.clips)
    if not asked:
        return rows
    answered_s = {t_s: float(row["frame_s"]) for t_s, row in asked.items()}
    for difference in compare_frames(film, path, settings.clips, list(asked), answered_s):
        uncertain = {"reason": Reason.FRAME_UNCERTAIN.value, "detail": str(difference)}
        asked[difference.t_s].update(uncertain, measured=difference.plain_s)
    return rows


def _verify_sound(film: Film, path: Path, rows: list[Row], config: ClipsConfig) -> None:
    """Mark rows whose sound is not that of the whole track. The centre alone is not compared."""
    heard = {(row["start_s"], row["end_s"]): row for row in rows if row.get("missing_samples") is not None}
    if not heard or config.audio_mix != "downmix":
        return
    plain = plain_sound(path, config, max(end_s for _, end_s in heard))
    for difference in compare_sound(film, plain, list(heard)):
        uncertain = {"reason": Reason.FRAME_UNCERTAIN.value, "detail": str(difference)}
        heard[difference.start_s, difference.end_s].update(uncertain, measured=difference.error)


def store_failed(reel: Reel, reason: Reason, settings: ReadSettings) -> list[Row]:
    """Write the reel of a film that no worker can read. Returns what read_reel does."""
    return store_rows(reel, list(failed_rows(reel, Dropped(reason, ADVICE[reason]))), settings)


def failed_rows(reel: Reel, error: Exception) -> Iterator[Row]:
    """The rows of a reel if its film or its worker failed as a whole."""

    def fail() -> Row:
        raise error

    for clip in reel.clips:
        yield _row(reel.film, clip, fail)


def _may_pass(error: Dropped) -> bool:
    return error.reason == Reason.FILM_MISSING or is_passing(error.__cause__)


def _row(film: str, clip: Clip, measure: Callable[[], Row]) -> Row:
    row: Row = {"clip_id": clip.clip_id, "film": film, "start_s": clip.start_s, "end_s": clip.end_s}
    try:
        return row | measure()
    except Dropped as drop:
        return row | {"reason": drop.reason.value, "measured": drop.measured, "detail": drop.detail}
    except MemoryError:
        reason = Reason.DECODER_OUT_OF_MEMORY
        return row | {"reason": reason.value, "detail": ADVICE[reason]}


def _measure(film: Film, clip: Clip, backend: FaceBackend, settings: ReadSettings) -> Row:
    """What is stored of a clip. A half that it needs and that is missing drops it: without sound no frame is decoded.

    Raises Dropped.
    """
    needs = settings.clips.modalities
    sound = _half(needs, "audio", lambda: read_sound(film, clip.span, settings.audio))
    region = parse_region(clip.face_region)
    seen = _half(needs, "image", lambda: read_face(film, clip.span, backend, settings.face, region))
    row: Row = {}
    if isinstance(sound, SpanSound):
        row |= {"missing_samples": sound.missing_samples, "preview_sound": sound.pcm}
    if isinstance(seen, SpanFace):
        row |= _seen(seen, clip)
        row |= {} if seen.speaking is None else asdict(seen.speaking)
        row |= {} if seen.tracks is None else {"tracks": seen.tracks}
    picture = seen.picture if isinstance(seen, SpanFace) else seen
    faults = [half for half in (picture, sound) if isinstance(half, Dropped)]
    if faults and (
        needs != "any" or not any(isinstance(half, SpanSound | FacePicture) for half in (sound, picture))
    ):
        drop = faults[0]
        return row | {"reason": drop.reason.value, "measured": drop.measured, "detail": drop.detail}
    if settings.clips.shot_cuts != "ignore" and isinstance(picture, FacePicture):
        row["shot_cut_s"] = crossed_cut_s(film, clip.start_s, clip.end_s)
    if isinstance(picture, FacePicture):
        row |= {
            **asdict(picture.measures),
            **asdict(picture.expression),
            "face_hash": face_hash(picture.image),
            "image": encode_png(picture.image),
        }
        if isinstance(seen, SpanFace):
            row |= _views(seen.frame, picture, settings.face)
            if settings.face.frames > 1:
                row["frames"] = [_frame(one, settings.face) for one in seen.frames]
        if settings.face.persons and isinstance(seen, SpanFace):
            row["embedding"] = embedding(seen, backend, settings.face).tobytes()
    if isinstance(sound, SpanSound):
        row |= {**stored_audio(sound.measures), "audio": sound.pcm.tobytes()}
        row |= {} if sound.level is None else stored_level(sound.level)
        if sound.is_one_channel:
            row["detail"] = ONE_CHANNEL
    return row


def _views(frame: Frame, picture: FacePicture, face: FaceConfig) -> Row:
    """The views of face.views by column, encoded."""
    views = make_views(frame.rgb, picture, face) if face.views else {}
    return {f"image_{name}": encode_image(view, face.view_format) for name, view in views.items()}


def _frame(seen: SeenFace, face: FaceConfig) -> Row:
    """An entry of the store's column frames."""
    return {
        "time_s": seen.frame.pts_s,
        "image": encode_png(seen.picture.image),
        **_views(seen.frame, seen.picture, face),
        **asdict(seen.picture.measures),
        **asdict(seen.picture.expression),
    }


def _half(needs: str, half: str, read: Callable[[], T]) -> T | Dropped | None:
    """One half of a clip: None if it is not wanted; with "any", why it is missing. Raises Dropped if it is needed."""
    if needs not in ("both", "any", half):
        return None
    try:
        return read()
    except Dropped as drop:
        if needs == "any" and drop.reason in (Reason.NO_AUDIO, Reason.NO_VIDEO):
            return drop
        raise


def _seen(seen: SpanFace, clip: Clip) -> Row:
    """What is stored of the frame, whether or not it has a face."""
    frame = seen.frame
    return {
        "frame_s": frame.pts_s,
        "frame_error_s": (clip.start_s + clip.end_s) / 2 - frame.pts_s,
        "corrupt_frames": frame.corrupt_frames,
        "frame_width_px": frame.picture.shape[1] / frame.scale,
        "preview_frame": preview_frame(frame.picture),
    }
