"""The frames of a sound track on one grid: positions by arithmetic, as long as every time stamp agrees with it.

Positions count samples at the stream's own rate from the start of the film.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, gcd, lcm

from av.audio.frame import AudioFrame

from emodal_data.media.clock import Clock

#: Codecs with frames of several lengths, and their common divisor: Vorbis' blocks of 256 and 2048 overlap.
_STEPS = {"vorbis": 64}


class OffGridError(Exception):
    """A time stamp that does not fit the grid: the whole track has to be looked at (audio_index.py)."""


@dataclass(frozen=True)
class FrameGrid:
    """Time stamps to sample positions where time stamps are coarser than samples (Matroska: milliseconds).

    start: position of the first frame. origin: position of the second; in an unbroken stream all later frames lie a
    multiple of step after it. tolerance: samples by which rounding alone may shift a time stamp.
    container: the name of its demuxer.
    """

    clock: Clock
    rate_hz: int
    start: int
    origin: int
    step: int
    tolerance: int
    container: str

    @classmethod
    def of(
        cls,
        clock: Clock,
        rate_hz: int,
        first_pts: int,
        lengths: Sequence[int],
        codec: str = "",
        container: str = "",
    ) -> "FrameGrid":
        """The grid of a stream. first_pts: time stamp of the first frame. lengths: samples of the first frames.

        The first frame may be cut short (encoder delay), so the step comes from the others.
        """
        tick = clock.tick_s * rate_hz  # samples
        tolerance = 0 if tick.numerator == 1 else ceil(tick) + 1
        others = lengths[1:] or lengths
        step = gcd(_STEPS.get(codec, 0), *others) or 1
        if step <= 2 * tolerance:  # short steps (Vorbis): rounding shifts a time stamp by half a tick at most
            tolerance = min(tolerance, ceil(tick / 2) + 1)
        start = round(clock.seconds(first_pts) * rate_hz)
        return cls(clock, rate_hz, start, start + lengths[0], step, tolerance, container)

    @property
    def is_known(self) -> bool:
        """Whether a time stamp alone says where its frame lies."""
        return self.tolerance == 0 or self.step > 2 * self.tolerance

    def position(self, pts: int, expected: int | None) -> int:
        """Position where a frame starts. expected: the end of the previous frame, if known.

        Raises OffGridError if the frame lies off the grid, or does not follow the previous one.
        """
        stamped = self.stamped(pts)
        if stamped in (expected, self.start):
            return stamped
        nearest = self.snapped(stamped) if expected is None else expected
        if abs(stamped - nearest) > self.tolerance:
            raise OffGridError
        return nearest

    def stamped(self, pts: int) -> int:
        """The sample that a time stamp names."""
        scale, shift, divisor = self.line
        whole, left = divmod(scale * pts - shift, divisor)
        if not left:
            return whole
        return whole + (2 * left > divisor or (2 * left == divisor and whole % 2))  # as round() does

    def snapped(self, stamped: int) -> int:
        """The nearest position of the grid."""
        return self.origin + round(Fraction(stamped - self.origin, self.step)) * self.step

    @cached_property
    def line(self) -> tuple[int, int, int]:
        """pts to sample in integers, (scale * pts - shift) / divisor: Fractions would cost more than the decoder."""
        scale, shift = self.clock.tick_s * self.rate_hz, self.clock.start_s * self.rate_hz
        divisor = lcm(scale.denominator, shift.denominator)
        return int(scale * divisor), int(shift * divisor), divisor


class GridPlaces:
    """Places the frames of one reading on the grid."""

    is_torn = False

    def __init__(self, grid: FrameGrid) -> None:
        self._grid = grid
        self._end: int | None = None
        self._is_broken = False
        # Next to nothing but this is done for every frame, so it is kept at hand.
        self._scale, self._shift, self._divisor = grid.line
        self._tolerance = grid.tolerance * self._divisor
        self._rate_hz, self._step = grid.rate_hz, grid.step

    def place(self, frame: AudioFrame, is_own: bool) -> int | None:
        """Position of the next frame; None if it has no time stamp to begin with. Raises OffGridError."""
        if self._is_broken or frame.sample_rate != self._rate_hz:
            raise OffGridError
        position = self._end
        if position is None:
            if frame.pts is None:
                return None
            position = self._grid.position(frame.pts, None)
        elif is_own and (pts := frame.pts) is not None:
            off = self._scale * pts - self._shift - position * self._divisor
            if not -self._tolerance <= off <= self._tolerance:
                position = self._grid.position(pts, position)
        samples = frame.samples
        self._end = position + samples
        # The first frame may be cut short, and so may the last; after any other the grid goes on elsewhere.
        if samples % self._step and position != self._grid.start:
            self._is_broken = True
        return position
