"""The face_alignment backend: the face-alignment package's FAN puts 68 points on each face (PyTorch, CPU).

Torch is imported here only, and only when this backend is asked for.
"""

from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.face import weights as weight_files
from emodal_data.face.embedded import EmbeddedBackend
from emodal_data.face.types import Detection, Face, Picture, as_rgb


class FaceAlignmentBackend:
    """Boxes from the embedded detector or from the package's own SFD, landmarks from FAN."""

    def __init__(self, folder: Path | None, detector: Literal["embedded", "sfd"]) -> None:
        """Load the networks. folder: where their weights lie; None: the package's cache, filled if need be.

        Raises InputError if the package or a weights file is missing.
        """
        try:
            import torch
            from face_alignment import FaceAlignment, LandmarksType
        except ImportError as exc:
            raise InputError("the face_alignment backend needs: pip install 'emodal[fan]'") from exc

        names = [weight_files.FAN] + ([weight_files.SFD] if detector == "sfd" else [])
        paths = weight_files.find_weights(names, folder, Path(torch.hub.get_dir()) / "checkpoints")

        class LocalFaceAlignment(FaceAlignment):  # type: ignore[misc]
            """The package's class, reading the checked file instead of what it would look for itself."""

            def _load_native(self, network_name: str, network_size: int, device: str, dtype: Any) -> Any:
                from face_alignment.models import FAN

                network = FAN(network_size)
                network.load_state_dict(torch.load(paths[0], map_location=device, weights_only=True))
                return network.to(device, dtype=dtype).eval()

        # One thread: workers are processes already, and the sums come out the same on every machine size.
        torch.set_num_threads(1)
        self._embedded = EmbeddedBackend()
        self._sfd = detector == "sfd"
        try:
            self._aligner: Any = LocalFaceAlignment(
                LandmarksType.TWO_D,
                device="cpu",
                flip_input=False,
                compile=False,
                face_detector="sfd" if self._sfd else "folder",
                face_detector_kwargs={"path_to_detector": str(paths[1])} if self._sfd else None,
            )
        except (RuntimeError, KeyError) as exc:
            raise InputError(
                f"{paths[0].parent} holds weights of another network: get {names} again"
            ) from exc

    def detect(self, rgb: Picture) -> list[Detection]:
        """Boxes of all faces, largest first. rgb: (h, w, 3) uint8."""
        if not self._sfd:
            return self._embedded.detect(rgb)
        rows = np.array(self._aligner.face_detector.detect_from_image(as_rgb(rgb)), dtype=np.float64).reshape(
            -1, 5
        )
        rows = rows[np.lexsort((rows[:, 0], rows[:, 0] - rows[:, 2]))]
        return [Detection((x0, y0, x1, y1), score) for x0, y0, x1, y1, score in rows.tolist()]

    def landmarks(self, rgb: Picture, detection: Detection) -> Face:
        """Landmarks of one detected face; the score is the mean height of FAN's 68 heat map peaks."""
        rgb = as_rgb(rgb)
        box = np.array(detection.box_xyxy)
        if not self._sfd:
            # FAN was trained on boxes drawn tightly around the 68 points, which the mesh can give.
            points = self._embedded.landmarks(rgb, detection).landmarks68
            box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        try:
            points, scores, _ = self._aligner.get_landmarks_from_image(
                rgb, detected_faces=[box], return_landmark_score=True
            )
        except (cv2.error, IndexError, ValueError) as exc:
            # The package cuts the face out itself, and cannot when the box is empty or far outside.
            raise Dropped(
                Reason.NO_FACE, f"face-alignment cannot cut out the box {detection.box_xyxy}"
            ) from exc
        score = float(np.clip(np.mean(scores[0]), 0.0, 1.0))
        return Face(detection.box_xyxy, detection.score, np.asarray(points[0], dtype=np.float64), score)

    def faces(self, rgb: Picture) -> list[Face]:
        """All faces with landmarks, largest first. rgb: (h, w, 3) uint8."""
        return [self.landmarks(rgb, detection) for detection in self.detect(rgb)]
