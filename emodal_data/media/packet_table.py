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
from emodal_data.core.reasons import Reason
from emodal_data.media.guard import open_container, timed_out
from emodal_data.media.mpeg_display_order import MpegDisplayOrder
from emodal_data.media.read_through import JUMPING_DEMUXERS, LISTED_DEMUXERS, patience_s

_JUMP_S = 10.0
#: The clock of a listed film may go back by this much: parts joined with care overlap by the delay of their encoders.
_BACK_S = 0.5
#: More packets than this in a film are an attack: 12 hours of 100 pictures a second.
_MAX_PACKETS = 5_000_000
_NO_STAMP = -(2**63)


@dataclass(frozen=True, eq=False)
class PacketTable:
    """The packets of the picture in file order, numbered from 0.

    pts, dts: in ticks of the stream, _NO_STAMP if unknown. place: byte position in the file, -1 if the demuxer gives
    none (the packet begins in the middle of a pack). end_s: end of the last packet of picture or sound, on the
    container's scale.
    """

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    place: NDArray[np.int64]
    size: NDArray[np.int64]
    is_keyframe: NDArray[np.bool_]
    end_s: Fraction

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


@dataclass
class _ClockCheck:
    """Follows the clock of one stream through the file. overlap_s: how far a keyframe may go back."""

    name: str
    can_jump: bool
    overlap_s: float
    last_s: float = -np.inf
    latest_s: float = -np.inf

    def step(self, at_s: float, starts_s: float | None, is_keyframe: bool, reached_s: float) -> None:
        """One packet. at_s: its decoding time; starts_s: when it is shown; reached_s: the latest time of any stream.

        Raises Dropped(CLOCK_DISCONTINUOUS).
        """
        back_s = self.last_s - at_s
        if is_keyframe and starts_s is not None and starts_s < self.latest_s:
            # Nothing that is stored before a keyframe is shown after it.
            back_s = max(back_s, self.latest_s - starts_s + _BACK_S - self.overlap_s)
        if back_s > _BACK_S:
            raise Dropped(
                Reason.CLOCK_DISCONTINUOUS,
                f"the time stamps of the {self.name} go back from {self.last_s:.3f} to {at_s:.3f} s",
                at_s,
            )
        if self.can_jump and at_s - reached_s > _JUMP_S:
            raise Dropped(
                Reason.CLOCK_DISCONTINUOUS,
                f"the time stamps jump from {reached_s:.3f} to {at_s:.3f} s",
                at_s,
            )
        self.last_s = max(self.last_s, at_s)
        if starts_s is not None:
            self.latest_s = max(self.latest_s, starts_s)


@dataclass
class _Columns:
    """The columns of a table while it is read. display: of MPEG-1 and MPEG-2, else None."""

    display: MpegDisplayOrder | None
    rows: list[tuple[int, int, int, int, bool]] = field(default_factory=list)

    def add(self, packet: "Packet[Any]") -> None:
        """Append a packet of the picture."""
        if self.display is not None:
            self.display.add(packet)
        self.rows.append(
            (
                _NO_STAMP if packet.pts is None else packet.pts,
                _NO_STAMP if packet.dts is None else packet.dts,
                -1 if packet.pos is None else packet.pos,
                packet.size,
                packet.is_keyframe,
            )
        )

    def table(self, end_s: Fraction) -> PacketTable:
        """The finished table."""
        columns = np.array(self.rows, np.int64).reshape(-1, 5).T
        pts, dts, place, size = (np.ascontiguousarray(column) for column in columns[:4])
        if self.display is not None:
            pts = self.display.stamps(pts, (place >= 0) & (pts != _NO_STAMP))
        return PacketTable(pts, dts, place, size, columns[4] != 0, end_s)


def read_table(path: Path, config: ClipsConfig, picture: int, sound: int | None) -> PacketTable:
    """The packets of a film, from a container of its own. picture, sound: indices of the streams.

    A process keeps the tables of the films that it read last. Raises Dropped(CLOCK_DISCONTINUOUS, FILM_TOO_LARGE,
    DECODER_TIMED_OUT) and as open_container.
    """
    stat = path.stat()
    return _read_table(path, config, picture, sound, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _read_table(
    path: Path, config: ClipsConfig, picture: int, sound: int | None, size_bytes: int, mtime_ns: int
) -> PacketTable:
    deadline_s = time.monotonic() + config.timeout_s + patience_s(size_bytes)
    with closing(open_container(path, config)) as container:
        can_jump = container.format.name in JUMPING_DEMUXERS
        overlap_s = _BACK_S if container.format.name in LISTED_DEMUXERS else 0.0
        streams = {index: container.streams[index] for index in (picture, sound) if index is not None}
        for stream in container.streams:
            stream.discard = Discard.default if stream.index in streams else Discard.all
        names = {picture: "picture", sound: "sound"}
        checks = {index: _ClockCheck(names[index], can_jump, overlap_s) for index in streams}
        ticks_s = {index: float(stream.time_base or 0) for index, stream in streams.items()}
        columns = _Columns(MpegDisplayOrder.of(container, streams[picture]))
        reached_s, end_s = np.inf, -np.inf
        for packet in _packets(container, list(streams.values()), deadline_s):
            index = packet.stream_index
            if index == picture:
                columns.add(packet)
            stamp = packet.dts if packet.dts is not None else packet.pts
            if stamp is None:
                continue
            tick_s = ticks_s[index]
            at_s, starts_s = stamp * tick_s, None if packet.pts is None else packet.pts * tick_s
            checks[index].step(at_s, starts_s, index == picture and packet.is_keyframe, reached_s)
            reached_s = at_s if reached_s == np.inf else max(reached_s, at_s)
            end_s = max(end_s, (starts_s if starts_s is not None else at_s) + (packet.duration or 0) * tick_s)
    return columns.table(Fraction(0) if end_s == -np.inf else Fraction(end_s))


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
        except (av.FFmpegError, OSError):
            return
        if packet is None:
            return
        if packet.size:
            yield cast("Packet[Any]", packet)
    raise Dropped(Reason.FILM_TOO_LARGE, f"more than {_MAX_PACKETS} packets", _MAX_PACKETS)
