"""Faces of known pose: the face of a photo on its own 3D mesh, rotated, with the mouth opened, and rendered.

The mesh gets a back of the head (three rings behind its outline), without which it would be a mask.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from emodal_data.face import Face, FaceBackend, canonical_face

SIZE_PX = 400
PX_PER_CM = SIZE_PX / 36
RINGS = (1.1, 1.2, 1.3)
BACK_CM = 30.0


@dataclass(frozen=True)
class Rendered:
    """A drawn face. rgb: (400, 400, 3). landmarks468: (468, 2) pixels, exact."""

    rgb: np.ndarray
    landmarks468: np.ndarray


class Actor:
    """The face of a photo, ready to be drawn at any pose."""

    def __init__(self, photo: np.ndarray, backend: FaceBackend, face: Face | None = None) -> None:
        """The given face of the photo, or its largest."""
        self.photo = photo
        mesh = (face or backend.faces(photo)[0]).landmarks468
        canonical = canonical_face()
        vertices = _pose_removed(mesh)
        vertices = (vertices + vertices[canonical.mirror] * [-1, 1, 1]) / 2
        outline = _outline(canonical.triangles)
        self.vertices, self.places, self.triangles = [vertices], [mesh[:, :2]], [canonical.triangles]
        middle, seen_middle = vertices[outline].mean(axis=0), mesh[outline, :2].mean(axis=0)
        inner = outline
        for number, factor in enumerate(RINGS):
            ring = (
                middle + (vertices[outline] - middle) * [factor, factor, 1] - [0, 0, (factor - 1) * BACK_CM]
            )
            self.vertices.append(ring)
            self.places.append(seen_middle + (mesh[outline, :2] - seen_middle) * factor)
            outer = 468 + len(outline) * number + np.arange(len(outline))
            corners = inner, outer, np.roll(inner, -1), np.roll(outer, -1)
            self.triangles += [
                np.stack(corners[:3], axis=1),
                np.stack([corners[2], corners[1], corners[3]], axis=1),
            ]
            inner = outer
        self.vertices = np.vstack(self.vertices)
        self.places = np.vstack(self.places).astype(np.float32)
        self.triangles = np.vstack(self.triangles)

    def draw(self, yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0, open_cm=0.0) -> Rendered:
        """The face turned as Pose defines the angles, its jaw dropped by open_cm."""
        turned = self._opened(open_cm) @ rotation(yaw_deg, pitch_deg, roll_deg).T
        points = SIZE_PX / 2 + turned[:, :2] * [PX_PER_CM, -PX_PER_CM]
        # Painter's algorithm: the triangle number of every pixel, far triangles first.
        number = np.zeros((SIZE_PX, SIZE_PX), np.float32)
        fixed_point = np.round(points[self.triangles] * 16).astype(np.int32)
        for triangle in np.argsort(turned[self.triangles, 2].mean(axis=1)):
            cv2.fillConvexPoly(number, fixed_point[triangle], float(triangle + 1), shift=4)
        y, x = np.nonzero(number)
        corners = self.triangles[number[y, x].astype(int) - 1]
        where = np.full((SIZE_PX, SIZE_PX, 2), -1, np.float32)
        where[y, x] = (
            _barycentric(points[corners], np.stack([x, y], 1))[:, :, None] * self.places[corners]
        ).sum(1)
        rgb = cv2.remap(
            self.photo, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        behind = cv2.GaussianBlur(cv2.resize(self.photo, (SIZE_PX, SIZE_PX)), (0, 0), 12)
        return Rendered(np.where(number[:, :, None] > 0, rgb, behind), points[:468])

    def _opened(self, open_cm: float) -> np.ndarray:
        """What lies below the line between the lips goes down, less toward the ears."""
        x, y = self.vertices[:, 0], self.vertices[:, 1]
        between_lips = self.vertices[[13, 14], 1].mean()
        share = np.clip((between_lips + 0.05 - y) / 0.1, 0, 1) * np.clip(1.4 - np.abs(x) / 6, 0, 1)
        return self.vertices - np.outer(share * open_cm, [0, 1, 0])


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """Yaw about y, then pitch about x, then roll in the picture; nose to the right, up, clockwise."""
    yaw, pitch, roll = np.radians([yaw_deg, -pitch_deg, -roll_deg])
    about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_x) @ np.array(about_y)


def _pose_removed(mesh: np.ndarray) -> np.ndarray:
    """The mesh (468, 3) in the axes and size of the canonical face: weighted orthogonal Procrustes."""
    canonical = canonical_face()
    numbers, weights = canonical.stable, canonical.stable_weights
    upright = mesh * [1, -1, -1]
    here, there = weights @ upright[numbers], weights @ canonical.vertices_cm[numbers]
    centred = canonical.vertices_cm[numbers] - there
    u, singular, vt = np.linalg.svd((upright[numbers] - here).T @ (centred * weights[:, None]))
    turn = u @ vt
    scale = singular.sum() / (weights @ (centred**2).sum(axis=1))
    return (upright - here) / scale @ turn + there


def _outline(triangles: np.ndarray) -> np.ndarray:
    """The vertices of the face's outer border, in order: edges that belong to one triangle only."""
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    border, uses = np.unique(edges, axis=0, return_counts=True)
    beside: dict[int, list[int]] = {}
    for a, b in border[uses == 1].tolist():
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    start = int(canonical_face().vertices_cm[:, 1].argmax())
    path = [start, beside[start][0]]
    while path[-1] != start:
        path.append(next(vertex for vertex in beside[path[-1]] if vertex != path[-2]))
    return np.array(path[:-1])


def _barycentric(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n, 3) weights of each triangle's corners (n, 3, 2) at points (n, 2)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    u, v, w = b - a, c - a, points - a
    area = u[:, 0] * v[:, 1] - v[:, 0] * u[:, 1]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    second = np.clip((w[:, 0] * v[:, 1] - v[:, 0] * w[:, 1]) / area, 0, 1)
    third = np.clip((u[:, 0] * w[:, 1] - w[:, 0] * u[:, 1]) / area, 0, 1)
    return np.stack([1 - second - third, second, third], axis=1)
