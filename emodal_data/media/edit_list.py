"""Edit lists of MP4 and QuickTime: films that are put together from several pieces of their tracks."""

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
#: More of an edit list is not read: a film has a handful of pieces.
_MAX_BYTES = 2**16


def check_edits(path: Path) -> None:
    """Raise Dropped(FRAME_UNCERTAIN) if an edit list joins several pieces, or plays one at another speed.

    FFmpeg shows such pieces at other times than they have in the film, or leaves frames out. ISO/IEC 14496-12, 8.6.6.
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
    pieces, kind = [], None
    for name, after in boxes(file, file.tell(), end):
        if name == b"edts":
            entries = _entries(file, after)
            pieces = list(dropwhile(lambda entry: entry[1] == _NOTHING, entries))  # a late start is none
        elif name == b"mdia":
            kind = next(
                (file.read(12)[8:] for inner, _ in boxes(file, file.tell(), after) if inner == b"hdlr"), None
            )
    if kind not in _TRACKS or (len(pieces) < 2 and all(speed == _USUAL_SPEED for _, _, speed in pieces)):
        return
    what = f"{len(pieces)} pieces" if len(pieces) > 1 else "a piece at another speed"
    raise Dropped(
        Reason.FRAME_UNCERTAIN, f"an edit list makes the {_TRACKS[kind]} of {what}: its times are not sure"
    )


def _entries(file: BinaryIO, end: int) -> list[tuple[int, int, int]]:
    """The entries of the edit list in an edts box."""
    for name, stop in boxes(file, file.tell(), end):
        if name == b"elst":
            data = file.read(min(stop - file.tell(), _MAX_BYTES))
            entry = _ENTRIES[min(data[0], 1) if data else 0]
            count = min(int.from_bytes(data[4:8], "big"), len(data[8:]) // entry.size)
            return list(entry.iter_unpack(data[8 : 8 + count * entry.size]))
    return []
