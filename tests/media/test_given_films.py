"""Films of the shared folder on which reading once went wrong, each with its right values."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import Film, open_film, probe

CASES = Path(__file__).parents[3] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no shared folder with the films")


def number_in(rgb: NDArray[np.uint8]) -> int:
    """The number in a picture of 4 x 3 cells, light ones are ones."""
    gray = rgb.mean(axis=2)
    high, wide = gray.shape[0] / 3, gray.shape[1] / 4
    number = 0
    for bit in range(12):
        y, x = divmod(bit, 4)
        rows = slice(int((y + 0.3) * high), int((y + 0.7) * high))
        cell = gray[rows, int((x + 0.3) * wide) : int((x + 0.7) * wide)]
        number |= int(cell.mean() > 124) << bit
    return number


def asked(film: Film, number: int, delay: float) -> int:
    """What is on screen in the middle of the time of a frame."""
    return number_in(film.frame_at((number + delay + 0.5) / 25).rgb)


@pytest.mark.parametrize(
    ("name", "numbers", "delay"),
    [
        ("01-av1-decoder-opened-with-nonref/av1.webm", range(1, 98), 0.0),
        ("02-avi-h264-b-frames/h264.avi", range(1, 97), 2.0),
        ("12-mpeg-ps-small-frames/mpeg1.mpg", range(3, 96), 0.25),
        ("12-mpeg-ps-small-frames/mpeg2.vob", range(3, 96), 0.13),
    ],
)
@pytest.mark.parametrize("order", [lambda ks: ks, lambda ks: ks[::-1], lambda ks: ks[::7] + ks[::-5]])
def test_frame_k_is_shown_at_its_time_in_any_order(
    name: str, numbers: range, delay: float, order: Callable[[list[int]], list[int]]
) -> None:
    with open_film(CASES / name) as film:
        wrong = {k: got for k in order(list(numbers)) if (got := asked(film, k, delay)) != k}
    assert wrong == {}
    for k in list(numbers)[::12]:
        with open_film(CASES / name) as film:
            assert asked(film, k, delay) == k


def test_two_recordings_joined_end_to_end_are_one_reason() -> None:
    with pytest.raises(Dropped) as dropped:
        probe(CASES / "04-ts-joined-end-to-end" / "cat.ts")
    assert dropped.value.reason == Reason.CLOCK_DISCONTINUOUS


def test_the_default_picture_track_is_read() -> None:
    with open_film(CASES / "14-default-picture-track" / "two.mkv") as film:
        assert number_in(film.frame_at(1.01).rgb) == 25


@pytest.mark.parametrize(
    ("name", "sizes"), [("aspect.ts", [(144, 192), (144, 256)]), ("size.ts", [(144, 192), (144, 192)])]
)
def test_the_shape_of_a_pixel_is_the_frames_own(name: str, sizes: list[tuple[int, int]]) -> None:
    with open_film(CASES / "11-pixel-shape-changes" / name) as film:
        assert [film.frame_at(t_s).rgb.shape[:2] for t_s in (1, 5)] == sizes


@pytest.mark.parametrize("name", ["tagged.mkv", "container.mkv", "container.mp4"])
def test_hdr_told_by_the_container_is_tone_mapped(name: str) -> None:
    with open_film(CASES / "15-hdr-told-by-the-container" / name) as film:
        gray = film.frame_at(0.5).rgb.mean(axis=2)
    cells = {int(gray[y, x]) for y in (20, 70, 120) for x in (20, 70, 120, 170)}
    assert cells == {17, 255}


def test_late_recordings_fonts_and_timecodes() -> None:
    for name, length_s in (("day", 4.0), ("hour", 4.0)):
        film = CASES / "18-flv-that-starts-late" / "films" / f"{name}.flv"
        assert probe(film).duration_s == pytest.approx(length_s, abs=0.1)
    assert probe(CASES / "19-fonts-are-counted-as-streams" / "films" / "fonts.mkv").codec == "h264"
    timecodes = CASES / "24-timecode-track" / "films"
    assert [probe(timecodes / f"{name}.mov").timecode for name in ("hour", "four")] == [
        "01:00:00:00",
        "00:00:04:00",
    ]


def noise_of(seed: int) -> NDArray[np.float32]:
    """4 s of the noise of 200 to 3000 Hz that a seed stands for, at 16 kHz."""
    count, rate = 4 * 48000, 48000
    draw = np.random.default_rng(seed)
    spectrum = np.zeros(count // 2 + 1, complex)
    pitch_hz = np.fft.rfftfreq(count, 1 / rate)
    band = (pitch_hz > 200) & (pitch_hz < 3000)
    spectrum[band] = np.exp(2j * np.pi * draw.random(band.sum()))
    samples = np.fft.irfft(spectrum, count)
    return np.asarray(0.3 * samples / np.abs(samples).max(), np.float32)[::3]


def test_the_sound_is_that_of_the_pictures_own_programme() -> None:
    with open_film(CASES / "09-several-programs" / "two-programs.ts") as film:
        heard = film.audio(1, 2.5)

    def likeness(seed: int) -> float:
        noise = noise_of(seed)
        power = np.sqrt((heard[400:-400] ** 2).sum() * (noise[16000:40000] ** 2).sum())
        return float(np.correlate(noise, heard[400:-400], "valid").max() / power)

    television, radio = likeness(1), likeness(9)
    assert television >= 0.9
    assert abs(radio) < 0.1


def test_channels_that_cancel_each_other_leave_one() -> None:
    with open_film(CASES / "25-channels-of-opposite-phase" / "films" / "phase.mkv") as film:
        assert film.audio(1, 2).std() == pytest.approx(0.0740, abs=0.0005)  # as in each channel
