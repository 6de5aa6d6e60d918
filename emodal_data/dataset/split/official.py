"""Official splits and folds: columns of the annotations that are followed as they are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pandas as pd

from emodal_data.annotations.cells import plain_name
from emodal_data.annotations.columns import map_repeated
from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError
from emodal_data.core.reasons import Reason

#: What tables call the splits, in any case.
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("train", "training"), "train"),
        **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
        **dict.fromkeys(("test", "testing"), "test"),
    }
)

#: Columns that never say a split, whatever their words.
_NO_SPLIT: Final = ("film", "label", "label_as_written", "label_mapped_to")


def table_column(rows: pd.DataFrame, name: str, setting: str) -> pd.Series:
    """The cells of a column that a setting names: see column_cells. Raises InputError if there is no such column."""
    cells = column_cells(rows, name)
    if cells is None:
        raise InputError(f"split.{setting} = {name!r}: the annotations have no column {name!r}")
    return cells


def mark_unknown_splits(rows: pd.DataFrame, config: SplitConfig) -> pd.DataFrame:
    """The rows, those at fault whose cell in split.column means no split.

    Raises InputError if a column does not exist, or if no cell of split.column means a split.
    """
    if config.fold_column:
        table_column(rows, config.fold_column, "fold_column")
    if not config.column:
        return rows
    cells = table_column(rows, config.column, "column")
    splits = _splits(cells, config)
    if len(rows) and splits.isna().all():
        words = ", ".join(repr(word) for word in list(dict.fromkeys(cells))[:5])
        raise InputError(
            f"split.column = {config.column!r}: its cells are {words}; name them in split.map, such as "
            'split.map = { "1" = "train" }'
        )
    unknown = rows["reason"].isna() & splits.isna() & (rows["label"].notna() | (cells != ""))
    if not unknown.any():
        return rows
    rows = rows.copy()
    rows.loc[unknown, "reason"] = Reason.SPLIT_UNKNOWN.value
    rows.loc[unknown, "detail"] = [
        f"column {config.column!r} " + (f"says {cell!r}; name it in split.map" if cell else "is empty")
        for cell in cells[unknown]
    ]
    return rows


def not_followed(rows: pd.DataFrame, config: SplitConfig) -> list[str]:
    """A line for a column split or fold of the annotations that no setting follows."""
    lines = []
    if not config.column and (cells := column_cells(rows, "split")) is not None:
        lines += _about_splits("split", _splits(cells, config))
    if not config.column and not lines:
        named = [name for name in rows.columns if name not in _NO_SPLIT and _names_splits(rows[name])]
        for name in named:
            lines += _about_splits(name, _splits(table_column(rows, str(name), "column"), config))
    cells = None if config.fold_column else column_cells(rows, "fold")
    if cells is not None and (cells != "").any() and not _names_splits(cells):
        lines.append("column 'fold' is not followed: set split.fold_column = \"fold\" to follow it")
    return lines


def _names_splits(cells: pd.Series) -> bool:
    """Whether a column has words for splits alone, and for at least two of them."""
    if cells.dtype.kind != "O":
        return False
    words = {str(word).strip().casefold() for word in cells.dropna().unique()} - {""}
    return words <= WORDS.keys() and len({WORDS[word] for word in words}) > 1


def _about_splits(name: str, splits: pd.Series) -> list[str]:
    counts = splits.value_counts().sort_index()
    said = ", ".join(f"{split} {count}" for split, count in counts.items())
    line = f'column {name!r} ({said} rows) is not followed: set split.column = "{name}" to follow it'
    return [line] if said else []


def official_splits(rows: pd.DataFrame, config: SplitConfig) -> pd.Series | None:
    """The split that split.column gives each clip, indexed by clip_id; "" if its rows differ, null if none says it.

    rows: clips.tables.ROWS. None if no column is followed.
    """
    if not config.column:
        return None
    return _of_clips(rows["clip_id"], _splits(table_column(rows, config.column, "column"), config))


def official_folds(rows: pd.DataFrame, config: SplitConfig) -> pd.Series | None:
    """The fold that split.fold_column gives each clip, indexed by clip_id; "" if its rows differ, null if none says it.

    rows: clips.tables.ROWS. None if no column is followed.
    """
    if not config.fold_column:
        return None
    cells = table_column(rows, config.fold_column, "fold_column")
    return _of_clips(rows["clip_id"], cells.where(cells != ""))


def fold_names(folds: pd.Series) -> list[str]:
    """The words of official folds in their order, that of numbers if all are numbers: fold n is the n-th of them."""
    names = {str(name) for name in folds.dropna() if name}
    if all(name.isdecimal() for name in names):
        return sorted(names, key=int)
    return sorted(names)


def column_cells(rows: pd.DataFrame, name: str) -> pd.Series | None:
    """The cells of a column of the annotations in one spelling (see plain_name), None if there is no such column.

    A column with a name that the ledger uses itself is kept as NAME_in_table. If no other is there, the name in another
    case means it.
    """
    wanted = (f"{name}_in_table", name)
    found = next((column for column in (*wanted, *(w.lower() for w in wanted)) if column in rows), None)
    return None if found is None else map_repeated(rows[found].fillna("").astype(str), plain_name)


def _splits(cells: pd.Series, config: SplitConfig) -> pd.Series:
    known = {**WORDS, **{word.strip().casefold(): split for word, split in config.map.items()}}
    return map_repeated(cells, lambda cell: known.get(cell.casefold()))


def _of_clips(clip_ids: pd.Series, values: pd.Series) -> pd.Series:
    """The one value of each clip; "" if there are several. A row that another repeats counts too."""
    said = pd.DataFrame({"clip_id": clip_ids, "value": values}).dropna().drop_duplicates()
    several = said["clip_id"].duplicated(keep=False)
    return (
        said.assign(value=said["value"].mask(several, ""))
        .drop_duplicates("clip_id")
        .set_index("clip_id")["value"]
    )
