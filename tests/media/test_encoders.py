"""Previews are small, match the clip, and are the same bytes every time."""

import io

import av
import cv2
import numpy as np
import pytest

from emodal_data.media.encoders import FRAME_SIDE_PX, preview_frame, preview_sound


def speechlike(seconds: float) -> np.ndarray:
    """A voice-like tone that comes and goes, int16 at 16 kHz."""
    t_s = np.arange(round(seconds * 16_000)) / 16_000
    tone = sum(np.sin(2 * np.pi * 140 * k * t_s) / k for k in range(1, 12))
    return (6000 * tone * np.sin(2 * np.pi * 1.5 * t_s) ** 2).astype("<i2")


def heard(webm: bytes) -> np.ndarray:
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(io.BytesIO(webm)) as container:
        frames = [part for frame in (*container.decode(audio=0), None) for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(float)


@pytest.mark.parametrize(
    ("size", "small"), [((720, 1280), (180, 320)), ((1280, 720), (320, 180)), ((90, 160), (90, 160))]
)
def test_a_frame_is_shrunk_never_enlarged_and_keeps_its_shape_and_colours(
    size: tuple[int, int], small: tuple[int, int]
) -> None:
    red_left = np.zeros((*size, 3), np.uint8)
    red_left[:, : size[1] // 2] = (255, 0, 0)
    data = preview_frame(red_left)
    seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert seen.shape == (*small, 3)
    assert max(seen.shape) <= FRAME_SIDE_PX
    assert np.abs(seen[small[0] // 2, small[1] // 4].astype(int) - (255, 0, 0)).max() < 10
    assert preview_frame(red_left) == data


def test_a_very_long_frame_keeps_at_least_one_pixel_of_height() -> None:
    seen = cv2.imdecode(np.frombuffer(preview_frame(np.full((1, 1280, 3), 9, np.uint8)), np.uint8), 0)
    assert seen.shape == (1, 320)


def test_sound_is_heard_as_it_was_in_a_tenth_of_the_bytes() -> None:
    pcm = speechlike(3.0)
    webm = preview_sound(pcm)
    assert len(webm) < pcm.nbytes / 10
    loudness = [
        np.sqrt(np.mean(np.square(part[: 16_000 * 3].astype(float).reshape(-1, 1600)), axis=1))
        for part in (pcm, heard(webm))
    ]
    assert np.corrcoef(*loudness)[0, 1] > 0.98
    assert preview_sound(pcm) == webm


@pytest.mark.parametrize("samples", [1, 100, 16_000])
def test_the_shortest_sounds_can_be_played_too(samples: int) -> None:
    assert len(heard(preview_sound(np.full(samples, 500, "<i2")))) >= samples


def test_no_sound_gives_no_bytes() -> None:
    assert preview_sound(np.zeros(0, "<i2")) == b""
