"""Trainings with several seeds or folds, one after the other or each in a worker process of its own."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from emodal_data.isolation import WorkerPool
from emodal_model.config import ModelConfig
from emodal_model.repeats import Repeat, repeats_of, train_repeat, train_repeats

#: A training may take days; a worker that hangs longer is stopped.
TIMEOUT_S = 14 * 24 * 3600.0


def train_all(
    dataset: Path,
    out: Path,
    config: ModelConfig,
    by_fold: bool = False,
    workers: int = 1,
    on_epoch: Callable[[Any], None] | None = None,
    on_done: Callable[[Repeat], None] | None = None,
) -> dict[str, Any]:
    """Train every seed or fold, and return the metrics of the first with "repeats" of all.

    workers: trainings at a time, each in a process of its own. on_epoch: heard from trainings in this process
    only; on_done: of every training, where there are several. Raises ModelError if a training fails; those that
    are done are kept.
    """
    repeats = repeats_of(dataset, out, config, by_fold)
    if len(repeats) == 1:
        on_done = None

    def here(repeats: Sequence[Repeat]) -> list[dict[str, Any]]:
        from emodal_model.training import train  # TensorFlow takes seconds to import

        metrics = []
        for repeat in repeats:
            metrics.append(train(repeat.dataset, repeat.out, repeat.config, on_epoch))
            if on_done:
                on_done(repeat)
        return metrics

    def in_workers(repeats: Sequence[Repeat]) -> list[dict[str, Any]]:
        pool = WorkerPool(min(workers, len(repeats)), _memory_mb())

        def one(repeat: Repeat) -> dict[str, Any]:
            metrics = pool.run(TIMEOUT_S, train_repeat, repeat)
            if on_done:
                on_done(repeat)
            return metrics

        try:
            with ThreadPoolExecutor(workers) as threads:
                return list(threads.map(one, repeats))
        finally:
            pool.close()

    metrics = train_repeats(repeats, in_workers if workers > 1 and len(repeats) > 1 else here)
    if "repeats" in metrics:  # what the first training wrote for people knows nothing of the others
        from emodal_model.training import describe_again

        describe_again(dataset, out, repeats[0].config, metrics)
    return metrics


def _memory_mb() -> int:
    """All memory of the machine: what a training needs is the user's to choose, by model.batch_size."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
