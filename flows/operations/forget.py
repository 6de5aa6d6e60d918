"""Removes a film, a speaker or a person from a build, and searches for what still names it. No film is read.

Whole files are removed first, which makes room on a full disk; if that is not enough, the old report is removed too.
Then the new dataset is written and verified. It replaces the old one last, because the old one lists the clips to
remove: a killed run can be repeated. The search does not need the dataset, so it can be repeated at any time.
"""

import posixpath
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.annotations.cells import plain_name
from emodal_data.clips.films import FilmCatalogue
from emodal_data.clips.mp4_exports import remove_exports
from emodal_data.clips.store import list_clips, remove_clips
from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.schema import LEDGER, carried_columns
from emodal_data.dataset.carried import PREFIX
from emodal_data.dataset.folder import (
    discard_staging,
    read_manifest,
    recovered_dataset,
    replace_dataset,
    staging_folder,
)
from emodal_data.dataset.integrity import forget_times
from emodal_data.dataset.kept_split import forget_kept_clips
from emodal_data.dataset.ledger import write_ledger
from emodal_data.dataset.manifest import manifest_contents
from emodal_data.dataset.manifest_check import dataset_config
from emodal_data.dataset.persons import PERSON
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.shards import WrittenShard, copy_shards
from emodal_data.dataset.split.leak_price import leak_price
from emodal_data.dataset.split.written_shards import check_shards
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.describe import describe_dataset
from emodal_data.storage.files import explain_os_errors, is_disk_full
from emodal_data.storage.film_cache import cache_places, drop_cached
from emodal_data.storage.remote import list_remote, read_remote
from emodal_data.storage.urls import RemotePath, default_cache, local_path, shown, url_of
from emodal_data.storage.workspace import workspace
from flows.operations.traces import Marks, Trace, clips_named_in, files_in, find_traces


@dataclass(frozen=True)
class Forgotten:
    """What was removed, or would be: annotation rows, samples, clips of the store, mp4 files, cached files.

    is_known: whether the build knew the film or the speaker; if not, only its name was searched for.
    left: all files that still name it, a line for each place; before a removal, those that it would not reach.
    """

    rows: int
    samples: int
    stored_clips: int
    exports: int
    cached: int
    is_known: bool
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Gone:
    """What is removed: a speaker, or a film under all its names, with their clips."""

    marks: Marks
    is_known: bool

    def includes(self, row: dict[str, Any]) -> bool:
        """Whether a row of the ledger is removed: it is about the film, the speaker, or a clip that is removed."""
        name, marks = _canonical(row["film"]), self.marks
        return (
            name in marks.films
            # A row that cannot be used has the name as its author wrote it: without folders, or without suffix.
            or (row["clip_id"] is None and any(_is_short_for(name, film) for film in marks.films))
            or (marks.speaker is not None and row["speaker"] == marks.speaker)
            or row["clip_id"] in marks.clips
        )


def forget(
    out: Path,
    film: str | None = None,
    speaker: str | None = None,
    with_model: bool = False,
    also: Sequence[Path] = (),
    dry_run: bool = False,
    person: int | None = None,
) -> Forgotten:
    """Remove a film, a speaker or a person from clip store, exports, dataset and cached copies of a build.

    film: its path below the films folder; copies of the film under other names are removed too. speaker: all rows about
    the speaker's clips are removed, and everything in the store that the ledger does not name, because its speaker is
    unknown. person: a number of the column person; treated like a speaker. Shards without removed clips keep their
    bytes. with_model: remove OUT/model as a whole.
    also: further files and folders that are searched, such as exports; nothing in them is changed.
    dry_run: change nothing; return what would be removed and what would be left.
    Every file of the build is searched afterwards, also for a name that the build does not know.
    Raises InputError if there is no build, WorkError if the new dataset would be wrong or the disk is full.
    """
    out = local_path(out)
    dataset = out / "dataset"
    if sum(one is not None for one in (film, speaker, person)) != 1:
        raise InputError("give one of --film, --speaker and --person")
    if url_of(out) is None and not (dataset.exists() or (out / "clips").is_dir()):
        raise InputError(f"{out}: no build here; give the folder that holds dataset/ and clips/")
    for place in also:
        if not place.exists():
            raise InputError(f"{place}: not there; --also names a file or folder to search")
    cache = out.cache if isinstance(out, RemotePath) and out.cache else default_cache()
    with workspace(out) as build, explain_os_errors(out), recovered_dataset(dataset):
        # A build replaces a link to a folder by a folder of its own; the linked folder stays.
        behind = _datasets_beside(dataset.resolve()) if dataset.is_symlink() else []
        places = [*behind, out, *also]
        manifest, ledger = _read(dataset)
        catalogue = FilmCatalogue(out / "clips" / "films.json")
        of_person = frozenset() if person is None else _clips_of_person(ledger, person)
        gone = _find(out, film, speaker, of_person, ledger, manifest, catalogue, places)
        if dry_run:
            return _would_be_forgotten(out, places, cache, ledger, gone, with_model)
        clips, left = gone.marks.clips, _rows_left(ledger, gone)
        exports = remove_exports(out / "exports", set(left["clip_id"].to_pylist()) - clips) if clips else 0
        if with_model and (out / "model").exists():
            shutil.rmtree(out / "model")
        stored = remove_clips(out / "clips", clips) if clips else 0
        # The next build writes the ledger of a failed build again.
        (out / "failed-ledger.parquet").unlink(missing_ok=True)
        if not left.equals(ledger) or gone.marks.films & manifest.get("films", {}).keys():
            try:
                fresh = _write_without(dataset, manifest, left, gone)
            except WorkError as error:
                if not is_disk_full(error.__cause__) or not any((out / "clips").glob("*/*.parquet")):
                    raise
                discard_staging(dataset)
                shutil.rmtree(
                    dataset / "report", ignore_errors=True
                )  # made anew from the clip store in any case
                fresh = _write_without(dataset, manifest, left, gone)
            forget_kept_clips(dataset, clips)
            forget_times(dataset)
            _put_in_place(fresh, dataset)
        catalogue.forget(gone.marks.films)
        build.push()
        cached = sum(drop_cached(path, cache) for path in _cached(cache, gone.marks))
        samples = manifest.get("counts", {}).get("samples", 0)
        samples -= read_manifest(dataset).get("counts", {}).get("samples", 0)
        traces = [*_traces(places, gone.marks), *_traces_at_url(out, gone.marks)]
        traces += [Trace(path, "its copy is being read") for path in _cached(cache, gone.marks)]
    return Forgotten(len(ledger) - len(left), samples, stored, exports, cached, gone.is_known, _lines(traces))


def _would_be_forgotten(
    out: Path, places: Sequence[Path], cache: Path, ledger: pa.Table, gone: _Gone, with_model: bool
) -> Forgotten:
    """What forget would remove and leave."""
    clips = gone.marks.clips
    rows = sum(gone.includes(row) for row in ledger.select(["film", "speaker", "clip_id"]).to_pylist())
    manifest = read_manifest(out / "dataset")
    samples = read_samples(out / "dataset", [])["clip_id"].isin(clips).sum() if manifest else 0
    reached = [out / "clips", out / "dataset", out / "failed-ledger.parquet", out / ".dataset-times.json"]
    reached += [out / "model"] if with_model else []
    exports = [path for path in (out / "exports").glob("*/*/*.mp4") if path.stem in clips]
    traces = [
        trace
        for trace in _traces(places, gone.marks)
        if not any(trace.path.is_relative_to(place) for place in [*reached, *exports])
    ]
    traces += _traces_at_url(out, gone.marks)
    stored = sum(clip_id in clips for clip_id, _, _ in list_clips(out / "clips"))
    cached = len(_cached(cache, gone.marks))
    return Forgotten(rows, int(samples), stored, len(exports), cached, gone.is_known, _lines(traces))


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


def _clips_of_person(ledger: pa.Table, person: int) -> frozenset[str]:
    """The clips whose face is that of a person. Raises InputError if there is no such person."""
    if PERSON not in ledger.column_names:
        raise InputError(
            "--person: the persons of this build have no numbers; build it with face.persons = true"
        )
    rows = ledger.select(["clip_id", PERSON]).to_pylist()
    clips = frozenset(row["clip_id"] for row in rows if row["clip_id"] and row[PERSON] == str(person))
    if not clips:
        raise InputError(f"--person {person}: this build has no such person")
    return clips


def _find(
    out: Path,
    film: str | None,
    speaker: str | None,
    of_person: frozenset[str],
    ledger: pa.Table,
    manifest: dict[str, Any],
    catalogue: FilmCatalogue,
    places: Sequence[Path],
) -> _Gone:
    """Every name, hash and clip of what is removed, from all files that know one of them."""
    rows = ledger.select(["film", "speaker", "clip_id"]).to_pylist()
    if speaker is not None and speaker not in {row["speaker"] for row in rows}:
        speaker = plain_name(speaker)  # as the build reads names
    hashes = dict(manifest.get("films", {})) | catalogue.hashes()
    found = {path for place in places for path in files_in(place)}
    for path in sorted(path for path in found if path.name == "manifest.json"):  # of an export, say
        hashes = _films_of(path) | hashes
    films, digests = set(), set()
    if film is not None:
        films = {_canonical(film)}
        digests = {hashes[name] for name in films if hashes.get(name)}
        films |= {name for name, digest in hashes.items() if digest in digests}
    marks = Marks(frozenset(films), speaker, frozenset(digests), clips=of_person)
    going = [row for row in rows if _Gone(marks, True).includes(row)]
    clips = {row["clip_id"] for row in going}
    is_known = bool(going or digests)
    starts = {digest[:12] for digest in digests}
    named = {row["clip_id"] for row in rows}
    for clip_id, of_film, digits in list_clips(out / "clips"):
        if of_film in films or digits in starts:
            is_known = True
            clips.add(clip_id)
        if (speaker is not None or of_person) and clip_id not in named and is_known:
            clips.add(clip_id)
    for path in found:
        clips |= clips_named_in(path, marks.films, speaker)
    others = {row["film"] if speaker is None else row["speaker"] for row in rows}
    others |= set(hashes) if speaker is None else set()
    return _Gone(
        replace(
            marks,
            clips=frozenset(clips - {None}),
            sizes=frozenset(catalogue.sizes_bytes(marks.films)),
            others=frozenset(others - films - {speaker, None}),
        ),
        is_known,
    )


def _datasets_beside(dataset: Path) -> list[Path]:
    return [folder for folder in sorted(dataset.parent.iterdir()) if (folder / "manifest.json").is_file()]


def _films_of(manifest: Path) -> dict[str, str]:
    films = read_manifest(manifest.parent).get("films")
    if not isinstance(films, dict):
        return {}
    return {str(name): digest for name, digest in films.items() if isinstance(digest, str)}


def _canonical(film: str) -> str:
    return posixpath.normpath(film)


def _is_short_for(name: str, film: str) -> bool:
    return f"/{film}".endswith(f"/{name}") or f"/{PurePosixPath(film).with_suffix('')}".endswith(f"/{name}")


def _rows_left(ledger: pa.Table, gone: _Gone) -> pa.Table:
    """The ledger without the removed rows; free text of other rows that names what is removed becomes null."""
    rows = ledger.select(["film", "speaker", "clip_id"]).to_pylist()
    left = ledger.filter(pa.array([not gone.includes(row) for row in rows], pa.bool_()))
    for index, column in enumerate(left.schema):
        is_free = column.name == "detail" or column.name not in {*LEDGER.names, "speaker"}
        if is_free and pa.types.is_string(column.type):
            cells = [
                None if cell and gone.marks.are_in_text(cell) else cell
                for cell in left[column.name].to_pylist()
            ]
            left = left.set_column(index, column, pa.array(cells, pa.string()))
    return left


def _write_without(dataset: Path, manifest: dict[str, Any], ledger: pa.Table, gone: _Gone) -> Path | None:
    """Write the dataset anew beside the old one, and verify it. None when no sample is left."""
    shards = [WrittenShard.of(shard) for shard in manifest["shards"]]
    folder = staging_folder(dataset)
    written = copy_shards(dataset, folder, shards, gone.marks.clips)
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
    # No inputs give this dataset, so the next build must not take it for its own.
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
    """The leakage check of what is left. If an earlier version checked less, its result is kept without its counts."""
    try:
        return check_shards(folder, dataset_config(manifest).split, ledger.to_pandas())
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


def _traces(places: Sequence[Path], marks: Marks) -> Iterator[Trace]:
    """Traces in the files of the places. Each file is searched once; the report's own scripts are left out."""
    searched: set[Path] = set()
    for place in places:
        files = [path for path in files_in(place) if path.resolve() not in searched and not _is_script(path)]
        searched |= {path.resolve() for path in files}
        yield from find_traces(files, marks, place)


def _is_script(path: Path) -> bool:
    """Whether a file is a script of the report: the same for every build, and likely to contain any short name."""
    return path.parent.name == "app" and path.suffix in (".js", ".css")


def _traces_at_url(out: Path, marks: Marks) -> Iterator[Trace]:
    """Traces in files at the URL of a build that have no local copy: they are not part of the build."""
    for path in sorted(list_remote(out, with_hidden=True)):
        if not path.exists() and path != out / ".lock":
            if marks.are_in_text(path.relative_to(out).as_posix()):
                yield Trace(path, "its name")
            if marks.are_in(read_remote(path) or b""):
                yield Trace(path, "its content")


def _cached(cache: Path, marks: Marks) -> list[Path]:
    """Cached files that contain it or name it. All of them can be fetched again."""
    names = {PurePosixPath(film).name for film in marks.films}
    found = []
    for place in cache_places(cache):
        files = list(files_in(place))
        found += [path for path in files if path.name in names]
        found += [trace.path for trace in find_traces(files, marks, cache)]
    return sorted(set(found))


def _lines(traces: Sequence[Trace]) -> list[str]:
    return [f"{shown(trace.path)}: {trace.what}" for trace in traces]
