"""Reads the sound of a span at 16 kHz mono: the samples that resampling the whole film would give there.

Frames are placed on the grid of their track (audio_grid.py), or, where time stamps do not fit one grid, by an index of
the whole track (audio_index.py). Samples that no frame covers are zero, and are counted.
"""

import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
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
from emodal_data.media.audio_grid import FrameGrid, GridPlaces, OffGridError
from emodal_data.media.audio_index import IndexPlaces, Run, TrackIndex
from emodal_data.media.audio_window import BufferPool, Mixed, Track, Window
from emodal_data.media.avi_index import AviIndex
from emodal_data.media.clock import Clock
from emodal_data.media.guard import Budget, refuse_passing, timed_out
from emodal_data.media.lost_data import LostData
from emodal_data.media.lost_packets import LostPackets
from emodal_data.media.seeking import STEPS_BACK_S, seek_before

#: Decoders need earlier frames: overlapping windows, the 80 ms of Opus, MP3's bit reservoir. So many seconds are enough
#: for these; AMR, G.722 and other speech codecs fade slowly, and ADPCM without a state in each block never does.
_PREROLL_S, _SLOW_PREROLL_S, _ENDLESS_PREROLL_S = 0.3, 20.0, STEPS_BACK_S[-1]
_QUICK = (
    "aac aac_latm ac3 eac3 mp1 mp1float mp2 mp2float mp3 mp3float vorbis opus libopus flac alac tta wavpack truehd mlp "
    "dca wmav1 wmav2 nellymoser s302m sbc roq_dpcm adpcm_ms adpcm_ima_wav adpcm_swf adpcm_ima_amv"
)
_ENDLESS = ("dfpwm", "g723_1", "g726", "g726le")
#: The first packets after a seek may give nothing (MP3 waits for its reservoir), so decoding begins this much earlier.
_MARGIN_S = 0.1
#: What decoders give so long after packets were lost still depends on what was lost: 80 ms of Opus, three frames
#: of MP3 with the bits that it saved before.
_AFTER_LOSS_S = 0.12
#: Frames read at the start of the stream to learn its frame grid.
_GRID_FRAMES = 8
_MAX_RATE_HZ = 768_000
#: An annotated end may lie this far beyond the end of the film, because tables round.
_END_SLACK_S = 0.5
#: Decoders that add noise (substitution, dither) whose generator is not reset by a seek.
NOISY = ("aac", "aac_latm", "ac3", "eac3", "mp1", "mp2", "nellymoser")
#: Decoders that give the same bits wherever they begin before the preroll. Packets before it are not decoded.
_FORGETFUL = ("flac", "alac", "mp3", "mp3float", "dca", "vorbis")

#: Demuxers that may begin within a frame after a seek: then time stamps are a frame late up to the next packet with a
#: time stamp of its own.
_WITHIN_FRAMES = ("mpegts", "mpeg", "avi")
#: Codecs of Ogg whose time stamps are right at once after a seek: FFmpeg counts back from the end of the page. Those
#: of others are right from the second page on.
_SETTLED_IN_OGG = ("vorbis", "opus")
#: Indexes of the tracks read last: the reels of a film are read one after the other.
_INDEXES: dict[Hashable, TrackIndex] = {}
_MAX_INDEXES = 4

#: A decoded frame, or None for a damaged packet, and whether it has a time stamp of its own.
Decoded = tuple[AudioFrame | None, bool]


@dataclass(frozen=True)
class AudioSpan:
    """Sound of a span.

    samples: (n,) float32, 16 kHz mono; a downmix may exceed 1. missing_samples: how many samples no frame covers
    (gap, late start, damage). corrupt_frames: damaged frames met. full_scale: the downmix of channels that are all
    at full scale (1 for mono). samples / full_scale lie in [-1, 1]; use that for int16 and to detect clipping.
    If the layout changes within the span, full scale of each part is full_scale.
    is_one_channel: the channels cancel each other, so samples are the centre alone, or the loudest channel.
    """

    samples: NDArray[np.float32]
    missing_samples: int
    corrupt_frames: int
    full_scale: float
    is_one_channel: bool = False


class AudioReader:
    """Reads spans of one sound track. open_track opens the file again, at its start. identity: of file and track.

    path: of the film.
    """

    def __init__(
        self,
        open_track: Callable[[], tuple[InputContainer, AudioStream]],
        config: ClipsConfig,
        identity: Hashable,
        path: Path,
    ) -> None:
        self._open_track = open_track
        self._identity = identity
        self._max_clip_s = config.max_clip_s
        self._mix = config.audio_mix
        self._buffers = BufferPool()
        self._container, self._stream = open_track()
        container = self._container.format.name
        self._preroll_s = _preroll_s(self._stream.codec_context.name, container)
        is_ts, is_avi = container == "mpegts", container == "avi"
        self._lost = LostPackets(path, self._stream.id) if is_ts else None
        self._loss = LostData(path, self._container, self._stream.codec_context.name)
        self._index = AviIndex(self._stream) if is_avi else None
        try:
            self._grid = self._learn_grid(Budget.of(config))
        except BaseException:
            self.close()
            raise

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
        first, last = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
        mixed, corrupt_frames, sound_end_s = self._whole(first, last, budget)
        if sound_end_s is not None:
            self._check_end(start_s, end_s, sound_end_s)
        if mixed.missing == last - first and corrupt_frames:
            raise Dropped(Reason.AUDIO_UNREADABLE, f"no sound can be decoded at {start_s:.3f} s", start_s)
        return AudioSpan(mixed.samples, mixed.missing, corrupt_frames, mixed.full_scale, mixed.is_one_channel)

    def _learn_grid(self, budget: Budget) -> FrameGrid:
        """Read the first frames of the stream."""
        frames: list[AudioFrame] = []
        for frame, _ in self._frames(budget):
            if frame is not None and (frames or frame.pts is not None):
                frames.append(frame)
            if len(frames) == _GRID_FRAMES:
                break
        if not frames:
            raise Dropped(Reason.AUDIO_UNREADABLE, "no frame of the sound track can be decoded")
        rate_hz = frames[0].sample_rate
        if not 0 < rate_hz <= _MAX_RATE_HZ:
            raise Dropped(Reason.AUDIO_UNREADABLE, "the sample rate is out of bounds", rate_hz)
        if self._index is not None:
            self._index.restart()
        return FrameGrid.of(
            Clock.of(self._container, self._stream),
            rate_hz,
            cast(int, frames[0].pts),
            [frame.samples for frame in frames],
            codec=self._stream.codec_context.name,
            container="" if self._index is not None and self._index.is_exact else self._container.format.name,
        )

    def _whole(self, first: int, last: int, budget: Budget) -> tuple[Mixed, int, float | None]:
        """16 kHz samples first..last, the damaged frames met, and where the sound ends, if it ends within them.

        Read by the grid; if a time stamp does not fit, by the index, a piece for every run of one rate.
        """
        index = _INDEXES.get(self._identity)
        if index is None and self._grid.is_known:
            try:
                return self._piece(first, last, Run(self._grid.rate_hz, self._grid.start), None, budget)
            except OffGridError:
                pass
        if index is None:
            index = self._look_at_all(budget)
        pieces = [self._piece(a, b, run, index, budget) for run, a, b in index.parts(first, last)]
        mixes, corrupt_frames, ends = zip(*pieces, strict=True)
        return Mixed.joined(mixes), sum(corrupt_frames), ends[-1]

    def _look_at_all(self, budget: Budget) -> TrackIndex:
        """Decode the whole track for its index. Packets are not counted: only the time is limited."""
        index = TrackIndex.of(self._from_start(replace(budget, packets=sys.maxsize)), self._grid)
        while len(_INDEXES) >= _MAX_INDEXES:
            _INDEXES.pop(next(iter(_INDEXES)))
        _INDEXES[self._identity] = index
        return index

    def _piece(
        self, first: int, last: int, run: Run, index: TrackIndex | None, budget: Budget
    ) -> tuple[Mixed, int, float | None]:
        """16 kHz samples first..last of a run of one rate; else as _whole."""
        window = Window.around(first, last, run.rate_hz)
        track, ended_at = self._read(window, run, index, budget)
        if run.stop is not None:  # sound of another rate follows: the resampler ends, the track does not
            return track.cut(run.stop if run.stop < window.stop else None), track.corrupt_frames, None
        sound_end_s = None if ended_at is None else ended_at / run.rate_hz
        return track.cut(ended_at), track.corrupt_frames, sound_end_s

    def _read(
        self, window: Window, run: Run, index: TrackIndex | None, budget: Budget
    ) -> tuple[Track, int | None]:
        """Decode the window. Also returns the position where the sound ends, if it ends within the window."""
        preroll_s = self._preroll_s
        needed_from = window.start - round(preroll_s * run.rate_hz)
        if preroll_s == _ENDLESS_PREROLL_S:
            budget = replace(budget, packets=sys.maxsize)  # only the time is limited
        for back_s in STEPS_BACK_S:
            from_sample = needed_from - round((back_s + _MARGIN_S) * run.rate_hz)
            at_start = from_sample / run.rate_hz <= self._grid.start / self._grid.rate_hz
            places = GridPlaces(self._grid) if index is None else IndexPlaces(index, run, at_start)
            track = Track(window, run.start, run.stop, self._mix, self._buffers)
            if at_start:
                frames = self._from_start(budget)
            else:
                frames = self._from_pts(self._grid.clock.pts_at(from_sample / run.rate_hz), budget)
            is_read, end = _fill(track, frames, places, None if at_start else needed_from)
            if is_read:
                return track, end
        raise AssertionError("reading from the start gives a track")

    def _from_start(self, budget: Budget) -> Iterator[Decoded]:
        # The file is opened again instead of sought in: only then does FFmpeg cut off the encoder delay.
        self._container.close()
        self._container, self._stream = self._open_track()
        return self._frames(budget)

    def _from_pts(self, pts: int, budget: Budget) -> Iterator[Decoded]:
        """Frames from a time stamp on, or from somewhat earlier; none if the file is not seekable."""
        if self._preroll_s != _PREROLL_S:
            self._from_start(budget)  # a seek does not make these decoders forget
        if not seek_before(self._container, self._stream, pts):
            return iter(())
        context, container = self._stream.codec_context, self._container.format.name
        is_unsettled = container in _WITHIN_FRAMES or (
            container == "ogg" and context.name not in _SETTLED_IN_OGG
        )
        if context.name.startswith("pcm_") or (context.name in _FORGETFUL and not is_unsettled):
            return self._frames(budget, from_pts=pts, is_unsettled=is_unsettled)
        decoder = _fresh(context) if context.name in NOISY else None
        return self._frames(budget, decoder, is_unsettled=is_unsettled)

    def _frames(
        self,
        budget: Budget,
        context: AudioCodecContext | None = None,
        from_pts: int | None = None,
        is_unsettled: bool = False,
    ) -> Iterator[Decoded]:
        """Frames from here on, or from the last before from_pts. A torn file just ends.

        is_unsettled: frames are held back until their time stamps are right.
        """
        packets = self._container.demux(self._stream)
        decoder = context or self._stream.codec_context
        is_ogg = self._container.format.name == "ogg"
        # MP3 (MPEG audio of any layer) reports its new rate only after the frame.
        is_rate_late = decoder.name.startswith("mp")
        due: list[tuple[Packet[AudioStream], bool]] = []
        place, places, is_after_damage = None, 0, False
        is_torn, torn_until, end = False, -(2**63), None
        after_loss = round(_AFTER_LOSS_S / (self._stream.time_base or 1))
        if self._index is not None:
            self._index.restart()
        while True:
            budget.spend()
            try:
                packet = next(packets, None)
            except av.error.ExitError as error:
                raise timed_out() from error
            except IndexError:  # a packet of a stream that FFmpeg found on the way, unknown to PyAV
                packets = self._container.demux(self._stream)
                continue
            except (av.FFmpegError, OSError) as error:
                refuse_passing(error)
                return
            if packet is None:
                return
            is_lost = self._loss.is_in(packet.pos, memoryview(cast(Any, packet)))
            if self._index is not None:
                self._index.restamp(packet)
                is_lost |= self._index.is_after_loss
            # Only the first packet of a place in the file has a time stamp there; FFmpeg adds up those of the others,
            # with what is damaged.
            pos = packet.pos
            is_own = pos is not None and pos != place
            if is_own:
                place, places = pos, places + 1
                is_gap = (
                    end is not None
                    and packet.pts is not None
                    and packet.pts > end + (packet.duration or 0) // 2
                )
                is_torn = self._lost is not None and self._lost.is_torn(cast(int, pos), is_gap)
            end = None if packet.pts is None else packet.pts + (packet.duration or 0)
            if (is_torn or is_lost) and packet.pts is not None:
                torn_until = packet.pts + after_loss
            if from_pts is not None:
                if packet.pts is not None and packet.pts < from_pts:
                    due = [(packet, is_own)]
                    continue
                from_pts = None
            due.append((packet, is_own))
            for one, is_own in due:
                frames: Sequence[AudioFrame | None]
                try:
                    frames = decoder.decode(one)
                except (av.FFmpegError, ValueError) as error:
                    refuse_passing(error)
                    frames = (None,)
                if is_unsettled:
                    # A packet that decodes is a whole frame, to which the time stamp of its place belongs.
                    is_whole = is_own and not is_ogg and frames and frames[0] is not None
                    if places < 2 and not is_whole:
                        continue
                    is_unsettled = False
                if frames and one.pts is not None and one.pts < torn_until:
                    frames = (None,)
                for frame in frames:
                    if is_rate_late and frame is not None:
                        frame.sample_rate = decoder.sample_rate
                    yield frame, is_own or is_after_damage
                    is_after_damage = frame is None
            due.clear()

    def _check_end(self, start_s: float, end_s: float, sound_end_s: float) -> None:
        film_end_s = max(sound_end_s, (self._container.duration or 0) / 1e6)
        if end_s > film_end_s + _END_SLACK_S:
            raise Dropped(Reason.SPAN_OUTSIDE_FILM, f"the film ends at {film_end_s:.3f} s", end_s)
        declared_s = float((self._stream.duration or 0) * (self._stream.time_base or 0))
        if sound_end_s <= start_s < declared_s - _END_SLACK_S:
            raise Dropped(Reason.AUDIO_UNREADABLE, f"the sound breaks off at {sound_end_s:.3f} s", start_s)


def _fill(
    track: Track, frames: Iterator[Decoded], places: GridPlaces | IndexPlaces, needed_from: int | None
) -> tuple[bool, int | None]:
    """Put frames into a track until its window is full.

    needed_from: where the first frame after a seek may lie at the latest; None when reading from the start. Returns
    whether the window could be read, and the position where the sound ended, if it ended before the window.
    """
    window, end = track.window, None
    for frame, is_own in frames:
        position = None if frame is None else places.place(frame, is_own)
        if frame is None or position is None:
            if places.is_torn and needed_from is not None:
                return False, None
            # Before the window the seek, not the film, may have torn the frame.
            track.corrupt_frames += end is not None and end >= window.start
            continue
        if end is None and needed_from is not None and position > needed_from:
            return False, None
        end = position + frame.samples
        if end > window.start and frame.sample_rate == window.rate_hz:
            track.put(position, frame)
        if end >= window.stop:
            return True, None
    if end is None and needed_from is None:
        end = 0
    return end is not None, end


def _preroll_s(codec: str, container: str) -> float:
    """How long a decoder has to run before what it gives is that of the whole track. codec: name of the decoder.

    In WAV, FFmpeg seeks by bytes: what is not PCM then has time stamps that are guessed.
    """
    if codec.startswith("pcm_"):
        return _PREROLL_S
    if codec in _QUICK.split() and container != "wav":
        return _PREROLL_S
    is_endless = (
        codec in _ENDLESS or codec.startswith("adpcm_") or codec.endswith("_dpcm") or container == "wav"
    )
    return _ENDLESS_PREROLL_S if is_endless else _SLOW_PREROLL_S


def _fresh(context: AudioCodecContext) -> AudioCodecContext:
    """A new decoder for the same stream."""
    made = cast(Any, AudioCodecContext.create(context.codec, "r"))
    made.extradata = context.extradata
    made.sample_rate = context.sample_rate
    made.layout = context.layout
    made.thread_count = 1
    return cast(AudioCodecContext, made)
