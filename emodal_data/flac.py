"""Sound as FLAC bytes, the same bytes for the same samples."""

import io
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags

from emodal_data.schema import RATE_HZ

#: No version of ffmpeg in the bytes, and none of the 8 KB of padding that ffmpeg keeps for tags.
_OPTIONS = {"fflags": "+bitexact", "metadata_header_padding": "0"}


def encode_flac(sound: npt.NDArray[np.int16]) -> bytes:
    """Sound as a FLAC file, which gives every sample back as it was. sound: (n,) int16 at 16 kHz, n > 0."""
    data = io.BytesIO()
    with av.open(data, "w", format="flac", options=_OPTIONS) as out:
        stream = out.add_stream("flac", rate=RATE_HZ, layout="mono", format="s16")
        stream.codec_context.flags |= Flags.bitexact
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return data.getvalue()
