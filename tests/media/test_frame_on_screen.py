"""The frame on screen is the last one that starts at or before the time, in every codec, container and order."""

import gc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import Film, open_film
from tests.media.films import Recipe, make_film, number_in

NTSC = Fraction(30000, 1001)

FILMS = {
    "h264-mp4": Recipe(),
    "h264-open-gop-mp4": Recipe(video_options={"x264-params": "scenecut=0:open-gop=1:bframes=4:b-pyramid=2"}),
    "h264-ntsc-mkv": Recipe(".mkv", fps=NTSC),
    "h264-mov": Recipe(".mov", audio="pcm_s16le"),
    "h264-ts": Recipe(".ts", audio="mp2"),
    "h264-fragmented-mp4": Recipe(
        container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    ),
    "hevc-mp4": Recipe(
        video="libx265", video_options={"x265-params": "log-level=none:pools=1", "preset": "ultrafast"}
    ),
    "hevc-open-gop-mkv": Recipe(
        ".mkv",
        video="libx265",
        video_options={"x265-params": "log-level=none:pools=1:open-gop=1", "preset": "ultrafast"},
    ),
    "vp9-webm": Recipe(
        ".webm", "libvpx-vp9", audio="libopus", video_options={"cpu-used": "8", "deadline": "realtime"}
    ),
    "av1-mp4": Recipe(video="libsvtav1", video_options={"preset": "12", "svtav1-params": "lp=1"}),
    "av1-mkv": Recipe(".mkv", video="libsvtav1", audio="libopus", video_options={"preset": "12"}),
    # Large frames: small ones share packets in MPEG-PS, and then not each has a time stamp.
    "mpeg2-mpg": Recipe(
        ".mpg", "mpeg2video", audio="mp2", width=384, height=288, video_options={"qmax": "2"}
    ),
    "mpeg2-ts": Recipe(".ts", "mpeg2video", audio="mp2"),
    "mpeg4-avi": Recipe(".avi", "mpeg4", audio="mp3", b_frames=0),
    "mpeg4-b-frames-avi": Recipe(".avi", "mpeg4", audio="mp3"),
    "mpeg4-mp4": Recipe(video="mpeg4"),
    "mjpeg-avi": Recipe(".avi", "mjpeg", audio="pcm_s16le", b_frames=0, pix_fmt="yuvj420p"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


def starts_by_full_decode(path: Path) -> list[tuple[Fraction, int]]:
    """(start on the film clock, number) of every frame, decoded from front to back."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start_s = Fraction(container.start_time or 0, 1_000_000)
        return sorted(
            (frame.pts * stream.time_base - start_s, number_in(frame.to_ndarray(format="rgb24")))
            for frame in container.decode(stream)
        )


def times_to_ask(starts: list[tuple[Fraction, int]], count: int = 24) -> list[tuple[float, int]]:
    """(t_s, number on screen) anywhere in the film, near the start and the end of frames too."""
    random = np.random.default_rng(3)
    asked = []
    for k in random.integers(1, len(starts) - 1, count):
        begin, end = float(starts[k][0]), float(starts[k + 1][0])
        share = random.choice([0.02, 0.5, 0.98])
        asked.append((begin + share * (end - begin), starts[k][1]))
    return asked


@pytest.mark.parametrize("name", FILMS)
def test_the_frame_on_screen_is_returned_in_any_order(name: str, folder: Path) -> None:
    path = make_film(folder, FILMS[name], name)
    starts = starts_by_full_decode(path)
    assert [number for _, number in starts] == list(range(FILMS[name].frames))
    asked = times_to_ask(starts)
    with open_film(path) as film:
        ascending = {t_s: film.frame_at(t_s) for t_s, _ in sorted(asked)}
        for t_s, number in asked:
            frame = film.frame_at(t_s)
            assert number_in(frame.rgb) == number
            assert frame.pts_s == pytest.approx(float(starts[number][0]), abs=2e-6)
            assert frame.error_s == t_s - frame.pts_s
            assert frame.corrupt_frames == 0
            np.testing.assert_array_equal(frame.rgb, ascending[t_s].rgb)


def test_a_frame_is_on_screen_from_its_very_start(folder: Path) -> None:
    path = make_film(folder, Recipe(fps=NTSC), "ntsc")
    with open_film(path) as film:
        for number in (0, 1, 29, 30, 99):
            frame = film.frame_at(float(number / NTSC))
            assert (number_in(frame.rgb), abs(frame.error_s) < 1e-6) == (number, True)


def test_a_long_frame_of_variable_rate_is_not_skipped(folder: Path) -> None:
    steps = [Fraction(1, 25) if k % 9 else Fraction(7, 5) for k in range(100)]
    times = [sum(steps[:k], Fraction(0)) for k in range(100)]
    path = make_film(folder, Recipe(times_s=times, time_base=Fraction(1, 12800), audio=None), "vfr")
    with open_film(path) as film:
        for number in (9, 18, 36, 81):
            assert number_in(film.frame_at(float(times[number]) + 1.39).rgb) == number


def test_times_count_from_the_start_of_the_container(folder: Path) -> None:
    late = Fraction(2)
    path = make_film(folder, Recipe(".mkv", video_start_s=late, audio_start_s=late), "late-start")
    with open_film(path) as film:
        frame = film.frame_at(1.01)
        assert (number_in(frame.rgb), round(frame.pts_s, 2)) == (25, 1.0)


def test_before_a_delayed_picture_there_is_no_frame(folder: Path) -> None:
    path = make_film(folder, Recipe(".mkv", video_start_s=Fraction(1, 2)), "delayed-picture")
    with open_film(path) as film:
        assert number_in(film.frame_at(0.53).rgb) == 0
        with pytest.raises(Dropped) as dropped:
            film.frame_at(0.4)
        assert dropped.value.reason == Reason.SPAN_OUTSIDE_FILM


def test_beyond_the_end_there_is_no_frame(folder: Path) -> None:
    path = make_film(folder, Recipe(), "short")
    with open_film(path) as film:
        assert number_in(film.frame_at(4.2).rgb) == 99
        with pytest.raises(Dropped) as dropped:
            film.frame_at(6.0)
        assert dropped.value.reason == Reason.SPAN_OUTSIDE_FILM


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_ascending_times_go_on_where_they_were(suffix: str, folder: Path) -> None:
    path = make_film(folder, Recipe(suffix, gop=100, audio=None), "one-group")
    few = ClipsConfig(max_packets=30)  # half a second is 13 frames; the group is 100
    with open_film(path, config=few) as film, open_film(path, config=few) as jumps:
        for number in range(5, 95, 12):
            assert number_in(film.frame_at((number + 0.5) / 25).rgb) == number
        with pytest.raises(Dropped):
            jumps.frame_at(3.5)


def test_the_sound_does_not_move_the_picture(folder: Path) -> None:
    path = make_film(folder, Recipe(gop=100), "one-group")
    with open_film(path, config=ClipsConfig(max_packets=60)) as film:
        for number in range(5, 95, 12):
            film.audio(0.5, 0.8)
            assert number_in(film.frame_at((number + 0.5) / 25).rgb) == number


def test_a_smaller_picture_is_the_same_picture(folder: Path) -> None:
    path = make_film(folder, replace(Recipe(), width=384, height=192), "wide")
    with open_film(path) as film:
        frame = film.frame_at(2.0, max_side_px=192)
        assert (frame.rgb.shape, frame.scale, number_in(frame.rgb)) == ((96, 192, 3), 0.5, 50)
        assert film.frame_at(2.0, max_side_px=1000).scale == 1.0


def test_a_closed_film_leaves_no_frame_for_the_garbage_collector(folder: Path) -> None:
    path = make_film(folder, Recipe(gop=100), "one-group")
    gc.collect()
    gc.disable()
    try:
        with open_film(path) as film:
            film.frame_at(1.0)
            film.audio(0.5, 0.8)
        del film
        assert [thing for thing in gc.get_objects() if isinstance(thing, Film | VideoFrame)] == []
    finally:
        gc.enable()
