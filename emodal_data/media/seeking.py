"""Seeks to a place in a file. Depending on the container, a seek lands late, or fails."""

from itertools import islice
from math import floor

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from emodal_data.media.guard import timed_out
from emodal_data.media.info import moving_pictures

#: How far before the target to seek, one after the other, when a seek lands after its target (MPEG-TS, MPEG-PS, old
#: AVI). The last is the start of the film.
STEPS_BACK_S = (0, 2, 10, 60, 10**9)

#: Demuxers that index every packet that a seek tried, keyframe or not.
_WITHOUT_INDEX = ("mpegts", "mpeg")
#: Decoders that refuse packets without the keyframe that they need, or whose parser in FFmpeg knows keyframes; and of
#: frames that need no others.
_KNOW_KEYFRAMES = (
    "h264", "hevc", "vvc", "av1", "libdav1d", "vp8", "vp9", "mpeg1video", "mpeg2video", "mpeg4", "theora", "ffv1",
    "png", "cfhd",
)  # fmt: skip
#: Decoders that keep tables of colours over keyframes.
_WITHOUT_KEYFRAMES = ("smc",)
#: Packets of a film's beginning in which a frame that depends on others is looked for.
_LOOKED_AT = 300
#: So many are enough if the decoder does not say of which kind a frame is.
_ENOUGH = 24


def has_index(container: InputContainer) -> bool:
    """Whether the index entries of the container's streams are keyframes."""
    return container.format.name not in _WITHOUT_INDEX


def seek_before(container: InputContainer, stream: Stream, pts: int) -> bool:
    """Seek to a keyframe at or before pts, or to the start of the stream. False: the file is not seekable.

    pts: in the stream's time base. The packets that follow may be earlier than pts, or later (STEPS_BACK_S).
    """
    guide = _guide(container, stream)
    if guide is not stream and stream.time_base and guide.time_base:
        pts = floor(pts * stream.time_base / guide.time_base)
        stream = guide
    start = stream.start_time or 0
    # MPEG-TS needs a second before its start, or it begins after its first packet; AVI accepts nothing earlier.
    earliest = start - round(1 / stream.time_base) if stream.time_base else start
    entries = stream.index_entries
    first = entries[0].timestamp if len(entries) else start  # of a late track of AVI
    for offset in (max(pts, earliest), start, first):
        try:
            container.seek(offset, stream=stream)
        except (av.FFmpegError, OSError, OverflowError):
            continue
        return True
    return False


def has_false_keyframes(container: InputContainer, stream: VideoStream) -> bool:
    """Whether frames are marked as keyframes that are none: decodes the film's beginning.

    Some writers mark all frames, and FFmpeg does so with H.263. Raises Dropped(DECODER_TIMED_OUT).
    """
    codec, entries = stream.codec_context.codec, stream.index_entries
    is_avi = container.format.name == "avi"  # whose index counts, not what FFmpeg makes of it
    if is_avi:
        is_doubtful = len(entries) > 1 and all(entry.is_keyframe for entry in entries)
    else:
        is_doubtful = codec.name not in _KNOW_KEYFRAMES
    if not is_doubtful or codec.intra_only:
        return False
    if codec.name in _WITHOUT_KEYFRAMES:
        return True
    if not seek_before(container, stream, 0):
        return False
    unknown = 0
    try:
        for packet in islice(container.demux(stream), _LOOKED_AT):
            if packet.size and not (is_avi or packet.is_keyframe):
                return False
            for frame in packet.decode():
                if frame.pict_type not in (PictureType.I, PictureType.NONE):
                    return True
                unknown += frame.pict_type == PictureType.NONE
            if unknown == _ENOUGH:
                return True
    except av.error.ExitError as error:
        raise timed_out() from error
    except (av.FFmpegError, OSError, ValueError):
        return True  # what cannot be decoded proves nothing: the start of the film is always right
    finally:
        stream.codec_context.flush_buffers()
    return unknown > 1


def _guide(container: InputContainer, stream: Stream) -> Stream:
    """The stream to seek by. Matroska indexes only its picture; seeking by sound would read from the beginning."""
    if stream.type == "audio" and container.format.name.startswith("matroska"):
        return next(iter(moving_pictures(container)), stream)
    return stream
