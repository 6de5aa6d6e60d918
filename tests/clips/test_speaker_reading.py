"""Following the faces of real talkers: their own sound fits better than another's, within the shot."""

from pathlib import Path

import numpy as np
import pytest

from emodal_data.clips import speaker_reading
from emodal_data.clips.speaker_reading import middle_shot, read_speakers, read_tracks
from emodal_data.clips.speaking import SeenFaces, score_tracks
from emodal_data.core.config import ClipsConfig, FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span
from emodal_data.face import create_backend
from emodal_data.media import open_film
from emodal_data.media.voice_activity import speech_in

FACE = FaceConfig(choose="speaking")


def test_a_talker_fits_the_own_sound_and_not_that_of_another(media: Path) -> None:
    backend = create_backend("embedded")
    films = [media / "grid" / name for name in ("lbbc2a.mpg", "lrwp9a.mpg")]
    shot, heard, found = Span(0.0, 3.0), [], []
    for path in films:
        with open_film(path, root=path.parent, config=ClipsConfig()) as film:
            speakers = read_speakers(film, Span(0.5, 2.5), backend, FACE)
            heard.append((SeenFaces(speakers.tracks, speakers.frame_px), film.audio(0.0, 3.0)))
        assert [track.length_s > 2.8 for track in speakers.tracks] == [True]  # half a second around the span
        assert speakers.measures[0].on_screen == "yes"
        assert speakers.record is not None
        assert Span(speakers.record["start_s"], speakers.record["end_s"]) == shot
    for seen, _ in heard:
        scored = [score_tracks(seen, wave, shot, shot, speech_in([wave])) for _, wave in heard]
        found.append([one.measures[0].mouth_sync for one in scored])
    own = np.diag(found)
    assert own.min() > 0.3
    assert (own > np.array(found)[::-1, :].diagonal()).all()


class TwoShots:
    """A film that cuts at 2 s, in which frames from 3 s on are damaged."""

    info = type("Info", (), {"fps": 25.0})()

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    def frame_at(self, t_s: float, max_side_px: int) -> None:
        self.asked_s.append(t_s)
        raise Dropped(Reason.FRAME_UNREADABLE, "damaged")


def test_faces_are_followed_within_the_shot_of_the_middle_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    film = TwoShots()
    monkeypatch.setattr(
        speaker_reading, "cuts_between", lambda _, start_s, end_s: [2.0] if start_s < 2.0 < end_s else []
    )
    assert middle_shot(film, Span(0.0, 3.0)) == Span(0.0, 2.0)  # type: ignore[arg-type]
    assert middle_shot(film, Span(1.5, 3.0)) == Span(2.0, 3.0)  # type: ignore[arg-type]
    assert middle_shot(film, Span(1.0, 3.0)) == Span(2.0, 3.0)  # type: ignore[arg-type]
    assert middle_shot(film, Span(0.5, 1.0), Span(0.0, 1.5)) == Span(0.0, 1.5)  # type: ignore[arg-type]
    assert middle_shot(film, Span(2.1, 3.0), Span(1.6, 3.5)) == Span(2.0, 3.5)  # type: ignore[arg-type]


def test_frames_that_cannot_be_decoded_are_left_out() -> None:
    film = TwoShots()
    seen = read_tracks(film, Span(1.0, 2.0), create_backend("embedded"), 10.0)  # type: ignore[arg-type]
    assert seen.tracks == []
    assert len(film.asked_s) == 10
    assert film.asked_s[0] == 1.05
