"""The report of a build: one page that opens from disk, with what was kept, what was dropped, and the faces."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from emodal_data.files import write_bytes
from emodal_data.reasons import ADVICE, Reason
from emodal_data.schema import LABELS
from emodal_data.shards import read_samples

#: Faces shown for each class; enough to see what the dataset looks like.
_FACES_PER_CLASS = 24


def write_report(folder: Path, manifest: dict[str, Any]) -> None:
    """Write report/index.html into a dataset folder, from its shards and its ledger.

    manifest: as dataset.make_manifest gives it.
    """
    samples = read_samples(folder, ["film", "frame_s", "yaw_deg"])
    clips = samples[samples["copy"] == 0]
    ledger = pq.read_table(folder / "ledger.parquet", columns=["film", "outcome"]).to_pandas()
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
        films=_films(ledger, clips),
        faces=_faces(clips),
        labels=LABELS,
    )
    write_bytes(folder / "report" / "index.html", page.encode())


def _funnel(dropped: dict[str, int]) -> list[tuple[str, int, str]]:
    rows = [(name, count, ADVICE[Reason(name)]) for name, count in dropped.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _films(ledger: pd.DataFrame, clips: pd.DataFrame) -> list[dict[str, Any]]:
    """A line a film: rows, kept, clips of each class, and the side it fell on."""
    rows = []
    for film, lines in ledger.groupby("film", sort=True):
        of_film = clips[clips["film"] == film]
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
                "faces": [face for _, of_shard in chosen.groupby("shard") for face in _of_shard(of_shard)],
            }
        )
    return sheets


def _of_shard(chosen: pd.DataFrame) -> Iterator[dict[str, str]]:
    images = pq.read_table(chosen["shard"].iloc[0], columns=["image"])["image"]
    for row in chosen.itertuples():
        png = base64.b64encode(images[row.shard_row]["bytes"].as_py()).decode()
        yield {"png": png, "about": f"{row.film} at {row.frame_s:.2f} s, yaw {row.yaw_deg:.0f}°, {row.split}"}
