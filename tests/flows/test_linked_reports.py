"""The report of a dataset learns of the trainings on it."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import emodal
from emodal_data.core.label_words import PRESETS
from emodal_data.dataset.integrity import TRAINING_SCRIPT
from emodal_data.presentation.report.colours import class_colours
from emodal_model.data.synthetic import draw_samples
from emodal_model.report.palette import class_colours as colours_of_the_training
from tests.model.conftest import write_dataset

TINY = {"name": "audio", "epochs": 1, "members": 1, "filters": (2, 2, 4), "image_dense": 8}


def test_training_with_folds_puts_its_answers_and_its_address_into_the_report_of_the_dataset(
    tmp_path: Path,
) -> None:
    dataset, out = tmp_path / "build" / "dataset", tmp_path / "build" / "model"
    write_dataset(dataset, {"dataset_hash": "d" * 64}, train=draw_samples(40, 1), test=draw_samples(10, 2))
    for path in (dataset / "data").glob("train-*"):
        table = pq.read_table(path)
        numbers = [int(film.split()[1]) % 2 for film in table["film"].to_pylist()]
        pq.write_table(table.append_column("fold", pa.array(numbers, pa.int32())), path)

    emodal.train(dataset, out, **TINY)
    assert not (dataset / TRAINING_SCRIPT).exists()  # there is no report that could show it

    (dataset / "report").mkdir()
    (dataset / "report" / "index.html").touch()
    emodal.train(dataset, out, folds=True, **TINY)
    text = (dataset / TRAINING_SCRIPT).read_text()
    shown = json.loads(text.removeprefix('emodal.receive("training",').removesuffix(",null);\n"))
    assert (dataset / "report" / shown["report"]).resolve() == (out / "report" / "index.html").resolve()
    assert shown["dataset_hash"] == "d" * 64
    assert sorted(shown["answers"]) == sorted(
        [*(f"1-{i}" for i in range(40)), *(f"2-{i}" for i in range(10))]
    )
    first = shown["answers"]["1-0"]
    assert set(first) == {"label", "label_probability", "answer", "answer_probability", "doubt", "is_suspect"}
    assert first["is_suspect"] in (True, False)
    page = (out / "report" / "index.html").read_text()
    assert '<a href="../../dataset/report/index.html">its report</a>' in page
    linked = re.findall(r'href="\.\./\.\./dataset/report/index\.html#clip=([^"]+)"', page)
    assert linked and all(clip_id.startswith("2-") for clip_id in linked)  # mistakes on the test split


@pytest.mark.parametrize(
    "labels",
    [
        *(preset.classes for preset in PRESETS.values()),
        ("Sad", " FEAR ", "pride"),
        tuple(f"c{n}" for n in range(64)),
    ],
)
def test_a_class_has_the_same_colour_in_both_reports(labels: tuple[str, ...]) -> None:
    expected = class_colours(labels)
    del expected["unlabelled"]
    assert colours_of_the_training(labels) == expected
