"""Repeats of a training with other seeds, or with each fold held out in turn, and the spread of their results.

The first training writes OUT itself, the others OUT/seeds/<seed> or OUT/folds/<fold>; each can be resumed.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.core.files import write_json
from emodal_model.data.samples import read_folds, read_spans


@dataclass(frozen=True)
class TrainingJob:
    """One training of several.

    key: its seed or fold; None for the training on all folds, tested on the test split.
    """

    key: int | None
    dataset: Path
    out: Path
    config: ModelConfig


#: Runs several trainings, in any order or at once; returns their metrics in the order given.
RunAll = Callable[[Sequence[TrainingJob]], list[dict[str, Any]]]


def repeats_of(dataset: Path, out: Path, config: ModelConfig, by_fold: bool = False) -> list[TrainingJob]:
    """The trainings for config.seeds, or for each fold of the dataset; the first one writes `out`.

    Raises ModelInputError if the dataset has no folds, or if both are asked for.
    """
    one = config.model_copy(update={"seeds": 1})
    if not by_fold:
        seeds = range(config.seed, config.seed + config.seeds)
        return [
            TrainingJob(
                seed,
                dataset,
                out if seed == config.seed else out / "seeds" / str(seed),
                one.model_copy(update={"seed": seed}),
            )
            for seed in seeds
        ]
    if config.seeds > 1 or config.fold is not None:
        raise ModelInputError("--folds trains once for each fold: remove model.seeds and model.fold")
    folds = sorted({int(fold) for fold in read_folds(dataset, "train") if fold >= 0})
    if not folds:
        raise ModelInputError(f"{dataset}: has no folds; build it with --set split.folds=5")
    return [TrainingJob(None, dataset, out, one)] + [
        TrainingJob(fold, dataset, out / "folds" / str(fold), one.model_copy(update={"fold": fold}))
        for fold in folds
    ]


def train_repeats(repeats: Sequence[TrainingJob], run_all: RunAll) -> dict[str, Any]:
    """Run all trainings; returns the metrics of the first, with the spread of all under "repeats".

    The result is written to the metrics.json of the first. A single training gets no "repeats".
    """
    metrics = run_all(repeats)
    if len(repeats) == 1:
        return metrics[0]
    counted = [
        (repeat.key, each) for repeat, each in zip(repeats, metrics, strict=True) if repeat.key is not None
    ]
    by = "seed" if repeats[0].key is not None else "fold"
    targets = {
        target: {
            name: _spread(
                _concordances(counted, target, name), _concordances(counted, target, "emodal"), "ccc"
            )
            for name in networks
        }
        for target, networks in metrics[0].get("targets", {}).items()
    }
    together = metrics[0] | {
        "repeats": {
            "by": by,
            "keys": [key for key, _ in counted],
            "networks": {
                name: _spread(_accuracies(counted, name), _accuracies(counted, "emodal"))
                for name in metrics[0]["networks"]
            },
            "reference": {
                name: _spread([each["reference"][name]["accuracy"] for _, each in counted], [])
                for name in metrics[0].get("reference", {})
            },
            **({"targets": targets} if targets else {}),
        }
    }
    if by == "fold":
        together |= _pooled(repeats)
    write_json(repeats[0].out / "metrics.json", together)
    return together


def _pooled(repeats: Sequence[TrainingJob]) -> dict[str, Any]:
    """The evaluation of the clips of all folds, each by the training that held out its fold, and the suspect labels.

    Without classes, there are no suspect labels. Writes the answers to folds/predictions.parquet in the folder of the
    first training, and the suspects of folds and test split beside it. Returns "pooled" and "suspects" as JSON
    values; nothing if a training of an earlier version left no answers.
    """
    from emodal_model.evaluation.evaluate import evaluation_of
    from emodal_model.evaluation.predictions import PREDICTIONS, pooled, read_predictions, write_predictions
    from emodal_model.evaluation.suspects import SUSPECTS, count_suspects, find_suspects, write_suspects

    if not all((repeat.out / PREDICTIONS).is_file() for repeat in repeats):
        return {}
    test, *folds = (read_predictions(repeat.out / PREDICTIONS) for repeat in repeats)
    out, dataset = repeats[0].out, repeats[0].dataset
    judged = pooled(folds)
    write_predictions(out / "folds" / PREDICTIONS, judged)
    results = {"pooled": evaluation_of(judged).as_dict() | {"keys": [repeat.key for repeat in repeats[1:]]}}
    if not judged.classes:
        return results
    suspects = find_suspects(pooled([judged, test]), read_spans(dataset))
    write_suspects(out / SUSPECTS, suspects)
    return results | {"suspects": count_suspects(suspects)}


def train_repeat(
    repeat: TrainingJob, mlflow: str = "", on_epoch: Callable[[Any], None] | None = None
) -> dict[str, Any]:
    """Run one training; also the function that worker processes call. mlflow: the store of its epochs, if any.

    on_epoch: called with the EpochReport of every epoch.
    """
    from emodal_model.training.train import train  # TensorFlow takes seconds to import

    with ExitStack() as stack:
        observers = [on_epoch] if on_epoch else []
        if mlflow:
            from emodal_model.training.mlflow_tracking import Tracking

            live = Tracking(mlflow).training(repeat.dataset, repeat.out, repeat.config)
            observers.append(stack.enter_context(live))

        def report_epoch(report: Any) -> None:
            for observe in observers:
                observe(report)

        return train(repeat.dataset, repeat.out, repeat.config, report_epoch)


def _accuracies(counted: Sequence[tuple[int, dict[str, Any]]], name: str) -> list[float | None]:
    return [each["networks"].get(name, {}).get("accuracy") for _, each in counted]


def _concordances(
    counted: Sequence[tuple[int, dict[str, Any]]], target: str, name: str
) -> list[float | None]:
    return [each.get("targets", {}).get(target, {}).get(name, {}).get("ccc") for _, each in counted]


def _spread(
    values: Sequence[float | None],
    of_emodal: Sequence[float | None],
    score: Literal["accuracy", "ccc"] = "accuracy",
) -> dict[str, Any]:
    """Mean, sample standard deviation and 95 % interval of the mean (Student's t); None if too few have a value.

    p_against_emodal: p-value of the paired t-test over the repeats; of_emodal may be empty.
    """
    # Imported late: it takes a second and 50 MB, which builds without training do not need.
    from scipy.stats import t, ttest_1samp

    known = [value for value in values if value is not None]
    mean, sd = float(np.mean(known)) if known else None, None
    interval = None
    if mean is not None and len(known) > 1:
        sd = float(np.std(known, ddof=1))
        half = float(t.ppf(0.975, len(known) - 1)) * sd / len(known) ** 0.5
        interval = [max(0.0 if score == "accuracy" else -1.0, mean - half), min(1.0, mean + half)]
    pairs = [(a, e) for a, e in zip(values, of_emodal, strict=False) if a is not None and e is not None]
    differences = [a - e for a, e in pairs]
    # There is no test for constant differences: EMODal against itself, or a single repeat.
    tested = len(pairs) > 1 and float(np.ptp(differences)) > 0
    return {
        score: list(values),
        "mean": mean,
        "sd": sd,
        "interval": interval,
        "p_against_emodal": float(ttest_1samp(differences, 0.0).pvalue) if tested else None,
    }
