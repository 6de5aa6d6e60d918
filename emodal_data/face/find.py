"""Finds one face in a frame: detection, choice, frontal view and all its measures.

Thresholds are not applied here; see emodal_data/clips/gates.py.
"""

from dataclasses import dataclass

from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.region import Region, region_text
from emodal_data.face.blur import blur_px
from emodal_data.face.expression import Expression, measure_expression
from emodal_data.face.frontal import Frontal, frontalize
from emodal_data.face.measures import FaceMeasures, outside_fraction, sharpness
from emodal_data.face.pose import keypoint_yaw_deg
from emodal_data.face.types import AnyPicture, Box, Detection, Face, FaceBackend, Picture, as_picture
from emodal_data.face.view_score import view_score

#: Boxes whose score is below this share of the frame's best score are neither chosen nor counted: a box with a low
#: score (0.5 to 0.6) may be larger than the sure face (0.9) beside it. This is not a setting, because thresholds of
#: the configuration must not change what reading a film yields.
LIKELY_SHARE = 0.75
#: Beyond this yaw the detector's keypoints are used instead of the mesh: the mesh is better at smaller angles, but
#: measures 60 degrees as 40 in many faces.
FAR_YAW_DEG = 40.0
#: The detector's keypoints are reliable in heads whose roll is smaller than this.
UPRIGHT_ROLL_DEG = 45.0


@dataclass(frozen=True, eq=False)
class FacePicture:
    """The frontal face of a frame. image: (128, 128) uint8 gray. measures, expression: see their classes.

    face: the face as it is in the frame. others: the boxes of all other faces that the detector found.
    """

    image: Picture
    measures: FaceMeasures
    expression: Expression
    face: Face
    others: tuple[Box, ...]


def find_face(
    rgb: AnyPicture,
    backend: FaceBackend,
    config: FaceConfig,
    scale: float = 1.0,
    region: Region | None = None,
) -> FacePicture:
    """The largest face of a frame (or the most central one, by config.choose), frontal, with its measures.

    rgb: (h, w, 3) uint8, or whatever as_rgb accepts. scale: pixels of `rgb` per pixel of the film.
    region: only faces whose centre lies in it are chosen from. Raises Dropped(NO_FACE). Applies no threshold.
    """
    rgb = as_picture(rgb)
    found = backend.detect(rgb)
    return picture_face(rgb, found, rank_faces(rgb, found, config, scale, region), backend, config, scale)


def rank_faces(
    rgb: AnyPicture,
    found: list[Detection],
    config: FaceConfig,
    scale: float = 1.0,
    region: Region | None = None,
) -> list[Detection]:
    """Those of the faces that a backend found that find_face chooses from, the one that it takes first.

    Raises Dropped(NO_FACE) without any.
    """
    height, width = rgb.shape[:2]
    in_frame = _likely(found)
    detections = in_frame if region is None else _likely(_within(found, region, rgb, scale))
    if not detections:
        where = "" if region is None else f" within {region_text(region)}: it has {len(in_frame)} elsewhere"
        raise Dropped(Reason.NO_FACE, f"no face in a frame of {width}x{height} pixels{where}")
    chosen = detections[0] if config.choose == "largest" else _most_central(detections, width, height)
    return [chosen, *(detection for detection in detections if detection is not chosen)]


def picture_face(
    rgb: AnyPicture,
    found: list[Detection],
    ranked: list[Detection],
    backend: FaceBackend,
    config: FaceConfig,
    scale: float = 1.0,
) -> FacePicture:
    """The first of the ranked faces of a frame, frontal, with its measures.

    found: all faces that the backend found. scale: as in find_face.
    """
    height, width = rgb.shape[:2]
    in_frame, (chosen, *rivals) = _likely(found), ranked
    face = backend.landmarks(rgb, chosen)
    dense = face.landmarks468 if config.frontalization == "dense" else None
    frontal = frontalize(rgb, face.landmarks68 if dense is None else dense)
    x0, y0, x1, y1 = (float(value) / scale for value in face.box_xyxy)
    measures = FaceMeasures(
        face_score=face.score,
        landmark_score=face.landmark_score,
        face_width_px=x1 - x0,
        sharpness=sharpness(frontal.image),
        yaw_deg=_yaw_deg(chosen, frontal),
        pitch_deg=frontal.pitch_deg,
        roll_deg=frontal.roll_deg,
        mirrored_fraction=frontal.mirrored_fraction,
        faces_in_frame=len(in_frame),
        dominance=chosen.area_px2
        / (chosen.area_px2 + max((rival.area_px2 for rival in rivals), default=0.0)),
        outside_fraction=outside_fraction(face.box_xyxy, width, height),
        x0=x0,
        y0=y0,
        x1=x1,
        y1=y1,
        blur_px=blur_px(rgb, face.landmarks68, frontal.scale),
        view_score=view_score(frontal.image),
    )
    hidden = tuple(detection.box_xyxy for detection in found if detection is not chosen)
    expression = measure_expression(face.landmarks68, frontal.head if dense is None else None)
    return FacePicture(frontal.image, measures, expression, face, hidden)


def _within(detections: list[Detection], region: Region, rgb: AnyPicture, scale: float) -> list[Detection]:
    """The detections whose centre lies in the region, in their order."""
    height, width = rgb.shape[:2]

    def is_inside(detection: Detection) -> bool:
        x0, y0, x1, y1 = (value / scale for value in detection.box_xyxy)
        return region.contains((x0 + x1) / 2, (y0 + y1) / 2, width / scale, height / scale)

    return [detection for detection in detections if is_inside(detection)]


def _likely(detections: list[Detection]) -> list[Detection]:
    """The detections whose score is at least LIKELY_SHARE of the best one, in their order."""
    best = max((detection.score for detection in detections), default=0.0)
    return [detection for detection in detections if detection.score >= LIKELY_SHARE * best]


def _most_central(detections: list[Detection], width: int, height: int) -> Detection:
    def distance2(detection: Detection) -> float:
        x0, y0, x1, y1 = detection.box_xyxy
        return ((x0 + x1 - width) ** 2 + (y0 + y1 - height) ** 2) / 4

    return min(detections, key=distance2)


def _yaw_deg(detection: Detection, frontal: Frontal) -> float:
    """The yaw of the fit, or that of the keypoints if it is beyond FAR_YAW_DEG and larger than that of the fit."""
    if detection.eyes is None or detection.nose is None or abs(frontal.roll_deg) > UPRIGHT_ROLL_DEG:
        return frontal.yaw_deg
    far_deg = keypoint_yaw_deg(detection.eyes, detection.nose, frontal.roll_deg)
    return far_deg if abs(far_deg) > max(FAR_YAW_DEG, abs(frontal.yaw_deg)) else frontal.yaw_deg
