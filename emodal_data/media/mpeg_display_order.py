"""Time stamps of MPEG-1 and MPEG-2 pictures that have none of their own, from the order in which they are shown.

Small pictures share a pack of MPEG-PS, and only the first of a pack has a time stamp. FFmpeg guesses the others from
the kinds of pictures. If the border of two packs cuts the start code of a picture, it gives that picture the stamp of
the next. Each picture says its place in its group (temporal_reference, ISO/IEC 13818-2, 6.3.9): none is guessed here.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

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
#: Time stamps closer than this are the same: they are rounded to 90 kHz, and those of some pictures are counted.
_SAME_TICKS = 12
_FAR = 2**62

Ints = NDArray[np.int64]


@dataclass
class MpegDisplayOrder:
    """The pictures of a stream in the order in which they are stored: rank in display order, ticks on screen.

    begins: the byte position of the PES packet whose stamp a picture has, and its headers.
    """

    path: Path
    ranks: list[int] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    begins: list[tuple[int, bytes]] = field(default_factory=list)
    _last: int = -1
    _reference: int = 0

    @classmethod
    def of(cls, path: Path, container: InputContainer, stream: Stream) -> "MpegDisplayOrder | None":
        """For MPEG-1 and MPEG-2 in MPEG-PS; elsewhere each picture has its time stamp, or another rule."""
        name = stream.codec_context.name
        is_counted = container.format.name == "mpeg" and name in ("mpeg1video", "mpeg2video")
        return cls(path) if is_counted else None

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
        self.begins.append((packet.pos or 0, head[: at + 6] if is_known else b""))

    def stamps(self, pts: Ints, is_own: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """When each picture is shown, and (m, 2) the spans of time in which that does not say which one is on screen.

        Pictures are counted on from the last one before them that has a stamp. If they do not fill the time up to the
        next one with a stamp, each may be shown as early as that, or as late as counting back from there says; and
        nothing is known of those before the film's first stamp or after its last.
        pts: as the demuxer gives them. is_own: whether a stamp is the picture's own, and not guessed.
        """
        if not is_own.any():
            return pts, np.zeros((0, 2), np.int64)
        ranks, ticks = np.array(self.ranks), np.array(self.ticks)
        ranks -= ranks.min()
        on_screen = np.full(ranks.max() + 1, int(np.median(ticks)), np.int64)
        on_screen[ranks] = ticks
        counted = np.concatenate([[0], np.cumsum(on_screen)])[ranks]
        own = np.flatnonzero(is_own)
        if (np.abs(np.diff(pts[own] - counted[own])) > _SAME_TICKS).any():
            own = self._verified(own)
        own = own[np.argsort(ranks[own], kind="stable")]
        before = np.searchsorted(ranks[own], ranks, "right") - 1
        after = np.searchsorted(ranks[own], ranks, "left")
        offsets = pts[own] - counted[own]
        earliest, latest = (
            np.concatenate([[-_FAR], pts[own]])[before + 1],
            np.concatenate([pts[own], [_FAR]])[after],
        )
        early = np.clip(counted + offsets[np.maximum(before, 0)], earliest, latest)
        late = np.clip(counted + offsets[np.minimum(after, len(own) - 1)], earliest, latest)
        stamps = np.where(before < 0, late, early)
        if not (np.abs(late - early) > _SAME_TICKS).any():
            return stamps, np.zeros((0, 2), np.int64)
        early[before < 0], late[after == len(own)] = -_FAR, _FAR
        unsure = np.sort(np.stack([early, late], axis=1), axis=1)
        return stamps, unsure[unsure[:, 1] - unsure[:, 0] > _SAME_TICKS]

    def _verified(self, own: NDArray[np.intp]) -> NDArray[np.intp]:
        """The numbers of the pictures that begin where their stamp is; the first as it is if none does."""
        with self.path.open("rb") as file:
            kept = [k for k in own.tolist() if _begins_in(file, *self.begins[k])]
        return np.array(kept or own[:1], np.intp)


def _begins_in(file: BinaryIO, place: int, head: bytes) -> bool:
    """Whether a picture, its headers included, is the first to begin in a PES packet (ISO/IEC 13818-1, 2.4.3.6)."""
    file.seek(place)
    header = file.read(6)
    payload = file.read(int.from_bytes(header[4:], "big"))
    at = payload.find(head)
    if at < 0:  # the rest of its headers is in the next packet
        ends = (n for n in range(len(_PICTURE), len(head)) if payload.endswith(head[:n]))
        at = len(payload) - next(ends, len(payload) + 1)
    return bool(head) and at >= 0 and _PICTURE not in payload[:at]
