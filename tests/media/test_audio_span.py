"""The sound of a span equals the resampled sound of the whole film, to the sample."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import open_film
from emodal_data.media.downmix import mix_of, resampled
from tests.media.films import Recipe, make_film, sound

SPANS_S = [(1.0, 2.5), (0.0, 1.0), (2.22222, 3.33333), (0.5, 0.7501), (3.0, 4.0)]

FILMS = {
    "aac-mp4": Recipe(),
    "aac-44100-stereo-mp4": Recipe(rate_hz=44100, layout="stereo"),
    "aac-44100-ts": Recipe(".ts", rate_hz=44100),
    "aac-mkv": Recipe(".mkv"),
    "aac-44100-mkv": Recipe(".mkv", rate_hz=44100),
    "pcm-mov": Recipe(".mov", audio="pcm_s16le"),
    "pcm-odd-rate-mov": Recipe(".mov", audio="pcm_s16le", rate_hz=37800),
    "pcm-24-bit-5.1-mov": Recipe(".mov", audio="pcm_s24le", layout="5.1"),
    "pcm-7.1-mov": Recipe(".mov", audio="pcm_s16le", layout="7.1"),
    "aac-7.1-mp4": Recipe(layout="7.1"),
    "flac-7.1-mkv": Recipe(".mkv", audio="flac", layout="7.1"),
    "pcm-avi": Recipe(".avi", "mpeg4", audio="pcm_s16le", rate_hz=22050),
    "flac-mkv": Recipe(".mkv", audio="flac"),
    "flac-mono-16000-mkv": Recipe(".mkv", audio="flac", rate_hz=16000),
    "opus-webm": Recipe(".webm", "libvpx-vp9", audio="libopus", video_options={"cpu-used": "8"}),
    "mp2-mpg": Recipe(".mpg", "mpeg2video", audio="mp2"),
    "mp3-avi": Recipe(".avi", "mpeg4", audio="mp3", rate_hz=44100),
    "mp3-44100-stereo-mkv": Recipe(".mkv", audio="mp3", rate_hz=44100, layout="stereo", gop=250),
    "ac3-5.1-mkv": Recipe(".mkv", audio="ac3", layout="5.1(side)"),
}


#: What seeking changes within the codec's own rights: Opus settles, fixed-point MP2 dithers, AC-3 adds noise.
TOLERANCE = {"opus-webm": 1e-5, "mp2-mpg": 1e-4, "ac3-5.1-mkv": 1e-2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


def whole_film_16k(path: Path) -> NDArray[np.float32]:
    """The whole sound track in one go, from the start of the film."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("flt", "mono", 16000)
        frames = list(container.decode(stream))
        first_s = frames[0].pts * stream.time_base - Fraction(container.start_time or 0, 1_000_000)
        rate = frames[0].sample_rate
        lead = round(first_s * rate)
        pieces = []
        if lead > 0:
            names = frames[0].format.name, frames[0].layout.name
            silence = av.AudioFrame(format=names[0], layout=names[1], samples=lead)
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            silence.sample_rate = rate
            frames.insert(0, silence)
        for frame in [*frames, None]:
            if frame is not None:
                frame.pts = None
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    return np.concatenate(pieces)


@pytest.mark.parametrize("name", FILMS)
def test_a_span_equals_the_resample_of_the_whole_film(name: str, folder: Path) -> None:
    path = make_film(folder, FILMS[name], name)
    whole = whole_film_16k(path)
    with open_film(path) as film:
        for start_s, end_s in SPANS_S:
            first, last = round(start_s * 16000), round(end_s * 16000)
            span = film.audio_span(start_s, end_s)
            assert span.samples.dtype == np.float32
            assert len(span.samples) == last - first
            sure = whole[first : min(last, len(whole) - 320)]
            np.testing.assert_allclose(
                span.samples[: len(sure)], sure, rtol=0, atol=TOLERANCE.get(name, 1e-6)
            )
            assert span.corrupt_frames == 0
            assert span.missing_samples <= (640 if end_s == 4.0 else 0)


def test_frames_of_several_lengths_are_placed_to_the_sample(folder: Path) -> None:
    recipe, path = Recipe(".mov", frames=300, audio="pcm_s16le"), folder / "vorbis.mkv"
    spoken = make_film(folder, recipe, "spoken")
    quiet_start = ["-af", "volume=0:enable='lt(t,0.4)'", "-c:v", "copy"]  # clicks make short blocks
    vorbis = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", spoken, *quiet_start, "-c:a", "libvorbis"]
    subprocess.run([*vorbis, path], check=True, stdin=subprocess.DEVNULL)
    with av.open(str(path)) as container:
        lengths = [frame.samples for frame in container.decode(audio=0)]
    first, later = {*lengths[1:8]}, {*lengths[8:-1]}
    assert len(first) == 1 < len(later)
    whole = whole_film_16k(path)
    with open_film(path) as film:
        for second in range(1, 11):
            samples = film.audio(second, second + 1)
            np.testing.assert_array_equal(samples, whole[second * 16000 : (second + 1) * 16000])


@pytest.mark.parametrize("name", ["aac-with-noise", "ac3-5.1-mkv", "mp2-mpg", "opus-webm"])
def test_a_span_sounds_the_same_in_any_order(name: str, folder: Path) -> None:
    noisy = Recipe(".mkv", audio="aac", audio_options={"aac_pns": "1", "b": "24k"})
    path = make_film(folder, FILMS.get(name, noisy), name)
    with open_film(path) as film:
        forward = [film.audio(*span) for span in SPANS_S]
        for span, samples in reversed(list(zip(SPANS_S, forward, strict=True))):
            np.testing.assert_array_equal(film.audio(*span), samples)


@pytest.mark.parametrize(("layout", "full_scale"), [("mono", 1.0), ("stereo", 2**0.5), ("5.1", 2 + 2**0.5)])
def test_a_downmix_tells_its_full_scale(layout: str, full_scale: float, folder: Path) -> None:
    path = make_film(folder, Recipe(".mov", audio="pcm_s16le", layout=layout), f"scale-{layout}")
    with open_film(path) as film:
        assert film.audio_span(1.0, 2.0).full_scale == pytest.approx(full_scale, abs=1e-4)


def test_before_a_late_sound_track_there_are_zeros(folder: Path) -> None:
    path = make_film(folder, Recipe(".mkv", audio="flac", audio_start_s=Fraction(3, 2), audio_s=2.0), "late")
    with open_film(path) as film:
        span = film.audio_span(1.0, 2.0)
        assert span.missing_samples == 8000
        assert not span.samples[:7900].any()
        assert span.samples[8100:].std() > 0.1
        assert film.audio_span(0.2, 0.8).missing_samples == round(0.6 * 16000)


def test_without_sound_the_picture_still_comes(folder: Path) -> None:
    path = make_film(folder, Recipe(audio=None), "silent")
    with open_film(path) as film:
        assert film.frame_at(1.0).rgb.shape == (96, 192, 3)
        with pytest.raises(Dropped) as dropped:
            film.audio(1.0, 2.0)
        assert dropped.value.reason == Reason.NO_AUDIO


def test_a_span_far_beyond_the_film_is_refused(folder: Path) -> None:
    path = make_film(folder, Recipe(), "short")
    with open_film(path) as film:
        assert len(film.audio(3.5, 4.2)) == 11200
        with pytest.raises(Dropped) as dropped:
            film.audio(3.5, 8.0)
        assert dropped.value.reason == Reason.SPAN_OUTSIDE_FILM


def test_behind_the_end_nothing_is_read_from_the_start_to_say_so(folder: Path) -> None:
    path = make_film(folder, Recipe(".mkv", frames=300, audio="flac"), "a-dozen-seconds")
    with open_film(path, config=ClipsConfig(max_packets=60)) as film:
        with pytest.raises(Dropped) as dropped:
            film.audio(1000.0, 1001.0)
        assert dropped.value.reason == Reason.SPAN_OUTSIDE_FILM


def test_a_span_longer_than_the_limit_is_refused(folder: Path) -> None:
    path = make_film(folder, Recipe(), "limit")
    with open_film(path, config=ClipsConfig(max_clip_s=1.0)) as film:
        with pytest.raises(Dropped) as dropped:
            film.audio(0.0, 1.5)
        assert dropped.value.measured == 1.5


def test_dialogue_is_the_centre_channel_alone(folder: Path) -> None:
    recipe = Recipe(".mov", audio="pcm_s24le", layout="5.1")
    path = make_film(folder, recipe, "dialogue")
    centre = sound(recipe)[2]
    with open_film(path, config=ClipsConfig(audio_mix="dialogue")) as film:
        heard = film.audio_span(1.0, 2.0)
    alone = resampled(centre[np.newaxis], "mono", recipe.rate_hz)[16000:32000]
    assert heard.full_scale == 1.0
    np.testing.assert_allclose(heard.samples, alone, atol=1e-6)


def test_without_a_centre_or_with_a_silent_one_all_channels_are_mixed() -> None:
    surround = np.full((6, 100), 0.25, np.float32)
    assert mix_of(surround, "5.1", prefer_centre=True).layout == "mono"
    surround[2] = 0.0
    assert mix_of(surround, "5.1", prefer_centre=True).channels is surround
    stereo = np.full((2, 100), 0.25, np.float32)
    assert mix_of(stereo, "stereo", prefer_centre=True).channels is stereo
