"""The four losses of EMODal: the common loss (minus the H-score) and three cross-entropies; squared errors of targets.

All are computed in float32 or float64, because the covariance of float16 features overflows to NaN.
"""

from typing import Any

from emodal_model.core.backend import tf
from emodal_model.core.config import ModelConfig


def h_score(f: Any, g: Any) -> Any:
    """H-score of two features of the same samples: E[f~ . g~] - 1/2 tr(cov f cov g), f~ and g~ centred.

    f, g: (m, k) arrays or tensors. Returns a scalar tensor, float64 for float64 input, else float32.
    Covariances are sample covariances (m - 1 degrees of freedom); one sample, or none, scores 0. The maximum over f
    and g is half the sum of the k largest squared maximal correlations (Wang et al., Soft-HGR, AAAI 2019).
    The score is not additive over parts of a batch: gather f and g of all replicas first.
    """
    f, g = tf.convert_to_tensor(f), tf.convert_to_tensor(g)
    dtype = tf.float64 if tf.float64 in (f.dtype, g.dtype) else tf.float32
    f, g = tf.cast(f, dtype), tf.cast(g, dtype)
    m = tf.cast(tf.shape(f)[0], dtype)
    f = f - tf.reduce_sum(f, axis=0) / tf.maximum(m, 1)
    g = g - tf.reduce_sum(g, axis=0) / tf.maximum(m, 1)
    degrees = tf.maximum(m - 1, 1)
    cov_f = tf.matmul(f, f, transpose_a=True) / degrees
    cov_g = tf.matmul(g, g, transpose_a=True) / degrees
    return tf.reduce_sum(f * g) / degrees - 0.5 * tf.reduce_sum(cov_f * cov_g)


def cross_entropy(logits: Any, labels: Any, weights: Any) -> Any:
    """Weighted mean cross-entropy of the samples that have a label.

    logits: (m, classes). labels: (m,) int64, -1 if unlabelled. weights: (m,) float32.
    Returns a float32 scalar; 0 if no sample of the batch has a label.
    """
    labelled = tf.cast(labels >= 0, tf.float32) * weights
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), tf.cast(logits, tf.float32))
    return tf.reduce_sum(each * labelled) / tf.maximum(tf.reduce_sum(labelled), 1e-6)


def squared_error(values: Any, targets: Any, target_std: Any, rows: Any = None) -> Any:
    """Mean squared error of the known targets, in units of their variance; 0 if none is known.

    values, targets: (m, t) float32, NaN for an unknown target. rows: (m,) bool, the samples that count; None: all.
    """
    known = ~tf.math.is_nan(targets)
    if rows is not None:
        known &= rows[:, None]
    # Replaced before the difference: the gradient of a NaN that is masked afterwards is NaN.
    error = tf.where(known, (values - tf.where(known, targets, 0.0)) * (1.0 / target_std), 0.0)
    return tf.reduce_sum(error**2) / tf.maximum(tf.reduce_sum(tf.cast(known, tf.float32)), 1.0)


def total_loss(
    outputs: dict[str, Any],
    labels: Any,
    class_weights: Any,
    config: ModelConfig,
    present: Any = None,
    targets: Any = None,
    target_std: Any = None,
) -> Any:
    """The weighted sum of the losses that apply to the network's outputs, a float32 scalar.

    outputs: logits of each head, none without classes, and, for EMODal, the two codes. Unlabelled samples count only in
    the common loss. class_weights: (classes,) float32, applied to the cross-entropies. present: (m, 2) bool, whether a
    sample has sound and an image; None: all have both. A sample without the inputs of a head is not in its loss.
    targets: (m, t) float32, NaN where unknown, with target_std, (t,); None: the network has no values to learn.
    """
    head_weights = {
        "both": config.classify_weight,
        "audio": config.audio_weight,
        "image": config.image_weight,
    }
    heads = [name for name in head_weights if name in outputs or f"{name}_values" in outputs]
    has = {}
    if present is not None:
        has = {"audio": present[:, 0], "image": present[:, 1], "both": tf.reduce_all(present, axis=1)}
    loss = tf.constant(0.0)
    for name in heads:
        # The loss of a single head is not weighted.
        weight = head_weights[name] if len(heads) > 1 else 1.0
        if name in outputs:
            counted = tf.gather(class_weights, tf.maximum(labels, 0))
            counted = counted * tf.cast(has[name], tf.float32) if has else counted
            loss += weight * cross_entropy(outputs[name], labels, counted)
        if targets is not None:
            error = squared_error(outputs[f"{name}_values"], targets, target_std, has.get(name))
            loss += weight * config.target_weight * error
    if "audio_code" in outputs and "image_code" in outputs:
        codes = [outputs["audio_code"], outputs["image_code"]]
        if has:
            codes = [tf.boolean_mask(code, has["both"]) for code in codes]
        loss -= config.common_weight * h_score(*codes)
    return loss
