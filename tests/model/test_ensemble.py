"""Members of an ensemble: their seeds and sides, their mean answer, and a run of several that goes on after a kill."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from emodal_model.core.config import ModelConfig
from emodal_model.data.samples import Samples
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.scores import softmax
from emodal_model.inference.export import export
from emodal_model.inference.predictor import Predictor, load
from emodal_model.network.build import build_network, normalisation_of, with_probabilities
from emodal_model.network.forward import outputs_of
from emodal_model.training.ensemble import FEW_CLIPS, MEMBERS_OF_FEW, members_of
from emodal_model.training.loop import EpochReport
from emodal_model.training.train import train
from tests.model.conftest import TINY, write_dataset

SAMPLES = draw_samples(6, seed=1)
HEADS = ("both", "audio", "image")
TWO = TINY.model_copy(update={"members": 2, "name": "audio"})


class Killed(Exception):
    """Stands for kill -9 between two epochs."""


def sounds_only(n: int) -> Samples:
    """n samples that differ in nothing that matters here; their pictures share one array's memory."""
    few = draw_samples(40, seed=1)
    return few.take(np.arange(n) % 40)


def test_few_clips_give_five_members_with_image_augmentation_and_many_give_one_unless_it_is_set() -> None:
    few = sounds_only(FEW_CLIPS - 1)
    # Copies and unlabelled clips do not make them many.
    more = few.take(np.arange(FEW_CLIPS + 200) % len(few))
    copies = replace(more, originals=np.arange(len(more)) < len(few))
    unlabelled = replace(more, labels=np.where(np.arange(len(more)) < len(few), more.labels, -1))
    many = sounds_only(FEW_CLIPS)
    by_size = [members_of(samples, "film", ModelConfig()) for samples in (few, copies, unlabelled, many)]
    assert [len(members) for members in by_size] == [MEMBERS_OF_FEW] * 3 + [1]
    assert [{m.config.vary_pictures for m in members} for members in by_size] == [{True}] * 3 + [{False}]
    still = members_of(few, "film", ModelConfig(members=3, vary_pictures=False))
    assert [member.config.vary_pictures for member in still] == [False] * 3
    (varying,) = members_of(many, "film", ModelConfig(vary_pictures=True))
    assert varying.config.vary_pictures


def test_members_have_seeds_of_their_own_and_hold_back_films_that_no_other_does() -> None:
    members = members_of(draw_samples(200, seed=1), "film", ModelConfig(members=4, seed=7))
    seeds = [member.config.seed for member in members]
    assert seeds[0] == 7 and len({*seeds, *range(7, 20)}) == 13 + 3
    held = np.sum([member.held.validation for member in members], axis=0)
    assert held.max() == 1
    for member in members:
        assert not (member.held.fit & member.held.validation).any()
        assert 0.1 <= member.held.validation.mean() <= 0.2


@pytest.fixture(scope="module")
def pair() -> tuple[list, list, Predictor]:
    networks = [
        build_network("emodal", TINY.model_copy(update={"seed": seed}), normalisation_of(SAMPLES), 4)
        for seed in range(2)
    ]
    temperatures = [dict.fromkeys(HEADS, t) for t in (0.5, 2.0)]
    about = {"labels": ["angry", "happy", "neutral", "sad"], "members": 2}
    joined = with_probabilities(list(zip(networks, temperatures, strict=True)))
    return networks, temperatures, Predictor(joined, about)


def test_an_ensemble_answers_with_the_mean_of_calibrated_logits(pair: tuple) -> None:
    networks, temperatures, predictor = pair
    each = [outputs_of(network, SAMPLES.images, SAMPLES.audio_features) for network in networks]
    answers = predictor.outputs(SAMPLES)
    for head in HEADS:
        mean = np.mean([out[head] / t[head] for out, t in zip(each, temperatures, strict=True)], axis=0)
        np.testing.assert_allclose(answers[head], softmax(mean), atol=1e-6)
    np.testing.assert_allclose(answers["audio_code"], each[0]["audio_code"], atol=1e-6)
    assert predictor.name == "emodal"
    alone = predictor.predict(None, SAMPLES.audio_features)
    np.testing.assert_allclose(alone, answers["audio"], atol=1e-6)


def test_an_ensemble_is_one_file_in_every_format_and_answers_the_same(pair: tuple, tmp_path: Path) -> None:
    predictor: Predictor = pair[2]
    expected = predictor.outputs(SAMPLES)["both"]
    keras_file, difference = export(predictor, tmp_path, "keras")
    assert difference < 1e-6
    again = load(keras_file).predict(SAMPLES.images, SAMPLES.audio_features)
    np.testing.assert_allclose(again, expected, atol=1e-6)
    onnx_file, _ = export(predictor, tmp_path, "onnx")
    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    given = {"images": SAMPLES.images, "audio_features": SAMPLES.audio_features}
    np.testing.assert_allclose(session.run(["both"], given)[0], expected, atol=1e-5)
    litert_file, _ = export(predictor, tmp_path, "litert")
    runner = Interpreter(model_path=str(litert_file)).get_signature_runner()
    answer = runner(images=SAMPLES.images[:1], audio_features=SAMPLES.audio_features[:1])
    np.testing.assert_allclose(answer["both"], expected[:1], atol=1e-5)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "dataset"
    return write_dataset(folder, train=draw_samples(60, seed=1), test=draw_samples(24, seed=2))


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, list[EpochReport]]:
    out, reports = tmp_path_factory.mktemp("model") / "model", []
    return out, train(dataset, out, TWO, reports.append), reports


def test_a_run_of_two_members_reports_both(trained: tuple) -> None:
    out, metrics, reports = trained
    assert [report.title for report in reports] == ["audio 1 of 2"] * 2 + ["audio 2 of 2"] * 2
    assert {(r.network, r.members, r.seed, r.fold) for r in reports} == {("audio", 2, TWO.seed, None)}
    assert {path.name for path in (out / "logs").iterdir()} == {"audio-1-of-2", "audio-2-of-2"}
    assert not list(out.glob(".*"))
    story = metrics["training"]["audio"]
    (other,) = story["other_members"]
    assert other["history"] != story["history"]
    assert other["temperatures"] != story["temperatures"]
    assert metrics["validation"]["members"] == load(out).about["members"] == 2
    assert "the mean of 2 trainings" in (out / "README.md").read_text()
    json.dumps(metrics, allow_nan=False)


def test_a_run_killed_in_its_second_member_resumes_to_bitwise_the_same_network(
    trained: tuple, dataset: Path, tmp_path: Path
) -> None:
    out, metrics, _ = trained

    def kill_in_the_second(report: EpochReport) -> None:
        if report.member == 2:
            raise Killed

    with pytest.raises(Killed):
        train(dataset, tmp_path / "m", TWO, kill_in_the_second)
    seen: list[int] = []
    again = train(dataset, tmp_path / "m", TWO, lambda report: seen.append(report.member))
    assert set(seen) == {2}
    assert again["networks"] == metrics["networks"]
    for one, other in zip(*(load(p).network.get_weights() for p in (out, tmp_path / "m")), strict=True):
        np.testing.assert_array_equal(one, other)
