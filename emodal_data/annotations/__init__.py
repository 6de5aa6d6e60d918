"""Annotation files to one table of rows; votes; agreement; Label Studio both ways."""

from pathlib import Path

import pandas as pd

from emodal_data.annotations.cells import spans
from emodal_data.annotations.readers import annotations_sha256, read_table
from emodal_data.annotations.row_labels import label_rows
from emodal_data.annotations.votes import Votes, count_votes, count_words
from emodal_data.core.config import AS_DOCUMENTED, DEFAULT_LABELS, LabelsConfig, TableConfig
from emodal_data.core.labels import LabelScheme

__all__ = ["Votes", "annotations_sha256", "count_votes", "count_words", "read_annotations"]


def read_annotations(
    path: Path,
    config: TableConfig = AS_DOCUMENTED,
    films: Path | None = None,
    labels: LabelsConfig = DEFAULT_LABELS,
) -> pd.DataFrame:
    """The spans of an annotation file, or of all files in a folder: one line for every row, including bad ones.

    config, labels: the sections `table` and `labels`. films: the folder of films, for a table of the paths of clips.
    Columns: row (line of the file; for Label Studio the number of the region), film, start_s, end_s, label (class
    or null), annotator, speaker, reason, measured, detail (null for good rows), label_as_written, label_mapped_to, then
    the file's other columns as text, and annotation_file for a folder. attrs["warnings"]: what was not read.
    Raises InputError if the file cannot be read, has no rows, or lacks a column.
    """
    table = read_table(path, config, films)
    rows = label_rows(spans(table), LabelScheme.of(labels))
    rows.attrs = dict(table.attrs)
    return rows
