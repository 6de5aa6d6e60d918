"""The README of a model folder: true numbers, limits and what it must not be used for."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emodal_model.core.config import ModelConfig
from emodal_model.data.contract import LABELS
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.scores import score
from emodal_model.report.card import changed_settings, model_card
from emodal_model.training.train import train
from tests.model.conftest import write_dataset
from tests.model.test_scores import POSTER, predictions

ABOUT = {
    "clips": {"reel_size": 32},
    "face": {"weights": "/home/anna"},
    "audio": {"window_s": 0.05, "none": None},
}


def metrics_of(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    side = {"clips": 9, "samples": 27, "classes": {"angry": 3, "happy": 2, "neutral": 3, "sad": 1}}
    films = {"by_film": {"a`b\n.mp4": {"n": 3, "accuracy": 0.25}, "z.mkv": {"n": 3, "accuracy": 0.75}}}
    return {
        "networks": {"emodal": score(probabilities, labels, LABELS) | films},
        "training": {
            "emodal": {
                "best_epoch": 7,
                "epochs": 9,
                "parameters": 11,
                "fusion": {"both": 0.64, "audio": 0.0, "image": 0.66},
                "temperatures": {"both": 1.25},
            }
        },
        "dataset": {"hash": "abc", "fit": side, "validation": side, "test": side, "unlabelled": side},
        "validation": {"group_by": "speaker", "note": "too few groups by film"},
        "config": ModelConfig(seed=3).model_dump(mode="json"),
        "versions": {"python": "3.11"},
    }


def test_the_card_gives_the_weights_of_the_heads() -> None:
    card = model_card("model", metrics_of(*predictions(POSTER)), ABOUT, "film")
    assert "with weights fitted on the same clips: both 0.64, audio 0.00, image 0.66.\n" in card


def test_the_posters_numbers_come_out_as_the_poster_has_them() -> None:
    card = model_card("model", metrics_of(*predictions(POSTER)), ABOUT, "film")
    assert "Of 615 test clips, 66.0 % are classified correctly (95 % interval: 62.2 to 69.6 %)" in card
    assert re.search(
        r"\| angry \| 152 \| 69\.7 \(62\.0 to 76\.5\) \| 69\.7 \| 8\.6 \| 9\.2 \| 12\.5 \|", card
    )
    assert "| audio+image (EMODal) | 615 | 66.0 | 62.2 to 69.6 | 65.7 | 65.6 |" in card


def test_the_card_has_intended_use_training_data_and_prohibited_use() -> None:
    card = model_card("model", metrics_of(*predictions(POSTER)), ABOUT, "film")
    assert "Article 5(1)(f)" in card and "## Not intended" in card and "## Limits" in card
    assert "Dataset `abc`" in card and "| training | 9 | 27 | 3 | 2 | 3 | 1 |" in card
    assert "held out by speaker (too few groups by film)" in card and "split by film" in card
    assert "face:  not recorded" in card and "audio: window_s=0.05\n" in card
    assert "from 25.0 % (`a'b .mp4`) to 75.0 % (`z.mkv`)" in card
    assert "both 1.25" in card
    assert "emodal train DATASET --out model --set seed=3\n" in card


def test_the_card_has_the_spread_over_seeds() -> None:
    spread = {"accuracy": [0.5, 0.75, None], "mean": 0.625, "sd": 0.176777}
    metrics = metrics_of(*predictions(POSTER)) | {
        "repeats": {"by": "seed", "keys": [0, 1, 2], "networks": {"emodal": spread}}
    }
    card = model_card("model", metrics, ABOUT, "film")
    assert "Accuracy % over 3 seeds" in card
    assert "| audio+image (EMODal) | 62.5 | 17.7 | 50.0 75.0 - |" in card
    assert "seeds, each trained separately" not in model_card(
        "model", metrics_of(*predictions(POSTER)), ABOUT, "film"
    )


def test_without_test_clips_the_card_has_no_scores() -> None:
    card = model_card("model", metrics_of(np.empty((0, 4)), np.empty(0, int)), ABOUT, "film")
    assert "There was no test clip to evaluate it on." in card
    assert "nan" not in card.lower() and "None" not in card
    assert "expected calibration error is" not in card


@pytest.mark.parametrize("line", ["{{", "{%", "}}"])
def test_no_template_is_left_in_it(line: str) -> None:
    assert line not in model_card("model", metrics_of(*predictions(POSTER)), ABOUT, "film")


def test_changed_settings_are_written_as_set_takes_them() -> None:
    config = ModelConfig(filters=(2, 2, 4), name="audio", dropout=0.25)
    assert changed_settings(config.model_dump(mode="json")) == [
        "name=audio",
        "filters=[2, 2, 4]",
        "dropout=0.25",
    ]
    assert changed_settings(ModelConfig().model_dump(mode="json")) == []


def test_training_leaves_card_and_report_beside_the_model(tmp_path: Path, tiny: ModelConfig) -> None:
    dataset = write_dataset(
        tmp_path / "d", {"leak_proof": {"group_by": "speaker"}}, train=draw_samples(24, seed=1),
        test=draw_samples(8, seed=2),
    )  # fmt: skip
    train(dataset, tmp_path / "m", tiny.model_copy(update={"name": "audio"}))
    assert "split by speaker" in (tmp_path / "m" / "README.md").read_text()
    assert "<h1>Training report</h1>" in (tmp_path / "m" / "report" / "index.html").read_text()
