"""How much EMODal's answer listens to each of its softmaxes, found on clips that were not learnt from.

A branch that knows its speakers by heart is believed too much by the softmax on both: to new ones it answers as loudly,
and wrongly. The softmaxes on one modality alone know nothing of the other's mistakes.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize

from emodal_model.data.samples import Samples
from emodal_model.evaluation.scores import best_temperature, cross_entropy, softmax
from emodal_model.network.forward import outputs_of

#: The softmaxes, in the order of their weights: on both, on each modality alone.
HEADS = ("both", "audio", "image")
#: What is believed before any clip is seen, the poster's answer; and how far from it a few clips may lead.
BEFORE, PRIOR = np.array([1.0, 0.0, 0.0]), 0.5


def balance(network: Any, validation: Samples) -> dict[str, float]:
    """Let the softmax on both answer the sum of all three' logits, weighted so that the labels get most probable.

    network: EMODal's, of logits; nothing but that layer's weights is changed: all three are linear in the same codes.
    validation: labelled samples. Returns the weight (>= 0) of each one's calibrated logits, which have a normal prior;
    without samples those of the prior, and nothing is changed.
    """
    if len(validation) == 0:
        return dict(zip(HEADS, BEFORE.tolist(), strict=True))
    outputs, labels = outputs_of(network, validation.images, validation.audio_features), validation.labels
    temperatures = np.array([best_temperature(outputs[head], labels) for head in HEADS])
    logits = np.stack([outputs[head] for head in HEADS]) / temperatures[:, None, None]

    def penalty(weights: np.ndarray) -> float:
        fit = len(labels) * cross_entropy(softmax(np.tensordot(weights, logits, 1)), labels)
        return float(fit + 0.5 * (((weights - BEFORE) / PRIOR) ** 2).sum())

    found = minimize(penalty, BEFORE, bounds=[(0.0, None)] * len(HEADS))
    both, audio, image = (
        [weight * part for part in network.get_layer(f"{head}_logits").get_weights()]
        for head, weight in zip(HEADS, found.x / temperatures, strict=True)
    )
    alone = np.concatenate([audio[0], image[0]])  # as the codes come in
    network.get_layer("both_logits").set_weights([both[0] + alone, both[1] + audio[1] + image[1]])
    return dict(zip(HEADS, found.x.tolist(), strict=True))
