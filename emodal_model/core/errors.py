"""The exceptions of this package. Errors of TensorFlow and Arrow are raised as these, with their cause.

ModelError
├── ModelInputError    the dataset, the model file or an argument is wrong: nothing was done, exit code 2
└── ModelWorkError     training or writing failed although the input was fine: exit code 1
"""

from typing import ClassVar


class ModelError(Exception):
    """Base of the exceptions of this package. The message is one line that says what to do."""

    exit_code: ClassVar[int] = 1


class ModelInputError(ModelError):
    """The dataset, the model file or an argument cannot be used."""

    exit_code: ClassVar[int] = 2


class ModelWorkError(ModelError):
    """The work failed: the disk is full, memory is short, or training diverged."""
