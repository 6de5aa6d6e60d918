"""Faces rendered at known poses are turned to the front."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data
from skimage.metrics import structural_similarity

from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.sizes import FACE_SIDE_PX
from emodal_data.face import LANDMARKS68, Detection, canonical_face, fit_pose, frontalize
from emodal_data.face.frontal import SEAM_PX, _fill_from_other_side, _seen
from emodal_data.face.surface import PX_PER_CM, TOP_CM, canonical_surface
from tests.face.rendered import Actor, rotation

SURFACE = canonical_surface()
#: The part of the face that expresses: brows, eyes, nose, mouth, chin; not the temples and the jaw's edge.
CORE = SURFACE.inside & (np.abs(SURFACE.x_cm) < 5.5) & (SURFACE.y_cm > -8)
SIDES = (-1, 1)


@pytest.fixture(scope="module")
def actors(photo, backend):
    """Two people: a smiling young woman and a stern old one with glasses."""
    with get_sample_data("grace_hopper.jpg") as file:
        other = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR_RGB)
    return [Actor(photo, backend), Actor(other, backend)]


@pytest.fixture(scope="module")
def photographed(backend):
    """People whose faces are wider than 160 px in the test photos."""
    folder = Path(__file__).parents[2] / "../shared/media/faces68"
    files = sorted(folder.glob("*.jpg"))
    if not files:
        pytest.skip("needs the photos of ../shared/media/faces68")
    people = []
    for file in files:
        photo = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
        people += [
            Actor(photo, backend, face)
            for face in backend.faces(photo)
            if face.box_xyxy[2] - face.box_xyxy[0] > 160
        ]
    return people


def front(drawn):
    return frontalize(drawn.rgb, drawn.landmarks468[LANDMARKS68])


@cache  # drawing a face costs most of the time of these tests
def front_of(actor, yaw_deg=0):
    return front(actor.draw(yaw_deg))


def similarity(a, b):
    """SSIM over the part of the face that expresses."""
    return structural_similarity(a, b, data_range=255, full=True)[1][CORE].mean()


def measured(image, backend):
    """The 68 landmarks that the backend sees in a frontal picture."""
    whole = Detection((0.0, 0.0, float(FACE_SIDE_PX), float(FACE_SIDE_PX)), 1.0)
    return backend.landmarks(np.dstack([image] * 3), whole).landmarks68


def openings(points):
    """Mouth opening, brow height and eye opening, in distances between the eyes' outer corners."""
    gap = lambda a, b: np.linalg.norm(points[a] - points[b], axis=1).mean()  # noqa: E731
    eyes = gap([37, 38, 43, 44], [41, 40, 47, 46])
    brows = gap([19, 24], [37, 44])
    return np.array([gap([61, 62, 63], [67, 66, 65]), brows, eyes]) / gap([36], [45])


def residual_deg(actors, backend, yaw_deg):
    """Median yaw that the backend still sees in the frontal picture of a turned face, against the straight one."""
    residuals = []
    for actor in actors:
        straight = fit_pose(measured(front_of(actor).image, backend)).yaw_deg
        for side in SIDES:
            image = front_of(actor, side * yaw_deg).image
            residuals.append(abs(fit_pose(measured(image, backend)).yaw_deg - straight))
    return np.median(residuals)


def test_a_turned_face_is_seen_from_the_front(actors, backend):
    # Two people only, and the measurement itself is good to a degree or two: the photos below say it better.
    assert residual_deg(actors, backend, 30) <= 3
    assert residual_deg(actors, backend, 45) <= 4


@pytest.mark.parametrize(("yaw_deg", "limit_deg"), [(30, 2.0), (45, 4.0)])
def test_turned_faces_of_many_people_are_seen_from_the_front(photographed, backend, yaw_deg, limit_deg):
    left_deg = [
        abs(side * yaw_deg - front_of(actor, side * yaw_deg).yaw_deg)
        for actor in photographed
        for side in SIDES
    ]
    assert np.median(left_deg) <= limit_deg
    assert residual_deg(photographed, backend, yaw_deg) <= limit_deg


def test_many_people_turned_by_30_degrees_look_like_themselves_from_the_front(photographed):
    alike = [
        similarity(front_of(actor).image, front_of(actor, side * 30).image)
        for actor in photographed
        for side in SIDES
    ]
    assert np.median(alike) >= 0.80


def test_a_face_turned_by_30_degrees_looks_like_the_same_face_from_the_front(actors):
    # The second face is all wrinkles and glasses: one pixel of shift alone would leave 0.7.
    for actor, least in zip(actors, (0.79, 0.65), strict=True):
        for side in SIDES:
            assert similarity(front_of(actor).image, front_of(actor, side * 30).image) >= least


def test_the_expression_is_kept(actors, backend):
    kept = []
    for actor in actors:
        for open_cm in (0.8, 1.5):
            original = openings(measured(front(actor.draw(open_cm=open_cm)).image, backend))
            for side in SIDES:
                turned = front(actor.draw(side * 30, open_cm=open_cm)).image
                kept.append(openings(measured(turned, backend)) / original)
    assert (np.median(kept, axis=0) >= 0.95).all()
    assert (np.median(kept, axis=0) <= 1.20).all()


def test_an_open_mouth_stays_open_in_the_frontal_face(actors, backend):
    for actor in actors:
        closed, open_ = (
            openings(measured(front(actor.draw(30, open_cm=cm)).image, backend))[0] for cm in (0.0, 1.2)
        )
        assert open_ > 1.2 * closed


def test_a_frontal_face_passes_almost_unchanged(actors):
    for actor in actors:
        # A nod of a few degrees and the face's proportions look alike; here the face is frontal by its fit.
        drawn = actor.draw(pitch_deg=-front(actor.draw()).pitch_deg)
        pose = fit_pose(drawn.landmarks468[LANDMARKS68])
        frontal = front(drawn)
        # The crop at the fit's scale, brought to the place where the two look most alike (half pixels).
        gray = cv2.cvtColor(drawn.rgb, cv2.COLOR_RGB2GRAY)
        crops = [crop(gray, pose, down_px) for down_px in np.arange(-4, 4.5, 0.5)]
        assert max(similarity(plain, frontal.image) for plain in crops) >= 0.95
        assert frontal.mirrored_fraction < 0.01


def test_more_of_the_face_is_mirrored_the_further_it_is_turned(actors):
    shares = [front_of(actors[0], yaw).mirrored_fraction for yaw in (0, 20, 30, 45, 60)]
    assert shares == sorted(shares) and shares[0] < 0.01 and 0.08 < shares[2] < 0.27 and shares[-1] < 0.5


def test_the_mirror_image_of_a_photo_gives_the_mirror_image(actors):
    drawn = actors[0].draw(35, 10)
    mirrored = replace(
        drawn,
        rgb=np.ascontiguousarray(drawn.rgb[:, ::-1]),
        landmarks468=(drawn.landmarks468 * [-1, 1] + [drawn.rgb.shape[1] - 1, 0])[canonical_face().mirror],
    )
    there, back = front(drawn), front(mirrored)
    assert back.yaw_deg == pytest.approx(-there.yaw_deg, abs=1e-6)
    assert back.pitch_deg == pytest.approx(there.pitch_deg, abs=1e-6)
    assert similarity(there.image, back.image[:, ::-1]) > 0.99


def test_size_and_tilt_in_the_photo_do_not_matter(actors):
    straight = front(actors[0].draw(20)).image
    tilted = front(actors[0].draw(20, roll_deg=35)).image
    assert similarity(straight, tilted) > 0.9
    drawn = actors[0].draw(20)
    larger = frontalize(
        cv2.resize(drawn.rgb, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC),
        (drawn.landmarks468[LANDMARKS68] + 0.5) * 3 - 0.5,
    ).image
    assert similarity(straight, larger) > 0.9


def test_the_hidden_side_takes_on_the_brightness_of_the_seen_one_without_a_seam():
    # A face lit from the left, its right fifth unseen (black).
    columns = np.linspace(160, 80, FACE_SIDE_PX, dtype=np.float32)
    lit = np.tile(columns, (FACE_SIDE_PX, 1))
    filled, taken = _fill_from_other_side(*hidden_from(104, lit))
    assert taken[:, 114:].min() > 0.9 and taken[:, :90].max() < 0.01
    assert np.abs(np.diff(filled[:, 110:], axis=1)).max() < 2
    # Plain mirroring would put the bright side's 150 to 160 here.
    assert np.abs(filled - lit)[:, 110:115].max() < 5


@pytest.mark.parametrize("points", [slice(42, 48), slice(48, 68)], ids=["eye", "mouth"])
def test_the_border_of_the_mirrored_part_runs_through_no_eye_and_through_no_half_of_a_mouth(points):
    picture = np.full((FACE_SIDE_PX, FACE_SIDE_PX), 100, np.float32)
    (left, top), (right, bottom) = right_half_px(points)
    for first, is_mirrored in ((left + 4, True), (right - 4, True), (right + 1, False)):
        taken = _fill_from_other_side(*hidden_from(first, picture))[1][top:bottom, left:right]
        assert (taken > 0.6).all() if is_mirrored else (taken < 0.4).all()


@pytest.mark.parametrize(("pitch_deg", "is_hidden"), [(-40, True), (40, False)])
def test_a_nose_hides_the_lip_below_it_in_a_bowed_head(pitch_deg, is_hidden):
    seen = _seen(SURFACE.depth_cm, rotation(0, pitch_deg, 0)[2])
    below_the_nose = seen[(SURFACE.y_cm > -2.1) & (SURFACE.y_cm < -1.6) & (np.abs(SURFACE.x_cm) < 0.3)]
    assert (below_the_nose < 0.1).all() if is_hidden else (below_the_nose == 1).all()


def test_what_lies_beyond_the_frame_is_taken_from_the_other_side(actors):
    drawn = actors[0].draw()
    left = 185
    cut = frontalize(np.ascontiguousarray(drawn.rgb[:, left:]), drawn.landmarks468[LANDMARKS68] - [left, 0])
    assert cut.mirrored_fraction > 0.2
    assert similarity(cut.image, front(drawn).image) > 0.7


def test_gray_deep_and_transparent_pictures_give_the_frontal_view_of_the_colour_picture(actors):
    drawn = actors[0].draw(20)
    marks, image = drawn.landmarks468[LANDMARKS68], front(drawn).image
    alpha = np.zeros(drawn.rgb.shape[:2], np.uint8)
    deep = drawn.rgb.astype(np.uint16) << 8
    for same in (np.dstack([drawn.rgb, alpha]), deep, deep.astype(">u2")):
        np.testing.assert_array_equal(frontalize(same, marks).image, image)
    gray = cv2.cvtColor(drawn.rgb, cv2.COLOR_RGB2GRAY)
    for same in (gray, gray[:, :, np.newaxis]):
        np.testing.assert_array_equal(frontalize(same, marks).image, image)


def test_a_picture_of_other_numbers_and_landmarks_outside_of_it_are_refused(actors):
    drawn = actors[0].draw(20)
    marks = drawn.landmarks468[LANDMARKS68]
    for wrong in (drawn.rgb / 255, np.float32(drawn.rgb), drawn.rgb[np.newaxis], drawn.rgb[:0], None):
        with pytest.raises(InputError, match="a picture must be"):
            frontalize(wrong, marks)
    for bits in (8, 10, 12):
        with pytest.raises(InputError, match="if it has 8, 10 or 12 bits, scale it or give it as uint8"):
            frontalize(drawn.rgb.astype(np.uint16) << (bits - 8), marks)
    with pytest.raises(InputError, match="landmarks must be an array of numbers"):
        frontalize(drawn.rgb, "landmarks")
    with pytest.raises(Dropped, match="some are not numbers"):
        frontalize(drawn.rgb, np.where(np.arange(68)[:, np.newaxis] == 3, np.inf, marks))
    with pytest.raises(Dropped, match="the landmarks lie outside of the picture of 400x400 pixels"):
        frontalize(drawn.rgb, marks + 400)


def test_the_dense_mode_takes_all_468_points(actors):
    drawn = actors[0].draw(30)
    dense = frontalize(drawn.rgb, drawn.landmarks468)
    assert similarity(front(actors[0].draw()).image, dense.image) >= 0.75
    assert dense.yaw_deg == pytest.approx(30, abs=3)


def hidden_from(column, lit):
    """A picture that is black from a column on, and how well each pixel is seen."""
    seen = np.ones((FACE_SIDE_PX, FACE_SIDE_PX), np.float32)
    seen[:, column:] = 0
    return np.where(seen > 0, lit, 0).astype(np.float32), seen


def right_half_px(points):
    """The corners of the box around landmarks of the canonical face, right of its middle, in whole output pixels."""
    places_cm = canonical_face().vertices_cm[LANDMARKS68[points], :2]
    pixels = PX_PER_CM * (places_cm * [1, -1] + [FACE_SIDE_PX / PX_PER_CM / 2, TOP_CM])
    # The border may run through the middle of the mouth, within its own softness.
    pixels[:, 0] = np.maximum(pixels[:, 0], FACE_SIDE_PX / 2 + 2 * SEAM_PX)
    return pixels.min(axis=0).round().astype(int), pixels.max(axis=0).round().astype(int)


def crop(gray, pose, down_px):
    """A plain similarity crop at a pose's scale, its place shifted by output pixels."""
    scale = pose.scale_px_per_cm / PX_PER_CM
    corner = pose.centre_px - scale * np.array([FACE_SIDE_PX / 2 - 0.5, TOP_CM * PX_PER_CM - 0.5 + down_px])
    return cv2.warpAffine(
        gray,
        np.column_stack([np.eye(2) * scale, corner]),
        (FACE_SIDE_PX, FACE_SIDE_PX),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
    )
