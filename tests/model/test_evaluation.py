"""The printed tables: the poster's numbers in the poster's form."""

from pathlib import Path

import numpy as np
import pytest

from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.data.contract import LABELS
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.evaluate import evaluate
from emodal_model.evaluation.scores import score
from emodal_model.evaluation.tables import format_report
from emodal_model.training.train import train
from tests.model.conftest import write_dataset
from tests.model.test_scores import POSTER, predictions


def test_the_report_prints_the_posters_tables_within_100_columns() -> None:
    scores = score(*predictions(POSTER), LABELS)
    text = format_report({"networks": {"emodal": scores}, "h_score": 0.5})
    assert "66.02" in text and "62.2 to 69.6" in text and "65.73" in text and "65.62" in text
    assert ["angry", "69.74", "8.55", "9.21", "12.50", "152"] in [line.split() for line in text.splitlines()]
    assert max(map(len, text.splitlines())) <= 100


def test_the_report_ends_with_what_the_comparison_shows() -> None:
    def of(right: int, p: float | None) -> dict[str, object]:
        predicted = np.where(np.arange(100) < right, 0, 1)
        return score(np.eye(4)[predicted], np.zeros(100, int), LABELS) | {"p_against_emodal": p}

    networks = {"audio": of(40, 0.0004), "image": of(62, 0.5), "emodal": of(60, None)}
    text = format_report({"networks": networks, "reference": {"majority": of(30, None)}})
    assert text.splitlines()[-4:] == [
        "verdict: audio+image (EMODal) is right on 60.0 % of 100 clips (95 % interval 50.2 to 69.1)",
        "the commonest class alone is right on 30.0 %",
        "20.0 points more than audio (p <0.001)",
        "2.0 points fewer than image, which may be chance (p = 0.500)",
    ]


def test_scores_that_are_not_defined_print_as_a_dash_and_are_explained() -> None:
    text = format_report({"networks": {"audio": score(np.eye(4)[[0, 1]], np.array([0, 1]), LABELS)}})
    assert "no test clip is neutral, sad" in text
    assert "nan" not in text.lower()
    empty = format_report({"networks": {"audio": score(np.empty((0, 4)), np.empty(0, int), LABELS)}})
    assert "nan" not in empty.lower()


def test_a_dataset_with_other_feature_settings_is_refused(tmp_path: Path, tiny: ModelConfig) -> None:
    def built(name: str, window_s: float) -> Path:
        manifest = {"config": {"audio": {"window_s": window_s, "step_s": 0.025}}}
        return write_dataset(
            tmp_path / name, manifest, train=draw_samples(30, seed=1), test=draw_samples(8, seed=2)
        )

    metrics = train(built("one", 0.05), tmp_path / "m", tiny.model_copy(update={"name": "audio"}))
    again = evaluate(tmp_path / "m" / "audio.keras", built("same", 0.05))
    assert again.networks["audio"]["confusion"] == metrics["networks"]["audio"]["confusion"]
    with pytest.raises(ModelInputError, match=r"audio.window_s=0.1,.*was trained with audio.window_s=0.05;"):
        evaluate(tmp_path / "m", built("other", 0.1))
