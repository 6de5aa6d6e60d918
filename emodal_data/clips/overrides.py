"""Decisions of a review, made in the report: clips to drop, and clips to relabel.

They are applied to the plan of a build, after the votes and before the gates. They read no film.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

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

_NEEDED = ("clip_id", "decision")
_DECISIONS = ("drop", "relabel")


@dataclass(frozen=True)
class Override:
    """A decision about a clip. label: the new class, when relabelled. row: its line in the file."""

    decision: Literal["drop", "relabel"]
    label: str | None
    note: str | None
    film: str
    row: int


def read_overrides(path: Path, labels: LabelsConfig = DEFAULT_LABELS) -> dict[str, Override]:
    """The decisions in a CSV file with the columns clip_id, decision (drop, relabel), label and note, by clip_id.

    Raises InputError, naming the row, for a column that is missing, for an unknown decision or label, and for a clip
    that is decided twice.
    """
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
    overrides: dict[str, Override] = {}
    scheme = LabelScheme.of(labels)
    for row, cells in rows:
        if not any(cells):
            continue
        record = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
        clip_id, override = record.get("clip_id", ""), _override(path, row, record, scheme)
        if clip_id in overrides:
            first = overrides[clip_id].row
            raise InputError(f"{path}: row {row}: clip {clip_id} is decided in row {first} already; keep one")
        overrides[clip_id] = override
    return overrides


def override_plan(plan: Plan, path: Path | None, labels: LabelsConfig = DEFAULT_LABELS) -> Plan:
    """The plan with the decisions of a file: labels changed, and the columns review, review_label and review_note.

    A relabelled clip has one vote, for its new label. A decision about a clip that is left out because of its span has
    no effect. Raises InputError as read_overrides does, and for a clip that no row names, unless its film could not be
    read this time.
    """
    overrides = read_overrides(path, labels) if path else {}
    away = set(plan.rows.loc[plan.rows["reason"].isin(stages()["film"]), "film"])
    left_out = set(plan.rows["clip_id"]) - set(plan.clips.index)
    known = {}
    for clip_id, override in overrides.items():
        if clip_id in plan.clips.index:
            known[clip_id] = override
        elif clip_id not in left_out and override.film not in away:
            raise InputError(
                f"{path}: row {override.row}: there is no clip {clip_id!r}: its span or film is another now; "
                "remove the row, or decide again in the report"
            )
    if not known:
        return plan
    clips = plan.clips.copy()
    for name, column in {"review": "decision", "review_label": "label", "review_note": "note"}.items():
        values = {clip_id: getattr(override, column) for clip_id, override in known.items()}
        clips[name] = (
            pd.Series(values, dtype=object).reindex(clips.index).where(lambda decided: decided.notna(), None)
        )
    relabelled = {clip_id: override.label for clip_id, override in known.items() if override.label}
    changed = list(relabelled)
    clips.loc[changed, "label"] = list(relabelled.values())
    clips.loc[changed, ["label_confidence", "tied", "votes"]] = [1.0, False, 1]
    columns = vote_columns(len(labels.classes))
    counts = clips[columns].set_axis(list(labels.classes), axis=1)
    clips[columns] = relabel_vote_counts(counts, relabelled)
    return replace(plan, clips=checked(clips, PLANNED))


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
    note, film = record.get("note") or None, record.get("film", "")
    if decision == "drop":
        return Override("drop", None, note, film, row)
    if decision == "relabel":
        if (meant := scheme.class_named(label)) is None:
            raise InputError(f"{path}: row {row}: label {label!r} is none of {', '.join(scheme.classes)}")
        return Override("relabel", meant, note, film, row)
    near = difflib.get_close_matches(decision, _DECISIONS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(f"{path}: row {row}: decision {decision!r} is neither drop nor relabel{hint}")
