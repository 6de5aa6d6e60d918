"""Places decoded sound on the film clock and assembles the samples of a window.

Positions count samples at the stream's own rate from the start of the film.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import ceil, gcd, lcm
from typing import Any, cast

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from emodal_data.core.sizes import RATE_HZ
from emodal_data.media.clock import Clock
from emodal_data.media.downmix import (
    UNSAFE_PLANES,
    Floats,
    as_float,
    dialogue,
    packed,
    resampled,
    silent_byte,
)

#: Sound read before a span: more than the resampler's filter reaches at any rate.
_LEAD_SAMPLES = RATE_HZ // 20
#: Its reach in samples of the slower rate: half of FFmpeg's 32 taps, divided by its cutoff of 0.97, rounded up.
_REACH = 24

#: The largest buffer that a pool keeps: 20 s of stereo.
_KEPT_BYTES = 2**23
#: Codecs with frames of several lengths, and their common divisor: Vorbis' blocks of 256 and 2048 overlap.
_STEPS = {"vorbis": 64}


@dataclass(frozen=True)
class FrameGrid:
    """Time stamps to sample positions where time stamps are coarser than samples (Matroska: milliseconds).

    start: position of the first frame. origin: position of the second; in an unbroken stream all later frames lie a
    multiple of step after it. tolerance: samples by which rounding alone may shift a time stamp.
    """

    clock: Clock
    rate_hz: int
    start: int
    origin: int
    step: int
    tolerance: int

    @classmethod
    def of(
        cls, clock: Clock, rate_hz: int, first_frames: Sequence[tuple[int, int]], codec: str = ""
    ) -> "FrameGrid":
        """The grid of a stream from (pts, samples) of its first frames.

        The first frame may be cut short (encoder delay), so the step comes from the others.
        """
        tick = clock.tick_s * rate_hz  # samples
        tolerance = 0 if tick == 1 else ceil(tick) + 1
        lengths = [samples for _, samples in first_frames[1:] or first_frames]
        step = gcd(_STEPS.get(codec, 0), *lengths) or 1
        if step <= 2 * tolerance:  # short steps (Vorbis): rounding shifts a time stamp by half a tick at most
            tolerance = min(tolerance, ceil(tick / 2) + 1)
        start = round(clock.seconds(first_frames[0][0]) * rate_hz)
        return cls(clock, rate_hz, start, start + first_frames[0][1], step, tolerance)

    def position(self, pts: int, expected: int | None) -> int:
        """Position where a frame starts. expected: the end of the previous frame, if known."""
        scale, shift, divisor = self._line
        whole, left = divmod(scale * pts - shift, divisor)
        stamped = whole + (2 * left > divisor or (2 * left == divisor and whole % 2))  # as round() does
        if expected is not None and abs(stamped - expected) <= self.tolerance:
            return expected
        snapped = self.origin + round(Fraction(stamped - self.origin, self.step)) * self.step
        return snapped if abs(stamped - snapped) <= self.tolerance else stamped

    @cached_property
    def _line(self) -> tuple[int, int, int]:
        """pts to sample in integers, (scale * pts - shift) / divisor: Fractions would cost more than the decoder."""
        scale, shift = self.clock.tick_s * self.rate_hz, self.clock.start_s * self.rate_hz
        divisor = lcm(scale.denominator, shift.denominator)
        return int(scale * divisor), int(shift * divisor), divisor

    def pts_at(self, position: int) -> int:
        """The pts of a sample position."""
        return self.clock.pts_at(position / self.rate_hz)


@dataclass(frozen=True)
class Window:
    """Samples start..stop of the stream that give samples first..last at 16 kHz.

    At start a sample of one rate coincides with one of the other, so the resampler runs in the same phase as over the
    whole film. stop lies after the last sample by as much as the resampler's filter reaches.
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
        """start in samples at 16 kHz; an integer by construction."""
        return self.start * RATE_HZ // self.rate_hz


class BufferPool:
    """A buffer that one track after another reuses: new pages from the system cost more than decoding."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def planes(self, count: int, length: int) -> NDArray[np.uint8]:
        """(count, length) uint8, not initialised. Valid until the next call."""
        size = count * length
        if size > _KEPT_BYTES:
            return np.empty((count, length), np.uint8)
        if size > len(self._bytes):
            self._bytes = np.empty(size, np.uint8)
        return self._bytes[:size].reshape(count, length)


@dataclass
class Track:
    """The sound of one window while it is assembled: samples as decoded, silence where no frame has arrived yet.

    earliest: position before which a decoder gives only its own delay. mix: see ClipsConfig.audio_mix.
    buffers: the pool of the reader; only one track at a time may use it.
    """

    window: Window
    earliest: int
    mix: str = "downmix"
    buffers: BufferPool = field(default_factory=BufferPool)
    corrupt_frames: int = 0
    layout: str = "mono"
    _form: tuple[str, int] | None = None
    _is_unsafe: bool = False
    _sample_bytes: int = 0
    _planes: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    _rows: list[memoryview] = field(default_factory=list)
    _covered: list[tuple[int, int]] = field(default_factory=list)

    def put(self, position: int, frame: AudioFrame) -> None:
        """Put a frame at its position. A later frame overwrites an earlier one; sound outside the window is cut off."""
        start = self.window.start
        a, b = max(position, start, self.earliest), min(position + frame.samples, self.window.stop)
        if a >= b:
            return
        self.corrupt_frames += frame.is_corrupt
        form = frame.format.name, frame.layout.nb_channels
        if form != self._form:
            if self._form is not None:
                return  # the format changes midway: the sound from here on counts as missing
            self._begin(form, frame)
        if self._is_unsafe:
            frame = packed(frame)
        size, planes = self._sample_bytes, cast(Any, frame.planes)
        to, part = (
            slice(size * (a - start), size * (b - start)),
            slice(size * (a - position), size * (b - position)),
        )
        for row, plane in zip(self._rows, planes, strict=True):
            row[to] = memoryview(plane)[part]
        if self._covered and self._covered[-1][1] == a:
            a = self._covered.pop()[0]
        self._covered.append((a, b))

    def _begin(self, form: tuple[str, int], frame: AudioFrame) -> None:
        self._form, self.layout = form, frame.layout.name
        is_planar = frame.format.is_planar and form[1] < UNSAFE_PLANES
        self._is_unsafe = frame.format.is_planar and not is_planar
        self._sample_bytes = frame.format.bytes * (1 if is_planar else form[1])
        length = self._sample_bytes * (self.window.stop - self.window.start)
        self._planes = self.buffers.planes(form[1] if is_planar else 1, length)
        self._planes.fill(silent_byte(form[0]))
        self._rows = [memoryview(row) for row in cast(Any, self._planes)]

    def cut(self, ended_at: int | None) -> tuple[Floats, int]:
        """(n,) 16 kHz mono, samples first..last of the window, and how many of them no frame covers.

        ended_at: position where the sound track ends, if it ends before the window does.
        """
        window = self.window
        count = window.last - window.first
        if self._form is None:
            return np.zeros(count, np.float32), count
        # At the end of the film the resampler ends too: added silence would change the last samples.
        end = None if ended_at is None else max(0, ended_at - window.start)
        channels = as_float(self._planes, *self._form)[:, :end]
        if self.mix == "dialogue":
            channels, self.layout = dialogue(channels, self.layout)
        offset = window.first - window.start_16k
        sound = resampled(channels, self.layout, window.rate_hz)[offset : offset + count]
        samples = np.zeros(count, np.float32)
        samples[: len(sound)] = sound
        return samples, count - self._covered_16k()

    def _covered_16k(self) -> int:
        """How many of the samples first..last at 16 kHz a frame covers."""
        window, covered = self.window, 0
        reached = window.first
        for a, b in sorted(self._covered):
            i = max(-(-a * RATE_HZ // window.rate_hz), reached)
            j = min(-(-b * RATE_HZ // window.rate_hz), window.last)
            if i < j:
                covered, reached = covered + j - i, j
        return covered
