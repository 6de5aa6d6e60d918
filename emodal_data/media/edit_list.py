"""MP4 and QuickTime films that are put together: from several pieces of their tracks, or of several codings."""

import struct
from itertools import dropwhile
from pathlib import Path
from typing import BinaryIO

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media.mp4_boxes import boxes

#: Length, place in the track (-1: nothing is shown) and speed of a piece; by the version of the box.
_ENTRIES = {0: struct.Struct(">Iii"), 1: struct.Struct(">Qqi")}
_NOTHING, _USUAL_SPEED = -1, 1 << 16
_TRACKS = {b"vide": "picture", b"soun": "sound"}
_TO_DESCRIPTIONS = (b"minf", b"stbl", b"stsd")
#: Decoders of these change their parameters rightly, and after a seek too.
_CAN_CHANGE = (b"avc1", b"avc3", b"hvc1", b"hev1")
#: More of an edit list or of descriptions is not read: a film has a handful of pieces.
_MAX_BYTES = 2**16


def check_edits(path: Path) -> None:
    """Raise Dropped(FRAME_UNCERTAIN) if an edit list joins several pieces, or plays one at another speed.

    FFmpeg shows such pieces at other times than they have in the film, or leaves frames out. ISO/IEC 14496-12, 8.6.6.
    Also if a track has descriptions that differ (8.5.2): after a seek FFmpeg may decode by that of another part.
    """
    with path.open("rb") as file:
        for name, end in boxes(file, 0, path.stat().st_size):
            if (
                name == b"moov"
            ):  # others are ignored, and nothing after it is looked at: there may be many fragments
                for inner, inner_end in boxes(file, file.tell(), end):
                    if inner == b"trak":
                        _check_track(file, inner_end)
                return


def _check_track(file: BinaryIO, end: int) -> None:
    pieces, kind, descriptions = [], None, set[bytes]()
    for name, after in boxes(file, file.tell(), end):
        if name == b"edts":
            entries = _entries(file, after)
            pieces = list(dropwhile(lambda entry: entry[1] == _NOTHING, entries))  # a late start is none
        elif name == b"mdia":
            for inner, inner_end in boxes(file, file.tell(), after):
                if inner == b"hdlr":
                    kind = file.read(12)[8:]
                elif inner == _TO_DESCRIPTIONS[0]:
                    descriptions = _descriptions(file, inner_end)
    if kind in _TRACKS and len(descriptions) > 1 and {one[4:8] for one in descriptions} - {*_CAN_CHANGE}:
        what = f"the {_TRACKS[kind]} changes its coding ({len(descriptions)} sample descriptions)"
        raise Dropped(Reason.FRAME_UNCERTAIN, f"{what}: what is decoded after a seek is not sure")
    if kind not in _TRACKS or (len(pieces) < 2 and all(speed == _USUAL_SPEED for _, _, speed in pieces)):
        return
    what = f"{len(pieces)} pieces" if len(pieces) > 1 else "a piece at another speed"
    raise Dropped(
        Reason.FRAME_UNCERTAIN, f"an edit list makes the {_TRACKS[kind]} of {what}: its times are not sure"
    )


def _descriptions(file: BinaryIO, end: int) -> set[bytes]:
    """The sample descriptions that differ, from the content of a minf box; none if there is only one."""
    for wanted in _TO_DESCRIPTIONS[1:]:
        end = next((after for name, after in boxes(file, file.tell(), end) if name == wanted), -1)
        if end < 0:
            return set()
    if int.from_bytes(file.read(8)[4:], "big") < 2:
        return set()
    data, at, found = file.read(min(end - file.tell(), _MAX_BYTES)), 0, set[bytes]()
    while at + 8 <= len(data) and (size := int.from_bytes(data[at : at + 4], "big")) >= 8:
        found.add(data[at : at + size])
        at += size
    return found


def _entries(file: BinaryIO, end: int) -> list[tuple[int, int, int]]:
    """The entries of the edit list in an edts box."""
    for name, stop in boxes(file, file.tell(), end):
        if name == b"elst":
            data = file.read(min(stop - file.tell(), _MAX_BYTES))
            entry = _ENTRIES[min(data[0], 1) if data else 0]
            count = min(int.from_bytes(data[4:8], "big"), len(data[8:]) // entry.size)
            return list(entry.iter_unpack(data[8 : 8 + count * entry.size]))
    return []
