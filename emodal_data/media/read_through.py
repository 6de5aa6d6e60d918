"""Which films are read through when they are opened, because only all their packets tell their clock."""

import itertools
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from emodal_data.media.matroska import is_one_segment
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
#: A start that is later than rounding and the delays of encoders.
_LATE_US = 1_000_000


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
            container.size < _SMALL_BYTES or not is_one_segment(path) or not _cues_cover(container, picture)
        )
    return False


def has_true_length(container: InputContainer) -> bool:
    """Whether the header gives the film's length: streams have none, or a guess; late films may count from 0."""
    is_late = (container.start_time or 0) > _LATE_US
    return container.format.name not in _STREAMED_DEMUXERS and bool(container.duration) and not is_late


def _cues_cover(container: InputContainer, picture: VideoStream) -> bool:
    seek_before(container, picture, picture.start_time or 0)  # FFmpeg reads the cues at the first seek
    places = [entry.pos for entry in picture.index_entries]
    if len(places) < 2 or places != sorted(places):
        return False
    longest = max(after - before for before, after in itertools.pairwise(places))
    return container.size - places[-1] <= _UNCOVERED_INTERVALS * longest
