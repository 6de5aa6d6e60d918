"""The film clock: exact seconds since the start of the container, whatever the time bases of its streams.

All arithmetic on pts and time base is rational. Floats appear only as arguments and results.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import cast

from av.container import InputContainer
from av.stream import Stream

#: Times closer than this count as equal, because containers state their start in microseconds.
GRAIN_S = Fraction(1, 1_000_000)


@dataclass(frozen=True)
class Clock:
    """Converts between the pts of one stream and film time.

    tick_s: seconds per unit of pts. start_s: start of the container on the stream's time scale.
    """

    tick_s: Fraction
    start_s: Fraction

    @classmethod
    def of(cls, container: InputContainer, stream: Stream) -> "Clock":
        """The clock of a stream. A stream without a time base counts microseconds."""
        return cls(stream.time_base or GRAIN_S, container_start_s(container))

    def pts_at(self, t_s: float) -> int:
        """The last pts at or before t_s, with a tolerance of GRAIN_S."""
        return floor((Fraction(t_s) + GRAIN_S + self.start_s) / self.tick_s)

    def seconds(self, pts: int) -> Fraction:
        """Film time of a pts."""
        return pts * self.tick_s - self.start_s


def container_start_s(container: InputContainer) -> Fraction:
    """The start of the container in seconds: the exact start of the stream from which the container rounded it."""
    start_us = cast(int | None, container.start_time)
    if start_us is None:
        return Fraction(0)
    rounded_s = start_us * GRAIN_S
    for stream in container.streams:
        if stream.start_time is not None and stream.time_base:
            exact_s = stream.start_time * stream.time_base
            if abs(exact_s - rounded_s) <= GRAIN_S:
                return Fraction(exact_s)
    return rounded_s
