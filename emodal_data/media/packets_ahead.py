"""Packets that are read before they are decoded: those of H.264 show which frame is on screen without decoding them."""

from collections import deque
from typing import Any, cast

from av.packet import Packet
from av.video.stream import VideoStream

from emodal_data.media.guard import Budget
from emodal_data.media.h264_order import DisplayOrder
from emodal_data.media.packet_source import PacketSource

#: Later than every time stamp.
_LATEST = 2**63


class PacketsAhead:
    """The packets of a source from its last seek on. order: of the stream, where its packets tell it."""

    def __init__(self, source: PacketSource, order: DisplayOrder | None) -> None:
        self._source = source
        self._order = order
        self._packets: deque[Packet[VideoStream]] = deque()
        self._fresh_at_keyframes = True
        # When the last packet that was read is to be decoded.
        self._read_dts: int | None = None
        # Time stamps of frames that no other needs.
        self._disposable: set[int] = set()

    def restart(self, fresh_at_keyframes: bool) -> None:
        """Forget all packets, before a seek. fresh_at_keyframes: see begins_anew."""
        self._fresh_at_keyframes = fresh_at_keyframes
        self._packets.clear()
        self._read_dts = None
        self._disposable.clear()
        if self._order is not None:
            self._order.restart()

    @property
    def can_show(self) -> bool:
        """Whether packets may show which frame is on screen."""
        return self._order is not None

    @property
    def has_ended(self) -> bool:
        """Whether no packet is left, or nothing was sought."""
        return self._source.has_ended and not self._packets

    def next(self, target: int, budget: Budget) -> "Packet[VideoStream] | None":
        """The next packet to decode; None after the end. target: see begins_anew. Raises as PacketSource.next does."""
        return self._packets.popleft() if self._packets or self._read(target, budget) else None

    def shown_at(self, target: int, budget: Budget) -> int | None:
        """The time stamp of the frame on screen, by packets that are read until they show it; None: they do not.

        No frame is shown before its packet is decoded: those of later packets start after target.
        """
        if self._order is None:
            return None
        if any(self.begins_anew(packet, target) for packet in self._packets):
            for packet in tuple(self._packets):
                self._keep(packet, target)
        while self._order.is_sure and (self._read_dts is None or self._read_dts <= target):
            if not self._read(target, budget):
                break
        return self._order.last_until(target) if self._order.is_sure else None

    def is_last(self, pts: int) -> bool:
        """Whether all packets are read, and none shows a later frame. Of streams whose packets show frames."""
        return self._source.has_ended and self._order is not None and self._order.last_until(_LATEST) == pts

    def pop_disposable(self, pts: int | None) -> bool:
        """Whether no other frame needs that of a packet that was read. Forgets it: another may have its time stamp."""
        if pts not in self._disposable:
            return False
        self._disposable.remove(pts)
        return True

    def begins_anew(self, packet: "Packet[VideoStream]", target: int) -> bool:
        """Whether the decoder is reset before the packet, as a seek to this keyframe would, if target is asked for."""
        return (
            self._fresh_at_keyframes
            and packet.is_keyframe
            and packet.pts is not None
            and packet.pts <= target
        )

    def _read(self, target: int, budget: Budget) -> bool:
        packet = self._source.next(budget)
        if packet is not None:
            self._keep(packet, target)
        return packet is not None

    def _keep(self, packet: "Packet[VideoStream]", target: int) -> None:
        if self.begins_anew(packet, target):
            self._packets.clear()  # frames before it are not needed
            if self._order is not None:
                self._order.restart()
        self._packets.append(packet)
        pts, dts = packet.pts, packet.dts
        if self._order is None or not packet.size:
            return
        if packet.is_discard or (pts is not None and dts is not None and pts < dts):
            self._order.is_sure = False
        self._read_dts = dts
        if not self._order.add(pts, memoryview(cast(Any, packet))) and pts is not None:
            self._disposable.add(pts)
