"""What the report shows of a training outlives the next build, and is no part of what the manifest names."""

import json
from pathlib import Path
from typing import Any

from emodal_data.core.config import DatasetConfig
from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.integrity import TRAINING_SCRIPT, wrong_files
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.report.training import write_training
from tests.published import planned, publish

ANSWER = {"label": "sad", "answer": "happy", "doubt": 0.5, "is_suspect": True}


def shown(dataset: Path) -> dict[str, Any]:
    text = (dataset / TRAINING_SCRIPT).read_text()
    value: dict[str, Any] = json.loads(
        text.removeprefix('emodal.receive("training",').removesuffix(",null);\n")
    )
    return value


def test_a_dataset_with_the_answers_of_a_training_is_still_as_it_was_published(tmp_path: Path) -> None:
    dataset = publish(planned(tmp_path / "clips"), tmp_path / "dataset", DatasetConfig())
    assert shown(dataset) == {"answers": {}, "dataset_hash": None, "report": None}
    write_training(dataset, "../../model/report/index.html", {"c0000": ANSWER}, "a" * 64)
    assert shown(dataset)["answers"] == {"c0000": ANSWER}
    assert wrong_files(dataset, read_manifest(dataset)) == []
    assert verify_dataset(dataset) == []


def test_a_rebuild_keeps_the_answers_for_the_clips_that_are_still_there(tmp_path: Path) -> None:
    plan = planned(tmp_path / "clips")
    dataset = publish(plan, tmp_path / "dataset", DatasetConfig())
    write_training(dataset, "../../model/report/index.html", {"c0000": ANSWER, "gone": ANSWER}, "a" * 64)
    again = publish(plan, tmp_path / "again", DatasetConfig(), before=dataset)
    assert shown(again) == {
        "answers": {"c0000": ANSWER},
        "dataset_hash": "a" * 64,
        "report": "../../model/report/index.html",
    }


def test_a_training_without_folds_changes_the_link_alone(tmp_path: Path) -> None:
    dataset = publish(planned(tmp_path / "clips"), tmp_path / "dataset", DatasetConfig())
    write_training(dataset, "old.html", {"c0000": ANSWER}, "a" * 64)
    write_training(dataset, "new.html")
    assert shown(dataset) == {"answers": {"c0000": ANSWER}, "dataset_hash": "a" * 64, "report": "new.html"}
