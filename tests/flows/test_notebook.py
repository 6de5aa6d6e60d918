"""examples/explore_dataset.ipynb runs from top to bottom, and is stored without outputs."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.offline import hear_calls
from tests.published import written

nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed (extra notebook)")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (extra notebook)")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "explore_dataset.ipynb"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook after a run on a small dataset, with an epoch of one small network, and calls to others."""
    here = tmp_path_factory.mktemp("notebook")
    written(here, "dataset")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    settings = notebook.cells[1]
    settings.source = settings.source.replace("../demo/build/dataset", "dataset").replace("= 5", "= 1")
    (training,) = [cell for cell in notebook.cells if "epochs=EPOCHS" in cell.source]
    training.source = training.source.replace("=EPOCHS", "=EPOCHS, members=1, filters=(2, 2, 2)")
    # The kernel is this Python, and finds the packages where this one does.
    notebook.cells.insert(0, nbformat.v4.new_code_cell(f"import sys; sys.path[:] = {sys.path!r}"))
    with pytest.MonkeyPatch.context() as patch:
        calls = hear_calls(here, patch)
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        patch.setenv("IPYTHONDIR", str(here / "ipython"))
        patch.setenv("HF_DATASETS_CACHE", str(here / "cache"))
        client = nbclient.NotebookClient(notebook, timeout=250, resources={"metadata": {"path": str(here)}})
        client.execute()
    notebook.calls = calls.read_text()
    return notebook


def text_of(notebook: Any, word: str) -> str:
    """What the cell with this word printed or showed."""
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and word in cell.source)
    return "".join(output.get("text") or output["data"].get("text/plain", "") for output in cell.outputs)


def test_it_is_stored_without_outputs() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


def test_it_shows_the_samples_the_faces_and_what_was_dropped(run: Any) -> None:
    assert "f1.mp4" in text_of(run, "unstack")
    assert text_of(run, "value_counts").startswith("18 of 20 rows kept")
    pictures = [
        output
        for cell in run.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2


def test_nothing_leaves_the_machine(run: Any) -> None:
    assert run.calls == ""


def test_it_loads_with_datasets_and_trains(run: Any) -> None:
    assert "num_rows: 42" in text_of(run, "load_dataset")
    assert "(128, 128) 68" in text_of(run, "load_dataset")
    assert "accuracy" in text_of(run, "format_report")
    assert "truth" in text_of(run, "model.predict")
