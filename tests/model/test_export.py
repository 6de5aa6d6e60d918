"""Exports answer as the network does, each in its own runtime, and are not written when they do not."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from emodal_model import load
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError, ModelWorkError
from emodal_model.data.image_frames import image_shape
from emodal_model.data.synthetic import draw_samples
from emodal_model.inference import export as exports
from emodal_model.inference.export import FORMATS, export
from emodal_model.inference.predictor import Predictor
from emodal_model.network.build import NetworkName, build_network, normalisation_of, with_probabilities

SAMPLES = draw_samples(6, seed=1)
ABOUT = {"labels": ["angry", "happy", "neutral", "sad"], "feature_names": ["zcr_mean"]}


def network_of(name: NetworkName, config: ModelConfig) -> Predictor:
    images = image_shape(is_colour=config.input == "rgb")
    network = build_network(name, config, normalisation_of(SAMPLES), 4, images=images)
    temperatures = {"audio": 1.0, "image": 2.0, "both": 0.5} if name == "emodal" else {name: 2.0}
    about = ABOUT if config.input == "image" else ABOUT | {"config": {"input": config.input}}
    return Predictor(with_probabilities([(network, temperatures)]), about)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    from tests.model.conftest import TINY

    return network_of("emodal", TINY)


def test_litert_gives_the_networks_probabilities(predictor: Predictor, tmp_path: Path) -> None:
    path, difference = export(predictor, tmp_path, "litert")
    assert 0 <= difference < 1e-5
    assert sorted(file.name for file in tmp_path.iterdir()) == ["emodal.json", "emodal.tflite"]
    runner = Interpreter(model_path=str(path)).get_signature_runner()
    answer = runner(images=SAMPLES.images[:1], audio_features=SAMPLES.audio_features[:1])
    expected = predictor.predict(SAMPLES.images[:1], SAMPLES.audio_features[:1])
    np.testing.assert_allclose(answer["both"], expected, atol=1e-5)


def test_onnx_gives_the_networks_probabilities_for_any_number_of_samples(
    predictor: Predictor, tmp_path: Path
) -> None:
    path, difference = export(predictor, tmp_path / "deep" / "folder", "onnx")
    assert 0 <= difference < 1e-5
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = {"images": SAMPLES.images, "audio_features": SAMPLES.audio_features}
    names = [output.name for output in session.get_outputs()]
    answers = dict(zip(names, session.run(names, given), strict=True))
    expected = predictor.outputs(SAMPLES)
    assert answers.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(answers[name], values, atol=1e-5, err_msg=name)


def test_onnx_carries_labels_and_feature_names(predictor: Predictor, tmp_path: Path) -> None:
    path, _ = export(predictor, tmp_path, "onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["emodal"])
    assert about == {"network": "emodal", **ABOUT}
    assert json.loads((tmp_path / "emodal.json").read_text()) == about


def test_keras_gives_the_same_model_without_pickle_or_lambda(predictor: Predictor, tmp_path: Path) -> None:
    path, difference = export(predictor, tmp_path, "keras")
    assert difference == 0
    again = load(path)
    assert again.about == ABOUT
    expected = predictor.predict(SAMPLES.images, SAMPLES.audio_features)
    np.testing.assert_array_equal(again.predict(SAMPLES.images, SAMPLES.audio_features), expected)
    assert not {layer.__class__.__name__ for layer in again.network.layers} & {"Lambda", "TFSMLayer"}


@pytest.mark.parametrize("name", ["audio", "image"])
def test_a_network_of_one_modality_takes_one_input_in_onnx(
    name: NetworkName, tiny: ModelConfig, tmp_path: Path
) -> None:
    path, _ = export(network_of(name, tiny.model_copy(update={"input": "rgb"})), tmp_path, "onnx")
    assert path.name == f"{name}.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    shape = ["audio_features", 68] if name == "audio" else ["images", 128, 128, 3]
    assert [given.name, *given.shape[1:]] == shape


@pytest.mark.parametrize("wrong", [float("nan"), 1.0])
def test_a_file_that_answers_otherwise_is_not_kept(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    honest = FORMATS["keras"].open

    def lying(path: Path) -> Any:
        ask = honest(path)
        return lambda given: {name: value + wrong for name, value in ask(given).items()}

    monkeypatch.setitem(exports.FORMATS, "keras", replace(FORMATS["keras"], open=lying))
    with pytest.raises(ModelWorkError, match="nothing was written"):
        export(predictor, tmp_path, "keras")
    assert list(tmp_path.iterdir()) == []


def test_without_its_packages_onnx_says_what_to_install(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tf2onnx", None)
    with pytest.raises(ModelInputError, match=r"pip install 'emodal\[onnx\]'"):
        export(predictor, tmp_path, "onnx")


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(
    predictor: Predictor, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelWorkError, match="cannot be written"):
        export(predictor, tmp_path / "file", "keras")
