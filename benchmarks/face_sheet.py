"""Draws docs/faces.webp: actors of the sample films from -60 to 60 degrees, film above, frontal view below.

`python benchmarks/face_sheet.py docs/faces.webp`. A dark red frame marks a face that the gates drop.
"""

import sys

import cv2
import numpy as np

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.face import create_backend, find_face
from emodal_data.sample_films.actors import Actor, Turn, draw_actor
from emodal_data.sample_films.backdrops import backdrop
from emodal_data.sample_films.camera import Key, portrait_shot
from emodal_data.sample_films.encoder import SIZE
from emodal_data.sample_films.expressions import emotion_units, expression
from emodal_data.sample_films.layer import Framing

CONFIG = FaceConfig()
YAWS_DEG = (-60, -45, -30, -15, 0, 15, 30, 45, 60)
ROWS = ((0, "happy"), (1, "sad"), (2, "neutral"), (0, "angry"))


def film_picture(actor: Actor, emotion: str, yaw_deg: float, rng: np.random.Generator) -> np.ndarray:
    """One 1280x720 RGB frame of the actor in the middle."""
    turn, displacement = Turn(yaw_deg, 0.0, 0.0), expression(emotion_units(emotion))
    keys = [Key(0, turn, displacement), Key(1, turn, displacement)]
    scale = min(1.0, SIZE[1] / actor.size[1])
    framing = Framing(scale, int((SIZE[0] - actor.size[0] * scale) / 2) & ~1, 0)
    (picture,) = portrait_shot(actor, framing, backdrop(rng), keys, np.zeros(1, np.float32), 1.0, rng)
    return cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420)


def main() -> None:
    backend = create_backend("embedded")
    sheet = []
    for number, (portrait, emotion) in enumerate(ROWS):
        actor = draw_actor(portrait, np.random.default_rng(number))
        pairs = []
        for yaw_deg in YAWS_DEG:
            rgb = film_picture(actor, emotion, yaw_deg, np.random.default_rng(number))
            try:
                found = find_face(rgb, backend, CONFIG)
            except Dropped:
                pairs.append(np.zeros((256, 128, 3), np.uint8))
                continue
            m = found.measures
            x, y, side = (m.x0 + m.x1) / 2, (m.y0 + m.y1) / 2, 1.9 * m.face_width_px
            shown = cv2.getRectSubPix(rgb, (round(side), round(side)), (x, y - 0.1 * side))
            above = cv2.resize(shown, (128, 128), interpolation=cv2.INTER_AREA)
            pair = np.vstack([above, cv2.cvtColor(found.image, cv2.COLOR_GRAY2RGB)])
            if face_gate(m, CONFIG) is not None:
                cv2.rectangle(pair, (0, 0), (127, 255), (150, 0, 0), 3)
            label = f"{yaw_deg:+d} {m.yaw_deg:+.0f} m {m.mirrored_fraction:.2f}"
            cv2.putText(pair, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0), 1, cv2.LINE_AA)
            pairs.append(pair)
        sheet.append(np.hstack(pairs))
    picture = cv2.cvtColor(np.vstack(sheet), cv2.COLOR_RGB2BGR)
    cv2.imwrite(sys.argv[1], picture, [cv2.IMWRITE_WEBP_QUALITY, 85])


if __name__ == "__main__":
    main()
