"""The packets of one picture track from any time on, with the time stamps that reading the whole film gives them."""

from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emodal_data.media.clock import Clock
from emodal_data.media.guard import Budget, timed_out
from emodal_data.media.packet_table import PacketTable
from emodal_data.media.seeking import has_index, seek_before

#: Without an index, a distance up to this many seconds is decoded; beyond it, seeking is cheaper.
_GO_ON_S = 4.0
#: AVI shows a frame as many frames after its packet as the decoder delays it; no decoder delays more than 16.
_AVI_DELAY_FRAMES = 16


class PacketSource:
    """Seeks and reads packets. table: of a container in which packets must be looked up, see packet_table.py."""

    def __init__(
        self, container: InputContainer, stream: VideoStream, clock: Clock, table: PacketTable | None
    ) -> None:
        self.stamps = FrameStamps.of(container, stream, clock)
        self._container = container
        self._stream = stream
        self._clock = clock
        self._table = table
        self._packets: Iterator[Packet[VideoStream]] | None = None
        self._number: int | None = None

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
            except (av.FFmpegError, OSError):
                packet = None  # a torn file ends here
            if packet is None:
                self._packets = None
            elif self._table is None or not packet.size or self._is_listed(self._table, packet):
                return packet
        return None

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

    AVI has none for pictures that are shown in another order than they are stored in, nor has Matroska for tracks that
    were taken over from AVI (V_MS/VFW/FOURCC). FFmpeg invents them for packets,
    and its best effort for frames is the stamp of the packet with which the frame left the decoder: by_dts. The film's
    first frame alone keeps its own, first_pts. At the end of the film the frames that are left follow each other by
    frame_ticks. delay: ticks by which frames may come later than their packets.
    """

    by_dts: bool
    frame_ticks: int
    first_pts: int = 0
    delay: int = 0
    _last: int | None = None

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream, clock: Clock) -> "FrameStamps":
        """The rule for a stream that has not been decoded yet."""
        rate = stream.average_rate
        frame_ticks = max(1, round(1 / rate / clock.tick_s)) if rate else 1
        by_dts = _is_without_pts(container, stream) and bool(stream.codec_context.has_b_frames)
        delay = _AVI_DELAY_FRAMES * frame_ticks if by_dts else 0
        return cls(by_dts, frame_ticks, (stream.start_time or 0) + frame_ticks, delay)

    def restart(self) -> None:
        """Forget the last frame, after a seek."""
        self._last = None

    def of_frame(self, frame: VideoFrame) -> int | None:
        """When a frame starts, in ticks; None if nothing tells."""
        stamp = frame.pts
        if stamp is None or (self.by_dts and stamp > self.first_pts):
            stamp = frame.dts
        if stamp is None and self._last is not None:
            stamp = self._last + self.frame_ticks
        self._last = stamp
        return stamp


def _is_without_pts(container: InputContainer, stream: VideoStream) -> bool:
    name = container.format.name
    # Matroska's own codec names come without a codec tag.
    return name == "avi" or (name.startswith("matroska") and bool(stream.codec_context.codec_tag.strip("\0")))
