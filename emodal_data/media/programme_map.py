"""Descriptors of the elementary streams of MPEG-TS, which FFmpeg does not pass on (ISO/IEC 13818-1, 2.4.4)."""

from collections.abc import Iterator

#: Sizes of packets, and the bytes before the sync byte: plain, with a time code (m2ts), with parity.
_FORMATS = ((188, 0), (192, 4), (204, 0))
_SYNC = 0x47
#: Packets that must begin with a sync byte.
_CHECKED = 5
_TABLE_OF_PROGRAMME = 2


def es_descriptors(data: bytes, pid: int) -> dict[int, bytes]:
    """The descriptors of a stream by tag, from the first programme map that names it; empty if none does.

    data: the front of the file. pid: of the stream.
    """
    for section in _sections(data):
        end = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF) - 4  # without the checksum
        at = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
        while at + 5 <= end:
            length = int.from_bytes(section[at + 3 : at + 5], "big") & 0xFFF
            if int.from_bytes(section[at + 1 : at + 3], "big") & 0x1FFF == pid:
                return _by_tag(section[at + 5 : min(at + 5 + length, end)])
            at += 5 + length
    return {}


def _by_tag(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 2 <= len(data):
        found.setdefault(data[at], data[at + 2 : at + 2 + data[at + 1]])
        at += 2 + data[at + 1]
    return found


def _sections(data: bytes) -> Iterator[bytes]:
    """The whole sections with a map of a programme."""
    begun: dict[int, bytes] = {}
    for packet in _packets(data):
        pid, at = int.from_bytes(packet[1:3], "big") & 0x1FFF, 4
        if packet[3] & 0x20:
            at += 1 + packet[4]
        if not packet[3] & 0x10 or at >= len(packet):
            continue
        if packet[1] & 0x40:  # a section begins, behind the end of another
            begun[pid] = packet[at + 1 + packet[at] :]
        elif pid in begun:
            begun[pid] += packet[at:]
        section = begun.get(pid, b"")
        if section[:1] != bytes([_TABLE_OF_PROGRAMME]):
            begun.pop(pid, None)
        elif len(section) >= 12 and len(section) >= 3 + (int.from_bytes(section[1:3], "big") & 0xFFF):
            yield begun.pop(pid)


def packet_format(data: bytes) -> tuple[int, int] | None:
    """Size of the packets, and the bytes before their sync byte; None if data does not begin with a packet."""
    for size, before in _FORMATS:
        starts = range(before, len(data) - 187, size)
        if starts and all(data[at] == _SYNC for at in starts[:_CHECKED]):
            return size, before
    return None


def _packets(data: bytes) -> Iterator[bytes]:
    if form := packet_format(data):
        size, before = form
        starts = range(before, len(data) - 187, size)
        yield from (data[at : at + 188] for at in starts if data[at] == _SYNC)
