"""Draws docs/face-views.webp: covered, bowed, side-lit and blocky faces from the front, before and after a change.

    python benchmarks/face_view_sheet.py before.npz     in the tree of before: the views alone
    python benchmarks/face_view_sheet.py docs/face-views.webp --before before.npz

Two persons of the sample films, one scene of each kind, turned by at least 24 degrees: the frame, its view before, its
view now. A dark red frame marks a view that a gate drops; the number is view_score.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from face_scenes import KINDS, draw_scene

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.face import FaceBackend, create_backend, find_face
from emodal_data.sample_films.portraits import portraits
from tests.face.rendered import Actor

CONFIG = FaceConfig()
SIDE_PX = 104
#: Columns side by side: as many as a page shows at full size.
ACROSS = 8
#: Faces that are turned less have little that could be mirrored.
LEAST_YAW_DEG = 24.0


def view_of(rgb: np.ndarray, backend: FaceBackend) -> np.ndarray:
    """The frontal view as a tile of the sheet, (104, 104, 3): black without a face, framed if a gate drops it."""
    tile, label, is_dropped = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8), "no face", True
    try:
        found = find_face(rgb, backend, CONFIG)
        tile[:] = cv2.resize(found.image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)[..., np.newaxis]
        label = f"{found.measures.view_score:.2f}"
        is_dropped = face_gate(found.measures, CONFIG) is not None
    except Dropped:
        pass
    if is_dropped:
        cv2.rectangle(tile, (0, 0), (SIDE_PX - 1, SIDE_PX - 1), (150, 0, 0), 2)
    return labelled(tile, label)


def labelled(tile: np.ndarray, text: str) -> np.ndarray:
    for colour, thick in (((0, 0, 0), 2), ((255, 255, 0), 1)):
        cv2.putText(tile, text, (3, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.28, colour, thick, cv2.LINE_AA)
    return tile


def rows_of(columns: list[np.ndarray]) -> list[np.ndarray]:
    """The columns of a person in rows of ACROSS, the last one filled with white."""
    blank = [np.full_like(columns[0], 255)] * (-len(columns) % ACROSS)
    filled = [*columns, *blank]
    return [np.hstack(filled[start : start + ACROSS]) for start in range(0, len(filled), ACROSS)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the sheet; or a file .npz that keeps the views")
    parser.add_argument("--before", type=Path, help="the views of the tree of before")
    asked = parser.parse_args()
    backend = create_backend("embedded")
    frames, views = [], []
    for number, portrait in enumerate((0, 2)):
        actor, rng = Actor(portraits()[portrait].rgb, backend), np.random.default_rng(11 + number)
        for kind in KINDS:
            scene = draw_scene(actor, kind, rng)
            while abs(scene.yaw_deg) < LEAST_YAW_DEG:
                scene = draw_scene(actor, kind, rng)
            frame = cv2.resize(scene.rgb[60:340, 60:340], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
            frames.append(labelled(frame, f"{kind} {scene.yaw_deg:+.0f} {scene.pitch_deg:+.0f}"))
            views.append(view_of(scene.rgb, backend))
    if asked.out.suffix == ".npz":
        np.savez_compressed(asked.out, views=np.array(views))
        return
    before = [np.load(asked.before)["views"]] if asked.before else []
    columns = [np.vstack(tiles) for tiles in zip(frames, *before, views, strict=True)]
    sheet = np.vstack(
        [row for person in (columns[: len(KINDS)], columns[len(KINDS) :]) for row in rows_of(person)]
    )
    cv2.imwrite(str(asked.out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 80])


if __name__ == "__main__":
    main()
