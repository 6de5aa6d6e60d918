"""What FFmpeg does not pass on of Matroska: whether one segment is all, stamps before zero, ordered chapters, crops.

FFmpeg (matroska_parse_block) leaves out the time stamps of blocks before zero, and their keyframes from its index.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason

_SEGMENT, _INFO, _TRACKS, _CLUSTER = (
    b"\x18\x53\x80\x67",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\x1f\x43\xb6\x75",
)
_TICK_NS, _TRACK, _NUMBER, _KIND, _DELAY_NS = b"\x2a\xd7\xb1", b"\xae", b"\xd7", b"\x83", b"\x56\xaa"
_VIDEO, _CROPS = b"\xe0", (b"\x54\xbb", b"\x54\xaa", b"\x54\xcc", b"\x54\xdd")
_CLUSTER_TICKS, _BLOCK_GROUP, _BLOCK, _SIMPLE_BLOCK = b"\xe7", b"\xa0", b"\xa1", b"\xa3"
_CHAPTERS, _EDITION, _IS_DEFAULT, _IS_ORDERED = b"\x10\x43\xa7\x70", b"\x45\xb9", b"\x45\xdb", b"\x45\xdd"
_CHAPTER, _FROM_NS, _TO_NS, _OTHER_SEGMENT = b"\xb6", b"\x91", b"\x92", b"\x6e\x67"
_IS_ENABLED = b"\x45\x98"
_SEEK_HEAD, _SEEK, _SOUGHT, _PLACE = b"\x11\x4d\x9b\x74", b"\x4d\xbb", b"\x53\xab", b"\x53\xac"
_KINDS = {1: "picture", 2: "sound"}
#: Elements of one level, and blocks of the first cluster, that are looked at.
_MAX_ELEMENTS, _MAX_BLOCKS = 1000, 64
#: Chapters that follow each other within this time leave nothing out.
_CHAPTER_NS = 1_000_000
#: FFmpeg counts back from the first time stamp that it reads; that far it may be off.
_GUESS_S = 0.005

#: Identity of an element, where its content starts and stops, and whether it says where; else it may go on to the end.
Element = tuple[bytes, int, int, bool]


def is_one_segment(path: Path) -> bool:
    """Whether nothing follows the first segment of a file; a segment of unknown length may be followed."""
    size = path.stat().st_size
    with path.open("rb") as file:
        return any(
            name == _SEGMENT and is_known and stop >= size
            for name, _, stop, is_known in _elements(file, 0, size)
        )


def check_start(path: Path, container: InputContainer) -> None:
    """Raise Dropped(FRAME_UNCERTAIN) if the picture starts before zero, or the sound where FFmpeg guesses wrong.

    Also if ordered chapters show it in another order.

    FFmpeg never seeks back to a group of pictures that is not in its index. Of sound only the clock matters.
    """
    first_s, delay_s = _first_stamps_s(path)
    if first_s.get("picture", 0.0) < 0:
        raise _uncertain("picture", first_s["picture"])
    given_s = [
        float(stream.start_time * stream.time_base)
        for stream in container.streams.audio
        if stream.start_time is not None and stream.time_base
    ]
    sound_s = first_s.get("sound", 0.0)
    if (
        sound_s < 0
        and given_s
        and min(abs(min(given_s) - t_s) for t_s in (sound_s, sound_s - delay_s)) > _GUESS_S
    ):
        raise _uncertain("sound", sound_s)


def pixel_crop(path: Path, number: int) -> tuple[int, int, int, int]:
    """Pixels of a picture's top, bottom, left and right that are not shown. number: among pictures, from 0."""
    with path.open("rb") as file:
        numbers = next(islice(_pictures(file, path.stat().st_size), number, None), {})
    top, bottom, left, right = (numbers.get(name, 0) for name in _CROPS)
    return top, bottom, left, right


def _pictures(file: BinaryIO, size: int) -> Iterator[dict[bytes, int]]:
    """The numbers in the description of each picture of the first segment."""
    segment = next((span for name, *span, _ in _elements(file, 0, size) if name == _SEGMENT), (size, size))
    tracks = next((span for name, *span, _ in _elements(file, *segment) if name == _TRACKS), (size, size))
    for name, *track, _ in _elements(file, *tracks):
        if name == _TRACK and _KINDS.get(_numbers(file, *track).get(_KIND, 0)) == "picture":
            yield next(
                (_numbers(file, *at) for inner, *at, _ in _elements(file, *track) if inner == _VIDEO), {}
            )


def _uncertain(kind: str, first_s: float) -> Dropped:
    what = f"the {kind} starts at {first_s:.3f} s; FFmpeg reads no time stamps before zero from Matroska"
    return Dropped(Reason.FRAME_UNCERTAIN, what, first_s)


def _first_stamps_s(path: Path) -> tuple[dict[str, float], float]:
    """The earliest time stamp of the first cluster by kind of track, and the delay of the sound's codec, in seconds."""
    size = path.stat().st_size
    tick_ns, delay_ns, kinds = 1_000_000, 0, dict[int, str]()
    found: dict[str, float] = {}
    with path.open("rb") as file:
        segment, segment_end = next(
            ((start, stop) for name, start, stop, _ in _elements(file, 0, size) if name == _SEGMENT),
            (size, size),
        )
        chapters = set[int]()
        for name, start, stop, _ in _elements(file, segment, segment_end):
            if name == _SEEK_HEAD:  # what lies behind the clusters is named there
                chapters |= {segment + place for place in _places(file, start, stop, _CHAPTERS)}
            elif name == _INFO:
                tick_ns = _numbers(file, start, stop).get(_TICK_NS, tick_ns)
            elif name == _TRACKS:
                for entry, begin, end, _ in _elements(file, start, stop):
                    numbers = _numbers(file, begin, end) if entry == _TRACK else {}
                    if numbers.get(_KIND) in _KINDS:
                        kinds[numbers.get(_NUMBER, 0)] = _KINDS[numbers[_KIND]]
                        delay_ns = max(delay_ns, numbers.get(_DELAY_NS, 0))
            elif name == _CLUSTER:
                for track, ticks in islice(_blocks(file, start, stop), _MAX_BLOCKS):
                    if track in kinds:
                        t_s = ticks * tick_ns / 1e9
                        found[kinds[track]] = min(t_s, found.get(kinds[track], t_s))
                break
            elif name == _CHAPTERS:
                _check_chapters(file, start, stop)
        for place in chapters:
            for name, start, stop, _ in islice(_elements(file, place, segment_end), 1):
                if name == _CHAPTERS:
                    _check_chapters(file, start, stop)
    return found, delay_ns / 1e9


def _check_chapters(file: BinaryIO, start: int, stop: int) -> None:
    """Raise Dropped(FRAME_UNCERTAIN) if players show chapters in another order than they are stored in.

    Ordered editions (RFC 9559, 20.1.3) may leave parts out, repeat them, or take them from another file; FFmpeg plays
    the file as it is stored. Chapters that end before the film change no time before their end.
    """
    editions = [(at, end) for name, at, end, _ in _elements(file, start, stop) if name == _EDITION]
    flags = [_numbers(file, *edition) for edition in editions]
    played = next((k for k, one in enumerate(flags) if one.get(_IS_DEFAULT)), 0)
    if not editions or not flags[played].get(_IS_ORDERED):
        return
    reached_ns = 0
    for name, at, end, _ in _elements(file, *editions[played]):
        if name != _CHAPTER:
            continue
        times = _numbers(file, at, end)
        if not times.get(_IS_ENABLED, 1):
            continue
        is_linked = any(inner == _OTHER_SEGMENT for inner, *_ in _elements(file, at, end))
        if is_linked or abs(times.get(_FROM_NS, 0) - reached_ns) > _CHAPTER_NS:
            what = "ordered chapters leave parts out, repeat them, or take them from another file"
            raise Dropped(Reason.FRAME_UNCERTAIN, f"{what}: players show other times than the file has")
        reached_ns = times.get(_TO_NS, reached_ns)


def _places(file: BinaryIO, start: int, stop: int, sought: bytes) -> Iterator[int]:
    """Where a seek head says that an element begins, counted from the start of the segment's content."""
    for name, at, end, _ in _elements(file, start, stop):
        numbers = _numbers(file, at, end) if name == _SEEK else {}
        if numbers.get(_SOUGHT) == int.from_bytes(sought, "big") and _PLACE in numbers:
            yield numbers[_PLACE]


def _blocks(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Track number and time stamp in ticks of the blocks of a cluster."""
    cluster = 0
    for name, begin, end, _ in _elements(file, start, stop):
        at = begin if name == _SIMPLE_BLOCK else -1
        if name == _CLUSTER_TICKS:
            cluster = _number(file, begin, end)
        elif name == _BLOCK_GROUP:
            at = next((at for inner, at, _, _ in _elements(file, begin, end) if inner == _BLOCK), -1)
        if at >= 0:
            file.seek(at)
            head = file.read(12)
            width = _width(head, 0)
            yield _size(head, 0), cluster + int.from_bytes(head[width : width + 2], "big", signed=True)


def _numbers(file: BinaryIO, start: int, stop: int) -> dict[bytes, int]:
    """The elements of up to eight bytes in an element, as unsigned integers."""
    return {
        name: _number(file, begin, end)
        for name, begin, end, _ in _elements(file, start, stop)
        if end - begin <= 8
    }


def _number(file: BinaryIO, start: int, stop: int) -> int:
    file.seek(start)
    return int.from_bytes(file.read(min(8, stop - start)), "big")


def _elements(file: BinaryIO, start: int, stop: int) -> Iterator[Element]:
    """The elements that follow one another from start on; the last may be cut off, or have an unknown size."""
    for _ in range(_MAX_ELEMENTS):
        file.seek(start)
        head = file.read(12)
        if start >= stop or not head or not head[0]:
            return
        width, size_width = _width(head, 0), _width(head, _width(head, 0))
        size, content = _size(head, width), start + width + size_width
        is_known = size != (1 << 7 * size_width) - 1
        start = content + size if is_known else stop
        yield head[:width], content, start, is_known


def _width(data: bytes, at: int) -> int:
    """Bytes of an EBML number, from its leading zeros."""
    return 9 - data[at].bit_length() if at < len(data) and data[at] else 1


def _size(data: bytes, at: int) -> int:
    width = _width(data, at)
    return int.from_bytes(data[at : at + width], "big") % (1 << 7 * width)
