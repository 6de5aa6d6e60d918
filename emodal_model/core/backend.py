"""TensorFlow and Keras, imported in one place and without their log lines; the precision; repeatable runs.

The import takes seconds: import this module only where a network is built or run.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from threading import get_ident
from typing import Literal

from emodal_model.core.errors import ModelInputError


@contextmanager
def _environment(**defaults: str) -> Iterator[None]:
    """Set environment variables that are not set yet; remove them again at the end."""
    new = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextmanager
def without_stderr() -> Iterator[None]:
    """Discard what the process writes to standard error. TensorFlow logs lines that no log level silences."""
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


class _Hidden(MetaPathFinder):
    """Hides packages from the thread that makes it, as if they were not installed, until it closes."""

    def __init__(self, *packages: str) -> None:
        self._packages, self._thread = packages, get_ident()
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, *_: object) -> None:
        """Raise ModuleNotFoundError for what is hidden; it is not asked for packages that are imported already."""
        if name in self._packages and get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def close(self) -> None:
        """Hide nothing more."""
        sys.meta_path.remove(self)


# Both read these variables once, when they are imported; programs that this process starts do not inherit them.
# Keras imports matplotlib and scikit-learn, if it can, for parts that nobody here uses; that is a quarter of the start.
with (
    _environment(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3"),
    closing(_Hidden("matplotlib", "sklearn")),
    without_stderr(),
):
    try:
        import keras
        import tensorflow as tf
    except ImportError as error:
        raise ModelInputError("networks need TensorFlow: pip install tensorflow") from error

    tf.get_logger().setLevel("ERROR")
    for _gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(_gpu, True)

__all__ = ["choose_precision", "keras", "repeatable", "tf", "without_stderr"]

Precision = Literal["float32", "mixed_bfloat16"]


def choose_precision(wanted: Literal["auto", "float32", "bfloat16"]) -> Precision:
    """The Keras dtype policy for a setting.

    "auto" is bfloat16 on a GPU and on a CPU with bfloat16 instructions (AMX, AVX-512 BF16): a step then takes 0.6 of
    its time in float32.
    """
    if wanted == "auto":
        return (
            "mixed_bfloat16"
            if tf.config.list_physical_devices("GPU") or _cpu_multiplies_bfloat16()
            else "float32"
        )
    return "mixed_bfloat16" if wanted == "bfloat16" else "float32"


def repeatable(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and choose kernels whose sums do not depend on thread timing."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def _cpu_multiplies_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
