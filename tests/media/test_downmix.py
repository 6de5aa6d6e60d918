"""Decoded samples to 16 kHz mono: pieces give the samples of the whole, and all formats give the same floats."""

import numpy as np
import pytest
from av.audio.layout import AudioLayout

from emodal_data.media.audio_window import Window
from emodal_data.media.downmix import as_float, mix_of, mixed_down, resampled


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


def test_channels_of_opposite_phase_leave_the_louder_one() -> None:
    voice = np.random.default_rng(2).normal(0, 0.1, 48_000).astype(np.float32)
    other = np.random.default_rng(3).normal(0, 0.1, 48_000).astype(np.float32)
    cancelled = mix_of(np.stack([0.8 * voice, -voice]), "stereo", prefer_centre=False)
    assert (cancelled.layout, cancelled.is_one_channel) == ("mono", True)
    np.testing.assert_array_equal(cancelled.channels[0], -voice)
    nearly = mix_of(np.stack([voice + 0.2 * other, -voice + 0.2 * other]), "stereo", prefer_centre=False)
    assert nearly.is_one_channel
    for pair in ((voice, voice), (voice, other), (voice, 0 * voice), (voice, -0.3 * voice)):
        stereo = np.stack(pair)
        assert mix_of(stereo, "stereo", prefer_centre=False).channels is stereo


def test_of_surround_that_cancels_itself_the_centre_is_left_and_of_a_lone_lfe_the_lfe() -> None:
    voice = np.random.default_rng(2).normal(0, 0.1, 48_000).astype(np.float32)
    silent = 0 * voice
    fronts = np.stack([2 * voice, -2 * voice, 0.1 * voice, silent, silent, silent])
    mix = mix_of(fronts, "5.1", prefer_centre=False)
    assert mix.is_one_channel
    np.testing.assert_array_equal(mix.channels[0], fronts[2])
    only_lfe = np.stack([silent, silent, silent, voice, silent, silent])
    np.testing.assert_array_equal(mix_of(only_lfe, "5.1", prefer_centre=False).channels[0], voice)
    rumble = np.stack([0.1 * voice, 0.1 * voice, 0.1 * voice, 9 * voice, silent, silent])
    assert mix_of(rumble, "5.1", prefer_centre=False).channels is rumble


def test_sound_that_is_no_number_or_silent_is_left_to_the_gates() -> None:
    for value in (np.nan, np.inf, 0.0):
        channels = np.full((2, 1000), value, np.float32)
        assert not mix_of(channels, "stereo", prefer_centre=False).is_one_channel


@pytest.mark.parametrize("layout", ["stereo", "5.1", "5.1(side)", "7.1", "quad"])
def test_channels_mixed_before_the_resampler_are_those_mixed_within_it(layout: str) -> None:
    count = len(AudioLayout(layout).channels)
    channels = np.random.default_rng(4).normal(0, 0.1, (count, 9_000)).astype(np.float32)
    mixed = resampled(mixed_down(channels, layout), "mono", 48_000)
    np.testing.assert_allclose(mixed, resampled(channels, layout, 48_000), atol=1e-6)
