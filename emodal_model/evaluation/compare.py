"""Compares two trainings on the clips that both judged: the scores of each network, and the settings that differ."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.errors import ModelInputError
from emodal_model.evaluation.predictions import PREDICTIONS, Judged, read_predictions
from emodal_model.evaluation.regression import concordance, rmse
from emodal_model.evaluation.scores import paired_p
from emodal_model.evaluation.tables import TITLES

#: Resamples of the clips for an interval.
_RESAMPLES = 2000


def compare_trainings(one: Path, two: Path) -> dict[str, Any]:
    """The difference from model folder `one` to model folder `two`, as JSON values.

    Clips of all folds are compared if both were trained with folds, else those of the test split. networks: name ->
    accuracy in one and two, difference with its 95 % interval (bootstrap over clips) and p (exact McNemar test), on the
    clips that both answered and whose label is the same. targets: of those that both have, target -> name -> ccc and
    rmse in one and two, and the difference of ccc with its interval; clips without classes count if no target has
    another truth. settings: those that differ, as name -> [one, two].
    Raises ModelInputError if a folder holds no finished training, or if no clip is in both.
    """
    folders = (one, two)
    with_folds = all((folder / "folds" / PREDICTIONS).is_file() for folder in folders)
    files = [(folder / "folds" if with_folds else folder) / PREDICTIONS for folder in folders]
    judged = [read_predictions(file) for file in files]
    rows = _same_clips(*judged)
    if not len(rows[0]):
        raise ModelInputError(f"{one} and {two}: no clip was judged by both with the same truth")
    answers, labels = [each.answers() for each in judged], judged[0].labels[rows[0]]
    settings = [_settings(folder) for folder in folders]
    names = sorted(settings[0].keys() | settings[1].keys())
    return {
        "judged": "folds" if with_folds else "test",
        "clips": len(rows[0]),
        "only": [len(each.labels) - len(rows[0]) for each in judged],
        "networks": {
            name: _difference(answers[0][name][rows[0]], answers[1][name][rows[1]], labels)
            for name in TITLES
            if all(name in each for each in answers)
        },
        "targets": _target_differences(judged, rows),
        "settings": {
            name: [each.get(name) for each in settings]
            for name in names
            if settings[0].get(name) != settings[1].get(name)
        },
    }


def _same_clips(one: Judged, two: Judged) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the clips that both have with the same class as their label, in the order of the first.

    Without classes: with the same numbers for the targets that both have.
    """
    if bool(one.classes) != bool(two.classes):
        raise ModelInputError("one of the two trainings has classes, the other has none")
    if not one.classes:
        return _same_numbers(one, two)
    place = {clip_id: row for row, clip_id in enumerate(two.clip_ids.tolist())}
    pairs = [
        (row, place[clip_id])
        for row, clip_id in enumerate(one.clip_ids.tolist())
        if clip_id in place and one.classes[one.labels[row]] == two.classes[two.labels[place[clip_id]]]
    ]
    if pairs and one.classes != two.classes:
        raise ModelInputError("the two trainings have other classes, or the same in another order")
    first, second = np.asarray(pairs, np.int64).reshape(-1, 2).T
    return first, second


def _same_numbers(one: Judged, two: Judged) -> tuple[np.ndarray, np.ndarray]:
    _, first, second = np.intersect1d(one.clip_ids, two.clip_ids, return_indices=True)
    names = [name for name in one.target_names if name in two.target_names]
    if not names:
        raise ModelInputError("the two trainings have no target in common, and no classes")
    truths = [
        each.targets[rows][:, [each.target_names.index(name) for name in names]]
        for each, rows in ((one, first), (two, second))
    ]
    same = np.isclose(truths[0], truths[1], rtol=1e-6, equal_nan=True).all(axis=1)
    return first[same], second[same]


def _target_differences(judged: list[Judged], rows: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    one, two = (each.answers(of_targets=True) for each in judged)
    return {
        target: {
            name: _value_difference(
                judged[0].targets[rows[0], t],
                one[name][rows[0], t],
                two[name][rows[1], judged[1].target_names.index(target)],
            )
            for name in TITLES
            if name in one and name in two
        }
        for t, target in enumerate(judged[0].target_names)
        if target in judged[1].target_names
    }


def _value_difference(truth: np.ndarray, one: np.ndarray, two: np.ndarray) -> dict[str, Any]:
    """The scores of two predictions of a target, (n,) each, on the clips that both answer and whose truth is known."""
    known = ~(np.isnan(truth) | np.isnan(one) | np.isnan(two))
    truth, values = truth[known], (one[known], two[known])
    ccc = [concordance(truth, each) for each in values]
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(truth), size=len(truth)) for _ in range(_RESAMPLES if len(truth) else 0)]
    each_draw = [[concordance(truth[draw], each[draw]) for each in values] for draw in draws]
    differences = [b - a for a, b in each_draw if a is not None and b is not None]
    return {
        "n": len(truth),
        "ccc": ccc,
        "rmse": [rmse(truth, each) for each in values],
        "difference": None if ccc[0] is None or ccc[1] is None else ccc[1] - ccc[0],
        "interval": [float(edge) for edge in np.percentile(differences, [2.5, 97.5])]
        if differences
        else None,
    }


def _difference(one: np.ndarray, two: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The scores of two answers, (n, classes) each, on the clips that both answer."""
    known = ~(np.isnan(one[:, 0]) | np.isnan(two[:, 0]))
    right = [(answer[known].argmax(axis=1) == labels[known]).astype(float) for answer in (one, two)]
    n = int(known.sum())
    if n == 0:
        return {"n": 0, "accuracy": [None, None], "difference": None, "interval": None, "p": None}
    difference = right[1] - right[0]
    draws = np.random.default_rng(0).integers(n, size=(_RESAMPLES, n))
    return {
        "n": n,
        "accuracy": [float(each.mean()) for each in right],
        "difference": float(difference.mean()),
        "interval": [float(edge) for edge in np.percentile(difference[draws].mean(axis=1), [2.5, 97.5])],
        "p": paired_p(right[0] > 0, right[1] > 0),
    }


def _settings(folder: Path) -> dict[str, Any]:
    """Settings of a training, with the hash of its dataset."""
    try:
        metrics = json.loads((folder / "metrics.json").read_bytes())
        return {"dataset": metrics["dataset"]["hash"][:16], **metrics["config"]}
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise ModelInputError(f"{folder}: no finished training here (no metrics.json); train again") from exc


def format_comparison(result: dict[str, Any]) -> str:
    """The comparison as text."""
    what = "clips of all folds" if result["judged"] == "folds" else "test clips"
    lines = [
        f"{result['clips']} {what} in both; {result['only'][0]} in the first alone, {result['only'][1]} in the second",
    ]
    if result["networks"]:
        lines.append(
            f"{'':24}{'clips':>7}{'first %':>10}{'second %':>10}{'difference':>12}{'95 % interval':>17}{'p':>8}"
        )
    for name, row in result["networks"].items():
        if row["n"]:
            low, high = row["interval"]
            p = "<0.001" if row["p"] < 0.001 else f"{row['p']:.3f}"
            lines.append(
                f"{TITLES[name]:24}{row['n']:>7}{100 * row['accuracy'][0]:>10.2f}{100 * row['accuracy'][1]:>10.2f}"
                f"{100 * row['difference']:>+12.2f}{f'{100 * low:+.1f} to {100 * high:+.1f}':>17}{p:>8}"
            )
    for target, rows in result.get("targets", {}).items():
        lines += _target_lines(target, rows)
    p = "; p: exact McNemar test on the same clips" if result["networks"] else ""
    lines.append(f"interval: bootstrap over clips{p}")
    lines += [f"{name}: {one} -> {two}" for name, (one, two) in result["settings"].items()]
    return "\n".join(lines)


def _target_lines(target: str, rows: dict[str, Any]) -> list[str]:
    """The differences of a numeric target, a line for each network."""
    lines = [
        f"{target[:24]:24}{'clips':>7}{'first CCC':>10}{'second':>10}{'difference':>12}{'95 % interval':>19}"
    ]
    for name, row in rows.items():
        if row["difference"] is not None and row["interval"] is not None:
            low, high = row["interval"]
            lines.append(
                f"{TITLES[name]:24}{row['n']:>7}{row['ccc'][0]:>10.3f}{row['ccc'][1]:>10.3f}"
                f"{row['difference']:>+12.3f}{f'{low:+.3f} to {high:+.3f}':>19}"
            )
    return lines
