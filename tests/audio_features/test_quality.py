"""Measures of a sound, and the reasons that follow from them."""

import numpy as np
import pytest
from scipy import signal as dsp

from emodal_data.audio_features.quality import AudioMeasures, measure_audio
from emodal_data.clips.gates import audio_gate
from emodal_data.core.config import AudioConfig
from emodal_data.core.errors import InputError
from emodal_data.core.reasons import Reason

TONE = 0.5 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
GOOD = AudioMeasures(1.0, 0.5, 0.1, 0.0, is_constant=False, is_finite=True)


def test_a_tone_is_measured_exactly():
    measures = measure_audio(TONE)
    assert measures.seconds == 1.0
    assert measures.peak == 0.5
    assert measures.rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-12)
    assert measures.clipped_fraction == 0
    assert measures.is_finite
    assert not measures.is_constant


def test_int16_is_measured_on_the_same_scale_as_floats():
    assert measure_audio((TONE * 32768).astype(np.int16)).rms == pytest.approx(
        measure_audio(TONE).rms, rel=1e-3
    )
    assert measure_audio(np.array([-32768, 0], np.int16)).peak == 1.0


def test_an_offset_adds_nothing_to_the_loudness():
    assert measure_audio(TONE + 0.25).rms == pytest.approx(measure_audio(TONE).rms, rel=1e-12)


def test_samples_at_either_end_of_the_scale_are_clipped():
    assert measure_audio(np.array([32767, -32768, 32112, -32000, 0], np.int16)).clipped_fraction == 2 / 5
    assert measure_audio(np.array([1.0, -1.2, -0.98, 0.97, 0.0])).clipped_fraction == 3 / 5


def test_clipping_is_seen_after_resampling():
    t_s = np.arange(96000) / 48000
    clipped = np.clip(sum(np.sin(2 * np.pi * 150 * k * t_s) for k in (1, 2, 5)), -1, 1)
    share = float((np.abs(clipped) == 1).mean())
    assert measure_audio(dsp.resample_poly(clipped, 1, 3)).clipped_fraction == pytest.approx(share, rel=0.1)


def test_the_finite_part_is_measured_when_some_is_not():
    measures = measure_audio(np.array([0.5, np.nan, -0.5, np.inf]))
    assert (measures.is_finite, measures.peak, measures.rms) == (False, 0.5, 0.5)


def test_nothing_and_nothing_finite_are_measured_without_warnings():
    empty, lost = measure_audio(np.empty(0)), measure_audio(np.full(4, np.nan))
    assert (empty.seconds, empty.is_finite, empty.is_constant) == (0.0, True, True)
    assert (lost.peak, lost.is_finite) == (0.0, False)


def test_two_channels_or_other_types_are_refused():
    with pytest.raises(InputError, match="one channel"):
        measure_audio(np.zeros((2, 8)))
    with pytest.raises(InputError, match="int32"):
        measure_audio(np.zeros(8, np.int32))


@pytest.mark.parametrize(
    ("signal", "reason", "measured"),
    [
        (TONE, None, None),
        (TONE[:4799], Reason.AUDIO_TOO_SHORT, 4799 / 16000),
        (np.empty(0), Reason.AUDIO_TOO_SHORT, 0.0),
        (np.where(np.arange(16000) == 9, np.nan, TONE), Reason.AUDIO_NOT_FINITE, 0.5),
        (np.zeros(16000), Reason.AUDIO_SILENT, 0.0),
        (np.full(16000, 0.25), Reason.AUDIO_CONSTANT, 0.25),
        (np.clip(10 * TONE, -1, 1), Reason.AUDIO_CLIPPED, None),
    ],
)
def test_each_unusable_sound_has_its_reason_and_number(signal, reason, measured):
    verdict = audio_gate(measure_audio(signal), AudioConfig())
    assert (verdict[0] if verdict else None) == reason
    if measured is not None:
        assert verdict[1] == measured


def test_thresholds_come_from_the_settings():
    faint = measure_audio(TONE * 1e-5)
    assert audio_gate(faint, AudioConfig()) == (Reason.AUDIO_SILENT, faint.rms)
    assert audio_gate(faint, AudioConfig(min_rms=0.0)) is None
    clipped = measure_audio(np.clip(10 * TONE, -1, 1))
    assert audio_gate(clipped, AudioConfig(max_clipped_fraction=1.0)) is None
    assert audio_gate(GOOD, AudioConfig(min_s=1.5)) == (Reason.AUDIO_TOO_SHORT, 1.0)


def test_a_clip_must_fill_one_window_whatever_the_shortest_allowed():
    short = measure_audio(TONE[:1600])
    assert audio_gate(short, AudioConfig(min_s=0.01)) is None
    assert audio_gate(short, AudioConfig(min_s=0.01, window_s=0.2)) == (Reason.AUDIO_TOO_SHORT, 0.1)
