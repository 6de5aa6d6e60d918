"""Measures how many labels a ranking of spans saves: accuracy after each round of labels, ranked or drawn at random.

    python benchmarks/teaching.py truth                the known truth, balanced and with rare classes
    python benchmarks/teaching.py clips BUILD/dataset  the clips of a dataset, judged on speakers that are not labelled

A linear classifier stands for the network, because hundreds of trainings are needed: on the hidden numbers of the known
truth, or on the principal components of the features of the early fusion baseline. A round labels some clips of the
pool: those that emodal_model.inference.teaching ranks first, or random ones. Printed: mean recall of the classes on the
judged clips, with 95 % intervals of the paired difference over repetitions, and the labels that random choice needs for
the same.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import t
from sheet import machine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from emodal_model.data.samples import join, read_samples
from emodal_model.data.synthetic import draw_hidden
from emodal_model.evaluation.baselines import both_features
from emodal_model.evaluation.evaluate import labelled_originals
from emodal_model.inference.teaching import rank_lessons

ROUNDS = 8
#: Share of the clips of each class in the pool with rare classes.
RARE = (1.0, 0.5, 0.2, 0.1)

#: Features and labels of the pool, and of the judged clips.
Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def truth(separation: float, shares: tuple[float, ...]) -> Callable[[int], Drawn]:
    """Pools of at most 3,000 clips of the known truth, and 3,000 clips to judge."""

    def draw(seed: int) -> Drawn:
        hidden = draw_hidden(6000, seed, separation)
        features = np.concatenate([hidden.image, hidden.audio], axis=1)
        kept = np.random.default_rng(seed).random(3000) < np.asarray(shares)[hidden.labels[:3000]]
        return features[:3000][kept], hidden.labels[:3000][kept], features[3000:], hidden.labels[3000:]

    return draw


def clips(dataset: Path) -> Callable[[int], Drawn]:
    """Pools of the clips of three quarters of the speakers of a dataset, and those of the others to judge."""
    samples = labelled_originals(join([read_samples(dataset, split) for split in ("train", "test")]))
    features = PCA(64, random_state=0).fit_transform(StandardScaler().fit_transform(both_features(samples)))
    speakers = np.unique(samples.speakers)

    def draw(seed: int) -> Drawn:
        held = np.random.default_rng(seed).permutation(speakers)[: len(speakers) // 4]
        judged = np.isin(samples.speakers, held)
        return features[~judged], samples.labels[~judged], features[judged], samples.labels[judged]

    return draw


def learn(drawn: Drawn, seed: int, step: int, ranked: bool) -> list[float]:
    """Mean recall of the classes after each round."""
    pool, labels, judged, truth_of = drawn
    rng = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    chosen = rng.permutation(len(pool))[:step]
    recalls = []
    for _ in range(ROUNDS):
        fitted = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000).fit(
            pool[chosen], labels[chosen]
        )
        answer = fitted.predict(judged)
        recalls.append(float(np.mean([(answer[truth_of == c] == c).mean() for c in range(classes)])))
        rest = np.setdiff1d(np.arange(len(pool)), chosen)
        new = rng.permutation(rest)[:step]
        if ranked:
            shares = np.zeros((len(rest), classes))
            shares[:, fitted.classes_] = fitted.predict_proba(pool[rest])
            counts = np.bincount(labels[chosen], minlength=classes).tolist()
            named = dict(zip(map(str, range(classes)), counts, strict=True))
            lessons = rank_lessons(shares, pool[rest], pool[chosen], named, ["film"] * len(rest), step)
            new = rest[[lesson.place for lesson in lessons]]
        chosen = np.concatenate([chosen, new])
    return recalls


def show(title: str, draw: Callable[[int], Drawn], step: int, repeats: int) -> None:
    curves = {
        ranked: np.array([learn(draw(seed), seed, step, ranked) for seed in range(repeats)])
        for ranked in (False, True)
    }
    at_random, by_rank = (100 * curves[ranked].mean(axis=0) for ranked in (False, True))
    differences = 100 * (curves[True] - curves[False])
    half = t.ppf(0.975, repeats - 1) * differences.std(axis=0, ddof=1) / repeats**0.5
    labels = step * np.arange(1, ROUNDS + 1)
    print(f"{title}, {repeats} repetitions")
    print("| labels | random, % | ranked, % | difference | random needs |\n|---|---|---|---|---|")
    for n in range(ROUNDS):
        reached = by_rank[n]
        needs = (
            f"{np.interp(reached, at_random, labels):.0f}" if reached <= at_random[-1] else f"> {labels[-1]}"
        )
        more = f"{differences[:, n].mean():+.1f} +- {half[n]:.1f}"
        print(f"| {labels[n]} | {at_random[n]:.1f} | {reached:.1f} | {more} | {needs} |")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["truth", "clips"])
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--step", type=int, default=40, help="labels of a round")
    parser.add_argument("--repeats", type=int, default=12)
    arguments = parser.parse_args()
    print(machine("scikit-learn"))
    if arguments.what == "clips":
        show(str(arguments.dataset), clips(arguments.dataset), arguments.step, arguments.repeats)
        return
    for separation in (1.0, 1.5):
        for name, shares in (("balanced", (1.0,) * 4), ("rare classes", RARE)):
            title = f"known truth, separation {separation:g}, {name}"
            show(title, truth(separation, shares), arguments.step, arguments.repeats)


if __name__ == "__main__":
    main()
