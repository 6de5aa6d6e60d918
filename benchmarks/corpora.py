"""Measures EMODal, its parts and the linear baselines on public corpora, each by a protocol of its own.

python benchmarks/corpora.py CORPUS=FOLDER [CORPUS=FOLDER ...] [--option NAME=VALUE ...] [--set KEY=VALUE ...]
    [--seeds 5] [--workers 1] [--work FOLDER] [--out docs/benchmarks]
CORPUS: a name of `emodal corpus list`, with the folder of its files; or `samples`, with a folder of emodal
sample-films. A corpus with an official test split is trained on the rest and tested there. Of any other, every clip is
judged once, by networks that saw neither the clip nor its group: the official folds, or five groups of speakers. A row
has the mean over the seeds, and the deviation between them; the interval (Wilson, 95 %) is that of so many clips.
--option is passed on to `emodal corpus table`, and --set to every build, those of model also to the trainings. --work
keeps everything: a run resumes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sheet import finish, machine, table

from emodal_model.evaluation.baselines import LINEAR
from emodal_model.evaluation.evaluate import evaluation_of
from emodal_model.evaluation.predictions import PREDICTIONS, pooled, read_predictions

EMODAL = [sys.executable, "-m", "flows"]
LINEAR_NAMES = (*LINEAR, "late_fusion")
#: Settings of a build whose every clip is judged: four folds of speakers, and the test split as the fifth.
IN_FIVE = ("split.folds=4", "split.allow_imbalance=true")


def emodal(*words: object, settings: Sequence[str] = (), options: Sequence[str] = ()) -> None:
    """Run a command; what it says goes to standard error. Its failure ends the run."""
    more = [word for one in options for word in ("--option", one)]
    more += [word for one in settings for word in ("--set", one)]
    subprocess.run([*EMODAL, *map(str, words), *more], stdout=sys.stderr, check=True)


def write_config(corpus: str, folder: Path, work: Path, options: Sequence[str]) -> Path:
    """The emodal.toml of a corpus, in the folder `work`."""
    config = work / "emodal.toml"
    if corpus != "samples":
        emodal("corpus", "table", corpus, folder, "--out", work / "spans.csv", options=options)
        return config
    places = {"films": folder.resolve() / "films", "annotations": folder.resolve() / "annotations.csv"}
    lines = [f"{name} = {json.dumps(str(path))}" for name, path in places.items()]
    config.write_text("\n".join([*lines, "[split]", 'group_by = "speaker"', ""]))
    return config


def scores(work: Path, seed: int, protocol: str, workers: int, settings: Sequence[str]) -> dict[str, Any]:
    """The evaluation of one training, or of the trainings of all folds, as a dictionary."""
    out, folds = work / f"model-{seed}", protocol != "official split"
    words = ["--folds"] if folds else []
    settings = [*settings, f"seed={seed}"]
    emodal(
        "train",
        work / "build/dataset",
        "--out",
        out,
        "--model",
        "all",
        "--workers",
        workers,
        *words,
        settings=settings,
    )
    test = read_predictions(out / PREDICTIONS)
    if not folds:
        return evaluation_of(test).as_dict()
    held_out = read_predictions(out / "folds" / PREDICTIONS)
    return evaluation_of(held_out if protocol == "official folds" else pooled([held_out, test])).as_dict()


def row(corpus: str, protocol: str, classes: int, results: Sequence[dict[str, Any]]) -> str:
    """The row of a corpus: accuracies, then unweighted average recall, which is none if a class has no clip.

    interval and UAR are those of EMODal, or of the one network that a corpus of one modality has.
    """

    def percents(name: str, score: str) -> list[float]:
        found = [one["networks"].get(name, {}).get(score) for one in results]
        return [100 * value for value in found if value is not None]

    def shown(name: str, score: str) -> str:
        found = percents(name, score)
        return f"{statistics.fmean(found):.1f} ± {statistics.pstdev(found):.1f}" if found else "none"

    def best(score: str) -> str:
        means = {name: statistics.fmean(found) for name in LINEAR_NAMES if (found := percents(name, score))}
        name = max(means, key=means.__getitem__, default="none")
        return f"{shown(name, score)} ({name.replace('_', ' ')})"

    networks = [network for network in ("emodal", "audio", "image") if percents(network, "accuracy")]
    intervals = [one["networks"][networks[0]]["accuracy_interval"] for one in results]
    low, high = (100 * statistics.fmean(edges) for edges in zip(*intervals, strict=True))
    majority = results[0]["reference"]["majority"]
    cells = [corpus, protocol, str(majority["n"]), str(classes), f"{100 / classes:.1f}"]
    cells += [f"{100 * majority['accuracy']:.1f}"]
    cells += [shown(name, "accuracy") for name in ("emodal", "audio", "image")]
    cells += [f"{low:.1f} to {high:.1f}", best("accuracy"), shown(networks[0], "uar"), best("uar")]
    return f"| {' | '.join(cells)} |"


def measure(corpus: str, folder: Path, work: Path, asked: argparse.Namespace) -> str:
    """Build a corpus, train with every seed, and return its row."""
    work.mkdir(parents=True, exist_ok=True)
    split = tomllib.loads(write_config(corpus, folder, work, asked.option).read_text()).get("split", {})
    by = split.get("group_by", "film")
    protocol = f"5 groups of {by if isinstance(by, str) else ' and '.join(by)}s"
    protocol = "official split" if "column" in split else protocol
    protocol = "official folds" if "fold_column" in split else protocol
    own = IN_FIVE if protocol.startswith("5") else ()
    emodal(
        *("build", "--config", work / "emodal.toml", "--out", work / "build", "--no-train"),
        settings=[*own, *asked.set],
    )
    model = [one.removeprefix("model.") for one in asked.set if one.startswith("model.")]
    results = [scores(work, seed, protocol, asked.workers, model) for seed in range(1, asked.seeds + 1)]
    manifest = json.loads((work / "build/dataset/manifest.json").read_text())
    return row(corpus, protocol, len(manifest["labels"]), results)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", nargs="+", metavar="CORPUS=FOLDER")
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        rows = []
        for one in asked.corpora:
            corpus, _, folder = one.partition("=")
            rows.append(measure(corpus, Path(folder), (asked.work or Path(temporary)) / corpus, asked))
    head = "corpus|protocol|clips|classes|chance|majority|EMODal|sound|face|interval|best linear|UAR|best linear, UAR"
    said = f"{machine('tensorflow', 'emodal')}\n\nPercent; mean of {asked.seeds} seeds ± the deviation between them."
    finish("corpora", "Public corpora", f"{said}\n\n{table(head, rows)}", asked.out)


if __name__ == "__main__":
    main()
