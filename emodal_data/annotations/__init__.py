"""Annotation files to one table of rows; votes; agreement; Label Studio both ways."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pandas as pd

from emodal_data.annotations.cells import alike, spans
from emodal_data.annotations.readers import annotations_sha256, read_table
from emodal_data.annotations.row_labels import label_rows
from emodal_data.annotations.row_targets import check_targets, missing_codes
from emodal_data.annotations.votes import Votes, count_votes, count_words
from emodal_data.core.config import AS_DOCUMENTED, DEFAULT_LABELS, LabelsConfig, TableConfig
from emodal_data.core.labels import LabelScheme
from emodal_data.core.text import counted

__all__ = ["Votes", "annotations_sha256", "count_votes", "count_words", "read_annotations"]

#: What programs and people write where a name is not known.
_NO_NAMES: Final = ("nan", "nat", "<na>", "na", "n/a", "#n/a", "none", "null", "unknown", "unk", "-", "?")
#: Answers of annotation tools to a task whose label is not meant.
_REFUSED: Final = ("reject", "ignore")


def read_annotations(
    path: Path,
    config: TableConfig = AS_DOCUMENTED,
    films: Path | None = None,
    labels: LabelsConfig = DEFAULT_LABELS,
) -> pd.DataFrame:
    """The spans of an annotation file, or of all files in a folder: one line for every row, including bad ones.

    config, labels: the sections `table` and `labels`. films: the folder of films, for a table of the paths of clips.
    Columns: row (line of the file; for Label Studio the number of the region), film, start_s, end_s (both NaN for a
    whole file), label (class or null), annotator, speaker, reason, measured, detail (null, or a note on a good row),
    label_as_written, label_mapped_to, then the file's other columns as text, and annotation_file for a folder.
    attrs["warnings"]: what is odd about the whole, a line each.
    Raises InputError if the file cannot be read, has no rows, or lacks a column.
    """
    has_classes = bool(labels.classes)
    table = read_table(path, config, films, needs_label=has_classes)
    rows = label_rows(spans(table), LabelScheme.of(labels))
    rows = check_targets(rows, labels.targets, need_one=not has_classes)
    # Each column has a block of its own: in one of several, a column that is replaced later would be kept.
    rows = pd.DataFrame({name: rows[name].copy() for name in rows}, copy=False)
    rows.attrs["warnings"] = (
        *table.attrs.get("warnings", ()),
        *_oddities(rows),
        *missing_codes(rows, labels.targets),
    )
    return rows


def _oddities(rows: pd.DataFrame) -> Iterator[str]:
    good = rows["reason"].isna()
    whole = int((good & rows["start_s"].isna()).sum())
    if whole:
        yield counted(
            whole, "row without start and end is a whole file", "rows without start and end are whole files"
        )
    noted = rows[good & rows["detail"].notna()]
    if len(noted):
        first = noted.iloc[0]
        yield f"{len(noted)} starts are before the film and taken as 0, the first in row {first['row']}"
    if "answer" in rows:
        refused = rows[rows["answer"].isin(_REFUSED)]
        if len(refused):
            found = counted(len(refused), "row is", "rows are")
            yield (
                f"column 'answer': {found} rejected or ignored, the first is row {refused.iloc[0]['row']}, and read "
                "like the others: take them out"
            )
    for column in ("annotator", "speaker", "series"):
        names: list[str] = list(rows[column].dropna().unique()) if column in rows else []
        for name in names:
            if name.casefold() in _NO_NAMES:
                found = counted(int((rows[column] == name).sum()), "row", "rows")
                yield f"column {column!r}: {name!r} is a name in {found}: leave the cell empty if it means unknown"
        pairs = alike(names)
        if pairs:
            said = ", ".join(f"{one!r} and {other!r}" for one, other in pairs[:3])
            more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
            yield f"column {column!r}: {said}{more} are different names; write one of them if they are the same"
