"""The order in which H.264 shows its frames, by the heads of their slices, without decoding them (ITU-T H.264, 8.2.1).

Only of streams with length prefixes (MP4, Matroska) of whole frames whose order is counted plainly, as encoders write
them; of others nothing is known.
"""

from bisect import bisect
from collections.abc import Iterator
from typing import Self

_SLICE, _IDR_SLICE, _SPS, _PPS = 1, 5, 7, 8
#: Units before and after the slices of a frame: information, delimiter, end, filler.
_BESIDE = (6, 9, 10, 11, 12)
#: Profiles whose parameters say more about pixels.
_HIGH = (100, 110, 122, 244, 44, 83, 86, 118, 128, 134, 135, 138, 139)
#: What is read of a slice lies within so many bytes.
_HEAD_BYTES = 32


class DisplayOrder:
    """Compares the time stamps of packets with the order in which their frames are shown."""

    def __init__(self, length_bytes: int, frame_number_bits: int, count_bits: int) -> None:
        self._length_bytes = length_bytes
        self._frame_number_bits, self._count_bits = frame_number_bits, count_bits
        self.restart()

    @classmethod
    def of(cls, extradata: bytes | None) -> Self | None:
        """The order of a stream by its avcC box; None if it cannot be told."""
        if not extradata or extradata[0] != 1:
            return None
        try:
            units = list(_parameters(extradata))
            if [unit[0] & 31 for unit in units].count(_SPS) != 1:
                return None
            frame_number_bits = count_bits = 0
            for unit in units:
                bits = _Bits(unit[1:])
                if unit[0] & 31 == _SPS:
                    frame_number_bits, count_bits = _counted(bits)
                elif not _is_plain(bits):
                    return None
        except (IndexError, ValueError):
            return None
        return cls((extradata[4] & 3) + 1, frame_number_bits, count_bits) if count_bits else None

    def restart(self) -> None:
        """Forget all packets, before a seek."""
        #: Whether the time stamps of all packets since then are in the order in which their frames are shown.
        self.is_sure = True
        self._counts: list[int] = []
        self._stamps: list[int] = []
        self._after: int | None = None
        self._last: tuple[int, int] | None = None

    def add(self, pts: int | None, packet: memoryview) -> bool:
        """Add the next packet in the order of decoding. Returns whether others may refer to its frame."""
        if not self.is_sure:
            return True
        try:
            low, begins, is_reference = self._slice(packet)
        except (IndexError, ValueError):
            self.is_sure = False
            return True
        self.is_sure = pts is not None and self._fits(pts, low, begins, is_reference)
        return is_reference

    def last_until(self, pts: int) -> int | None:
        """The latest time stamp that is not after pts; None: there is none."""
        at = bisect(self._stamps, pts)
        return self._stamps[at - 1] if at else self._after

    def _slice(self, packet: memoryview) -> tuple[int, bool, bool]:
        """Of the packet's first slice: low bits of its count, whether counts begin anew, whether others refer to it."""
        at, size = 0, self._length_bytes
        while True:
            length = int.from_bytes(packet[at : at + size], "big")
            kind, is_reference = packet[at + size] & 31, packet[at + size] >> 5 != 0
            if kind in (_SLICE, _IDR_SLICE):
                break
            if kind not in _BESIDE:  # other parameters, or slices in pieces
                raise ValueError
            at += size + length
        bits = _Bits(bytes(packet[at + size + 1 : at + size + _HEAD_BYTES]))
        for _ in range(3):  # first macroblock, kind of slice, parameters
            bits.counted()
        bits.skip(self._frame_number_bits)
        if kind == _IDR_SLICE:
            bits.counted()
        return bits.read(self._count_bits), kind == _IDR_SLICE, is_reference

    def _fits(self, pts: int, low: int, begins: bool, is_reference: bool) -> bool:
        if begins:
            self._after = max([*self._stamps, *([] if self._after is None else [self._after])], default=None)
            self._counts, self._stamps, self._last = [], [], (0, 0)
        high, last = self._last or (0, low)
        whole = 1 << self._count_bits
        if low < last and last - low >= whole // 2:
            high += whole
        elif low > last and low - last > whole // 2:
            high -= whole
        if is_reference:
            self._last = high, low
        count = high + low
        at = bisect(self._counts, count)
        is_after = self._after is None or pts > self._after
        is_after &= at == 0 or (self._counts[at - 1] < count and self._stamps[at - 1] < pts)
        is_before = at == len(self._stamps) or pts < self._stamps[at]
        self._counts.insert(at, count)
        self._stamps.insert(at, pts)
        return is_after and is_before


class _Bits:
    """Reads numbers from the payload of a unit."""

    def __init__(self, payload: bytes) -> None:
        plain = payload.replace(b"\0\0\3", b"\0\0")
        self._number, self._left = int.from_bytes(plain, "big"), 8 * len(plain)

    def read(self, bits: int) -> int:
        self.skip(bits)
        return self._number >> self._left & ((1 << bits) - 1)

    def skip(self, bits: int) -> None:
        self._left -= bits
        if self._left < 0:
            raise ValueError

    def counted(self) -> int:
        """An Exp-Golomb number (9.1)."""
        zeros = self._left - (self._number & ((1 << self._left) - 1)).bit_length()
        return self.read(2 * zeros + 1) - 1


def _parameters(extradata: bytes) -> Iterator[bytes]:
    """The parameter sets of sequences and pictures in an avcC box (ISO/IEC 14496-15)."""
    at = 5
    for mask in (31, 255):
        count = extradata[at] & mask
        at += 1
        for _ in range(count):
            length = int.from_bytes(extradata[at : at + 2], "big")
            yield extradata[at + 2 : at + 2 + length]
            at += 2 + length


def _counted(sequence: _Bits) -> tuple[int, int]:
    """Bits of a frame's number and of its count in the order of display; 0 if that is not counted plainly."""
    profile = sequence.read(8)
    sequence.skip(16)
    sequence.counted()
    if profile in _HIGH:
        if sequence.counted() == 3:  # colours may be coded as pictures of their own
            return 0, 0
        sequence.counted(), sequence.counted()
        if sequence.read(2):  # tables of scales follow
            return 0, 0
    frame_number_bits = sequence.counted() + 4
    if sequence.counted():  # counted otherwise
        return 0, 0
    count_bits = sequence.counted() + 4
    sequence.counted()
    sequence.skip(1)
    sequence.counted(), sequence.counted()
    is_of_frames = sequence.read(1)
    return (frame_number_bits, count_bits) if is_of_frames else (0, 0)


def _is_plain(picture: _Bits) -> bool:
    """Whether both fields of a frame have one count."""
    picture.counted(), picture.counted()
    picture.skip(1)
    return not picture.read(1)
