"""The embedded backend: BlazeFace and the 468-point mesh, from files that an installed package carries.

Nothing is downloaded and nothing needs a GPU; one thread, so that the same pixels give the same numbers.
"""

from emodal_data.face.detector import Detector
from emodal_data.face.geometry import LANDMARKS68
from emodal_data.face.mesh import Mesh
from emodal_data.face.types import Detection, Face, Picture, as_rgb

#: A box scored below this is shown to the mesh, which knows faces better; the closer look needs it most.
DOUBTFUL_SCORE = 0.9
#: What the mesh scores below this is not a face: textures and hands get 0.0, real faces of any size 0.9.
DENIED_SCORE = 0.1


class EmbeddedBackend:
    """Detector, mesh and the 68 landmarks among the mesh points."""

    def __init__(self) -> None:
        self._detector = Detector()
        self._mesh = Mesh()

    def detect(self, rgb: Picture) -> list[Detection]:
        """Boxes of all faces, largest first. rgb: (h, w, 3) uint8."""
        rgb = as_rgb(rgb)
        return [
            detection
            for detection in self._detector(rgb)
            if detection.score >= DOUBTFUL_SCORE or self._mesh.presence(rgb, detection) >= DENIED_SCORE
        ]

    def landmarks(self, rgb: Picture, detection: Detection) -> Face:
        """Landmarks of one detected face, the dense mesh included."""
        points, score = self._mesh(as_rgb(rgb), detection)
        return Face(detection.box_xyxy, detection.score, points[LANDMARKS68, :2], score, points)

    def faces(self, rgb: Picture) -> list[Face]:
        """All faces with landmarks, largest first. rgb: (h, w, 3) uint8."""
        return [self.landmarks(rgb, detection) for detection in self.detect(rgb)]
