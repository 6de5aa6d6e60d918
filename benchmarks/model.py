"""Measures the networks: the cost of an epoch beside its steps, and their accuracy against the best possible one.

    python benchmarks/model.py speed          input cost of an epoch, reading cost of a sample, precision
    python benchmarks/model.py truth          accuracy against Bayes over seeds
    python benchmarks/model.py few-labels     the common loss with few labels and many unlabelled pairs;
                                              audio and image: the other modality missing at test
    python benchmarks/model.py cost           CPU time of an epoch of each network, validation included, by samples
    python benchmarks/model.py convergence    epochs and CPU seconds of EMODal until 99 % of the accuracy it ends with

CPU time throughout; ratios of medians, measured in turns in one run.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
from sheet import machine

from emodal_model.core.backend import tf
from emodal_model.core.config import ModelConfig
from emodal_model.data.samples import Samples, batches
from emodal_model.data.synthetic import BAYES_ACCURACY, bayes_posteriors, draw_hidden, draw_samples
from emodal_model.network.build import MAIN_HEAD, build_network, normalisation_of
from emodal_model.network.forward import outputs_of
from emodal_model.training.adam import Adam
from emodal_model.training.head_fusion import calibrate_head_weights
from emodal_model.training.loop import fit
from emodal_model.training.trainee import make_step

#: The pictures of the synthetic data are six flat patches, so few filters are enough.
FEW_FILTERS = ModelConfig(filters=(4, 8, 8), image_dense=32, epochs=20, patience=6)
TESTS = 6000


def cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def speed(rows: int, turns: int, precisions: list[str]) -> None:
    samples, config = draw_samples(rows, seed=1), ModelConfig()
    pngs = [cv2.imencode(".png", image)[1] for image in samples.images]
    decode = cpu_s(lambda: [cv2.imdecode(png, cv2.IMREAD_UNCHANGED) for png in pngs])
    print(f"decode once: {1e6 * decode / rows:.0f} CPU us a sample (flat patches; faces cost more)")
    for dtype in precisions:
        network = build_network("emodal", config, normalisation_of(samples), len(samples.classes), dtype)
        optimizer = Adam(network.trainable_variables)
        optimizer.learning_rate.assign(config.learning_rate)
        step = make_step(network, optimizer, tf.ones(4), config)
        resident = [
            (
                tf.constant(samples.images[b]),
                tf.constant(samples.audio_features[b]),
                tf.constant(samples.labels[b]),
            )
            for b in batches(rows, config.batch_size, (0,))
        ]

        def epoch(step: Callable[..., object] = step) -> None:
            for b in batches(rows, config.batch_size, (0,)):
                step(samples.images[b], samples.audio_features[b], samples.labels[b])

        def inputs() -> None:
            for b in batches(rows, config.batch_size, (0,)):
                for column in (samples.images, samples.audio_features, samples.labels):
                    tf.constant(column[b])

        def same_steps(step: Callable[..., object] = step, resident: list = resident) -> None:
            for images, audio, labels in resident:
                step(images, audio, labels)

        # Before any step: TensorFlow's threads spin for a while after a step, and would be counted.
        reading = float(np.median([cpu_s(inputs) for _ in range(turns)]))
        for batch in resident[:4]:  # compiled, and the threads awake
            step(*batch)
        times = np.array([[cpu_s(epoch), cpu_s(same_steps)] for _ in range(turns)])
        ours, floor = np.median(times, axis=0)
        print(
            f"{dtype}: {1e3 * ours / rows:.2f} CPU ms a sample a step, resident {1e3 * floor / rows:.2f}: "
            f"epoch / resident = {ours / floor:.3f}; input alone {1e6 * reading / rows:.0f} us, "
            f"{100 * reading / floor:.1f} % of the step",
            flush=True,
        )


def accuracy(network: object, head: str, test: Samples) -> float:
    logits = outputs_of(network, test.images, test.audio_features)[head]
    return float((logits.argmax(axis=1) == test.labels).mean())


def truth(names: list[str], seeds: range, rows: int, dropout: float) -> None:
    test, hidden = draw_samples(TESTS, seed=999), draw_hidden(TESTS, seed=999)
    for name in names:
        known = bayes_posteriors(hidden, "both" if name == "emodal" else name).argmax(axis=1)
        best = 100 * float((known == hidden.labels).mean())
        reached = []
        for seed in seeds:
            sides = draw_samples(rows, seed=10 * seed + 1), draw_samples(rows // 6, seed=10 * seed + 2)
            config = FEW_FILTERS.model_copy(update={"seed": seed, "dropout": dropout})
            network = fit(name, *sides, config).network
            by_itself = 100 * accuracy(network, MAIN_HEAD[name], test)
            if name == "emodal":
                calibrate_head_weights(network, sides[1])
            reached.append(100 * accuracy(network, MAIN_HEAD[name], test))
            print(
                f"{name} seed {seed}: {reached[-1]:.1f} (its own softmax alone {by_itself:.1f}), Bayes on these clips "
                f"{best:.1f}",
                flush=True,
            )
        print(
            f"{name:7} Bayes {100 * BAYES_ACCURACY[name]:.1f}, on these clips {best:.1f}; "
            f"mean {np.mean(reached):.1f} +- {np.std(reached):.1f}",
            flush=True,
        )


def cost(sizes: list[int], epochs: int) -> None:
    for rows in sizes:
        train, validation = draw_samples(rows, seed=1), draw_samples(rows // 6, seed=2)
        for name in MAIN_HEAD:
            if name == "audio_recurrent":
                continue
            config = ModelConfig(epochs=epochs, patience=epochs)
            ends: list[float] = []
            fit(
                name,
                train,
                validation,
                config,
                on_epoch=lambda _, ends=ends: ends.append(time.process_time()),
            )
            epoch = float(np.median(np.diff(ends)))  # without the first, in which the step is compiled
            print(
                f"{name}, {rows} samples, {rows // 6} validation clips: {epoch:.2f} CPU s an epoch, "
                f"{1e3 * epoch / rows:.3f} ms a sample",
                flush=True,
            )


def convergence(rows: int, epochs: int) -> None:
    train, validation = draw_samples(rows, seed=1), draw_samples(TESTS // 2, seed=2)
    hidden = draw_hidden(TESTS // 2, seed=2)
    best = float((bayes_posteriors(hidden, "both").argmax(axis=1) == hidden.labels).mean())
    spent: list[float] = []
    config = FEW_FILTERS.model_copy(update={"epochs": epochs, "patience": epochs})
    started = time.process_time()
    fitted = fit(
        "emodal", train, validation, config, on_epoch=lambda _: spent.append(time.process_time() - started)
    )
    reached = [report.validation_accuracy or 0.0 for report in fitted.history]
    end = reached[fitted.best_epoch - 1]
    first = next(number for number, accuracy in enumerate(reached) if accuracy >= 0.99 * end)
    print(
        f"EMODal, {rows} samples: {100 * end:.1f} % of {len(validation)} validation clips at epoch "
        f"{fitted.best_epoch} of {epochs} (Bayes {100 * best:.1f}), {spent[fitted.best_epoch - 1]:.0f} CPU s; "
        f"99 % of that ({99 * end:.1f} %) in epoch {first + 1}, after {spent[first]:.0f} CPU s\n"
        f"by epoch: {' '.join(f'{100 * accuracy:.1f}' for accuracy in reached)}"
    )


def few_labels(seeds: range, labelled: int, unlabelled: int) -> None:
    test = draw_samples(TESTS, seed=999)
    heads = ("both", "audio", "image")
    gains = []
    for seed in seeds:
        train = draw_samples(labelled + unlabelled, seed=10 * seed + 1, labelled=labelled)
        validation = draw_samples(100, seed=10 * seed + 2)
        reached = []
        for weight in (0.0, FEW_FILTERS.common_weight):
            config = FEW_FILTERS.model_copy(update={"seed": seed, "common_weight": weight})
            network = fit("emodal", train, validation, config).network
            reached.append([accuracy(network, head, test) for head in heads])
        gains.append(100 * np.subtract(reached[1], reached[0]))
        without, with_common = (" ".join(f"{100 * a:.1f}" for a in row) for row in reached)
        print(
            f"seed {seed}: both, audio, image without common loss {without}, with it {with_common}",
            flush=True,
        )
    each = " ".join(f"{m:+.1f} +- {d:.1f}" for m, d in zip(np.mean(gains, 0), np.std(gains, 0), strict=True))
    print(f"{labelled} labelled + {unlabelled} unlabelled: gain of the common loss, both audio image {each}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "truth", "few-labels", "cost", "convergence"])
    parser.add_argument("--networks", nargs="+", default=list(BAYES_ACCURACY), help="which ones (truth)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=4000, help="training samples (truth, convergence)")
    parser.add_argument("--epochs", type=int, default=FEW_FILTERS.epochs, help="(cost, convergence)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000], help="training samples (cost)")
    parser.add_argument("--samples", type=int, default=512, help="samples in memory (speed)")
    parser.add_argument("--turns", type=int, default=5, help="epochs measured (speed)")
    parser.add_argument("--precisions", nargs="+", default=["float32", "mixed_bfloat16"], help="(speed)")
    parser.add_argument("--dropout", type=float, default=FEW_FILTERS.dropout, help="(truth)")
    parser.add_argument("--labelled", type=int, default=80)
    parser.add_argument("--unlabelled", type=int, default=1500)
    arguments = parser.parse_args()
    print(machine("tensorflow"))
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    if arguments.what == "speed":
        speed(arguments.samples, arguments.turns, arguments.precisions)
    elif arguments.what == "truth":
        truth(arguments.networks, seeds, arguments.rows, arguments.dropout)
    elif arguments.what == "cost":
        cost(arguments.sizes, arguments.epochs)
    elif arguments.what == "convergence":
        convergence(arguments.rows, arguments.epochs)
    else:
        few_labels(seeds, arguments.labelled, arguments.unlabelled)
