"""The ledger: one line for every annotation row, kept or dropped, and why."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.files import atomic_path
from emodal_data.schema import LEDGER, LEDGER_OPTIONS, SCHEMA_VERSION


def make_ledger(rows: pd.DataFrame, clips: pd.DataFrame) -> pa.Table:
    """One line for every annotation row: its own fault, or else what became of its clip.

    rows: plan.Plan.rows. clips: with measures, reason and (when a dataset was made) split. Columns of the annotation
    file that the schema does not know follow as text.
    """
    options = [field for field in LEDGER_OPTIONS if field.name in clips]
    fields = [*LEDGER, *options]
    names = [field.name for field in fields]
    of_clip = [name for name in names if name in clips.columns and name not in rows.columns]
    verdict = ["reason", "measured", "detail"]
    ledger = rows.join(clips[of_clip], on="clip_id")
    outcome = rows[["clip_id"]].join(clips[verdict], on="clip_id")
    fine = rows["reason"].isna()
    for name in verdict:
        ledger[name] = rows[name].astype(object).where(~fine, outcome[name].astype(object))
    dropped = ledger["reason"].notna()
    odd = fine & ~dropped & rows["detail"].notna()  # not at fault, but told
    of_clip_too = ("; " + ledger.loc[odd, "detail"].astype(object)).fillna("")
    ledger.loc[odd, "detail"] = rows.loc[odd, "detail"] + of_clip_too
    for name in {"split", "fold"} & set(ledger.columns):
        ledger[name] = ledger[name].astype(object).where(~dropped, None)
    ledger["outcome"] = np.where(dropped, "dropped", "kept")
    known = {name: pa.array(ledger[name], from_pandas=True) for name in names if name in ledger}
    columns = {
        field.name: known[field.name].cast(field.type)
        if field.name in known
        else pa.nulls(len(ledger), field.type)
        for field in fields
    }
    schema = pa.schema(fields, metadata={"emodal_schema": str(SCHEMA_VERSION)})
    table = pa.Table.from_pydict(columns, schema=schema)
    for name in rows.columns:
        if name not in names and name not in ("speaker", "annotator"):
            table = table.append_column(name, pa.array(rows[name], pa.string(), from_pandas=True))
    for name in ("annotator", "speaker"):
        table = table.append_column(name, pa.array(rows[name].astype(object), pa.string(), from_pandas=True))
    return table


def write_ledger(path: Path, ledger: pa.Table) -> None:
    """Write the ledger atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(ledger, temporary, compression="zstd")
