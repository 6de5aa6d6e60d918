"""The table of clips of the report: one row for each clip, kept or dropped, with its measures.

It is read from the ledger and the shards. Images and sounds are in the clip store.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from emodal_data.annotations import count_votes, count_words
from emodal_data.annotations.row_targets import target_value
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
from emodal_data.core.sizes import RATE_HZ
from emodal_data.dataset.carried import PREFIX
from emodal_data.dataset.read import read_samples

#: The measures of a clip, in the order in which the report shows them.
MEASURES = tuple(field.name for field in (*QUALITY, *MORE_QUALITY))

#: Further ones, of builds that asked for them.
_ON_SCREEN = "on_screen"
_OPTIONAL = tuple(field.name for field in (*SPEAKING, *VOICE_LEVEL) if field.name != _ON_SCREEN)

_REVIEW = ("review", "review_label", "review_author", "review_note")
#: What is computed of a clip's other columns.
_DERIVED = ("seconds", "missing_fraction")
_DIGITS = 4


def read_ledger(dataset: Path, carried: Sequence[str] = ()) -> pd.DataFrame:
    """The columns of the ledger that the report needs, one row for each annotation row.

    carried: names of columns of the annotations that are wanted too, as text; those that the ledger lacks are left out.
    """
    wanted = [*LEDGER.names, *_REVIEW, "label_mapped_to", "annotator", "speaker"]
    present = pq.read_schema(dataset / "ledger.parquet").names
    wanted += [name for name in (*_OPTIONAL, _ON_SCREEN) if name in present]
    columns = [name for name in stored_names(wanted, present) if name in present]
    table = pq.read_table(dataset / "ledger.parquet", columns=columns)
    ledger: pd.DataFrame = with_current_names(table).to_pandas()
    if "label_mapped_to" not in ledger:
        ledger["label_mapped_to"] = ledger["label"]
    texts = [name for name in carried if name in present]
    cells = pq.read_table(dataset / "ledger.parquet", columns=texts).to_pandas()
    return ledger.reindex(columns=wanted).join(cells.add_prefix(PREFIX))


def clip_table(
    ledger: pd.DataFrame, dataset: Path, classes: Sequence[str], resolve: Resolve = "majority"
) -> pd.DataFrame:
    """One row for each clip, indexed by clip_id, ordered by film and time.

    Columns: film, start_s, end_s, frame_s, speaker, label (as published; for a dropped clip, as reviewed or voted),
    votes (such as "angry 2, sad 1"), annotators (names, a line each), kept, split, reason, measured, detail, those of
    the review, MEASURES, seconds, missing_fraction, and those of the annotations with the prefix of carried columns:
    as published, and for a dropped clip the first cell of its rows, as text.
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
    carried = [str(name).removeprefix(PREFIX) for name in rows if str(name).startswith(PREFIX)]
    published = read_samples(dataset, carried).drop_duplicates("clip_id").set_index("clip_id")
    voted = votes.clips["label"].reindex(clips.index).astype(object)
    decided = clips["review_label"].astype(object).where(clips["review_label"].notna(), voted)
    clips["label"] = decided.where(~clips["kept"], published["label"].reindex(clips.index))
    for name in carried:
        cells = rows.loc[rows[PREFIX + name].fillna("") != "", ["clip_id", PREFIX + name]]
        first_cells = cells.drop_duplicates("clip_id").set_index("clip_id")[PREFIX + name]
        values = published[name].dropna().astype(str).reindex(clips.index)
        clips[PREFIX + name] = values.where(values.notna(), first_cells.reindex(clips.index))
    clips["seconds"] = clips["end_s"] - clips["start_s"]
    clips["missing_fraction"] = clips["missing_samples"] / (clips["seconds"] * RATE_HZ)
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


def rounded(clips: pd.DataFrame) -> pd.DataFrame:
    """The table with measures of four significant digits: what the page shows, and what its charts count."""
    names = ["measured", *_measures_in(clips)]
    values = clips[names].astype(float).to_numpy()
    usable = np.isfinite(values) & (values != 0)
    places = np.zeros(values.shape)
    places[usable] = _DIGITS - 1 - np.floor(np.log10(np.abs(values[usable])))
    # Multiplied and divided only by whole powers of ten: the result is the number nearest to the decimal one.
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    numbers = np.round(values * up / down) * down / up
    return clips.assign(**dict(zip(names, numbers.T, strict=True)))


def page_columns(
    clips: pd.DataFrame, classes: Sequence[str], carried: Mapping[str, bool] | None = None
) -> dict[str, Any]:
    """The table for the script of the page, from rounded(): a list for each column, with null for NaN.

    Columns with few distinct values are {"values": [...], "codes": [...]}, with code -1 for null; a column with one
    value in all clips is {"same": value}. carried: names of carried columns, and whether they are numbers.
    """
    carried = {
        PREFIX + name: is_number for name, is_number in (carried or {}).items() if PREFIX + name in clips
    }
    columns: dict[str, Any] = {"clip_id": clips.index.tolist(), "kept": clips["kept"].astype(int).tolist()}
    texts = [name for name, is_number in carried.items() if not is_number]
    texts += [_ON_SCREEN] if _ON_SCREEN in clips else []
    for name in (
        *("film", "speaker", "annotators", "label", "votes", "split", "reason", "detail", *_REVIEW),
        *texts,
    ):
        known = list(classes) if name == "label" else None
        category = pd.Categorical(clips[name], categories=known)
        columns[name] = {
            "values": [str(value) for value in category.categories],
            "codes": category.codes.tolist(),
        }
    for name in ("start_s", "end_s", "frame_s"):
        columns[name] = _numbers(clips[name].astype(float).round(3))
    for name in ("measured", *_measures_in(clips)):
        columns[name] = _numbers(clips[name])
    for name in carried.keys() - set(texts):
        columns[name] = _numbers(clips[name].map(target_value, na_action="ignore"))
    return {name: column if name == "clip_id" else _compact(column) for name, column in columns.items()}


def _measures_in(clips: pd.DataFrame) -> list[str]:
    return [*MEASURES, *(name for name in _OPTIONAL if name in clips), *_DERIVED]


def _numbers(values: pd.Series) -> list[float | None]:
    """Whole numbers without a decimal point, and null for NaN: the page may have a hundred thousand of them."""
    return [
        None if not np.isfinite(value) else int(value) if value.is_integer() else value
        for value in values.astype(float).tolist()
    ]


def _compact(column: Any) -> Any:
    """A column as {"same": value} if all clips have one value."""
    if isinstance(column, dict):
        values, found = column["values"], set(column["codes"])
        return {"same": None if found == {-1} else values[found.pop()]} if len(found) == 1 else column
    return {"same": column[0]} if len(set(column)) == 1 else column
