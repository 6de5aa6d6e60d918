"""The 68 features equal those of pyAudioAnalysis, on speech and on many other signals."""

import functools
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyAudioAnalysis import ShortTermFeatures
from pydantic import ValidationError

from emodal_data.audio_features import (
    FEATURE_NAMES,
    FRAME_NAMES,
    SHORT_TERM_NAMES,
    clip_features,
    feature_names,
    short_term_features,
    summarised,
    with_deltas,
)
from emodal_data.core.config import AudioConfig
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason

SPEECH = Path(__file__).parents[2] / "../shared/media/ravdess/speech"
RATE_HZ = 16000


@pytest.fixture(autouse=True)
def remembered_chroma_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package builds the same table for every frame; half of these tests' time would go into it."""
    monkeypatch.setattr(
        ShortTermFeatures, "chroma_features_init", functools.cache(ShortTermFeatures.chroma_features_init)
    )


def package(signal: npt.NDArray, rate_hz: int = RATE_HZ, step_s: float = 0.025, window_s: float = 0.050):
    """The package's own mean_std and delta_mean vectors, called as its documentation says."""
    scaled = signal if signal.dtype == np.int16 else signal * 32768.0
    matrix, names = ShortTermFeatures.feature_extraction(
        scaled, rate_hz, round(rate_hz * window_s), round(rate_hz * step_s), deltas=True
    )
    plain = matrix[:34]
    assert tuple(names[:34]) == SHORT_TERM_NAMES
    return np.concatenate([plain.mean(axis=1), plain.std(axis=1)]), matrix.mean(axis=1)


def worst_error(value: npt.NDArray, reference: npt.NDArray) -> float:
    return float((np.abs(value - reference) / np.maximum(1, np.abs(reference))).max())


def signals() -> dict[str, npt.NDArray]:
    rng = np.random.default_rng(7)
    n = 24_321
    t = np.arange(n) / RATE_HZ
    impulse = np.zeros(n)
    impulse[5000] = 1.0
    return {
        "noise": rng.standard_normal(n) * 0.1,
        "noise16": (rng.standard_normal(n) * 3000).astype(np.int16),
        "float32": (rng.standard_normal(n) * 0.1).astype(np.float32),
        "silence": np.zeros(n),
        "offset": np.full(n, 0.3),
        "lowest": np.full(n, -32768, np.int16),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * t),
        "tone_on_a_bin": np.sin(2 * np.pi * 400 * t),
        "square": np.where(np.sin(2 * np.pi * 200 * t) >= 0, 20000, -20000).astype(np.int16),
        "impulse": impulse,
        "clicks": (20000 * (np.arange(n) % 800 == 0)).astype(np.int16),
        "clipped": np.clip(rng.standard_normal(n) * 3, -1, 1),
        "barely_there": rng.standard_normal(n) * 1e-12,
        "hardly_a_number": rng.standard_normal(n) * 1e-138,
        "silence_then_noise": np.concatenate([np.zeros(n // 2), rng.standard_normal(n // 2) * 0.1]),
        "one_bit": rng.integers(-1, 1, n).astype(np.int16),
        "one_window": rng.standard_normal(2205) * 0.1,
        "one_sample_less_than_two_windows": rng.standard_normal(4409) * 0.1,
    }


@pytest.mark.parametrize("step_s", [0.025, 0.050])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
@pytest.mark.parametrize("name", signals())
def test_features_equal_the_packages(name: str, rate_hz: int, step_s: float):
    signal = signals()[name]
    mean_std, delta_mean = package(signal, rate_hz, step_s)
    assert worst_error(clip_features(signal, rate_hz, step_s=step_s), mean_std) <= 1e-9
    delta = clip_features(signal, rate_hz, step_s=step_s, statistics="delta_mean")
    assert worst_error(delta, delta_mean) <= 1e-9


@pytest.mark.parametrize("frames", [143, 144, 145, 289])
def test_long_clips_are_as_exact_as_short_ones_where_blocks_of_frames_meet(frames: int):
    signal = np.random.default_rng(frames).standard_normal(800 + 400 * (frames - 1)) * 0.1
    matrix, _ = ShortTermFeatures.feature_extraction(signal * 32768.0, RATE_HZ, 800, 400, deltas=False)
    ours = short_term_features(signal)
    assert ours.shape == (frames, 34)
    assert worst_error(ours, matrix.T) <= 1e-9


@pytest.mark.parametrize("hz", [400, 440, 7300])
def test_the_spread_of_a_tone_is_exact_however_little_noise_is_about_it(hz: int):
    # From broad to none at all: the spread is found in one pass, and in two where one would cancel out.
    random, t = np.random.default_rng(hz), np.arange(4000) / RATE_HZ
    for exponent in range(14):
        signal = 0.5 * np.sin(2 * np.pi * hz * t) + 10.0**-exponent * random.standard_normal(4000)
        matrix, _ = ShortTermFeatures.feature_extraction(signal * 32768.0, RATE_HZ, 800, 400, deltas=False)
        spread = short_term_features(signal)[:, 4]
        assert worst_error(spread, matrix[4]) <= 1e-10


@st.composite
def sounds(draw: st.DrawFn) -> tuple[npt.NDArray, int, float]:
    rate_hz = draw(st.sampled_from([8000, 11025, 16000, 44100]))
    window = round(rate_hz * 0.050)
    elements, fill = st.integers(-32768, 32767), st.sampled_from([0, 1, -32768, 32767])
    signal = draw(arrays(np.int16, st.integers(window, 3 * window), elements=elements, fill=fill))
    return signal, rate_hz, draw(st.sampled_from([0.0125, 0.025, 0.050]))


@settings(max_examples=80)
@given(sounds())
def test_features_equal_the_packages_whatever_the_samples(sound: tuple[npt.NDArray, int, float]):
    signal, rate_hz, step_s = sound
    mean_std, delta_mean = package(signal, rate_hz, step_s)
    assert worst_error(clip_features(signal, rate_hz, step_s=step_s), mean_std) <= 1e-9
    delta = clip_features(signal, rate_hz, step_s=step_s, statistics="delta_mean")
    assert worst_error(delta, delta_mean) <= 1e-9


def test_features_equal_the_packages_on_every_utterance_of_real_speech():
    files = sorted(SPEECH.glob("*.flac"))
    if not files:
        pytest.skip("../shared/media/ravdess/speech is absent: no real speech to compare on")
    worst = 0.0
    for number, file in enumerate(files):
        with av.open(str(file)) as container:
            signal = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
        # Every eighth with frames that overlap: the package takes a second for a minute of them.
        step_s = 0.025 if number % 8 == 0 else 0.05
        reference, _ = package(signal, step_s=step_s)
        worst = max(worst, worst_error(clip_features(signal, step_s=step_s), reference))
    assert len(files) == 336
    assert worst <= 1e-9


@pytest.mark.parametrize("statistics", ["mean_std", "delta_mean"])
def test_the_package_as_backend_gives_the_same_numbers(statistics):
    signal = signals()["noise"]
    ours = clip_features(signal, statistics=statistics)
    theirs = clip_features(signal, statistics=statistics, backend="pyaudioanalysis")
    assert ours.shape == theirs.shape == (68,)
    assert ours.dtype == theirs.dtype == np.float64
    assert worst_error(ours, theirs) <= 1e-9


def test_frames_with_deltas_are_the_packages_rows_under_the_packages_names():
    from pyAudioAnalysis import ShortTermFeatures

    signal = signals()["noise"]
    matrix, names = ShortTermFeatures.feature_extraction(signal * 32768.0, 16000, 800, 400, deltas=True)
    frames = with_deltas(short_term_features(signal))
    assert frames.shape == matrix.T.shape and tuple(names) == FRAME_NAMES
    assert worst_error(frames, matrix.T) <= 1e-9
    assert (frames[0, 34:] == 0).all()
    assert (summarised(frames[:, :34]) == clip_features(signal)).all()


def test_names_are_the_packages_names_in_the_packages_order():
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 68
    assert FEATURE_NAMES[:3] == ("zcr_mean", "energy_mean", "energy_entropy_mean")
    assert FEATURE_NAMES[34] == "zcr_std"
    assert feature_names("delta_mean")[:34] == FEATURE_NAMES[:34]
    assert feature_names("delta_mean")[34] == "delta zcr_mean"


def test_int16_and_the_same_sound_as_floats_give_the_same_bits():
    signal = signals()["noise16"]
    assert (clip_features(signal) == clip_features(signal / 32768.0)).all()
    assert (clip_features(signal) == clip_features((signal / 32768.0).astype(np.float32))).all()


def test_halving_the_volume_changes_nothing():
    signal = signals()["noise"]
    assert worst_error(clip_features(signal / 2), clip_features(signal)) < 1e-6


def test_a_frame_has_the_same_bits_whatever_surrounds_it():
    # Same peak and mean, so that the normalisation is the same; frames 0-2 see only the common part.
    rng = np.random.default_rng(5)
    common = np.concatenate([rng.integers(-8000, 8000, 1600), [30000, -30000]])
    tail = rng.integers(-8000, 8000, 8000)
    one = np.concatenate([common, tail]).astype(np.int16)
    other = np.concatenate([common, tail[::-1]]).astype(np.int16)
    assert (short_term_features(one)[:3] == short_term_features(other)[:3]).all()
    assert not (short_term_features(one)[5] == short_term_features(other)[5]).all()


@pytest.mark.parametrize("backend", ["numpy", "pyaudioanalysis"])
def test_less_than_one_window_is_dropped_with_its_length(backend):
    with pytest.raises(Dropped) as caught:
        clip_features(np.ones(799), backend=backend)
    assert caught.value.reason == Reason.AUDIO_TOO_SHORT
    assert caught.value.measured == 799 / 16000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_sound_that_is_not_finite_is_dropped_with_the_number_of_bad_samples(bad):
    signal = np.ones(2000)
    signal[[3, 70]] = bad
    with pytest.raises(Dropped) as caught:
        clip_features(signal)
    assert caught.value.reason == Reason.AUDIO_NOT_FINITE
    assert caught.value.measured == 2


@pytest.mark.parametrize(
    ("signal", "rate_hz", "window_s", "step_s", "said"),
    [
        (np.zeros((2, 1600)), 16000, 0.050, 0.025, "one channel"),
        (np.zeros(1600, np.int32), 16000, 0.050, 0.025, "int32"),
        (np.zeros(1600, np.uint8), 16000, 0.050, 0.025, "uint8"),
        (np.zeros(1600), 6000, 0.050, 0.025, "resample"),
        (np.zeros(1600), 16000, 0.005, 0.025, "audio.window_s"),
        (np.zeros(1600), 16000, 0.050, 0.00001, "audio.step_s"),
    ],
)
def test_what_cannot_be_computed_is_said_in_one_line(signal, rate_hz, window_s, step_s, said):
    with pytest.raises(InputError, match=said) as caught:
        clip_features(signal, rate_hz, window_s, step_s)
    assert "\n" not in str(caught.value)


def test_a_statistic_or_backend_of_another_name_is_refused():
    with pytest.raises(InputError, match="mean_std"):
        clip_features(np.zeros(1600), statistics="median")
    with pytest.raises(InputError, match="pyaudioanalysis"):
        clip_features(np.zeros(1600), backend="librosa")


@pytest.mark.parametrize("window_s", [0.0125, 0.4])
def test_every_window_that_the_settings_allow_works_at_16_khz(window_s: float):
    config = AudioConfig(window_s=window_s, step_s=0.001)
    signal = np.random.default_rng(1).standard_normal(8000)
    assert np.isfinite(clip_features(signal, RATE_HZ, config.window_s, config.step_s)).all()


@pytest.mark.parametrize("setting", [{"window_s": 0.0124}, {"window_s": 0.41}, {"step_s": 0.0}])
def test_windows_that_cannot_work_are_refused_before_any_work(setting: dict[str, float]):
    with pytest.raises(ValidationError, match=next(iter(setting))):
        AudioConfig(**setting)


def test_the_docs_name_every_feature_and_every_reason_of_the_sound():
    text = (Path(__file__).parents[2] / "docs/speech-features.md").read_text()
    for name in SHORT_TERM_NAMES:
        assert f"`{name}`" in text or name.startswith(("mfcc_", "chroma_"))
    for reason in (
        reason for reason in Reason if reason.startswith("audio_") and reason != "audio_unreadable"
    ):
        assert f"`{reason}`" in text


def test_the_signal_is_left_as_it_was():
    signal = np.linspace(-0.5, 0.7, 4000)
    before = signal.copy()
    clip_features(signal)
    assert (signal == before).all()
