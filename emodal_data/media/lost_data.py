"""Finds data of a film that is lost: the zeros that unfinished downloads, copies and bad disks leave in a file.

Containers go on at the next part that they know, and many decoders show something for zeros: neither says what is lost.
"""

from pathlib import Path
from typing import Final

from av.container import InputContainer

from emodal_data.media.guard import can_decode

#: Codecs whose packets never begin with so many zeros, by their names as decoders. Others store black as zeros.
_PICTURES: Final = frozenset(
    (
        *("h264", "hevc", "vvc", "vp8", "vp9", "av1", "libdav1d", "theora"),
        *("mpeg4", "msmpeg4", "msmpeg4v2", "wmv1", "wmv2", "h263", "flv"),
    )
)
_SOUNDS: Final = frozenset(("aac", "mp3", "mp3float", "opus", "libopus", "vorbis", "ac3", "eac3", "wmav2"))
#: Zeros within a packet of pictures; between its parts, of which the next begins with 0, 0, 1, they are padding
#: (H.264, B.1), as in AVC-Intra. Sound of constant rate is filled up with zeros.
_ZEROS, _STRIDE, _START_CODE_ENDS = bytes(1024), 512, 1
#: Fewer are enough at either end of a packet, and a shorter packet is lost if it is all zeros, unless it is this short.
_END, _SHORTEST = 256, 16
#: Containers that go on behind what they do not know; in the last ones a packet begins where its page or pack does.
_GOING_ON, _IN_PAGES = ("matroska", "flv", "mxf", "ogg", "asf"), ("ogg", "asf")
#: Zeros between two packets that are no padding; packs of ASF are filled up with more.
_BLOCK, _BLOCK_OF_PACKS = bytes(2**12), bytes(2**14)
#: At most so many bytes between two packets are looked at.
_LOOKED_AT: Final = 2**26
#: How the key of MXF's own padding begins, and the bytes up to the padding (SMPTE ST 377-1).
_FILL, _FILL_HEAD_BYTES = b"\x06\x0e\x2b\x34\x01\x01\x01", 32


class LostData:
    """Looks at the packets of one track in the order in which they are read. codec: name of the decoder."""

    def __init__(self, path: Path, container: InputContainer, codec: str) -> None:
        name = container.format.name
        self._path = path
        self._is_picture = codec in _PICTURES
        self._is_known = self._is_picture or codec in _SOUNDS
        self._goes_on = name.startswith(_GOING_ON)
        self._is_in_pages = name in _IN_PAGES
        self._block = _BLOCK_OF_PACKS if name == "asf" else _BLOCK
        self._has_pcm = any(
            s.codec_context.name.startswith("pcm_") for s in container.streams.audio if can_decode(s)
        )
        self._end: int | None = None

    def restart(self) -> None:
        """Forget the last packet, after a seek."""
        self._end = None

    def is_before(self, place: int | None, data: memoryview, is_gap: bool) -> bool:
        """Whether data is lost between the packet before and a packet.

        is_gap: whether its time stamp does not follow that of the packet before. Sound that is stored as it is may hold
        as many zeros itself, but does not part pictures.
        """
        if not self._goes_on or place is None or place < 0:
            return False
        end, self._end = self._end, place if self._is_in_pages else place + len(data)
        if end is None or not len(self._block) <= place - end <= _LOOKED_AT or (self._has_pcm and not is_gap):
            return False
        with self._path.open("rb") as file:
            file.seek(end)
            between = file.read(place - end)
        at = between.find(self._block)
        while at >= 0 and (fill := between.rfind(_FILL, max(0, at - _FILL_HEAD_BYTES), at)) >= 0:
            at = between.find(self._block, max(at + 1, _end_of_fill(between, fill)))
        return at >= 0

    def is_in(self, place: int | None, data: memoryview) -> bool:
        """Whether data is lost of a packet.

        Many encoders fill a packet up with zeros: those at its end are lost only if the file goes on with zeros.
        """
        if not self._is_known or len(data) < _SHORTEST:
            return False
        if not any(data[:_END]):
            return True
        if not any(data[-_END:]) and place is not None and place >= 0:
            with self._path.open("rb") as file:
                file.seek(place + len(data))
                if file.read(len(self._block)) == self._block:
                    return True
        return self._is_picture and b"\0\0" in data[::_STRIDE].tobytes() and _has_hole(bytes(data))


def _has_hole(data: bytes) -> bool:
    """Whether zeros end within a packet, and not where a part of it begins."""
    at = data.find(_ZEROS)
    while at >= 0:
        behind = data[at:].lstrip(b"\0")
        if behind and behind[0] != _START_CODE_ENDS:
            return True
        at = data.find(_ZEROS, len(data) - len(behind)) if behind else -1
    return False


def _end_of_fill(data: bytes, start: int) -> int:
    """Where MXF's padding ends that starts with its key at a place: the length follows the key."""
    size = data[start + 16] & 0x7F if data[start + 16] & 0x80 else 0
    at = start + 17
    return at + size + (int.from_bytes(data[at : at + size]) if size else data[start + 16])
