"""Calibration of EMODal's head weights: the share of each softmax in the answer, fitted on validation clips.

The softmax on both modalities relies too much on a branch that overfits its training speakers: on new speakers that
branch is as confident, and wrong. The softmaxes on one modality do not have this weakness.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize

from emodal_model.data.samples import Samples
from emodal_model.evaluation.scores import best_temperature, cross_entropy, softmax
from emodal_model.network.forward import outputs_of

#: The heads in the order of their weights: on both modalities, on audio, on image.
HEADS = ("both", "audio", "image")
#: Mean and standard deviation of the normal prior of the weights; the mean is the poster's answer.
PRIOR_MEAN, PRIOR_STD = (1.0, 0.0, 0.0), 0.5


def calibrate_head_weights(network: Any, validation: Samples) -> dict[str, float]:
    """Make the head on both modalities answer with a weighted sum of the three heads' calibrated logits.

    The weights (>= 0, with a normal prior) make the validation labels most probable. All heads are linear in the same
    codes, so only the weights of that head's layer change.
    network: EMODal with logits, changed in place. validation: labelled samples; those with both modalities count.
    Returns the weight of each head; without samples the mean of the prior, and the network stays as it is.
    """
    prior = np.array(PRIOR_MEAN)
    if not validation.having("both").all():
        validation = validation.take(validation.having("both"))
    if len(validation) == 0:
        return dict(zip(HEADS, PRIOR_MEAN, strict=True))
    outputs, labels = outputs_of(network, validation.images, validation.audio_features), validation.labels
    temperatures = np.array([best_temperature(outputs[head], labels) for head in HEADS])
    logits = np.stack([outputs[head] for head in HEADS]) / temperatures[:, None, None]

    def penalty(weights: np.ndarray) -> float:
        fit = len(labels) * cross_entropy(softmax(np.tensordot(weights, logits, 1)), labels)
        return float(fit + 0.5 * (((weights - prior) / PRIOR_STD) ** 2).sum())

    found = minimize(penalty, prior, bounds=[(0.0, None)] * len(HEADS))
    both, audio, image = (
        [weight * part for part in network.get_layer(f"{head}_logits").get_weights()]
        for head, weight in zip(HEADS, found.x / temperatures, strict=True)
    )
    alone = np.concatenate([audio[0], image[0]])  # in the order in which the codes are concatenated
    network.get_layer("both_logits").set_weights([both[0] + alone, both[1] + audio[1] + image[1]])
    return dict(zip(HEADS, found.x.tolist(), strict=True))
