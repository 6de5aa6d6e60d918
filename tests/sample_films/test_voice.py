"""The voice and the other sounds: reproducible, with the prosody of the emotion, and in the right places."""

import ctypes
from importlib.metadata import PackageNotFoundError
from typing import Any, NoReturn

import numpy as np
import pytest

from emodal_data.core.errors import InputError, WorkError
from emodal_data.sample_films import materials
from emodal_data.sample_films.sound import add, mouth_opening, music, room_tone
from emodal_data.sample_films.voice import ACCENTS, RATE_HZ, VARIANTS, Synthesizer, Voice, draw_voice, speak

PLAIN = Voice("en-us+f2", 50.0, 50.0, 175.0)


def test_what_was_spoken_before_in_the_process_does_not_change_a_sample() -> None:
    first, second = Synthesizer(), Synthesizer()
    text = "It was raining when we came."
    once = first("en-us+m3", text, 170, 50, 50)
    first("en-us+f2", "Something else.", 250, 80, 10)
    np.testing.assert_array_equal(second("en-us+m3", text, 170, 50, 50), once)
    assert 0.8 < len(once) / RATE_HZ < 3.0
    assert 0.1 < np.abs(once).max() <= 1.0


def test_every_voice_exists() -> None:
    synthesizer = Synthesizer()
    for accent in ACCENTS:
        for variant in VARIANTS:
            assert synthesizer(f"{accent}+{variant}", "Yes.", 175, 50, 50).size > RATE_HZ // 10


def test_an_unknown_voice_is_an_error_of_ours() -> None:
    with pytest.raises(WorkError, match="no voice"):
        Synthesizer()("xx-unknown", "Yes.", 175, 50, 50)


def test_sad_lines_are_slower_and_quieter_than_angry_ones() -> None:
    synthesizer = Synthesizer()
    means = {}
    for emotion in ("angry", "sad"):
        rng = np.random.default_rng(0)
        spoken = [speak(synthesizer, PLAIN, emotion, rng) for _ in range(25)]
        means[emotion] = [
            np.mean([measure(line) for line in spoken]) for measure in (len, lambda line: np.abs(line).max())
        ]
        assert max(np.abs(line).max() for line in spoken) < 1.0
    assert means["sad"][0] > 1.15 * means["angry"][0]
    assert means["sad"][1] < 0.6 * means["angry"][1]


def test_speakers_differ() -> None:
    voices = {draw_voice(np.random.default_rng(seed)) for seed in range(20)}
    assert len({voice.name for voice in voices}) > 10


def test_a_missing_voice_package_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "espeakng_loader", None)
    with pytest.raises(InputError, match=r"^[^\n]*pip install 'emodal\[samples\]'$"):
        Synthesizer()


def test_a_library_that_cannot_be_loaded_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise OSError("wrong ELF class")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(InputError, match="wrong ELF class"):
        Synthesizer()


def test_a_missing_package_or_file_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hint = r"^[^\n]*pip install 'emodal\[samples\]'$"
    with pytest.raises(InputError, match=hint):
        materials.package_file("scikit-image", "no_such_picture.png")

    def absent(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(materials, "files", absent)
    with pytest.raises(InputError, match=hint):
        materials.package_file("scikit-image", "astronaut.png")


def test_a_piece_is_added_where_it_starts_and_cut_at_the_end() -> None:
    track = np.zeros(RATE_HZ, np.float32)
    add(track, np.ones(RATE_HZ, np.float32), 0.5)
    assert not track[: RATE_HZ // 2].any()
    assert (track[RATE_HZ // 2 :] == 1).all()


def test_music_is_far_louder_than_the_room_and_both_have_their_length() -> None:
    rng = np.random.default_rng(0)
    tone, chords = room_tone(2.0, rng), music(2.0, rng)
    assert len(tone) == len(chords) == 2 * RATE_HZ
    assert np.std(chords) > 20 * np.std(tone) > 0


def test_the_mouth_opens_with_the_speech_and_closes_after_it() -> None:
    loud = np.full(RATE_HZ // 2, 0.5, np.float32)
    opening = mouth_opening(loud, 25, 25)
    assert (opening[1:11] > 0.9).all()
    assert not opening[14:].any()
    assert not mouth_opening(np.zeros(100, np.float32), 25, 5).any()
