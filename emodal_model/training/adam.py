"""Adam, the optimizer of the training steps, on all weights as one vector."""

from collections.abc import Sequence
from typing import Any

from emodal_model.core.backend import tf


class Adam:
    """Adam (Kingma and Ba, ICLR 2015), with the arithmetic of Keras' Adam: the weights are the same to the bit.

    Keras builds some thirty operations for each variable, and building them is most of a short training. Here each
    variable has four, and the moments of all are two vectors.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self.trained = list(variables)
        self._sizes = [variable.shape.num_elements() for variable in (v.value for v in self.trained)]
        self.learning_rate = tf.Variable(0.0, trainable=False)
        self._steps = tf.Variable(0, trainable=False, dtype=tf.int64)
        self._mean = tf.Variable(tf.zeros(sum(self._sizes)), trainable=False)
        self._square = tf.Variable(tf.zeros(sum(self._sizes)), trainable=False)

    @property
    def state(self) -> list[Any]:
        """The variables from which a training resumes: steps, first and second moments."""
        return [self._steps, self._mean, self._square]

    def apply(self, gradients: Sequence[Any]) -> None:
        """Change the variables by one step. gradients: of the variables, in order."""
        steps = tf.cast(self._steps.assign_add(1), tf.float32)
        rate = self.learning_rate * tf.sqrt(1 - tf.pow(0.999, steps)) / (1 - tf.pow(0.9, steps))
        gradient = tf.concat([tf.reshape(each, [-1]) for each in gradients], axis=0)
        mean = self._mean.assign_add((gradient - self._mean) * (1 - 0.9))
        square = self._square.assign_add((tf.square(gradient) - self._square) * (1 - 0.999))
        changes = tf.split(mean * rate / (tf.sqrt(square) + 1e-7), self._sizes)
        for variable, change in zip(self.trained, changes, strict=True):
            variable.value.assign_sub(tf.reshape(change, variable.shape))
