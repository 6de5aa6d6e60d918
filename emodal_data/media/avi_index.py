"""Gives packets of AVI the time stamps that the file's index has for their places.

FFmpeg counts the chunks that it reads. It is wrong after a seek where chunks are empty, because nothing changed on
screen, and behind lost data, where it goes on with the next chunk that it finds.
"""

from typing import Any

from av.packet import Packet
from av.stream import Stream

#: Bytes between the place of a chunk and that of its data.
_CHUNK_HEAD_BYTES = 8


class AviIndex:
    """The index of one track. A file may have none, or one that ends early. Sound is read from its start at first.

    is_after_loss: whether chunks of the index are missing between the last packet and the one before.
    """

    def __init__(self, stream: Stream) -> None:
        entries = list(stream.index_entries)
        self._keyframes = {entry.timestamp for entry in entries if entry.is_keyframe}
        self._stamps = {entry.pos + _CHUNK_HEAD_BYTES: entry.timestamp for entry in entries}
        self._last = max(self._stamps, default=-1)
        # Of sound in blocks, the index counts bytes, and packets count blocks. Where frames of sound do not begin with
        # their chunks, the index does not say when they do: what is read before the first seek tells.
        self._is_learnt = stream.type == "video"
        self._unit = 1 if self._is_learnt else None
        self._late: int | None = 0
        self._matches = 0
        self.is_after_loss = False

    @property
    def is_exact(self) -> bool:
        """Whether the file has an index that tells where each packet belongs."""
        return bool(self._keyframes)

    def restart(self) -> None:
        """Forget the last packet, after a seek."""
        if self._matches and not self._is_learnt:
            self._learn(self._matches > 1)
        self._late, self.is_after_loss = None, False

    def restamp(self, packet: "Packet[Any]") -> bool:
        """Put the packet's time stamps right. False: the index has no such chunk, so that the packet is torn."""
        if not self.is_exact or packet.pos is None:
            return True
        stamp = self._stamps.get(packet.pos)
        self.is_after_loss = False
        if stamp is not None and packet.dts is not None:
            if self._unit is None and stamp > 0 and packet.dts > 0:
                self._unit = max(1, stamp // packet.dts)
            late = packet.dts - stamp // (self._unit or 1)
            if late and not self._is_learnt:
                self._learn(False)
                return True
            self.is_after_loss = self._late is not None and late < self._late
            self._late, self._matches = late, self._matches + 1
        if self._late:
            packet.dts = None if packet.dts is None else packet.dts - self._late
            packet.pts = None if packet.pts is None else packet.pts - self._late
        return stamp is not None or packet.pos > self._last or not self._matches

    def _learn(self, is_exact: bool) -> None:
        self._is_learnt = True
        if not is_exact:
            self._keyframes.clear()

    def is_keyframe(self, packet: "Packet[Any]") -> bool:
        """What the index says of a packet with the right time stamps; what FFmpeg says if there is no index."""
        return packet.dts in self._keyframes if self.is_exact else bool(packet.is_keyframe)
