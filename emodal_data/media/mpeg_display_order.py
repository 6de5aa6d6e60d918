"""Time stamps of MPEG-1 and MPEG-2 pictures that have none of their own, from the order in which they are shown.

Small pictures share a pack of MPEG-PS, and only the first of a pack has a time stamp. FFmpeg guesses the others from
the kinds of pictures. If the border of two packs cuts the start code of a picture, it gives that picture the stamp of
the next. Each picture says its place in its group (temporal_reference, ISO/IEC 13818-2, 6.3.9): none is guessed here.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

_PICTURE, _GROUP = b"\0\0\1\x00", b"\0\0\1\xb8"
#: Headers before a picture are shorter than this.
_HEADER_BYTES = 4096
#: temporal_reference counts modulo this.
_WRAP = 1024


@dataclass
class MpegDisplayOrder:
    """The pictures of a stream in the order in which they are stored: rank in display order, ticks on screen."""

    ranks: list[int] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    _last: int = -1
    _reference: int = 0

    @classmethod
    def of(cls, container: InputContainer, stream: Stream) -> "MpegDisplayOrder | None":
        """For MPEG-1 and MPEG-2 in MPEG-PS; elsewhere each picture has its time stamp, or another rule."""
        name = stream.codec_context.name
        return cls() if container.format.name == "mpeg" and name in ("mpeg1video", "mpeg2video") else None

    def add(self, packet: "Packet[Any]") -> None:
        """Append the next picture."""
        head = bytes(memoryview(packet)[:_HEADER_BYTES])
        at = head.find(_PICTURE)
        is_known = 0 <= at <= len(head) - 6
        reference = head[at + 4] << 2 | head[at + 5] >> 6 if is_known else self._reference + 1
        if not self.ranks or (is_known and _GROUP in head[:at]):
            rank = self._last + 1 + reference
        else:
            rank = self.ranks[-1] + (reference - self._reference + _WRAP // 2) % _WRAP - _WRAP // 2
        self._reference, self._last = reference, max(self._last, rank)
        self.ranks.append(rank)
        self.ticks.append(packet.duration or 0)

    def stamps(self, pts: NDArray[np.int64], is_own: NDArray[np.bool_]) -> NDArray[np.int64]:
        """When each picture is shown: its own stamp, or counted from the last such in the file.

        pts: as the demuxer gives them. is_own: whether a stamp is the picture's own, and not guessed.
        """
        if not is_own.any():
            return pts
        ranks, ticks = np.array(self.ranks), np.array(self.ticks)
        ranks -= ranks.min()
        on_screen = np.full(ranks.max() + 1, int(np.median(ticks)), np.int64)
        on_screen[ranks] = ticks
        counted = np.concatenate([[0], np.cumsum(on_screen)])[ranks]
        offsets = np.zeros(len(pts), np.int64)
        own = np.flatnonzero(is_own)
        offset, begin = int(pts[own[0]] - counted[own[0]]), 0
        for k in own.tolist():
            here = int(pts[k] - counted[k])
            half = ticks[k] / 2
            if (
                abs(here - offset) > half
                and k + 1 < len(pts)
                and abs(pts[k] - counted[k + 1] - offset) <= half
            ):
                continue  # the stamp is the next picture's
            offsets[begin:k] = offset
            offset, begin = here, k
        offsets[begin:] = offset
        return np.asarray(counted + offsets, np.int64)
