"""Reads every frame of a stretch of film, small and in order, for detectors that need all of them.

Decoding is rough (no loop filter, no colour management): good enough to tell shots apart, not for faces.
"""

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.media.clock import Clock
from emodal_data.media.guard import Budget, open_container, select_stream
from emodal_data.media.info import picture_stream
from emodal_data.media.packet_source import PacketSource
from emodal_data.media.packet_table import PacketTable
from emodal_data.media.seeking import STEPS_BACK_S

#: Longest side of the pictures.
SIDE_PX = 256


def scan(
    path: Path,
    config: ClipsConfig,
    start_s: float = 0.0,
    end_s: float = math.inf,
    table: PacketTable | None = None,
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(film time in s, BGR (h, w, 3) uint8) of every frame that starts in [start_s, end_s), ascending.

    path: from film_path(). table: see PacketSource. Damaged frames are left out; a torn film just ends.
    Raises Dropped(FILM_UNREADABLE, FILM_TOO_LARGE, NO_VIDEO, DECODER_TIMED_OUT).
    """
    with closing(open_container(path, config)) as container:
        stream = picture_stream(container)
        select_stream(container, stream, config)
        context = cast(Any, stream.codec_context)
        context.options = {**context.options, "skip_loop_filter": "all"}
        clock = Clock.of(container, stream)
        source = PacketSource(path, container, stream, clock, table)
        for pts, frame in _frames_from(source, clock.pts_at(start_s), config):
            t_s = float(clock.seconds(pts))
            if t_s >= end_s:
                return
            if t_s >= start_s:
                yield t_s, _small(frame)


def _frames_from(source: PacketSource, target: int, config: ClipsConfig) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from target on, beginning with one at or before it if there is one."""
    for back_s in STEPS_BACK_S:
        source.seek(target, back_s)
        frames = _decoded(source, config)
        first = next(frames, None)
        if first is not None and (first[0] <= target or back_s == STEPS_BACK_S[-1]):
            yield first
            yield from frames
            return


def _decoded(source: PacketSource, config: ClipsConfig) -> Iterator[tuple[int, VideoFrame]]:
    source.stamps.restart()
    budget = Budget.of(config)
    while (packet := source.next(budget)) is not None:
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            continue
        for frame in frames:
            stamp = source.stamps.of_frame(frame)
            if stamp is not None:
                yield stamp, frame
                budget = Budget.of(config)  # the limit is for each frame, not for the whole scan


def _small(frame: VideoFrame) -> NDArray[np.uint8]:
    scale = min(1.0, SIDE_PX / max(frame.width, frame.height))
    made = frame.reformat(
        width=max(1, round(frame.width * scale)),
        height=max(1, round(frame.height * scale)),
        format="bgr24",
        interpolation=Interpolation.AREA,
        threads=1,
    )
    return cast(NDArray[np.uint8], made.to_ndarray())
