"""What emodal doctor says of a film, and that its whole decode finds what the reader gets wrong."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import Film, Frame, open_film
from emodal_data.media.doctor import examine_film
from emodal_data.media.whole_decode import compare_frames, plain_frames
from tests.media.films import Recipe, make_film

CONFIG = ClipsConfig()


def test_a_plain_film_has_no_faults(tmp_path: Path) -> None:
    found = examine_film(make_film(tmp_path, Recipe()), CONFIG)
    assert (found.faults, found.notes) == ([], [])
    assert found.facts["picture"] == "h264 192x96, 25 frames a second"
    assert found.facts["streams"] == [
        "0: video h264 192x96 default <- read",
        "1: audio aac 48000 Hz mono default <- read",
    ]
    assert (found.facts["first_frame_s"], found.facts["last_frame_s"]) == (0.0, 3.96)
    assert found.checked["frames"] == 20


def test_what_is_odd_is_noted(tmp_path: Path) -> None:
    late = replace(Recipe(".mkv"), video_start_s=Fraction(63, 25), audio_start_s=Fraction(2))
    found = examine_film(make_film(tmp_path, replace(late, pixel_shape=Fraction(4, 3))), CONFIG)
    assert found.faults == []
    assert "pixels are 1.333 times as wide as high: the picture is stretched" in found.notes
    assert "the clock starts at 2.000 s, which counts as 0" in found.notes
    assert "the picture starts 0.520 s after the film" in found.notes


def test_a_varying_frame_rate_and_its_gaps_are_noted(tmp_path: Path) -> None:
    steps = [Fraction(1, 25) if k % 9 else Fraction(7, 5) for k in range(100)]
    times = [sum(steps[:k], Fraction(0)) for k in range(100)]
    film = make_film(tmp_path, Recipe(times_s=times, time_base=Fraction(1, 12800), audio_s=19.0))
    notes = examine_film(film, CONFIG).notes
    assert "11 frames stay longer than 5 others, up to 1.40 s" in notes
    assert "the frame rate varies" in notes


def test_a_film_without_sound_has_a_fault(tmp_path: Path) -> None:
    found = examine_film(make_film(tmp_path, Recipe(audio=None)), CONFIG)
    assert found.faults == ["no_audio: no sound track 'default' among 0"]


def test_what_is_no_film_is_said(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("<html></html>")
    with pytest.raises(Dropped) as dropped:
        examine_film(tmp_path / "film.mp4", CONFIG)
    assert dropped.value.reason == Reason.FILM_UNREADABLE


def test_a_whole_decode_gives_the_frames_on_screen(tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe(".mkv", video_start_s=Fraction(12, 25)))
    plain = plain_frames(path, CONFIG, [3.01, 0.2, 0.5, 9.0])
    assert [(one.t_s, round(one.pts_s, 2)) for one in plain] == [(0.5, 0.48), (3.01, 3.0), (9.0, 4.44)]


def test_a_wrong_frame_is_found_by_its_stamp_and_by_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, right = make_film(tmp_path, Recipe()), Film.frame_at

    def late(film: Film, t_s: float, max_side_px: int | None = None) -> Frame:
        return right(film, t_s + 0.08, max_side_px)

    def dark(film: Film, t_s: float, max_side_px: int | None = None) -> Frame:
        frame = right(film, t_s, max_side_px)
        return replace(frame, rgb=np.zeros_like(frame.rgb))

    with open_film(path) as film:
        assert compare_frames(film, path, CONFIG, [1.01, 2.5]) == []
        monkeypatch.setattr(Film, "frame_at", late)
        by_stamp = compare_frames(film, path, CONFIG, [1.01])
        monkeypatch.setattr(Film, "frame_at", dark)
        by_picture = compare_frames(film, path, CONFIG, [1.01])
    assert [str(one) for one in by_stamp] == [
        "at 1.010 s: the frame of 1.080 s; a whole decode: the frame of 1.000 s"
    ]
    assert [str(one) for one in by_picture] == [
        "at 1.010 s: another picture for the frame of 1.000 s; a whole decode: the frame of 1.000 s"
    ]
