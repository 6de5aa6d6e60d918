"""Reads the frames of a span for its faces and says who of them speaks: tracks within the shot of the middle frame."""

import numpy as np
import numpy.typing as npt

from emodal_data.clips.read_settings import CONTEXT_S
from emodal_data.clips.speaking import SeenFaces, Speakers, score_tracks
from emodal_data.clips.track_record import place_of, portrait
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.span import Span
from emodal_data.face import Detection, FaceBackend, FaceTrack, Tracker
from emodal_data.face.tracks import MIN_OVERLAP, overlap
from emodal_data.media import Film
from emodal_data.media.shots import cuts_between
from emodal_data.media.voice_activity import speech_in

#: Frames are taken from the decoder no larger than this.
SIDE_PX = 1280
#: The detector looks for faces so often; between, their landmarks are followed from frame to frame.
DETECT_STEP_S = 0.12
#: The largest faces of a frame that are followed.
MAX_FACES = 4
#: Landmarks with a lower score are no face any more.
MIN_LANDMARK_SCORE = 0.2


def read_speakers(film: Film, span: Span, backend: FaceBackend, face: FaceConfig) -> Speakers:
    """The faces in a span, and a little around it, within the shot of its middle frame, and how each fits the voice.

    Sound that cannot be decoded counts as silence. Raises Dropped as Film.frame_at does.
    """
    shot, wave = shot_and_sound(film, span)
    return score_tracks(read_tracks(film, shot, backend, face.track_fps), wave, shot, span, speech_in([wave]))


def shot_and_sound(film: Film, span: Span) -> tuple[Span, npt.NDArray[np.float32]]:
    """The shot of a span's middle frame, up to CONTEXT_S around the span where it can be read, and its sound.

    Returns the shot and (n,) float32 at 16 kHz; none where the sound cannot be decoded.
    """
    end_s = max(span.end_s, min(span.end_s + CONTEXT_S, film.duration_s))
    shot = span
    for around in (Span(max(0.0, span.start_s - CONTEXT_S), end_s), span):
        shot = middle_shot(film, span, around)
        try:
            sound = film.audio_span(shot.start_s, shot.end_s)
            return shot, sound.samples / np.float32(sound.full_scale)
        except Dropped:
            continue  # the sound ends earlier, or a clip may not be as long
    return shot, np.zeros(0, np.float32)


def middle_shot(film: Film, span: Span, around: Span | None = None, frame_s: float | None = None) -> Span:
    """The part of a span that lies in the shot of its middle frame; all of it where cuts cannot be looked for.

    around: a longer stretch to take the part of. frame_s: time stamp of another frame than the middle one.
    """
    around = around or span
    try:
        cuts_s = cuts_between(film, around.start_s, around.end_s)
    except Dropped:
        return around
    # Cuts are rounded to a microsecond.
    middle_s = (span.start_s + span.end_s) / 2 if frame_s is None else frame_s + 1e-6
    start_s = max((cut_s for cut_s in cuts_s if cut_s <= middle_s), default=around.start_s)
    end_s = min((cut_s for cut_s in cuts_s if cut_s > middle_s), default=around.end_s)
    return Span(start_s, end_s)


def read_tracks(film: Film, shot: Span, backend: FaceBackend, fps: float) -> SeenFaces:
    """The face tracks of a shot, from at most fps frames a second. Times are the middle of what a frame shows.

    A frame that cannot be decoded is left out. Raises nothing of a single frame.
    """
    step_s = 1.0 / min(fps, film.info.fps or fps)
    tracker, seen_s, detected_s = Tracker(), -np.inf, -np.inf
    frame_px = 0.0, 0.0
    portraits: dict[FaceTrack, dict[int, npt.NDArray[np.uint8]]] = {}
    for number in range(int(shot.length_s / step_s)):
        try:
            frame = film.frame_at(shot.start_s + (number + 0.5) * step_s, max_side_px=SIDE_PX)
        except Dropped:
            continue
        if frame.pts_s == seen_s:
            continue
        seen_s, t_s = frame.pts_s, frame.pts_s + step_s / 2
        frame_px = frame.picture.shape[1] / frame.scale, frame.picture.shape[0] / frame.scale
        known = tracker.expected(t_s, frame.scale)
        new: list[Detection] = []
        if t_s - detected_s >= DETECT_STEP_S - step_s / 4:
            # A known face keeps the crop of its own landmarks: the detector's boxes would make its lips tremble.
            new, detected_s = [one for one in backend.detect(frame.picture) if not _is_known(one, known)], t_s
        faces = [backend.landmarks(frame.picture, one) for one in [*known, *new][:MAX_FACES]]
        clear = [one for one in faces if one.landmark_score >= MIN_LANDMARK_SCORE]
        tracker.add(t_s, clear, frame.scale)
        for track in tracker.tracks:
            of_track, place = portraits.setdefault(track, {}), place_of(t_s, shot)
            if track.times_s[-1] == t_s and place not in of_track:
                x0, y0, x1, y1 = (edge * frame.scale for edge in track.boxes[-1])
                of_track[place] = portrait(frame.rgb, (x0, y0, x1, y1))
    return SeenFaces(tracker.tracks, frame_px, portraits)


def _is_known(detection: Detection, known: list[Detection]) -> bool:
    return any(overlap(detection.box_xyxy, other.box_xyxy) >= MIN_OVERLAP for other in known)
