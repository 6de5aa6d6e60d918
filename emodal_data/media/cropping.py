"""The part of the stored picture that a container says is shown: `clap` of MP4 and QuickTime, PixelCrop of Matroska."""

from dataclasses import astuple, dataclass
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emodal_data.media import matroska, mp4_tracks
from emodal_data.media.filters import filtered


@dataclass(frozen=True)
class Crop:
    """Pixels at each side of the stored picture that are not shown."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __str__(self) -> str:
        return f"{self.top} pixels above, {self.bottom} below, {self.left} left and {self.right} right"

    def of(self, frame: VideoFrame) -> VideoFrame:
        """The part of a frame that is shown; the whole frame if nothing would be left."""
        width, height = frame.width - self.left - self.right, frame.height - self.top - self.bottom
        if not any(astuple(self)) or min(width, height) < 1:
            return frame
        return filtered(frame, "crop", f"{width}:{height}:{self.left}:{self.top}:exact=1")


def container_crop(path: Path, container: InputContainer, stream: VideoStream) -> Crop:
    """What the container crops, as FFmpeg (-apply_cropping), QuickTime and mpv do."""
    name = container.format.name
    if name.startswith("mov"):
        return Crop(*mp4_tracks.clean_aperture(path, stream.id))
    if name.startswith("matroska"):
        return Crop(*matroska.pixel_crop(path, container.streams.video.index(stream)))
    return Crop()
