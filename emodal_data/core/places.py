"""Looks names up in an index, without the Python objects and the hash table that pandas makes and keeps for it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def places_of(names: Any, index: pd.Index) -> npt.NDArray[np.int64]:
    """The place of each name in an index, (n,); -1 for null and for a name that the index lacks.

    index: different names. names: texts, a Series, an Index or a list; those stored as codes are looked up once each.
    """
    wanted, known = as_arrow(names), as_arrow(index).cast(pa.large_string())
    if not pa.types.is_dictionary(wanted.type):
        return _find(wanted, known)
    of_code = _find(wanted.dictionary, known)
    return np.take(np.append(of_code, -1), np.asarray(wanted.indices.fill_null(-1)))


def _find(wanted: pa.Array, known: pa.Array) -> npt.NDArray[np.int64]:
    wanted = wanted.cast(known.type)
    if not known.null_count and wanted.equals(known):
        return np.arange(len(known))
    return np.asarray(pc.index_in(wanted, known, skip_nulls=True).fill_null(-1), np.int64)


def as_arrow(values: Any) -> pa.Array:
    """A Series, an Index or a list as one Arrow array, NaN as null.

    Arrow asks a Series for attributes, and pandas then looks the attribute up among the names of its rows: with a hash
    table of all of them.
    """
    if isinstance(values, pd.Series | pd.Index):
        values = values.values  # noqa: PD011  (pandas would make .array of objects into texts first)
    array = pa.array(values, from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
