"""The same training several times - other seeds, or each fold held out in turn - and how far the results differ.

The first training fills OUT itself, the others OUT/seeds/<seed> or OUT/folds/<fold>; each is resumed like any other.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.core.files import write_json
from emodal_model.data.samples import read_folds


@dataclass(frozen=True)
class TrainingJob:
    """One training of several. key: its seed or fold; None for the whole training side, beside folds."""

    key: int | None
    dataset: Path
    out: Path
    config: ModelConfig


#: Trains all of them, in any order or at once; metrics in the order given.
RunAll = Callable[[Sequence[TrainingJob]], list[dict[str, Any]]]


def repeats_of(dataset: Path, out: Path, config: ModelConfig, by_fold: bool = False) -> list[TrainingJob]:
    """What config.seeds, or the folds of the dataset, ask for; the one that fills `out` first.

    Raises ModelInputError if there are no folds, or both are asked for.
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
        raise ModelInputError("--folds trains once a fold: leave model.seeds and model.fold out")
    folds = sorted({int(fold) for fold in read_folds(dataset, "train") if fold >= 0})
    if not folds:
        raise ModelInputError(f"{dataset}: has no folds; build it with --set split.folds=5")
    return [TrainingJob(None, dataset, out, one)] + [
        TrainingJob(fold, dataset, out / "folds" / str(fold), one.model_copy(update={"fold": fold}))
        for fold in folds
    ]


def train_repeats(repeats: Sequence[TrainingJob], run_all: RunAll) -> dict[str, Any]:
    """Train them all; returns the first one's metrics, with what the others say under "repeats".

    Written to the first one's metrics.json. Nothing is added where there is one training only.
    """
    metrics = run_all(repeats)
    if len(repeats) == 1:
        return metrics[0]
    counted = [
        (repeat.key, each) for repeat, each in zip(repeats, metrics, strict=True) if repeat.key is not None
    ]
    together = metrics[0] | {
        "repeats": {
            "by": "seed" if repeats[0].key is not None else "fold",
            "keys": [key for key, _ in counted],
            "networks": {
                name: _spread(_accuracies(counted, name), _accuracies(counted, "emodal"))
                for name in metrics[0]["networks"]
            },
        }
    }
    write_json(repeats[0].out / "metrics.json", together)
    return together


def train_repeat(
    repeat: TrainingJob, mlflow: str = "", on_epoch: Callable[[Any], None] | None = None
) -> dict[str, Any]:
    """One of them, as a function that a worker process can be handed. mlflow: where its epochs are told, if anywhere.

    on_epoch hears of every epoch, a fitting.EpochReport.
    """
    from emodal_model.training.train import train  # TensorFlow takes seconds to import

    with ExitStack() as stack:
        hearers = [on_epoch] if on_epoch else []
        if mlflow:
            from emodal_model.training.mlflow_tracking import Tracking

            live = Tracking(mlflow).training(repeat.dataset, repeat.out, repeat.config)
            hearers.append(stack.enter_context(live))

        def tell(report: Any) -> None:
            for hear in hearers:
                hear(report)

        return train(repeat.dataset, repeat.out, repeat.config, tell)


def _accuracies(counted: Sequence[tuple[int, dict[str, Any]]], name: str) -> list[float | None]:
    return [each["networks"].get(name, {}).get("accuracy") for _, each in counted]


def _spread(accuracies: Sequence[float | None], of_emodal: Sequence[float | None]) -> dict[str, Any]:
    """Mean, sample deviation, and the 95 % interval of the mean (Student's t); None where too few were judged.

    p_against_emodal: of the paired t-test over the repeats.
    """
    from scipy.stats import t, ttest_1samp  # takes a second and 50 MB, also of builds that do not train

    known = [accuracy for accuracy in accuracies if accuracy is not None]
    mean, sd = float(np.mean(known)) if known else None, None
    interval = None
    if mean is not None and len(known) > 1:
        sd = float(np.std(known, ddof=1))
        half = float(t.ppf(0.975, len(known) - 1)) * sd / len(known) ** 0.5
        interval = [max(0.0, mean - half), min(1.0, mean + half)]
    pairs = [(a, e) for a, e in zip(accuracies, of_emodal, strict=True) if a is not None and e is not None]
    differences = [a - e for a, e in pairs]
    # Differences that do not vary have no test: EMODal against itself, or a single repeat.
    tested = len(pairs) > 1 and float(np.ptp(differences)) > 0
    return {
        "accuracy": list(accuracies),
        "mean": mean,
        "sd": sd,
        "interval": interval,
        "p_against_emodal": float(ttest_1samp(differences, 0.0).pvalue) if tested else None,
    }
