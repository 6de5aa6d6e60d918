"""The tables of a dataset before it is written: the clips with their split, and the samples."""

from typing import Final

import pyarrow as pa

from emodal_data.clips.tables import GATED, Table

_FOLD: Final = (pa.field("fold", pa.int32()),)

#: Gated clips with the group that must stay in one split, and the split; null for a clip that is dropped.
SPLIT: Final = GATED.with_columns(
    "split clips", [pa.field("group", pa.string()), pa.field("split", pa.string())], _FOLD
)

#: One line a sample in the order of the shards: its clip, and the number of the augmentation (0: the clip itself).
SAMPLES: Final = Table(
    "samples",
    pa.schema(
        [
            pa.field("clip_id", pa.string()),
            pa.field("augmentation_index", pa.int64()),
            pa.field("film", pa.string()),
            pa.field("split", pa.string()),
            pa.field("label", pa.string()),
        ]
    ),
    pa.schema(_FOLD),
    index=None,
)
