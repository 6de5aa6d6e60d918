"""Unusual time stamps: edit lists, delayed tracks, gaps, refresh without keyframes, and films of real discs."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import Film, open_film
from emodal_data.media.mp4 import export_clip
from tests.media.films import Recipe, make_film, number_in, sound


def remuxed(
    source: Path, to: Path, keep: Callable[[av.Packet], bool], delay_s: dict[str, float] | None = None
) -> Path:
    """The packets that keep() wants, the tracks moved by delay_s (by kind)."""
    with av.open(str(source)) as given, av.open(str(to), "w") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is None or not keep(packet):
                continue
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    return to


def test_an_edit_list_hides_what_comes_before_it(tmp_path: Path) -> None:
    # A copied clip carries the packets from the keyframe on, and an edit list that skips to the cut.
    film = make_film(tmp_path, Recipe(gop=50))
    clip = tmp_path / "clip.mp4"
    export_clip(film, 1.4, 3.4, clip, config=ClipsConfig(export="copy"))
    with open_film(clip) as cut, open_film(film) as whole:
        for t_s in (0.02, 0.5, 1.3):
            assert number_in(cut.frame_at(t_s).rgb) == number_in(whole.frame_at(t_s + 1.4).rgb)
        ours, theirs = cut.audio(0.5, 1.5), whole.audio(1.9, 2.9)
    lag = np.argmax(np.correlate(theirs, ours[400:-400], "valid")) - 400
    assert abs(lag) <= 16  # packets are 21 ms; the edit list is as exact as its movie clock, 1 ms


@pytest.mark.parametrize(
    ("suffix", "audio", "delay_samples"), [(".mp4", "flac", 0), (".mkv", "flac", 0), (".ts", "aac", 1024)]
)
@pytest.mark.parametrize("starts", [{"audio_start_s": Fraction(1, 2)}, {"video_start_s": Fraction(12, 25)}])
def test_a_delayed_track_keeps_its_place(
    suffix: str, audio: str, delay_samples: int, starts: dict[str, Fraction], tmp_path: Path
) -> None:
    recipe = Recipe(suffix, audio=audio, **starts)
    path = make_film(tmp_path, recipe)
    with av.open(str(path)) as container:
        video_s, sound_s = (
            float(stream.start_time * stream.time_base) - container.start_time / 1e6
            for stream in (container.streams.video[0], container.streams.audio[0])
        )
    assert max(video_s, sound_s) > 0.45
    with open_film(path) as film:
        assert number_in(film.frame_at(video_s + 2.01).rgb) == 50
        ours = film.audio(sound_s + 1.0, sound_s + 2.0)
    written = sound(recipe)[0]
    theirs = written[
        48000 - 4800 - delay_samples : 96000 + 4800 - delay_samples : 3
    ]  # at 16 kHz, near enough
    lag = np.argmax(np.correlate(theirs, ours, "valid")) - 1600
    assert abs(lag) <= 1


def test_a_gap_in_the_sound_is_zeros_in_its_place(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe(".mkv", audio="flac"), "source")

    def outside_the_gap(packet: av.Packet) -> bool:
        return packet.stream.type != "audio" or not 1.5 <= packet.pts * packet.time_base < 2.5

    path = remuxed(film, tmp_path / "gap.mkv", outside_the_gap)
    with open_film(film) as whole, open_film(path) as torn:
        span, heard = torn.audio_span(1.0, 3.0), whole.audio(1.0, 3.0)
    assert 15000 <= span.missing_samples <= 17500
    silent = span.samples == 0
    assert abs(int(silent.sum()) - span.missing_samples) < 100
    edges = np.flatnonzero(silent)[[0, -1]]
    same = np.r_[0 : edges[0] - 100, edges[1] + 100 : 32000]
    np.testing.assert_allclose(span.samples[same], heard[same], atol=1e-5)


def test_a_film_that_refreshes_without_keyframes_is_decoded_from_far_enough(tmp_path: Path) -> None:
    options = {"x264-params": "scenecut=0:intra-refresh=1:keyint=25:bframes=0"}
    path = make_film(tmp_path, Recipe(".mkv", video_options=options), "refresh")
    with av.open(str(path)) as container:
        truth = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with open_film(path) as film:
        for number in (3, 26, 30, 55, 80, 40, 99):
            frame = film.frame_at((number + 0.5) / 25)
            assert number_in(frame.rgb) == number
            assert np.abs(frame.rgb.astype(int) - truth[number]).mean() < 2


def test_a_gap_in_the_picture_shows_the_frame_before_it(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe(".mkv", gop=10, b_frames=0), "source")

    def outside_the_gap(packet: av.Packet) -> bool:
        return packet.stream.type != "video" or not 30 <= packet.pts * packet.time_base * 25 < 50

    path = remuxed(film, tmp_path / "gap.mkv", outside_the_gap)
    with open_film(path) as torn:
        frame = torn.frame_at(1.62)
    assert number_in(frame.rgb) == 29
    assert frame.error_s == pytest.approx(1.62 - 29 / 25)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {}),
        ("libx265", {"x265-params": "log-level=none:pools=1", "preset": "ultrafast"}),
        ("mpeg2video", {}),
        ("mpeg4", {}),
    ],
)
def test_damage_is_seen_where_it_is_and_nowhere_else(
    codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    recipe = Recipe(".mkv", codec, width=384, height=192, b_frames=0, audio=None, video_options=options)
    path = make_film(tmp_path, recipe)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    damaged, random = bytearray(path.read_bytes()), np.random.default_rng(1)
    for pos, size in packets[35:40]:  # in the second group of 25
        for at in random.integers(pos + size // 2 + 20, pos + size, 6):
            damaged[at] ^= 1 << random.integers(8)
    path.write_bytes(damaged)

    def seen(film: Film, number: int) -> int | Reason:
        try:
            frame = film.frame_at((number + 0.5) / 25)
        except Dropped as dropped:
            return dropped.reason
        assert frame.corrupt_frames or number_in(frame.rgb) == number
        return frame.corrupt_frames

    with open_film(path) as film:
        found = {number: seen(film, number) for number in (10, 28, 45, 60, 80)}
        again = {number: seen(film, number) for number in (60, 45, 10, 80, 28)}
    assert [found[number] for number in (10, 28, 60, 80)] == [0] * 4
    assert found[45] == Reason.FRAME_UNREADABLE or int(found[45]) > 0
    assert again == found


def test_a_missing_start_time_is_zero(tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe(".avi", "mpeg4", audio=None, b_frames=0))
    with open_film(path) as film:
        assert film.frame_at(float(Fraction(61, 50))).pts_s == pytest.approx(1.2)


@pytest.mark.parametrize("pattern", ["grid/*.mpg", "ravdess/video/*.mp4"])
def test_real_films_equal_their_full_decode(pattern: str, media: Path) -> None:
    path = sorted(media.glob(pattern))[0]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start_s = Fraction(container.start_time, 1_000_000)
        decoded = [(frame.pts * stream.time_base - start_s, frame) for frame in container.decode(stream)]
        starts = np.array([float(start) for start, _ in decoded])
        with open_film(path) as film:
            for t_s in (2.3, 0.4, 1.7, 1.1):
                frame = film.frame_at(t_s)
                number = int(np.searchsorted(starts, t_s + 1e-6, "right")) - 1
                assert frame.pts_s == pytest.approx(starts[number], abs=2e-6)
                truth = decoded[number][1].to_ndarray(format="rgb24").astype(int)
                assert np.abs(frame.rgb - truth).mean() < 2
