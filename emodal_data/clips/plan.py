"""From annotation rows and films to the clips of a build and the reels that must be read."""

import hashlib
import heapq
import json
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from emodal_data.annotations import count_votes
from emodal_data.annotations.columns import map_repeated, misspelt_columns
from emodal_data.annotations.row_labels import words_outside
from emodal_data.clips.film_index import FilmIndex, FoundFilm, split_word
from emodal_data.clips.films import FilmFacts, FilmFile, limits_key
from emodal_data.clips.span_checks import check_spans
from emodal_data.clips.store import Places, load_reel, reel_file, store_folder, stored_clips
from emodal_data.clips.tables import PLANNED, ROWS, checked
from emodal_data.core.config import (
    DEFAULT_AUDIO,
    DEFAULT_LABELS,
    AudioConfig,
    ClipsConfig,
    FaceConfig,
    LabelsConfig,
)
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.file_types import STILL_SUFFIXES
from emodal_data.core.labels import LabelScheme
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.span import Span
from emodal_data.core.text import counted
from emodal_data.storage.film_cache import film_versions
from emodal_data.storage.urls import shown

#: Words outside the classes that a warning lists.
_MOST_WORDS = 5

#: Raised when reading a film yields other values; store files of earlier versions are then ignored.
INGEST_VERSION = 14


class Clip(NamedTuple):
    """A span of a film, with its stable name. face_region: where its face is looked for (see core.region), or ""."""

    clip_id: str
    start_s: float
    end_s: float
    face_region: str = ""

    @property
    def span(self) -> Span:
        """Its span."""
        return Span(self.start_s, self.end_s)


#: A clip in ClipColumns; its name is a hash in ASCII.
_CLIP_ROW: Final = np.dtype([("clip_id", "S20"), ("start_s", float), ("end_s", float)])


class ClipColumns(Sequence[Clip]):
    """Clips as columns, a sixth of the memory: a Clip is made when it is asked for."""

    def __init__(self, rows: np.ndarray, regions: Sequence[str] = ()) -> None:
        """rows: of _CLIP_ROW. regions: the face_region of each; none: none has one."""
        self._rows, self._regions = rows, regions

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return ClipColumns(self._rows[place], self._regions[place])
        clip_id, start_s, end_s = self._rows[place].item()
        return Clip(clip_id.decode(), start_s, end_s, self._regions[place] if self._regions else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def without(self, gone: Collection[str]) -> "ClipColumns":
        """The clips with other names."""
        if not gone:
            return self
        places = [place for place, clip_id in enumerate(self.clip_ids) if clip_id not in gone]
        return ClipColumns(self._rows[places], [self._regions[place] for place in places if self._regions])

    @property
    def clip_ids(self) -> list[str]:
        """The names of the clips."""
        return list(map(bytes.decode, self._rows["clip_id"].tolist()))


@dataclass(frozen=True)
class Reel:
    """Clips of one film that are read together into one file of the clip store: the unit of work and retry."""

    film: str
    path: Path
    clips: Sequence[Clip]
    file: Path
    verified: frozenset[str] = frozenset()
    """Clips whose frames are compared with a whole decode (clips.verify)."""
    source: FilmFile | None = None
    """The film's file as it was when it was hashed; None: it is not compared."""

    @property
    def settings_key(self) -> str:
        """The settings that the reel is read with: see ingest_key."""
        return self.file.name.split("-")[0]

    @property
    def first_s(self) -> float:
        """Where the reel begins in the film."""
        return self.clips[0].start_s

    @property
    def last_s(self) -> float:
        """Where the reel ends in the film."""
        return max(clip.end_s for clip in self.clips)

    def alone(self, clip: Clip) -> "Reel":
        """A reel of one of its clips, to be read after the whole reel crashed its worker."""
        file = reel_file(self.file.parent, self.settings_key, [clip.clip_id])
        return replace(self, clips=(clip,), file=file, verified=self.verified & {clip.clip_id})


@dataclass(frozen=True)
class Plan:
    """What a build has to do.

    rows: tables.ROWS and the other columns of the annotations, with canonical film names and the reasons found so far.
    clips: tables.PLANNED. reels: what is still to be read. store, settings_key: the clip store, and the key of what is
    read there: see ingest_key. films: SHA-256 of the content of each film in clips. files: their files when they were
    found. warnings: what is odd about columns and spans, a line each. limits: as films.limits_key.
    """

    rows: pd.DataFrame
    clips: pd.DataFrame
    reels: tuple[Reel, ...]
    store: Path
    settings_key: str
    films: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    limits: str = ""
    files: Mapping[str, FilmFile] = field(default_factory=dict)


def locate_films(rows: pd.DataFrame, films: Path) -> tuple[pd.DataFrame, dict[str, FilmFile]]:
    """Find the film of every good row.

    Returns the rows, film names replaced by the path below `films` and lost ones marked, and the files by name. A film
    that is in a folder its rows do not name is reported in attrs["warnings"], and lost if that folder is of another
    split than the rows.
    Raises InputError if the folder is missing or no film of the table is in it.
    """
    if not films.is_dir():
        raise InputError(f"{films}: no such folder of films")
    rows, index, version_of = rows.copy(deep=False), FilmIndex(films), film_versions(films)
    good = rows["reason"].isna()
    found: dict[str, FoundFilm] = {}
    lost: dict[str, Dropped] = {}
    for name in rows.loc[good, "film"].unique():
        try:
            found[name] = index.find(name)
        except Dropped as drop:
            lost[name] = drop
    elsewhere = {name: film.file.name for name, film in found.items() if film.is_elsewhere}
    crossing = _of_another_split(rows[good], elsewhere)
    lost |= crossing
    for name in crossing:
        del found[name], elsewhere[name]
    if elsewhere:
        name, path = next(iter(elsewhere.items()))
        films_are = counted(len(elsewhere), "film is", "films are")
        warning = f"{films_are} in a folder that the rows do not name: {name} is {path}"
        rows.attrs["warnings"] = (*rows.attrs.get("warnings", ()), warning)
    files = {}
    for film in found.values():
        file, version = film.file, version_of(film.file.path)
        files[file.name] = replace(file, mtime_ns=0, version=version) if version else file
    is_lost = good & rows["film"].isin(lost.keys())
    names = rows.loc[is_lost, "film"]
    rows.loc[is_lost, "reason"] = map_repeated(names, lambda name: lost[name].reason.value)
    rows.loc[is_lost, "detail"] = map_repeated(names, lambda name: lost[name].detail)
    rows["film"] = map_repeated(
        rows["film"], lambda name: found[name].file.name if name in found else name
    ).astype("str")
    if good.any() and not files:
        first = rows[good].iloc[0]
        raise InputError(f"none of the films is in {shown(films)}: row {first['row']}: {first['detail']}")
    return rows, files


def _of_another_split(rows: pd.DataFrame, elsewhere: Mapping[str, str]) -> dict[str, Dropped]:
    """The names, found in folders that the rows do not name, that may be clips of another split than the rows.

    Corpora use the same names in each split: a row of the training split must not take a test clip.
    """
    column = next((name for name in ("split", "split_in_table") if name in rows), None)
    if column is None or not elsewhere:
        return {}
    lost = {}
    splits = rows[rows["film"].isin(elsewhere.keys())].groupby("film", sort=False)[column].unique()
    for name, cells in splits.items():
        path = elsewhere[str(name)]
        words = {split_word(str(cell)) for cell in cells} - {None}
        if len(words | {split_word(path.rpartition("/")[0])} - {None}) > 1:
            said = f"{name}: rows of split {' and '.join(map(str, cells))}, and the only film of that name is {path}"
            lost[str(name)] = Dropped(Reason.FILM_MISSING, f"{said}: write its path if it is meant")
    return lost


def plan_build(
    rows: pd.DataFrame,
    files: Mapping[str, FilmFile],
    facts: Mapping[str, FilmFacts],
    store: Path,
    clips: ClipsConfig,
    face: FaceConfig,
    labels: LabelsConfig = DEFAULT_LABELS,
    relabelled: Set[str] = frozenset(),
    audio: AudioConfig = DEFAULT_AUDIO,
) -> Plan:
    """Decide what to read.

    rows, files: from locate_films. facts: what is in each film. store: the folder of the clip store. labels: those that
    the rows were read with. relabelled: clips that a review gave a class; they are read whatever the votes say.
    """
    rows = _name_clips(_span_whole_files(_mark_unusable_films(rows, facts), facts), facts)
    table = _without_outsiders(rows, _voted_clips(rows, labels), labels.classes, relabelled)
    table, warnings = check_spans(rows, table, facts, clips)

    key, limits = ingest_key(clips, face, audio), limits_key(clips)
    reels: list[Reel] = []
    for name, columns in _clips_by_film(table):
        folder = store_folder(store, name, facts[name].sha256)
        stored = stored_clips(folder, key, limits)
        todo = columns.without(stored)
        verified = frozenset(heapq.nsmallest(clips.verify, columns.clip_ids))  # the names are hashes
        for start in range(0, len(todo), clips.reel_size):
            reel = todo[start : start + clips.reel_size]
            file = reel_file(folder, key, reel.clip_ids)
            mine = verified.intersection(reel.clip_ids) if verified else verified
            reels.append(Reel(name, files[name].path, reel, file, mine, files[name]))
    hashes = {name: facts[name].sha256 for name in table["film"].unique()}
    misspelt = [
        f"column {name!r} is only kept; did you mean {meant!r}?"
        for name, meant in misspelt_columns(rows.columns, labels.targets).items()
    ]
    checked(rows, ROWS)
    checked(table, PLANNED)
    odd = rows.attrs.get("warnings", ())
    warnings = (*odd, *misspelt, *_outside_lines(rows, LabelScheme.of(labels)), *warnings)
    found = {name: files[name] for name in hashes}
    return Plan(rows, table, tuple(reels), store, key, hashes, warnings, limits, found)


def _voted_clips(rows: pd.DataFrame, labels: LabelsConfig) -> pd.DataFrame:
    """The clips of the good rows with what their votes chose, by film and time; second votes are marked in place."""
    good = rows.loc[rows["reason"].isna(), ["clip_id", "label_mapped_to", "annotator", "speaker"]]
    votes = count_votes(good, labels.classes, labels.resolve)
    rows.loc[votes.repeated, ["reason", "detail"]] = [Reason.DUPLICATE_VOTE, ADVICE[Reason.DUPLICATE_VOTE]]
    del good
    identity = ["film", "start_s", "end_s", *(["face_region"] if "face_region" in rows else [])]
    table = pd.concat([rows.loc[votes.first, identity].set_axis(votes.clips.index), votes.clips], axis=1)
    del votes
    by = ["film", "start_s", "end_s", "speaker"]
    order = table[by].reset_index(drop=True).sort_values(by, kind="stable").index.to_numpy()
    clip_ids = table.index.take(order)
    columns = {}
    for name in map(str, list(table)):  # one column at a time, so that there are not two tables
        columns[name] = table.pop(name).reset_index(drop=True).take(order).set_axis(clip_ids)
    return pd.DataFrame(columns, copy=False)


def _clips_by_film(table: pd.DataFrame) -> Iterator[tuple[str, ClipColumns]]:
    """The clips of each film of a table that is sorted by film."""
    rows = np.empty(len(table), _CLIP_ROW)
    rows["clip_id"] = table.index.to_numpy()
    rows["start_s"], rows["end_s"] = table["start_s"].to_numpy(), table["end_s"].to_numpy()
    regions = table["face_region"].fillna("").tolist() if "face_region" in table else []
    first = 0
    for name, count in table["film"].value_counts(sort=False).items():
        yield str(name), ClipColumns(rows[first : first + count], regions[first : first + count])
        first += count


def film_parts(clips: pd.DataFrame, most: int) -> Iterator[pd.DataFrame]:
    """The planned clips in their order, in parts of whole films: of `most` clips, or of one film if it has more."""
    ends = clips["film"].value_counts(sort=False).cumsum().tolist()
    first = last = 0
    for end in ends:
        if end - first > most and last > first:
            yield clips.iloc[first:last]
            first = last
        last = end
    yield clips.iloc[first:]


def places_in_store(plan: Plan, clips: pd.DataFrame) -> Places:
    """Where clips of the plan are, once its reels have been read; a clip that could not be read is left out."""
    stored: dict[str, tuple[Path, int]] = {}
    for name in clips["film"].unique():
        folder = store_folder(plan.store, name, plan.films[name])
        stored |= stored_clips(folder, plan.settings_key, plan.limits)
    return {clip_id: stored[clip_id] for clip_id in clips.index.tolist() if clip_id in stored}


def reel_places(reel: Reel) -> Places:
    """Where the clips of a reel that was read are: in its file, or after a crash each in a file of its own.

    A clip that could not be read this time is left out.
    """
    files = [reel.file] if reel.file.exists() else [reel.alone(clip).file for clip in reel.clips]
    return {
        clip_id: (file, row)
        for file in files
        if file.exists()
        for row, clip_id in enumerate(load_reel(file, ["clip_id"])["clip_id"].to_pylist())
    }


#: Settings of the section face that are in the key only where they are used, or not at all.
_SETTLED_APART: Final = (
    "track",
    "track_fps",
    "min_speaking",
    "persons",
    "embedder",
    "person_distance",
    "measures",
    "frame",
    "frames",
    "every_nth",
    "views",
    "view_size_px",
    "view_margin",
    "view_format",
    "context_side_px",
    "context_faces",
)


#: Raised when the frames of a span, or what the context shows, is another one with the same settings.
_SERIES_VERSION: Final = 2
_CONTEXT_VERSION: Final = 2


def ingest_key(clips: ClipsConfig, face: FaceConfig, audio: AudioConfig = DEFAULT_AUDIO) -> str:
    """The hash of all settings that change what reading a clip yields; thresholds do not."""
    settings: dict[str, Any] = {
        "version": INGEST_VERSION,
        "clips": clips.model_dump(include={"audio_track", "audio_mix", "max_clip_s"}),
        "face": face.model_dump(
            include={"backend", "detector", "frontalization", "choose", "frame_search_s"}
        ),
    }
    if face.frame_search_s:
        thresholds = face.model_dump(exclude={"weights", "gate", *_SETTLED_APART})
        settings["face"] = thresholds  # the search applies the gates
    if audio.measures:
        settings["voice_level"] = True
    if face.persons:
        settings["embedder"] = face.embedder
    if face.tracks_faces:
        settings["track_fps"] = face.track_fps
        settings["tracks"] = True  # curves and portraits are stored too
    if face.views:
        settings["views"] = view_settings(face)
    if "context" in face.views:
        settings["context"] = _CONTEXT_VERSION
    if face.reads_series:
        settings["frames"] = [_SERIES_VERSION, face.frame, face.frames, face.every_nth]
    if clips.shot_cuts != "ignore":
        settings["shot_cuts"] = True
    if clips.verify:
        settings["verify"] = clips.verify
    if clips.modalities != "both":
        settings["modalities"] = clips.modalities
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def view_settings(face: FaceConfig) -> dict[str, Any]:
    """The settings that decide the views of a build, without those of views that it does not have."""
    names = {"views", "view_format"}
    if {"rgb", "gray"} & set(face.views):
        names |= {"view_size_px", "view_margin"}
    if "context" in face.views:
        names |= {"context_side_px", "context_faces"}
    return face.model_dump(mode="json", include=names)


def clip_id_of(
    film_sha256: str, start_s: float, end_s: float, speaker: str | None = None, face_region: str = ""
) -> str:
    """The stable name of a clip: a hash of the film's content and the span in whole microseconds.

    speaker: only where several speakers are annotated in the span, and so make a clip each. face_region: where the
    annotations say which face of the frame is meant.
    """
    return _clip_id(film_sha256, round(start_s * 1e6), round(end_s * 1e6), speaker or "", face_region)


def _clip_id(film_sha256: str, start_us: int, end_us: int, speaker: str, face_region: str) -> str:
    span = f"{film_sha256}:{start_us}:{end_us}"
    if speaker:
        span += f":speaker {speaker}"
    if face_region:
        span += f":face {face_region}"
    return hashlib.sha256(span.encode()).hexdigest()[:20]


def _mark_unusable_films(rows: pd.DataFrame, facts: Mapping[str, FilmFacts]) -> pd.DataFrame:
    rows = rows.copy(deep=False)
    unusable = {name: fact for name, fact in facts.items() if fact.reason}
    bad = rows["reason"].isna() & rows["film"].isin(unusable.keys())
    names = rows.loc[bad, "film"]
    rows.loc[bad, "reason"] = map_repeated(names, lambda name: unusable[name].reason)
    rows.loc[bad, "detail"] = map_repeated(names, lambda name: unusable[name].detail)
    return rows


def _span_whole_files(rows: pd.DataFrame, facts: Mapping[str, FilmFacts]) -> pd.DataFrame:
    """Good rows without times span their whole film."""
    rows = rows.copy(deep=False)
    whole = rows["reason"].isna() & rows["start_s"].isna() & rows["end_s"].isna()
    lengths_s = (
        rows.loc[whole, "film"].map({name: fact.duration_s for name, fact in facts.items()}).astype(float)
    )
    rows.loc[whole, "start_s"] = 0.0
    rows.loc[whole, "end_s"] = lengths_s
    is_still = rows.loc[whole, "film"].str.lower().str.endswith(tuple(STILL_SUFFIXES))
    unknown = lengths_s.index[~(lengths_s > 0) & ~is_still]
    rows.loc[unknown, "reason"] = Reason.BAD_TIME.value
    rows.loc[unknown, "detail"] = "start and end are empty, and the file does not say its length: write both"
    return rows


def _name_clips(rows: pd.DataFrame, facts: Mapping[str, FilmFacts]) -> pd.DataFrame:
    """Give good rows their clip_id. Identical files are one film, under the first of their names in order.

    Rows of several speakers in one span are several clips; those without a speaker are a clip of their own there.
    """
    rows = rows.copy(deep=False)
    first_name: dict[str, str] = {}
    for name in sorted(facts):
        first_name.setdefault(facts[name].sha256, name)
    good = rows["reason"].isna()
    names = {name: first_name[facts[name].sha256] for name in rows.loc[good, "film"].unique()}
    rows.loc[good, "film"] = map_repeated(rows.loc[good, "film"], names.__getitem__).astype("str")
    named = rows.loc[good, ["film", "start_s", "end_s"]]
    hashes = map_repeated(named["film"], lambda name: facts[name].sha256).tolist()
    starts_us, ends_us = (map(int, (named[name] * 1e6).round().tolist()) for name in ("start_s", "end_s"))
    speakers = _speakers_that_share_a_span(rows[good]).reindex(named.index).tolist()
    spans = zip(hashes, starts_us, ends_us, speakers, _regions(rows)[good].tolist(), strict=True)
    rows["clip_id"] = pd.Series([_clip_id(*span) for span in spans], named.index, "str").reindex(rows.index)
    return rows


def _regions(rows: pd.DataFrame) -> pd.Series:
    """The face_region of each row, "" where it has none."""
    if "face_region" not in rows:
        return pd.Series("", index=rows.index, dtype=object)
    return rows["face_region"].fillna("").astype(object)


def _speakers_that_share_a_span(rows: pd.DataFrame) -> pd.Series:
    """The speaker of each row in whose span several are named, else ""."""
    named = rows.loc[rows["speaker"].notna(), ["film", "start_s", "end_s", "speaker"]]
    named[["start_s", "end_s"]] = (named[["start_s", "end_s"]] * 1e6).round()
    span = ["film", "start_s", "end_s"]
    named = named[named.duplicated(span, keep=False)]
    several = named.groupby(span, sort=False)["speaker"].transform("nunique") > 1
    return named.loc[several, "speaker"].astype(object).reindex(rows.index, fill_value="")


def _without_outsiders(
    rows: pd.DataFrame, clips: pd.DataFrame, classes: Sequence[str], relabelled: Set[str]
) -> pd.DataFrame:
    """The clips whose winner is a class, or that have none; the rows of the others are marked in place."""
    is_outside = clips["outside"].notna()
    if not is_outside.any():
        return clips.drop(columns="outside")
    out = clips[is_outside & ~clips.index.isin(relabelled)]
    clips.loc[is_outside, "label_confidence"] = np.nan
    if out.empty:
        return clips.drop(columns="outside")
    mine = rows.index[rows["reason"].isna() & rows["clip_id"].isin(out.index)]
    of_row = out.loc[rows.loc[mine, "clip_id"]].set_axis(mine)
    share = of_row["label_confidence"]
    rows.loc[mine, "reason"] = Reason.LABEL_OUTSIDE_SCHEME.value
    rows.loc[mine, "measured"] = share
    votes = of_row["votes"].map(lambda votes: "the vote" if votes == 1 else f"{votes} votes")
    rows.loc[mine, "detail"] = (
        of_row["outside"].map(repr) + " has " + share.map("{:.0%}".format) + " of " + votes
        + f" and is none of {', '.join(classes)}: map it with labels.map, or add it to labels.classes"
    )  # fmt: skip
    return clips.drop(index=out.index, columns="outside")


def _outside_lines(rows: pd.DataFrame, scheme: LabelScheme) -> list[str]:
    """A warning if rows vote for words outside the classes that the configuration does not name."""
    words = words_outside(rows, scheme)
    if not words:
        return []
    shown = ", ".join(f"{word!r} x {count}" for word, count in list(words.items())[:_MOST_WORDS])
    more = f" and {len(words) - _MOST_WORDS} more words" if len(words) > _MOST_WORDS else ""
    return [
        f"labels outside the classes: {shown}{more}; they count as votes; give each a class in labels.map, "
        'or "drop"'
    ]
