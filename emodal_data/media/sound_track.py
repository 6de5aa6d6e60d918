"""Where decoded sound belongs on the film clock, and how a piece of it becomes 16 kHz mono.

Positions count samples of the stream's own rate from the start of the film.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, cached_property
from math import ceil, gcd, lcm
from typing import Any, cast

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.filter import Graph
from av.filter.context import FilterContext
from numpy.typing import NDArray

from emodal_data.media.clock import Clock

RATE_HZ = 16000
#: Heard before a span: more than the resampler's filter reaches at any rate.
_LEAD_SAMPLES = RATE_HZ // 20
#: Its reach, in samples of the slower rate: half of FFmpeg's 32 taps (more by its cutoff of 0.97), rounded up to eights.
_REACH = 24

#: PyAV 18 counts the planes of a frame past their end from eight on (7.1), and crashes: there, packed frames only.
_UNSAFE_PLANES = 8

#: Samples resampled at once: memory for so little is used again, for a whole clip it is asked of the system each time.
_PIECE = 16384
#: Nothing louder than this is silence: the noise of a 16-bit encoder.
_SILENCE = 2.0**-14

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FrameGrid:
    """Time stamps to sample positions, where stamps are coarser than samples (Matroska: milliseconds).

    start: position of the first frame. origin: where the second one starts; in an unbroken stream all others
    lie whole steps from it. tolerance: samples by which a stamp may be wrong through rounding alone.
    """

    clock: Clock
    rate_hz: int
    start: int
    origin: int
    step: int
    tolerance: int

    @classmethod
    def of(cls, clock: Clock, rate_hz: int, first_frames: Sequence[tuple[int, int]]) -> "FrameGrid":
        """The grid of a stream from (pts, samples) of its first frames.

        The very first may be cut short (encoder delay), so the steps are those of the others.
        """
        tick = clock.tick_s * rate_hz  # samples
        tolerance = 0 if tick == 1 else ceil(tick) + 1
        step = gcd(*(samples for _, samples in first_frames[1:] or first_frames)) or 1
        if step <= 2 * tolerance:  # short steps (Vorbis): half a tick is all that rounding does
            tolerance = min(tolerance, ceil(tick / 2) + 1)
        start = round(clock.seconds(first_frames[0][0]) * rate_hz)
        return cls(clock, rate_hz, start, start + first_frames[0][1], step, tolerance)

    def position(self, pts: int, expected: int | None) -> int:
        """Where a frame starts; expected: the end of the frame before it, if that is known."""
        scale, shift, divisor = self._line
        whole, left = divmod(scale * pts - shift, divisor)
        stamped = whole + (2 * left > divisor or (2 * left == divisor and whole % 2))  # as round() does
        if expected is not None and abs(stamped - expected) <= self.tolerance:
            return expected
        snapped = self.origin + round(Fraction(stamped - self.origin, self.step)) * self.step
        return snapped if abs(stamped - snapped) <= self.tolerance else stamped

    @cached_property
    def _line(self) -> tuple[int, int, int]:
        """Stamp to sample in whole numbers, (scale * pts - shift) / divisor: Fractions cost more than the decoder."""
        scale, shift = self.clock.tick_s * self.rate_hz, self.clock.start_s * self.rate_hz
        divisor = lcm(scale.denominator, shift.denominator)
        return int(scale * divisor), int(shift * divisor), divisor

    def pts_at(self, position: int) -> int:
        """The stamp of a sample."""
        return self.clock.pts_at(position / self.rate_hz)


@dataclass(frozen=True)
class Window:
    """Samples start..stop of the stream, whose resample holds samples first..last at 16 kHz.

    start lies where a sample of one rate meets one of the other, so the resampler runs in the same phase as
    over the whole film; stop as far behind the last sample as the resampler's filter reaches.
    """

    first: int
    last: int
    rate_hz: int
    start: int
    stop: int

    @classmethod
    def around(cls, first: int, last: int, rate_hz: int) -> "Window":
        """The window for 16 kHz samples first..last."""
        common = gcd(rate_hz, RATE_HZ)
        block, block_16k = rate_hz // common, RATE_HZ // common
        start = max(0, (first - _LEAD_SAMPLES) // block_16k) * block
        stop = -(-last * rate_hz // RATE_HZ) + _REACH * -(-rate_hz // min(rate_hz, RATE_HZ))
        return cls(first, last, rate_hz, start, stop)

    @property
    def start_16k(self) -> int:
        """start at 16 kHz; whole by construction."""
        return self.start * RATE_HZ // self.rate_hz


@dataclass
class Track:
    """The sound of one window while it is put together: all channels, zero where nothing has come yet.

    earliest: position before which a decoder gives only its own delay. mix: see ClipsConfig.audio_mix.
    """

    window: Window
    earliest: int
    mix: str = "downmix"
    corrupt_frames: int = 0
    layout: str = "mono"
    _channels: Floats | None = None
    _rows: list[memoryview] = field(default_factory=list)
    _covered: list[tuple[int, int]] = field(default_factory=list)

    def put(self, position: int, frame: AudioFrame) -> None:
        """Lay a frame at its position. A later frame wins; what lies outside the window is cut off."""
        start = self.window.start
        a, b = max(position, start, self.earliest), min(position + frame.samples, self.window.stop)
        if a >= b:
            return
        self.corrupt_frames += frame.is_corrupt
        planes = _planes(frame)
        if self._channels is None:
            self._channels = np.zeros((len(planes), self.window.stop - start), np.float32)
            self._rows = [memoryview(row).cast("B") for row in cast(Any, self._channels)]
            self.layout = frame.layout.name
        if len(planes) != len(self._rows):
            return  # the track changes its channels midway: what comes is missing
        to, part = slice(4 * (a - start), 4 * (b - start)), slice(4 * (a - position), 4 * (b - position))
        for row, plane in zip(self._rows, planes, strict=True):
            row[to] = memoryview(plane)[part]
        if self._covered and self._covered[-1][1] == a:
            a = self._covered.pop()[0]
        self._covered.append((a, b))

    def cut(self, ended_at: int | None) -> tuple[Floats, int]:
        """(n,) 16 kHz mono of the window's middle, and how many of these samples no frame covers.

        ended_at: where the sound track ends, if it does before the window.
        """
        window = self.window
        count = window.last - window.first
        if self._channels is None:
            return np.zeros(count, np.float32), count
        # At the end of the film the resampler ends too: silence after it would blur the last samples.
        heard = self._channels[:, : None if ended_at is None else max(0, ended_at - window.start)]
        if self.mix == "dialogue":
            heard, self.layout = dialogue(heard, self.layout)
        offset = window.first - window.start_16k
        sound = resampled(heard, self.layout, window.rate_hz)[offset : offset + count]
        samples = np.zeros(count, np.float32)
        samples[: len(sound)] = sound
        return samples, count - self._covered_16k()

    def _covered_16k(self) -> int:
        """How many of the samples first..last at 16 kHz lie in a frame."""
        window, covered = self.window, 0
        reached = window.first
        for a, b in sorted(self._covered):
            i = max(-(-a * RATE_HZ // window.rate_hz), reached)
            j = min(-(-b * RATE_HZ // window.rate_hz), window.last)
            if i < j:
                covered, reached = covered + j - i, j
        return covered


def _planes(frame: AudioFrame) -> Sequence[Any]:
    """Buffers of each channel's samples, float32; without a copy in the form that most decoders give."""
    if frame.format.name == "fltp" and frame.layout.nb_channels < _UNSAFE_PLANES:
        return frame.planes
    return [np.ascontiguousarray(row).view(np.uint8) for row in as_float(frame)]


def as_float(frame: AudioFrame) -> Floats:
    """(channels, n) float32 of a decoded frame, full scale 1."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels >= _UNSAFE_PLANES:
        (frame,) = AudioResampler(frame.format.packed, frame.layout, frame.sample_rate).resample(frame)
    sound: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        sound = sound.reshape(-1, channels).T
    if sound.dtype == np.uint8:
        return (sound.astype(np.float32) - np.float32(128)) / np.float32(128)
    if sound.dtype.kind == "i":
        return (sound / 2.0 ** (8 * sound.itemsize - 1)).astype(np.float32)
    return sound.astype(np.float32)


def dialogue(channels: Floats, layout: str) -> tuple[Floats, str]:
    """The centre channel of a surround track as mono; the channels as they are if there is none, or it is silent.

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
    """What the downmix to mono comes to when every channel is at full scale."""
    channels = np.ones((len(AudioLayout(layout).channels), 64), np.float32)
    return float(np.abs(resampled(channels, layout, RATE_HZ)).max())


def resampled(channels: Floats, layout: str, rate_hz: int) -> Floats:
    """(channels, n) -> (m,) 16 kHz mono, FFmpeg's default downmix (in 5.1 the centre, the voices, leads)."""
    # Planes are mixed by FFmpeg's vector code: the same bits as packed samples give, in a fifth of the time.
    is_planar = len(channels) < _UNSAFE_PLANES
    sample_format = "fltp" if is_planar else "flt"
    graph = Graph()  # AudioResampler is one too, with threads that come and go idle each time
    graph.threads = 1
    source = graph.add("abuffer", sample_rate=str(rate_hz), sample_fmt=sample_format, channel_layout=layout)
    resampler = graph.add(
        "aresample", out_sample_rate=str(RATE_HZ), out_chlayout="mono", out_sample_fmt="flt"
    )
    sink = graph.add("abuffersink")
    graph.link_nodes(source, resampler, sink).configure()
    made = [np.zeros(0, np.float32)]
    for at in range(0, channels.shape[1], _PIECE):
        piece = channels[:, at : at + _PIECE]
        if not is_planar:
            piece = np.ascontiguousarray(piece.T).reshape(1, -1)
        frame = AudioFrame.from_ndarray(piece, format=sample_format, layout=layout)
        frame.sample_rate = rate_hz
        source.push(frame)
        made += _ready(sink)
    source.push(None)
    return np.concatenate([*made, *_ready(sink)])


def _ready(sink: FilterContext) -> Iterator[Floats]:
    """(n,) float32 pieces of mono sound that a filter has made so far."""
    while True:
        try:
            piece = cast(AudioFrame, sink.pull())
        except (BlockingIOError, EOFError):  # not yet; no more
            return
        yield np.frombuffer(cast(Any, piece.planes[0]), np.float32, piece.samples)
