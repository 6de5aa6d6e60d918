"""Copies of a clip: the same bytes everywhere, a true description, and the numbers they claim."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from emodal_data.audio_features import clip_features
from emodal_data.core.config import AudioConfig
from emodal_data.dataset.augment.clip import augment_clip
from emodal_data.dataset.augment.face import FaceChange, augment_face
from emodal_data.dataset.augment.stable_random import StableRandom
from emodal_data.dataset.augment.voice import VoiceChange, augment_voice, resample
from emodal_data.dataset.sample import SampleData, make_sample
from emodal_data.dataset.shards import SampleSettings
from emodal_data.media.encoders import encode_png

T_S = np.arange(32000) / 16000
VOICE = (8000 * np.sin(2 * np.pi * 220 * T_S) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * T_S))).astype(np.int16)
FACE = np.add.outer(np.arange(128), np.arange(128) // 2).astype(np.uint8)

HASH_COPIES = """
import hashlib, sys
import numpy as np
from emodal_data.dataset.augment.clip import augment_clip
face = np.add.outer(np.arange(128), np.arange(128) // 2).astype(np.uint8)
voice = (np.arange(20000) * 37 % 9001 - 4500).astype(np.int16)
for key in sys.argv[1:]:
    image, audio, text = augment_clip(face, voice, key[0], int(key[1]), seed=4)
    print(key, hashlib.sha256(image.tobytes() + audio.tobytes() + text.encode()).hexdigest())
"""


def strongest_hz(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(spectrum.argmax() * 16000 / len(wave))


def test_number_zero_is_the_clip_itself():
    image, audio, description = augment_clip(FACE, VOICE, "clip", 0, seed=1)
    assert image is FACE
    assert audio is VOICE
    assert description == "none"


def test_bytes_do_not_depend_on_order_process_or_hash_seed(pytestconfig):
    def hashes(keys: list[str], hash_seed: str) -> list[str]:
        result = subprocess.run(
            [sys.executable, "-c", HASH_COPIES, *keys],
            env={"PYTHONHASHSEED": hash_seed},
            cwd=pytestconfig.rootpath,
            capture_output=True,
            text=True,
            check=True,
        )
        return sorted(result.stdout.splitlines())

    keys = ["a1", "b2", "c1", "a2", "d1", "e1"]
    once = hashes(keys, "1")
    assert len(set(once)) == 6
    assert hashes(keys[::-1], "2") == once


def test_seed_clip_and_number_each_make_another_copy():
    copies = [
        augment_clip(FACE, VOICE, clip, number, seed)
        for clip, number, seed in [("a", 1, 0), ("a", 2, 0), ("b", 1, 0), ("a", 1, 1)]
    ]
    assert len({audio.tobytes() for _, audio, _ in copies}) == 4
    assert len({description for _, _, description in copies}) == 4


def test_every_copy_differs_from_the_clip_in_face_and_features():
    original = clip_features(VOICE)
    for number in range(1, 40):
        image, audio, description = augment_clip(FACE, VOICE, "clip", number, seed=0)
        assert image.shape == (128, 128)
        assert image.dtype == np.uint8
        assert audio.dtype == np.int16
        assert (image != FACE).any()
        assert np.abs(clip_features(audio) - original).max() > 1e-4
        assert description != "none"


def test_a_copy_is_made_of_its_own_clips_picture_whichever_came_before():
    settings = SampleSettings(AudioConfig(), augment_seed=0, with_sound=False)
    faces = [FACE, FACE[::-1].copy()]

    def copy_of(which: int, number: int) -> SampleData:
        return make_sample(encode_png(faces[which]), VOICE.tobytes(), f"clip {which}", number, settings)

    for which, number in [(0, 1), (1, 1), (0, 2), (0, 3), (1, 2)]:
        contents = copy_of(which, number)
        face, sound, description = augment_clip(faces[which], VOICE, f"clip {which}", number, seed=0)
        assert contents.augmentation == description
        assert contents.png == encode_png(face)
        assert (contents.audio_features == clip_features(sound).astype(np.float32)).all()


def test_the_clip_is_left_as_it_was():
    image, audio = FACE.copy(), VOICE.copy()
    for number in range(1, 10):
        augment_clip(image, audio, "clip", number, seed=0)
    assert (image == FACE).all()
    assert (audio == VOICE).all()


def test_the_description_holds_the_numbers_that_were_used():
    face = FaceChange(True, -3.2, 1.05, (2, -1), 0.9, -12, 0.8, 2.5, (1, 2, 13, 14))
    assert face.describe() == (
        "mirror;rotate=-3.2deg;scale=1.05;shift=+2,-1px;contrast=0.9;brightness=-12;blur=0.8px;"
        "pixelnoise=2.5;erase=1,2,13,14px"
    )
    assert VoiceChange(1.04, 0.97, 0.35, 24.0, -2.1).describe() == (
        "tempo=1.04;pitch=0.97;reverb=0.35s;snr=24dB;gain=-2.1dB"
    )
    assert FaceChange().describe() == VoiceChange().describe() == ""


def test_the_docs_explain_every_change():
    text = (Path(__file__).parents[2] / "docs/augmentation.md").read_text()
    face = FaceChange(True, -3.2, 1.05, (2, -1), 0.9, -12, 0.8, 2.5, (1, 2, 13, 14))
    changes = face.describe() + ";" + VoiceChange(1.04, 0.97, 0.35, 24.0, -2.1).describe()
    for change in changes.split(";"):
        assert f"| `{change.split('=')[0]}" in text


def test_the_shortest_faster_copy_fills_the_longest_window():
    shortest = VOICE[:8000]
    faster = augment_voice(shortest, VoiceChange(tempo=1.1), StableRandom("x"))
    assert np.isfinite(clip_features(faster, window_s=0.4)).all()


def test_mirroring_twice_gives_the_face_back():
    once = augment_face(FACE, FaceChange(is_mirrored=True), StableRandom("x"))
    assert (once == FACE[:, ::-1]).all()
    assert (augment_face(once, FaceChange(is_mirrored=True), StableRandom("x")) == FACE).all()


def test_a_shift_moves_the_face_by_whole_pixels():
    moved = augment_face(FACE, FaceChange(shift_px=(3, -2)), StableRandom("x"))
    assert (moved[10:100, 20:100] == FACE[12:102, 17:97]).all()


def test_brightness_and_contrast_act_on_gray_levels():
    flat = np.full((128, 128), 100, np.uint8)
    assert (augment_face(flat, FaceChange(brightness=20), StableRandom("x")) == 120).all()
    assert (augment_face(flat, FaceChange(contrast=1.2), StableRandom("x")) == 100).all()
    bright = np.full((128, 128), 250, np.uint8)
    assert (augment_face(bright, FaceChange(brightness=20), StableRandom("x")) == 255).all()


def test_erasing_touches_its_rectangle_only():
    erased = augment_face(FACE, FaceChange(erased_px=(10, 20, 30, 15)), StableRandom("x"))
    outside = np.ones_like(FACE, bool)
    outside[20:35, 10:40] = False
    assert (erased[outside] == FACE[outside]).all()
    assert len(np.unique(erased[20:35, 10:40])) == 1


def test_pixel_noise_has_the_deviation_it_says():
    gray = np.full((128, 128), 128, np.uint8)
    noisy = augment_face(gray, FaceChange(noise=6.0), StableRandom("x")).astype(float)
    assert noisy.std() == pytest.approx(6.0, rel=0.03)
    assert noisy.mean() == pytest.approx(128, abs=0.2)


@pytest.mark.parametrize("tempo", [0.9, 1.05, 1.1])
def test_tempo_changes_the_length_and_keeps_the_pitch(tempo):
    changed = augment_voice(VOICE, VoiceChange(tempo=tempo), StableRandom("x"))
    assert len(changed) == round(len(VOICE) / tempo)
    assert strongest_hz(changed) == pytest.approx(220, abs=1)
    assert changed.std() == pytest.approx(VOICE.std(), rel=0.03)


@pytest.mark.parametrize("pitch", [0.9, 1.06, 1.12])
def test_pitch_changes_the_frequency_and_keeps_the_length(pitch):
    changed = augment_voice(VOICE, VoiceChange(pitch=pitch), StableRandom("x"))
    assert len(changed) == len(VOICE)
    assert strongest_hz(changed) == pytest.approx(220 * pitch, abs=1)
    assert changed.std() == pytest.approx(VOICE.std(), rel=0.03)


@pytest.mark.parametrize("hundredths", [94, 95, 96, 97, 98, 99, 101, 102, 103, 104, 105, 106])
def test_pitch_leaves_the_treble_as_loud_as_it_was(hundredths: int):
    # 100/95 is 20/19 in lowest terms: a filter for the one applied to the other takes all above 1.5 kHz away.
    hiss = np.random.default_rng(1).integers(-8000, 8000, 32000).astype(np.int16)
    changed = augment_voice(hiss, VoiceChange(pitch=hundredths / 100), StableRandom("x"))
    before, after = (np.abs(np.fft.rfft(sound.astype(float))) for sound in (hiss, changed))
    for low_hz in range(1000, 7000, 1000):
        band = slice(2 * low_hz, 2 * low_hz + 2000)
        assert 20 * np.log10(after[band].std() / before[band].std()) == pytest.approx(0, abs=2)


@pytest.mark.parametrize(("pitch", "up", "down"), [(0.94, 50, 47), (1.01, 100, 101), (1.05, 20, 21)])
def test_the_resampling_is_that_of_scipy(pitch: float, up: int, down: int) -> None:
    from scipy.signal import firwin, resample_poly

    lowpass = firwin(16 * max(up, down) + 1, 1 / max(up, down), window=("kaiser", 5.0))
    for length in (1, 37, 16001):
        wave = VOICE[:length].astype(float)
        expected = resample_poly(wave, up, down, window=lowpass)
        assert resample(wave, pitch) == pytest.approx(expected, abs=1e-7)


def test_noise_is_added_at_the_ratio_it_says():
    changed = augment_voice(VOICE, VoiceChange(snr_db=20.0), StableRandom("x"))
    noise = changed.astype(float) - VOICE
    assert 20 * np.log10(VOICE.std() / noise.std()) == pytest.approx(20, abs=0.1)


def test_gain_scales_and_never_wraps_around():
    louder = augment_voice(VOICE, VoiceChange(gain_db=6.0), StableRandom("x"))
    assert louder.max() == pytest.approx(VOICE.max() * 10 ** (6 / 20), abs=1)
    loud = np.array([30000, -30000] * 8000, np.int16)
    assert augment_voice(loud, VoiceChange(gain_db=6.0), StableRandom("x")).tolist() == [32767, -32768] * 8000


def test_echoes_follow_the_sound_and_fade():
    click = np.zeros(16000, np.int16)
    click[1000] = 20000
    room = augment_voice(click, VoiceChange(reverb_s=0.4), StableRandom("x")).astype(float)
    assert (room[:1000] == 0).all()
    assert room[1000] == 20000
    early, late = room[1040:2640], room[4200:5800]
    assert 20 * np.log10(early.std() / late.std()) == pytest.approx(60 * (3160 / 6400), abs=3)
    assert (room[1000 + 6400 :] == 0).all()


@pytest.mark.parametrize("length", [1, 800, 4800])
def test_short_sounds_keep_their_length_and_survive(length):
    for number in range(1, 25):
        _, audio, description = augment_clip(FACE, VOICE[:length], "clip", number, seed=0)
        assert len(audio) == length
        assert "tempo" not in description


def test_silence_stays_silence():
    silent = np.zeros(16000, np.int16)
    assert not augment_voice(silent, VoiceChange(1.05, 1.1, 0.3, 10.0, 6.0), StableRandom("x")).any()


def test_draws_are_even_and_the_same_for_the_same_key():
    draws = StableRandom(0, "clip", 1)
    counts = Counter(draws.index(5) for _ in range(5000))
    assert set(counts) == {0, 1, 2, 3, 4}
    assert max(counts.values()) - min(counts.values()) < 200
    assert [StableRandom("a", 12).index(1000) for _ in range(2)] == [StableRandom("a", 12).index(1000)] * 2
    assert StableRandom("a", 12).noise(9).tolist() != StableRandom("a1", 2).noise(9).tolist()


def test_the_streams_are_these_for_good():
    # A change here changes every published augmentation: it needs a new dataset version.
    draws = StableRandom(7, "clip-1", 3)
    assert [draws.index(1000) for _ in range(5)] == [832, 419, 121, 789, 863]
    assert StableRandom(7, "clip-1", 3).noise(2).tolist() == [-0.010386596183072085, 0.5780814715326609]


def test_noise_is_the_sum_of_the_four_quarters_of_each_draw():
    raw = StableRandom("x")._bits.random_raw(3000).tolist()
    sums = [sum(bits >> shift & 0xFFFF for shift in (0, 16, 32, 48)) - 2 * 65535 for bits in raw]
    noise = [total / np.sqrt(4 * (65536.0**2 - 1) / 12) for total in sums]
    assert StableRandom("x").noise(3000).tolist() == noise
    assert StableRandom("x").noise(0).tolist() == []
