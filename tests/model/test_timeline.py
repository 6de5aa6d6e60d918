"""The picture of a film's emotions: the right colours at the right times, long films in several lines."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from emodal_model.core.errors import ModelWorkError
from emodal_model.data.contract import LABELS
from emodal_model.inference.predictor import Answer
from emodal_model.report.palette import class_colours
from emodal_model.report.timeline import Mark, clock, draw_timeline

COLOURS = class_colours(LABELS)


def sure(label: int, used: str = "both") -> Answer:
    return Answer(np.eye(4, dtype=np.float32)[label], used)


def columns_of(picture: np.ndarray, colour: str) -> np.ndarray:
    """Shares of the width at which a colour fills a good part of the height."""
    bgr = [int(colour[i : i + 2], 16) for i in (5, 3, 1)]
    hits = (picture == bgr).all(axis=2).sum(axis=0)
    return np.flatnonzero(hits > 0.3 * picture.shape[0]) / picture.shape[1]


def test_a_span_is_drawn_at_its_time_in_the_colour_of_its_emotion(tmp_path: Path) -> None:
    path = tmp_path / "t.png"
    draw_timeline(path, "a film", 20.0, [Mark(0, 5, sure(0)), Mark(10, 20, sure(3))], LABELS)
    picture = cv2.imread(str(path))
    angry, sad = (
        columns_of(picture, COLOURS["angry"]),
        columns_of(picture, COLOURS["sad"]),
    )
    left, right = angry.min(), sad.max()
    assert (angry.max() - left) / (right - left) == pytest.approx(5 / 20, abs=0.01)
    assert (sad.min() - left) / (right - left) == pytest.approx(10 / 20, abs=0.01)
    assert len(columns_of(picture, COLOURS["happy"])) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["t.png"]


def test_a_long_film_takes_more_lines_than_a_short_one(tmp_path: Path) -> None:
    marks = [Mark(3.0, 5.0, sure(1)), Mark(7000.0, 7006.0, Answer(None, None))]
    draw_timeline(tmp_path / "long.png", "$a_film^", 7200.0, marks, LABELS)
    draw_timeline(tmp_path / "short.png", "a film", 20.0, marks[:1], LABELS)
    long, short = (cv2.imread(str(tmp_path / name)) for name in ("long.png", "short.png"))
    assert long.shape[1] == short.shape[1]
    assert 5 * short.shape[0] < long.shape[0] < 30 * short.shape[0]


@pytest.mark.parametrize(("length_s", "like_s"), [(31.0, 29.0), (121.0, 119.0)])
def test_a_few_seconds_more_take_no_line_of_their_own(tmp_path: Path, length_s: float, like_s: float) -> None:
    for seconds in (length_s, like_s):
        draw_timeline(tmp_path / f"{seconds}.png", "a film", seconds, [Mark(1.0, 2.0, sure(2))], LABELS)
    one, other = (cv2.imread(str(tmp_path / f"{seconds}.png")) for seconds in (length_s, like_s))
    assert one.shape == other.shape


def test_a_film_without_spans_has_an_empty_timeline(tmp_path: Path) -> None:
    draw_timeline(tmp_path / "t.svg", "a film", 0.0, [], LABELS)
    assert (tmp_path / "t.svg").read_text().startswith("<?xml")


def test_without_classes_values_are_drawn_from_the_lowest_to_the_highest_of_the_film(tmp_path: Path) -> None:
    values = [np.array([value, 9.0], np.float32) for value in (1.0, 3.0)]
    marks = [Mark(10.0 * n, 10.0 * n + 10, Answer(None, "both", each)) for n, each in enumerate(values)]
    marks.append(Mark(25.0, 30.0, Answer(None, None)))
    draw_timeline(tmp_path / "t.png", "a film", 30.0, marks, (), ("valence", "arousal"))
    picture = cv2.imread(str(tmp_path / "t.png"))
    valence = class_colours(("valence", "arousal"))["valence"]
    rows, columns = (picture == [int(valence[i : i + 2], 16) for i in (5, 3, 1)]).all(axis=2).nonzero()
    # The key at the top has the colour too.
    rows, columns = rows[rows > 50], columns[rows > 50]
    middle = (columns.min() + columns.max()) / 2
    early, late = (np.unique(rows[side]).size for side in (columns < middle - 1, columns > middle + 1))
    assert late > 5 * early > 0


def test_a_path_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelWorkError, match="cannot be written"):
        draw_timeline(tmp_path / "file" / "t.png", "a film", 1.0, [], LABELS)


@pytest.mark.parametrize(("t_s", "text"), [(0, "0:00"), (4.5, "0:04.5"), (64, "1:04"), (3724, "1:02:04")])
def test_times_are_written_as_people_do(t_s: float, text: str) -> None:
    assert clock(t_s) == text
