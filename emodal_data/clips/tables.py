"""The tables of clips that travel between planning, reading and gating: their columns, and the check at each door."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from emodal_data.core.errors import WorkError
from emodal_data.core.places import as_arrow
from emodal_data.core.schema import CLIP_STORE, EXPRESSION_NAMES, LEDGER, LEDGER_LABELS, STORE_OPTIONS

#: Pictures and sounds; every other column of the clip store is small.
PAYLOAD: Final = ("image", "audio", "preview_frame", "preview_sound")


@dataclass(frozen=True)
class Table:
    """The columns of a DataFrame between two stages.

    columns: must be there. options: may be there. index: the column that is the DataFrame's index, if one is.
    """

    name: str
    columns: pa.Schema
    options: pa.Schema
    index: str | None = "clip_id"

    def with_columns(self, name: str, columns: Iterable[pa.Field], options: Iterable[pa.Field]) -> "Table":
        """A table with these columns too."""
        return Table(
            name, pa.schema([*self.columns, *columns]), pa.schema([*self.options, *options]), self.index
        )


def checked(table: pd.DataFrame, declared: Table) -> pd.DataFrame:
    """The table itself, if it has the columns that are declared, each of the declared kind.

    Looks at names and types alone, so it costs the same for a million rows. Raises WorkError, naming the column.
    """
    if table.index.name != declared.index:
        raise WorkError(f"{declared.name}: the index is {table.index.name!r} instead of {declared.index!r}")
    kinds = table.dtypes.to_dict()
    for field in declared.columns:
        if field.name not in kinds:
            raise WorkError(f"{declared.name}: column {field.name!r} is missing")
    for field in (*declared.columns, *declared.options):
        if field.name in kinds and not _fits(kinds[field.name].kind, field.type):
            raise WorkError(
                f"{declared.name}: column {field.name!r} is {kinds[field.name]}, which is no {field.type}"
            )
    return table


def stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The lines of all parts as one table, numbered anew; a column that some lack is null there.

    Columns leave their parts as they are joined, so that one of them at a time is there twice.
    """
    names = dict.fromkeys(str(name) for part in parts for name in part)
    columns = {}
    for name in names:
        ours = [part.pop(name) if name in part else pd.Series(np.nan, part.index) for part in parts]
        column = pd.concat(ours, ignore_index=True)
        if isinstance(column.dtype, pd.StringDtype | pd.ArrowDtype):
            # In pieces, Arrow would join them anew each time that some of the lines are taken.
            column = pd.Series(pd.array(as_arrow(column), column.dtype))
        columns[name] = column
    return pd.DataFrame(columns, copy=False)


def _fits(kind: str, declared: pa.DataType) -> bool:
    """Whether a NumPy kind can hold an Arrow type: with nulls, whole numbers are floats and truth values objects."""
    if pa.types.is_boolean(declared):
        return kind in "bO"
    if pa.types.is_integer(declared) or pa.types.is_floating(declared):
        return kind in "iuf"
    return kind == "O"


def _fields(schema: pa.Schema, names: Iterable[str]) -> list[pa.Field]:
    return [schema.field(name) for name in names]


_SPAN: Final = ("film", "start_s", "end_s")
_REVIEW: Final = [
    pa.field(name, pa.string())
    for name in ("review", "review_label", "review_author", "review_note", "review_person")
]

#: The rows of the annotations with the clip of each, null if the row itself is at fault.
ROWS: Final = Table(
    "annotation rows",
    pa.schema(
        [
            *_fields(LEDGER, ("row", *_SPAN, "label", "clip_id", "reason", "measured", "detail")),
            *LEDGER_LABELS,
            pa.field("annotator", pa.string()),
            pa.field("speaker", pa.string()),
        ]
    ),
    pa.schema([]),
    index=None,
)

#: The clips of a build, one line a clip, sorted by film, start and end; label: the class that the votes chose.
#: votes: for all words; how many are for each class is in the columns that schema.vote_columns names.
PLANNED: Final = Table(
    "planned clips",
    pa.schema(
        [
            *_fields(LEDGER, (*_SPAN, "label")),
            pa.field("label_confidence", pa.float64()),
            pa.field("speaker", pa.string()),
            pa.field("votes", pa.int64()),
            pa.field("tied", pa.bool_()),
        ]
    ),
    pa.schema([*_REVIEW, pa.field("face_region", pa.string())]),
)

_PLACE: Final = (pa.field("store_file", pa.string()), pa.field("store_row", pa.int64()))

#: What reading yielded of each clip, without pictures and sounds, and the place of those in the clip store.
MEASURED: Final = Table(
    "measured clips",
    pa.schema([*(field for field in CLIP_STORE if field.name not in (*PAYLOAD, "clip_id")), *_PLACE]),
    pa.schema(STORE_OPTIONS),
)

#: Measures that clips have after the gates only where they were asked for.
_ASKED_FOR: Final = ("shot_cut_s", *EXPRESSION_NAMES)

#: Planned clips with their measures; reason, measured and detail are null for a clip that passed the gates.
GATED: Final = PLANNED.with_columns(
    "gated clips",
    [field for field in MEASURED.columns if field.name not in (*_SPAN, *_ASKED_FOR)],
    [*_fields(MEASURED.columns, _ASKED_FOR), *MEASURED.options],
)
