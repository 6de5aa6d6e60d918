"""The leakage audit: how much better simple models seem on a dataset's own samples if the split leaks.

It uses the training split, which has the augmented samples, and leaves the test split untouched. The two models are
extremes: the nearest neighbour memorises every sample, logistic regression almost none.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from emodal_data.core.errors import InputError
from emodal_data.dataset.folder import shard_paths
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.split.folds import spread_groups

#: Most clips, and augmented samples of each, that are used: they bound time and memory for any size of the dataset.
MOST_CLIPS: Final = 1500
MOST_COPIES: Final = 2
#: Every sample is held out once, in one of so many parts.
PARTS: Final = 5
#: Side of the faces, and how many numbers face and speech are brought down to.
_SIDE_PX, _COMPONENTS = 32, 64
_SEED = 0

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Samples:
    """The samples of the audit.

    face: (n, pixels). speech: (n, 68). label: (n,) class numbers. augmentation_index: (n,), 0 is the original. clip,
    film, speaker, person: (n,) names; person is None if the persons have no numbers.
    """

    face: Vectors
    speech: Vectors
    label: Numbers
    augmentation_index: Numbers
    clip: Names
    film: Names
    speaker: Names
    person: Names | None = None


def leak_price(dataset: Path) -> dict[str, Any] | None:
    """What simple models score on a dataset that is split in several ways, the leaking ones first.

    Returns clips, samples, majority (share of the commonest class), and accuracy: for each way (augment_then_split,
    clip, film, and speaker and person if every clip has one) and each model (nearest_neighbour, logistic_regression)
    the share of held-out samples classified correctly. A way is null if the dataset lacks what it needs: augmented
    samples, or a second film. None if the training split has fewer than two classes. Deterministic.
    Raises InputError if the folder holds no dataset.
    """
    samples = _read(dataset)
    if samples is None:
        return None
    originals = samples.label[samples.augmentation_index == 0]
    return {
        "clips": len(originals),
        "samples": len(samples.label),
        "majority": float(np.bincount(originals).max() / len(originals)),
        "accuracy": accuracies(samples),
    }


def accuracies(samples: Samples) -> dict[str, dict[str, float] | None]:
    """The accuracy under every way of splitting: see leak_price."""
    from threadpoolctl import threadpool_limits

    each = np.arange(len(samples.label)).astype(str)
    ways = {"augment_then_split": each, "clip": samples.clip, "film": samples.film}
    if (samples.speaker != "").all():
        ways["speaker"] = samples.speaker
    if samples.person is not None and (samples.person != "").all():
        ways["person"] = samples.person
    with threadpool_limits(1):  # the same sums in the same order on any number of cores
        return {
            way: None
            if len(np.unique(groups)) < 2 or (groups is each and not samples.augmentation_index.any())
            else _cross_validated(samples, groups, only_originals=groups is not each)
            for way, groups in ways.items()
        }


def format_price(price: Mapping[str, Any]) -> str:
    """The price as a table for people."""
    lines = [f"{'held out':<24}{'nearest neighbour':>20}{'logistic regression':>22}"]
    for way, accuracy in price["accuracy"].items():
        name = "samples, augmented first" if way == "augment_then_split" else f"{way}s"
        cells = [f"{100 * accuracy[model]:.1f} %" if accuracy else "-" for model in _MODELS]
        lines.append(f"{name:<24}{cells[0]:>20}{cells[1]:>22}")
    about = f"{price['clips']} training clips, {price['samples']} samples"
    return "\n".join([*lines, f"{about}; the commonest class is {100 * price['majority']:.1f} %"])


def _read(dataset: Path) -> Samples | None:
    if not shard_paths(dataset):
        raise InputError(f"{dataset}: no dataset here; give the folder that holds data/ and manifest.json")
    names = ["film", "speaker"]
    if "person" in pq.read_schema(next(iter(shard_paths(dataset)))).names:
        names.append("person")
    rows = read_samples(dataset, names)
    rows = rows[(rows["split"] == "train") & (rows["augmentation_index"] <= MOST_COPIES)]
    if rows["label"].nunique() < 2:
        return None
    clips = sorted(rows["clip_id"].unique(), key=lambda clip_id: hashlib.sha256(clip_id.encode()).digest())
    rows = rows[rows["clip_id"].isin(clips[:MOST_CLIPS])]
    shards = rows["shard"].unique()  # in the order of the rows, as the rows of each are
    contents = [
        _contents(shard, rows.loc[rows["shard"] == shard, "shard_row"].to_numpy()) for shard in shards
    ]
    faces, speech = (np.concatenate(part) for part in zip(*contents, strict=True))
    return Samples(
        faces,
        speech,
        np.unique(rows["label"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64),
        rows["augmentation_index"].to_numpy().astype(np.int64),
        *(rows[name].astype(object).fillna("").to_numpy(str) for name in ("clip_id", *names)),
    )


def _contents(shard: Path, rows: Numbers) -> tuple[Vectors, Vectors]:
    """Small faces (n, pixels) and speech features (n, 68) of some rows of a shard."""
    table = pq.read_table(shard, columns=["image", "audio_features"]).take(rows)
    if table["image"].null_count or table["audio_features"].null_count:
        raise InputError(
            "the leakage audit compares pictures and sounds: some clips have only one of them (clips.modalities)"
        )
    faces = []
    for image in table["image"].to_pylist():
        face = cv2.imdecode(np.frombuffer(image["bytes"], np.uint8), cv2.IMREAD_GRAYSCALE)
        faces.append(cv2.resize(np.asarray(face), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).ravel())
    speech = table["audio_features"].combine_chunks().flatten().to_numpy().reshape(len(rows), -1)
    return np.array(faces, dtype=np.float32), np.nan_to_num(speech)


def _cross_validated(samples: Samples, groups: Names, only_originals: bool) -> dict[str, float]:
    """The accuracy of each model if every part of the groups is held out once.

    only_originals: test on original clips alone, as is right; else on augmented samples too, as if augmented first.
    """
    parts = min(PARTS, len(np.unique(groups)))
    part_of = spread_groups(groups, samples.label, parts, _SEED)
    tested = samples.augmentation_index == 0 if only_originals else np.ones(len(groups), dtype=bool)
    right = dict.fromkeys(_MODELS, 0)
    for part in range(parts):
        train, test = part_of != part, (part_of == part) & tested
        known, asked = _compressed(samples, train, test)
        for model, tell in _MODELS.items():
            right[model] += int((tell(known, samples.label[train], asked) == samples.label[test]).sum())
    return {model: count / int(tested.sum()) for model, count in right.items()}


def _compressed(
    samples: Samples, train: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]
) -> tuple[Vectors, Vectors]:
    """Face and speech as few numbers each, by what the training samples alone say. Both weigh alike."""
    from sklearn.decomposition import PCA

    known, asked = [], []
    for values in (samples.face, samples.speech):
        mean, scale = values[train].mean(axis=0), values[train].std(axis=0) + 1e-6
        scale *= np.sqrt(values.shape[1])
        known.append((values[train] - mean) / scale)
        asked.append((values[test] - mean) / scale)
    one, two = np.hstack(known), np.hstack(asked)
    pca = PCA(min(_COMPONENTS, *one.shape), svd_solver="randomized", random_state=_SEED).fit(one)
    return pca.transform(one), pca.transform(two)


def _nearest_neighbour(known: Vectors, labels: Numbers, asked: Vectors) -> Numbers:
    from sklearn.neighbors import KNeighborsClassifier

    nearest: Numbers = KNeighborsClassifier(1, algorithm="brute").fit(known, labels).predict(asked)
    return nearest


def _logistic_regression(known: Vectors, labels: Numbers, asked: Vectors) -> Numbers:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        return np.full(len(asked), labels[0])
    scale = known.std(axis=0) + 1e-6
    predicted: Numbers = (
        LogisticRegression(C=0.1, max_iter=1000).fit(known / scale, labels).predict(asked / scale)
    )
    return predicted


_MODELS: Final = {"nearest_neighbour": _nearest_neighbour, "logistic_regression": _logistic_regression}
