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
from emodal_data.media.audio import AudioSpan
from emodal_data.media.doctor import examine_film
from emodal_data.media.whole_decode import compare_frames, plain_frames
from emodal_data.media.whole_sound import compare_sound, plain_sound
from tests.media.films import Recipe, make_film
from tests.media.tracks import ffmpeg

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


def test_a_turned_picture_is_noted(tmp_path: Path) -> None:
    found = examine_film(make_film(tmp_path, Recipe(rotation_deg=90)), CONFIG)
    assert found.faults == []
    assert found.notes == ["the picture is turned by 90 degrees to be upright"]


def test_sound_of_another_programme_is_noted(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe(".ts", audio="mp2"))
    path = tmp_path / "programmes.ts"
    maps = ("-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy")
    ffmpeg("-i", film, *maps, "-program", "st=0:st=1", "-program", "st=2", path)
    found = examine_film(path, CONFIG)
    assert found.faults == []
    assert "several programmes: sound of another one than the picture's, not read: streams 2" in found.notes


def test_channels_of_opposite_phase_are_noted_with_their_layout(tmp_path: Path) -> None:
    plain, path = make_film(tmp_path, Recipe()), tmp_path / "opposite.mkv"
    ffmpeg("-i", plain, "-c:v", "copy", "-af", "pan=stereo|c0=c0|c1=-1*c0", "-c:a", "flac", path)
    found = examine_film(path, CONFIG)
    assert found.faults == []
    assert found.facts["sound"] == "48000 Hz stereo"
    count = found.checked["sounds"]
    assert count > 10
    note = f"channels of opposite phase cancel each other in {count} of {count} seconds"
    assert [one for one in found.notes if one.startswith(note)]


@pytest.mark.parametrize(
    ("suffix", "codec", "layout", "named"),
    [
        (".mkv", "flac", "5.1", "5.1"),
        (".mp4", "aac", "stereo", "stereo"),
        (".ts", "ac3", "5.1", "5.1(side)"),
        (".mkv", "pcm_s16le", "7.1", "8 channels"),
    ],
)
@pytest.mark.parametrize("rate_hz", [48000, 44100])
def test_the_sound_equals_the_whole_track(
    suffix: str, codec: str, layout: str, named: str, rate_hz: int, tmp_path: Path
) -> None:
    made = Recipe(suffix, audio=codec, layout=layout, rate_hz=rate_hz, audio_start_s=Fraction(1, 3))
    path = make_film(tmp_path, replace(made, audio_options={"aac_pns": "0"} if codec == "aac" else {}))
    plain = plain_sound(path, CONFIG, 4.0)
    assert plain.formats == (f"{rate_hz} Hz {named}",)
    assert plain.is_sure.mean() > 0.9
    with open_film(path) as film:
        assert np.abs(plain.samples[8000:56000]).max() > 0.1
        right = film.audio(0.5, 3.5)
        np.testing.assert_allclose(right, plain.samples[8000:56000], atol=0.01)
        assert compare_sound(film, plain, [(0.0, 1.0), (1.7, 2.5)]) == []


def test_another_sound_is_found_by_the_whole_track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, right = make_film(tmp_path, Recipe()), Film.audio_span
    plain = plain_sound(path, CONFIG, 4.0)

    def late(film: Film, start_s: float, end_s: float) -> AudioSpan:
        return right(film, start_s + 0.002, end_s + 0.002)

    monkeypatch.setattr(Film, "audio_span", late)
    with open_film(path) as film:
        found = compare_sound(film, plain, [(1.0, 1.5)])
    assert [(one.start_s, one.end_s) for one in found] == [(1.0, 1.5)]
    assert str(found[0]).startswith("the sound at 1.000 s: off by 0.")


def test_channels_without_a_layout_and_a_change_of_it_are_noted(tmp_path: Path) -> None:
    nameless = make_film(
        tmp_path, Recipe(".mkv", audio="pcm_s16le", layout="7.1", audio_options={}), "nameless"
    )
    note = "the sound does not say which channels it has: the usual ones of 8 channels are assumed"
    assert note in examine_film(nameless, CONFIG).notes
    parts = [
        make_film(tmp_path, Recipe(".ts", audio="ac3", layout=layout, audio_options={}), layout)
        for layout in ("stereo", "5.1")
    ]
    ffmpeg("-i", parts[1], "-c", "copy", "-output_ts_offset", 4, tmp_path / "second.ts")
    path = tmp_path / "changing.ts"
    path.write_bytes(parts[0].read_bytes() + (tmp_path / "second.ts").read_bytes())
    found = examine_film(path, CONFIG)
    assert "the sound changes: 48000 Hz stereo, then 48000 Hz 5.1(side)" in found.notes
    assert [fault for fault in found.faults if "sound" in fault] == []


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
        return replace(frame, picture=np.zeros_like(frame.rgb))

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


@pytest.mark.parametrize(
    ("codec", "layout", "options", "cut_off_bytes"),
    [("mp2", "stereo", {}, 6144), ("ac3", "5.1", {"b": "128000"}, 0)],
    ids=["begins within a frame", "adds noise"],
)
def test_right_sound_of_a_program_stream_is_no_fault(
    codec: str, layout: str, options: dict[str, str], cut_off_bytes: int, tmp_path: Path
) -> None:
    recipe = Recipe(".vob", "mpeg2video", 80, audio=codec, layout=layout, audio_options=options)
    path = make_film(tmp_path, recipe)
    path.write_bytes(path.read_bytes()[cut_off_bytes:])
    plain = plain_sound(path, CONFIG, 3.0)
    with open_film(path) as film:
        assert compare_sound(film, plain, [(0.4, 1.4), (1.3, 2.3)]) == []
        moved = replace(plain, samples=np.roll(plain.samples, 16))
        assert len(compare_sound(film, moved, [(0.4, 1.4)])) == 1
