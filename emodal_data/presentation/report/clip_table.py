"""The table of clips of the report: one row for each clip, kept or dropped, with its measures.

It is read from the ledger and the shards. Images and sounds are in the clip store.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from emodal_data.annotations import count_votes, count_words
from emodal_data.core.config import Resolve
from emodal_data.core.reasons import Reason
from emodal_data.core.schema import (
    LEDGER,
    MORE_QUALITY,
    QUALITY,
    SPEAKING,
    VOICE_LEVEL,
    stored_names,
    with_current_names,
)
from emodal_data.dataset.read import read_samples

#: The measures of a clip, in the order in which the report shows them.
MEASURES = tuple(field.name for field in (*QUALITY, *MORE_QUALITY))

#: Further ones, of builds that asked for them.
_OPTIONAL = tuple(field.name for field in (*SPEAKING, *VOICE_LEVEL) if field.name != "on_screen")

_REVIEW = ("review", "review_label", "review_author", "review_note")


def read_ledger(dataset: Path) -> pd.DataFrame:
    """The columns of the ledger that the report needs, one row for each annotation row."""
    wanted = [*LEDGER.names, *_REVIEW, "label_mapped_to", "annotator", "speaker"]
    present = pq.read_schema(dataset / "ledger.parquet").names
    wanted += [name for name in (*_OPTIONAL, "on_screen") if name in present]
    columns = [name for name in stored_names(wanted, present) if name in present]
    table = pq.read_table(dataset / "ledger.parquet", columns=columns)
    ledger: pd.DataFrame = with_current_names(table).to_pandas()
    if "label_mapped_to" not in ledger:
        ledger["label_mapped_to"] = ledger["label"]
    return ledger.reindex(columns=wanted)


def clip_table(
    ledger: pd.DataFrame, dataset: Path, classes: Sequence[str], resolve: Resolve = "majority"
) -> pd.DataFrame:
    """One row for each clip, indexed by clip_id, ordered by film and time.

    Columns: film, start_s, end_s, frame_s, speaker, label (as published; for a dropped clip, as reviewed or voted),
    votes (such as "angry 2, sad 1"), annotators (names, a line each), kept, split, reason, measured, detail, those of
    the review, and MEASURES.
    ledger: from read_ledger. resolve: as labels.resolve.
    """
    # Clips whose label is outside the classes are not read: they have nothing to show.
    unread = (ledger["reason"] == Reason.LABEL_OUTSIDE_SCHEME) & ledger["frame_s"].isna()
    rows = ledger[ledger["clip_id"].notna() & ~unread]
    votes = count_votes(rows.assign(annotator=rows["annotator"].fillna("")), classes, resolve)
    # A vote that does not count is dropped although its clip is kept: rows with the outcome of the clip come first.
    rank = np.where(rows["outcome"] == "kept", 0, np.where(rows.index.isin(votes.repeated), 2, 1))
    first = rows.assign(rank=rank).sort_values("rank", kind="stable").drop_duplicates("clip_id")
    clips = first.set_index("clip_id").drop(
        columns=["row", "label", "label_mapped_to", "annotator", "rank", "speaker"]
    )
    clips["kept"] = clips.pop("outcome") == "kept"
    clips["speaker"] = votes.clips["speaker"]
    clips["votes"] = _votes(rows.drop(index=votes.repeated), classes).reindex(clips.index)
    named = rows[rows["annotator"].notna() & (rows["annotator"] != "")]
    names = named.groupby("clip_id")["annotator"].agg(lambda of_clip: "\n".join(sorted(set(of_clip))))
    clips["annotators"] = names.reindex(clips.index)
    published = read_samples(dataset, []).drop_duplicates("clip_id").set_index("clip_id")["label"]
    voted = votes.clips["label"].reindex(clips.index).astype(object)
    decided = clips["review_label"].astype(object).where(clips["review_label"].notna(), voted)
    clips["label"] = decided.where(~clips["kept"], published.reindex(clips.index))
    return clips.sort_values(["film", "start_s", "end_s"], kind="stable")


def _votes(rows: pd.DataFrame, classes: Sequence[str]) -> pd.Series:
    """The votes of each clip as text, the most frequent word first."""
    found = count_words(rows, classes)
    words = np.array(found.words, dtype=object)[found.word]
    counts = pd.DataFrame({"clip_id": found.clip_ids[found.clip], "word": words, "votes": found.votes})
    counts = counts.sort_values(["clip_id", "votes", "word"], ascending=[True, False, True])
    counts["text"] = counts["word"] + " " + counts["votes"].astype(str)
    texts: pd.Series = counts.groupby("clip_id")["text"].agg(", ".join)
    return texts


def page_columns(clips: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """The table for the script of the page: a list for each column, with null for NaN.

    Columns with few distinct values are {"values": [...], "codes": [...]}, with code -1 for null.
    """
    columns: dict[str, Any] = {"clip_id": clips.index.tolist(), "kept": clips["kept"].astype(int).tolist()}
    for name in ("film", "speaker", "annotators", "label", "votes", "split", "reason", "detail", *_REVIEW):
        known = list(classes) if name == "label" else None
        category = pd.Categorical(clips[name], categories=known)
        columns[name] = {
            "values": [str(value) for value in category.categories],
            "codes": category.codes.tolist(),
        }
    for name in ("start_s", "end_s", "frame_s"):
        columns[name] = _numbers(clips[name], "{:.3f}")
    for name in ("measured", *MEASURES, *(name for name in _OPTIONAL if name in clips)):
        columns[name] = _numbers(clips[name], "{:.4g}")
    return columns


def _numbers(values: pd.Series, form: str) -> list[float | None]:
    """Rounded numbers, because the page may have ten thousand rows of them."""
    return [None if not np.isfinite(value) else float(form.format(value)) for value in values.astype(float)]
