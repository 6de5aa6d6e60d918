"""Refuses MXF without an index (SMPTE ST 377-1): after a seek FFmpeg gives its packets the stamps that were sought."""

import struct
from pathlib import Path

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason

#: Keys of the header's and the footer's partition pack; the next byte is the status of the partition.
_HEADER = bytes.fromhex("060e2b34020501010d0102010102")
_FOOTER = _HEADER[:-1] + b"\x04"
_KEY_BYTES = 16
#: Bytes before the header that are no part of the file (ST 377-1, 6.5), and at the end in which a footer is looked for.
_RUN_IN, _END_BYTES = 2**16, 2**20


def check_index(path: Path) -> None:
    """Raise Dropped(FRAME_UNCERTAIN) if an MXF file was cut off before its index, or has not been closed yet."""
    if not _has_index(path):
        raise Dropped(
            Reason.FRAME_UNCERTAIN, "the MXF file has no index: it is cut off, or still being written"
        )


def _has_index(path: Path) -> bool:
    """Whether the header partition has an index, or the file its footer, which has one or says where it is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_RUN_IN + 128)
        at = head.find(_HEADER)
        if at < 0:
            return False
        length = head[at + _KEY_BYTES]
        value = at + _KEY_BYTES + 1 + (length & 0x7F if length & 0x80 else 0)
        if len(head) < value + 48:
            return False
        footer, _, index_bytes = struct.unpack_from(">3Q", head, value + 24)
        if index_bytes or (footer and footer + at < size):
            return True
        file.seek(max(0, size - _END_BYTES))
        return _FOOTER in file.read()
