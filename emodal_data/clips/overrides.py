"""Decisions of a review: clips to drop, and clips to relabel.

They are applied to the plan of a build, after the votes and before the gates. They read no film.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from emodal_data.annotations.tables import read_csv
from emodal_data.clips.plan import Plan
from emodal_data.clips.tables import PLANNED, checked
from emodal_data.core.config import DEFAULT_LABELS, LabelsConfig
from emodal_data.core.errors import InputError
from emodal_data.core.labels import LabelScheme
from emodal_data.core.reasons import stages
from emodal_data.core.schema import vote_columns
from emodal_data.core.text import did_you_mean

_NEEDED = ("clip_id", "decision")
_DECISIONS = ("drop", "relabel", "person", "merge")
#: The column of a file that decisions are appended to: of an author's rows about a clip the last one counts.
DECIDED_AT = "decided_at"
#: The decision of such a file that takes back the author's decision about the clip.
UNDO = "undo"


@dataclass(frozen=True)
class Override:
    """A decision about a clip. label: the new class, when relabelled. author: who decided. path, row: its place.

    person: the number of the clip's person, or of the person that all clips of the clip's person belong to ("merge").
    """

    clip_id: str
    decision: Literal["drop", "relabel", "person", "merge"]
    label: str | None
    note: str | None
    film: str
    author: str
    path: Path
    row: int
    person: str | None = None

    @property
    def verdict(self) -> str:
        """The new class, "drop", or the person."""
        return self.label or (f"{self.decision} {self.person}" if self.person else self.decision)


def read_overrides(paths: Sequence[Path], labels: LabelsConfig = DEFAULT_LABELS) -> list[Override]:
    """The decisions in CSV files with the columns clip_id, decision, label and note, in their order.

    Decisions are drop, relabel (to the class in label), person and merge (the number is in label).

    The column author says who decided; without it, the name of the file does. In a file with the column decided_at,
    to which `emodal review` appends, the last row of an author about a clip counts, and undo takes it back.
    Raises InputError, naming file and row, for a column that is missing, for an unknown decision or label, and for a
    clip that an author decided twice.
    """
    overrides: dict[tuple[str, str], Override] = {}
    scheme = LabelScheme.of(labels)
    for path in paths:
        for override in _read(path, scheme):
            first = overrides.setdefault((override.clip_id, override.author), override)
            if first is not override:
                where = f"row {first.row}" if first.path == path else f"{first.path}, row {first.row}"
                raise InputError(
                    f"{path}: row {override.row}: clip {override.clip_id} is decided in {where} already; keep one, or "
                    "name two authors in the column author"
                )
    return list(overrides.values())


def _read(path: Path, scheme: LabelScheme) -> Iterator[Override]:
    try:
        (_, header), *rows = read_csv(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: the file is empty; download it from the report again") from error
    names = [name.strip().lower() for name in header]
    for name in _NEEDED:
        if name not in names:
            raise InputError(f"{path}: no column {name!r} in the header ({', '.join(header)})")
    records = [
        (row, {name: cell.strip() for name, cell in zip(names, cells, strict=False)})
        for row, cells in rows
        if any(cells)
    ]
    for row, record in _last(records) if DECIDED_AT in names else records:
        yield _override(path, row, record, scheme)


def _last(records: Sequence[tuple[int, dict[str, str]]]) -> list[tuple[int, dict[str, str]]]:
    """The last record of each author about each clip, in the order of the file, without what was taken back."""
    last: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
    for row, record in records:
        key = record.get("clip_id", ""), record.get("author", "")
        last.pop(key, None)
        last[key] = (row, record)
    return [(row, record) for row, record in last.values() if record.get("decision", "").lower() != UNDO]


def override_plan(
    plan: Plan, overrides: Mapping[str, Override], labels: LabelsConfig = DEFAULT_LABELS
) -> Plan:
    """The plan with decisions applied: labels changed, and the columns review, review_label, _author and _note,
    and review_person where persons are corrected.

    overrides: by clip_id. A relabelled clip has one vote, for its new label. A decision about a clip that is left out
    because of its span has no effect. Raises InputError for a clip that no row names, unless its film could not be read
    this time.
    """
    if not overrides:
        return plan
    away = set(plan.rows.loc[plan.rows["reason"].isin(stages()["film"]), "film"])
    left_out = set(plan.rows["clip_id"]) - set(plan.clips.index)
    known = {}
    for clip_id, override in overrides.items():
        if clip_id in plan.clips.index:
            known[clip_id] = override
        elif clip_id not in left_out and override.film not in away:
            raise InputError(
                f"{override.path}: row {override.row}: there is no clip {clip_id!r}: its span or its film has changed; "
                "remove the row, or decide again in the report"
            )
    if not known:
        return plan
    clips = plan.clips.copy()
    columns = {
        "review": "decision",
        "review_label": "label",
        "review_author": "author",
        "review_note": "note",
    }
    if any(override.person for override in known.values()):
        columns["review_person"] = "person"
    for name, column in columns.items():
        values = {clip_id: getattr(override, column) for clip_id, override in known.items()}
        clips[name] = (
            pd.Series(values, dtype=object).reindex(clips.index).where(lambda decided: decided.notna(), None)
        )
    relabelled = {clip_id: override.label for clip_id, override in known.items() if override.label}
    changed = list(relabelled)
    clips.loc[changed, "label"] = list(relabelled.values())
    clips.loc[changed, ["label_confidence", "tied", "votes"]] = [1.0, False, 1]
    of_votes = vote_columns(len(labels.classes))
    counts = clips[of_votes].set_axis(list(labels.classes), axis=1)
    clips[of_votes] = relabel_vote_counts(counts, relabelled)
    return replace(plan, clips=checked(clips, PLANNED))


def overrides_sha256(paths: Sequence[Path]) -> str | None:
    """SHA-256 of the content of a file of decisions, or of those of several in their order; None without any."""
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    return (
        hashlib.sha256("\n".join(digests).encode()).hexdigest()
        if len(digests) > 1
        else next(iter(digests), None)
    )


def relabel_vote_counts(vote_counts: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Vote counts after the review: a relabelled clip has one vote, for its new label.

    vote_counts: indexed by clip_id, a column for each class. labels: clip_id -> class name.
    """
    counts = vote_counts.to_numpy(copy=True)
    places = vote_counts.index.get_indexer(pd.Index(list(labels)))
    counts[places] = np.eye(len(vote_counts.columns), dtype=counts.dtype)[
        vote_counts.columns.get_indexer(pd.Index(list(labels.values())))
    ]
    return pd.DataFrame(counts, index=vote_counts.index, columns=vote_counts.columns)


def _override(path: Path, row: int, record: Mapping[str, str], scheme: LabelScheme) -> Override:
    decision, label = record.get("decision", "").lower(), record.get("label", "")
    rest: dict[str, Any] = {
        "clip_id": record.get("clip_id", ""),
        "note": record.get("note") or None,
        "film": record.get("film", ""),
        "author": record.get("author") or path.stem,
        "path": path,
        "row": row,
    }
    if decision == "drop":
        return Override(decision="drop", label=None, **rest)
    if decision == "relabel":
        if not scheme.classes:
            raise InputError(f"{path}: row {row}: there are no classes to relabel to: a decision is drop")
        if (meant := scheme.class_named(label)) is None:
            raise InputError(f"{path}: row {row}: label {label!r} is none of {', '.join(scheme.classes)}")
        return Override(decision="relabel", label=meant, **rest)
    if decision in ("person", "merge"):
        if not label.isascii() or not label.isdigit() or int(label) == 0:
            raise InputError(f"{path}: row {row}: label {label!r} is no number of a person: write one from 1")
        kind: Literal["person", "merge"] = "person" if decision == "person" else "merge"
        return Override(decision=kind, label=None, person=str(int(label)), **rest)
    hint = did_you_mean(decision, _DECISIONS)
    raise InputError(f"{path}: row {row}: decision {decision!r} is none of {', '.join(_DECISIONS)}{hint}")
