"""The optimizer against that of Keras."""

import numpy as np

from emodal_model.core.backend import keras, tf
from emodal_model.training.adam import Adam


def test_steps_are_those_of_adam_in_keras_to_the_bit() -> None:
    draw = np.random.default_rng(0)
    shapes = [(3, 3, 1, 2), (68, 128), (128,), (1,)]
    ours, theirs = ([keras.Variable(np.ones(shape, np.float32)) for shape in shapes] for _ in range(2))
    adam, reference = Adam(ours), keras.optimizers.Adam(1.0)
    for rate in (0.002, 0.001, 0.0003):
        gradients = [tf.constant(draw.normal(0.0, 0.01, shape).astype(np.float32)) for shape in shapes]
        adam.learning_rate.assign(rate)
        reference.learning_rate = rate
        adam.apply(gradients)
        reference.apply(gradients, theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert (np.asarray(one) < 1.0).any()
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
