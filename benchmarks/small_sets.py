"""Compares the default networks with linear models on small sets, where these are strong, on held-out speakers.

    python benchmarks/small_sets.py films BUILD/dataset       the test split of a dataset: EMODal
    python benchmarks/small_sets.py folds BUILD/dataset       all its original clips in six folds of actors:
                                                              EMODal
    python benchmarks/small_sets.py voices FOLDER             RAVDESS speech (FLAC, 16 kHz), six folds of actors: the
                                                              audio network

Prints the accuracy of every member of the ensemble, of the whole ensemble, and of the baselines; and the difference
between the ensemble and each baseline, with a 95 % interval over actors.
"""

import argparse
import time
from pathlib import Path

import av
import numpy as np
from sheet import machine

from emodal_data.audio_features import clip_features
from emodal_model.core.config import ModelConfig
from emodal_model.data.contract import LABELS
from emodal_model.data.samples import Samples, join, read_manifest, read_samples
from emodal_model.evaluation.baselines import LINEAR, baseline_probabilities
from emodal_model.evaluation.evaluate import labelled_originals
from emodal_model.evaluation.scores import softmax
from emodal_model.network.build import MAIN_HEAD, NetworkName, with_probabilities
from emodal_model.network.forward import outputs_of
from emodal_model.training.ensemble import members_of
from emodal_model.training.train import train_member

FOLDS = 6
#: RAVDESS: third field of a file's name. The last one is the actor.
EMOTIONS = {"05": "angry", "03": "happy", "01": "neutral", "04": "sad"}

Answers = dict[str, np.ndarray]


def ensemble(name: NetworkName, train: Samples, test: Samples, group_by: str, config: ModelConfig) -> Answers:
    """(n test, 4) probabilities of each member, "1" and so on, and of all: the default training, without its files."""
    answers, members = {}, []
    head = MAIN_HEAD[name]
    for number, member in enumerate(members_of(train, group_by, config), start=1):
        started = time.process_time()
        network, details = train_member(name, member, train)
        members.append((network, details["temperatures"]))
        logits = outputs_of(network, test.images, test.audio_features)[head]
        answers[str(number)] = softmax(logits / details["temperatures"][head])
        right = 100 * float((logits.argmax(axis=1) == test.labels).mean())
        print(
            f"  member {number}: {right:.1f} %, epoch {details['best_epoch']} of {details['epochs']}, "
            f"{time.process_time() - started:.0f} CPU s",
            flush=True,
        )
    joined = with_probabilities(members)
    answers["together"] = outputs_of(joined, test.images, test.audio_features)[head]
    return answers


def linear(train: Samples, test: Samples, group_by: str, seed: int, sounds_only: bool) -> Answers:
    """The baselines, with the validation groups of the first member."""
    held = members_of(train, group_by, ModelConfig(seed=seed, members=1))[0].held
    fit_side, validation = train.take(held.fit), train.take(held.validation)
    if not sounds_only:
        return baseline_probabilities(fit_side, validation, test)
    return {
        name: softmax(LINEAR[name].logits(fit_side, validation, test))
        for name in ("audio_svm", "audio_logistic")
    }


def voices(folder: Path) -> Samples:
    """The utterances as samples without pictures."""
    files = sorted(folder.glob("*.flac"))
    features, fields = [], [path.stem.split("-") for path in files]
    for path in files:
        with av.open(str(path)) as file:
            signal = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])
        features.append(clip_features(signal))
    actors = np.asarray([field[-1] for field in fields])
    return Samples(
        images=np.zeros((len(files), 128, 128), np.uint8),
        audio_features=np.asarray(features, np.float32),
        labels=np.asarray([LABELS.index(EMOTIONS[field[2]]) for field in fields], np.int64),
        clip_ids=np.asarray([path.stem for path in files]),
        films=actors,
        speakers=actors,
        originals=np.ones(len(files), bool),
        has_image=np.ones(len(fields), bool),
        has_audio=np.ones(len(fields), bool),
        classes=LABELS,
        targets=np.empty((len(fields), 0), np.float32),
        target_names=(),
    )


def fold_sides(every: Samples, speakers: np.ndarray, chosen: list[int]) -> list[tuple[Samples, Samples]]:
    """(train, test) of the chosen folds; speakers: all of them, a fold's side by side."""
    parts = np.array_split(speakers, FOLDS)
    held = [np.isin(every.speakers, parts[number]) for number in chosen]
    return [(every.take(~test), every.take(test)) for test in held]


def interval(more: np.ndarray, speakers: np.ndarray) -> tuple[float, float]:
    """Mean of (n,) differences and half its 95 % interval; the clips of a speaker count as one draw."""
    mean = float(more.mean())
    _, groups = np.unique(speakers, return_inverse=True)
    sums = np.bincount(groups, more - mean)
    spread = (sums**2).sum() * len(sums) / max(len(sums) - 1, 1)
    return mean, 1.96 * float(np.sqrt(spread)) / len(more)


def show(title: str, right: dict[str, np.ndarray], speakers: np.ndarray) -> None:
    shares = "  ".join(f"{name} {100 * hits.mean():.1f}" for name, hits in right.items())
    print(f"{title} ({len(speakers)} clips): {shares}", flush=True)
    together = right.get("together", np.empty(0))
    for name in [name for name in right if len(together) and name in (*LINEAR, "late_fusion")]:
        mean, half = interval(together.astype(float) - right[name], speakers)
        print(f"  together - {name}: {100 * mean:+.1f} +- {100 * half:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["films", "folds", "voices"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", choices=["networks", "baselines"], help="both, if left out")
    parser.add_argument("--members", type=int, help="as model.members")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(FOLDS)), help="which ones")
    arguments = parser.parse_args()
    print(machine("tensorflow"))
    if arguments.what == "films":
        group_by = read_manifest(arguments.folder)["config"]["split"]["group_by"]
        sides = [
            (
                read_samples(arguments.folder, "train"),
                labelled_originals(read_samples(arguments.folder, "test")),
            )
        ]
    elif arguments.what == "folds":
        group_by = "speaker"
        every = labelled_originals(
            join([read_samples(arguments.folder, split) for split in ("train", "test")])
        )
        # In random order, because actors of one film have consecutive names.
        speakers = np.random.default_rng(1).permutation(np.unique(every.speakers))
        sides = fold_sides(every, speakers, arguments.folds)
    else:
        group_by, every = "speaker", voices(arguments.folder)
        sides = fold_sides(every, np.unique(every.speakers), arguments.folds)
    name: NetworkName = "audio" if arguments.what == "voices" else "emodal"
    for seed in arguments.seeds:
        right: dict[str, list[np.ndarray]] = {}
        speakers = np.empty(0, np.str_)
        for number, (train, test) in enumerate(sides, start=1):
            answers: Answers = {}
            if arguments.only != "baselines":
                config = ModelConfig(seed=seed, members=arguments.members)
                answers |= ensemble(name, train, test, group_by, config)
            if arguments.only != "networks":
                answers |= linear(train, test, group_by, seed, name == "audio")
            for each, given in answers.items():
                right.setdefault(each, []).append(given.argmax(axis=1) == test.labels)
            speakers = np.concatenate([speakers, test.speakers])
            joined = {each: np.concatenate(hits) for each, hits in right.items()}
            show(f"seed {seed}, {number} of {len(sides)} tests", joined, speakers)


if __name__ == "__main__":
    main()
