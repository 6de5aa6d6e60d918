"""Shots and speech in films whose cuts and voices are known."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from emodal_data.clips.candidates import find_candidates
from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.span import Span
from emodal_data.media import open_film
from emodal_data.media.shots import cuts_between, find_shots
from emodal_data.media.voice_activity import find_speech, speech_in
from tests.media.films import Recipe, make_film, number_in


def make_cuts(path: Path, cuts: tuple[int, ...], frames: int = 100) -> Path:
    """A silent film of 25 frames a second, with another noise after each cut, drifting slowly."""
    draw = np.random.default_rng(1)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 180))
    for frame in range(frames):
        if frame in (0, *cuts):
            scene = cv2.resize(draw.integers(0, 256, (6, 8, 3), np.uint8), (360, 220))
        down = abs(40 - frame % 80)  # back and forth
        writer.write(np.ascontiguousarray(scene[down : down + 180, 20:340]))
    writer.release()
    return path


@pytest.mark.parametrize("cuts", [(), (30,), (25, 50, 88)])
def test_shots_begin_at_the_first_frame_after_each_cut(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    with open_film(make_cuts(tmp_path / "film.mp4", cuts)) as film:
        shots = find_shots(film)
    borders = [0.0, *(cut / 25 for cut in cuts), 4.0]
    assert [shot.start_s for shot in shots] == pytest.approx(borders[:-1], abs=1e-6)
    assert [shot.end_s for shot in shots] == pytest.approx(borders[1:], abs=1e-6)


def test_cuts_of_a_stretch_are_those_of_the_whole_film(tmp_path: Path) -> None:
    with open_film(make_cuts(tmp_path / "film.mp4", (25, 50, 88))) as film:
        assert cuts_between(film, 0.9, 2.1) == pytest.approx([1.0, 2.0])
        assert cuts_between(film, 1.0, 2.0) == []
        assert cuts_between(film, 3.3, 9.0) == pytest.approx([3.52])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_sweep_from_the_middle_gives_every_frame_from_there(tmp_path: Path, suffix: str) -> None:
    with open_film(make_film(tmp_path, Recipe(suffix))) as film:
        seen = [number_in(bgr) for _, bgr in film.scan(1.5, 2.5)]
        times_s = [t_s for t_s, _ in film.scan()]
    first = seen[0]
    assert seen == list(range(first, first + 25))
    assert abs(first - 37.5) <= 2  # MPEG-TS begins its clock with the sound
    assert len(times_s) == 100
    assert times_s == sorted(times_s)


def test_spoken_lines_are_found_and_music_is_not(sample_films: Path) -> None:
    truth = list(csv.DictReader((sample_films / "truth.csv").open()))
    name = truth[0]["film"]
    lines = [row for row in truth if row["film"] == name]
    with open_film(sample_films / "films" / name) as film:
        speech = find_speech(film, film.duration_s)
    spoken = [Span(float(row["start"]), float(row["end"])) for row in lines if row["has_voice"] == "True"]
    for line in spoken:
        heard_s = sum(max(0.0, line.within(span).length_s) for span in speech)
        assert heard_s >= 0.7 * line.length_s, line
    outside_s = sum(span.length_s for span in speech) - sum(
        max(0.0, line.within(span).length_s) for line in spoken for span in speech
    )
    assert outside_s <= 0.2 * sum(line.length_s for line in spoken)


def test_candidates_of_a_sample_film_are_its_lines(sample_films: Path) -> None:
    truth = list(csv.DictReader((sample_films / "truth.csv").open()))
    name = truth[0]["film"]
    lines = [
        Span(float(row["start"]), float(row["end"]))
        for row in truth
        if row["film"] == name and row["kind"] == "good"
    ]
    found = find_candidates(Path(name), sample_films / "films", ClipsConfig())
    hit = [line for line in lines if any(line.within(span).length_s >= 0.6 * line.length_s for span in found)]
    assert len(hit) >= len(lines) - 1


def test_a_film_without_sound_offers_its_shots_in_parts(tmp_path: Path) -> None:
    path = make_cuts(tmp_path / "film.mp4", (40,), frames=250)
    found = find_candidates(path, None, ClipsConfig())
    assert [(round(s.start_s, 3), round(s.end_s, 3)) for s in found] == [(0, 1.6), (1.6, 5.8), (5.8, 10.0)]
    with open_film(path) as film, pytest.raises(Dropped, match="no_audio"):
        find_speech(film, 10.0)


def test_sound_that_comes_in_blocks_is_heard_as_one() -> None:
    draw = np.random.default_rng(0)
    sound = (0.1 * draw.standard_normal(5 * 16000)).astype(np.float32)
    assert speech_in([sound]) == speech_in(np.split(sound, [512 * 20, 512 * 100]))
    assert speech_in([]) == []
