"""The exception family of the model room. TensorFlow's and Arrow's errors are turned into these, cause kept.

ModelError
├── ModelInputError    dataset, model file or arguments are wrong: nothing was done, exit code 2
└── ModelWorkError     training or writing failed although the input was fine: exit code 1
"""

from typing import ClassVar


class ModelError(Exception):
    """Base of everything this package raises on purpose. The message is one line that says what to do."""

    exit_code: ClassVar[int] = 1


class ModelInputError(ModelError):
    """The dataset, the model file or an argument cannot be used."""

    exit_code: ClassVar[int] = 2


class ModelWorkError(ModelError):
    """The work failed: disk full, not enough memory, training diverged."""
