"""One augmented copy of a training clip from (seed, clip, number).

Belongs here: seeding, the pair; how many copies a clip gets is in copies, what a face or a voice goes through in
augment_face and augment_voice.
"""

import numpy as np
import numpy.typing as npt

from emodal_data.dataset.augment.face import augment_face, draw_face_change
from emodal_data.dataset.augment.stable_random import StableRandom
from emodal_data.dataset.augment.voice import augment_voice, draw_voice_change


def augment_clip(
    image: npt.NDArray[np.uint8], audio: npt.NDArray[np.int16], clip_id: str, number: int, seed: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int16], str]:
    """Copy `number` of a clip: image (128, 128) uint8, audio (n,) int16 at 16 kHz, and what was done to them.

    number 0 is the clip itself, "none". Otherwise the description is like "mirror;rotate=-3.2deg;snr=24dB",
    with the very numbers used. The bytes depend on (seed, clip_id, number) and on the input, on nothing else.
    """
    if number == 0:
        return image, audio, "none"
    draws = StableRandom(seed, clip_id, number)
    face, voice = draw_face_change(draws), draw_voice_change(draws, len(audio))
    description = ";".join(part for part in (face.describe(), voice.describe()) if part)
    return augment_face(image, face, draws), augment_voice(audio, voice, draws), description
