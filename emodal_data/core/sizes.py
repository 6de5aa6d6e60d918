"""The sizes of sounds and pictures that every room agrees on."""

from typing import Final

#: Rate of all sound after reading.
RATE_HZ: Final = 16_000
#: Side of the frontal face image of a sample.
FACE_SIDE_PX: Final = 128
