"""The H-score against its closed forms, and the cross-entropies' treatment of missing labels."""

import numpy as np
import pytest

from emodal_model.core.backend import tf
from emodal_model.core.config import ModelConfig
from emodal_model.losses import cross_entropy, h_score, total_loss

RNG = np.random.default_rng(7)


def numpy_h_score(f: np.ndarray, g: np.ndarray) -> float:
    """The definition, with numpy's own covariance."""
    joint = np.cov(f.T, g.T)
    k = f.shape[1]
    return float(np.trace(joint[:k, k:]) - 0.5 * np.trace(joint[:k, :k] @ joint[k:, k:]))


def table_samples(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (x, y), a thousand times as often as the table says: then n - 1 is n for our purposes."""
    x, y = np.indices(counts.shape).reshape(2, -1)
    return np.repeat(x, 1000 * counts.ravel()), np.repeat(y, 1000 * counts.ravel())


def singular_values(counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """B = (P - Px Py) / sqrt(Px Py), its SVD (u, s, v), and the margins Px, Py."""
    p = counts / counts.sum()
    px, py = p.sum(axis=1), p.sum(axis=0)
    b = (p - np.outer(px, py)) / np.sqrt(np.outer(px, py))
    u, s, vt = np.linalg.svd(b)
    return b, u, s, vt.T, px, py


def test_h_score_is_the_trace_formula_of_the_sample_covariances() -> None:
    f, g = RNG.standard_normal((50, 10)), RNG.standard_normal((50, 10))
    assert float(h_score(f, g)) == pytest.approx(numpy_h_score(f, g), abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_on_a_discrete_table_the_optimal_features_score_half_the_squared_singular_values(k: int) -> None:
    counts = RNG.integers(1, 30, (4, 5))
    _, u, s, v, px, py = singular_values(counts)
    x, y = table_samples(counts)
    f = (u[:, :k] * np.sqrt(s[:k] / px[:, None]))[x]
    g = (v[:, :k] * np.sqrt(s[:k] / py[:, None]))[y]
    assert float(h_score(f, g)) == pytest.approx(0.5 * (s[:k] ** 2).sum(), abs=1e-5)


def test_on_a_discrete_table_any_features_score_what_the_matrix_identity_says() -> None:
    counts = RNG.integers(1, 30, (4, 5))
    b, _, _, _, px, py = singular_values(counts)
    f_of, g_of = RNG.standard_normal((4, 3)), RNG.standard_normal((5, 3))
    f_of, g_of = f_of - px @ f_of, g_of - py @ g_of
    phi, psi = f_of * np.sqrt(px)[:, None], g_of * np.sqrt(py)[:, None]
    identity = 0.5 * ((b**2).sum() - ((b - phi @ psi.T) ** 2).sum())
    x, y = table_samples(counts)
    assert float(h_score(f_of[x], g_of[y])) == pytest.approx(identity, abs=1e-4)


def test_gradient_ascent_over_linear_maps_reaches_half_the_squared_canonical_correlations() -> None:
    n = 200
    shared = RNG.standard_normal((n, 2))
    x = np.hstack([shared + 0.5 * RNG.standard_normal((n, 2)), RNG.standard_normal((n, 1))])
    y = np.hstack([shared + 0.8 * RNG.standard_normal((n, 2)), RNG.standard_normal((n, 2))])
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    canonical = np.linalg.svd(qx.T @ qy, compute_uv=False)
    a, b = tf.Variable(RNG.standard_normal((3, 3)) * 0.3), tf.Variable(RNG.standard_normal((4, 3)) * 0.3)
    xs, ys = tf.constant(qx * np.sqrt(n - 1)), tf.constant(qy * np.sqrt(n - 1))

    @tf.function
    def ascend() -> object:
        with tf.GradientTape() as tape:
            score = h_score(xs @ a, ys @ b)
        for variable, gradient in zip((a, b), tape.gradient(score, (a, b)), strict=True):
            variable.assign_add(0.2 * gradient)
        return score

    for _ in range(1500):
        score = ascend()
    assert float(score) == pytest.approx(0.5 * (canonical**2).sum(), abs=1e-9)


def test_gradient_equals_finite_differences() -> None:
    f, g = tf.Variable(RNG.standard_normal((6, 2))), RNG.standard_normal((6, 2))
    with tf.GradientTape() as tape:
        score = h_score(f, g)
    gradient = np.asarray(tape.gradient(score, f))
    step = 1e-6
    for index in np.ndindex(6, 2):
        nudge = np.zeros((6, 2))
        nudge[index] = step
        slope = (numpy_h_score(f.numpy() + nudge, g) - numpy_h_score(f.numpy() - nudge, g)) / (2 * step)
        assert gradient[index] == pytest.approx(slope, abs=1e-7)


def test_a_batch_of_one_and_an_empty_batch_score_zero_with_finite_gradients() -> None:
    for m in (0, 1):
        f = tf.Variable(np.ones((m, 10), np.float32))
        with tf.GradientTape() as tape:
            score = h_score(f, np.ones((m, 10), np.float32))
        assert float(score) == 0.0
        assert np.isfinite(np.asarray(tape.gradient(score, f))).all()


def test_constant_features_score_zero() -> None:
    assert float(h_score(np.full((8, 3), 5.0), RNG.standard_normal((8, 3)))) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_features_are_scored_in_float32(dtype: object) -> None:
    # 300 squared and summed exceeds float16's largest number, 65504.
    f, g = 300 * RNG.standard_normal((64, 4)), 300 * RNG.standard_normal((64, 4))
    score = h_score(tf.cast(f, dtype), tf.cast(g, dtype))
    assert score.dtype == tf.float32
    assert np.isfinite(float(score))
    assert float(score) == pytest.approx(numpy_h_score(f, g), rel=0.05)


def test_h_score_does_not_change_when_a_constant_is_added() -> None:
    f, g = RNG.standard_normal((30, 4)), RNG.standard_normal((30, 4))
    assert float(h_score(f + 100.0, g - 7.0)) == pytest.approx(float(h_score(f, g)), abs=1e-10)


def test_cross_entropy_is_the_mean_over_labelled_samples_only() -> None:
    logits = np.log(
        np.array([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25], [0.1, 0.1, 0.1, 0.7]], np.float32)
    )
    labels = np.array([0, -1, 3])
    weights = np.ones(3, np.float32)
    assert float(cross_entropy(logits, labels, weights)) == pytest.approx(-np.log(0.7), abs=1e-6)
    assert float(cross_entropy(logits, np.full(3, -1), weights)) == 0.0


def test_total_loss_adds_the_four_losses_with_their_weights() -> None:
    config = ModelConfig(common_weight=2.0, classify_weight=3.0, audio_weight=5.0, image_weight=7.0)
    outputs = {
        name: RNG.standard_normal((9, 4)).astype(np.float32)
        for name in ("both", "audio", "image", "audio_code", "image_code")
    }
    labels, ones = RNG.integers(-1, 4, 9), np.ones(9, np.float32)
    parts = {head: float(cross_entropy(outputs[head], labels, ones)) for head in ("both", "audio", "image")}
    common = -float(h_score(outputs["audio_code"], outputs["image_code"]))
    total = float(total_loss(outputs, labels, np.ones(4, np.float32), config))
    assert total == pytest.approx(
        2 * common + 3 * parts["both"] + 5 * parts["audio"] + 7 * parts["image"], rel=1e-5
    )


def test_an_unlabelled_batch_still_trains_the_common_loss() -> None:
    codes = {name: tf.Variable(RNG.standard_normal((8, 3)).astype(np.float32)) for name in ("a", "i")}
    labels = np.full(8, -1)
    with tf.GradientTape() as tape:
        outputs = {"both": tf.concat([codes["a"], codes["i"]], 1)[:, :4]}
        outputs |= {"audio_code": codes["a"], "image_code": codes["i"]}
        config = ModelConfig(common_weight=0.7)
        loss = total_loss(outputs, labels, np.ones(4, np.float32), config)
    gradient = tape.gradient(loss, codes["a"])
    assert float(loss) == pytest.approx(-0.7 * float(h_score(codes["a"], codes["i"])), abs=1e-6)
    assert np.abs(np.asarray(gradient)).max() > 1e-3
