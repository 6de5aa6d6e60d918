"""Reads the frame on screen at a time: seeks or decodes on, skips frames not needed, never returns a neighbour.

The result depends only on the file and the time, not on earlier calls.
"""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media.clock import Clock
from emodal_data.media.guard import Budget, refuse_passing
from emodal_data.media.h264_order import DisplayOrder
from emodal_data.media.packet_source import PacketSource
from emodal_data.media.packet_table import PacketTable
from emodal_data.media.packets_ahead import PacketsAhead
from emodal_data.media.pixel_shape import PixelShapes
from emodal_data.media.seeking import STEPS_BACK_S, has_false_keyframes

#: All frames this close before the target are decoded, because the frame on screen is usually among them.
_DECODE_ALL_S = Fraction(1, 5)
#: FFmpeg's own decoders that look at skip_frame for every packet and leave out only what no other frame needs. Others
#: look at it when they are opened (libdav1d), or not at all, or have no frames that could be left out.
_SKIPPING_DECODERS = ("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4")
#: With fewer frames a second, so many frames.
_DECODE_ALL_FRAMES = 4
#: What is decoded: of frames that others need, and the one that is wanted; also of all shortly before the target; of
#: all. One after the other is tried.
_Way = Literal["only wanted", "shortly before", "all"]
_ONLY_WANTED: Final = "only wanted"
_ALL: Final = "all"
_WAYS: Final[tuple[_Way, ...]] = ("shortly before", _ALL)
#: Packets that are decoded to find out whether a frame leaves the decoder after a frame with a later time stamp: more
#: than encoders put B-frames in a row.
_LOOK_AHEAD = 20
#: A film's last frame counts as on screen for this much longer than its duration, because containers round up.
_LAST_FRAME_HOLD_S = 0.5


@dataclass
class DecodedFrame:
    """A decoded frame, its pts, the damaged frames it was decoded from, and width / height of one of its pixels."""

    frame: VideoFrame
    pts: int
    corrupt_frames: int
    pixel_shape: float


class VideoReader:
    """Reads frames of one video stream; ascending times are cheapest."""

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: VideoStream,
        clock: Clock,
        table: PacketTable | None = None,
        length_s: float | None = None,
    ) -> None:
        """table: see PacketSource. length_s: length of the film if all its packets were read; None: by the header."""
        self._container = container
        self._stream = stream
        self._length_s = length_s
        self._clock = clock
        self._table = table
        self._source = PacketSource(path, container, stream, clock, table)
        self._shapes = PixelShapes(container, stream)
        self._can_skip = stream.codec_context.name in _SKIPPING_DECODERS and self._source.can_skip
        # AVI in Matroska, MPEG-TS and others have no avcC.
        is_stamped = self._can_skip and table is None and stream.codec_context.name == "h264"
        order = DisplayOrder.of(stream.codec_context.extradata) if is_stamped else None
        self._packets = PacketsAhead(self._source, order)
        # The time stamp of the frame that packets show to be on screen.
        self._wanted: int | None = None
        self._pending: deque[DecodedFrame] = deque()
        self._current: DecodedFrame | None = None
        self._corrupt = 0
        self._last_target = 0
        # Time stamps of packets whose frames have not come yet, or were left out; those of two packets; the keyframe's,
        # the last packet's, and whether they ascend in between.
        self._due: set[int] = set()
        self._twice: set[int] = set()
        self._keyframe_pts = self._last_pts = 0
        self._is_ascending = True
        # The latest time stamp of the frames before one with an earlier or the same time stamp.
        self._back_pts: int | None = None
        # Damaged frames before each packet, and before the last keyframe that was shown.
        self._damage: dict[int, int] = {}
        self._healed = 0
        self._at_keyframe = False
        # H.264 may refresh the picture bit by bit: until a decoder that begins there has caught up, it gives no frames,
        # and the next ones may be damaged. Where the decoder began, until its first frame; whether that came later.
        self._is_h264 = stream.codec_context.name == "h264"
        self._is_fresh = self._is_refreshed = False
        self._began_pts: int | None = None
        self._steps_back_s: tuple[int, ...] = STEPS_BACK_S
        if has_false_keyframes(container, stream):
            self._steps_back_s = STEPS_BACK_S[-1:]  # only the start of the film is sure

    def frame_on_screen(self, t_s: float, budget: Budget) -> DecodedFrame:
        """The last frame that starts at or before t_s on the film clock.

        Raises Dropped(SPAN_OUTSIDE_FILM, FRAME_UNREADABLE, FRAME_UNCERTAIN, FILM_TOO_LARGE, DECODER_TIMED_OUT).
        """
        target = self._clock.pts_at(t_s)
        if self._table is not None and not self._table.is_sure(target):
            what = f"pictures around {t_s:.3f} s share one time stamp, and do not fill the time to the next"
            raise Dropped(Reason.FRAME_UNCERTAIN, what)
        decoded = self._decode_at(target, budget)
        if decoded is None:
            first_s = self._first_s()
            if first_s is not None and t_s < first_s:
                raise Dropped(Reason.SPAN_OUTSIDE_FILM, f"the picture starts at {first_s:.3f} s", t_s)
            raise Dropped(Reason.FRAME_UNREADABLE, f"no frame can be decoded at {t_s:.3f} s", t_s)
        if self._source.is_lost(decoded.pts, target):
            raise Dropped(Reason.FRAME_UNREADABLE, f"the picture at {t_s:.3f} s is lost from the file", t_s)
        is_last = (
            self._source.has_ended and not self._pending
            if self._wanted is None
            else self._packets.is_last(decoded.pts)
        )
        if is_last:
            self._check_last_frame(decoded, t_s)
        return decoded

    def seconds(self, pts: int) -> float:
        """Film time of a pts."""
        return float(self._clock.seconds(pts))

    def _decode_at(self, target: int, budget: Budget) -> DecodedFrame | None:
        decoded = self._decode_by_keyframes(target, budget)
        if self._is_refreshed and len(self._steps_back_s) > 1:
            self._steps_back_s = STEPS_BACK_S[-1:]
            self._current = None
            decoded = self._decode_by_keyframes(target, budget)
        return decoded

    def _decode_by_keyframes(self, target: int, budget: Budget) -> DecodedFrame | None:
        ways = (_ONLY_WANTED, *_WAYS) if self._packets.can_show else _WAYS
        if self._current is not None and self._continues_to(self._current, target):
            decoded = self._advance(target, budget, ways[0])
            if self._is_on_screen(decoded, target):
                self._last_target = target
                return self._in_order(decoded, target, budget)
        for way in ways:
            decoded = self._seek_and_decode(target, budget, way)
            if self._is_on_screen(decoded, target):
                return self._in_order(decoded, target, budget)
            # A frame longer than _DECODE_ALL_S was skipped, or a frame is damaged: decode without skipping, once.
        # Without damage, time stamps of frames and packets merely differ.
        return None if self._corrupt else self._in_order(decoded, target, budget)

    def _is_on_screen(self, decoded: DecodedFrame | None, target: int) -> bool:
        """Whether the packets agree: none that was read starts between the frame and the target, or with the frame."""
        if self._wanted is not None:
            return decoded is not None and decoded.pts == self._wanted and not self._corrupt
        return decoded is not None and not any(decoded.pts <= pts <= target for pts in self._due)

    def _in_order(self, decoded: DecodedFrame | None, target: int, budget: Budget) -> DecodedFrame | None:
        """The frame, if frames leave the decoder in the order of their time stamps around it.

        Some writers store the order of decoding in place of the time stamps of B-frames, or time stamps coarser than
        frames. Raises Dropped(FRAME_UNCERTAIN).
        """
        if decoded is None or self._corrupt or self._source.stamps.by_dts or self._wanted is not None:
            return decoded
        from_pts = self._decode_all_from(target)
        if self._pending and self._stream.codec_context.has_b_frames:
            next_pts, earliest = self._pending[0].pts, self._keyframe_pts
            if not self._is_ascending:  # else even what comes before may have been left out, or may be late
                earliest = max(earliest, from_pts)
            is_late = any(earliest <= pts < next_pts for pts in self._due)
            for _ in range(_LOOK_AHEAD if is_late else 0):
                if any(frame.pts < next_pts for frame in self._pending):
                    self._back_pts = next_pts
                    break
                if (packet := self._packets.next(target, budget)) is not None:
                    self._decode(packet, target, may_skip=False)
        if self._back_pts is None or (self._back_pts < from_pts and self._back_pts != decoded.pts):
            return decoded
        self._current = None  # so that the next call seeks: its result must not depend on this one
        t_s = self.seconds(target)
        what = f"around {t_s:.3f} s, frames are not shown in the order of their time stamps, or share one"
        raise Dropped(Reason.FRAME_UNCERTAIN, what)

    def _decode_all_from(self, target: int) -> int:
        """The time stamp from which all frames are decoded."""
        ticks = self._source.stamps.frame_ticks * _DECODE_ALL_FRAMES
        return target - max(round(_DECODE_ALL_S / self._clock.tick_s), ticks)

    def _seek_and_decode(self, target: int, budget: Budget, way: _Way) -> DecodedFrame | None:
        for back_s in self._steps_back_s:
            self._seek(target, back_s)
            decoded = self._advance(target, budget, way)
            if decoded is not None:
                self._last_target = target
                return decoded
        self._source.stop()
        return None

    def _continues_to(self, current: DecodedFrame, target: int) -> bool:
        """Whether decoding on is cheaper than seeking: as far as the index knows, no keyframe lies between."""
        if target < current.pts:
            return False
        if self._packets.has_ended or (self._pending and self._pending[0].pts > target):
            return True  # the film ends with the current frame, or it is still on screen
        if len(self._steps_back_s) == 1:
            return True
        return self._source.is_ahead(self._last_target, current.pts, target)

    def _seek(self, target: int, back_s: int) -> None:
        self._forget()
        self._source.stamps.restart()
        # Frames that leave the decoder after the next keyframe must not be flushed where their stamps come from there.
        self._packets.restart(fresh_at_keyframes=back_s == 0 and not self._source.stamps.by_dts)
        self._at_keyframe = back_s == STEPS_BACK_S[-1]  # at the start of the film every packet is decoded
        self._source.seek(target, back_s)

    def _advance(self, target: int, budget: Budget, way: _Way) -> DecodedFrame | None:
        """Decode until a frame later than target appears, or the film ends. None: no frame at or before target."""
        decode_all_from = self._decode_all_from(target)
        self._wanted = self._packets.shown_at(target, budget) if way == _ONLY_WANTED else None
        while True:
            while self._pending:
                if self._pending[0].pts > target:
                    return self._current
                shown = self._pending.popleft()
                if shown.pts in self._twice:
                    self._twice.discard(shown.pts)
                else:
                    self._due.discard(shown.pts)
                shown.corrupt_frames = self._corrupt - self._damage_before(shown)
                if self._current is not None and shown.pts <= self._current.pts:
                    self._back_pts = self._current.pts
                if self._current is None or shown.pts >= self._current.pts:
                    self._current = shown
            if self._current is not None and self._current.pts == self._wanted:
                return self._current
            packet = self._packets.next(target, budget)
            if packet is None:
                return self._current
            if not self._at_keyframe:
                begins = packet.pts if packet.is_keyframe else packet.dts
                if begins is not None and begins > target:
                    return None
                if not packet.is_keyframe:
                    continue  # in MPEG-TS and MPEG-PS a seek lands at any packet
                self._at_keyframe = True
            if self._wanted is not None:
                may_skip = packet.pts != self._wanted
            else:
                may_skip = way != _ALL and packet.pts is not None and packet.pts < decode_all_from
            self._decode(packet, target, may_skip)

    def _decode(self, packet: "Packet[VideoStream]", target: int, may_skip: bool) -> None:
        context = cast(Any, self._stream.codec_context)
        pts = packet.pts
        if self._packets.begins_anew(packet, target):  # so that both ways give the same frame
            context.flush_buffers()
            self._source.decoder_was_reset()
            self._forget()
        if pts is not None:
            self._damage[pts] = self._corrupt
        if self._is_fresh and packet.is_keyframe:
            self._is_fresh = False
            self._began_pts = pts if self._is_h264 and not packet.is_discard else None
        if pts is not None and not packet.is_discard and not self._source.stamps.by_dts:
            if packet.is_keyframe and not self._due:
                self._keyframe_pts, self._is_ascending = pts, True
            elif pts in self._due:
                self._twice.add(pts)
            self._is_ascending &= pts >= self._last_pts or packet.is_keyframe
            self._last_pts = pts
            self._due.add(pts)
        self._corrupt += packet.is_corrupt  # data before it is lost; most decoders do not say so
        if self._packets.pop_disposable(pts) and may_skip:
            return
        if self._can_skip:
            context.skip_frame = "NONREF" if may_skip else "DEFAULT"
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError) as error:
            refuse_passing(error)
            self._corrupt += 1
            return
        self._shapes.packet_decoded(pts)
        for frame in frames:
            self._corrupt += frame.is_corrupt
            if self._began_pts is not None:
                self._check_first(frame.pts)
            shape = self._shapes.of_frame(frame)
            stamp = self._source.stamps.of_frame(frame)
            if stamp is not None:
                self._pending.append(DecodedFrame(frame, stamp, 0, shape))

    def _damage_before(self, shown: DecodedFrame) -> int:
        """Damaged frames that a frame does not depend on, because they came before its keyframe."""
        own_pts = shown.frame.pts
        before = 0 if own_pts is None else self._damage.pop(own_pts, 0)
        if shown.frame.key_frame and len(self._steps_back_s) > 1:
            self._healed = before
        return self._healed

    def _check_first(self, pts: int | None) -> None:
        """Note whether the first frame of a decoder is the one with which it began. Leading B-frames may precede it."""
        began, self._began_pts = self._began_pts, None
        if pts is None or began is None or pts == began or self._corrupt:
            return
        if pts < began:
            self._began_pts = began
        else:
            self._is_refreshed = True
            self._corrupt += len(self._steps_back_s) == 1  # the film begins so: what went before is missing

    def _forget(self) -> None:
        """Forget the frames and packets before a seek or a keyframe."""
        self._is_fresh, self._began_pts = True, None
        self._pending.clear()
        self._due.clear()
        self._twice.clear()
        self._current, self._corrupt, self._back_pts = None, 0, None
        self._damage.clear()
        self._healed = 0

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
        if self._length_s is not None:
            stream_s, declared_s = 0.0, self._length_s
        is_whole = min(stream_s or declared_s, declared_s) <= end_s + _LAST_FRAME_HOLD_S
        if t_s > end_s + (_LAST_FRAME_HOLD_S if is_whole else 1e-3):
            reason = Reason.FRAME_UNREADABLE if t_s < declared_s else Reason.SPAN_OUTSIDE_FILM
            raise Dropped(reason, f"the picture ends at {end_s:.3f} s", t_s)
