"""The report of a training run: one HTML page that opens from disk, with everything it shows inside it.

Pure functions from numbers to SVG; write_report is the only one that writes.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from emodal_model.errors import ModelWorkError
from emodal_model.input import LABELS, Samples
from emodal_model.tables import TITLES

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5d666f; --line: #d9dde1; --ground: #fff;
  --one: #3d7ea6; --two: #c2621b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --soft: #9aa4ad; --line: #363c42; --ground: #16191c; --one: #6aaed6; --two: #e79a5b; } }
body { margin: 0 auto; max-width: 66rem; padding: 2rem 1.25rem 4rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; } h3 { font-size: 1rem; }
p, .soft, figcaption { color: var(--soft); } figure { margin: 0; } figcaption { font-size: .85rem; }
.row { display: flex; flex-wrap: wrap; gap: 1.5rem; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; } th, td { text-align: right; padding: .3rem .8rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; } .lined td, .lined th {
  border-bottom: 1px solid var(--line); } td { font-variant-numeric: tabular-nums; }
svg { display: block; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.faces { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem; }
.faces img { width: 100%; border-radius: .3rem; display: block; }
"""
_WIDTH, _HEIGHT, _EDGE = 300, 190, 34


def write_report(path: Path, metrics: Mapping[str, Any], test: Samples, probabilities: np.ndarray) -> None:
    """Write the page of a run. metrics: as in metrics.json; probabilities: (n test, 4) of the main network.

    Raises ModelWorkError if it cannot be written.
    """
    page = render(metrics, worst_mistakes(test, probabilities))
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as exc:
        raise ModelWorkError(f"{path}: cannot be written ({exc.strerror})") from exc


def render(metrics: Mapping[str, Any], mistakes: Sequence[str] = ()) -> str:
    """The whole page. mistakes: ready-made figures."""
    networks = metrics["networks"]
    trained = [name for name in ("audio", "image", "emodal") if name in networks]
    note = metrics["validation"]["note"]
    sides = metrics["dataset"]
    counts = ", ".join(f"{sides[s]['clips']} {s}" for s in ("fit", "validation", "test", "unlabelled"))
    parts = [
        "<h1>Training report</h1>",
        f"<p>Clips: {counts}. Dataset <code>{escape(str(sides['hash'])[:16])}</code>, validation groups by "
        f"{escape(metrics['validation']['group_by'])}{': ' + escape(note) if note else ''}.</p>",
        "<h2>On the test side</h2>",
        _score_table(networks),
        "<h2>Confusion, % of each true class</h2>",
        _row(_figure(confusion_table(networks[n]["confusion"]), TITLES[n]) for n in trained),
        "<h2>Is its confidence to be trusted?</h2>",
        "<p>Accuracy of the answers given with a certain confidence; on the diagonal, 80 % sure is right in 80 of "
        "100. The size of a dot is the number of clips.</p>",
        _row(_figure(reliability_diagram(networks[n]["reliability"]), TITLES[n]) for n in trained),
        "<h2>Training</h2>",
        "<p>Calibrated validation cross-entropy (nats) by epoch; the mark is the epoch that was kept.</p>",
        _row(_figure(training_curve(run), TITLES[n]) for n, run in metrics["training"].items()),
    ]
    if mistakes:
        parts += ["<h2>Worst mistakes</h2>", f'<div class="faces">{"".join(mistakes)}</div>']
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Training report</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def confusion_table(counts: Sequence[Sequence[int]]) -> str:
    """A heat map of row percentages."""
    rows = []
    for label, row in zip(LABELS, counts, strict=True):
        shares = [100 * count / max(sum(row), 1) for count in row]
        cells = "".join(
            f'<td style="background: color-mix(in srgb, var(--one) {s:.0f}%, transparent)">{s:.1f}</td>'
            for s in shares
        )
        rows.append(f"<tr><th>{label}</th>{cells}</tr>")
    head = "".join(f"<th>{label}</th>" for label in LABELS)
    return f'<div class="scroll"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'


def reliability_diagram(points: Sequence[Mapping[str, float]]) -> str:
    """SVG of accuracy over confidence."""
    total = max(sum(p["n"] for p in points), 1)
    dots = "".join(
        f'<circle cx="{_x(p["confidence"]):.1f}" cy="{_y(p["accuracy"]):.1f}" '
        f'r="{3 + 12 * (p["n"] / total) ** 0.5:.1f}" fill="var(--one)" fill-opacity=".75">'
        f"<title>{p['n']:.0f} clips, {100 * p['accuracy']:.0f} % right</title></circle>"
        for p in points
    )
    diagonal = _line([(_x(0), _y(0)), (_x(1), _y(1))], "var(--line)")
    return _svg(_axes("confidence", "0", "1", "0", "1") + diagonal + dots)


def training_curve(run: Mapping[str, Any]) -> str:
    """SVG of the validation loss by epoch; of the training loss where there is no validation side."""
    history = run["history"]
    name = "validation_loss" if history and history[0]["validation_loss"] is not None else "train_loss"
    losses = [report[name] for report in history]
    low, high = min(losses), max(losses)
    span = max(high - low, 1e-9)
    points = [(_x(i / max(len(losses) - 1, 1)), _y((loss - low) / span)) for i, loss in enumerate(losses)]
    best = points[run["best_epoch"] - 1]
    mark = f'<circle cx="{best[0]:.1f}" cy="{best[1]:.1f}" r="5" fill="var(--two)"/>'
    axes = _axes("epoch", "1", str(len(losses)), f"{low:.2f}", f"{high:.2f}")
    return _svg(axes + _line(points, "var(--one)") + mark)


def worst_mistakes(test: Samples, probabilities: np.ndarray, most: int = 12) -> list[str]:
    """Figures of the clips whose wrong answer was the surest, the surest first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != test.labels)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:most]
    figures = []
    for i in surest:
        png = base64.b64encode(cv2.imencode(".png", test.images[i])[1].tobytes()).decode()
        answer = LABELS[int(probabilities[i].argmax())]
        caption = (
            f"{LABELS[test.labels[i]]}, taken for {answer} ({100 * probabilities[i].max():.0f} %)<br>"
            f"{escape(str(test.films[i]))}<br><code>{escape(str(test.clip_ids[i])[:12])}</code>"
        )
        figures.append(
            f'<figure><img src="data:image/png;base64,{png}" alt="face of a {LABELS[test.labels[i]]} clip">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return figures


def _score_table(networks: Mapping[str, Mapping[str, Any]]) -> str:
    def cell(value: float | None) -> str:
        return f"<td>{'-' if value is None else f'{100 * value:.2f}'}</td>"

    rows = []
    for name, scores in networks.items():
        interval = scores["accuracy_interval"]
        between = "-" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
        numbers = "".join(cell(scores[key]) for key in ("uar", "macro_f1", "ece"))
        rows.append(
            f"<tr><td>{escape(TITLES.get(name, name))}</td><td>{scores['n']}</td>{cell(scores['accuracy'])}"
            f"<td>{between}</td>{numbers}</tr>"
        )
    head = ("", "clips", "accuracy %", "95 % interval", "UAR %", "macro-F1 %", "ECE %")
    header = "".join(f"<th>{title}</th>" for title in head)
    return f'<div class="scroll"><table class="lined"><tr>{header}</tr>{"".join(rows)}</table></div>'


def _x(share: float) -> float:
    return _EDGE + share * (_WIDTH - _EDGE - 10)


def _y(share: float) -> float:
    return _HEIGHT - _EDGE - share * (_HEIGHT - _EDGE - 10)


def _axes(title: str, left: str, right: str, bottom: str, top: str) -> str:
    lines = _line([(_x(0), _y(1)), (_x(0), _y(0)), (_x(1), _y(0))], "var(--soft)")
    below = _HEIGHT - _EDGE + 15
    return (
        f'{lines}<text x="{_x(0)}" y="{below}">{left}</text>'
        f'<text x="{_x(1)}" y="{below}" text-anchor="end">{right}</text>'
        f'<text x="{_x(0.5)}" y="{below}" text-anchor="middle">{title}</text>'
        f'<text x="{_EDGE - 5}" y="{_y(0)}" text-anchor="end">{bottom}</text>'
        f'<text x="{_EDGE - 5}" y="{_y(1) + 9}" text-anchor="end">{top}</text>'
    )


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _svg(content: str) -> str:
    return f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{content}</svg>'


def _figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def _row(figures: Any) -> str:
    return f'<div class="row">{"".join(figures)}</div>'
