"""What people see and hear of a clip in the report: its frame as a small JPEG, its sound as Opus in WebM.

Made while the film is open, and small enough (10 kB for three seconds) to be kept for every clip.
"""

import io

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from emodal_data.schema import RATE_HZ

#: Longest side of the small frame: a face at the gate's limit is still told apart.
FRAME_SIDE_PX = 320
_JPEG_QUALITY = 70
_SOUND_BITS_PER_S = 20_000
#: Opus at complexity 0 takes a third of the time of 10, and speech sounds the same.
_SOUND_EFFORT = "0"
#: Without it the muxer draws a random number for each file.
_BITEXACT = "+bitexact"


def preview_frame(rgb: NDArray[np.uint8]) -> bytes:
    """A frame as a JPEG whose longest side is FRAME_SIDE_PX at most. rgb: (h, w, 3) uint8."""
    height, width = rgb.shape[:2]
    scale = min(1.0, FRAME_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ValueError(f"no JPEG can be made of an array of shape {rgb.shape} and type {rgb.dtype}")
    return data.tobytes()


def preview_sound(pcm: NDArray[np.int16]) -> bytes:
    """Sound as Opus in WebM, which every browser plays. pcm: (n,) int16, 16 kHz mono; of no samples, no bytes."""
    if not len(pcm):
        return b""
    file = io.BytesIO()
    with av.open(file, "w", format="webm", options={"fflags": _BITEXACT}) as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, options={"compression_level": _SOUND_EFFORT})
        stream.layout, stream.bit_rate = "mono", _SOUND_BITS_PER_S
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()
