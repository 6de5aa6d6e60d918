"""Samples of existing shards whose derived columns (pictures, features, sound) can be reused."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.core.schema import QUALITY
from emodal_data.storage.files import file_sha256

#: Two samples are the same if these are equal: clip, number of the augmentation, and the measures of the clip.
_SAME = ("sample_id", "start_s", "end_s", "frame_s", *(field.name for field in QUALITY))

Places = npt.NDArray[np.int64]


class ReusableSamples:
    """Some columns of the samples in some shards.

    shards: file and SHA-256 of its bytes. A file that is missing or has other bytes counts as absent.
    """

    def __init__(self, shards: Mapping[Path, str], columns: Sequence[str]) -> None:
        self._columns = list(columns)
        self._files = [pq.ParquetFile(path) for path, digest in shards.items() if file_sha256(path) == digest]
        keys = [_keys(file.read(columns=list(_SAME))) for file in self._files]
        self._rows = np.concatenate([np.arange(len(of_file)) for of_file in keys] or [np.empty(0, np.int64)])
        self._file_of = np.repeat(np.arange(len(keys)), [len(of_file) for of_file in keys])
        self._known = pd.Index(np.concatenate(keys or [np.empty(0, np.uint64)]))

    def find(self, samples: pa.Table) -> Places:
        """The place of each sample, for take; -1 if it cannot be reused. samples: with the columns _SAME."""
        return np.asarray(self._known.get_indexer(pd.Index(_keys(samples))), dtype=np.int64)

    def take(self, places: Places, schema: pa.Schema) -> pa.Table:
        """The columns at some places, in their order. schema: of the columns."""
        parts, order = [schema.empty_table()], []
        for number in np.unique(self._file_of[places]):
            mine = np.flatnonzero(self._file_of[places] == number)
            parts.append(self._read(self._files[number], self._rows[places[mine]]).cast(schema))
            order.append(mine)
        back = np.argsort(np.concatenate(order or [np.empty(0, np.int64)]))
        return pa.concat_tables(parts).take(back)

    def _read(self, file: pq.ParquetFile, rows: Places) -> pa.Table:
        """Some rows of a file. Only the row groups that hold them are read."""
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        group_of = ends.searchsorted(rows, side="right")
        groups = np.unique(group_of)
        skipped = ends[group_of] - np.cumsum(np.array(sizes)[groups])[groups.searchsorted(group_of)]
        return file.read_row_groups(groups.tolist(), columns=self._columns).take(rows - skipped)


def _keys(samples: pa.Table) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each sample's columns _SAME."""
    columns = {
        name: samples[name] if pa.types.is_string(samples[name].type) else samples[name].cast(pa.float64())
        for name in _SAME
    }
    hashes = pd.util.hash_pandas_object(pa.table(columns).to_pandas(), index=False)
    return np.asarray(hashes, dtype=np.uint64)
