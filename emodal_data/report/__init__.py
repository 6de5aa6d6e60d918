"""The report of a build: one page that opens from disk, with what was kept, what was dropped, and the faces."""

import base64
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from emodal_data.clip_store import read_heavy
from emodal_data.dataset import DatasetPlan
from emodal_data.files import write_bytes
from emodal_data.reasons import ADVICE, Reason
from emodal_data.schema import LABELS

#: Faces shown for each class; enough to see what the dataset looks like.
_FACES_PER_CLASS = 24


def write_report(folder: Path, manifest: dict[str, Any], plan: DatasetPlan) -> None:
    """Write report/index.html into a dataset folder. manifest: as dataset.make_manifest gives it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emodal_data.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("index.html.j2").render(
        manifest=manifest,
        counts=manifest["counts"],
        funnel=_funnel(manifest["counts"]["dropped"]),
        films=_films(plan),
        faces=_faces(plan.samples[plan.samples["copy"] == 0]),
        labels=LABELS,
    )
    write_bytes(folder / "report" / "index.html", page.encode())


def _funnel(dropped: dict[str, int]) -> list[tuple[str, int, str]]:
    rows = [(name, count, ADVICE[Reason(name)]) for name, count in dropped.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _films(plan: DatasetPlan) -> list[dict[str, Any]]:
    """A line a film: rows, kept, clips of each class, and the side it fell on."""
    ledger = plan.ledger.to_pandas()
    kept = plan.clips[plan.clips["split"].notna()]
    rows = []
    for film, lines in ledger.groupby("film", sort=True):
        of_film = kept[kept["film"] == film]
        counts = of_film["label"].value_counts()
        rows.append(
            {
                "film": film,
                "rows": len(lines),
                "kept": int((lines["outcome"] == "kept").sum()),
                "classes": [int(counts.get(label, 0)) for label in LABELS],
                "split": ", ".join(sorted(of_film["split"].unique())) or "none",
            }
        )
    return rows


def _faces(originals: pd.DataFrame) -> list[dict[str, Any]]:
    """Up to 24 faces of each class, spread evenly over the dataset."""
    sheets = []
    for label in (*LABELS, None):
        same = originals[originals["label"].isna() if label is None else originals["label"] == label]
        if not len(same):
            continue
        chosen = same.iloc[np.unique(np.linspace(0, len(same) - 1, _FACES_PER_CLASS).round().astype(int))]
        sheets.append(
            {
                "label": label or "unlabelled",
                "count": len(same),
                "faces": [_face(row) for row in chosen.itertuples()],
            }
        )
    return sheets


def _face(row: Any) -> dict[str, str]:
    png, _ = next(read_heavy(row.store_file, [row.store_row]))
    about = f"{row.film} at {row.frame_s:.2f} s, yaw {row.yaw_deg:.0f}°, {row.split}"
    return {"png": base64.b64encode(png).decode(), "about": about}
