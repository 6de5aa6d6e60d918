"""Films with blocks of zeros, as unfinished downloads leave them: a frame or sound is right, or is said to be lost."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import Film, open_film
from tests.media.films import Recipe, make_film, number_in

VP9 = {"cpu-used": "8", "deadline": "realtime", "b": "600k"}
FILMS = {
    "h264 mkv": Recipe(".mkv", audio="flac"),
    "vp9 webm": Recipe(".webm", "libvpx-vp9", b_frames=0, video_options=VP9, audio="libopus"),
    "vp9 mp4": Recipe(".mp4", "libvpx-vp9", b_frames=0, video_options=VP9),
    "h264 flv": Recipe(".flv", rate_hz=44100),
    "mpeg4 avi": Recipe(".avi", "mpeg4", b_frames=0, video_options={}, audio="libmp3lame"),
    "mpeg4-b2 avi": Recipe(".avi", "mpeg4", video_options={}, audio="ac3"),
    "mjpeg avi": Recipe(".avi", "mjpeg", b_frames=0, gop=1, pix_fmt="yuvj420p", audio="pcm_s16le"),
}


def with_a_hole(source: Path, begin: float, end: float) -> Path:
    """The film with zeros between two shares of its bytes."""
    data = bytearray(source.read_bytes())
    first, last = int(len(data) * begin), int(len(data) * end)
    data[first:last] = bytes(last - first)
    path = source.with_name(f"torn{source.suffix}")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", FILMS)
def test_frames_around_lost_data_are_right_or_said_to_be_lost(name: str, tmp_path: Path) -> None:
    source = make_film(tmp_path, FILMS[name])
    torn = with_a_hole(source, 0.45, 0.6)
    times_s = [float(Fraction(2 * k + 1, 50)) for k in range(100)]
    with open_film(source) as film:
        right = {t_s: answer(film, t_s) for t_s in times_s}
    with open_film(torn) as film:
        upwards = {t_s: answer(film, t_s) for t_s in times_s}
    sure = {t_s: shown for t_s, shown in upwards.items() if not isinstance(shown, str) and not shown[1]}
    assert sure == {t_s: right[t_s] for t_s in sure}
    assert len(sure) >= 40
    assert Reason.FRAME_UNREADABLE in upwards.values()
    for t_s in times_s[::7]:
        with open_film(torn) as film:
            assert answer(film, t_s) == upwards[t_s], t_s


def answer(film: Film, t_s: float) -> tuple[int, bool] | str:
    try:
        frame = film.frame_at(t_s)
    except Dropped as dropped:
        return dropped.reason
    return number_in(frame.rgb), frame.corrupt_frames > 0


def test_zeros_that_encoders_fill_packets_up_with_are_no_lost_data(tmp_path: Path) -> None:
    avc_intra = {"x264-params": "avcintra-class=50:interlaced=1:tff=1"}
    recipe = Recipe(
        ".mxf",
        width=1440,
        height=1080,
        frames=4,
        gop=1,
        b_frames=0,
        pix_fmt="yuv420p10le",
        video_options=avc_intra,
    )
    with open_film(make_film(tmp_path, replace(recipe, audio="pcm_s16le"))) as film:
        assert not any(film.frame_at(float(t_s)).corrupt_frames for t_s in recipe.starts_s)
    constant = {"vbr": "off", "b": "256k"}
    for suffix in (".webm", ".mp4"):
        opus = Recipe(
            suffix, "libvpx-vp9", b_frames=0, video_options=VP9, audio="libopus", audio_options=constant
        )
        with open_film(make_film(tmp_path, opus)) as film:
            assert not film.audio_span(1, 3).missing_samples


@pytest.mark.parametrize("name", ["mpeg4 avi", "mpeg4-b2 avi", "mjpeg avi"])
def test_sound_behind_lost_data_of_avi_keeps_its_place(name: str, tmp_path: Path) -> None:
    recipe = replace(FILMS[name], frames=200)
    source = make_film(tmp_path, recipe)
    with open_film(source) as film, open_film(with_a_hole(source, 0.3, 0.5)) as torn:
        missing = 0
        for k in range(15):
            right = film.audio_span(k / 2, k / 2 + 0.5).samples
            try:
                span = torn.audio_span(k / 2, k / 2 + 0.5)
            except Dropped as dropped:
                assert dropped.reason == Reason.AUDIO_UNREADABLE
                missing += len(right)
                continue
            missing += span.missing_samples
            if not span.missing_samples:
                assert np.abs(span.samples - right).max() < 0.05, k
    assert missing > 8000
