"""Measures how many labels that were made wrong on purpose are among the first of the ranking of suspect labels.

    python benchmarks/suspects.py limit [--separation 1 1.5 2]     known truth: the most that any ranking can find
    python benchmarks/suspects.py truth [--separation 1 1.5 2]     known truth: also what exact probabilities would find
    python benchmarks/suspects.py folds BUILD/dataset --out OUT    a dataset with folds, such as sample films

A tenth of the labels, drawn at random, becomes another class. Then each fold of films or speakers is held out from a
training, and the clips are ranked. Printed: the share of the wrong labels among as many clips of the ranking, in all
and by the wrong label; how many suspects there are, and how many of them are wrong.
"folds" writes a copy of the dataset with the wrong labels and runs `emodal train --folds` on it; stopped, it resumes.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sheet import machine, table
from small_sets import ensemble, fold_sides

from emodal_model.core.config import ModelConfig
from emodal_model.data.contract import UNLABELLED
from emodal_model.data.samples import Samples, join, read_classes, shards
from emodal_model.data.synthetic import bayes_posteriors, draw_hidden, draw_samples
from emodal_model.evaluation.predictions import Judged
from emodal_model.evaluation.suspects import SUSPECTS, find_suspects, read_suspects
from flows.engine.trainings import train_all

WRONG = 0.1
FOLDS = 6
#: The pictures of the known truth are six flat patches.
SMALL = ModelConfig(filters=(4, 8, 8), image_dense=32, epochs=20, members=1)


def made_wrong(labels: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """(n,) labels, a tenth of them replaced by another class."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(labels))[: round(WRONG * len(labels))]
    wrong = labels.copy()
    wrong[chosen] = (wrong[chosen] + rng.integers(1, classes, len(chosen))) % classes
    return wrong


def with_labels(samples: Samples, labels: np.ndarray) -> Samples:
    return Samples(**{**vars(samples), "labels": labels})


def held_out_answers(samples: Samples, config: ModelConfig) -> tuple[Samples, np.ndarray]:
    """The samples, fold by fold, and the probabilities of networks that held out the films of the fold."""
    films = np.random.default_rng(1).permutation(np.unique(samples.films))
    sides = fold_sides(Samples(**{**vars(samples), "speakers": samples.films}), films, list(range(FOLDS)))
    answers = [ensemble("emodal", train, test, "speaker", config)["together"] for train, test in sides]
    return join([test for _, test in sides]), np.concatenate(answers)


def ranking(samples: Samples, answers: np.ndarray) -> list[dict[str, Any]]:
    """The rows of find_suspects for these probabilities."""
    return find_suspects(
        Judged(
            clip_ids=samples.clip_ids,
            films=samples.films,
            speakers=samples.speakers,
            labels=samples.labels,
            folds=np.zeros(len(samples), np.int64),
            majority=np.zeros(len(samples), np.int64),
            classes=samples.classes,
            heads={"image.image": answers},
            targets=samples.targets,
        ),
        {},
    )


def show(title: str, rows: Sequence[dict[str, Any]], wrong: set[str]) -> None:
    """Print what a ranking finds. wrong: clip_ids."""
    first = {row["clip_id"] for row in rows[: len(wrong)]}
    suspects = {row["clip_id"] for row in rows if row["is_suspect"]}
    print(f"{title}: {len(rows)} clips, {len(wrong)} labels made wrong")
    print(
        f"  among the first {len(wrong)}: {100 * len(first & wrong) / len(wrong):.1f} % of the wrong labels"
    )
    for name in sorted({row["label"] for row in rows}):
        of_class = wrong & {row["clip_id"] for row in rows if row["label"] == name}
        print(f"    {name}: {len(first & of_class)} of {len(of_class)}")
    found = len(suspects & wrong)
    print(
        f"  suspect: {len(suspects)} clips, {found} of them wrong: {100 * found / len(wrong):.1f} % of the wrong labels"
    )


def limit(separation: float, rows: int, draws: int) -> str:
    """A row of a table: the Bayes accuracy, and the share of the wrong labels that the best ranking finds.

    The probability that a label was made wrong falls with the exact probability of its class and depends on nothing
    else, so no ranking can have more wrong labels among its first on average.
    """
    right, found = [], []
    for seed in range(draws):
        hidden = draw_hidden(rows, seed, separation)
        exact = bayes_posteriors(hidden, "both", separation)
        labels = made_wrong(hidden.labels, exact.shape[1], seed)
        wrong = labels != hidden.labels
        first = np.argsort(exact[np.arange(rows), labels], kind="stable")[: wrong.sum()]
        right.append(100 * np.mean(exact.argmax(axis=1) == hidden.labels))
        found.append(100 * np.mean(wrong[first]))
    half = 1.96 * np.std(found, ddof=1) / draws**0.5
    return f"| {separation:g} | {np.mean(right):.1f} | {np.mean(found):.1f} ± {half:.1f} |"


def copy_with_wrong_labels(dataset: Path, to: Path, seed: int) -> None:
    """Copy a dataset, with wrong labels in place of a tenth; to/wrong.json names their clips."""
    shutil.copytree(dataset, to)
    classes = len(read_classes(dataset))
    tables = {path: pq.read_table(path) for path in shards(to, "*")}
    label_of = {
        clip_id: label
        for table in tables.values()
        for clip_id, label in zip(*table.select(["clip_id", "label"]).to_pydict().values(), strict=True)
        if label not in (None, UNLABELLED)
    }
    clip_ids = sorted(label_of)
    labels = np.asarray([label_of[clip_id] for clip_id in clip_ids])
    wrong = made_wrong(labels, classes, seed)
    label_of = dict(zip(clip_ids, wrong.tolist(), strict=True))
    for path, shard in tables.items():
        column = pa.array([label_of.get(clip_id) for clip_id in shard["clip_id"].to_pylist()], pa.int64())
        place = shard.schema.get_field_index("label")
        pq.write_table(shard.set_column(place, shard.schema.field(place), column), path)
    named = [clip_id for clip_id, one, other in zip(clip_ids, labels, wrong, strict=True) if one != other]
    (to / "wrong.json").write_text(json.dumps(named))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["limit", "truth", "folds"])
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, help="folder for the copy and the trainings")
    parser.add_argument("--rows", type=int, default=1200, help="clips of the known truth")
    parser.add_argument("--separation", type=float, nargs="+", default=[1.0, 1.5, 2.0])
    parser.add_argument("--members", type=int, default=1, help="as model.members")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=20, help="(limit)")
    arguments = parser.parse_args()
    print(machine("tensorflow"))
    seed, members = arguments.seed, arguments.members
    if arguments.what == "limit":
        rows = [limit(each, arguments.rows, arguments.draws) for each in arguments.separation]
        print(table("separation|right by exact probabilities, %|found by the best ranking, %", rows))
        return
    if arguments.what == "folds":
        copy, model = arguments.out / "dataset", arguments.out / "model"
        if not (copy / "wrong.json").is_file():
            shutil.rmtree(copy, ignore_errors=True)
            copy_with_wrong_labels(arguments.dataset, copy, seed)
        train_all(copy, model, ModelConfig(name="emodal", members=members, seed=seed), by_fold=True)
        show("dataset", read_suspects(model / SUSPECTS), set(json.loads((copy / "wrong.json").read_text())))
        return
    for separation in arguments.separation:
        drawn = draw_samples(arguments.rows, seed, separation=separation)
        samples = with_labels(drawn, made_wrong(drawn.labels, len(drawn.classes), seed))
        wrong = set(samples.clip_ids[samples.labels != drawn.labels].tolist())
        exact = bayes_posteriors(draw_hidden(arguments.rows, seed, separation), "both", separation)
        bayes = 100 * np.mean(exact.argmax(axis=1) == drawn.labels)
        title = f"separation {separation:g}"
        show(f"{title}, exact probabilities ({bayes:.1f} % right)", ranking(samples, exact), wrong)
        config = SMALL.model_copy(update={"members": members, "seed": seed})
        show(f"{title}, EMODal", ranking(*held_out_answers(samples, config)), wrong)


if __name__ == "__main__":
    main()
