"""The timeline of a film: the probabilities of every span, and whether they come from face, sound or both.

Without classes, the values of the targets, each between its lowest and its highest in the film.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emodal_model.core.files import atomic_path
from emodal_model.inference.predictor import Answer
from emodal_model.report.palette import class_colours

#: Seconds of a line and between its ticks. The shortest line is taken with which the film needs _MOST_ROWS at most.
_SCALES = ((30, 5), (60, 10), (120, 20), (300, 30), (600, 60), (1200, 120), (1800, 300), (3600, 600))
_MOST_ROWS = 16
#: Names of classes in a line of the key.
_MOST_NAMES = 8
_LIGHT, _DARK = "#e3e6e9", "#3d4852"

#: Left, bottom, width, height, colour.
Box = tuple[float, float, float, float, str]


@dataclass(frozen=True)
class Mark:
    """A span of the film and the network's answer for it."""

    start_s: float
    end_s: float
    answer: Answer


def draw_timeline(
    path: Path,
    title: str,
    length_s: float,
    marks: Sequence[Mark],
    classes: Sequence[str],
    targets: Sequence[str] = (),
) -> None:
    """Write the timeline, a long film in several lines, as .png, .svg or .pdf by the suffix of `path`.

    length_s: length of the film. classes, targets: of the answers, in order; targets are drawn if there are no classes.
    Raises ModelWorkError if the file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.ticker import MultipleLocator

    length_s = max([length_s, 1.0, *(mark.end_s for mark in marks)])
    row_s, tick_s = next((scale for scale in _SCALES if length_s <= scale[0] * _MOST_ROWS), _SCALES[-1])
    # Lines a little longer, rather than a last line of a few seconds.
    colours = class_colours(classes or targets)
    scales = None if classes else _scales(marks, len(targets))
    rows = math.ceil(max(length_s / row_s - 0.2, 0.5))
    row_s = math.ceil(length_s / rows / tick_s) * tick_s
    figure = Figure(figsize=(12, 1.2 + 1.15 * rows), dpi=110, layout="constrained")
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    for row, axis in enumerate(axes):
        axis.xaxis.set_major_locator(MultipleLocator(tick_s))
        _draw_row(axis, row * row_s, min(row_s, length_s) if rows == 1 else row_s, marks, colours, scales)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    named = list(colours)
    if scales is not None:
        named = [
            f"{name} ({low:.3g} to {high:.3g})" for name, (low, high) in zip(colours, scales, strict=True)
        ]
    patches = [
        Patch(color=colour, label=label) for label, colour in zip(named, colours.values(), strict=True)
    ]
    figure.legend(
        handles=patches,
        ncols=min(max(len(colours), 1), _MOST_NAMES),
        loc="outside upper right",
        frameon=False,
        fontsize=9,
    )
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def _scales(marks: Sequence[Mark], targets: int) -> list[tuple[float, float]]:
    """The lowest and the highest value of each target in the film; 0 and 1 without an answer."""
    values = [mark.answer.targets.tolist() for mark in marks if mark.answer.targets is not None]
    columns = zip(*values, strict=True) if values else [(0.0, 1.0)] * targets
    return [(min(column), max(column)) for column in columns]


def _draw_row(
    axis: Any,
    from_s: float,
    length_s: float,
    marks: Sequence[Mark],
    colours: Mapping[str, str],
    scales: Sequence[tuple[float, float]] | None,
) -> None:
    """One line: stacked probabilities from 0 to 1, and below them whether face and sound were used.

    scales: of the targets, which are drawn instead, each as a bar of its height between them, one above the other.
    """
    axis.set_xlim(from_s, from_s + length_s)
    axis.set_ylim(-0.62, 1.25)
    axis.set_yticks([-0.45, -0.2, 0, 1], ["sound", "face", "0", "1"], fontsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.xaxis.set_major_formatter(lambda t_s, _: clock(t_s))
    axis.tick_params(axis="x", labelsize=8)
    # A film has thousands of boxes: one collection of them is drawn ten times faster than single patches.
    boxes: list[Box] = []
    names = list(colours)
    empty: list[Box] = []
    for mark in marks:
        if mark.end_s <= from_s or mark.start_s >= from_s + length_s:
            continue
        width_s = mark.end_s - mark.start_s
        for y, used in ((-0.28, ("both", "image")), (-0.53, ("both", "audio"))):
            boxes.append((mark.start_s, y, width_s, 0.16, _DARK if mark.answer.used in used else _LIGHT))
        if scales is not None and mark.answer.targets is not None:
            values = mark.answer.targets.tolist()
            lane = 1 / max(len(scales), 1)
            columns = zip(values, colours.values(), scales, strict=True)
            for place, (value, colour, (low, high)) in enumerate(columns):
                height = lane * (0.05 + 0.85 * (value - low) / max(high - low, 1e-9))
                boxes.append((mark.start_s, lane * place, width_s, height, colour))
            continue
        if mark.answer.probabilities is None:
            empty.append((mark.start_s, 0.0, width_s, 1.0, "none"))
            continue
        floor = 0.0
        for share, colour in zip(mark.answer.probabilities.tolist(), colours.values(), strict=True):
            boxes.append((mark.start_s, floor, width_s, share, colour))
            floor += share
        best = int(mark.answer.probabilities.argmax())
        if width_s > length_s / 30:  # a name over a narrower span would run into the next one's
            middle_s = (mark.start_s + mark.end_s) / 2
            axis.text(middle_s, 1.03, names[best], fontsize=7, ha="center", va="bottom", clip_on=True)
    _add(axis, boxes, linewidth=0)
    _add(axis, empty, linewidth=0.5, edgecolor=_LIGHT, hatch="///")


def _add(axis: Any, boxes: Sequence[Box], **style: Any) -> None:
    from matplotlib.collections import PolyCollection

    corners = [((x, y), (x + w, y), (x + w, y + h), (x, y + h)) for x, y, w, h, _ in boxes]
    axis.add_collection(PolyCollection(corners, facecolor=[colour for *_, colour in boxes], **style))


def clock(t_s: float) -> str:
    """Film time for people, such as 0:04.5, 1:04 or 1:02:04."""
    minutes, seconds = divmod(t_s, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02.0f}"
    return f"{minutes}:{seconds:02.0f}" if seconds == int(seconds) else f"{minutes}:{seconds:04.1f}"
