"""Reads the time stamps of all packets of a film without decoding, and refuses films with more than one clock.

Some containers do not say enough for a seek: in MPEG-TS and MPEG-PS not every picture has a time stamp, and what FFmpeg
fills in after a seek differs from what it fills in when it reads the whole film. Their packets are listed once, in file
order, and recognised by their place in the file after each seek.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.patience import patience_s
from emodal_data.core.reasons import Reason
from emodal_data.media.clock_check import PacketTimes, check_clock, check_ticks
from emodal_data.media.guard import open_container, refuse_passing, timed_out
from emodal_data.media.mpeg_display_order import MpegDisplayOrder
from emodal_data.media.read_through import JUMPING_DEMUXERS, LISTED_DEMUXERS

#: More packets than this in a film are an attack: 12 hours of 100 pictures a second.
_MAX_PACKETS = 5_000_000
_NO_STAMP = -(2**63)


@dataclass(frozen=True, eq=False)
class PacketTable:
    """The packets of the picture in file order, numbered from 0.

    pts, dts: in ticks of the stream, _NO_STAMP if unknown. place: byte position in the file, -1 if the demuxer gives
    none (the packet begins in the middle of a pack). end_s: end of the last packet of picture or sound, on the
    container's scale. unsure: (m, 2) spans of time in which the time stamps do not say which picture is on screen.
    """

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    place: NDArray[np.int64]
    size: NDArray[np.int64]
    is_keyframe: NDArray[np.bool_]
    end_s: Fraction
    unsure: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def number_at(self, place: int | None, size: int) -> int | None:
        """The number of the packet with this place and size; None if the table has none."""
        if place is None or place < 0:
            return None
        places, numbers = self._anchors
        at = int(np.searchsorted(places, place))
        if at == len(places) or places[at] != place or self.size[numbers[at]] != size:
            return None
        return int(numbers[at])

    def stamps_at(self, number: int) -> tuple[int | None, int | None]:
        """pts and dts of a packet."""
        pts, dts = int(self.pts[number]), int(self.dts[number])
        return None if pts == _NO_STAMP else pts, None if dts == _NO_STAMP else dts

    def is_sure(self, pts: int) -> bool:
        """Whether the time stamps say which picture is on screen."""
        return not ((self.unsure[:, 0] <= pts) & (pts < self.unsure[:, 1])).any()

    def keyframe_before(self, pts: int) -> int:
        """The number of the last keyframe that starts at or before pts; 0 if there is none."""
        numbers = self._keyframes
        at = int(np.searchsorted(self.pts[numbers], pts, "right")) - 1
        return int(numbers[at]) if at >= 0 else 0

    def place_before(self, number: int) -> int:
        """A byte position to read from in order to get the packet; 0: the start of the file."""
        places, numbers = self._anchors
        at = int(np.searchsorted(numbers, number, "right")) - 1
        return int(places[at]) if at >= 0 and numbers[at] > 0 else 0

    @cached_property
    def is_stamped(self) -> bool:
        """Whether every packet says when its frame is shown; else frames must be counted, and none may be left out."""
        return bool((self.pts != _NO_STAMP).all())

    @cached_property
    def _keyframes(self) -> NDArray[np.intp]:
        """Numbers of the keyframes, their times ascending: where parts overlap, the later part is shown."""
        numbers = np.flatnonzero(self.is_keyframe & (self.pts != _NO_STAMP))
        earliest_later = np.minimum.accumulate(self.pts[numbers][::-1])[::-1]
        return numbers[self.pts[numbers] <= earliest_later]

    @cached_property
    def _anchors(self) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Places and numbers of the packets that have a place, ascending."""
        numbers = np.flatnonzero(self.place >= 0)
        order = np.argsort(self.place[numbers], kind="stable")
        return self.place[numbers][order], numbers[order]


class _Columns:
    """The columns of a table while it is read."""

    def __init__(self, display: MpegDisplayOrder | None) -> None:
        self._display = display
        self._pictures: list[tuple[int, int, int, int, bool]] = []
        self._times: list[tuple[float, float, bool, bool]] = []
        self.end_s = -np.inf

    def add(self, packet: "Packet[Any]", tick_s: float, is_picture: bool) -> None:
        """Append a packet of picture or sound."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        decoded_s = np.nan if stamp is None else stamp * tick_s
        shown_s = np.nan if packet.pts is None else packet.pts * tick_s
        self._times.append((decoded_s, shown_s, is_picture, is_picture and packet.is_keyframe))
        last_s = (shown_s if packet.pts is not None else decoded_s) + (packet.duration or 0) * tick_s
        self.end_s = max(self.end_s, last_s)
        if is_picture:
            if self._display is not None:
                self._display.add(packet)
            self._pictures.append(
                (
                    _NO_STAMP if packet.pts is None else packet.pts,
                    _NO_STAMP if packet.dts is None else packet.dts,
                    -1 if packet.pos is None else packet.pos,
                    packet.size,
                    packet.is_keyframe,
                )
            )

    def table(self, container: str) -> PacketTable:
        """The finished table. container: name of the demuxer. Raises Dropped(CLOCK_DISCONTINUOUS, FRAME_UNCERTAIN)."""
        columns = np.array(self._pictures, np.int64).reshape(-1, 5).T
        pts, dts, place, size = (np.ascontiguousarray(column) for column in columns[:4])
        decoded_s, shown_s, is_picture, is_keyframe = np.array(self._times, np.float64).reshape(-1, 4).T
        times = PacketTimes(decoded_s, shown_s, is_picture != 0, is_keyframe != 0)
        damaged = check_clock(
            times,
            is_listed=container in LISTED_DEMUXERS,
            can_jump=container in JUMPING_DEMUXERS,
            has_dts=not container.startswith("matroska"),
        )
        unstamped = int((pts == _NO_STAMP).sum())
        if container == "mpeg" and self._display is None and unstamped:
            raise Dropped(
                Reason.FRAME_UNCERTAIN,
                f"{unstamped} of {len(pts)} pictures share packs and have no time stamp, and only MPEG-1 and MPEG-2 "
                "say their order",
                float(unstamped),
            )
        check_ticks(pts[pts != _NO_STAMP])
        pts[damaged[times.is_picture]] = dts[damaged[times.is_picture]] = _NO_STAMP
        unsure = np.zeros((0, 2), np.int64)
        if self._display is not None:
            pts, unsure = self._display.stamps(pts, (place >= 0) & (pts != _NO_STAMP))
        ends_s = np.fmax(shown_s, decoded_s)[~damaged]
        end_s = self.end_s if not damaged.any() else (np.nanmax(ends_s) if len(ends_s) else -np.inf)
        return PacketTable(pts, dts, place, size, columns[4] != 0, Fraction(max(end_s, 0.0)), unsure)


def read_table(path: Path, config: ClipsConfig, picture: int, sound: int | None) -> PacketTable:
    """The packets of a film, from a container of its own. picture, sound: indices of the streams.

    A process keeps the tables of the films that it read last. Raises Dropped(CLOCK_DISCONTINUOUS, FRAME_UNCERTAIN,
    FILM_TOO_LARGE, DECODER_TIMED_OUT) and as open_container.
    """
    stat = path.stat()
    return _read_table(path, config, picture, sound, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _read_table(
    path: Path, config: ClipsConfig, picture: int, sound: int | None, size_bytes: int, mtime_ns: int
) -> PacketTable:
    deadline_s = time.monotonic() + config.timeout_s + patience_s(size_bytes)
    with closing(open_container(path, config)) as container:
        name = container.format.name
        streams = {index: container.streams[index] for index in (picture, sound) if index is not None}
        for stream in container.streams:
            stream.discard = Discard.default if stream.index in streams else Discard.all
        ticks_s = {index: float(stream.time_base or 0) for index, stream in streams.items()}
        columns = _Columns(MpegDisplayOrder.of(path, container, streams[picture]))
        for packet in _packets(container, list(streams.values()), deadline_s):
            index = packet.stream_index
            columns.add(packet, ticks_s[index], index == picture)
    return columns.table(name)


def _packets(container: InputContainer, streams: list[Stream], deadline_s: float) -> "Iterator[Packet[Any]]":
    """The packets that have data; a torn file ends where it is torn."""
    packets = container.demux(*streams)
    for count in range(_MAX_PACKETS):
        if count % 1024 == 0 and time.monotonic() > deadline_s:
            raise timed_out()
        try:
            packet = next(packets, None)
        except av.error.ExitError as error:
            raise timed_out() from error
        except IndexError:  # a packet of a stream that FFmpeg found on the way, unknown to PyAV
            packets = container.demux(*streams)
            continue
        except (av.FFmpegError, OSError) as error:
            refuse_passing(error)
            return
        if packet is None:
            return
        if packet.size:
            yield cast("Packet[Any]", packet)
    raise Dropped(Reason.FILM_TOO_LARGE, f"more than {_MAX_PACKETS} packets", _MAX_PACKETS)
