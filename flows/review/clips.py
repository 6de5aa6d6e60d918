"""What is reviewed: the clips of a dataset, or the spans of an annotation table, the most doubtful first."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emodal_data.annotations import count_votes
from emodal_data.core.config import ClipsConfig, LabelsConfig
from emodal_data.core.errors import InputError
from emodal_data.core.reasons import Reason
from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.manifest_check import dataset_config
from emodal_data.dataset.read import read_unchanged
from emodal_data.presentation.report.clip_table import clip_table, read_ledger
from emodal_data.presentation.report.training import read_training


@dataclass(frozen=True)
class ReviewClip:
    """A span to watch. end_s: None for a whole file. doubt: 0 to 1, None if nothing speaks against its label.

    note: what to know about it. row: the other columns of its annotation row, if it is a candidate.
    """

    clip_id: str
    film: str
    start_s: float
    end_s: float | None
    label: str | None = None
    speaker: str | None = None
    doubt: float | None = None
    outcome: str = "candidate"
    note: str = ""
    row: dict[str, str] = field(default_factory=dict)

    @property
    def times(self) -> tuple[str, str]:
        """The cells start and end of an annotation table; both are empty for a whole file."""
        return ("", "") if self.end_s is None else (repr(self.start_s), repr(self.end_s))


@dataclass(frozen=True)
class Reviewed:
    """Clips in the order of the review, the classes, how films are opened, and lines about what is left out."""

    title: str
    clips: tuple[ReviewClip, ...]
    labels: LabelsConfig
    opening: ClipsConfig
    left_out: tuple[str, ...] = ()


def clips_of_dataset(dataset: Path) -> Reviewed:
    """The clips of a dataset folder, kept and dropped, those first whose labels networks or annotators doubt."""

    def read() -> Reviewed:
        manifest = read_manifest(dataset)
        settings = dataset_config(manifest)
        labels = settings.labels
        ledger = read_ledger(dataset)
        table = clip_table(ledger, dataset, manifest["labels"], labels.resolve)
        answers = read_training(dataset).get("answers", {})
        clips = _clips(table, _shares(ledger, labels), answers)
        return Reviewed(str(dataset), _doubtful_first(clips), labels, settings.clips)

    return read_unchanged(dataset, read)


def clips_of_rows(rows: pd.DataFrame, table: Path, labels: LabelsConfig, opening: ClipsConfig) -> Reviewed:
    """The spans of an annotation table with the names of films that were found, each once, in the table's order.

    A row without start and end is its whole file. Raises InputError if no row can be watched, or there are no classes.
    """
    if not labels.classes:
        raise InputError(
            f"{table}: a review of spans gives each a class, and labels.classes is empty: write numbers into the table"
        )
    good = rows[rows["reason"].isna()]
    if good.empty:
        raise InputError(f"{table}: no row has a span of a film that can be watched; see emodal plan")
    known = {
        "row",
        "film",
        "start_s",
        "end_s",
        "label",
        "annotator",
        "speaker",
        "reason",
        "measured",
        "detail",
    }
    known |= {"label_as_written", "label_mapped_to", "annotation_file"}
    more = [name for name in good.columns if name not in known and name.isprintable()]
    clips: dict[str, ReviewClip] = {}
    for row in good.to_dict("records"):
        is_whole = pd.isna(row["start_s"])
        start_s, end_s = (0.0, None) if is_whole else (float(row["start_s"]), float(row["end_s"]))
        span = (row["film"], start_s, end_s)
        speaker = _text(row["speaker"])
        clip_id = candidate_id(*span, speaker or "")
        extra = {str(name): text for name in more if (text := _text(row[name])) is not None}
        clips.setdefault(
            clip_id,
            ReviewClip(clip_id, *span, _text(row["label"]), speaker, note=extra.get("why", ""), row=extra),
        )
    lost = len(rows) - len(good)
    left_out = (f"Rows not shown because they are wrong: {lost} (see emodal plan).",) if lost else ()
    return Reviewed(str(table), tuple(clips.values()), labels, opening, left_out)


def candidate_id(film: str, start_s: float, end_s: float | None, speaker: str) -> str:
    """The stable name of a candidate: a hash of its film's name, its span in whole microseconds and its speaker."""
    end = "whole" if end_s is None else round(end_s * 1e6)
    text = f"{film}\n{round(start_s * 1e6)}\n{end}\n{speaker}"
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _shares(ledger: pd.DataFrame, labels: LabelsConfig) -> pd.Series:
    """By clip_id the share of all votes that the most frequent word has; NaN without votes."""
    rows = ledger[ledger["clip_id"].notna()]
    rows = rows.assign(annotator=rows["annotator"].fillna(""), speaker=rows["speaker"])
    votes = count_votes(rows, labels.classes, labels.resolve).clips
    return votes["label_confidence"].where(~votes["tied"], 0.5)


def _clips(table: pd.DataFrame, shares: pd.Series, answers: dict[str, Any]) -> list[ReviewClip]:
    clips = []
    for clip_id, row in zip(table.index, table.to_dict("records"), strict=True):
        label, reason = _text(row["label"]), _text(row["reason"])
        is_usable = row["kept"] or reason == Reason.LABEL_TIE
        share = float(shares.get(clip_id, np.nan))
        doubt = None if math.isnan(share) or share == 1 or not is_usable else 1 - share
        notes = [f"votes: {row['votes']}"] if _text(row["votes"]) else []
        answer = answers.get(str(clip_id))
        if is_usable and answer and answer["label"] == label and answer["doubt"] is not None:
            doubt = float(answer["doubt"])
            notes.append(f"networks: {answer['answer']} {100 * answer['answer_probability']:.0f} %")
        if author := _text(row["review_author"]):
            notes.append(f"{row['review']} by {author}")
        outcome = "kept" if row["kept"] else f"dropped: {reason}"
        span = (str(row["film"]), float(row["start_s"]), float(row["end_s"]))
        clips.append(
            ReviewClip(str(clip_id), *span, label, _text(row["speaker"]), doubt, outcome, "; ".join(notes))
        )
    return clips


def _doubtful_first(clips: Sequence[ReviewClip]) -> tuple[ReviewClip, ...]:
    """By doubt; those that nothing speaks against follow in their order."""
    return tuple(sorted(clips, key=lambda clip: math.inf if clip.doubt is None else -clip.doubt))


def _text(value: Any) -> str | None:
    return None if value is None or value != value or value == "" else str(value)
