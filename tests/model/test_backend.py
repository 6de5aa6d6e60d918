"""Which arithmetic a machine is trained in."""

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from emodal_model.core import backend


@pytest.mark.parametrize(
    ("wanted", "gpus", "cpu", "chosen"),
    [
        ("auto", [], False, "float32"),
        ("auto", [], True, "mixed_bfloat16"),
        ("auto", ["GPU:0"], False, "mixed_bfloat16"),
        ("float32", ["GPU:0"], True, "float32"),
        ("bfloat16", [], False, "mixed_bfloat16"),
    ],
)
def test_bfloat16_is_chosen_where_it_is_wanted_or_quick(
    monkeypatch: pytest.MonkeyPatch, wanted: str, gpus: list[str], cpu: bool, chosen: str
) -> None:
    monkeypatch.setattr(backend.tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(backend, "_cpu_multiplies_bfloat16", lambda: cpu)
    assert backend.choose_precision(wanted) == chosen


def test_the_import_is_quiet_loads_no_plots_and_leaves_the_environment_as_it_was() -> None:
    code = (
        "import os, sys; before = {**os.environ}; import emodal_model.core.backend as b; b.tf.ones(2) + 1; "
        "print(b.keras.backend.backend(), {n for n in os.environ if n.startswith(('KERAS', 'TF_CPP'))} - {*before});"
        "print({'matplotlib', 'sklearn'} & {*sys.modules}); import matplotlib, sklearn"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("tensorflow set()\nset()\n", "")


def test_without_tensorflow_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from emodal_model.core.errors import ModelInputError\n"
        "try:\n    import emodal_model.core.backend\nexcept ModelInputError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "networks need TensorFlow: pip install tensorflow\n"


def test_packages_are_hidden_from_the_importing_thread_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tabnanny", raising=False)
    with closing(backend._Hidden("tabnanny")), ThreadPoolExecutor(1) as other:
        with pytest.raises(ModuleNotFoundError, match="No module named 'tabnanny'"):
            importlib.import_module("tabnanny")
        assert other.submit(importlib.import_module, "tabnanny").result().__name__ == "tabnanny"
        assert importlib.import_module("tabnanny") is sys.modules["tabnanny"]
    assert not any(isinstance(finder, backend._Hidden) for finder in sys.meta_path)
