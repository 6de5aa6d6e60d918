"""Share of speech and level above the background: estimates from speech, pauses and noise of known power."""

import numpy as np
import pytest

from emodal_data.audio_features.music import music_share
from emodal_data.audio_features.quality import measure_audio
from emodal_data.audio_features.voice_level import VoiceLevel, voice_level
from emodal_data.clips.gates import audio_gate
from emodal_data.core.config import AudioConfig
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span

RATE_HZ = 16_000
SPEECH = [Span(0.5, 1.5), Span(2.0, 2.5)]


def sound(noise: float, seconds: float = 3.0) -> np.ndarray:
    """Speech of rms 0.1 where SPEECH is, over noise of this rms."""
    rng = np.random.default_rng(0)
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    spoken = np.any([(times_s >= part.start_s) & (times_s < part.end_s) for part in SPEECH], axis=0)
    wave = 0.1 * spoken * rng.standard_normal(len(times_s)) + noise * rng.standard_normal(len(times_s))
    return wave.astype(np.float32)


@pytest.mark.parametrize(("noise", "snr_db"), [(0.1, 0.0), (0.01, 20.0), (0.001, 40.0)])
def test_the_level_above_the_pauses_is_that_of_the_mix(noise: float, snr_db: float) -> None:
    level = voice_level(sound(noise), SPEECH)
    assert level.speech_share == pytest.approx(0.5)
    assert level.snr_db == pytest.approx(snr_db, abs=0.6)


def test_silent_pauses_give_the_largest_number_and_no_speech_gives_none() -> None:
    assert voice_level(sound(0.0), SPEECH).snr_db == 60.0
    assert voice_level(sound(0.1), []) == VoiceLevel(0.0, None, 0.0)
    assert voice_level(np.zeros(0, np.float32), []) == VoiceLevel(0.0, None, 0.0)


def test_speech_without_pauses_is_compared_with_its_quietest_tenth() -> None:
    whole = [Span(0.0, 3.0)]
    level = voice_level(sound(0.01), whole)
    assert level.speech_share == 1.0
    assert level.snr_db == pytest.approx(17.0, abs=1.0)  # half of the frames are speech


def test_held_tones_are_music_and_a_gliding_voice_and_noise_are_not() -> None:
    times_s = np.arange(2 * RATE_HZ) / RATE_HZ
    glide = 2 * np.pi * np.cumsum(150 + 40 * np.sin(2 * np.pi * 1.5 * times_s)) / RATE_HZ
    voice = sum(np.sin(n * glide) / n for n in range(1, 15))
    chord = sum(np.sin(2 * np.pi * hz * times_s) for hz in (220.0, 277.2, 329.6))
    second = times_s >= 1.0
    shares = [
        music_share(0.1 * wave.astype(np.float32))
        for wave in (chord, voice + chord, voice + second * chord, voice)
    ]
    assert shares == [1.0, 1.0, pytest.approx(0.5, abs=0.1), pytest.approx(0.05, abs=0.05)]
    assert music_share(sound(0.1)) == 0.0
    assert music_share(chord[:4000].astype(np.float32)) == 0.0
    assert music_share(np.zeros(RATE_HZ, np.float32)) == 0.0


def test_the_gates_of_the_estimates_drop_little_speech_noise_and_music() -> None:
    good = measure_audio(sound(0.01))
    asking = AudioConfig(measures=True, min_speech_share=0.3, min_snr_db=10.0, max_music_share=0.5)
    assert audio_gate(good, asking, level=VoiceLevel(0.5, 20.0, 0.4)) is None
    assert audio_gate(good, asking, level=VoiceLevel(0.2, 20.0, 0.4)) == (Reason.AUDIO_LITTLE_SPEECH, 0.2)
    assert audio_gate(good, asking, level=VoiceLevel(0.5, 3.0, 0.4)) == (Reason.AUDIO_NOISY, 3.0)
    assert audio_gate(good, asking, level=VoiceLevel(0.5, 20.0, 0.6)) == (Reason.AUDIO_MUSIC, 0.6)
    assert audio_gate(good, AudioConfig()) is None
    for one in ({"min_snr_db": 10.0}, {"max_music_share": 0.5}):
        with pytest.raises(ValueError, match="need measures = true"):
            AudioConfig.model_validate(one)
