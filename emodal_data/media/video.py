"""Reads the frame on screen at a time: seeks or decodes on, skips frames not needed, never returns a neighbour.

The result depends only on the file and the time, not on earlier calls.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media.clock import Clock
from emodal_data.media.guard import Budget, timed_out
from emodal_data.media.seeking import STEPS_BACK_S, has_index, seek_before

#: All frames this close before the target are decoded, because the frame on screen is usually among them.
_DECODE_ALL_S = Fraction(1, 5)
#: Without an index, a distance up to this many seconds is decoded; beyond it, seeking is cheaper.
_GO_ON_S = 4.0
#: A film's last frame counts as on screen for this much longer than its duration, because containers round up.
_LAST_FRAME_HOLD_S = 0.5


@dataclass(frozen=True)
class DecodedFrame:
    """A decoded frame, its pts and the damaged frames it was decoded from."""

    frame: VideoFrame
    pts: int
    corrupt_frames: int


class VideoReader:
    """Reads frames of one video stream; ascending times are cheapest."""

    def __init__(self, container: InputContainer, stream: VideoStream, clock: Clock) -> None:
        self._container = container
        self._stream = stream
        self._clock = clock
        self._packets: Iterator[Packet[VideoStream]] | None = None
        self._pending: deque[tuple[int, VideoFrame]] = deque()
        self._current: DecodedFrame | None = None
        self._corrupt = 0
        self._last_target = 0
        self._packet_pts: list[int] = []
        self._fresh_at_keyframes = True
        self._at_keyframe = False

    def frame_on_screen(self, t_s: float, budget: Budget) -> DecodedFrame:
        """The last frame that starts at or before t_s on the film clock.

        Raises Dropped(SPAN_OUTSIDE_FILM, FRAME_UNREADABLE, FILM_TOO_LARGE, DECODER_TIMED_OUT).
        """
        target = self._clock.pts_at(t_s)
        decoded = self._decode_at(target, budget)
        if decoded is None:
            first_s = self._first_s()
            if first_s is not None and t_s < first_s:
                raise Dropped(Reason.SPAN_OUTSIDE_FILM, f"the picture starts at {first_s:.3f} s", t_s)
            raise Dropped(Reason.FRAME_UNREADABLE, f"no frame can be decoded at {t_s:.3f} s", t_s)
        if self._packets is None and not self._pending:
            self._check_last_frame(decoded, t_s)
        return decoded

    def seconds(self, pts: int) -> float:
        """Film time of a pts."""
        return float(self._clock.seconds(pts))

    def _decode_at(self, target: int, budget: Budget) -> DecodedFrame | None:
        if self._current is not None and self._continues_to(self._current, target):
            self._packet_pts = [pts for pts in self._packet_pts if pts > self._current.pts]
            decoded = self._advance(target, budget, skip=True)
            if self._is_on_screen(decoded, target):
                self._last_target = target
                return decoded
        for skip in (True, False):
            decoded = self._seek_and_decode(target, budget, skip)
            if self._is_on_screen(decoded, target):
                return decoded
            # A frame longer than _DECODE_ALL_S was skipped, or a frame is damaged: decode without skipping, once.
        return (
            None if self._corrupt else decoded
        )  # without damage, time stamps of frames and packets merely differ

    def _is_on_screen(self, decoded: DecodedFrame | None, target: int) -> bool:
        """Whether the packets agree: none that was read starts between the frame and the target."""
        return decoded is not None and not any(decoded.pts < pts <= target for pts in self._packet_pts)

    def _seek_and_decode(self, target: int, budget: Budget, skip: bool) -> DecodedFrame | None:
        for back_s in STEPS_BACK_S:
            self._seek(target, back_s)
            decoded = self._advance(target, budget, skip)
            if decoded is not None:
                self._last_target = target
                return decoded
        self._packets = None
        return None

    def _continues_to(self, current: DecodedFrame, target: int) -> bool:
        """Whether decoding on is cheaper than seeking: as far as the index knows, no keyframe lies between."""
        if target < current.pts:
            return False
        if self._packets is None or (self._pending and self._pending[0][0] > target):
            return True  # the film ends with the current frame, or it is still on screen
        index = self._stream.index_entries
        if has_index(self._container) and len(index) and index[len(index) - 1].timestamp > target:
            return index.search_timestamp(self._last_target) == index.search_timestamp(target)
        return (target - current.pts) * self._clock.tick_s <= _GO_ON_S

    def _seek(self, target: int, back_s: int) -> None:
        self._pending.clear()
        self._packet_pts.clear()
        self._current, self._corrupt = None, 0
        self._fresh_at_keyframes = back_s == 0
        self._at_keyframe = back_s == STEPS_BACK_S[-1]  # at the start of the film every packet is decoded
        from_pts = target - round(back_s / self._clock.tick_s)
        found = seek_before(self._container, self._stream, from_pts)
        self._packets = self._container.demux(self._stream) if found else None

    def _advance(self, target: int, budget: Budget, skip: bool) -> DecodedFrame | None:
        """Decode until a frame later than target appears, or the film ends. None: no frame at or before target."""
        decode_all_from = target - round(_DECODE_ALL_S / self._clock.tick_s)
        while True:
            while self._pending:
                pts, frame = self._pending[0]
                if pts > target:
                    return self._current
                self._pending.popleft()
                if self._current is None or pts >= self._current.pts:
                    self._current = DecodedFrame(frame, pts, self._corrupt)
            packet = self._next_packet(budget)
            if packet is None:
                return self._current
            if not self._at_keyframe:
                begins = packet.pts if packet.is_keyframe else packet.dts
                if begins is not None and begins > target:
                    return None
                if not packet.is_keyframe:
                    continue  # in MPEG-TS and MPEG-PS a seek lands at any packet
                self._at_keyframe = True
            self._decode(packet, target, decode_all_from if skip else packet.pts)

    def _next_packet(self, budget: Budget) -> "Packet[VideoStream] | None":
        if self._packets is None:
            return None
        budget.spend()
        try:
            packet = next(self._packets, None)
        except av.error.ExitError as error:
            raise timed_out() from error
        except (av.FFmpegError, OSError):
            packet = None  # a torn file ends here
        if packet is None:
            self._packets = None
        return packet

    def _decode(self, packet: "Packet[VideoStream]", target: int, decode_all_from: int | None) -> None:
        context = cast(Any, self._stream.codec_context)
        pts = packet.pts
        if packet.is_keyframe and pts is not None and pts <= target and self._fresh_at_keyframes:
            # Reset the decoder, as a seek to this keyframe would, so that both ways give the same frame.
            context.flush_buffers()
            self._pending.clear()
            self._packet_pts.clear()
            self._current, self._corrupt = None, 0
        if pts is not None and not packet.is_discard:
            self._packet_pts.append(pts)
        far = pts is not None and decode_all_from is not None and pts < decode_all_from
        context.skip_frame = "NONREF" if far else "DEFAULT"
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            self._corrupt += 1
            return
        for frame in frames:
            self._corrupt += frame.is_corrupt
            shown = frame.pts if frame.pts is not None else frame.dts
            if shown is not None:
                self._pending.append((shown, frame))

    def _first_s(self) -> float | None:
        start = self._stream.start_time
        return None if start is None else float(self._clock.seconds(start))

    def _check_last_frame(self, last: DecodedFrame, t_s: float) -> None:
        """Raise Dropped if the last frame of the file is no longer on screen at t_s."""
        rate = self._stream.average_rate
        length_s = max((last.frame.duration or 0) * self._clock.tick_s, 1 / rate if rate else Fraction(0))
        end_s = float(self._clock.seconds(last.pts) + length_s)
        stream_s = (self._stream.duration or 0) * float(self._clock.tick_s)
        declared_s = max(stream_s, (self._container.duration or 0) / 1e6)
        is_whole = min(stream_s or declared_s, declared_s) <= end_s + _LAST_FRAME_HOLD_S
        if t_s > end_s + (_LAST_FRAME_HOLD_S if is_whole else 1e-3):
            reason = Reason.FRAME_UNREADABLE if t_s < declared_s else Reason.SPAN_OUTSIDE_FILM
            raise Dropped(reason, f"the picture ends at {end_s:.3f} s", t_s)
