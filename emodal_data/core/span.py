"""A stretch of a film's time."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Span:
    """From start_s up to end_s on the film's clock."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Its length; negative for the intersection of two spans that do not meet."""
        return self.end_s - self.start_s

    def within(self, other: "Span") -> "Span":
        """The part of it that lies in another span."""
        return Span(max(self.start_s, other.start_s), min(self.end_s, other.end_s))
