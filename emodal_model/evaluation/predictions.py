"""The answers for every test clip: what all scores are computed from, and the file predictions.parquet.

A row is a clip. Its columns: clip_id, film, speaker, truth, fold (null for the test split), majority (the commonest
class of training), predicted (by the main network), and the probabilities <network>.<head>.<class>, null where a clip
lacks the modality of the head. With targets also target.<target> (the truth), mean.<target> (of training) and
<network>.<head>.target.<target>. Without classes, truth, majority, predicted and the probabilities are left out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_model.core.errors import ModelInputError
from emodal_model.core.files import atomic_path
from emodal_model.evaluation.tables import TRAINED

#: The file in a model folder.
PREDICTIONS = "predictions.parquet"
#: Its first columns.
_FIRST: Final = ("clip_id", "film", "speaker", "truth", "fold", "majority", "predicted")


@dataclass(frozen=True)
class Judged:
    """Test clips with the answers of every network.

    clip_ids, films, speakers: (n,) str. labels: (n,) int64, the truth, 0 without classes. folds: (n,) int64, -1 for the
    test split. majority: (n,) int64, the commonest class in the training of the network that answered. heads:
    "<network>.<head>" -> (n, classes) probabilities, NaN without an answer. h_score: of EMODal's codes. missing:
    networks that answer for no clip, and the reason.
    targets: (n, t), their truth. values: "<network>.<head>" -> (n, t). target_means: (n, t), the means of training.
    """

    clip_ids: np.ndarray
    films: np.ndarray
    speakers: np.ndarray
    labels: np.ndarray
    folds: np.ndarray
    majority: np.ndarray
    classes: tuple[str, ...]
    heads: dict[str, np.ndarray]
    targets: np.ndarray
    target_names: tuple[str, ...] = ()
    values: dict[str, np.ndarray] = field(default_factory=dict)
    target_means: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    h_score: float | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def answers(self, of_targets: bool = False) -> dict[str, np.ndarray]:
        """The answer of every network and baseline by its name in the tables: probabilities, or values of the targets.

        EMODal answers with the head on both modalities, or with the one on the modality that a clip has.
        """
        heads = self.values if of_targets else self.heads
        found: dict[str, np.ndarray] = {}
        for key, answer in heads.items():
            network, head = key.rsplit(".", 1)
            if network != "emodal":
                found[network] = answer
            elif head != "both":
                found[f"emodal_{head}"] = answer
        if "emodal.both" in heads:
            alone = _first_known(heads["emodal.image"], heads["emodal.audio"])
            found["emodal"] = _first_known(heads["emodal.both"], alone)
        if "audio" in found and "image" in found:
            mean = (found["audio"] + found["image"]) / 2
            found["decision_fusion"] = _first_known(mean, _first_known(found["audio"], found["image"]))
        return found

    def main_answers(self) -> np.ndarray:
        """(n, classes) probabilities of the main network, EMODal if it was trained; NaN without an answer."""
        answers = self.answers()
        main = next((answers[name] for name in reversed(TRAINED) if name in answers), None)
        return np.full((len(self.labels), len(self.classes)), np.nan) if main is None else main


def only(probabilities: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The probabilities, NaN outside of some rows."""
    return probabilities if rows.all() else np.where(rows[:, None], probabilities, np.nan)


def _first_known(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The first probabilities, or the second where the first are NaN."""
    unknown = np.isnan(first[:, :1])
    return np.where(unknown, second, first) if unknown.any() else first


def pooled(parts: Sequence[Judged]) -> Judged:
    """The clips of several folds as one set. Raises ModelInputError if a clip is in two folds.

    Networks that did not answer in every fold are left out, with the reason.
    """
    clip_ids = np.concatenate([part.clip_ids for part in parts])
    if len(np.unique(clip_ids)) != len(clip_ids):
        raise ModelInputError("a clip is in two folds; build the dataset again")
    heads = [key for key in parts[0].heads if all(key in part.heads for part in parts)]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return replace(
        parts[0],
        clip_ids=clip_ids,
        films=joined("films"),
        speakers=joined("speakers"),
        labels=joined("labels"),
        folds=joined("folds"),
        majority=joined("majority"),
        targets=joined("targets"),
        target_means=joined("target_means"),
        values={key: np.concatenate([part.values[key] for part in parts]) for key in parts[0].values},
        heads={key: np.concatenate([part.heads[key] for part in parts]) for key in heads},
        h_score=None,
        missing={name: reason for part in parts for name, reason in part.missing.items()},
    )


def write_predictions(path: Path, judged: Judged) -> None:
    """Write the answers as Parquet, a row for each clip. Raises ModelWorkError if it cannot be written."""
    columns = {
        "clip_id": pa.array(judged.clip_ids.tolist(), pa.string()),
        "film": pa.array(judged.films.tolist(), pa.string()),
        "speaker": pa.array([speaker or None for speaker in judged.speakers.tolist()], pa.string()),
        "fold": pa.array([None if fold < 0 else fold for fold in judged.folds.tolist()], pa.int64()),
        **(_words(judged) if judged.classes else {}),
    }
    columns = {name: columns[name] for name in _FIRST if name in columns}
    for key, probabilities in judged.heads.items():
        for code, name in enumerate(judged.classes):
            column = np.asarray(probabilities[:, code], np.float64)
            columns[f"{key}.{name}"] = pa.array(column, from_pandas=True)
    for t, target in enumerate(judged.target_names):
        truth_and_values = {"target": judged.targets, "mean": judged.target_means, **judged.values}
        for key, values in truth_and_values.items():
            name = f"{key}.{target}" if key in ("target", "mean") else f"{key}.target.{target}"
            columns[name] = pa.array(np.asarray(values[:, t], np.float64), from_pandas=True)
    about = {
        "classes": list(judged.classes),
        "heads": list(judged.heads),
        "targets": list(judged.target_names),
        "values": list(judged.values),
        "missing": judged.missing,
    }
    table = pa.table(columns).replace_schema_metadata({"emodal": json.dumps(about)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def _words(judged: Judged) -> dict[str, pa.Array]:
    """The columns with names of classes."""
    names, main = np.asarray(judged.classes, object), judged.main_answers()
    answers = zip(main.argmax(axis=1), np.isnan(main[:, 0]), strict=True)
    predicted = [None if unknown else names[code] for code, unknown in answers]
    return {
        "truth": pa.array(names[judged.labels].tolist(), pa.string()),
        "majority": pa.array(names[judged.majority].tolist(), pa.string()),
        "predicted": pa.array(predicted, pa.string()),
    }


def read_predictions(path: Path) -> Judged:
    """The answers in a file of write_predictions, without the H-score. Raises ModelInputError if it cannot be read."""
    try:
        table = pq.ParquetFile(path).read()
        return _judged(table, json.loads(table.schema.metadata[b"emodal"]))
    except (OSError, LookupError, ValueError, TypeError, AttributeError, pa.ArrowException) as exc:
        raise ModelInputError(f"{path}: no predictions of emodal train; train again") from exc


def _judged(table: pa.Table, about: dict[str, Any]) -> Judged:
    """The answers in the columns of a table; an error of Python's if they are not what write_predictions writes."""
    classes: tuple[str, ...] = tuple(about["classes"])
    targets: tuple[str, ...] = tuple(about["targets"])
    codes = {name: code for code, name in enumerate(classes)}
    if not all(key.count(".") for key in (*about["heads"], *about["values"])):
        raise ValueError("a head without a network")

    def coded(name: str) -> np.ndarray:
        return np.asarray(
            [codes[word] for word in table[name].to_pylist()] if classes else [0] * len(table), np.int64
        )

    def strings(name: str) -> np.ndarray:
        return np.asarray([value or "" for value in table[name].to_pylist()], np.str_)

    def numbers(key: str, names: tuple[str, ...]) -> np.ndarray:
        return np.stack(
            [np.empty(len(table)), *(table[f"{key}.{name}"].to_numpy() for name in names)], axis=1
        )[:, 1:]

    return Judged(
        clip_ids=strings("clip_id"),
        films=strings("film"),
        speakers=strings("speaker"),
        labels=coded("truth"),
        folds=np.asarray(table["fold"].fill_null(-1).to_numpy(), np.int64),
        majority=coded("majority"),
        classes=classes,
        heads={key: numbers(key, classes) for key in about["heads"]},
        targets=numbers("target", targets),
        target_names=targets,
        values={key: numbers(f"{key}.target", targets) for key in about["values"]},
        target_means=numbers("mean", targets),
        missing=dict(about["missing"]),
    )
