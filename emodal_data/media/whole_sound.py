"""The plain way to a film's sound: an opening of its own, no seek, the whole track decoded and resampled in one go.

Slow, and independent of audio.py, whose answers it checks.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from math import gcd
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.sizes import RATE_HZ
from emodal_data.media.audio import NOISY
from emodal_data.media.clock import Clock
from emodal_data.media.downmix import UNSAFE_PLANES, packed, silent_byte
from emodal_data.media.film import Film
from emodal_data.media.guard import open_container, select_stream
from emodal_data.media.info import sound_stream

#: How far samples may differ, and how many times as far as two decodes of a codec that adds noise.
MAX_DIFFERENCE, _MAX_NOISES = 0.02, 2.0
#: Stamps of frames may be this coarse; more is a gap.
_GAP_S = 0.03
#: Frames of a run whose time stamps say where it begins.
_FIRST_FRAMES = 9
#: Samples by which time stamps of one clock differ.
_ROUNDING = 2
#: Around the begin of a run and a change of rate or layout, resamplers differ.
_EDGE_S = 0.05


@dataclass(frozen=True, eq=False)
class PlainSound:
    """A track from the film's start.

    samples: (n,) float32, 16 kHz mono. is_sure: (n,) bool, False beside gaps and changes. formats: rate and layout of
    each part, such as "48000 Hz stereo". noise: (n,) float32, the difference to a decode with other noise, if the codec
    adds any.
    """

    samples: NDArray[np.float32]
    is_sure: NDArray[np.bool_]
    formats: tuple[str, ...]
    noise: NDArray[np.float32]


@dataclass(frozen=True)
class SoundDifference:
    """A span whose sound is not that of the whole track, and by how much (full scale is 1)."""

    start_s: float
    end_s: float
    error: float

    def __str__(self) -> str:
        return f"the sound at {self.start_s:.3f} s: off by {self.error:.2g} from the whole track"


def plain_sound(path: Path, config: ClipsConfig, end_s: float) -> PlainSound:
    """The sound track of a film up to end_s, mixed down. path: from film_path().

    Raises Dropped as open_container() and sound_stream() do.
    """
    plain, codec = _decode(path, config, end_s)
    if codec not in NOISY:
        return plain
    other, _ = _decode(path, config, end_s, is_other_noise=True)
    return replace(plain, noise=np.abs(plain.samples - other.samples))


def _decode(
    path: Path, config: ClipsConfig, end_s: float, is_other_noise: bool = False
) -> tuple[PlainSound, str]:
    """The sound and the name of its codec. is_other_noise: the decoder decodes something else before."""
    samples = np.zeros(round(end_s * RATE_HZ), np.float32)
    is_sure = np.ones(len(samples), np.bool_)
    formats: list[str] = []
    with closing(open_container(path, config)) as container:
        stream = sound_stream(container, config.audio_track)
        select_stream(container, stream, config)
        clock = Clock.of(container, stream)
        packets: Iterator[Packet[AudioStream]] = container.demux(stream)
        if is_other_noise:
            first = list(islice(packets, _FIRST_FRAMES))
            list(_decoded(iter(first)))
            packets = chain(first, packets)
        for run in _runs(packets, clock, end_s):
            if run.name not in formats[-1:]:
                formats.append(run.name)
            begin, sound = run.mixed()
            edge = round(_EDGE_S * RATE_HZ)
            for at in (begin, begin + len(sound)):
                is_sure[max(0, at - edge) : max(0, at + edge)] = False
            samples[max(0, begin) : begin + len(sound)] = sound[max(0, -begin) : len(samples) - begin]
        noise = np.zeros(len(samples), np.float32)
        return PlainSound(samples, is_sure, tuple(formats), noise), stream.codec_context.name


def compare_sound(
    film: Film, plain: PlainSound, spans_s: Sequence[tuple[float, float]]
) -> list[SoundDifference]:
    """The spans in which an open film gives another sound than its whole track.

    Left out: spans for which one channel was taken, because the others cancel it.
    """
    differences = []
    for start_s, end_s in spans_s:
        try:
            span = film.audio_span(start_s, end_s)
        except Dropped:
            continue  # the clip has a reason of its own
        if span.is_one_channel:
            continue
        first = round(start_s * RATE_HZ)
        right = plain.samples[first : first + len(span.samples)]
        is_sure = plain.is_sure[first : first + len(right)]
        error = float(np.abs(span.samples[: len(right)] - right)[is_sure].max(initial=0))
        noise = float(plain.noise[first : first + len(right)].max(initial=0))
        if error > max(MAX_DIFFERENCE, _MAX_NOISES * noise):
            differences.append(SoundDifference(start_s, end_s, error))
    return differences


class _Run:
    """Frames of one rate and layout that follow each other. start: of the first, in samples of the film.

    Where a file begins within a frame of MPEG, the first time stamp is the next frame's: most of the first ones decide.
    """

    def __init__(self, frame: AudioFrame, start: int) -> None:
        self.rate_hz = frame.sample_rate
        self.name = f"{self.rate_hz} Hz {frame.layout.name}"
        self.end = start
        self._first = 0
        self._resampler = AudioResampler("flt", "mono", RATE_HZ)
        self._pieces: list[NDArray[np.float32]] = []
        self._held: list[tuple[AudioFrame, int]] | None = []

    def add(self, frame: AudioFrame, start: int) -> None:
        """Append a frame. start: by its time stamp, in samples of the film."""
        off = start - self.end
        self.end += frame.samples
        if self._held is None:
            self._push(frame)
            return
        self._held.append((frame, off))
        if len(self._held) == _FIRST_FRAMES:
            self._begin(self._held)

    def _begin(self, held: list[tuple[AudioFrame, int]]) -> None:
        self._held = None
        offs = np.array([off for _, off in held])
        shift = int(np.median(offs))
        # Less than that is rounding; and a shift is one for all.
        if abs(shift) < _EDGE_S / 10 * self.rate_hz or np.mean(np.abs(offs - shift) <= _ROUNDING) < 0.7:
            shift = 0
        start = self.end - sum(frame.samples for frame, _ in held) + shift
        self.end += shift
        # The run begins where a sample of 16 kHz does: the same samples then as by resampling the whole film.
        before = start % (self.rate_hz // gcd(self.rate_hz, RATE_HZ))
        self._first = (start - before) * RATE_HZ // self.rate_hz
        if before:
            self._push(_silence_like(held[0][0], before))
        for frame, _ in held:
            self._push(frame)

    def mixed(self) -> tuple[int, NDArray[np.float32]]:
        """The first sample at 16 kHz, counted from the film's start, and the sound."""
        if self._held is not None:
            self._begin(self._held)
        self._push(None)
        return self._first, np.concatenate([np.zeros(0, np.float32), *self._pieces])

    def _push(self, frame: AudioFrame | None) -> None:
        if frame is not None:
            frame.pts = None
            if len(frame.planes) >= UNSAFE_PLANES:
                frame = packed(frame)
        self._pieces += [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]


def _runs(packets: "Iterator[Packet[AudioStream]]", clock: Clock, end_s: float) -> Iterator[_Run]:
    run: _Run | None = None
    for frame in _decoded(packets):
        stamp = None if frame.pts is None else round(clock.seconds(frame.pts) * frame.sample_rate)
        name = f"{frame.sample_rate} Hz {frame.layout.name}"
        expected = 0 if run is None else round(run.end * frame.sample_rate / run.rate_hz)
        start = expected if stamp is None else stamp
        if run is None or run.name != name or abs(start - expected) > _GAP_S * frame.sample_rate:
            if run is not None:
                yield run
            run = _Run(frame, start)
        run.add(frame, start)
        if run.end > end_s * run.rate_hz:
            break
    if run is not None:
        yield run


def _decoded(packets: "Iterator[Packet[AudioStream]]") -> Iterator[AudioFrame]:
    """Every frame; damaged packets are left out, and a torn file just ends."""
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return
        try:
            yield from packet.decode()
        except (av.FFmpegError, ValueError):
            continue


def _silence_like(frame: AudioFrame, samples: int) -> AudioFrame:
    silence = AudioFrame(format=frame.format.name, layout=frame.layout.name, samples=samples)
    for plane in silence.planes:
        plane.update(bytes([silent_byte(frame.format.name)]) * cast(Any, plane).buffer_size)
    silence.sample_rate = frame.sample_rate
    return silence
