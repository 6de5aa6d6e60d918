"""Writes one film: h264 with B-frames and a keyframe at every cut, and stereo AAC, in mp4 or mkv.

Only this file of the room writes video or sound.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from emodal_data.sample_films.materials import Picture
from emodal_data.sample_films.voice import RATE_HZ, Signal

FPS = 25
SIZE = (1280, 720)
SOUND_HZ = 48000
FORMATS = {".mp4": "mp4", ".mkv": "matroska"}
#: x264's defaults for what matters to a seek (250 frames between keyframes, 3 B-frames), and the cheapest options for
#: the rest: a constant quantizer needs no lookahead, and the cuts are known.
#: One thread and no creation time in the file, so that the same pictures give the same bytes.
X264 = "keyint=250:bframes=3:b-adapt=0:scenecut=0:threads=1:rc-lookahead=0:cabac=1"


def write_film(path: Path, suffix: str, frames: Iterable[tuple[Picture, bool]], track: Signal) -> None:
    """Encode a film.

    frames: planar YUV 4:2:0 pictures, (SIZE height * 3 / 2, SIZE width), and whether each is the first of a shot.
    track: mono float32 at RATE_HZ. suffix: ".mp4" or ".mkv", the container, whatever the suffix of `path`.
    """
    container_options = {"fflags": "+bitexact", "flags": "+bitexact"}
    with av.open(str(path), "w", format=FORMATS[suffix], container_options=container_options) as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.options = {"preset": "ultrafast", "qp": "25", "x264-params": X264, "forced-idr": "1"}
        video.codec_context.time_base = Fraction(1, FPS)
        sound = container.add_stream("aac", rate=SOUND_HZ, layout="stereo")
        sound.bit_rate = 96000
        sound.options = {"aac_coder": "fast"}
        sound.codec_context.flags |= av.codec.context.Flags.bitexact
        pending, sound_s = _sound_frames(track), 0.0
        for number, (picture, is_cut) in enumerate(frames):
            frame = av.VideoFrame.from_numpy_buffer(picture, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            if is_cut:
                frame.pict_type = PictureType.I
            container.mux(video.encode(frame))
            # The muxer holds packets of one stream until the other catches up, so both are fed at the same pace.
            while sound_s <= number / FPS and (piece := next(pending, None)) is not None:
                container.mux(sound.encode(piece))
                sound_s += piece.samples / SOUND_HZ
        for rest in pending:
            container.mux(sound.encode(rest))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def _sound_frames(track: Signal) -> Iterator[av.AudioFrame]:
    """The track at SOUND_HZ in stereo, a second at a time."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_HZ)
    mono = np.clip(track, -1.0, 1.0)

    def seconds() -> Iterator[av.AudioFrame]:
        for first in range(0, len(mono), RATE_HZ):
            piece = np.ascontiguousarray(mono[None, first : first + RATE_HZ])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, first, Fraction(1, RATE_HZ)
            yield frame

    written = 0
    for frame in chain(seconds(), [None]):
        for resampled in resampler.resample(frame):
            resampled.pts, resampled.time_base = written, Fraction(1, SOUND_HZ)
            written += resampled.samples
            yield resampled
