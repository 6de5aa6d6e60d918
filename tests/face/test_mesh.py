"""The mesh: its points are the same for a mirrored face, and its score is low where they are guessed."""

from dataclasses import replace

import numpy as np
import pytest

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.reasons import Reason
from emodal_data.face import Detection, canonical_face, find_face
from emodal_data.face.mesh import Mesh
from tests.face.rendered import Actor


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return Mesh()


@pytest.mark.parametrize(("has_keypoints", "share"), [(True, 0.001), (False, 0.005)])
def test_the_points_of_a_mirrored_photo_are_the_mirrored_points(mesh, photo, backend, has_keypoints, share):
    # Without keypoints not exactly: a first look, at one side only, says where the second is taken.
    width = photo.shape[1]
    (found,) = backend.detect(photo)
    x0, y0, x1, y1 = found.box_xyxy
    eyes, nose = (found.eyes, found.nose) if has_keypoints else (None, None)
    other_eyes, other_nose = (
        (eyes[::-1] * [-1, 1] + [width, 0], nose * [-1, 1] + [width, 0]) if has_keypoints else (None, None)
    )
    here, score = mesh(photo, Detection((x0, y0, x1, y1), 0.9, eyes, nose))
    mirrored_photo = np.ascontiguousarray(photo[:, ::-1])
    there, other_score = mesh(
        mirrored_photo, Detection((width - x1, y0, width - x0, y1), 0.9, other_eyes, other_nose)
    )
    mirrored = (there * [-1, 1, 1] + [width - 1, 0, 0])[canonical_face().mirror]
    assert np.linalg.norm((mirrored - here)[:, :2], axis=1).mean() < share * (x1 - x0)
    assert score == pytest.approx(other_score, abs=0.05)


def test_what_the_mesh_saw_at_a_doubtful_box_is_used_for_its_points_in_the_same_picture_only(
    mesh, photo, backend
):
    (found,) = backend.detect(photo)
    fresh = replace(found, look=None)
    looked = replace(found, look=mesh.look(photo, fresh))
    points, score = mesh(photo, looked)
    np.testing.assert_array_equal(points, mesh(photo, fresh)[0])
    assert score == mesh(photo, fresh)[1]
    dark = photo // 2
    np.testing.assert_array_equal(mesh(dark, looked)[0], mesh(dark, fresh)[0])
    marked = replace(looked, look=replace(looked.look, points=looked.look.points + 9))
    assert np.abs(mesh(photo, marked)[0] - points).max() > 1


def test_faces_that_are_plainly_seen_keep_a_high_score(mesh, backend, photo):
    actor = Actor(photo, backend)
    for yaw_deg in (-30, 0, 30):
        rgb = actor.draw(yaw_deg).rgb
        assert mesh(rgb, backend.detect(rgb)[0])[1] > 0.75


@pytest.mark.parametrize("yaw_deg", [-65, 75])
def test_guessed_points_of_a_far_turned_face_score_low_though_a_face_is_there(mesh, backend, photo, yaw_deg):
    rgb = Actor(photo, backend).draw(yaw_deg).rgb
    detection = backend.detect(rgb)[0]
    assert mesh.look(rgb, detection).score > 0.9
    assert mesh(rgb, detection)[1] < 0.5


def test_a_far_turned_face_whose_yaw_is_not_seen_is_dropped_for_its_landmarks(backend, photo):
    config = FaceConfig(max_yaw_deg=90)
    found = find_face(Actor(photo, backend).draw(-65).rgb, backend, config)
    verdict = face_gate(found.measures, config)
    assert verdict == (Reason.LANDMARK_SCORE_LOW, found.measures.landmark_score)


def test_a_picture_without_a_face_scores_nothing(mesh):
    blank = np.full((300, 300, 3), 128, np.uint8)
    box = Detection((50.0, 50.0, 250.0, 250.0), 0.9)
    assert mesh.look(blank, box).score < 0.1 and mesh(blank, box)[1] < 0.1
