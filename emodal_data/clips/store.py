"""The clip store: what reading films yielded, one Parquet file for each reel, found by clip and settings.

A file's name starts with the key of the settings that the reel was read with. Files are only added whole. The store may
be deleted at any time; then the films are read again.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.clips.tables import MEASURED, PAYLOAD, checked
from emodal_data.core.errors import DamagedReel
from emodal_data.core.reasons import LIMITED, PASSING
from emodal_data.core.schema import (
    CLIP_STORE,
    STORE_OPTIONS,
    STORE_VIEWS,
    TRACKS,
    stored_names,
    with_current_names,
)
from emodal_data.storage.files import atomic_path

_SMALL = [name for name in CLIP_STORE.names if name not in PAYLOAD]
_OPTIONS = [field.name for field in STORE_OPTIONS]

#: Hashes stay in Arrow: as a Python object each takes 89 bytes in place of 36.
_IN_ARROW = {CLIP_STORE.field("face_hash").type: pd.ArrowDtype(pa.binary())}

#: Reels that are joined at a time: a clip takes three times the memory in thousands of small tables.
_FILES_AT_ONCE = 256

#: Where the metadata of a file says the limits that its clips were read under.
_LIMITS = b"limits"

#: Columns with repeated values. A dictionary of the others would cost time and save nothing.
REPEATED = ["film", "reason", "detail"]

#: Where clips are in the store: clip_id -> (file, row in the file).
Places = Mapping[str, tuple[Path, int]]


def store_folder(clips: Path, film: str, film_sha256: str) -> Path:
    """The folder of a film's reels: a readable name, and the content's hash so that names cannot collide."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(film).stem).strip("._")[:60]
    return clips / f"{readable or 'film'}-{film_sha256[:12]}"


def reel_file(folder: Path, settings_key: str, clip_ids: Iterable[str]) -> Path:
    """The file of a reel: named after the settings and the clips in it."""
    key = hashlib.sha256("\n".join(clip_ids).encode()).hexdigest()[:16]
    return folder / f"{settings_key}-{key}.parquet"


def write_reel(path: Path, rows: Sequence[Mapping[str, Any]], limits: str = "") -> None:
    """Write the clips of a reel: mappings with the columns of schema.CLIP_STORE, and those of STORE_OPTIONS,
    STORE_VIEWS and TRACKS that any of them has; missing columns are null. limits: as limits_key when they were read.
    """
    more = [
        field for field in (*STORE_OPTIONS, *STORE_VIEWS, TRACKS) if any(field.name in row for row in rows)
    ]
    schema = pa.schema([*CLIP_STORE, *more], metadata={_LIMITS: limits})
    table = pa.Table.from_pylist(list(rows), schema=schema)
    with atomic_path(path) as temporary:
        pq.write_table(
            table, temporary, compression="zstd", use_dictionary=REPEATED, write_page_checksum=True
        )


def load_reel(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Columns of a reel file, compared with the checksums that it was written with.

    Raises DamagedReel if the file is not what was written: the disk is faulty, or somebody changed it.
    """
    try:
        # Takes half the time of pq.read_table, and there are many small reels.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            # Not file.schema, which with the file's metadata is a cycle of 100 kB, for the garbage collector to find.
            names = None if columns is None else stored_names(columns, file.schema_arrow.names)
            return with_current_names(file.read(columns=names, use_threads=False))
    except (pa.ArrowException, OSError) as error:
        raise DamagedReel(path) from error


def remove_damaged(files: Iterable[Path]) -> list[Path]:
    """Read reel files whole, and remove those that are damaged, so that the next plan reads their clips again."""
    damaged = []
    for path in files:
        try:
            load_reel(path)
        except DamagedReel:
            path.unlink(missing_ok=True)
            damaged.append(path)
    return damaged


def stored_clips(folder: Path, settings_key: str, limits: str | None = None) -> dict[str, tuple[Path, int]]:
    """Where the film's clips are: clip_id -> (file, row). A damaged file counts as absent; nothing is written.

    So does a clip that was dropped for a passing reason, as earlier versions stored it; and one that could not be read
    under other limits than these, as limits_key; None: under any.
    """
    places: dict[str, tuple[Path, int]] = {}
    for path in sorted(folder.glob(f"{settings_key}-*.parquet")):
        try:
            table = load_reel(path, ["clip_id", "reason"])
        except DamagedReel:
            continue
        same_limits = limits in (None, _limits_of(table))
        stale = PASSING if same_limits else PASSING | LIMITED
        for row, (clip_id, reason) in enumerate(zip(*table.to_pydict().values(), strict=True)):
            if reason not in stale:
                places.setdefault(clip_id, (path, row))
    return places


def _limits_of(table: pa.Table) -> str:
    limits: bytes = (table.schema.metadata or {}).get(_LIMITS, b"")
    return limits.decode()


def find_places(store: Path, settings_key: str, clip_ids: Set[str]) -> dict[str, tuple[Path, int]]:
    """Where clips of any film are: clip_id -> (file, row). Clips that the store lacks are left out."""
    places: dict[str, tuple[Path, int]] = {}
    for folder in sorted(store.glob("*/")):
        stored = stored_clips(folder, settings_key)
        places |= {clip_id: place for clip_id, place in stored.items() if clip_id in clip_ids}
    return places


def list_clips(store: Path) -> Iterator[tuple[str, str, str]]:
    """Every clip in the store, with any settings: clip_id, film, and the first digits of the film's SHA-256.

    A damaged file counts as absent and is removed.
    """
    for path in sorted(store.glob("*/*.parquet")):
        try:
            table = load_reel(path, ["clip_id", "film"]).to_pydict()
        except DamagedReel:
            path.unlink(missing_ok=True)
            continue
        digits = path.parent.name.rsplit("-", 1)[-1]
        yield from ((clip_id, film, digits) for clip_id, film in zip(*table.values(), strict=True))


def remove_clips(store: Path, gone: Set[str]) -> int:
    """Remove clips and damaged files from the store; all else stays. Returns the number of clips removed."""
    remove_damaged(sorted(store.glob("*/*.parquet")))
    removed, shrunken = 0, []
    for path in sorted(store.glob("*/*.parquet")):
        clip_ids = load_reel(path, ["clip_id"])["clip_id"].to_pylist()
        going = sum(clip_id in gone for clip_id in clip_ids)
        removed += going
        if going == len(clip_ids):
            path.unlink()
        elif going:
            shrunken.append(path)
    for path in shrunken:  # afterwards: on a full disk, there is room now
        table = load_reel(path)
        rows = [row for row in table.to_pylist() if row["clip_id"] not in gone]
        file = reel_file(path.parent, path.name.split("-")[0], [row["clip_id"] for row in rows])
        write_reel(file, rows, _limits_of(table))
        path.unlink()
    for folder in store.glob("*/"):
        if not any(folder.iterdir()):
            folder.rmdir()
    return removed


def read_measures(places: Places) -> pd.DataFrame:
    """What reading yielded of the clips, as tables.MEASURED. Raises DamagedReel."""
    parts = [CLIP_STORE.empty_table().select(_SMALL)]
    store_files, store_rows = [], []
    some: list[pa.Table] = []
    for path in sorted({path for path, _ in places.values()}):
        table = load_reel(path, [*_SMALL, *_OPTIONS])
        clip_ids = table["clip_id"].to_pylist()
        rows = [row for row, clip_id in enumerate(clip_ids) if places.get(clip_id) == (path, row)]
        some.append(table.take(pa.array(rows, pa.int64())) if len(rows) < len(clip_ids) else table)
        store_files += [path] * len(rows)
        store_rows += rows
        if len(some) == _FILES_AT_ONCE:
            parts.append(_joined(some).combine_chunks())
            some = []
    joined = _joined([*parts, *some])
    del parts, some
    # Each column is freed when it has been converted, so that there are not two tables.
    measures: pd.DataFrame = joined.to_pandas(
        split_blocks=True, self_destruct=True, types_mapper=_IN_ARROW.get
    ).set_index("clip_id")
    del joined
    places_of = {
        "store_file": np.array(store_files, dtype=object),
        "store_row": np.array(store_rows, dtype=np.int32),
    }
    return checked(measures.assign(**places_of), MEASURED)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """One table; a column that some lack is null there."""
    return pa.concat_tables(tables, promote_options="default")


def read_payload(
    path: Path, rows: Sequence[int], columns: Sequence[str] = ("image", "audio")
) -> Iterator[dict[str, Any]]:
    """The pictures and sounds of some rows of a reel file, by column, in the order of the rows; null where the file
    lacks a column. Raises DamagedReel.
    """
    table = load_reel(path, columns).take(pa.array(rows))
    nothing = dict.fromkeys(columns)
    yield from (nothing | row for row in table.to_pylist())
