"""Finds sound of MPEG-TS that packets were lost of: FFmpeg decodes what is left, and does not say so.

Each packet of a stream counts on from the one before it (continuity_counter, ISO/IEC 13818-1, 2.4.3.3).
"""

from pathlib import Path

import numpy as np

from emodal_data.media.programme_map import packet_format

#: Bytes that are looked at in one go.
_CHUNK_BYTES = 2**20
_DISCONTINUITY, _WRAP = 0x80, 16
#: A PES packet that does not say how long it is never counts as whole.
_UNKNOWN = 2**62


class LostPackets:
    """The PES packets of one stream that are not whole. Reads ahead of the places that are asked for."""

    def __init__(self, path: Path, pid: int) -> None:
        self._path = path
        self._pid = pid
        # From where to where was read; where the last PES packet began.
        self._first = self._next = self._begun = -1
        self._count, self._left = -1, 0  # of the last packet; bytes that its PES packet still lacks
        self._torn: set[int] = set()
        self._after_loss: set[int] = set()

    def is_torn(self, place: int, is_gap: bool) -> bool:
        """Whether packets were lost of the PES packet that begins at a byte position, or before it.

        is_gap: whether its time stamp does not follow the sound before it; else whole parts were joined there.
        """
        if not self._first <= place <= self._next:
            self._first, self._next, self._begun, self._count = place, place, -1, -1
            self._left = 0
            self._torn.clear()
            self._after_loss.clear()
        while self._begun <= place and self._read_on():
            pass
        return place in self._torn or (is_gap and place in self._after_loss)

    def _read_on(self) -> bool:
        """Look at the next chunk; False at the end of the file, or where it is damaged."""
        with self._path.open("rb") as file:
            file.seek(self._next)
            data = file.read(_CHUNK_BYTES)
        form = packet_format(data)
        if form is None:
            return False
        size, before = form
        packets = np.frombuffer(data, np.uint8)[: len(data) // size * size].reshape(-1, size)[:, before:]
        of_stream = (packets[:, 1] & 0x1F) == self._pid >> 8
        of_stream &= packets[:, 2] == self._pid & 0xFF
        numbers = np.flatnonzero(of_stream & ((packets[:, 3] & 0x10) != 0))
        for number in numbers.tolist():
            head = packets[number, :188].tobytes()
            count = head[3] % _WRAP
            is_announced = head[3] & 0x20 and head[4] and head[5] & _DISCONTINUITY
            is_lost = self._count >= 0 and not is_announced and (count - self._count) % _WRAP > 1
            begins, payload = head[1] & 0x40, head[4 + (1 + head[4] if head[3] & 0x20 else 0) :]
            if is_lost and begins and self._left == 0:
                self._after_loss.add(self._next + number * size)
                is_lost = False
            if is_lost and self._begun >= 0:
                self._torn.add(self._begun)
            if begins:
                self._begun = self._next + number * size
                self._left = 6 + (int.from_bytes(payload[4:6], "big") or _UNKNOWN)
                if is_lost:
                    self._torn.add(self._begun)
            self._left -= len(payload)
            self._count = count
        self._next += len(packets) * size
        return True
