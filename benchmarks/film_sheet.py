"""Draws docs/sample-films.webp: frames of sample films, twelve actors, three with each expression.

`python benchmarks/film_sheet.py docs/sample-films.webp`
"""

import sys

import cv2
import numpy as np

from emodal_data.sample_films.actors import Turn, draw_actor
from emodal_data.sample_films.backdrops import backdrop
from emodal_data.sample_films.camera import Key, portrait_shot
from emodal_data.sample_films.expressions import emotion_units, expression
from emodal_data.sample_films.script import CAST, EMOTIONS
from emodal_data.sample_films.stage import portrait_framing

TILE_PX = (320, 180)
SEED = 1


def main() -> None:
    rows = []
    for portrait in range(CAST):
        frames = []
        for column, emotion in enumerate(EMOTIONS):
            rng = np.random.default_rng([portrait, column, SEED])
            actor = draw_actor(portrait, rng)
            turn = Turn(float(rng.normal(0.0, 10.0)), 0.0, 0.0)
            keys = [Key(number, turn, expression(emotion_units(emotion))) for number in range(2)]
            opening, framing = np.full(1, rng.uniform(0.0, 0.5), np.float32), portrait_framing(actor, rng)
            (picture,) = portrait_shot(actor, framing, backdrop(rng), keys, opening, 1.0, rng)
            frame = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
            frames.append(cv2.resize(frame, TILE_PX, interpolation=cv2.INTER_AREA))
            cv2.putText(
                frames[-1], emotion, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA
            )
            cv2.putText(
                frames[-1], emotion, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA
            )
        rows.append(np.hstack(frames))
    cv2.imwrite(sys.argv[1], np.vstack(rows), [cv2.IMWRITE_WEBP_QUALITY, 80])


if __name__ == "__main__":
    main()
