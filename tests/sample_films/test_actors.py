"""Actors: identities differ, poses and expressions move the right points, and the picture follows the mesh."""

import numpy as np
import pytest

from emodal_data.sample_films.actors import Actor, Turn, draw_actor
from emodal_data.sample_films.camera import Key, KeyMaps
from emodal_data.sample_films.expressions import (
    LOWER_LIP,
    UNIT_NAMES,
    UPPER_LIP,
    closed_face,
    emotion_units,
    expression,
    jaw_displacement,
)
from emodal_data.sample_films.meshes import STEP_PX, Grid, inverse_map

AHEAD = Turn(0.0, 0.0, 0.0)
NOTHING = np.zeros((468, 3))
NOSE, LEFT_CORNER, RIGHT_CORNER, INNER_BROW = 1, 61, 291, 55


@pytest.fixture(scope="module")
def actor() -> Actor:
    return draw_actor(0, np.random.default_rng(0))


def test_the_nose_points_where_the_angles_say(actor: Actor) -> None:
    ahead, right, up = (
        actor.face_px(turn, NOTHING, 1.0)[NOSE]
        for turn in (AHEAD, Turn(20.0, 0.0, 0.0), Turn(0.0, 20.0, 0.0))
    )
    assert right[0] > ahead[0] + 5
    assert up[1] < ahead[1] - 5


def test_roll_is_clockwise(actor: Actor) -> None:
    points = actor.face_px(Turn(0.0, 0.0, 10.0), NOTHING, 1.0)
    across = points[RIGHT_CORNER] - points[LEFT_CORNER]
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(10.0, abs=1.0)


def test_the_texture_lies_under_the_mesh_facing_the_camera(actor: Actor) -> None:
    grid = Grid.over(actor.moving_box, 1.0)
    mapped = actor.posed(AHEAD, jaw_displacement() * 1.3, grid)
    ys, xs = np.mgrid[0 : mapped.shape[0], 0 : mapped.shape[1]] * STEP_PX + STEP_PX // 2
    middle = (
        slice(mapped.shape[0] // 4, -mapped.shape[0] // 4),
        slice(mapped.shape[1] // 4, -mapped.shape[1] // 4),
    )
    moved = np.abs(mapped - np.dstack([xs + grid.left, ys + grid.top]))[middle]
    assert np.percentile(moved, 99) < 1.5


def test_outside_the_moving_box_no_vertex_moves(actor: Actor) -> None:
    ahead, _ = actor.vertices_px(AHEAD, NOTHING, 1.0)
    turned, _ = actor.vertices_px(Turn(30.0, 10.0, 8.0), expression(emotion_units("happy")), 1.0)
    still = slice(actor.still.start, None)
    np.testing.assert_array_equal(ahead[still], turned[still])
    np.testing.assert_array_equal(ahead[still], actor.texture_px[still])


def test_two_draws_give_two_people_and_one_seed_gives_one() -> None:
    one, again, other = (draw_actor(2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.texture, again.texture)
    np.testing.assert_array_equal(one.face_cm, again.face_cm)
    assert np.abs(one.face_cm - other.face_cm).max() > 0.1
    assert np.abs(one.texture.astype(int) - other.texture).mean() > 5


def test_a_cast_has_pale_and_dark_skin() -> None:
    cast = [draw_actor(2, np.random.default_rng(seed)) for seed in range(6)]
    cheeks = [actor.texture[*np.round(actor.texture_px[50, ::-1]).astype(int)].mean() for actor in cast]
    assert max(cheeks) - min(cheeks) > 60


def test_the_iris_goes_where_the_eyes_look_and_the_rest_of_the_face_stays(actor: Actor) -> None:
    key = Key(0, AHEAD, NOTHING)
    maps = KeyMaps(actor, key, Grid.over(actor.moving_box, 1.0))
    ahead, aside = (maps.at(0.0, 0.0, np.array([yaw_deg, 0.0])) for yaw_deg in (0.0, 20.0))
    moved = ahead - aside
    # Seen at a pixel right of the iris, the source lies farther left.
    assert moved[:, :, 0].max() == pytest.approx(1.1 * np.sin(np.radians(20)) * actor.px_per_cm, rel=0.1)
    assert not moved[:, :, 1].any()
    assert 0.001 < (moved[:, :, 0] > 0.1).mean() < 0.02
    np.testing.assert_array_equal(
        maps.at(0.0, 1.0, np.array([0.0, 0.0])), maps.at(0.0, 1.0, np.array([20.0, 0.0]))
    )


def test_the_jaw_opens_the_lips_and_leaves_the_upper_one() -> None:
    jaw = jaw_displacement()
    assert not jaw[list(UPPER_LIP)].any()
    assert (jaw[list(LOWER_LIP), 1] < -0.2).all()
    closed = closed_face()
    assert 0 <= closed[13, 1] - closed[14, 1] < 0.05


@pytest.mark.parametrize(
    ("emotion", "vertex", "axis", "sign"),
    [
        ("happy", RIGHT_CORNER, 1, 1),
        ("happy", RIGHT_CORNER, 0, 1),
        ("sad", RIGHT_CORNER, 1, -1),
        ("sad", INNER_BROW, 1, 1),
        ("angry", INNER_BROW, 1, -1),
    ],
)
def test_an_emotion_moves_the_face_as_the_action_units_say(
    emotion: str, vertex: int, axis: int, sign: int
) -> None:
    assert expression(emotion_units(emotion))[vertex, axis] * sign > 0.3


def test_expressions_are_mirror_symmetric_and_neutral_moves_nothing() -> None:
    moved = expression(np.ones(len(UNIT_NAMES)))
    np.testing.assert_allclose(moved[LEFT_CORNER], moved[RIGHT_CORNER] * [-1, 1, 1], atol=1e-3)
    assert not expression(emotion_units("neutral")).any()


def test_the_nearer_of_two_triangles_is_seen() -> None:
    target = np.array([(0, 0), (9, 0), (0, 9), (0, 0), (9, 0), (0, 9)], float)
    source = target + np.repeat([[0.0], [100.0]], 3, axis=0)
    triangles = np.array([(0, 1, 2), (3, 4, 5)])
    for depth, offset in (((0, 0, 0, 1, 1, 1), 100), ((1, 1, 1, 0, 0, 0), 0)):
        mapped = inverse_map(target, np.array(depth, float), source, triangles, (10, 10))
        np.testing.assert_allclose(mapped[2, 3], [3 + offset, 2 + offset], atol=1e-4)
        assert (mapped[9, 9] == -1e4).all()
