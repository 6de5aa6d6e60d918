"""What the container says about a picture's colours, for frames that do not say it themselves."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media.mp4_boxes import boxes
from emodal_data.media.programme_map import es_descriptors

#: "Unspecified" of FFmpeg's enumerations of transfer functions, primaries and matrices; of ranges it is 0.
_UNSPECIFIED = 2
#: Decoders of the codecs that Dolby Vision uses.
_DOLBY_DECODERS = ("hevc", "libdav1d", "av1", "h264")
#: Codec tags of Dolby Vision tracks that players of ordinary HEVC and AV1 must leave alone.
_DOLBY_TAGS = ("dvh1", "dvhe", "dav1", "dva1", "dvav")
#: Tag of the DOVI_video_stream_descriptor (Dolby Vision Streams Within the MPEG-2 Transport Stream Format, 3.2).
_DOLBY_DESCRIPTOR = 0xB0
#: Bytes at the front of a Matroska file in which its tracks are described, and of MPEG-TS with a table of programmes.
_FRONT_BYTES = 2**18
_MAX_MOOV_BYTES = 2**26
_MAX_BOXES = 1000


@dataclass(frozen=True)
class ContainerColours:
    """Transfer function, primaries, matrix and range as FFmpeg's numbers."""

    transfer: int = _UNSPECIFIED
    primaries: int = _UNSPECIFIED
    matrix: int = _UNSPECIFIED
    range: int = 0

    def complete(self, frame: VideoFrame) -> None:
        """Give the frame what it does not say itself."""
        frame = cast(Any, frame)
        # FFmpeg's HEVC decoder calls frames limited that say nothing about their colours at all.
        is_silent = {frame.color_trc, frame.color_primaries, frame.colorspace} == {_UNSPECIFIED}
        if self.range and (is_silent or frame.color_range == 0):
            frame.color_range = self.range
        if frame.color_trc == _UNSPECIFIED:
            frame.color_trc = self.transfer
        if frame.color_primaries == _UNSPECIFIED:
            frame.color_primaries = self.primaries
        if frame.colorspace == _UNSPECIFIED:
            frame.colorspace = self.matrix


def container_colours(path: Path, container: InputContainer, stream: VideoStream) -> ContainerColours:
    """The colours by the header; read them before the first frame is decoded, for the decoder overwrites them.

    Raises Dropped(COLOUR_UNSUPPORTED) for Dolby Vision whose picture is IPT-PQ and not YCbCr (profile 5).
    """
    context = cast(Any, stream.codec_context)
    colours = ContainerColours(
        int(context.color_trc),
        int(context.color_primaries),
        int(context.colorspace),
        int(context.color_range),
    )
    if context.name in _DOLBY_DECODERS:
        record = _dolby_record(path, container.format.name, stream.id)
        is_dolby_only = (
            record is None and context.codec_tag in _DOLBY_TAGS and colours.transfer == _UNSPECIFIED
        )
        if is_dolby_only or (record is not None and record[1] == 0):
            profile = "" if record is None else f" profile {record[0]}"
            raise Dropped(Reason.COLOUR_UNSUPPORTED, f"Dolby Vision{profile}: its picture is no YCbCr")
    return colours


def _dolby_record(path: Path, container: str, stream_id: int) -> tuple[int, int] | None:
    """Profile and compatibility of the base layer, from a Dolby Vision configuration record; None without one.

    Dolby Vision Streams Within the ISO Base Media File Format, 3.2. Compatibility 0: no other decoder shows it.
    stream_id: the PID in MPEG-TS, whose descriptor has the same bytes if it describes a base layer.
    """
    if container.startswith("mov"):
        header = _moov(path)
        at = max(header.find(b"dvcC"), header.find(b"dvvC"))
        start = at + 4
    elif container.startswith("matroska"):
        header = _front(path, _FRONT_BYTES)
        at = max(header.find(b"dvcC"), header.find(b"dvvC"))
        start = header.find(b"\x41\xed", at) + 3  # BlockAddIDExtraData, and one byte of length
    elif container == "mpegts":
        header = es_descriptors(_front(path, _FRONT_BYTES), stream_id).get(_DOLBY_DESCRIPTOR, b"")
        at = start = 0
    else:
        return None
    if at < 0 or len(header) < start + 5:
        return None
    return header[start + 2] >> 1, header[start + 4] >> 4


def _front(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _moov(path: Path) -> bytes:
    """The box moov of an mp4 file; empty if there is none among its first boxes."""
    with path.open("rb") as file:
        for name, end in islice(boxes(file, 0, path.stat().st_size), _MAX_BOXES):
            if name == b"moov":
                return file.read(min(end - file.tell(), _MAX_MOOV_BYTES))
    return b""
