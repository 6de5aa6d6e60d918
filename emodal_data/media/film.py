"""Opens a film and reads from it: the frame at a time, the sound of a span, a scan of all frames."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.media.audio import AudioReader, AudioSpan
from emodal_data.media.clock import Clock
from emodal_data.media.colours import container_colours
from emodal_data.media.cropping import container_crop
from emodal_data.media.decoded_picture import RGB, DecodedPicture
from emodal_data.media.frame_conversion import FrameConverter
from emodal_data.media.guard import (
    Budget,
    check_length,
    damage_is,
    open_container,
    select_stream,
)
from emodal_data.media.info import FilmInfo, picture_stream, read_info, sound_stream
from emodal_data.media.packet_table import PacketTable, read_table
from emodal_data.media.read_through import LISTED_DEMUXERS, has_true_length, is_read_through
from emodal_data.media.scan import scan
from emodal_data.media.structure import check_structure
from emodal_data.media.video import VideoReader


@dataclass(frozen=True)
class Frame:
    """The picture on screen at a time, as a viewer sees it.

    picture: its pixels, or a DecodedPicture that gives them. pts_s: when it came on screen, on the film clock.
    error_s: how long it had been on screen by then. corrupt_frames: damaged frames it was decoded from.
    scale: pixels of rgb per pixel of the upright, square-pixel film frame.
    """

    picture: RGB | DecodedPicture
    pts_s: float
    error_s: float
    corrupt_frames: int
    scale: float

    @property
    def rgb(self) -> RGB:
        """(h, w, 3) uint8, upright, square pixels."""
        return self.picture.whole if isinstance(self.picture, DecodedPicture) else self.picture


class Film(AbstractContextManager["Film"]):
    """An open film. The order of calls does not change their results; ascending times are cheapest."""

    def __init__(self, path: Path, config: ClipsConfig) -> None:
        self._path = path
        self._config = config
        self._sound: AudioReader | None = None
        self._container = open_container(path, config)
        try:
            with damage_is(Reason.FILM_UNREADABLE, repr(path.name)):
                self._stream = picture_stream(self._container)
                check_structure(path, self._container)
                colours = container_colours(path, self._container, self._stream)
                self.crop = container_crop(path, self._container, self._stream)
                self._table = self._read_through()
                clock = Clock.of(self._container, self._stream)
                length_s = None
                if self._table is not None and not has_true_length(self._container):
                    length_s = max(0.0, float(self._table.end_s - clock.start_s))
                self.info: FilmInfo = read_info(self._container, length_s)
                check_length(self.info.duration_s, config)
                select_stream(self._container, self._stream, config)
        except BaseException:
            self._container.close()
            raise
        is_listed = self._container.format.name in LISTED_DEMUXERS
        self._listed = self._table if is_listed else None
        self._video = VideoReader(path, self._container, self._stream, clock, self._listed, length_s)
        self._converter = FrameConverter(colours, self.crop)

    @property
    def duration_s(self) -> float:
        """Length by the header, or by the packets where all of them are read; 0 if the header has none."""
        return self.info.duration_s

    def frame_at(self, t_s: float, max_side_px: int | None = None) -> Frame:
        """The frame on screen at t_s: the last one that starts at or before it.

        t_s: seconds since the start of the container. max_side_px: shrink the frame so that no side is longer.
        Raises Dropped(SPAN_OUTSIDE_FILM, FRAME_UNREADABLE, FRAME_UNCERTAIN, COLOUR_UNSUPPORTED, FILM_TOO_LARGE,
        DECODER_TIMED_OUT).
        """
        with damage_is(Reason.FRAME_UNREADABLE, f"at {t_s:.3f} s"):
            decoded = self._video.frame_on_screen(t_s, Budget.of(self._config))
            picture, scale = self._converter.picture(decoded.frame, decoded.pixel_shape, max_side_px)
        pts_s = self._video.seconds(decoded.pts)
        return Frame(picture, pts_s, t_s - pts_s, decoded.corrupt_frames, scale)

    def audio(self, start_s: float, end_s: float) -> NDArray[np.float32]:
        """The span's sound: (round(end_s * 16000) - round(start_s * 16000),) float32, 16 kHz mono."""
        return self.audio_span(start_s, end_s).samples

    def audio_span(self, start_s: float, end_s: float) -> AudioSpan:
        """The span's sound with its counts of missing samples and damaged frames.

        Raises Dropped(NO_AUDIO, SPAN_OUTSIDE_FILM, AUDIO_UNREADABLE, FILM_TOO_LARGE, DECODER_TIMED_OUT).
        """
        with damage_is(Reason.AUDIO_UNREADABLE, f"at {start_s:.3f} s"):
            return self._sound_reader().span(start_s, end_s, Budget.of(self._config))

    def scan(
        self, start_s: float = 0.0, end_s: float = math.inf
    ) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Every frame that starts in [start_s, end_s), small: see scan.py. Uses a container of its own."""
        return scan(self._path, self._config, start_s, end_s, self._listed)

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        if self._sound is not None:
            self._sound.close()
            # The reader refers to the film: without this, both keep their frames until Python collects cycles.
            self._sound = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_through(self) -> PacketTable | None:
        """All packets of picture and sound, if only they tell the film's clock."""
        if not is_read_through(self._path, self._container, self._stream):
            return None
        try:
            sound = sound_stream(self._container, self._config.audio_track).index
        except (Dropped, InputError):  # of the sound, and told when it is asked for
            sound = None
        return read_table(self._path, self._config, self._stream.index, sound)

    def _sound_reader(self) -> AudioReader:
        # Sound is read through a container of its own, so that neither reader moves the other's position.
        if self._sound is None:
            now = self._path.stat()
            identity = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, self._config.audio_track)
            self._sound = AudioReader(self._open_sound, self._config, identity, self._path)
        return self._sound

    def _open_sound(self) -> tuple[InputContainer, AudioStream]:
        container = open_container(self._path, self._config)
        try:
            stream = sound_stream(container, self._config.audio_track)
            select_stream(container, stream, self._config)
        except BaseException:
            container.close()
            raise
        return container, stream
