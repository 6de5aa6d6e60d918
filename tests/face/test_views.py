"""Views of a frame: the face lands where the template says, and the faces of others cannot be recognised."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped, InputError
from emodal_data.face import Expression, Face, FaceBackend, FaceMeasures, FacePicture, find_face
from emodal_data.face.views import aligned_face, context_frame, make_views

#: Eyes, nose and lip corners of the 112 px crop of ArcFace.
TEMPLATE = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])


def posed(scale: float, turn_deg: float, centre: complex) -> tuple[np.ndarray, np.ndarray]:
    """A frame with a bright spot at each of five points, and the landmarks of a face that has them."""
    at = centre + scale * np.exp(1j * np.deg2rad(turn_deg)) * ((TEMPLATE - 56) @ [1, 1j])
    points = np.stack([at.real, at.imag], axis=1)
    rgb = np.zeros((480, 640, 3), np.uint8)
    across, down = np.meshgrid(np.arange(640), np.arange(480))
    for x, y in points:
        rgb[(across - x) ** 2 + (down - y) ** 2 <= (2.5 * scale) ** 2] = 200, 100, 50
    landmarks = np.zeros((68, 2))
    landmarks[36:42], landmarks[42:48], landmarks[30], landmarks[[48, 54]] = (*points[:3], points[3:])
    return rgb, landmarks


@pytest.mark.parametrize(
    ("scale", "turn_deg", "side_px", "margin"),
    [(1.0, 0.0, 112, 0.0), (3.0, 30.0, 112, 0.0), (1.5, -20.0, 224, 0.1), (0.7, 80.0, 256, 0.5)],
)
def test_eyes_nose_and_lips_are_where_the_template_has_them(
    scale: float, turn_deg: float, side_px: int, margin: float
) -> None:
    view = aligned_face(*posed(scale, turn_deg, 320 + 240j), side_px, margin)
    assert view.shape == (side_px, side_px, 3)
    for point in TEMPLATE:
        x, y = (point / 112 + margin) / (1 + 2 * margin) * side_px
        part = view[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5, 0].astype(float)
        down, across = np.indices(part.shape)
        found = [(part * place).sum() / part.sum() for place in (across, down)]
        assert found == pytest.approx([x - round(x) + 4, y - round(y) + 4], abs=0.6)
    assert view[..., 0].max() > 2 * view[..., 2].max() > 0  # red stays red


def test_what_cannot_be_aligned_is_refused() -> None:
    rgb, landmarks = posed(1.0, 0.0, 320 + 240j)
    with pytest.raises(InputError, match="a picture must be uint8"):
        aligned_face(rgb / 255, landmarks, 112)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="landmarks must be an array"):
        aligned_face(rgb, landmarks[:5], 112)
    for nowhere in (landmarks * 0, landmarks * np.nan):
        with pytest.raises(Dropped, match="the landmarks do not form a face"):
            aligned_face(rgb, nowhere, 112)
    with pytest.raises(Dropped, match="the landmarks do not form a face"):
        aligned_face(rgb, landmarks / 640, 112)
    with pytest.raises(Dropped, match="the landmarks lie outside of the picture of 640x480 pixels"):
        aligned_face(rgb, landmarks + 640, 112)
    for mirrored in (landmarks[:, ::-1], landmarks * [-1, 1] + [640, 0], landmarks * [1, -1] + [0, 480]):
        with pytest.raises(Dropped, match="the landmarks are those of a mirrored face"):
            aligned_face(rgb, mirrored, 112)
    for side_px, margin in ((0, 0.0), (112, -0.6), (112, float("nan"))):
        with pytest.raises(InputError, match="side_px must be at least 1 and margin at least 0"):
            aligned_face(rgb, landmarks, side_px, margin)


@pytest.mark.parametrize(
    ("hide", "own", "others"),
    [
        ("shown", "plain", "plain"),
        ("others_blurred", "plain", "blurred"),
        ("blurred", "blurred", "blurred"),
        ("boxed", "boxed", "boxed"),
    ],
)
def test_the_faces_of_the_context_are_hidden_as_asked(hide: str, own: str, others: str) -> None:
    rng = np.random.default_rng(0)
    rgb = np.kron(rng.integers(0, 256, (90, 160, 3)), np.ones((4, 4, 1))).astype(np.uint8)  # squares of 4 px
    face = Face((40.0, 40.0, 120.0, 120.0), 0.9, np.zeros((68, 2)), 0.9)
    picture = FacePicture(
        np.zeros((128, 128), np.uint8),
        FaceMeasures(*[0.0] * 17),  # type: ignore[arg-type]
        Expression(*[0.0] * 8),
        face,
        ((300.0, 100.0, 380.0, 180.0), (600.0, 300.0, 700.0, 400.0)),  # the last reaches beyond the frame
    )
    config = FaceConfig(views=("context",), context_side_px=320, context_faces=hide)  # type: ignore[arg-type]
    view = make_views(rgb, picture, config)["context"].astype(float)
    assert view.shape == (180, 320, 3)
    plain = rgb.reshape(180, 2, 320, 2, 3).mean(axis=(1, 3))
    for box, expected in ((face.box_xyxy, own), *((box, others) for box in picture.others)):
        x0, y0, x1, y1 = (int(edge) // 2 for edge in box)
        part, there = view[y0:y1, x0:x1], plain[y0:y1, x0:x1]
        same = np.abs(part - there).max() <= 1
        assert same == (expected == "plain")
        if expected == "boxed":
            assert (part == 128).all()
        if expected == "blurred":  # squares of 10 px and more are left: neighbours hardly differ
            assert np.abs(np.diff(part, axis=1)).mean() < 0.25 * np.abs(np.diff(there, axis=1)).mean()
    assert np.abs(view[130:, :100] - plain[130:, :100]).max() <= 1


def test_small_faces_beside_a_large_one_are_hidden_too(
    photo: npt.NDArray[np.uint8], backend: FaceBackend
) -> None:
    rgb = np.full((720, 1280, 3), 90, np.uint8)
    rgb[:, :720] = cv2.resize(photo, (720, 720))
    small = cv2.resize(photo, (160, 160), interpolation=cv2.INTER_AREA)  # a face of 32 px
    rgb[60:220, 800:960], rgb[400:560, 1100:1260] = small, small
    picture = find_face(rgb, backend, FaceConfig())
    assert picture.measures.face_width_px > 130
    for hide, own in (("blurred", True), ("others_blurred", False)):
        config = FaceConfig(views=("context",), context_side_px=1280, context_faces=hide)  # type: ignore[arg-type]
        view = make_views(rgb, picture, config)["context"]
        x0, y0, x1, y1 = (int(edge) for edge in picture.face.box_xyxy)
        assert (view[y0:y1, x0:x1] != rgb[y0:y1, x0:x1]).any() == own
        for x, y in ((800, 60), (1100, 400)):
            left, top = x + round(0.36 * 160), y + round(0.13 * 160)  # its face
            face = (slice(top, top + 32), slice(left, left + 32))
            assert (
                cv2.Laplacian(view[face], cv2.CV_32F).std()
                < 0.25 * cv2.Laplacian(rgb[face], cv2.CV_32F).std()
            )


def test_a_face_at_the_border_is_as_coarse_as_a_whole_one() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (240, 320, 3)).astype(np.uint8)
    view = context_frame(
        rgb, [(-80.0, 60.0, 40.0, 180.0)], 320
    )  # a third of it is seen, 70 of 180 px with its border
    levels = np.abs(np.diff(view[120, :70, 0].astype(int), n=2))
    assert (levels > 2).sum() <= 3  # straight between the middles of three squares
    assert (view[:, 71:] == rgb[:, 71:]).all()
