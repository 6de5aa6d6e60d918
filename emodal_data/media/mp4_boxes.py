"""The boxes of MP4 and QuickTime files (ISO/IEC 14496-12, 4.2)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO


def boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Name and end of each box of a part of a file, which is then at the box's content."""
    while at + 8 <= end:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        size, name = struct.unpack(">I4s", head)
        least = 8
        if size == 1:
            size, least = int.from_bytes(file.read(8), "big"), 16
        at = end if size == 0 else at + size
        if 0 < size < least or at > end:
            return
        yield name, at
