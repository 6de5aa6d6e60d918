"""The ledger: one line for every annotation row, kept or dropped, and why."""

import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emodal_data.core.places import as_arrow, places_of
from emodal_data.core.schema import LEDGER, LEDGER_OPTIONS, SCHEMA_VERSION
from emodal_data.storage.files import atomic_path

#: Columns that a row and its clip both have; the value of the row wins.
_VERDICT = ("reason", "measured", "detail")
#: Columns that end the table.
_LAST = ("annotator", "speaker")
#: Lines that are made at once, and are a row group of the file.
PART_ROWS: Final = 1 << 16
#: A ledger of fewer bytes needs no file.
_MOST_BYTES_IN_MEMORY: Final = 1 << 20


class Ledger:
    """One line for each annotation row: its own fault, or else the outcome of its clip.

    The lines are in a temporary file, from which they are read in parts: in memory, a million of them take 250 MB.
    """

    def __init__(self, rows: pd.DataFrame, clips: pd.DataFrame) -> None:
        """rows: clips.tables.ROWS. clips: clips.tables.GATED, or SPLIT if a dataset was planned.

        Columns of the annotation file that the schema does not know follow as text.
        """
        fields = [*LEDGER, *(field for field in LEDGER_OPTIONS if field.name in clips)]
        known = {field.name for field in fields}
        more = [name for name in rows.columns if name not in known and name not in _LAST]
        texts = [pa.field(name, pa.string()) for name in (*more, *_LAST)]
        self.schema = pa.schema([*fields, *texts], metadata={"emodal_schema": str(SCHEMA_VERSION)})
        self._count = len(rows)
        self._file = SpooledTemporaryFile(_MOST_BYTES_IN_MEMORY)  # noqa: SIM115 lives as long as the ledger
        weakref.finalize(self, self._file.close)
        of_clips = [name for name in self.schema.names if name in clips and name not in rows]
        clips = clips[[*_VERDICT, *of_clips]]
        places = places_of(rows["clip_id"], clips.index)
        with pa.ipc.new_file(self._file, self.schema) as writer:
            for first in range(0, len(rows), PART_ROWS):
                lines = slice(first, first + PART_ROWS)
                writer.write_table(_lines(rows.iloc[lines], clips, places[lines], self.schema))

    def __len__(self) -> int:
        return self._count

    def parts(self) -> Iterator[pa.Table]:
        """The lines in the order of the annotation rows, at most PART_ROWS at a time."""
        with pa.ipc.open_file(self._file) as reader:
            for part in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(part)])

    def table(self, names: Sequence[str] | None = None) -> pa.Table:
        """Columns of all lines."""
        names = self.schema.names if names is None else names
        empty, lines = self.schema.empty_table().select(names), np.arange(PART_ROWS)
        # Copies: the columns of a part are slices of one buffer, so a few of them would keep all.
        copies = (part.select(names).take(lines[: len(part)]) for part in self.parts())
        return pa.concat_tables([empty, *copies])


def _lines(
    rows: pd.DataFrame, clips: pd.DataFrame, places: npt.NDArray[np.int64], schema: pa.Schema
) -> pa.Table:
    """Lines of the ledger. places: those of the rows' clips in clips, -1 for a row without a clip."""
    nothing = pd.Index([None] * len(places))
    clips = clips.take(np.maximum(places, 0)) if len(clips) else clips.reindex(nothing)
    has_clip = places >= 0

    def own(name: str) -> pa.Array:
        return as_arrow(rows[name]).cast(schema.field(name).type)

    def of_clip(name: str) -> pa.Array:
        values = as_arrow(clips[name]).cast(schema.field(name).type)
        return values if has_clip.all() else pc.if_else(has_clip, values, None)

    fine = pa.array(rows["reason"].isna().to_numpy())
    columns = {name: pc.if_else(fine, of_clip(name), own(name)) for name in _VERDICT}
    dropped = columns["reason"].is_valid()
    # Rows without a fault that have a note.
    noted = pc.and_(pc.and_not(fine, dropped), pc.is_valid(own("detail")))
    of_clip_too = pc.coalesce(pc.binary_join_element_wise("; ", of_clip("detail"), ""), "")
    notes = pc.binary_join_element_wise(own("detail"), of_clip_too, "")
    columns["detail"] = pc.if_else(noted, notes, columns["detail"])
    columns["outcome"] = pc.if_else(dropped, "dropped", "kept")
    for field in schema:
        if field.name in columns:
            continue
        if field.name in rows:
            columns[field.name] = own(field.name)
        elif field.name in clips:
            columns[field.name] = of_clip(field.name)
        else:
            columns[field.name] = pa.nulls(len(rows), field.type)
    for name in {"split", "fold"} & columns.keys():
        columns[name] = pc.if_else(dropped, None, columns[name])
    return pa.Table.from_pydict({name: columns[name] for name in schema.names}, schema=schema)


def write_ledger(path: Path, ledger: Ledger | pa.Table) -> None:
    """Write the ledger atomically, PART_ROWS lines to a row group."""
    parts = ledger.parts() if isinstance(ledger, Ledger) else [ledger]
    # Dictionaries of measures take half of the time and a third of the file; short ledgers keep the bytes they had.
    texts = [field.name for field in ledger.schema if pa.types.is_string(field.type)]
    coded = True if len(ledger) <= PART_ROWS else texts
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, ledger.schema, compression="zstd", use_dictionary=coded) as writer,
    ):
        for part in parts:
            writer.write_table(part, PART_ROWS)
