"""Assembles the samples of a window from decoded frames: each part mixed by its own layout, then resampled once.

Positions count samples at the stream's own rate from the start of the film.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Any, cast

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from numpy.typing import NDArray

from emodal_data.core.sizes import RATE_HZ
from emodal_data.media.downmix import (
    UNSAFE_PLANES,
    Floats,
    as_float,
    full_scale,
    mix_of,
    mixed_down,
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


@dataclass(eq=False)
class _Part:
    """Samples of one form in a window, as decoded; what no frame was put at is not initialised.

    is_unsafe: frames must be packed before their planes are read. sample_bytes: bytes of a sample in one row.
    """

    sample_format: str
    layout: AudioLayout
    is_unsafe: bool
    sample_bytes: int
    planes: NDArray[np.uint8]
    rows: list[memoryview]

    @classmethod
    def of(cls, frame: AudioFrame, length: int, buffers: BufferPool | None) -> "_Part":
        """A part in the form of a frame. length: samples of the window."""
        channels = frame.layout.nb_channels
        is_planar = frame.format.is_planar and channels < UNSAFE_PLANES
        sample_bytes = frame.format.bytes * (1 if is_planar else channels)
        shape = channels if is_planar else 1, sample_bytes * length
        planes = np.empty(shape, np.uint8) if buffers is None else buffers.planes(*shape)
        return cls(
            sample_format=frame.format.name,
            layout=frame.layout,
            is_unsafe=frame.format.is_planar and not is_planar,
            sample_bytes=sample_bytes,
            planes=planes,
            rows=[memoryview(row) for row in cast(Any, planes)],
        )

    def silence(self, a: int, b: int) -> None:
        """Silence samples a up to b of the window."""
        self.planes[:, self.sample_bytes * a : self.sample_bytes * b] = silent_byte(self.sample_format)

    def floats(self, end: int | None) -> Floats:
        """(channels, n) float32 of the window up to end."""
        return as_float(self.planes, self.sample_format, self.layout.nb_channels)[:, :end]


@dataclass(frozen=True)
class Mixed:
    """Samples of a window at 16 kHz. Where the layout changes, full scale of every part is the same level.

    samples: (n,) float32. missing: how many of them no frame covers. full_scale: level of channels that are all at full
    scale. is_one_channel: the channels cancel each other, and the centre or the loudest was taken.
    """

    samples: Floats
    missing: int
    full_scale: float
    is_one_channel: bool

    @classmethod
    def joined(cls, pieces: Sequence["Mixed"]) -> "Mixed":
        """Pieces that follow one another."""
        loudest = max(piece.full_scale for piece in pieces)
        levels = [np.float32(loudest / piece.full_scale) for piece in pieces]
        return cls(
            np.concatenate([piece.samples * level for piece, level in zip(pieces, levels, strict=True)]),
            sum(piece.missing for piece in pieces),
            loudest,
            any(piece.is_one_channel for piece in pieces),
        )


@dataclass
class Track:
    """The sound of one window while it is assembled: samples as decoded, silence where no frame has arrived yet.

    earliest: position before which a decoder gives only its own delay. latest: position from which sound of another
    rate follows, if it does. mix: see ClipsConfig.audio_mix. buffers: the pool of the reader; only one track at a time
    may use it.
    """

    window: Window
    earliest: int
    latest: int | None = None
    mix: str = "downmix"
    buffers: BufferPool = field(default_factory=BufferPool)
    corrupt_frames: int = 0
    _parts: list[_Part] = field(default_factory=list)
    _part: _Part | None = None
    _covered: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        stop = self.window.stop
        self._from = max(self.window.start, self.earliest)
        self._to = stop if self.latest is None else min(stop, self.latest)

    def put(self, position: int, frame: AudioFrame) -> None:
        """Put a frame at its position. A later frame overwrites an earlier one; sound outside the window is cut off."""
        a, b = position, position + frame.samples
        if a < self._from:
            a = self._from
        if b > self._to:
            b = self._to
        if a >= b:
            return
        start = self.window.start
        self.corrupt_frames += frame.is_corrupt
        part = self._part
        if part is None or frame.format.name != part.sample_format or frame.layout != part.layout:
            part = self._part = self._part_of(frame)
        if len(self._parts) > 1:
            for other in self._parts:
                other.silence(a - start, b - start)
        if part.is_unsafe:
            frame = packed(frame)
        size = part.sample_bytes
        to = slice(size * (a - start), size * (b - start))
        taken = slice(size * (a - position), size * (b - position))
        planes: Any = frame.planes
        for row, plane in zip(part.rows, planes, strict=True):
            row[to] = memoryview(plane)[taken]
        covered = self._covered
        if covered and covered[-1][1] == a:
            covered[-1][1] = b
        else:
            covered.append([a, b])

    def _part_of(self, frame: AudioFrame) -> _Part:
        """The part of the frame's form: a new one if the form is new."""
        for part in self._parts:
            if (frame.format.name, frame.layout) == (part.sample_format, part.layout):
                return part
        length = self.window.stop - self.window.start
        if self._parts:
            part = _Part.of(frame, length, None)
            part.silence(0, length)
        else:
            part = _Part.of(frame, length, self.buffers)
        self._parts.append(part)
        return part

    def cut(self, ended_at: int | None) -> Mixed:
        """Samples first..last of the window, at 16 kHz.

        ended_at: position where the sound track ends, if it ends before the window does.
        """
        window = self.window
        count = window.last - window.first
        if not self._parts:
            return Mixed(np.zeros(count, np.float32), count, 1.0, is_one_channel=False)
        for a, b in self._gaps():
            for part in self._parts:
                part.silence(a - window.start, b - window.start)
        # At the end of the film the resampler ends too: added silence would change the last samples.
        end = None if ended_at is None else max(0, ended_at - window.start)
        mixes = [
            mix_of(part.floats(end), part.layout.name, prefer_centre=self.mix == "dialogue")
            for part in self._parts
        ]
        if len(mixes) == 1:
            (mix,) = mixes
            sound = resampled(mix.channels, mix.layout, window.rate_hz)
        else:  # one resampler for all parts, so that its phase and its filter run on across the change
            loudest = max(full_scale(mix.layout) for mix in mixes)
            mono = sum(
                mixed_down(mix.channels, mix.layout) * np.float32(loudest / full_scale(mix.layout))
                for mix in mixes
            )
            sound = resampled(cast(Floats, mono), "mono", window.rate_hz)
        offset = window.first - window.start_16k
        sound = sound[offset : offset + count]
        if len(sound) < count:
            sound = np.pad(sound, (0, count - len(sound)))
        return Mixed(
            sound,
            count - self._covered_16k(),
            max(full_scale(mix.layout) for mix in mixes),
            any(mix.is_one_channel for mix in mixes),
        )

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """The parts of the window that no frame covers."""
        reached = self.window.start
        for a, b in [*sorted(self._covered), [self.window.stop, self.window.stop]]:
            if a > reached:
                yield reached, a
            reached = max(reached, b)

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
