"""A part of a frame in which a face is looked for."""

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_SIDES = {"left": (0.0, 0.0, 0.5, 1.0), "right": (0.5, 0.0, 1.0, 1.0)}


@dataclass(frozen=True)
class Region:
    """A box within a frame. box: x0, y0, x1, y1 in pixels of the film, or in shares of width and height (0 to 1)."""

    box: tuple[float, float, float, float]
    is_in_shares: bool

    def contains(self, x_px: float, y_px: float, width_px: float, height_px: float) -> bool:
        """Whether a point of a frame of this size lies in the region; its left and upper edges belong to it."""
        x, y = (x_px / width_px, y_px / height_px) if self.is_in_shares else (x_px, y_px)
        x0, y0, x1, y1 = self.box
        return x0 <= x < x1 and y0 <= y < y1


def parse_region(text: str) -> Region | None:
    """The region of "left" or "right" (halves of the picture), or of "x0, y0, x1, y1"; None if it is neither.

    Four numbers that are all at most 1 are shares of the frame, others pixels.
    """
    if side := _SIDES.get(text.strip().lower()):
        return Region(side, is_in_shares=True)
    numbers = [part for part in re.split(r"[\s,;]+", text.strip().strip("[]()")) if part]
    if len(numbers) != 4 or not all(map(_NUMBER.fullmatch, numbers)):
        return None
    x0, y0, x1, y1 = map(float, numbers)
    if x0 >= x1 or y0 >= y1:
        return None
    return Region((x0, y0, x1, y1), is_in_shares=max(x1, y1) <= 1)


def region_text(region: Region) -> str:
    """One spelling of a region, whatever its numbers were written with: parse_region reads it."""
    for name, side in _SIDES.items():
        if region == Region(side, is_in_shares=True):
            return name
    return ", ".join(f"{number:.6g}" for number in region.box)
