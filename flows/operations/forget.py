"""Take a film or a speaker out of a build, and prove that nothing of it is left. No film is read.

The new dataset is written and verified first and put in its place last: until then it is what names the clips,
so a killed run is simply run again.
"""

import html
import json
import posixpath
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.clips.films import FilmCatalogue
from emodal_data.clips.mp4_exports import remove_exports
from emodal_data.clips.store import list_clips, remove_clips
from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.schema import LEDGER, carried_columns
from emodal_data.dataset.carried import PREFIX
from emodal_data.dataset.folder import read_manifest, recover_dataset, replace_dataset, staging_folder
from emodal_data.dataset.integrity import forget_times
from emodal_data.dataset.kept_split import forget_kept_clips
from emodal_data.dataset.ledger import write_ledger
from emodal_data.dataset.manifest import manifest_contents
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.shards import WrittenShard, copy_shards
from emodal_data.dataset.split.leak_price import leak_price
from emodal_data.dataset.split.leakage_check import check_shards
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.describe import describe_dataset
from emodal_data.storage.files import explain_os_errors
from emodal_data.storage.urls import local_path, shown, url_of
from emodal_data.storage.workspace import workspace


@dataclass(frozen=True)
class Forgotten:
    """What was removed: annotation rows, samples of the dataset, clips of the store, exported mp4 files."""

    rows: int
    samples: int
    stored_clips: int
    exports: int


@dataclass(frozen=True)
class _Gone:
    """What is to be forgotten: a speaker, or a film under all its names, with their clips."""

    films: frozenset[str]
    hashes: frozenset[str]
    speaker: str | None
    clips: frozenset[str]

    def includes(self, row: dict[str, Any]) -> bool:
        """Whether a row of the ledger goes: it is of the film, of the speaker, or of a clip that goes."""
        name = _canonical(row["film"])
        return (
            name in self.films
            # A row at fault keeps the name that its author wrote: without folders, or without suffix.
            or (row["clip_id"] is None and any(_is_short_for(name, film) for film in self.films))
            or (self.speaker is not None and row["speaker"] == self.speaker)
            or row["clip_id"] in self.clips
        )

    @cached_property
    def _marks(self) -> frozenset[str]:
        return self.clips | self.hashes | {digest[:12] for digest in self.hashes}

    def is_named_in(self, text: str) -> bool:
        """Whether a text names the film, its hash, the speaker, or a clip.

        A speaker of one or two characters, or of digits alone, cannot be told from other text and is not looked for.
        """
        if not self._marks.isdisjoint(re.findall(r"\w+", text)):
            return True
        names = set(self.films)
        if self.speaker and len(self.speaker) > 2 and not self.speaker.isdigit():
            names.add(self.speaker)
        # "f1.mp4" is not named by "of1.mp4", "b/f1.mp4" or "f1.mp4.bak".
        return any(
            re.search(rf"(?<![\w./-]){re.escape(name)}(?!\.?[\w-])", text) for name in names if name in text
        )


def forget(
    out: Path, film: str | None = None, speaker: str | None = None, with_model: bool = False
) -> Forgotten:
    """Remove a film or a speaker from the clip store, the exports and the dataset of a build.

    film: its path below the films folder. The film's copies under other names go with it. The clips of a speaker go
    with all rows that speak of them, and so does everything in the store that the ledger does not name: nobody could
    say whose it is. Shards that hold nothing of it keep their bytes. OUT/model goes as a whole, or stays as it is.
    Raises InputError if the build does not know the name, WorkError if something is left that names it.
    """
    out = local_path(out)
    dataset = out / "dataset"
    if url_of(out) is None and not (dataset.exists() or (out / "clips").is_dir()):
        raise InputError(f"{out}: no build here; give the folder that holds dataset/ and clips/")
    with workspace(out) as build, explain_os_errors(out):
        recover_dataset(dataset)
        manifest, ledger = _read(dataset)
        catalogue = FilmCatalogue(out / "clips" / "films.json")
        gone = _find(out, film, speaker, ledger, manifest.get("films", {}) | catalogue.hashes())
        left = _rows_left(ledger, gone)
        samples_before = manifest.get("counts", {}).get("samples", 0)
        fresh = _write_without(dataset, manifest, left, gone) if manifest else None

        stored = remove_clips(out / "clips", gone.clips)
        exports = remove_exports(out / "exports", set(left["clip_id"].to_pylist()) - gone.clips)
        catalogue.forget(gone.films)
        if with_model and (out / "model").exists():
            shutil.rmtree(out / "model")
        # The ledger of a build that failed says nothing that the next build would not say again.
        (out / "failed-ledger.parquet").unlink(missing_ok=True)
        _put_in_place(fresh, dataset)
        forget_kept_clips(dataset, gone.clips)
        forget_times(dataset)

        found = list(_traces(out, gone))
        if found:
            raise WorkError(f"still named in {'; '.join(found[:5])}: remove or forget that too")
        build.push()
    samples = samples_before - read_manifest(dataset).get("counts", {}).get("samples", 0)
    return Forgotten(len(ledger) - len(left), samples, stored, exports)


def _read(dataset: Path) -> tuple[dict[str, Any], pa.Table]:
    """Manifest and ledger; empty ones if there is no dataset yet."""
    if not dataset.exists():
        return {}, LEDGER.empty_table().append_column("speaker", pa.array([], pa.string()))
    manifest = read_manifest(dataset)
    if not manifest:
        raise InputError(f"{dataset}: no manifest.json; remove the folder, or build again first")
    try:
        return manifest, pq.read_table(dataset / "ledger.parquet")
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{dataset / 'ledger.parquet'}: cannot be read; build again first") from error


def _find(
    out: Path, film: str | None, speaker: str | None, ledger: pa.Table, hashes: dict[str, str]
) -> _Gone:
    """Every name, hash and clip of what is to be forgotten. hashes: name -> SHA-256 of all films known."""
    if (film is None) == (speaker is None):
        raise InputError("give one of --film and --speaker")
    films, digests = set(), set()
    if film is not None:
        films = {_canonical(film)}
        digests = {hashes[name] for name in films if hashes.get(name)}
        films |= {name for name, digest in hashes.items() if digest in digests}
    gone = _Gone(frozenset(films), frozenset(digests), speaker, frozenset())
    rows = ledger.select(["film", "speaker", "clip_id"]).to_pylist()
    going = [row for row in rows if gone.includes(row)]
    clips = {row["clip_id"] for row in going}
    is_known = bool(going or digests)
    starts = {digest[:12] for digest in digests}
    named = {row["clip_id"] for row in rows}
    for clip_id, of_film, digits in list_clips(out / "clips"):
        if of_film in films or digits in starts:
            is_known = True
            clips.add(clip_id)
        if speaker is not None and clip_id not in named:
            clips.add(clip_id)
    if not is_known:
        raise InputError(
            f"{shown(out)}: knows no {'film' if speaker is None else 'speaker'} {film or speaker!r}"
        )
    return _Gone(gone.films, gone.hashes, speaker, frozenset(clips - {None}))


def _canonical(film: str) -> str:
    return posixpath.normpath(film)


def _is_short_for(name: str, film: str) -> bool:
    return f"/{film}".endswith(f"/{name}") or f"/{PurePosixPath(film).with_suffix('')}".endswith(f"/{name}")


def _rows_left(ledger: pa.Table, gone: _Gone) -> pa.Table:
    """The ledger without the rows that go; free text of other rows that names what is forgotten becomes null."""
    rows = ledger.select(["film", "speaker", "clip_id"]).to_pylist()
    left = ledger.filter(pa.array([not gone.includes(row) for row in rows], pa.bool_()))
    for index, field in enumerate(left.schema):
        is_free = field.name == "detail" or field.name not in {*LEDGER.names, "speaker"}
        if is_free and pa.types.is_string(field.type):
            cells = [
                None if cell and gone.is_named_in(cell) else cell for cell in left[field.name].to_pylist()
            ]
            left = left.set_column(index, field, pa.array(cells, pa.string()))
    return left


def _write_without(dataset: Path, manifest: dict[str, Any], ledger: pa.Table, gone: _Gone) -> Path | None:
    """Write the dataset anew beside the old one, and verify it. None when no sample is left."""
    shards = [WrittenShard.of(shard) for shard in manifest["shards"]]
    folder = staging_folder(dataset)
    written = copy_shards(dataset, folder, shards, gone.clips)
    if not written:
        return None
    films = set(ledger["film"].to_pylist())
    contents = manifest_contents(
        _samples(folder),
        ledger,
        written,
        _proof(folder, manifest, ledger),
        {name: digest for name, digest in manifest["films"].items() if name in films},
        manifest["labels"],
    )
    if "fold_names" in manifest["split"]:
        contents["split"]["fold_names"] = manifest["split"]["fold_names"]
    if "leak_price" in manifest:
        contents["leak_price"] = leak_price(folder)
    write_ledger(folder / "ledger.parquet", ledger)
    # No inputs lead to this dataset by themselves: the next build makes its own.
    fresh = manifest | contents | {"build_key": None}
    describe_dataset(folder, fresh, dataset.parent / "clips", dataset)
    problems = verify_dataset(folder)
    if problems:
        raise WorkError(f"{dataset}: left as it was; the new one would be wrong: {problems[0]}")
    return folder


def _samples(folder: Path) -> pd.DataFrame:
    """The samples of a dataset as its manifest counts them."""
    carried = carried_columns(pq.read_schema(next((folder / "data").glob("*.parquet"))))
    samples = read_samples(folder, ["film", "fold", *carried])
    return samples.rename(columns={name: PREFIX + name for name in carried})


def _proof(folder: Path, manifest: dict[str, Any], ledger: pa.Table) -> dict[str, Any]:
    """The proof of what is left. Where an earlier version proved less, its own still holds, but not its counts."""
    try:
        config = SplitConfig.model_validate(manifest["config"].get("split", {}))
        return check_shards(folder, config, ledger.to_pandas())
    except WorkError:
        before = manifest["leak_proof"]
        return {name: value for name, value in before.items() if name not in ("clips", "groups", "columns")}


def _put_in_place(fresh: Path | None, dataset: Path) -> None:
    if fresh is not None:
        replace_dataset(fresh, dataset)
    elif dataset.exists():
        unwanted = staging_folder(dataset) / "forgotten"  # a kill leaves it where recover_dataset removes it
        dataset.rename(unwanted)
        shutil.rmtree(unwanted.parent)


def _traces(out: Path, gone: _Gone) -> Iterator[str]:
    """Files of the build that name what is forgotten: in their path, their text, or a text column."""
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out)
        if name.parts[0] == "model":
            continue
        if gone.is_named_in(" ".join(name.parts)):
            yield str(name)
        elif path.suffix == ".parquet":
            yield from (f"{name}, column {column}" for column in _columns_naming(path, gone))
        elif _holds_text(path) and gone.is_named_in(_text(path)):
            yield str(name)


def _holds_text(path: Path) -> bool:
    """Whether a file may name a clip in its text. The scripts of the report's page are the same for every build."""
    return path.suffix in (".json", ".md", ".html") or (path.suffix == ".js" and path.parent.name != "app")


def _columns_naming(path: Path, gone: _Gone) -> Iterator[str]:
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    table = pq.read_table(path, columns=texts)
    for column in texts:
        values = {value for value in table[column].to_pylist() if value}
        if (column == "speaker" and gone.speaker in values) or gone.is_named_in("\n".join(values)):
            yield column


def _text(path: Path) -> str:
    """What a file says to its reader: escapes undone, pictures left out."""
    text = path.read_text(errors="replace")
    if path.suffix == ".json":
        return json.dumps(json.loads(text), ensure_ascii=False)
    return html.unescape(re.sub(r"base64,[A-Za-z0-9+/=]*", "", text))
