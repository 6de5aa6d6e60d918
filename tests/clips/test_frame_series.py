"""Several frames of a span: spread over its shot, of one face, each once; and which of them is taken."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from emodal_data.clips import frame_series
from emodal_data.clips.frame_series import (
    CANDIDATES,
    Anchor,
    between_s,
    every_nth_s,
    follow,
    read_series,
    spread_s,
)
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span
from emodal_data.face import (
    LANDMARKS68,
    Detection,
    Expression,
    Face,
    FaceMeasures,
    FacePicture,
    canonical_face,
)
from emodal_data.face.frame_choice import clearest, most_expressive
from emodal_data.media import Frame
from tests.face.rendered import rotation

MEASURES = FaceMeasures(
    0.9, 0.9, 100.0, 0.2, 0.0, 0.0, 0.0, 0.0, 1, 1.0, 0.0, 0.0, 0.0, 100.0, 100.0, 0.2, 0.9
)


def box(x: float) -> tuple[float, float, float, float]:
    return x, 100.0, x + 100.0, 200.0


class TwoFaces:
    """Film and backend in one: 10 frames a second; one face goes right by 100 px a second, the other stays at 700.

    Frame 3 cannot be decoded; frames 6 and 7 show nobody.
    """

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    def frame_at(self, t_s: float, max_side_px: int | None = None) -> Frame:
        self.asked_s.append(t_s)
        number = int(t_s * 10 + 1e-9)
        if number == 3:
            raise Dropped(Reason.FRAME_UNREADABLE, "torn")
        return Frame(np.full((4, 4, 3), number, np.uint8), number / 10, t_s - number / 10, 0, 0.5)

    def scan(self, start_s: float, end_s: float) -> Iterator[tuple[float, None]]:
        return ((n / 10, None) for n in range(10) if start_s <= n / 10 < end_s and n != 3)

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        number = int(rgb[0, 0, 0])
        places = [] if number in (6, 7) else [700.0, 100.0 + 10 * number]
        halved = [(x0 / 2, y0 / 2, x1 / 2, y1 / 2) for x0, y0, x1, y1 in map(box, places)]
        return [Detection(one, 0.9) for one in halved]


def pictured(rgb: np.ndarray, found: list[Detection], ranked: list[Detection], *_: object) -> FacePicture:
    """A picture whose blur falls from frame to frame."""
    number = int(rgb[0, 0, 0])
    measures = replace(MEASURES, blur_px=2.0 - number / 10)
    face = Face(ranked[0].box_xyxy, 0.9, np.zeros((68, 2)), 0.9)
    return FacePicture(np.full((128, 128), number, np.uint8), measures, Expression(*[0.3] * 8), face, ())


@pytest.fixture
def film(monkeypatch: pytest.MonkeyPatch) -> TwoFaces:
    monkeypatch.setattr(frame_series, "picture_face", pictured)
    return TwoFaces()


def read(film: TwoFaces, anchor: Anchor | None, **face: Any) -> frame_series.Series:
    return read_series(cast(Any, film), Span(0.0, 1.0), anchor, cast(Any, film), FaceConfig(**face))


def test_the_frames_are_the_middles_of_equal_parts() -> None:
    assert spread_s(Span(2.0, 4.0), 4) == [2.25, 2.75, 3.25, 3.75]
    assert spread_s(Span(2.0, 4.0), 1) == [3.0]


def test_one_face_is_followed_forwards_and_backwards_and_found_again(film: TwoFaces) -> None:
    series = read(film, Anchor(box(150.0), 0.5), frames=10)
    assert [one.frame.pts_s for one in series.frames] == [0.0, 0.1, 0.2, 0.4, 0.5, 0.8, 0.9]
    left = [2 * one.picture.face.box_xyxy[0] for one in series.frames]
    assert left == [100, 110, 120, 140, 150, 180, 190]
    assert series.chosen is None
    assert film.asked_s == sorted(film.asked_s)  # the film is decoded once
    other = read(film, Anchor(box(700.0), 0.5), frames=10)
    assert {2 * one.picture.face.box_xyxy[0] for one in other.frames} == {700}


@pytest.mark.parametrize(
    ("every_nth", "frames", "expected"),
    [
        (2, 32, [0.0, 0.2, 0.5, 0.9]),
        (2, 2, [0.2, 0.5]),
        (1, 3, [0.4, 0.5]),
        (4, 3, [0.0, 0.5, 0.9]),
        (100, 8, [0.5]),
    ],
)
def test_every_nth_frame_is_counted_from_the_middle_one(
    film: TwoFaces, every_nth: int, frames: int, expected: list[float]
) -> None:
    # Frame 3 cannot be decoded and does not count; 6 and 7 show no face; of two as near, the earlier one is taken.
    series = read(film, Anchor(box(150.0), 0.5), frames=frames, every_nth=every_nth)
    assert [one.frame.pts_s for one in series.frames] == expected
    with pytest.raises(ValueError, match="every_nth needs frames > 1"):
        FaceConfig(every_nth=every_nth)


def test_every_nth_frame_is_a_frame_also_where_the_rate_varies() -> None:
    times_s = [0.0, 0.04, 0.08, 0.5, 1.0, 1.02, 1.04, 1.06]
    assert every_nth_s(times_s, 1.0, 2, 32) == [0.0, 0.08, 1.0, 1.04]
    assert every_nth_s(times_s, 0.99, 3, 32) == [0.0, 0.5, 1.04]  # the frame on screen then
    assert every_nth_s(times_s, 1.0, 2, 2) == [0.08, 1.0]
    assert every_nth_s(times_s, -1.0, 2, 2) == every_nth_s([], -1.0, 2, 2) == [-1.0]


def test_between_frames_that_are_far_apart_the_faces_are_looked_for_too(film: TwoFaces) -> None:
    assert list(between_s([0.0, 0.2, 1.0])) == pytest.approx([0.4, 0.6, 0.8])
    series = read(film, Anchor(box(150.0), 0.5), frames=2)
    assert [one.frame.pts_s for one in series.frames] == [0.2]  # and 0.7, without a face
    looked_s = sorted({*film.asked_s})
    assert max(b - a for a, b in pairwise(looked_s)) <= 0.2


def test_a_frame_that_is_asked_for_twice_is_there_once(film: TwoFaces) -> None:
    series = read(film, Anchor(box(150.0), 0.5), frames=32)
    assert [one.frame.pts_s for one in series.frames] == [0.0, 0.1, 0.2, 0.4, 0.5, 0.8, 0.9]


def test_the_clearest_frame_is_chosen_among_more_than_are_kept(film: TwoFaces) -> None:
    series = read(film, Anchor(box(150.0), 0.5), frames=2, frame="clearest")
    assert len(set(film.asked_s)) == CANDIDATES + 2
    assert [one.frame.pts_s for one in series.frames] == [0.2]
    assert series.chosen is not None and series.chosen.frame.pts_s == 0.9


def test_without_a_face_in_the_middle_the_nearest_frame_with_one_says_whom_to_follow(film: TwoFaces) -> None:
    assert read(film, None, frames=4).frames == ()
    series = read(film, None, frame="clearest", frames=4)
    assert series.chosen is not None
    places = {2 * one.picture.face.box_xyxy[0] for one in (series.chosen, *series.frames)}
    assert places == {700}  # the first that the detector names


def test_the_face_with_the_largest_overlap_is_followed() -> None:
    boxes = {0.0: [box(0), box(40)], 1.0: [box(90), box(60)], 2.0: [box(500)]}
    assert follow(boxes, Anchor(box(30), 0.0)) == {0.0: 1, 1.0: 1}
    assert follow({0.0: [box(80)], 1.0: []}, Anchor(box(0), 1.0)) == {}


@pytest.mark.parametrize("anchor_s", [0.1, 0.6, 2.6, 3.3])
@pytest.mark.parametrize("step_s", [0.1, 0.2])
def test_of_two_people_who_cross_each_is_followed_to_the_other_side(anchor_s: float, step_s: float) -> None:
    def right(t_s: float) -> float:
        return 100.0 + 150 * t_s

    def left(t_s: float) -> float:
        return 637.0 - 150 * t_s

    boxes = {}
    for t_s in {anchor_s, *np.arange(0.0, 3.6, step_s).tolist()}:  # they meet before 1.8 s
        is_hidden = abs(right(t_s) - left(t_s)) < 70
        boxes[t_s] = [box(left(t_s)), *([] if is_hidden else [box(right(t_s))])]
    of_hidden = follow(boxes, Anchor(box(right(anchor_s)), anchor_s))
    assert of_hidden == {t_s: 1 for t_s, seen in boxes.items() if len(seen) == 2}
    assert follow(boxes, Anchor(box(left(anchor_s)), anchor_s)) == dict.fromkeys(boxes, 0)


def test_a_face_that_is_not_seen_for_a_while_is_found_where_it_was() -> None:
    boxes = {t / 5: [box(300 + t % 2)] if not 4 <= t < 14 else [box(700)] for t in range(20)}
    assert sorted(follow(boxes, Anchor(box(300), 0.0))) == [t / 5 for t in range(20) if not 4 <= t < 14]


def posed(yaw_deg: float = 0.0, smile_cm: float = 0.0, view_score: float = 0.9) -> FacePicture:
    """A picture of the canonical face whose lip corners are raised, from a head that is turned."""
    points = canonical_face().vertices_cm[LANDMARKS68].copy()
    points[[48, 54], 1] += smile_cm
    seen = (points @ rotation(yaw_deg, 0.0, 0.0).T)[:, :2] * [9.0, -9.0] + 200.0
    face = Face((0.0, 0.0, 1.0, 1.0), 0.9, seen, 0.9)
    measures = replace(MEASURES, view_score=view_score, blur_px=abs(yaw_deg) / 10)
    return FacePicture(np.zeros((128, 128), np.uint8), measures, Expression(*[0.3] * 8), face, ())


def test_the_frame_whose_landmarks_moved_most_is_the_most_expressive_whatever_the_turn() -> None:
    heads = [posed(yaw_deg) for yaw_deg in (-20.0, -10.0, 0.0, 5.0, 20.0)]
    assert most_expressive([*heads, posed(10.0, smile_cm=0.4), posed(0.0, smile_cm=0.2)]) == 5
    assert most_expressive([*heads, posed(10.0, smile_cm=0.4, view_score=0.3), posed(0.0, smile_cm=0.2)]) == 6
    assert most_expressive([posed(0.0, view_score=0.1)]) == 0


def test_the_clearest_frame_is_sharp_and_whole() -> None:
    assert clearest([posed(20.0), posed(5.0), posed(0.0, view_score=0.2), posed(-5.0)]) == 1
