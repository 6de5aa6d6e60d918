"""How much each modality may say in the softmax on both, found on clips that were not learnt from.

A branch that knows its speakers by heart is listened to too much: to new ones it answers as loudly, and wrongly.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize

from emodal_model.fitting import outputs_of
from emodal_model.input import Samples
from emodal_model.scores import cross_entropy, softmax

#: In the order in which the softmax on both reads their codes.
MODALITIES = ("audio", "image")
#: Deviation of the normal prior of a scale's logarithm: a few clips cannot silence a modality.
PRIOR = 0.5


def balance(network: Any, validation: Samples) -> dict[str, float]:
    """Scale the weights by which EMODal's softmax on both reads each code, so that the labels get most probable.

    network: of logits; nothing but that layer's weights is changed. validation: labelled samples. Returns the scale
    of each modality; without samples 1, and nothing is changed.
    """
    if len(validation) == 0:
        return dict.fromkeys(MODALITIES, 1.0)
    layer = network.get_layer("both_logits")
    kernel, bias = layer.get_weights()
    outputs = outputs_of(network, validation.images, validation.audio_features)
    rows = np.split(kernel, len(MODALITIES))
    parts = [outputs[f"{name}_code"] @ part for name, part in zip(MODALITIES, rows, strict=True)]

    def penalty(log_scales: np.ndarray) -> float:
        logits = np.tensordot(np.exp(log_scales), parts, 1) + bias
        fit = len(validation) * cross_entropy(softmax(logits), validation.labels)
        return float(fit + 0.5 * ((log_scales / PRIOR) ** 2).sum())

    found = minimize(penalty, np.zeros(len(MODALITIES)), method="Nelder-Mead")
    scales = np.exp(found.x)
    scaled = np.concatenate([scale * part for scale, part in zip(scales, rows, strict=True)])
    layer.set_weights([scaled, bias])
    return dict(zip(MODALITIES, map(float, scales), strict=True))
