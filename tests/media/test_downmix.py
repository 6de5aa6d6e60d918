"""Decoded samples to 16 kHz mono: pieces give the samples of the whole, and all formats give the same floats."""

import numpy as np
import pytest

from emodal_data.media.audio_window import Window
from emodal_data.media.downmix import as_float, resampled


@pytest.mark.parametrize(
    "rate_hz", [1000, 8000, 11025, 15999, 16000, 16001, 22050, 44056, 44100, 48000, 192000]
)
def test_a_window_holds_all_that_its_samples_hang_on(rate_hz: int) -> None:
    random = np.random.default_rng(rate_hz)
    sound = random.normal(0, 0.3, (1, rate_hz)).astype(np.float32)
    whole = resampled(sound, "mono", rate_hz)
    for first in random.integers(0, 9000, 6):
        last = int(first) + 1500
        window = Window.around(int(first), last, rate_hz)
        piece = resampled(sound[:, window.start : window.stop], "mono", rate_hz)[first - window.start_16k :]
        np.testing.assert_array_equal(piece[:1500], whole[first:last])


def test_channels_that_go_in_pieces_give_what_they_give_together() -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, (2, 70_000)).astype(np.float32)
    whole = resampled(sound, "stereo", 16000)
    np.testing.assert_allclose(whole, sound.sum(axis=0) * np.float32(0.5**0.5), atol=1e-7)


@pytest.mark.parametrize(
    ("sample_format", "dtype", "scale"),
    [("u8", "u1", 128), ("s16", "i2", 2**15), ("s32", "i4", 2**31), ("flt", "f4", 1), ("dbl", "f8", 1)],
)
def test_every_sample_format_gives_the_same_floats(sample_format: str, dtype: str, scale: int) -> None:
    floats = np.array([[-1, -0.5, 0, 0.25], [0.5, -0.25, 0.125, 0]], np.float32)
    raw = (floats * scale + (128 if dtype == "u1" else 0)).astype(dtype)
    planes, packed = raw.view(np.uint8), np.ascontiguousarray(raw.T).reshape(1, -1).view(np.uint8)
    np.testing.assert_array_equal(as_float(planes, f"{sample_format}p", 2), floats)
    np.testing.assert_array_equal(as_float(packed, sample_format, 2), floats)
