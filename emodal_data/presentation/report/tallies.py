"""What the report counts: rows lost at each stage, clips of each class and film, how measures and features spread."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emodal_data.clips.gates import limits_of
from emodal_data.core.config import AudioConfig, FaceConfig
from emodal_data.core.label_words import counted_classes
from emodal_data.core.reasons import ADVICE, Reason, stages
from emodal_data.core.schema import SPLITS, class_names
from emodal_data.dataset.folder import shard_paths
from emodal_data.dataset.split.leakage_check import in_words

Row = dict[str, Any]

_BINS = 40
#: Shares of the clips below the five marks of a box plot.
_MARKS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Measure:
    """A measure and its thresholds: what is below `low` or above `high` is dropped.

    column: of the clip table. is_log: for quantities that range over decades.
    """

    column: str
    title: str
    low: float | None = None
    high: float | None = None
    is_log: bool = False

    @property
    def limits(self) -> list[float]:
        """The thresholds that a histogram can show."""
        return [
            limit for limit in (self.low, self.high) if limit is not None and (limit > 0 or not self.is_log)
        ]


#: The measures that the report shows, in its order: column, title, and whether they range over decades.
_SHOWN = (
    ("face_score", "Face detector's score", False),
    ("landmark_score", "Landmarks' score", False),
    ("face_width_px", "Width of the face, pixels", True),
    ("sharpness", "Sharpness", True),
    ("blur_px", "Blur of the face's edges, pixels", False),
    ("yaw_deg", "Turn of the head, degrees", False),
    ("pitch_deg", "Tilt of the head, degrees", False),
    ("outside_fraction", "Share of the face beyond the frame", False),
    ("dominance", "Share of the largest of two faces", False),
    ("view_score", "Score of the frontal picture", False),
    ("mirrored_fraction", "Share of the face filled in", False),
    ("seconds", "Length of the clip, seconds", False),
    ("missing_fraction", "Share of the clip without sound", False),
    ("audio_rms", "Loudness, full scale 1", True),
    ("audio_clipped_fraction", "Share of clipped samples", False),
)
#: Those that follow where faces were followed through the span.
_SPEAKING = (
    ("speaking_score", "Probability that the face speaks", False),
    ("voice_activity", "Share of the shot with a voice", False),
    ("mouth_movement", "Movement of the mouth, eye distances", True),
    ("mouth_sync", "Correlation of mouth and voice", False),
)
#: Those of audio.measures.
_VOICE_LEVEL = (
    ("speech_share", "Share of speech", False),
    ("snr_db", "Speech above the background, dB", False),
    ("music_share", "Share of music", False),
)


def measures_of(face: FaceConfig, audio: AudioConfig) -> list[Measure]:
    """The measures that the report shows, with the thresholds of a build's gates: none where a gate is off."""
    sections = {"face": face, "audio": audio}
    shown = [*_SHOWN, *(_SPEAKING if face.tracks_faces else ()), *(_VOICE_LEVEL if audio.measures else ())]
    return [Measure(column, title, *limits_of(column, sections), is_log) for column, title, is_log in shown]


def funnel(ledger: pd.DataFrame) -> list[Row]:
    """What is left after each stage: stage, entered, lost, left, and the reasons with their counts, in order."""
    counts = ledger["reason"].value_counts()
    left, rows = len(ledger), []
    for stage, reasons in stages().items():
        found = {reason.value: int(counts[reason.value]) for reason in reasons if reason.value in counts}
        lost = sum(found.values())
        rows.append({"stage": stage, "entered": left, "lost": lost, "left": left - lost, "reasons": found})
        left -= lost
    return rows


def reason_rows(ledger: pd.DataFrame, clips: pd.DataFrame) -> list[Row]:
    """The reasons that occur, the most frequent first: reason, rows, clips (0: it was the row's), and what to do."""
    of_clips = clips["reason"].value_counts()
    counts = ledger["reason"].value_counts()
    rows = [
        {
            "reason": str(name),
            "rows": int(count),
            "clips": int(of_clips.get(name, 0)),
            "advice": ADVICE[Reason(str(name))],
        }
        for name, count in counts.items()
    ]
    return sorted(rows, key=lambda row: (-row["rows"], row["reason"]))


def film_rows(ledger: pd.DataFrame, clips: pd.DataFrame, labels: Sequence[str]) -> list[Row]:
    """A line a film: rows, kept, rows lost at each stage, clips of each class, and the side it fell on."""
    stage_of = {reason.value: stage for stage, reasons in stages().items() for reason in reasons}
    lost = pd.crosstab(ledger["film"], ledger["reason"].map(stage_of))
    kept = clips[clips["kept"]]
    classes = pd.crosstab(kept["film"], kept["label"].fillna("unlabelled"))
    sides = kept.groupby("film")["split"].agg(lambda side: ", ".join(sorted(set(side))))
    outcome = ledger.groupby("film", sort=True)["outcome"]
    return [
        {
            "film": film,
            "rows": len(of_film),
            "kept": int((of_film == "kept").sum()),
            "lost": {stage: _cell(lost, film, stage) for stage in stages()},
            "classes": {label: _cell(classes, film, label) for label in (*labels, "unlabelled")},
            "split": sides.get(film, "none"),
        }
        for film, of_film in outcome
    ]


def class_rows(clips: pd.DataFrame, labels: Sequence[str]) -> list[Row]:
    """Kept clips by class and side: label, split, clips."""
    kept = clips[clips["kept"]]
    counts = pd.crosstab(kept["label"].fillna("unlabelled"), kept["split"])
    return [
        {"label": label, "split": split, "clips": _cell(counts, label, split)}
        for label in (*labels, "unlabelled")
        for split in SPLITS
        if _cell(counts, label, split)
    ]


def decision_rows(clips: pd.DataFrame) -> list[Row]:
    """A line for each clip that a review decided: clip_id, film, start_s, votes, now, author, note.

    now: the label, or "dropped".
    """
    decided = clips[clips["review"].notna()]
    now = decided["label"].where(decided["kept"], "dropped")
    shown = decided.assign(
        now=now, author=decided["review_author"].fillna(""), note=decided["review_note"].fillna("")
    )
    names = ["clip_id", "film", "start_s", "votes", "now", "author", "note"]
    return [dict(zip(names, row, strict=True)) for row in shown.reset_index()[names].itertuples(index=False)]


def histogram(clips: pd.DataFrame, measure: Measure) -> list[Row]:
    """Clips by a measure: low, high, outcome ("kept" or "dropped"), clips. Empty where nothing was measured.

    clips: the clip table with the measure's column. What lies beyond the outermost 0.5 % is in the outermost bins.
    """
    values, usable = _usable(clips, measure)
    edges = bin_edges(clips, measure)
    if not edges:
        return []
    kept = clips["kept"].to_numpy(dtype=bool)
    bins = np.clip(np.searchsorted(edges, values[usable], side="right") - 1, 0, _BINS - 1)
    rows = []
    for outcome, side in (("kept", kept[usable]), ("dropped", ~kept[usable])):
        counts = np.bincount(bins[side], minlength=_BINS)
        rows += [
            {"low": edges[n], "high": edges[n + 1], "outcome": outcome, "clips": int(counts[n])}
            for n in np.flatnonzero(counts)
        ]
    return rows


def bin_edges(clips: pd.DataFrame, measure: Measure) -> list[float]:
    """Ascending edges of the bins of a histogram, wide enough to show the thresholds; empty without a value."""
    values, usable = _usable(clips, measure)
    if not usable.any():
        return []
    inner = np.quantile(values[usable], (0.005, 0.995))
    low, high = (float(edge) for edge in (min(*inner, *measure.limits), max(*inner, *measure.limits)))
    if low == high:
        low, high = (low / 1.1, high * 1.1) if measure.is_log else (low - 0.5, high + 0.5)
    edges: list[float] = (np.geomspace if measure.is_log else np.linspace)(low, high, _BINS + 1).tolist()
    return edges


def _usable(clips: pd.DataFrame, measure: Measure) -> tuple[np.ndarray, np.ndarray]:
    """The values of a measure, and which of them a histogram can show, each (n,)."""
    values = clips[measure.column].astype(float).to_numpy()
    return values, np.isfinite(values) & ((values > 0) | (not measure.is_log))


def single_value(clips: pd.DataFrame, measure: Measure) -> float | None:
    """The value that all clips have that were measured; None if they differ, or none was measured."""
    values = clips[measure.column].astype(float).dropna().unique()
    return float(values[0]) if len(values) == 1 else None


def feature_rows(dataset: Path) -> list[Row]:
    """How the speech features of labelled clips spread by class: feature, separation, and by class the five marks.

    separation: eta squared, the share of the feature's variance that lies between the classes. The features that
    tell classes best come first.
    """
    names, classes, labels, features = _read_features(dataset)
    if not len(labels):
        return []
    spread = features.var(axis=0)
    members = {
        label: features[labels == code] for code, label in enumerate(classes) if (labels == code).any()
    }
    between = sum(len(part) * (part.mean(axis=0) - features.mean(axis=0)) ** 2 for part in members.values())
    separation = np.divide(between / len(labels), spread, out=np.zeros_like(spread), where=spread > 1e-20)
    marks = {label: np.quantile(part, _MARKS, axis=0) for label, part in members.items()}
    rows = [
        {
            "feature": name,
            "separation": round(float(separation[n]), 4),
            "classes": {
                label: [float(f"{v:.4g}") for v in of_label[:, n]] for label, of_label in marks.items()
            },
        }
        for n, name in enumerate(names)
    ]
    return sorted(rows, key=lambda row: (-row["separation"], row["feature"]))


def _read_features(dataset: Path) -> tuple[Sequence[str], Sequence[str], np.ndarray, np.ndarray]:
    """Names, classes, labels (n,) and features (n, 68) of the labelled originals; one shard at a time."""
    names: Sequence[str] = ()
    classes: Sequence[str] = ()
    labels, features = [np.empty(0, np.int64)], [np.empty((0, 68))]
    for path in [path for split in SPLITS[:-1] for path in shard_paths(dataset, split)]:
        own = class_names(pq.read_schema(path))
        classes = counted_classes(own)
        wanted_columns = ["augmentation", *(["label"] if own else []), "audio_features"]
        table = pq.read_table(path, columns=wanted_columns)
        names = json.loads(table.schema.metadata[b"emodal"])["feature_names"]
        # A clip without sound has no features.
        wanted = pc.and_(pc.equal(table["augmentation"], "none"), pc.is_valid(table["audio_features"]))
        original = table.filter(wanted).combine_chunks()
        labels.append(original["label"].to_numpy() if own else np.zeros(len(original), np.int64))
        flat = original["audio_features"].combine_chunks().flatten().to_numpy()
        features.append(flat.reshape(-1, 68).astype(np.float64))
    return names, classes, np.concatenate(labels), np.concatenate(features)


def _cell(table: pd.DataFrame, row: Any, column: Any) -> int:
    count: Any = table.loc[row, column] if row in table.index and column in table.columns else 0
    return int(count)


def proof_rows(proof: Mapping[str, Any]) -> list[Row]:
    """The checks of the leak proof: what was looked for, and how many were found."""
    known = {"group_by", "clips", "groups"}
    checks = [
        {"check": in_words(name), "found": value}
        for name, value in proof.items()
        if name not in known and isinstance(value, int)
    ]
    columns = proof.get("columns", {})
    return checks + [
        {
            "check": f"values of {name} in several splits, of {column['values']}",
            "found": column["in_several_splits"],
        }
        for name, column in columns.items()
    ]
