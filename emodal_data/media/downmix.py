"""Converts decoded samples to 16 kHz mono: conversion to float, downmix, resampling.

Nothing here knows films or times.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import numpy as np
from av.audio.format import AudioFormat
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.filter import Graph
from av.filter.context import FilterContext
from numpy.typing import NDArray

from emodal_data.core.sizes import RATE_HZ

#: From this many planes on (7.1), PyAV 18 reads past the end of a frame's planes and crashes. Use packed frames there.
UNSAFE_PLANES = 8
#: Samples of all channels that are resampled at once. A buffer of this size is reused; one for a whole clip would be
#: requested from the system each time, and a new page costs as much as a thousand samples.
_PIECE = 32768
#: A channel that never exceeds this, the noise of a 16-bit encoder, is silent.
_SILENCE = 2.0**-14
#: numpy's names of FFmpeg's sample formats.
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}

Floats = NDArray[np.float32]


def packed(frame: AudioFrame) -> AudioFrame:
    """The same frame with its channels interleaved in one plane."""
    (whole,) = AudioResampler(frame.format.packed, frame.layout, frame.sample_rate).resample(frame)
    return whole


def silent_byte(sample_format: str) -> int:
    """The byte that silence consists of: 0, or 128 for unsigned 8-bit samples."""
    return 128 if sample_format in ("u8", "u8p") else 0


def as_float(planes: NDArray[np.uint8], sample_format: str, channels: int) -> Floats:
    """(channels, n) float32, full scale 1, of raw samples.

    planes: (channels, bytes), or (1, bytes) if the channels are interleaved. sample_format: FFmpeg's name.
    """
    sound: NDArray[Any] = planes.view(_DTYPES[AudioFormat(sample_format).packed.name])
    if len(planes) < channels:
        sound = sound.reshape(-1, channels).T
    floats = sound.astype(np.float32, order="C", copy=False)
    if sound.dtype == np.uint8:
        floats -= np.float32(128)
    if sound.dtype.kind != "f":
        floats *= np.float32(2.0 ** (1 - 8 * sound.itemsize))
    return floats


def dialogue(channels: Floats, layout: str) -> tuple[Floats, str]:
    """The centre channel of a surround track as mono. Unchanged channels if there is no centre or it is silent.

    channels: (channels, n), full scale 1. Returns the channels and their layout.
    """
    names = [channel.name for channel in AudioLayout(layout).channels]
    if len(names) < 3 or "FC" not in names:
        return channels, layout
    centre = channels[names.index("FC")]
    if not np.any(np.abs(centre) > _SILENCE):
        return channels, layout
    return centre[np.newaxis], "mono"


@cache
def full_scale(layout: str) -> float:
    """The level of the mono downmix when every channel is at full scale."""
    channels = np.ones((len(AudioLayout(layout).channels), 64), np.float32)
    return float(np.abs(resampled(channels, layout, RATE_HZ)).max())


def resampled(channels: Floats, layout: str, rate_hz: int) -> Floats:
    """(channels, n) -> (m,) 16 kHz mono by FFmpeg's default downmix, in which the centre (voices) is loudest in 5.1."""
    # FFmpeg mixes planes with vector code: the same bits as for packed samples, in a fifth of the time.
    is_planar = len(channels) < UNSAFE_PLANES
    sample_format = "fltp" if is_planar else "flt"
    graph = Graph()  # AudioResampler builds a graph too, but starts idle threads each time
    graph.threads = 1
    source = graph.add("abuffer", sample_rate=str(rate_hz), sample_fmt=sample_format, channel_layout=layout)
    resampler = graph.add(
        "aresample", out_sample_rate=str(RATE_HZ), out_chlayout="mono", out_sample_fmt="flt"
    )
    sink = graph.add("abuffersink")
    graph.link_nodes(source, resampler, sink).configure()
    made = [np.zeros(0, np.float32)]
    step = _PIECE // len(channels)
    for at in range(0, channels.shape[1], step):
        piece = channels[:, at : at + step]
        if not is_planar:
            piece = np.ascontiguousarray(piece.T).reshape(1, -1)
        frame = AudioFrame.from_ndarray(piece, format=sample_format, layout=layout)
        frame.sample_rate = rate_hz
        source.push(frame)
        made += _ready(sink)
    source.push(None)
    return np.concatenate([*made, *_ready(sink)])


def _ready(sink: FilterContext) -> Iterator[Floats]:
    """(n,) float32 pieces of mono sound that the filter has ready."""
    while True:
        try:
            piece = cast(AudioFrame, sink.pull())
        except (BlockingIOError, EOFError):  # not yet; no more
            return
        yield np.frombuffer(cast(Any, piece.planes[0]), np.float32, piece.samples)
