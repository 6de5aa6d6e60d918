"""The LiteRT file answers as the network does, and is not written when it does not."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from emodal_model import export
from emodal_model.config import ModelConfig
from emodal_model.errors import ModelWorkError
from emodal_model.export import export_litert
from emodal_model.known_truth import draw_samples
from emodal_model.network import build_network, normalisation_of, with_probabilities
from emodal_model.predictor import Predictor

SAMPLES = draw_samples(6, seed=1)


@pytest.fixture
def predictor(tiny: ModelConfig) -> Predictor:
    network = build_network("emodal", tiny, normalisation_of(SAMPLES))
    temperatures = {"audio": 1.0, "image": 2.0, "both": 0.5}
    return Predictor(with_probabilities(network, temperatures), {"labels": ["a", "h", "n", "s"]})


def test_the_file_gives_the_networks_probabilities_in_its_own_runtime(
    predictor: Predictor, tmp_path: Path
) -> None:
    difference = export_litert(predictor, tmp_path / "emodal.tflite")
    assert 0 <= difference < 1e-5
    assert [path.name for path in tmp_path.iterdir()] == ["emodal.tflite"]
    runner = Interpreter(model_path=str(tmp_path / "emodal.tflite")).get_signature_runner()
    answer = runner(images=SAMPLES.images[:1], audio_features=SAMPLES.audio_features[:1])
    expected = predictor.predict(SAMPLES.images[:1], SAMPLES.audio_features[:1])
    np.testing.assert_allclose(answer["both"], expected, atol=1e-5)


def test_a_file_that_answers_otherwise_is_not_kept(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_largest_difference", lambda *_: float("nan"))
    with pytest.raises(ModelWorkError, match="differs by nan"):
        export_litert(predictor, tmp_path / "emodal.tflite")
    assert list(tmp_path.iterdir()) == []
