"""The plain way to a film's frames: an opening of its own, no seek, nothing skipped, everything decoded from the start.

Slow, and independent of video.py, whose answers it checks.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.media.clock import GRAIN_S, Clock
from emodal_data.media.colours import container_colours
from emodal_data.media.cropping import container_crop
from emodal_data.media.film import Film
from emodal_data.media.frame_conversion import FrameConverter
from emodal_data.media.guard import open_container, select_stream
from emodal_data.media.info import picture_stream
from emodal_data.media.pixel_shape import PixelShapes

#: Longest side of the pictures that are compared, and how far their pixels may differ on average.
SIDE_PX, MAX_DIFFERENCE = 64, 3.0
#: Time stamps closer than this are one.
_SAME_S = 0.0005
#: In MPEG-PS, frames before a gap may have been guessed for so long.
_GUESSED_S = 1.0


@dataclass(frozen=True)
class PlainFrame:
    """The frame on screen at t_s by a whole decode. is_sure: whether the time stamps around it are in order."""

    t_s: float
    pts_s: float
    rgb: NDArray[np.uint8]
    is_sure: bool


@dataclass(frozen=True)
class Difference:
    """A time at which the reader and a whole decode give other frames, with both answers."""

    t_s: float
    plain_s: float
    answer: str

    def __str__(self) -> str:
        return f"at {self.t_s:.3f} s: {self.answer}; a whole decode: the frame of {self.plain_s:.3f} s"


class BestEffort:
    """The time stamp that FFmpeg calls its best effort: guess_correct_pts() of libavcodec/decode.c."""

    def __init__(self) -> None:
        self._last_pts = self._last_dts = -(2**63)
        self._faulty_pts = self._faulty_dts = 0

    def stamp(self, pts: int | None, dts: int | None) -> int | None:
        """The best guess for the next frame in the order of display, from the frame's own stamps."""
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        trusts_pts = self._faulty_pts <= self._faulty_dts or dts is None
        return pts if trusts_pts and pts is not None else dts


def plain_frames(path: Path, config: ClipsConfig, times_s: Sequence[float]) -> list[PlainFrame]:
    """The frames on screen at some times. path: from film_path().

    A time before the first frame is left out; one after the last gives the last.
    Raises Dropped as open_container() and picture_stream() do.
    """
    with closing(open_container(path, config)) as container:
        stream = picture_stream(container)
        colours, crop = container_colours(path, container, stream), container_crop(path, container, stream)
        converter = FrameConverter(colours, crop)
        select_stream(container, stream, config)
        clock = Clock.of(container, stream)
        rate = stream.average_rate or stream.guessed_rate
        frame_s = float(1 / rate) if rate else 0.04
        waiting = sorted(times_s)
        found: list[PlainFrame] = []
        guess = BestEffort()
        shown: tuple[float, VideoFrame, float] | None = None
        latest_s = back_until_s = -frame_s
        length_s = frame_s  # of the frame before

        def answer(t_s: float) -> None:
            if shown is None:
                return  # before the first frame
            rgb, _ = converter.convert(shown[1], shown[2], SIDE_PX)
            found.append(PlainFrame(t_s, shown[0], rgb, t_s > back_until_s))

        shapes = PixelShapes(container, stream)
        is_ps = container.format.name == "mpeg"
        for frame in _decoded(container.demux(stream), shapes):
            stamp = guess.stamp(frame.pts, frame.dts)
            t_s = latest_s + length_s if stamp is None else float(clock.seconds(stamp))
            if is_ps and shown is not None and t_s < latest_s + length_s / 2:
                t_s = (
                    latest_s + length_s
                )  # where a pack cuts a start code, FFmpeg gives the stamp to a neighbour
            while waiting and waiting[0] + float(GRAIN_S) < t_s:
                answer(waiting.pop(0))
            if (
                is_ps and t_s > latest_s + 1.5 * length_s
            ):  # frames without a stamp of their own were guessed too early
                found = [one if one.t_s < t_s - _GUESSED_S else _unsure(one) for one in found]
            if not waiting:
                return found
            if t_s <= latest_s and shown is not None:  # FFmpeg shows another frame here than its stamps say
                back_until_s = latest_s + 2 * frame_s
                found = [one if one.t_s < t_s - frame_s else _unsure(one) for one in found]
                continue
            latest_s, shown = t_s, (t_s, frame, shapes.of_frame(frame))
            length_s = float((frame.duration or 0) * clock.tick_s) or frame_s
        for t_s in waiting:
            answer(t_s)
        return found


def compare_frames(
    film: Film,
    path: Path,
    config: ClipsConfig,
    times_s: Sequence[float],
    answered_s: Mapping[float, float] = MappingProxyType({}),
) -> list[Difference]:
    """Where an open film answers otherwise than a whole decode of it does. path: of the film.

    answered_s: the time stamps of frames that it gave before, by the time that was asked for.
    """
    differences = []
    for plain in plain_frames(path, config, times_s):
        if not plain.is_sure:
            continue
        try:
            frame = film.frame_at(plain.t_s, max_side_px=SIDE_PX)
        except Dropped as dropped:
            differences.append(Difference(plain.t_s, plain.pts_s, str(dropped)))
            continue
        wrong_s = [
            pts_s
            for pts_s in (answered_s.get(plain.t_s, frame.pts_s), frame.pts_s)
            if abs(pts_s - plain.pts_s) > _SAME_S
        ]
        if wrong_s:
            differences.append(Difference(plain.t_s, plain.pts_s, f"the frame of {wrong_s[0]:.3f} s"))
        elif frame.rgb.shape != plain.rgb.shape or _difference(frame.rgb, plain.rgb) > MAX_DIFFERENCE:
            differences.append(
                Difference(plain.t_s, plain.pts_s, f"another picture for the frame of {frame.pts_s:.3f} s")
            )
    return differences


def _decoded(packets: "Iterator[Packet[VideoStream]]", shapes: PixelShapes) -> Iterator[VideoFrame]:
    """Every frame in the order of display; damaged packets are left out, and a torn file just ends."""
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return
        if not packet.size and packet.pts is not None:
            continue  # nothing changes on screen
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            continue
        shapes.packet_decoded(packet.pts)
        yield from frames


def _unsure(frame: PlainFrame) -> PlainFrame:
    return PlainFrame(frame.t_s, frame.pts_s, frame.rgb, False)


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())
