"""Files with half of what a film has: sound without a picture, and still pictures without time and sound."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media.audio import AudioSpan
from emodal_data.media.film import Film, Frame
from emodal_data.media.guard import check_length, damage_is, header_length_s, open_container, out_of_memory
from emodal_data.media.info import FilmInfo, audio_tracks, sound_stream
from emodal_data.media.structure import check_structure


class SoundFile(Film):
    """A film of which only the sound is read; it may have no picture."""

    def __init__(self, path: Path, config: ClipsConfig) -> None:
        self._path = path
        self._config = config
        self._sound = None
        self._container = open_container(path, config)
        try:
            with damage_is(Reason.FILM_UNREADABLE, repr(path.name)):
                sound_stream(self._container, config.audio_track)
                check_structure(path, self._container)
                length_s = header_length_s(self._container)
                check_length(length_s, config)
                name, tracks = self._container.format.name, audio_tracks(self._container)
                self.info = FilmInfo(name, length_s, "", 0, 0, 1.0, 0.0, tracks)
        except BaseException:
            self._container.close()
            raise

    def frame_at(self, t_s: float, max_side_px: int | None = None) -> Frame:
        """Raises Dropped(NO_VIDEO)."""
        raise Dropped(Reason.NO_VIDEO, f"{self._path.name!r} has no picture")

    def scan(self, start_s: float = 0.0, end_s: float = 0.0) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Nothing: there are no frames."""
        return iter(())


class StillPicture(Film):
    """A JPEG or PNG file: one frame that is on screen at all times. It has no length and no sound."""

    def __init__(self, path: Path, config: ClipsConfig) -> None:
        self._path = path
        try:
            bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        except OSError as error:
            raise Dropped(Reason.READ_FAILED, f"{path.name!r}: {error.strerror or error}") from error
        except cv2.error as error:
            if error.code == cv2.Error.STS_NO_MEM:
                raise out_of_memory() from error
            raise Dropped(Reason.FILM_UNREADABLE, f"{path.name!r}: {error}") from error
        if bgr is None:
            raise Dropped(Reason.FILM_UNREADABLE, f"{path.name!r}: not a picture that can be decoded")
        height, width = bgr.shape[:2]
        if height * width > config.max_pixels:
            what = f"{height * width} pixels, more than clips.max_pixels={config.max_pixels}"
            raise Dropped(Reason.FILM_TOO_LARGE, what, float(height * width))
        self._rgb = np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8)
        self.info = FilmInfo("picture", 0.0, path.suffix.lower().lstrip("."), width, height, 1.0, 0.0, ())

    def frame_at(self, t_s: float, max_side_px: int | None = None) -> Frame:
        """The picture, at any time. max_side_px: as of Film.frame_at."""
        height, width = self._rgb.shape[:2]
        scale = min(1.0, (max_side_px or max(height, width)) / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = self._rgb if scale == 1 else cv2.resize(self._rgb, size, interpolation=cv2.INTER_AREA)
        return Frame(np.asarray(small, np.uint8), 0.0, t_s, 0, scale)

    def audio_span(self, start_s: float, end_s: float) -> AudioSpan:
        """Raises Dropped(NO_AUDIO)."""
        raise Dropped(Reason.NO_AUDIO, f"{self._path.name!r} is a picture")

    def scan(self, start_s: float = 0.0, end_s: float = 0.0) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Nothing: a picture has no shots."""
        return iter(())

    def close(self) -> None:
        """Nothing is open."""
