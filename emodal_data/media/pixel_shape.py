"""The shape of a frame's pixels: its own, unless the container overrules the stream."""

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream


def pixel_shape(stream: VideoStream) -> float:
    """Width / height of one stored pixel by the header, 1 if unknown."""
    shape = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return float(shape) if shape else 1.0


class PixelShapes:
    """Follows the pixel shape through a stream that may change it: television does so several times a day.

    A decoder knows the shape of the packet that it read last; frames may leave it later.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._context = stream.codec_context
        by_header = stream.sample_aspect_ratio
        #: mp4 and Matroska may give the track a shape of its own, and then the stream's does not count.
        self._fixed = by_header if by_header and by_header != self._context.sample_aspect_ratio else None
        self._by_pts: dict[int, float] = {}

    def packet_decoded(self, pts: int | None) -> None:
        """Note the shape after a packet was decoded."""
        if pts is not None and self._fixed is None:
            if len(self._by_pts) > 64:  # frames that never came
                self._by_pts = dict(list(self._by_pts.items())[-32:])
            self._by_pts[pts] = self._now()

    def of_frame(self, frame: VideoFrame) -> float:
        """Width / height of one pixel of a frame that just left the decoder."""
        if self._fixed is not None:
            return float(self._fixed)
        shape = None if frame.pts is None else self._by_pts.pop(frame.pts, None)
        return self._now() if shape is None else shape

    def _now(self) -> float:
        shape = self._context.sample_aspect_ratio
        return float(shape) if shape else 1.0
