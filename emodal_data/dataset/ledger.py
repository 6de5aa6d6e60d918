"""The ledger: one line for every annotation row, kept or dropped, and why."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emodal_data.core.schema import LEDGER, LEDGER_OPTIONS, SCHEMA_VERSION
from emodal_data.storage.files import atomic_path

#: Columns that a row and its clip both have; the value of the row wins.
_VERDICT = ("reason", "measured", "detail")
#: Columns that end the table.
_LAST = ("annotator", "speaker")


def make_ledger(rows: pd.DataFrame, clips: pd.DataFrame) -> pa.Table:
    """One line for each annotation row: its own fault, or else the outcome of its clip.

    rows: clips.tables.ROWS. clips: clips.tables.GATED, or SPLIT if a dataset was planned. Columns of the annotation
    file that the schema does not know follow as text.
    """
    fields = [*LEDGER, *(field for field in LEDGER_OPTIONS if field.name in clips)]
    places = clips.index.get_indexer(pd.Index(rows["clip_id"]))
    takes = pa.array(places, mask=places < 0)

    def own(name: str, kind: pa.DataType) -> pa.Array:
        return _values(rows[name], kind)

    def of_clip(name: str, kind: pa.DataType) -> pa.Array:
        return _values(clips[name], kind).take(takes)  # one column at a time: a join would hold them all

    fine = pa.array(rows["reason"].isna())
    columns = {
        field.name: pc.if_else(fine, of_clip(field.name, field.type), own(field.name, field.type))
        for field in fields
        if field.name in _VERDICT
    }
    dropped = columns["reason"].is_valid()
    # Rows without a fault that have a note.
    noted = pc.and_(pc.and_not(fine, dropped), pc.is_valid(own("detail", pa.string())))
    of_clip_too = pc.coalesce(pc.binary_join_element_wise("; ", of_clip("detail", pa.string()), ""), "")
    notes = pc.binary_join_element_wise(own("detail", pa.string()), of_clip_too, "")
    columns["detail"] = pc.if_else(noted, notes, columns["detail"])
    columns["outcome"] = pc.if_else(dropped, "dropped", "kept")
    for field in fields:
        if field.name in columns:
            continue
        if field.name in rows:
            columns[field.name] = own(field.name, field.type)
        elif field.name in clips:
            columns[field.name] = of_clip(field.name, field.type)
        else:
            columns[field.name] = pa.nulls(len(rows), field.type)
    for name in {"split", "fold"} & columns.keys():
        columns[name] = pc.if_else(dropped, None, columns[name])
    schema = pa.schema(fields, metadata={"emodal_schema": str(SCHEMA_VERSION)})
    table = pa.Table.from_pydict({name: columns[name] for name in schema.names}, schema=schema)
    more = [name for name in rows.columns if name not in schema.names and name not in _LAST]
    for name in (*more, *_LAST):
        table = table.append_column(name, own(name, pa.string()))
    return table


def _values(column: pd.Series, kind: pa.DataType) -> pa.Array:
    values = pa.array(column, from_pandas=True)
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return values.cast(kind)


def write_ledger(path: Path, ledger: pa.Table) -> None:
    """Write the ledger atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(ledger, temporary, compression="zstd")
