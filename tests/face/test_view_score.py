"""The score of frontal pictures: high for whole faces at every pose the gates pass, low for covered and torn ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.reasons import Reason
from emodal_data.face import LANDMARKS68, find_face, frontalize
from emodal_data.face.view_score import view_score
from tests.face.rendered import PX_PER_CM, Actor

#: The threshold of the gate.
LEAST = FaceConfig().min_view_score


@pytest.fixture(scope="module")
def actors(photo, backend):
    """Two people: a smiling young woman and a stern old man with glasses."""
    with get_sample_data("grace_hopper.jpg") as file:
        other = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR_RGB)
    return [Actor(photo, backend), Actor(other, backend)]


def fingers(rgb, tip, skin):
    """Four fingers, side by side, shaded at their edges, reaching up to a place of the picture."""
    for number in range(4):
        x = round(tip[0] + (number - 1.5) * 1.8 * PX_PER_CM)
        top = round(tip[1] + (0, -5, -3, 6)[number])
        for width, light in ((1.75, 0.55), (1.35, 0.8), (0.8, 1.0)):
            colour = (np.array(skin) * light).tolist()
            cv2.line(rgb, (x, top), (x, rgb.shape[0]), colour, round(width * PX_PER_CM), cv2.LINE_AA)


def with_hand(drawn, point):
    rgb = np.ascontiguousarray(drawn.rgb)
    x, y = drawn.landmarks468[6].astype(int)
    fingers(rgb, drawn.landmarks468[point], rgb[y, x].astype(float))
    return rgb


def with_dark_glasses(drawn):
    """Round black lenses from brow to cheek, with a bridge and temples."""
    rgb, points = np.ascontiguousarray(drawn.rgb), drawn.landmarks468.astype(int)
    for inner, outer, temple in ((133, 33, 127), (362, 263, 356)):
        middle, half = (points[inner] + points[outer]) // 2, int(0.8 * np.ptp(points[[inner, outer], 0])) + 2
        cv2.ellipse(
            rgb, middle.tolist(), (half, int(1.9 * PX_PER_CM)), 0, 0, 360, (20, 20, 24), -1, cv2.LINE_AA
        )
        cv2.line(rgb, points[outer].tolist(), points[temple].tolist(), (20, 20, 24), 3, cv2.LINE_AA)
    cv2.line(rgb, points[133].tolist(), points[362].tolist(), (20, 20, 24), 3, cv2.LINE_AA)
    return rgb


@pytest.mark.parametrize("yaw_deg", [-35, -20, 0, 20, 35])
def test_a_whole_face_passes_at_every_turn(actors, yaw_deg):
    for actor in actors:
        for open_cm in (0.0, 1.2):
            drawn = actor.draw(yaw_deg, open_cm=open_cm)
            assert view_score(frontalize(drawn.rgb, drawn.landmarks468[LANDMARKS68]).image) >= LEAST


@pytest.mark.parametrize("pitch_deg", [-25, 25])
def test_a_bowed_or_raised_face_passes(actors, pitch_deg):
    for actor in actors:
        drawn = actor.draw(10, pitch_deg)
        assert view_score(frontalize(drawn.rgb, drawn.landmarks468[LANDMARKS68]).image) >= LEAST


@pytest.mark.parametrize("yaw_deg", [-30, 0, 15])
def test_dark_glasses_leave_a_face_whole(actors, yaw_deg):
    for actor in actors:
        drawn = actor.draw(yaw_deg)
        image = frontalize(with_dark_glasses(drawn), drawn.landmarks468[LANDMARKS68]).image
        assert view_score(image) >= LEAST


@pytest.mark.parametrize(("yaw_deg", "point"), [(0, 13), (0, 50), (35, 50), (-35, 280), (20, 13)])
def test_a_hand_before_the_face_is_found_also_where_it_was_mirrored(actors, yaw_deg, point):
    for actor in actors:
        drawn = actor.draw(yaw_deg)
        image = frontalize(with_hand(drawn, point), drawn.landmarks468[LANDMARKS68]).image
        assert view_score(image) < LEAST


def test_a_dark_patch_in_place_of_the_mouth_is_found(actors):
    image = frontalize(actors[0].draw().rgb, actors[0].draw().landmarks468[LANDMARKS68]).image
    torn = image.copy()
    torn[70:110, 44:84] = 20
    assert view_score(image) >= LEAST
    assert view_score(torn) < LEAST


def test_a_mouth_that_is_torn_at_one_corner_is_found(actors):
    for actor in actors:
        image = frontalize(actor.draw(-20).rgb, actor.draw(-20).landmarks468[LANDMARKS68]).image
        torn = image.copy()
        torn[64:94, 36:58] = image[76:106, 28:50]
        assert view_score(torn) < LEAST


def test_a_picture_and_its_mirror_image_have_one_score_whatever_the_light(actors):
    image = frontalize(actors[1].draw(15).rgb, actors[1].draw(15).landmarks468[LANDMARKS68]).image
    assert view_score(image) == pytest.approx(view_score(image[:, ::-1]), abs=1e-5)
    dim = (image * 0.6 + 10).astype(np.uint8)
    assert view_score(dim) == pytest.approx(view_score(image), abs=0.15)


def test_the_gate_says_that_the_view_is_broken(actors, backend):
    config = FaceConfig(min_landmark_score=0.0, min_score=0.0)
    bare, covered = (
        find_face(rgb, backend, config).measures
        for rgb in (actors[0].draw(25).rgb, with_hand(actors[0].draw(25), 50))
    )
    assert face_gate(bare, config) is None
    assert face_gate(covered, config) == (Reason.FACE_VIEW_BROKEN, covered.view_score)
    assert face_gate(covered, FaceConfig(min_landmark_score=0.0, min_score=0.0, min_view_score=0.0)) is None


def test_faces_of_real_photos_pass(backend):
    """Faces of 12 photos that the other gates pass: at most one in twenty is refused."""
    media = Path(__file__).parents[2] / "../shared/media"
    photos = [
        cv2.imread(str(file), cv2.IMREAD_COLOR_RGB) for file in sorted((media / "faces68").glob("*.jpg"))
    ]
    if not photos:
        pytest.skip("needs the photos of ../shared/media")
    others = FaceConfig(min_view_score=0.0)
    scores = []
    for photo in photos:
        for face in backend.faces(photo):
            x0, y0, x1, y1 = face.box_xyxy
            margin = 0.8 * (x1 - x0)
            top, left = max(0, round(y0 - margin)), max(0, round(x0 - margin))
            part = photo[top : round(y1 + margin), left : round(x1 + margin)]
            found = find_face(np.ascontiguousarray(part), backend, others)
            if face_gate(found.measures, others) is None:
                scores.append(found.measures.view_score)
    assert len(scores) >= 30
    assert np.mean(np.array(scores) < LEAST) <= 0.05
