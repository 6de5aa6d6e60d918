"""One augmented sample of a training clip from (seed, clip, number).

Face and voice are changed by face.py and voice.py; counts.py decides how many samples a clip gets.
"""

import numpy as np
import numpy.typing as npt

from emodal_data.dataset.augment.face import augment_face, draw_face_change
from emodal_data.dataset.augment.stable_random import StableRandom
from emodal_data.dataset.augment.voice import augment_voice, draw_voice_change


def augment_clip(
    image: npt.NDArray[np.uint8] | None,
    audio: npt.NDArray[np.int16] | None,
    clip_id: str,
    number: int,
    seed: int,
) -> tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.int16] | None, str]:
    """Sample `number` of a clip: image (128, 128) uint8, audio (n,) int16 at 16 kHz, and what was done to them.

    A half that is None stays None.

    number 0 is the clip itself, "none". Otherwise the description is like "mirror;rotate=-3.2deg;snr=24dB",
    with the numbers that were used. The bytes depend on (seed, clip_id, number) and the input alone.
    """
    if number == 0:
        return image, audio, "none"
    random = StableRandom(seed, clip_id, number)
    face, voice = draw_face_change(random), draw_voice_change(random, 0 if audio is None else len(audio))
    halves = ((image, face.describe()), (audio, voice.describe()))
    description = ";".join(part for half, part in halves if part and half is not None)
    new_image = None if image is None else augment_face(image, face, random)
    return new_image, None if audio is None else augment_voice(audio, voice, random), description


def augment_view(
    picture: npt.NDArray[np.uint8], name: str, clip_id: str, number: int, seed: int
) -> npt.NDArray[np.uint8]:
    """A view of a clip, (h, w) or (h, w, 3) uint8, changed as augment_clip changes the image of the same sample.

    name: of the view; it draws the noise of the pixels, which is another one in each view.
    """
    change = draw_face_change(StableRandom(seed, clip_id, number))
    return augment_face(picture, change, StableRandom(seed, clip_id, number, name))
