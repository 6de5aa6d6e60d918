"""The packets of one picture track from any time on, with the time stamps that reading the whole film gives them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emodal_data.media.avi_index import AviIndex
from emodal_data.media.clock import Clock
from emodal_data.media.guard import Budget, refuse_passing, timed_out
from emodal_data.media.lost_data import LostData
from emodal_data.media.packet_table import PacketTable
from emodal_data.media.seeking import has_index, seek_before

#: Without an index, a distance up to this many seconds is decoded; beyond it, seeking is cheaper.
_GO_ON_S = 4.0
#: AVI shows a frame as many frames after its packet as the decoder delays it; no decoder delays more than 16.
_AVI_DELAY_FRAMES = 16
#: Start code of a picture of MPEG-4, its type for B-frames (ISO/IEC 14496-2, 6.2.5), and within which bytes it begins.
_VOP, _B_VOP, _VOP_WITHIN = b"\0\0\1\xb6", 2, 64


def _vop_type(packet: "Packet[VideoStream]") -> int | None:
    """The type of a picture of MPEG-4, 0 for one that needs no other; None if no picture is found."""
    head = bytes(memoryview(cast(Any, packet))[:_VOP_WITHIN])
    at = head.find(_VOP)
    return head[at + 4] >> 6 if 0 <= at < len(head) - 4 else None


class PacketSource:
    """Seeks and reads packets. table: of a container in which packets must be looked up, see packet_table.py."""

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: VideoStream,
        clock: Clock,
        table: PacketTable | None,
    ) -> None:
        self._loss = LostData(path, container, stream.codec_context.name)
        # Since the last seek: the latest time stamp and the last dts, and the latest time stamps before lost data.
        self._latest: int | None = None
        self._last_dts: int | None = None
        self._lost_after: list[int] = []
        self.stamps = FrameStamps.of(container, stream, clock)
        self._container = container
        self._stream = stream
        self._clock = clock
        self._table = table
        self._packets: Iterator[Packet[VideoStream]] | None = None
        self._number: int | None = None
        self._is_mpeg4 = stream.codec_context.name == "mpeg4"
        if stream.codec_context.pix_fmt == "pal8":
            self._decode_first()
        # After a seek: True up to the keyframe, False up to the next reference frame, then None. Of MPEG-4 only.
        self._awaits_keyframe: bool | None = None
        # In AVI the index says which packets are keyframes; FFmpeg calls all of H.263 so.
        self._index = AviIndex(stream) if container.format.name == "avi" else None

    def _decode_first(self) -> None:
        """Decode the film's first packet, which alone has the palette: a seek throws it away."""
        try:
            packet = next(self._container.demux(self._stream), None)
            if packet is not None:
                packet.decode()
        except av.error.ExitError as error:
            raise timed_out() from error
        except (av.FFmpegError, OSError, ValueError) as error:
            refuse_passing(error)

    @property
    def can_skip(self) -> bool:
        """Whether frames may be left out without moving the time stamps of others."""
        return not self.stamps.by_dts and (self._table is None or self._table.is_stamped)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to read, or nothing was sought."""
        return self._packets is None

    def seek(self, target: int, back_s: float) -> None:
        """Go to a keyframe at or before target, or back_s earlier; packets before it may follow too."""
        from_pts = target - round(back_s / self._clock.tick_s)
        if self.stamps.by_dts:
            from_pts -= self.stamps.delay
        if self._table is None:
            found = seek_before(self._container, self._stream, from_pts)
        else:
            found = self._seek_listed(self._table, from_pts)
        self._packets = self._container.demux(self._stream) if found else None
        self._loss.restart()
        self._latest = self._last_dts = None
        self._lost_after.clear()
        if self._index is not None:
            self._index.restart()
        self._awaits_keyframe = True if self._is_mpeg4 else None

    def decoder_was_reset(self) -> None:
        """To be called if the decoder was flushed before the keyframe that was read last."""
        self._awaits_keyframe = False if self._is_mpeg4 else None

    def stop(self) -> None:
        """Read no further until the next seek."""
        self._packets = None

    def is_ahead(self, last_target: int, reached: int, target: int) -> bool:
        """Whether reading on from a frame is cheaper than a seek: as far as is known, no keyframe lies between.

        last_target: the time that led to the frame. reached: when the frame starts.
        """
        if self._table is not None:
            return self._table.keyframe_before(last_target) == self._table.keyframe_before(target)
        index = self._stream.index_entries
        if has_index(self._container) and len(index) and index[len(index) - 1].timestamp > target:
            return index.search_timestamp(last_target) == index.search_timestamp(target)
        return (target - reached) * self._clock.tick_s <= _GO_ON_S

    def next(self, budget: Budget) -> "Packet[VideoStream] | None":
        """The next packet, the empty one that ends the film included; None after the end.

        Raises Dropped(FILM_TOO_LARGE, DECODER_TIMED_OUT).
        """
        while self._packets is not None:
            budget.spend()
            try:
                packet = next(self._packets, None)
            except av.error.ExitError as error:
                raise timed_out() from error
            except IndexError:  # a packet of a stream that FFmpeg found on the way, unknown to PyAV
                self._packets = self._container.demux(self._stream)
                continue
            except (av.FFmpegError, OSError) as error:
                refuse_passing(error)
                packet = None  # a torn file ends here
            if packet is None:
                self._packets = None
            elif not packet.size and packet.pts is not None:
                continue  # the frame before is shown on (Theora); for a decoder it would be the end
            elif self._table is None or not packet.size or self._is_listed(self._table, packet):
                if packet.size:
                    self._note_loss(packet)
                if self._is_mpeg4 and packet.is_keyframe and _vop_type(packet):
                    packet.is_keyframe = False  # whatever the container says
                if self._is_leading(packet):
                    continue
                self.stamps.packet_read(packet)
                return packet
        return None

    def is_lost(self, shown_pts: int, target: int) -> bool:
        """Whether pictures are lost between a frame and a later time, so that the frame only seems to be on screen."""
        is_held = target >= shown_pts + self.stamps.frame_ticks
        return is_held and any(shown_pts <= latest for latest in self._lost_after)

    def _note_loss(self, packet: "Packet[VideoStream]") -> None:
        """Put a packet's time stamps right, and mark it if it is damaged, or needs what is lost before it."""
        data = memoryview(cast(Any, packet))
        is_after_loss = self._loss.is_before(packet.pos, data, self._is_gap(packet))
        is_torn = self._loss.is_in(packet.pos, data)
        if self._index is not None:
            is_torn |= not self._index.restamp(packet)
            is_after_loss = self._index.is_after_loss
            packet.is_keyframe = self._index.is_keyframe(packet)
        if is_after_loss and self._latest is not None:
            self._lost_after.append(self._latest)
        # Most decoders do not say so. A keyframe needs nothing of what is lost.
        if is_torn or (is_after_loss and not packet.is_keyframe):
            packet.is_corrupt = True
        self._last_dts = packet.dts
        stamp = packet.dts if packet.pts is None or self.stamps.by_dts else packet.pts
        if stamp is not None:
            self._latest = stamp if self._latest is None else max(self._latest, stamp)

    def _is_gap(self, packet: "Packet[VideoStream]") -> bool:
        """Whether more than one frame's time lies between a packet and those before it."""
        step = self.stamps.frame_ticks * 1.5
        if self._last_dts is not None and packet.dts is not None and packet.dts > self._last_dts + step:
            return True
        # Matroska has no dts, and FFmpeg guesses them.
        is_shown = packet.is_keyframe and packet.pts is not None and self._latest is not None
        return is_shown and cast(int, packet.pts) > cast(int, self._latest) + step

    def _is_leading(self, packet: "Packet[VideoStream]") -> bool:
        """Whether a B-frame of MPEG-4 belongs to a reference frame that the decoder has not seen.

        From such a frame of an interlaced film FFmpeg's decoder learns a wrong length of frames, and then drops
        B-frames without an error.
        """
        if self._awaits_keyframe is None:
            return False
        if self._awaits_keyframe:  # no keyframe yet
            self._awaits_keyframe = not packet.is_keyframe
            return False
        is_b = _vop_type(packet) == _B_VOP
        if not is_b:
            self._awaits_keyframe = None
        return is_b

    def _seek_listed(self, table: PacketTable, from_pts: int) -> bool:
        self._number = None
        place = table.place_before(table.keyframe_before(from_pts))
        try:
            self._container.seek(place, stream=self._stream, any_frame=True, unsupported_byte_offset=True)
        except (av.FFmpegError, OSError, OverflowError):
            return False
        return True

    def _is_listed(self, table: PacketTable, packet: "Packet[VideoStream]") -> bool:
        """Find the packet in the table and give it the table's time stamps. False: it is torn by the seek."""
        number = None if self._number is None else self._number + 1
        if number is None or number >= len(table.size) or table.size[number] != packet.size:
            number = table.number_at(packet.pos, packet.size)
        self._number = number
        if number is None:
            return False
        packet.pts, packet.dts = table.stamps_at(number)
        packet.is_keyframe = bool(table.is_keyframe[number])
        return True


@dataclass
class FrameStamps:
    """Time stamps of decoded frames.

    AVI, ASF and MXF have none for pictures that are shown in another order than they are stored in, nor has Matroska
    for tracks that were taken over from AVI (V_MS/VFW/FOURCC). FFmpeg invents them for packets, and its best effort for
    frames is, from the first one that is late, the stamp of the packet with which the frame left the decoder: by_dts.
    start_dts: of the film's first packet, None where the first frames count like all others: packed MPEG-4 would lose
    one. At the end of the film the frames that are left follow each other by
    frame_ticks. delay: ticks by which frames may come later than their packets.
    """

    by_dts: bool
    frame_ticks: int
    start_dts: int | None = None
    delay: int = 0
    _guess: "_BestEffort | None" = None
    _guess_until: int | None = None
    _last: int | None = None

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream, clock: Clock) -> "FrameStamps":
        """The rule for a stream that has not been decoded yet."""
        rate = stream.average_rate
        frame_ticks = max(1, round(1 / rate / clock.tick_s)) if rate else 1
        by_dts = _is_without_pts(container, stream) and bool(stream.codec_context.has_b_frames)
        delay = _AVI_DELAY_FRAMES * frame_ticks if by_dts else 0
        start_dts = None if stream.codec_context.name == "mpeg4" else stream.start_time or 0
        return cls(by_dts, frame_ticks, start_dts, delay)

    def restart(self) -> None:
        """Forget the last frame, after a seek."""
        self._last = self._guess = self._guess_until = None

    def packet_read(self, packet: "Packet[VideoStream]") -> None:
        """Follow the packets: what FFmpeg guesses in the film's first group of pictures depends on its first frames."""
        if not self.by_dts or packet.dts is None or self.start_dts is None:
            return
        if packet.dts <= self.start_dts:
            self._guess = _BestEffort()
        elif packet.is_keyframe and self._guess is not None and self._guess_until is None:
            self._guess_until = packet.pts

    def of_frame(self, frame: VideoFrame) -> int | None:
        """When a frame starts, in ticks; None if nothing tells."""
        stamp = frame.pts
        if stamp is None or (self.by_dts and not self._is_guessed(frame)):
            stamp = frame.dts
        elif self._guess is not None and frame.dts is not None:
            stamp = self._guess.stamp(stamp, frame.dts)
        if stamp is None and self._last is not None:
            stamp = self._last + self.frame_ticks
        self._last = stamp
        return stamp

    def _is_guessed(self, frame: VideoFrame) -> bool:
        """Whether the frame is of the film's first group of pictures."""
        if self._guess is None or frame.dts is None or frame.pts is None:
            return False
        return self._guess_until is None or frame.pts < self._guess_until


@dataclass
class _BestEffort:
    """FFmpeg's best effort from a film's first frame on: guess_correct_pts() in libavcodec/decode.c, while dts grow."""

    _last_pts: int | None = None
    _is_late: bool = False

    def stamp(self, pts: int, dts: int) -> int:
        """The stamp of the next frame: its own, until one of the film's frames was late."""
        self._is_late |= self._last_pts is not None and pts <= self._last_pts
        self._last_pts = pts
        return dts if self._is_late else pts


def _is_without_pts(container: InputContainer, stream: VideoStream) -> bool:
    name = container.format.name
    # Matroska's own codec names come without a codec tag.
    return name in ("avi", "mxf", "asf") or (
        name.startswith("matroska") and bool(stream.codec_context.codec_tag.strip("\0"))
    )
