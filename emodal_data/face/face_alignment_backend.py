"""The face_alignment backend: the package face-alignment finds 68 landmarks with its network FAN (PyTorch, CPU).

Torch is imported only when this backend is created.
"""

from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.face import weights as weight_files
from emodal_data.face.embedded import EmbeddedBackend
from emodal_data.face.types import AnyPicture, Detection, Face, as_rgb


class FaceAlignmentBackend:
    """Gives boxes by the embedded detector or the package's own SFD, and landmarks by FAN."""

    def __init__(self, folder: Path | None, detector: Literal["embedded", "sfd"]) -> None:
        """Load the networks. folder: that of their weights; None: the package's cache, filled if necessary.

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
            """The package's class, made to read the checked file instead of searching for one."""

            def _load_native(self, network_name: str, network_size: int, device: str, dtype: Any) -> Any:
                from face_alignment.models import FAN

                network = FAN(network_size)
                network.load_state_dict(torch.load(paths[0], map_location=device, weights_only=True))
                return network.to(device, dtype=dtype).eval()

        # One thread: there is a process for each core, and sums do not depend on the number of cores.
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

    def detect(self, rgb: AnyPicture) -> list[Detection]:
        """Boxes of all faces, largest first. rgb: (h, w, 3) uint8."""
        if not self._sfd:
            return self._embedded.detect(rgb)
        rows = np.array(self._aligner.face_detector.detect_from_image(as_rgb(rgb)), dtype=np.float64).reshape(
            -1, 5
        )
        rows = rows[np.lexsort((rows[:, 0], rows[:, 0] - rows[:, 2]))]
        return [Detection((x0, y0, x1, y1), score) for x0, y0, x1, y1, score in rows.tolist()]

    def landmarks(self, rgb: AnyPicture, detection: Detection) -> Face:
        """Landmarks of one detected face. Their score is the mean height of FAN's 68 heat map peaks."""
        rgb = as_rgb(rgb)
        box = np.array(detection.box_xyxy)
        if not self._sfd:
            # FAN was trained on tight boxes around the 68 points; the mesh gives such a box.
            points = self._embedded.landmarks(rgb, detection).landmarks68
            box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        try:
            points, scores, _ = self._aligner.get_landmarks_from_image(
                rgb, detected_faces=[box], return_landmark_score=True
            )
        except (cv2.error, IndexError, ValueError) as exc:
            # The package crops the face itself, and fails if the box is empty or far outside the frame.
            raise Dropped(
                Reason.NO_FACE, f"face-alignment cannot cut out the box {detection.box_xyxy}"
            ) from exc
        score = float(np.clip(np.mean(scores[0]), 0.0, 1.0))
        return Face(detection.box_xyxy, detection.score, np.asarray(points[0], dtype=np.float64), score)

    def faces(self, rgb: AnyPicture) -> list[Face]:
        """All faces with landmarks, largest first. rgb: (h, w, 3) uint8."""
        return [self.landmarks(rgb, detection) for detection in self.detect(rgb)]
