"""Encodes images and sound: PNG and FLAC for datasets, JPEG and Opus for previews. Equal input gives equal bytes."""

import io
from fractions import Fraction
from typing import Literal

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags
from numpy.typing import NDArray

from emodal_data.core.sizes import RATE_HZ
from emodal_data.media.decoded_picture import DecodedPicture

#: Keeps FFmpeg's version, and the random number that its muxers draw for each file, out of the bytes.
_BITEXACT = "+bitexact"
#: FFmpeg otherwise adds 8 KB of padding for tags.
_FLAC_OPTIONS = {"fflags": _BITEXACT, "metadata_header_padding": "0"}

#: Longest side of a preview frame: a face at the limit of the quality gates is still recognisable.
FRAME_SIDE_PX = 320
_JPEG_QUALITY = 70
#: Of pictures in datasets: faces look as in the PNG, at a quarter of its size.
_DATASET_JPEG_QUALITY = 95

_SOUND_BITS_PER_S = 23_000
#: Opus at complexity 0 takes a sixth of the time of 10, and speech sounds the same; with packets of 120 ms in place of
#: 20, a preview is as large at 3 kbit/s more.
_SOUND_OPTIONS = {"compression_level": "0", "frame_duration": "120"}


def encode_flac(sound: npt.NDArray[np.int16]) -> bytes:
    """Sound as a FLAC file, which is lossless. sound: (n,) int16 at 16 kHz, n > 0."""
    data = io.BytesIO()
    with av.open(data, "w", format="flac", options=_FLAC_OPTIONS) as out:
        stream = out.add_stream("flac", rate=RATE_HZ, layout="mono", format="s16")
        stream.codec_context.flags |= Flags.bitexact
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return data.getvalue()


def encode_png(image: np.ndarray) -> bytes:
    """A gray image as PNG bytes, the same bytes for the same pixels. image: (h, w) uint8."""
    return encode_image(image, "png")


def encode_image(image: np.ndarray, form: Literal["png", "jpeg"]) -> bytes:
    """A picture as PNG, which loses nothing, or as JPEG; the same bytes for the same pixels.

    image: uint8, (h, w) gray or (h, w, 3) RGB.
    """
    how = (
        [cv2.IMWRITE_PNG_COMPRESSION, 6]
        if form == "png"
        else [cv2.IMWRITE_JPEG_QUALITY, _DATASET_JPEG_QUALITY]
    )
    return _encoded(f".{form}", image, how)


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """The picture of encode_image: uint8, (h, w) gray or (h, w, 3) RGB, as it was encoded."""
    image = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    return image if image.ndim == 2 else image[:, :, ::-1]


def _encoded(suffix: str, image: np.ndarray, how: list[int]) -> bytes:
    """image: gray or RGB. how: settings of OpenCV."""
    given = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, data = cv2.imencode(suffix, given, how)
    if not done:
        raise ValueError(f"no {suffix} can be made of an array of shape {image.shape} and type {image.dtype}")
    return data.tobytes()


def pcm16(samples: np.ndarray) -> np.ndarray:
    """Sound as 16-bit integers, little-endian. samples: (n,) float; values outside [-1, 1] are clipped, NaN gives 0."""
    pcm: np.ndarray = np.clip(np.rint(np.nan_to_num(samples) * 32768.0), -32768, 32767).astype("<i2")
    return pcm


def preview_frame(picture: NDArray[np.uint8] | DecodedPicture, side_px: int = FRAME_SIDE_PX) -> bytes:
    """A picture as a JPEG whose longest side is side_px at most. picture: uint8, (h, w, 3) RGB or (h, w) gray."""
    height, width = picture.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if isinstance(picture, DecodedPicture):
        picture = picture.shrunk(*size)
    # Halving is so much faster than any other shrinking by area that it comes first; values change by 1 of 255 at most.
    while picture.shape[1] >= 2 * size[0] and picture.shape[0] >= 2 * size[1]:
        half = picture.shape[1] // 2, picture.shape[0] // 2
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return _encoded(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def preview_sound(pcm: NDArray[np.int16]) -> bytes:
    """Sound as Opus in WebM, which every browser plays. pcm: (n,) int16, 16 kHz mono; no samples give no bytes."""
    if not len(pcm):
        return b""
    file = io.BytesIO()
    with av.open(file, "w", format="webm", options={"fflags": _BITEXACT}) as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, options=_SOUND_OPTIONS)
        stream.layout, stream.bit_rate = "mono", _SOUND_BITS_PER_S
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()
