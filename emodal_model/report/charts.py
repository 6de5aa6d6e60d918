"""The charts of the training report as SVG. Their colours follow the light or dark scheme of the page.

Every chart has a text alternative for screen readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from emodal_model.report.palette import class_colours

WIDTH, HEIGHT, EDGE = 320, 210, 38
#: Most clips in the scatter plot; of more clips, an even selection is shown.
MOST_POINTS = 800


@dataclass(frozen=True)
class Line:
    """A curve over epochs 1..n. colour: a CSS colour. dashed: distinguishes the curve without colour."""

    name: str
    values: Sequence[float]
    colour: str
    dashed: bool = False


def reliability_diagram(points: Sequence[dict[str, float]], title: str) -> Markup:
    """Accuracy over confidence: a dot for each bin, larger with more clips, and the diagonal of perfect calibration."""
    total = max(sum(p["n"] for p in points), 1)
    dots = "".join(
        f'<circle cx="{_x(p["confidence"]):.1f}" cy="{_y(p["accuracy"]):.1f}" '
        f'r="{3 + 12 * (p["n"] / total) ** 0.5:.1f}" fill="var(--one)" fill-opacity=".75">'
        f"<title>{p['n']:.0f} clips, confidence {100 * p['confidence']:.0f} %, "
        f"accuracy {100 * p['accuracy']:.0f} %</title></circle>"
        for p in points
    )
    diagonal = _path([(_x(0), _y(0)), (_x(1), _y(1))], "var(--soft)", dashed=True)
    axes = _axes("confidence", ("0", "1"), ("0", "1"), "accuracy")
    values = "; ".join(
        f"confidence {100 * p['confidence']:.0f} %: accuracy {100 * p['accuracy']:.0f} %" for p in points
    )
    return _svg(axes + diagonal + dots, f"Reliability of {title}: {values}")


def curves(lines: Sequence[Line], best_epoch: int, title: str, unit: str, first_candidate: int = 1) -> Markup:
    """Curves over epochs on one scale, with a mark at the best epoch.

    first_candidate: the epochs before it, which could not be the best, are shaded.
    """
    every = [value for line in lines for value in line.values]
    low, high = min(every), max(every)
    span = max(high - low, 1e-9)
    epochs = max(len(line.values) for line in lines)

    def place(epoch: int, value: float) -> tuple[float, float]:
        return _x((epoch - 1) / max(epochs - 1, 1)), _y((value - low) / span)

    drawn = "".join(
        _path(
            [place(epoch, value) for epoch, value in enumerate(line.values, start=1)],
            line.colour,
            line.dashed,
        )
        for line in lines
    )
    marks = ""
    if first_candidate > 1:
        width = place(first_candidate, low)[0] - _x(0)
        marks = (
            f'<rect x="{_x(0)}" y="{_y(1)}" width="{width:.1f}" height="{_y(0) - _y(1)}" fill="var(--line)" '
            'fill-opacity=".5"><title>too few steps to be kept</title></rect>'
        )
    if best_epoch:
        x = place(best_epoch, low)[0]
        marks += f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_y(0)}" y2="{_y(1)}" stroke="var(--two)" stroke-width="1.5"/>'
    axes = _axes("epoch", ("1", str(epochs)), (f"{low:.2f}", f"{high:.2f}"), unit)
    ends = "; ".join(f"{line.name} from {line.values[0]:.2f} to {line.values[-1]:.2f}" for line in lines)
    return _svg(axes + marks + drawn, f"{title}: {ends}; best epoch {best_epoch}")


def spread_chart(rows: Sequence[tuple[str, dict[str, Any]]], by: str) -> Markup:
    """A row for each network: the accuracy of every repeat as a dot, the 95 % interval of the mean as a bar.

    rows: titles with "accuracy", "mean" and "interval" as in metrics["repeats"]. by: "seed" or "fold".
    """
    known = [
        (title, spread, [accuracy for accuracy in spread["accuracy"] if accuracy is not None])
        for title, spread in rows
        if spread["mean"] is not None
    ]
    if not known:
        return Markup()
    left, width, step = 170, 620, 24
    every = [number for _, spread, each in known for number in [*each, *(spread["interval"] or [])]]
    low, high = min(every) - 0.01, max(every) + 0.01

    def x(accuracy: float) -> float:
        return float(left + (accuracy - low) / (high - low) * (width - left - 20))

    parts, means = [], []
    for number, (title, spread, each) in enumerate(known):
        y = 20 + step * number
        parts.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{escape(title)}</text>')
        if spread["interval"] is not None:
            start, end = (x(side) for side in spread["interval"])
            parts.append(
                f'<line x1="{start:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}" stroke="var(--one)" '
                'stroke-width="8" stroke-opacity=".3"/>'
            )
        parts += [
            f'<circle cx="{x(accuracy):.1f}" cy="{y}" r="3" fill="var(--one)" fill-opacity=".8">'
            f"<title>{100 * accuracy:.1f} %</title></circle>"
            for accuracy in each
        ]
        middle = x(spread["mean"])
        parts.append(
            f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{y - 7}" y2="{y + 7}" stroke="var(--ink)" '
            'stroke-width="1.5"/>'
        )
        means.append(f"{title} {100 * spread['mean']:.1f} %")
    bottom = 20 + step * len(known)
    parts.append(
        f'<text x="{left}" y="{bottom + 6}">{100 * low:.0f} %</text>'
        f'<text x="{width - 20}" y="{bottom + 6}" text-anchor="end">{100 * high:.0f} %</text>'
    )
    return _svg("".join(parts), f"Mean accuracy over {by}s: " + "; ".join(means), width, bottom + 14)


def code_plane(
    audio_code: np.ndarray, image_code: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Both codes of every clip on their first two principal components, and the variance share of each component.

    audio_code, image_code: (n, k), n > 1. Each is centred and scaled to the same total standard deviation before the
    principal components of both are computed. Returns (n, 2), (n, 2), (2,).
    """
    sides = []
    for code in (audio_code, image_code):
        centred = code - code.mean(axis=0, dtype=np.float64)
        sides.append(centred / max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-12))
    _, sizes, axes = np.linalg.svd(np.concatenate(sides), full_matrices=False)
    # The sign of a component is arbitrary: its largest coefficient is made positive.
    axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    shares = sizes**2 / max(float((sizes**2).sum()), 1e-12)
    return sides[0] @ axes.T, sides[1] @ axes.T, (float(shares[0]), float(shares[1]))


def code_scatter(
    audio_code: np.ndarray, image_code: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> Markup:
    """The two codes of every clip: a triangle for its sound, a circle for its face, coloured by class."""
    colours = class_colours(classes)
    chosen = np.unique(np.linspace(0, len(labels) - 1, MOST_POINTS).round().astype(int))
    audio, image, shares = code_plane(audio_code, image_code)
    audio, image, labels = audio[chosen], image[chosen], labels[chosen]
    size, edge = 460, 30
    both = np.concatenate([audio, image])
    low, high = both.min(axis=0), both.max(axis=0)
    scale = (size - 2 * edge) / np.maximum(high - low, 1e-12)

    def place(points: np.ndarray) -> np.ndarray:
        across = edge + (points - low) * scale
        return np.stack([across[:, 0], size - across[:, 1]], axis=1)

    parts = []
    for (ax, ay), (ix, iy), label in zip(
        place(audio).tolist(), place(image).tolist(), labels.tolist(), strict=True
    ):
        name = classes[label]
        pen = f'fill="{colours[name]}" fill-opacity=".7" stroke="var(--ink)" stroke-width=".4"'
        parts.append(
            f"<g><title>{name}</title>"
            f'<line x1="{ax:.1f}" y1="{ay:.1f}" x2="{ix:.1f}" y2="{iy:.1f}" stroke="var(--line)"/>'
            f'<path d="M{ax:.1f} {ay - 5:.1f}l5 8.5h-10z" {pen}/>'
            f'<circle cx="{ix:.1f}" cy="{iy:.1f}" r="4" {pen}/></g>'
        )
    description = (
        f"Codes of {len(labels)} clips on two principal components with {100 * sum(shares):.0f} % "
        f"of their variance; {'colours are classes, ' if len(classes) > 1 else ''}circles are faces, "
        "triangles are sounds"
    )
    frame = (
        f'<rect x="1" y="1" width="{size - 2}" height="{size - 2}" rx="6" fill="none" stroke="var(--line)"/>'
        f'<text x="{edge}" y="{size - 8}">{100 * shares[0]:.0f} % of the variance</text>'
        f'<text transform="translate(14 {size - edge}) rotate(-90)">{100 * shares[1]:.0f} %</text>'
    )
    return _svg(frame + "".join(parts), description, size, size)


def value_plot(truth: np.ndarray, values: np.ndarray, target: str) -> Markup:
    """A point for each clip of which both are known: its truth across, the network's value up. truth, values: (n,)."""
    known = np.flatnonzero(~(np.isnan(truth) | np.isnan(values)))
    if len(known) == 0:
        return _svg("", f"{target}: no clip with a truth and a value")
    known = known[np.unique(np.linspace(0, len(known) - 1, MOST_POINTS).round().astype(int))]
    x, y = truth[known].astype(float), values[known].astype(float)
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    span = max(high - low, 1e-9)
    dots = "".join(
        f'<circle cx="{_x(across):.1f}" cy="{_y(up):.1f}" r="3" fill="var(--one)" fill-opacity=".6"/>'
        for across, up in zip((x - low) / span, (y - low) / span, strict=True)
    )
    diagonal = _path([(_x(0), _y(0)), (_x(1), _y(1))], "var(--soft)", dashed=True)
    edges = (f"{low:.3g}", f"{high:.3g}")
    return _svg(
        _axes("truth", edges, edges, "network") + diagonal + dots,
        f"{target}: value of the network over the truth for {len(known)} clips, both from {low:.3g} to {high:.3g}",
    )


def _x(share: float) -> float:
    return EDGE + share * (WIDTH - EDGE - 10)


def _y(share: float) -> float:
    return HEIGHT - EDGE - share * (HEIGHT - EDGE - 22)


def _axes(name: str, across: tuple[str, str], up: tuple[str, str], above: str) -> str:
    lines = _path([(_x(0), _y(1)), (_x(0), _y(0)), (_x(1), _y(0))], "var(--soft)")
    below = HEIGHT - EDGE + 15
    return (
        f'{lines}<text x="{_x(0)}" y="{below}">{across[0]}</text>'
        f'<text x="{_x(1)}" y="{below}" text-anchor="end">{across[1]}</text>'
        f'<text x="{_x(0.5)}" y="{below}" text-anchor="middle">{escape(name)}</text>'
        f'<text x="{EDGE - 5}" y="{_y(0)}" text-anchor="end">{up[0]}</text>'
        f'<text x="{EDGE - 5}" y="{_y(1) + 9}" text-anchor="end">{up[1]}</text>'
        f'<text x="{EDGE}" y="12">{escape(above)}</text>'
    )


def _path(points: Sequence[tuple[float, float]], colour: str, dashed: bool = False) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/>'


def _svg(content: str, description: str, width: int = WIDTH, height: int = HEIGHT) -> Markup:
    return Markup(
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(description)}">{content}</svg>'
    )


def history_lines(history: Sequence[dict[str, Any]]) -> tuple[list[Line], str]:
    """The curve to show for a training, with its unit: the validation loss, else the training loss."""
    if history and all(report["validation_loss"] is not None for report in history):
        has_classes = history[0].get("validation_accuracy", 0.0) is not None
        loss, unit = ("cross-entropy", "nats") if has_classes else ("squared error", "variances")
        return [Line(f"validation {loss}", [r["validation_loss"] for r in history], "var(--one)")], unit
    return [Line("training loss", [r["train_loss"] for r in history], "var(--one)", dashed=True)], "loss"


def warm_up_line(warm_up: Sequence[dict[str, Any]]) -> Line | None:
    """H-score of validation pairs by epoch of the stage "common"; None without that stage."""
    values = [
        -report["validation_loss"]
        for report in warm_up
        if report["stage"] == "common" and report["validation_loss"] is not None
    ]
    return Line("H-score of validation pairs", values, "var(--one)") if values else None
