"""Scripts: balance of emotions, bad lines, and shots."""

from collections import Counter

import numpy as np
import pytest

from emodal_data.sample_films.script import BAD_KINDS, LINES_A_SHOT, Line, Shot, write_script


def script(number: int, clips: int, seed: int = 0) -> list[Shot]:
    return write_script(number, clips, seed, np.random.default_rng([seed, number]))


def lines(number: int, clips: int, seed: int = 0) -> list[Line]:
    return [line for shot in script(number, clips, seed) for line in shot.lines]


@pytest.mark.parametrize("clips", [1, 6, 12, 58])
def test_a_film_has_exactly_its_clips_and_its_emotions_are_balanced(clips: int) -> None:
    counts = Counter(line.emotion for line in lines(0, clips))
    assert counts.total() == clips
    assert max(counts.values()) - min(counts.values() if clips >= 4 else [0]) <= 1


@pytest.mark.parametrize("seed", [0, 1, 14, 123])
def test_one_line_in_fifteen_is_bad_on_purpose_in_every_way_whatever_the_seed(seed: int) -> None:
    kinds = Counter(line.kind for film in range(53) for line in lines(film, 58, seed))
    assert 0.05 < 1 - kinds["good"] / kinds.total() < 0.08
    assert set(kinds) == {"good", *BAD_KINDS}


def test_a_few_lines_have_no_label_and_all_others_the_right_one() -> None:
    spoken = [line for film in range(6) for line in lines(film, 12)]
    assert Counter(line.label == line.emotion for line in spoken) == {True: 68, False: 4}
    assert {line.label for line in spoken if line.label != line.emotion} == {""}


def test_a_shot_has_one_speaker_and_bad_lines_have_a_shot_of_their_own() -> None:
    for film in range(20):
        for shot in script(film, 30):
            assert len(shot.lines) <= LINES_A_SHOT
            assert len({line.speaker for line in shot.lines}) <= 1
            assert len(shot.lines) == 1 or all(line.kind == "good" for line in shot.lines)


def test_every_film_has_music_and_silence() -> None:
    for film in range(10):
        assert {"music", "speech", "silence"} == {shot.sound for shot in script(film, 6)}
