"""Annotation files to one table of rows; votes; agreement; Label Studio both ways."""

from pathlib import Path

import pandas as pd

from emodal_data.annotations.cells import spans
from emodal_data.annotations.readers import annotations_sha256, read_table
from emodal_data.annotations.votes import Votes, count_labels, count_votes
from emodal_data.core.config import AS_DOCUMENTED, TableConfig

__all__ = ["Votes", "annotations_sha256", "count_labels", "count_votes", "read_annotations"]


def read_annotations(
    path: Path, config: TableConfig = AS_DOCUMENTED, films: Path | None = None
) -> pd.DataFrame:
    """The spans of an annotation file, or of all files in a folder: one line for every row, including bad ones.

    config: the section `table`. films: the folder of films, for a table that is made of the paths of clips.
    Columns: row (line of the file; for Label Studio the number of the region), film, start_s, end_s, label (class
    name or null), annotator, speaker, reason, measured, detail (null for good rows), then the file's other columns
    as text, and annotation_file for a folder. attrs["warnings"]: what was not read, a line each.
    Raises InputError if the file cannot be read, has no rows, or lacks a column.
    """
    table = read_table(path, config, films)
    rows = spans(table)
    rows.attrs = dict(table.attrs)
    return rows
