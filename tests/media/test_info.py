"""A film's header, and the choice of its tracks."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.media import AudioTrack, open_film, probe
from tests.media.films import Recipe, make_film

#: (language, is the default one, pitch)
TRACKS = [("fra", False, 300), ("eng", True, 500), ("deu", False, 700)]


def make_many_tracks(folder: Path) -> Path:
    path = folder / "tracks.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        streams = []
        for language, is_default, _ in TRACKS:
            stream = out.add_stream("flac", rate=16000, layout="mono")
            stream.metadata["language"] = language
            stream.disposition = av.stream.Disposition.default if is_default else av.stream.Disposition(0)
            streams.append(stream)
        for k in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for stream, (_, _, pitch) in zip(streams, TRACKS, strict=True):
            wave = (10000 * np.sin(2 * np.pi * pitch * np.arange(32000) / 16000)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def pitch_heard(path: Path, choice: str) -> int:
    with open_film(path, config=ClipsConfig(audio_track=choice)) as film:
        spectrum = np.abs(np.fft.rfft(film.audio(0.5, 1.5)))
    return int(spectrum.argmax())  # one second: a bin is a hertz


@pytest.mark.parametrize(
    ("choice", "pitch"),
    [("default", 500), ("first", 300), ("0", 300), ("2", 700), ("eng", 500), ("DEU", 700), ("fra", 300)],
)
def test_the_sound_track_is_the_one_asked_for(choice: str, pitch: int, tmp_path: Path) -> None:
    assert pitch_heard(make_many_tracks(tmp_path), choice) == pitch


@pytest.mark.parametrize("choice", ["3", "jpn"])
def test_a_missing_sound_track_gives_no_audio(choice: str, tmp_path: Path) -> None:
    with pytest.raises(Dropped) as dropped:
        pitch_heard(make_many_tracks(tmp_path), choice)
    assert dropped.value.reason == Reason.NO_AUDIO


def test_a_choice_that_means_nothing_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"clips\.audio_track"):
        pitch_heard(make_many_tracks(tmp_path), "-1")


def test_a_cover_is_not_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "covered.mp4"
    with av.open(str(path), "w") as out:
        cover, video = out.add_stream("png", rate=1), out.add_stream("libx264", rate=25)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        still = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        still.pts, still.time_base = 0, Fraction(1)
        packets = cover.encode(still) + cover.encode(None)
        for k in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 10 * k, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            packets += video.encode(frame)
        for packet in packets + video.encode(None):
            out.mux(packet)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    with open_film(path) as film:
        assert film.info.codec == "h264"
        assert film.frame_at(0.5).rgb.mean() == pytest.approx(120, abs=3)


def test_probe_tells_what_a_plan_needs(tmp_path: Path) -> None:
    make_film(tmp_path, Recipe(".mkv", pixel_shape=Fraction(4, 3)), "film")
    info = probe("film.mkv", root=tmp_path)
    assert (info.container, info.codec, info.width, info.height) == ("matroska,webm", "h264", 192, 96)
    assert (info.fps, info.pixel_shape) == (25.0, pytest.approx(4 / 3))
    assert info.duration_s == pytest.approx(4.0, abs=0.05)
    (track,) = info.audio_tracks
    assert (track.codec, track.rate_hz, track.channels) == ("aac", 48000, 1)


def test_every_sound_track_is_listed(tmp_path: Path) -> None:
    tracks = probe(make_many_tracks(tmp_path)).audio_tracks
    assert tracks[1] == AudioTrack(1, "flac", 16000, 1, "eng", True)
    assert [track.language for track in tracks] == ["fra", "eng", "deu"]
