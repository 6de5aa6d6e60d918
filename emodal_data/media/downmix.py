"""Converts decoded samples to 16 kHz mono: conversion to float, downmix, resampling.

Nothing here knows films or times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
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
_PIECE = 65536
#: A channel that never exceeds this, the noise of a 16-bit encoder, is silent.
_SILENCE = 2.0**-14
#: Share of its channels' energy below which a mix has lost them: the sum of channels that have nothing to do with each
#: other keeps all of it, and two equally loud ones keep less than a quarter if their correlation is below -0.75.
_CANCELLED = 0.25
#: So many samples of so many are enough to tell: a line of the processor's cache. The second number is prime, so that
#: no tone of a round frequency is met in one phase.
_MEASURED, _MEASURED_OF = 16, 499
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


@dataclass(frozen=True, eq=False)
class Mix:
    """Channels to be mixed down, (channels, n), and their layout. is_one_channel: others would have cancelled it."""

    channels: Floats
    layout: str
    is_one_channel: bool = False


def mix_of(channels: Floats, layout: str, *, prefer_centre: bool) -> Mix:
    """The channels that are mixed down: all, or one if prefer_centre, or if the channels cancel each other.

    channels: (channels, n), full scale 1. Channels of opposite phase (a swapped cable, a voice stored as stereo width)
    are lost in their sum. Then the centre is taken if there is one with sound, else the loudest channel.
    """
    if len(channels) == 1:
        return Mix(channels, layout)
    if prefer_centre and (centre := _centre(channels, layout)) is not None:
        return Mix(centre, "mono")
    with np.errstate(all="ignore"):  # a track of NaN or infinities is for the gates
        some = _measured(channels)
        products = some @ some.T / max(1, some.shape[1])
    if not _cancel(products, weights(layout)):
        return Mix(channels, layout)
    centre = _centre(channels, layout)
    loudest = int(np.argmax(products.diagonal()))
    return Mix(channels[loudest : loudest + 1] if centre is None else centre, "mono", is_one_channel=True)


def _measured(channels: Floats) -> Floats:
    """(channels, m) some of the samples; all if there are few."""
    blocks = channels.shape[1] // _MEASURED_OF
    if not blocks:
        return channels
    whole = channels[:, : blocks * _MEASURED_OF].reshape(len(channels), blocks, _MEASURED_OF)
    return whole[:, :, :_MEASURED].reshape(len(channels), -1)


def _centre(channels: Floats, layout: str) -> Floats | None:
    """(1, n) the centre channel of a surround track. None: there is no centre, or it is silent."""
    names = [channel.name for channel in AudioLayout(layout).channels]
    if len(names) < 3 or "FC" not in names:
        return None
    at = names.index("FC")
    centre = channels[at : at + 1]
    return centre if np.any(np.abs(centre) > _SILENCE) else None


def _cancel(products: NDArray[np.floating], weight: Floats) -> bool:
    """Whether a mix holds next to nothing of what its channels hold.

    products: (channels, channels) mean products of the channels. weight: (channels,) of the mix.
    """
    heard = float(weight**2 @ products.diagonal())
    if heard <= _SILENCE**2:
        return bool(products.diagonal().max() > _SILENCE**2)  # only in channels that no mix has: the LFE
    return float(weight @ products @ weight) < _CANCELLED * heard


@cache
def weights(layout: str) -> Floats:
    """(channels,) the weight of each channel in the mono downmix."""
    count = len(AudioLayout(layout).channels)
    if count == 1:
        return np.ones(1, np.float32)
    ones = [
        resampled(np.outer(row, np.ones(64, np.float32)), layout, RATE_HZ)[32]
        for row in np.eye(count, dtype=np.float32)
    ]
    return np.array(ones, np.float32)


def mixed_down(channels: Floats, layout: str) -> Floats:
    """(1, n) mono at the same rate."""
    mono: Floats = weights(layout)[np.newaxis] @ channels
    return mono


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
