"""Finding a place in a file: containers land late, or not at all, and each in its own way."""

from math import floor

import av
from av.container import InputContainer
from av.stream import Stream

from emodal_data.media.info import moving_pictures

#: Where to start again when a seek lands behind its target (MPEG-TS, MPEG-PS, old AVI); the last is the start.
STEPS_BACK_S = (0, 2, 10, 60, 10**9)

#: Their demuxers note every packet that a seek tried as if it were a keyframe.
_WITHOUT_INDEX = ("mpegts", "mpeg")


def has_index(container: InputContainer) -> bool:
    """Whether a stream's index entries can tell where its keyframes are."""
    return container.format.name not in _WITHOUT_INDEX


def seek_before(container: InputContainer, stream: Stream, pts: int) -> bool:
    """Go to a keyframe at or before pts, or to the start of the stream. False: the file cannot be sought in.

    pts: on the stream's own scale. Packets of the stream may follow that are earlier, or later (STEPS_BACK_S).
    """
    guide = _guide(container, stream)
    if guide is not stream and stream.time_base and guide.time_base:
        pts = floor(pts * stream.time_base / guide.time_base)
        stream = guide
    start = stream.start_time or 0
    # One second before the start, or MPEG-TS begins behind its first packet; AVI takes nothing before it.
    earliest = start - round(1 / stream.time_base) if stream.time_base else start
    for offset in (max(pts, earliest), start):
        try:
            container.seek(offset, stream=stream)
        except (av.FFmpegError, OSError, OverflowError):
            continue
        return True
    return False


def _guide(container: InputContainer, stream: Stream) -> Stream:
    """The stream to seek by. Matroska indexes its picture alone: by its sound all would be read from the front."""
    if stream.type == "audio" and container.format.name.startswith("matroska"):
        return next(iter(moving_pictures(container)), stream)
    return stream
