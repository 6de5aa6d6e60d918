"""Draws docs/face-views.webp: what the gate face_view_broken drops and keeps.

`python benchmarks/face_view_sheet.py docs/face-views.webp`. Two rows of actors of the sample films behind hands, hair,
microphones and other heads, bowed, side-lit and blocky: the frame above, the frontal view below. A dark red frame marks
a view that a gate drops.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from face_scenes import KINDS, draw_scene

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.face import create_backend, find_face
from emodal_data.sample_films.portraits import portraits
from tests.face.rendered import Actor

CONFIG = FaceConfig()
SIDE_PX = 104


def main() -> None:
    backend = create_backend("embedded")
    rows = []
    for number, portrait in enumerate((0, 2)):
        actor = Actor(portraits()[portrait].rgb, backend)
        rng, pairs = np.random.default_rng(11 + number), []
        for kind in KINDS:
            scene = draw_scene(actor, kind, rng)
            picture = cv2.resize(scene.rgb[60:340, 60:340], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
            pair = np.vstack([picture, np.zeros_like(picture)])
            label = kind
            try:
                found = find_face(scene.rgb, backend, CONFIG)
                view = cv2.resize(found.image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
                pair[SIDE_PX:] = view[..., np.newaxis]
                label = f"{kind} {found.measures.view_score:.2f}"
                dropped = face_gate(found.measures, CONFIG) is not None
            except Dropped:
                dropped = True
            if dropped:
                cv2.rectangle(pair, (0, 0), (SIDE_PX - 1, 2 * SIDE_PX - 1), (150, 0, 0), 2)
            for colour, thick in (((0, 0, 0), 2), ((255, 255, 0), 1)):
                cv2.putText(pair, label, (3, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.28, colour, thick, cv2.LINE_AA)
            pairs.append(pair)
        rows.append(np.hstack(pairs))
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(sys.argv[1], sheet, [cv2.IMWRITE_WEBP_QUALITY, 80])


if __name__ == "__main__":
    main()
