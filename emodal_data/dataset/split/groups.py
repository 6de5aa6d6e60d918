"""The groups of clips that stay in one split, and the columns that say who or what is in a clip."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

import numpy as np
import pandas as pd

from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError
from emodal_data.core.text import did_you_mean
from emodal_data.dataset.split.official import column_cells

#: Columns of the annotations that say who or what is in a clip: the leakage check counts them in any case.
ID_COLUMNS: Final = ("speaker", "series", "person")
#: Names in split.group_by that are no columns of the annotations.
_BUILT_IN: Final = ("film", "speaker", "clip")


def id_columns(rows: pd.DataFrame, clips: pd.DataFrame, config: SplitConfig) -> pd.DataFrame:
    """The columns that may not, or should not, cross the split: one line a clip, indexed by clip_id, null for no value.

    rows: clips.tables.ROWS, with the columns of the annotations. clips: film and speaker, indexed by clip_id.
    Columns: speaker, series and person if there are such columns, those of split.group_by and of split.check_columns.
    A clip has the first value that its rows have. series without such a column is the folder of the film, if
    split.group_by names it. Raises InputError if a column that the settings name does not exist.
    """
    ids = clips[["speaker"]].astype(object)
    for setting, name in _wanted(config):
        cells = _cells_of_clips(rows, name, clips)
        if cells is None and name == "series":
            cells = folder_of(clips["film"])
        if cells is None:
            raise _no_column(setting, name, rows)
        ids[name] = cells
    for name in ID_COLUMNS:
        if name not in ids:
            cells = _cells_of_clips(rows, name, clips)
            if cells is not None and cells.notna().any():
                ids[name] = cells
    return ids


def check_columns(rows: pd.DataFrame, config: SplitConfig) -> None:
    """Refuse what id_columns would refuse, before any film is read. Raises InputError."""
    for setting, name in _wanted(config):
        cells = column_cells(rows, name)
        if name == "series" and (cells is None or (cells == "").all()):
            cells = folder_of(rows["film"].astype(object)).dropna()
            if cells.empty:
                raise InputError(
                    f"split.{setting}: the annotations have no column 'series', and the films are in no folders"
                )
        if cells is None:
            raise _no_column(setting, name, rows)


def _wanted(config: SplitConfig) -> list[tuple[str, str]]:
    """The settings and the columns of the annotations that they name."""
    names = [("group_by", name) for name in config.groups] + [
        ("check_columns", name) for name in config.check_columns
    ]
    return [(setting, name) for setting, name in dict.fromkeys(names) if name not in _BUILT_IN]


def _no_column(setting: str, name: str, rows: pd.DataFrame) -> InputError:
    hint = did_you_mean(name, [*_BUILT_IN, *rows.columns])
    return InputError(f"split.{setting} = {name!r}: the annotations have no column {name!r}{hint}")


def folder_of(films: pd.Series) -> pd.Series:
    """The first folder in the path of each film, null for a film in none."""
    folders = {film: PurePosixPath(film).parts[0] for film in films.unique() if "/" in film}
    return films.map(folders).astype(object).where(lambda folder: folder.notna(), None)


def _cells_of_clips(rows: pd.DataFrame, name: str, clips: pd.DataFrame) -> pd.Series | None:
    """The first cell of each clip that is not empty, null for none; None if there is no column, or an empty series."""
    cells = column_cells(rows, name)
    if cells is None or (name == "series" and (cells == "").all()):
        return None
    said = pd.DataFrame({"clip_id": rows["clip_id"], "cell": cells})
    first = said[cells != ""].dropna().drop_duplicates("clip_id").set_index("clip_id")["cell"]
    of_clips: pd.Series = first.reindex(clips.index).astype(object)
    return of_clips.where(of_clips.notna(), None)


def group_of(
    clips: pd.DataFrame, group_by: str | Sequence[str], ids: pd.DataFrame | None = None
) -> pd.Series:
    """The group of each clip: its film, its speaker in the whole build, its value in a column, or the clips that it
    overlaps with.

    clips: film, speaker, start_s and end_s, indexed by clip_id. ids: from id_columns, for other names. A clip
    without a value is in one group with the other such clips of its film. By clip, overlapping spans of one film are
    one group, because they share frames and sound; it is named after the first of them. Of several names, clips that
    share any value are one group, also by way of others; it is named after the first of its values.
    """
    names = (group_by,) if isinstance(group_by, str) else tuple(group_by)
    if len(names) > 1:
        return _joined(clips, {name: _values(clips, name, ids) for name in names})
    values = _values(clips, names[0], ids)
    missing = values.isna()
    return values.mask(missing, "film " + clips["film"]) if missing.any() else values


def _values(clips: pd.DataFrame, name: str, ids: pd.DataFrame | None) -> pd.Series:
    """The value of each clip under a name of split.group_by, null for none."""
    if name == "clip":
        return _overlapping(clips)
    if name in ("film", "speaker"):
        return clips[name].astype("category").astype(object)  # equal texts are one object
    if ids is None or name not in ids:
        raise InputError(f"split.group_by = {name!r}: there is no such column")
    return ids[name].reindex(clips.index).astype(object)


def _joined(clips: pd.DataFrame, values: Mapping[str, pd.Series]) -> pd.Series:
    """The groups of clips that share a value of any column, directly or by way of others."""
    from scipy.sparse import coo_array  # half a second and 20 MB, which most builds need not spend
    from scipy.sparse.csgraph import connected_components

    named = pd.concat([f"{name} " + of_name.dropna().astype(str) for name, of_name in values.items()])
    alone = clips.index.difference(named.index)
    named = pd.concat([named, "film " + clips.loc[alone, "film"]])
    nodes, node_of = np.unique(named.to_numpy(dtype=str), return_inverse=True)
    clip_of = clips.index.get_indexer(named.index)
    size = len(clips) + len(nodes)
    edges = coo_array((np.ones(len(named), bool), (clip_of, len(clips) + node_of)), shape=(size, size))
    _, component = connected_components(edges, directed=False)
    first = pd.Series(nodes).groupby(component[len(clips) :]).min()
    return pd.Series(first.reindex(component[: len(clips)]).to_numpy(dtype=object), index=clips.index)


def _overlapping(clips: pd.DataFrame) -> pd.Series:
    in_order = clips.sort_values(["film", "start_s", "end_s"], kind="stable")
    reached_s = in_order.groupby("film", sort=False)["end_s"].cummax()
    same_film = in_order["film"] == in_order["film"].shift()
    opens = ~same_film | (in_order["start_s"] >= reached_s.shift())
    names = pd.Series(in_order.index, index=in_order.index, dtype=object).where(opens).ffill()
    return names.reindex(clips.index)
