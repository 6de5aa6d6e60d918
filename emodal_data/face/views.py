"""Further pictures of a frame: the face aligned by similarity, and the whole frame with its faces hidden."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.face.embedded import embedded_backend
from emodal_data.face.find import FacePicture
from emodal_data.face.tracks import overlap
from emodal_data.face.types import Box, Picture, Points, as_landmarks, as_rgb

#: Centres of the eyes, tip of the nose and lip corners in the common crop of face recognition, in shares of its side.
#: Source: the 112 px template of Deng et al. 2019 (ArcFace).
_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
_TEMPLATE_PX = 112.0
_LEFT_EYE, _RIGHT_EYE, _NOSE, _LIP_CORNERS = slice(36, 42), slice(42, 48), 30, [48, 54]
#: A face that is shrunk by more than this is shrunk with the mean of pixels first; the warp alone would alias.
_SHRINK_FROM = 1.5
#: Landmarks of a smaller spread form no face, or are no pixels.
_LEAST_SPREAD_PX2 = 1.0
#: A hidden face: its box is widened by this share of its sides on each side, because it ends at brows and chin.
_HIDDEN_MARGIN = 0.25
#: A blurred face keeps so many squares along each side: too few to recognise anybody.
_BLURRED_SQUARES = 6
#: A box that overlaps that of the clip's face by more shows the same face.
_SAME_FACE = 0.2
_BOX_GRAY = 128


def make_views(rgb: Picture, picture: FacePicture, config: FaceConfig) -> dict[str, Picture]:
    """The views that config.views names. rgb: the frame, (h, w, 3) uint8, that the picture was found in.

    rgb, (side, side, 3), and gray, (side, side), are aligned_face; context, (h, w, 3), is context_frame.
    """
    views: dict[str, Picture] = {}
    if {"rgb", "gray"} & set(config.views):
        colour = aligned_face(rgb, picture.face.landmarks68, config.view_size_px, config.view_margin)
        views = {"rgb": colour, "gray": np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), np.uint8)}
    if "context" in config.views:
        faces = [] if config.context_faces == "shown" else _others(rgb, picture)
        if config.context_faces not in ("shown", "others_blurred"):
            faces.append(picture.face.box_xyxy)
        views["context"] = context_frame(
            rgb, faces, config.context_side_px, is_boxed=config.context_faces == "boxed"
        )
    return {name: views[name] for name in config.views}


def _others(rgb: Picture, picture: FacePicture) -> list[Box]:
    """The boxes of all other faces of a frame. The embedded detector looks for small ones, whatever found the face."""
    own = picture.face.box_xyxy
    small = (one.box_xyxy for one in embedded_backend().small_faces(rgb))
    return [*picture.others, *(box for box in small if overlap(box, own) <= _SAME_FACE)]


def aligned_face(rgb: Picture, landmarks68: Points, side_px: int, margin: float = 0.0) -> Picture:
    """A face turned upright and scaled, (side_px, side_px, 3) uint8; its pose and expression stay as they were filmed.

    rgb: (h, w, 3) uint8, or whatever as_rgb accepts. landmarks68: (68, 2) pixels of it. margin: what is shown beyond
    the crop of the template, on each side, as a share of its side. The similarity (Umeyama 1991, without reflection)
    takes the centres of the eyes, the tip of the nose and the lip corners to the template. What lies beyond the frame
    repeats its border.
    Raises InputError for other arrays and numbers; Dropped(NO_FACE) if the landmarks are one spot or not numbers, lie
    outside of the picture, or are in another order.
    """
    rgb, landmarks68 = as_rgb(rgb), as_landmarks(landmarks68, 68)
    if side_px < 1 or not margin >= 0:  # false for NaN
        raise InputError(f"side_px must be at least 1 and margin at least 0; got {side_px} and {margin}")
    eyes = [landmarks68[eye].mean(axis=0) for eye in (_LEFT_EYE, _RIGHT_EYE)]
    found = np.vstack([*eyes, landmarks68[_NOSE], landmarks68[_LIP_CORNERS]])
    wanted = (_TEMPLATE / _TEMPLATE_PX + margin) / (1 + 2 * margin) * side_px
    # As complex numbers, a similarity is w = a z + b.
    z, w = found @ [1, 1j], wanted @ [1, 1j]
    spread_px2 = np.vdot(z - z.mean(), z - z.mean()).real
    if not spread_px2 > _LEAST_SPREAD_PX2:  # false for NaN
        raise Dropped(Reason.NO_FACE, "the landmarks do not form a face")
    if ((found < 0) | (found > rgb.shape[1::-1])).any(axis=1).all():
        seen = f"{rgb.shape[1]}x{rgb.shape[0]}"
        raise Dropped(Reason.NO_FACE, f"the landmarks lie outside of the picture of {seen} pixels")
    if ((z[1] - z[0]).conjugate() * (z[3:].mean() - z[:2].mean())).imag <= 0:
        raise Dropped(
            Reason.NO_FACE,
            "the landmarks are those of a mirrored face: they must be x before y, in iBUG order",
        )
    a = np.vdot(z - z.mean(), w - w.mean()) / spread_px2
    shrink = 1 / max(abs(a), 1e-6)
    if shrink > _SHRINK_FROM:
        height, width = rgb.shape[:2]
        size = max(1, round(width / shrink)), max(1, round(height / shrink))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        z, a = z * (size[0] / width), a * (width / size[0])
    b = w.mean() - a * z.mean()
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    warped = cv2.warpAffine(
        rgb, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def context_frame(rgb: Picture, faces: Sequence[Box], side_px: int, is_boxed: bool = False) -> Picture:
    """The whole frame, no side longer than side_px, with some faces blurred or, if is_boxed, covered with gray.

    rgb: (h, w, 3) uint8. faces: boxes in pixels of it; they are widened by a quarter on each side.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    frame = (
        rgb.copy()
        if scale == 1
        else np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    )
    for x0, y0, x1, y1 in faces:
        dx, dy = _HIDDEN_MARGIN * (x1 - x0), _HIDDEN_MARGIN * (y1 - y0)
        columns, rows = _within(x0 - dx, x1 + dx, scale), _within(y0 - dy, y1 + dy, scale)
        part = frame[rows, columns]
        if part.size and is_boxed:
            part[:] = _BOX_GRAY
        elif part.size:
            # Of a face at the border, a part of the squares is seen.
            whole_px = (x1 - x0 + 2 * dx) * scale, (y1 - y0 + 2 * dy) * scale
            few = tuple(
                max(1, math.ceil(_BLURRED_SQUARES * min(1.0, seen / whole)))
                for seen, whole in zip(part.shape[1::-1], whole_px, strict=True)
            )
            squares = cv2.resize(part, few, interpolation=cv2.INTER_AREA)
            part[:] = cv2.resize(squares, part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return frame


def _within(low: float, high: float, scale: float) -> slice:
    """The pixels of a shrunk side that has a stretch of the frame's."""
    return slice(max(0, math.floor(low * scale)), max(0, math.ceil(high * scale)))
