"""The film clock: seconds since the container starts, exact, whatever numbers its streams count in.

Everything here is rational arithmetic on (pts, time base); floats only come in and go out.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import cast

from av.container import InputContainer
from av.stream import Stream

#: Times closer than this are the same: containers state their start in microseconds.
GRAIN_S = Fraction(1, 1_000_000)


@dataclass(frozen=True)
class Clock:
    """One stream's counting, seen from the start of its container.

    tick_s: seconds per unit of pts. start_s: container start on the stream's own scale.
    """

    tick_s: Fraction
    start_s: Fraction

    @classmethod
    def of(cls, container: InputContainer, stream: Stream) -> "Clock":
        """The clock of a stream. A stream without a time base counts microseconds."""
        return cls(stream.time_base or GRAIN_S, container_start_s(container))

    def pts_at(self, t_s: float) -> int:
        """The last pts at or before t_s, one grain forgiven."""
        return floor((Fraction(t_s) + GRAIN_S + self.start_s) / self.tick_s)

    def seconds(self, pts: int) -> Fraction:
        """Film time of a pts."""
        return pts * self.tick_s - self.start_s


def container_start_s(container: InputContainer) -> Fraction:
    """Where the container's own scale starts: the exact start of the stream that the container rounds to."""
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
