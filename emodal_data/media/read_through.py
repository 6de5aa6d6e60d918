"""Which films are read through when they are opened, because only all their packets tell their clock."""

import itertools
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from emodal_data.media.seeking import seek_before

#: Demuxers in which a seek finds neither keyframes nor exact time stamps, so that packets are looked up in a table.
LISTED_DEMUXERS = ("mpegts", "mpeg")
#: Demuxers of broadcasts: players take a jump of the clock as a join, not as a gap (FFmpeg: dts_delta_threshold).
JUMPING_DEMUXERS = (*LISTED_DEMUXERS, "flv")
#: Demuxers of streams that are written, cut and joined without a header that covers the whole.
_STREAMED_DEMUXERS = (*LISTED_DEMUXERS, "flv", "ogg", "asf")
#: A Matroska file of this size is read through in 0.1 s. In larger ones the cues decide.
_SMALL_BYTES = 2**26
#: The cues cover a Matroska file if less than this many of their longest intervals follow the last one.
_UNCOVERED_INTERVALS = 4
#: A slow disk gives this many bytes a second.
_BYTES_PER_S = 50e6


def is_read_through(path: Path, container: InputContainer, picture: VideoStream) -> bool:
    """Whether the film's clock is known only when all its packets have been read.

    Whole mp4 files list all their packets in the header; AVI and MXF count their frames; Matroska's cues are a list of
    keyframes. Streams, fragmented mp4, and Matroska whose cues do not cover the file have nothing of the kind.
    """
    name = container.format.name
    if name in _STREAMED_DEMUXERS:
        return True
    if name.startswith("mov"):
        return picture.frames == 0 or len(picture.index_entries) < picture.frames
    if name.startswith("matroska"):
        return (
            container.size < _SMALL_BYTES or not _is_one_segment(path) or not _cues_cover(container, picture)
        )
    return False


def has_true_length(container: InputContainer) -> bool:
    """Whether the header gives the film's length; streams have none, or a guess."""
    return container.format.name not in _STREAMED_DEMUXERS and bool(container.duration)


def opening_patience_s(path: Path) -> float:
    """Seconds that opening a film may take if it is read through; 0 if there is no such file."""
    try:
        return patience_s(path.stat().st_size)
    except OSError:
        return 0.0


def patience_s(size_bytes: int) -> float:
    """Seconds that reading so many bytes may take."""
    return size_bytes / _BYTES_PER_S


def _cues_cover(container: InputContainer, picture: VideoStream) -> bool:
    seek_before(container, picture, picture.start_time or 0)  # FFmpeg reads the cues at the first seek
    places = [entry.pos for entry in picture.index_entries]
    if len(places) < 2 or places != sorted(places):
        return False
    longest = max(after - before for before, after in itertools.pairwise(places))
    return container.size - places[-1] <= _UNCOVERED_INTERVALS * longest


def _is_one_segment(path: Path) -> bool:
    """Whether nothing follows the first segment of a Matroska file; a segment of unknown length may be followed."""
    with path.open("rb") as file:
        head = file.read(128)
    at = 4 + _length_of_size(head, 4) + _size(head, 4)  # behind the EBML header
    if head[at : at + 4] != b"\x18\x53\x80\x67":
        return False
    width = _length_of_size(head, at + 4)
    size = _size(head, at + 4)
    is_unknown = size == (1 << 7 * width) - 1
    return not is_unknown and at + 4 + width + size >= path.stat().st_size


def _length_of_size(data: bytes, at: int) -> int:
    """Bytes of an EBML size, from its leading zeros."""
    return 9 - data[at].bit_length() if at < len(data) and data[at] else 1


def _size(data: bytes, at: int) -> int:
    width = _length_of_size(data, at)
    return int.from_bytes(data[at : at + width], "big") % (1 << 7 * width)
