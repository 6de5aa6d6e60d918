"""Numbers the persons whose faces are in the clips: faces that are near each other are one person.

The numbers become the column `person` of the annotation rows, so that splits, leakage checks, ledger and shards treat
them like any column of the annotations. The embeddings stay in the clip store.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.folder import read_manifest

PERSON: Final = "person"

Vectors = npt.NDArray[np.float64]


def with_person_column(rows: pd.DataFrame, face: FaceConfig) -> pd.DataFrame:
    """Rows with an empty column `person` where persons are to be numbered.

    Raises InputError if the annotations have such a column themselves.
    """
    if not face.persons:
        return rows
    if PERSON in rows:
        raise InputError(
            "face.persons: the annotations have a column 'person' of their own; rename it in the table"
        )
    return rows.assign(**{PERSON: ""})


def add_persons(
    rows: pd.DataFrame, clips: pd.DataFrame, previous: Mapping[str, int], distance: float
) -> pd.DataFrame:
    """Rows with the number of the person in the column `person`; empty where a clip has no face.

    clips: film, start_s and embedding (bytes of float32), indexed by clip_id; review and review_person where a review
    corrected persons. previous: from previous_persons.
    """
    persons = _corrected(number_persons(clips, previous, distance), clips)
    return rows.assign(**{PERSON: [persons.get(clip_id, "") for clip_id in rows["clip_id"]]})


def number_persons(clips: pd.DataFrame, previous: Mapping[str, int], distance: float) -> dict[str, str]:
    """The number of the person of each clip with a face, from 1: clip_id -> number.

    Faces are clustered within each film, then the clusters across films, by the average distance of their faces.
    A cluster keeps the number that most of its clips had; new ones get new numbers, in the order of film and time.
    """
    if "embedding" not in clips:
        return {}
    faces = clips.loc[clips["embedding"].notna(), ["film", "start_s", "embedding"]]
    faces = faces.sort_values(["film", "start_s"], kind="stable")
    if faces.empty:
        return {}
    vectors = np.stack([np.frombuffer(one, np.float32) for one in faces["embedding"]]).astype(np.float64)
    labels = np.zeros(len(faces), np.int64)
    centres: list[Vectors] = []
    for places in faces.reset_index().groupby("film", sort=False).indices.values():
        within = _clusters(vectors[places], distance)
        for label in range(within.max() + 1):
            mine = places[within == label]
            labels[mine] = len(centres)
            centres.append(vectors[mine].mean(axis=0))
    across = _clusters(np.stack(centres), distance)
    numbers = _stable_numbers(faces.index.tolist(), across[labels].tolist(), previous)
    return {clip_id: str(number) for clip_id, number in numbers.items()}


def _corrected(persons: Mapping[str, str], clips: pd.DataFrame) -> dict[str, str]:
    """The persons after the review: merged ones first, then single clips."""
    corrected = dict(persons)
    if "review_person" not in clips:
        return corrected
    decided = clips.loc[clips["review_person"].notna(), ["review", "review_person"]]
    merged = decided.loc[decided["review"] == "merge", "review_person"]
    into = {persons[str(clip_id)]: number for clip_id, number in merged.items() if clip_id in persons}
    corrected = {clip_id: into.get(number, number) for clip_id, number in corrected.items()}
    single = decided.loc[decided["review"] == "person", "review_person"]
    return corrected | {str(clip_id): str(number) for clip_id, number in single.items()}


def speaker_notes(ledger: pa.Table) -> list[str]:
    """Where the speakers of the annotations and the persons seen disagree: a wrong face, or a wrong name.

    A line for each speaker with several persons, with the number of clips of each, and for each person with several
    speakers.
    """
    if PERSON not in ledger.column_names:
        return []
    both = ledger.select(["clip_id", "speaker", PERSON]).to_pandas()
    both = both[both["speaker"].notna() & both[PERSON].fillna("").ne("")].drop_duplicates()
    lines = []
    for one, other in (("speaker", PERSON), (PERSON, "speaker")):
        for name, values in both.groupby(one, sort=True)[other]:
            counts = values.value_counts()
            if len(counts) > 1:
                of_each = ", ".join(f"{value} in {clips}" for value, clips in counts.items())
                lines.append(f"{one} {name} has several {other}s, by clips: {of_each}")
    return lines


def previous_persons(dataset: Path) -> dict[str, int]:
    """The person of each clip in the published dataset; empty if there is none, or its persons were not numbered."""
    config = read_manifest(dataset).get("config", {}).get("face", {})
    if not config.get("persons") or not (dataset / "ledger.parquet").exists():
        return {}
    ledger = pq.read_table(dataset / "ledger.parquet", columns=["clip_id", PERSON]).to_pydict()
    return {
        clip_id: int(number)
        for clip_id, number in zip(ledger["clip_id"], ledger[PERSON], strict=True)
        if clip_id and number
    }


def _clusters(vectors: Vectors, distance: float) -> npt.NDArray[np.int64]:
    """A cluster number for each vector, in the order of their first members. Average linkage, Euclidean."""
    if len(vectors) == 1:
        return np.zeros(1, np.int64)
    from sklearn.cluster import AgglomerativeClustering  # a second, which other builds need not spend

    model = AgglomerativeClustering(n_clusters=None, linkage="average", distance_threshold=distance)
    found = model.fit_predict(vectors)
    _, first = np.unique(found, return_index=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[found], np.int64)


def _stable_numbers(clip_ids: list[str], clusters: list[int], previous: Mapping[str, int]) -> dict[str, int]:
    """The number of each clip's cluster: each previous number goes to the cluster with most of its clips."""
    shared = Counter(
        (previous[clip_id], cluster)
        for clip_id, cluster in zip(clip_ids, clusters, strict=True)
        if clip_id in previous
    )
    number_of: dict[int, int] = {}
    for (number, cluster), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if cluster not in number_of and number not in number_of.values():
            number_of[cluster] = number
    following = max(previous.values(), default=0) + 1
    for cluster in dict.fromkeys(clusters):
        if cluster not in number_of:
            number_of[cluster] = following
            following += 1
    return {clip_id: number_of[cluster] for clip_id, cluster in zip(clip_ids, clusters, strict=True)}
