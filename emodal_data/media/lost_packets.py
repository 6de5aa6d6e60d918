"""Finds sound of MPEG-TS that packets were lost of: FFmpeg decodes what is left, and does not say so.

Each packet of a stream counts on from the one before it (continuity_counter, ISO/IEC 13818-1, 2.4.3.3).
"""

from pathlib import Path

import numpy as np

from emodal_data.media.programme_map import packet_format

#: Bytes that are looked at in one go.
_CHUNK_BYTES = 2**20
_DISCONTINUITY, _WRAP = 0x80, 16


class LostPackets:
    """The PES packets of one stream that are not whole. Reads ahead of the places that are asked for."""

    def __init__(self, path: Path, pid: int) -> None:
        self._path = path
        self._pid = pid
        self._first = self._next = (
            self._begun
        ) = -1  # what was read, and the last PES packet that begins there
        self._count = -1
        self._torn: set[int] = set()

    def is_torn(self, place: int) -> bool:
        """Whether packets were lost of the PES packet that begins at a byte position, or of the one before it."""
        if not self._first <= place <= self._next:
            self._first, self._next, self._begun, self._count = place, place, -1, -1
            self._torn.clear()
        while self._begun <= place and self._read_on():
            pass
        return place in self._torn

    def _read_on(self) -> bool:
        """Look at the next chunk; False at the end of the file."""
        with self._path.open("rb") as file:
            file.seek(self._next)
            data = file.read(_CHUNK_BYTES)
        size, before = packet_format(data) or (188, 0)
        packets = np.frombuffer(data, np.uint8)[: len(data) // size * size].reshape(-1, size)[:, before:]
        of_stream = (packets[:, 1] & 0x1F) == self._pid >> 8
        of_stream &= packets[:, 2] == self._pid & 0xFF
        numbers = np.flatnonzero(of_stream & ((packets[:, 3] & 0x10) != 0))
        for number in numbers.tolist():
            head = packets[number, :6].tolist()
            count = head[3] % _WRAP
            is_announced = head[3] & 0x20 and head[4] and head[5] & _DISCONTINUITY
            is_lost = self._count >= 0 and not is_announced and (count - self._count) % _WRAP > 1
            if is_lost and self._begun >= 0:
                self._torn.add(self._begun)
            if head[1] & 0x40:
                self._begun = self._next + number * size
                if is_lost:
                    self._torn.add(self._begun)
            self._count = count
        self._next += len(packets) * size
        return len(packets) > 0
