"""Reads the sound of a span at 16 kHz mono: the samples that resampling the whole film would give there.

Frames are placed by their time stamps (audio_window.py). Samples that no frame covers are zero, and are counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.sizes import RATE_HZ
from emodal_data.media.audio_window import BufferPool, FrameGrid, Track, Window
from emodal_data.media.clock import Clock
from emodal_data.media.downmix import full_scale
from emodal_data.media.guard import Budget, timed_out
from emodal_data.media.seeking import STEPS_BACK_S, seek_before

#: Decoders need earlier frames: overlapping windows, the 80 ms of Opus, MP3's bit reservoir.
_PREROLL_S = 0.3
#: The first packets after a seek may give nothing (MP3 waits for its reservoir), so decoding begins this much earlier.
_MARGIN_S = 0.1
#: Frames read at the start of the stream to learn its frame grid.
_GRID_FRAMES = 8
_MAX_RATE_HZ = 768_000
#: An annotated end may lie this far beyond the end of the film, because tables round.
_END_SLACK_S = 0.5
#: Decoders that add noise (substitution, dither) whose generator is not reset by a seek.
_NOISY = ("aac", "aac_latm", "ac3", "eac3", "mp1", "mp2")
#: Decoders that give the same bits wherever they begin before the preroll. Packets before it are not decoded.
_FORGETFUL = ("flac", "alac", "mp3", "mp3float", "dca", "vorbis")


@dataclass(frozen=True)
class AudioSpan:
    """Sound of a span.

    samples: (n,) float32, 16 kHz mono; a downmix may exceed 1. missing_samples: how many samples no frame covers
    (gap, late start, damage). corrupt_frames: damaged frames met. full_scale: the downmix of channels that are all
    at full scale (1 for mono). samples / full_scale lie in [-1, 1]; use that for int16 and to detect clipping.
    """

    samples: NDArray[np.float32]
    missing_samples: int
    corrupt_frames: int
    full_scale: float


class AudioReader:
    """Reads spans of one sound track. open_track opens the file again, at its start."""

    def __init__(
        self, open_track: Callable[[], tuple[InputContainer, AudioStream]], config: ClipsConfig
    ) -> None:
        self._open_track = open_track
        self._max_clip_s = config.max_clip_s
        self._mix = config.audio_mix
        self._buffers = BufferPool()
        self._container, self._stream = open_track()
        try:
            self._grid = self._learn_grid(Budget.of(config))
        except BaseException:
            self.close()
            raise
        self._preroll = round(_PREROLL_S * self._grid.rate_hz)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def span(self, start_s: float, end_s: float, budget: Budget) -> AudioSpan:
        """Samples round(start_s * 16000) up to round(end_s * 16000) of the film.

        Raises Dropped(SPAN_OUTSIDE_FILM, AUDIO_UNREADABLE, FILM_TOO_LARGE, DECODER_TIMED_OUT).
        """
        if not 0 <= start_s < end_s:
            raise Dropped(Reason.SPAN_OUTSIDE_FILM, f"the span is {start_s} to {end_s} s", start_s)
        if end_s - start_s > self._max_clip_s:
            raise Dropped(Reason.FILM_TOO_LARGE, "the span is longer than clips.max_clip_s", end_s - start_s)
        window = Window.around(round(start_s * RATE_HZ), round(end_s * RATE_HZ), self._grid.rate_hz)
        track, ended_at = self._read(window, budget)
        if ended_at is not None:
            self._check_end(start_s, end_s, ended_at / self._grid.rate_hz)
        samples, missing_samples = track.cut(ended_at)
        if missing_samples == len(samples) and track.corrupt_frames:
            raise Dropped(Reason.AUDIO_UNREADABLE, f"no sound can be decoded at {start_s:.3f} s", start_s)
        return AudioSpan(samples, missing_samples, track.corrupt_frames, full_scale(track.layout))

    def _learn_grid(self, budget: Budget) -> FrameGrid:
        """Read the first frames of the stream."""
        frames: list[AudioFrame] = []
        for frame in self._frames(budget):
            if frame is not None and frame.pts is not None:
                frames.append(frame)
            if len(frames) == _GRID_FRAMES:
                break
        if not frames:
            raise Dropped(Reason.AUDIO_UNREADABLE, "no frame of the sound track can be decoded")
        rate_hz = frames[0].sample_rate
        if not 0 < rate_hz <= _MAX_RATE_HZ:
            raise Dropped(Reason.AUDIO_UNREADABLE, "the sample rate is out of bounds", rate_hz)
        clock = Clock.of(self._container, self._stream)
        first_frames = [(cast(int, frame.pts), frame.samples) for frame in frames]
        return FrameGrid.of(clock, rate_hz, first_frames, self._stream.codec_context.name)

    def _read(self, window: Window, budget: Budget) -> tuple[Track, int | None]:
        """Decode the window. Also returns the position where the sound ends, if it ends within the window."""
        first_needed = window.start - self._preroll
        for back_s in STEPS_BACK_S:
            from_sample = first_needed - round((back_s + _MARGIN_S) * self._grid.rate_hz)
            at_start = from_sample <= self._grid.start
            track, end = self._read_from(from_sample, at_start, window, budget)
            if track is not None:
                return track, end
        raise AssertionError("reading from the start gives a track")

    def _read_from(
        self, from_sample: int, at_start: bool, window: Window, budget: Budget
    ) -> tuple[Track | None, int | None]:
        """One try. No track if the first frame after the seek lies after the start of the window."""
        track = Track(window, self._grid.start, self._mix, self._buffers)
        end: int | None = None
        for frame in self._frames_from(from_sample, at_start, budget):
            if frame is None or frame.pts is None:
                # Before the window the seek, not the film, may have torn the frame.
                track.corrupt_frames += end is not None and end >= window.start
                continue
            position = self._grid.position(frame.pts, end)
            if end is None and not at_start and position > window.start - self._preroll:
                return None, None
            end = position + frame.samples
            if frame.sample_rate == self._grid.rate_hz:
                track.put(position, frame)
            if end >= window.stop:
                return track, None
        return (track, end or 0) if at_start or end is not None else (None, None)

    def _frames_from(self, from_sample: int, at_start: bool, budget: Budget) -> Iterator[AudioFrame | None]:
        if at_start:
            # The file is opened again instead of sought in: only then does FFmpeg cut off the encoder delay.
            self._container.close()
            self._container, self._stream = self._open_track()
            return self._frames(budget)
        if not seek_before(self._container, self._stream, self._grid.pts_at(from_sample)):
            return iter(())
        context = self._stream.codec_context
        if context.name in _FORGETFUL or context.name.startswith("pcm_"):
            return self._frames(budget, from_pts=self._grid.pts_at(from_sample))
        return self._frames(budget, _fresh(context) if context.name in _NOISY else None)

    def _frames(
        self, budget: Budget, context: AudioCodecContext | None = None, from_pts: int | None = None
    ) -> Iterator[AudioFrame | None]:
        """Frames from here on, or from the last before from_pts. None for a damaged packet; a torn file just ends."""
        packets = self._container.demux(self._stream)
        decoder = context or self._stream.codec_context
        before: list[Packet[AudioStream]] = []
        while True:
            budget.spend()
            try:
                packet = next(packets, None)
            except av.error.ExitError as error:
                raise timed_out() from error
            except (av.FFmpegError, OSError):
                return
            if packet is None:
                return
            if from_pts is not None and packet.pts is not None and packet.pts < from_pts:
                before = [packet]
                continue
            due, before, from_pts = [*before, packet], [], None
            for one in due:
                try:
                    yield from decoder.decode(one)
                except (av.FFmpegError, ValueError):
                    yield None

    def _check_end(self, start_s: float, end_s: float, sound_end_s: float) -> None:
        film_end_s = max(sound_end_s, (self._container.duration or 0) / 1e6)
        if end_s > film_end_s + _END_SLACK_S:
            raise Dropped(Reason.SPAN_OUTSIDE_FILM, f"the film ends at {film_end_s:.3f} s", end_s)
        declared_s = float((self._stream.duration or 0) * (self._stream.time_base or 0))
        if sound_end_s <= start_s < declared_s - _END_SLACK_S:
            raise Dropped(Reason.AUDIO_UNREADABLE, f"the sound breaks off at {sound_end_s:.3f} s", start_s)


def _fresh(context: AudioCodecContext) -> AudioCodecContext:
    """A new decoder for the same stream."""
    made = cast(Any, AudioCodecContext.create(context.codec, "r"))
    made.extradata = context.extradata
    made.sample_rate = context.sample_rate
    made.layout = context.layout
    made.thread_count = 1
    return cast(AudioCodecContext, made)
