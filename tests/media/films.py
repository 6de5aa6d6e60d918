"""Films made for tests: every frame shows its own number, and every sample of the sound is known.

The number is burnt in as twelve white or black blocks in the picture's top row.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 12
BLOCK_PX = 16


@dataclass(frozen=True)
class Recipe:
    """What to make. times_s: start of each frame, none: steady. audio_start_s: when the sound sets in."""

    suffix: str = ".mp4"
    video: str | None = "libx264"
    frames: int = 100
    fps: Fraction = Fraction(25)
    times_s: Sequence[Fraction] | None = None
    width: int = BITS * BLOCK_PX
    height: int = 96
    gop: int = 25
    b_frames: int = 2
    pix_fmt: str = "yuv420p"
    video_options: dict[str, str] = field(default_factory=dict)
    video_start_s: Fraction = Fraction(0)
    time_base: Fraction | None = None
    pixel_shape: Fraction | None = None
    rotation_deg: int = 0
    audio: str | None = "aac"
    rate_hz: int = 48000
    layout: str = "mono"
    audio_start_s: Fraction = Fraction(0)
    audio_s: float | None = None
    #: Noise substitution is not meant to decode twice alike.
    audio_options: dict[str, str] = field(default_factory=lambda: {"aac_pns": "0"})
    container_options: dict[str, str] = field(default_factory=dict)

    @property
    def starts_s(self) -> list[Fraction]:
        """When each frame comes on screen, on the scale that is written."""
        if self.times_s is not None:
            return [self.video_start_s + t for t in self.times_s]
        return [self.video_start_s + k / self.fps for k in range(self.frames)]


def make_film(folder: Path, recipe: Recipe, name: str = "film") -> Path:
    """Write the film and return its path."""
    path = folder / f"{name}{recipe.suffix}"
    with _same_priority(), av.open(str(path), "w", options=recipe.container_options) as out:
        video = _add_video(out, recipe) if recipe.video else None
        audio = None
        if recipe.audio:
            audio = out.add_stream(recipe.audio, rate=recipe.rate_hz)
            audio.layout = recipe.layout
            audio.options = recipe.audio_options
        packets = []
        if video is not None:
            packets += _encode_video(video, recipe)
        if audio is not None:
            packets += _encode_audio(audio, recipe)
        packets.sort(key=lambda p: p.dts * p.time_base)
        for packet in packets:
            out.mux(packet)
    return path


@contextmanager
def _same_priority() -> Iterator[None]:
    """Keep the scheduling of this thread: SVT-AV1 makes that of root a real-time one, which starves all programs."""
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


@lru_cache(128)  # most films have the same size
def picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width) gray: the number over a slowly moving pattern."""
    y, x = np.mgrid[:height, :width]
    gray = (110 + 40 * np.sin((x + 2 * number) / 9) * np.cos((y - number) / 7)).astype(np.uint8)
    block = width // BITS
    for bit in range(BITS):
        gray[:block, bit * block : (bit + 1) * block] = 225 if number >> bit & 1 else 20
    gray.flags.writeable = False
    return gray


def number_in(rgb: NDArray[np.uint8]) -> int:
    """The number burnt into a picture of any size."""
    width = rgb.shape[1] / BITS  # of a block: the row of blocks fills the picture's width
    columns = rgb[round(width * 0.3) : round(width * 0.7)].mean(axis=(0, 2))
    until = np.append(0.0, columns.cumsum())
    bits = np.arange(BITS)
    first, end = np.rint(width * (bits + 0.3)).astype(int), np.rint(width * (bits + 0.7)).astype(int)
    is_set = (until[end] - until[first]) / (end - first) > 122
    return int((is_set << bits).sum())


def sound(recipe: Recipe) -> NDArray[np.float32]:
    """(channels, n) what is written: a sweep with a click each half second, each channel its own level."""
    seconds = recipe.audio_s or recipe.frames / float(recipe.fps)
    t = np.arange(round(seconds * recipe.rate_hz)) / recipe.rate_hz
    wave = 0.3 * np.sin(2 * np.pi * (200 * t + 150 * t**2)) + 0.05 * np.sin(2 * np.pi * 3001 * t)
    wave[:: recipe.rate_hz // 2] += 0.3
    channels = len(av.AudioLayout(recipe.layout).channels)
    levels = 1 / (1 + 0.2 * np.arange(channels))
    return (levels[:, None] * wave).astype(np.float32)


def _add_video(out: av.container.OutputContainer, recipe: Recipe) -> av.VideoStream:
    options = {"threads": "1", **recipe.video_options}
    if recipe.video == "libx264":
        options = {"preset": "veryfast", "x264-params": "scenecut=0"} | options
    stream = out.add_stream(recipe.video, rate=recipe.fps, options=options)
    stream.width, stream.height, stream.pix_fmt = recipe.width, recipe.height, recipe.pix_fmt
    stream.codec_context.gop_size = recipe.gop
    stream.codec_context.max_b_frames = recipe.b_frames
    if recipe.time_base:
        stream.codec_context.time_base = recipe.time_base
        stream.time_base = recipe.time_base
    if recipe.pixel_shape:
        stream.codec_context.sample_aspect_ratio = recipe.pixel_shape
    if recipe.rotation_deg:
        stream.set_display_rotation(recipe.rotation_deg)
    return stream


def _encode_video(stream: av.VideoStream, recipe: Recipe) -> list[av.Packet]:
    time_base = recipe.time_base or 1 / recipe.fps
    packets = []
    for number, start_s in enumerate(recipe.starts_s):
        gray = picture(number, recipe.width, recipe.height)
        frame = av.VideoFrame.from_ndarray(np.stack([gray] * 3, axis=2), format="rgb24")
        frame = frame.reformat(format=recipe.pix_fmt)
        frame.pts, frame.time_base = round(start_s / time_base), time_base
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _encode_audio(stream: av.AudioStream, recipe: Recipe) -> list[av.Packet]:
    wave = sound(recipe)
    first = round(recipe.audio_start_s * recipe.rate_hz)
    packets = []
    resampler = av.AudioResampler(stream.format.name, recipe.layout, recipe.rate_hz)
    for at in range(0, wave.shape[1], 1024):
        piece = np.ascontiguousarray(wave[:, at : at + 1024].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=recipe.layout)
        frame.sample_rate, frame.pts, frame.time_base = (
            recipe.rate_hz,
            first + at,
            Fraction(1, recipe.rate_hz),
        )
        for ready in resampler.resample(frame):
            packets += stream.encode(ready)
    return packets + stream.encode(None)
