"""Tracks of MP4 and QuickTime: those that FFmpeg does not read surely, and what is cropped.

Not sure are tracks of pieces, of several codings, of a coarse clock.
"""

import io
import math
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from itertools import dropwhile, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media.clock_check import check_ticks
from emodal_data.media.mp4_boxes import boxes

#: Length, place in the track (-1: nothing is shown) and speed of a piece; by the version of the box.
_ENTRIES = {0: struct.Struct(">Iii"), 1: struct.Struct(">Qqi")}
#: Width and height in the description of a picture; its clean aperture: width, height, offsets as fractions.
_VISUAL_ENTRY, _APERTURE = struct.Struct(">24xHH50x"), struct.Struct(">8i")
_NOTHING_CUT = (0, 0, 0, 0)
_NOTHING, _USUAL_SPEED = -1, 1 << 16
_TRACKS = {b"vide": "picture", b"soun": "sound"}
#: Decoders of these change their parameters rightly, and after a seek too.
_CAN_CHANGE = (b"avc1", b"avc3", b"hvc1", b"hev1")
#: More of an edit list or of descriptions is not read: a film has a handful of pieces.
_MAX_BYTES = 2**16
_MAX_HEADER_BYTES = 2**26
#: The times of more frames are not read.
_MAX_FRAMES = 2**22

#: Where the content of a box starts and ends, by its name.
Places = dict[bytes, tuple[int, int]]


def check_tracks(path: Path) -> None:
    """Raise Dropped(FRAME_UNCERTAIN) if what FFmpeg gives of a track is not sure. ISO/IEC 14496-12:

    - an edit list joins several pieces, or plays one at another speed (8.6.6): FFmpeg shows them at other times;
    - a track has descriptions that differ (8.5.2): after a seek FFmpeg may decode by that of another part;
    - pictures that are not stored in the order in which they are shown lie on fewer ticks (8.6.1): some share a time
      stamp, and nothing says which of them is on screen.
    """
    with _opened(path) as file:
        for track in _tracks(file):
            _check_track(file, track)


def clean_aperture(path: Path, track_id: int) -> tuple[int, int, int, int]:
    """Pixels of a picture's top, bottom, left and right that its first description cuts off (clap, 12.1.4)."""
    with _opened(path) as file:
        for track in _tracks(file):
            file.seek(track.get(b"tkhd", (0, 0))[0])
            head = file.read(24)
            if head and int.from_bytes(head[20:24] if head[0] else head[12:16], "big") == track_id:
                tables = _tables(file, _places(file, *track.get(b"mdia", (0, 0))))
                return _cut_off(file, *tables.get(b"stsd", (0, 0)))
    return _NOTHING_CUT


def _cut_off(file: BinaryIO, start: int, end: int) -> tuple[int, int, int, int]:
    """The same of a box of descriptions; nothing if the aperture does not lie within the picture."""
    for _, stop in islice(boxes(file, start + 8, end), 1):
        sizes = file.read(_VISUAL_ENTRY.size)
        file.seek(_places(file, file.tell(), stop).get(b"clap", (stop, stop))[0])
        aperture = file.read(_APERTURE.size)
        if file.tell() > stop or len(aperture) < _APERTURE.size:
            break
        width, height = _VISUAL_ENTRY.unpack(sizes)
        numbers = _APERTURE.unpack(aperture)
        if not all(numbers[1::2]):
            break
        wide, high, right, down = map(Fraction, numbers[::2], numbers[1::2])
        cut = *_margins(height - high, down), *_margins(width - wide, right)
        return cut if min(cut) >= 0 else _NOTHING_CUT
    return _NOTHING_CUT


def _margins(cut: Fraction, offset: Fraction) -> tuple[int, int]:
    """Whole pixels before and after what is shown. offset: of its middle from that of the stored picture."""
    return math.floor(cut / 2 + offset), math.floor(cut / 2 - offset)


def _opened(path: Path) -> BinaryIO:
    """The film, or its header alone if that is compressed, as QuickTime once wrote it (QuickTime File Format, cmov)."""
    file = path.open("rb")
    try:
        for name, end in boxes(file, 0, _size(file)):
            if name == b"moov":
                packed = _places(file, *_places(file, file.tell(), end).get(b"cmov", (0, 0))).get(b"cmvd")
                if packed is None:
                    break
                file.seek(packed[0] + 4)
                header = zlib.decompressobj().decompress(
                    file.read(packed[1] - file.tell()), _MAX_HEADER_BYTES
                )
                file.close()
                return io.BytesIO(header)
    except zlib.error:
        pass  # FFmpeg does not read it either
    except BaseException:
        file.close()
        raise
    return file


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _tracks(file: BinaryIO) -> Iterator[Places]:
    """The boxes of each track of the first moov: others are ignored, and there may be many fragments after it."""
    for name, end in boxes(file, 0, _size(file)):
        if name == b"moov":
            for inner, inner_end in boxes(file, file.tell(), end):
                if inner == b"trak":
                    yield _places(file, file.tell(), inner_end)
            return


def _tables(file: BinaryIO, media: Places) -> Places:
    return _places(file, *_places(file, *media.get(b"minf", (0, 0))).get(b"stbl", (0, 0)))


def _check_track(file: BinaryIO, track: Places) -> None:
    media = _places(file, *track.get(b"mdia", (0, 0)))
    tables = _tables(file, media)
    file.seek(media.get(b"hdlr", (0, 0))[0])
    kind = _TRACKS.get(file.read(12)[8:])
    if kind is None:
        return
    descriptions = _descriptions(file, *tables.get(b"stsd", (0, 0)))
    if len(descriptions) > 1 and {one[4:8] for one in descriptions} - {*_CAN_CHANGE}:
        what = f"the {kind} changes its coding ({len(descriptions)} sample descriptions)"
        raise Dropped(Reason.FRAME_UNCERTAIN, f"{what}: what is decoded after a seek is not sure")
    if kind == "picture":
        check_ticks(_shown(file, tables))
    entries = _entries(file, *track.get(b"edts", (0, 0)))
    pieces = list(dropwhile(lambda entry: entry[1] == _NOTHING, entries))  # a late start is none
    if len(pieces) < 2 and all(speed == _USUAL_SPEED for _, _, speed in pieces):
        return
    what = f"{len(pieces)} pieces" if len(pieces) > 1 else "a piece at another speed"
    raise Dropped(Reason.FRAME_UNCERTAIN, f"an edit list makes the {kind} of {what}: its times are not sure")


def _places(file: BinaryIO, start: int, end: int) -> Places:
    return {name: (file.tell(), stop) for name, stop in boxes(file, start, end)}


def _descriptions(file: BinaryIO, start: int, end: int) -> set[bytes]:
    """The sample descriptions that differ; none if there is only one."""
    file.seek(start)
    if int.from_bytes(file.read(8)[4:], "big") < 2:
        return set()
    data, at, found = file.read(min(end - file.tell(), _MAX_BYTES)), 0, set[bytes]()
    while at + 8 <= len(data) and (size := int.from_bytes(data[at : at + 4], "big")) >= 8:
        found.add(data[at : at + size])
        at += size
    return found


def _shown(file: BinaryIO, tables: Places) -> NDArray[np.int64]:
    """The tick at which each frame is shown, in file order; none of a track without offsets."""
    offsets = _run_lengths(file, *tables.get(b"ctts", (0, 0)))
    decoded = np.cumsum(_run_lengths(file, *tables.get(b"stts", (0, 0))))
    return offsets[:0] if len(decoded) < len(offsets) else decoded[: len(offsets)] + offsets


def _run_lengths(file: BinaryIO, start: int, end: int) -> NDArray[np.int64]:
    """The values of a table of counts and values, one for each frame; none of a table that is too long."""
    file.seek(start)
    data = file.read(min(end - start, 8 * _MAX_FRAMES))[8:]
    counts, values = np.frombuffer(data[: len(data) // 8 * 8], ">i4").reshape(-1, 2).T.astype(np.int64)
    is_sane = (counts >= 0).all() and counts.sum() <= _MAX_FRAMES
    return np.repeat(values, counts) if is_sane else np.zeros(0, np.int64)


def _entries(file: BinaryIO, start: int, end: int) -> list[tuple[int, int, int]]:
    """The entries of the edit list in an edts box."""
    for name, stop in boxes(file, start, end):
        if name == b"elst":
            data = file.read(min(stop - file.tell(), _MAX_BYTES))
            entry = _ENTRIES[min(data[0], 1) if data else 0]
            count = min(int.from_bytes(data[4:8], "big"), len(data[8:]) // entry.size)
            return list(entry.iter_unpack(data[8 : 8 + count * entry.size]))
    return []
