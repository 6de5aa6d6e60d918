"""The embedded backend: BlazeFace and the 468-point mesh, from the files of an installed package.

It downloads nothing and needs no GPU. It runs on one thread, so that the same pixels give the same numbers.
"""

from dataclasses import replace
from functools import cache

from emodal_data.face.detector import Detector
from emodal_data.face.geometry import LANDMARKS68
from emodal_data.face.mesh import loaded_mesh
from emodal_data.face.types import AnyPicture, Detection, Face, as_picture

#: A box with a lower score is checked with the mesh, which knows faces better; detections in tiles need it most.
DOUBTFUL_SCORE = 0.9
#: A box whose mesh score is lower is not a face: textures and hands get 0.0, real faces of any size 0.9.
DENIED_SCORE = 0.1


class EmbeddedBackend:
    """Detects faces and gives the 68 landmarks among the mesh points."""

    def __init__(self) -> None:
        self._detector = Detector()
        self._mesh = loaded_mesh()

    def detect(self, rgb: AnyPicture) -> list[Detection]:
        """Boxes of all faces, largest first. rgb: (h, w, 3) uint8."""
        rgb = as_picture(rgb)
        return self._checked(rgb, self._detector(rgb))

    def small_faces(self, rgb: AnyPicture) -> list[Detection]:
        """Boxes of all small faces, also of those beside a large one, which detect() may leave out."""
        rgb = as_picture(rgb)
        return self._checked(rgb, self._detector.small_faces(rgb))

    def landmarks(self, rgb: AnyPicture, detection: Detection) -> Face:
        """Landmarks of one detected face, including the dense mesh."""
        points, score = self._mesh(as_picture(rgb), detection)
        return Face(detection.box_xyxy, detection.score, points[LANDMARKS68, :2], score, points)

    def faces(self, rgb: AnyPicture) -> list[Face]:
        """All faces with landmarks, largest first. rgb: (h, w, 3) uint8."""
        rgb = as_picture(rgb)
        return [self.landmarks(rgb, detection) for detection in self.detect(rgb)]

    def _checked(self, rgb: AnyPicture, found: list[Detection]) -> list[Detection]:
        """Without the boxes that the mesh denies."""
        looked_at = [
            detection
            if detection.score >= DOUBTFUL_SCORE
            else replace(detection, look=self._mesh.look(rgb, detection))
            for detection in found
        ]
        return [one for one in looked_at if one.look is None or one.look.score >= DENIED_SCORE]


@cache
def embedded_backend() -> EmbeddedBackend:
    """The backend that all callers of a process share, loaded when it is first asked for."""
    return EmbeddedBackend()
