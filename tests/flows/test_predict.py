"""A film and a model in, an answer for every span out: as the command gives it, and the parts it is made of."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from emodal_data.clips.extract import SpanFeatures, extract_features
from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import InputError
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span
from emodal_model.inference.predictor import Answer
from flows.operations.predict import (
    Question,
    Questions,
    answer_columns,
    as_csv,
    found_questions,
    given_questions,
    labels_of,
    predictions,
    settings_of,
)
from tests.flows.commands import emodal

LABELS = ("angry", "happy", "neutral", "sad")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build's folder with a network that was never trained, but answers."""
    from emodal_model.core.config import ModelConfig
    from emodal_model.data.synthetic import draw_samples
    from emodal_model.inference.predictor import save
    from emodal_model.network.build import build_network, normalisation_of, with_probabilities

    out = tmp_path_factory.mktemp("build")
    (out / "model").mkdir()
    samples = draw_samples(8, seed=1)
    network = build_network(
        "emodal", ModelConfig(filters=(2, 2, 4), image_dense=8), normalisation_of(samples), 4
    )
    heads = dict.fromkeys(("audio", "image", "both"), 1.0)
    about = {"labels": LABELS, "clips": {}, "face": {"min_width_px": 40.0}, "audio": {"step_s": 0.03}}
    save(with_probabilities([(network, heads)]), about, out / "model" / "emodal.keras")
    return out


def test_spans_that_would_teach_the_model_most_are_proposed_first_with_the_reason(
    model: Path, sample_films: Path, tmp_path: Path
) -> None:
    (films := tmp_path / "films").mkdir()
    for name in ("film_000.mp4", "film_002.mkv"):
        shutil.copy(sample_films / "films" / name, films)
    run = emodal(
        *("propose", "--films", films, "--out", tmp_path / "out", "--per-film", 2, "--no-clips", "--json"),
        *("--model", model),
    )
    assert run.returncode == 0, run.stderr
    assert "its dataset is not there" in run.stderr
    with (tmp_path / "out" / "annotations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["film"] for row in rows].count("film_000.mp4") == 2
    assert json.loads(run.stdout)["spans"] == {"film_000.mp4": 2, "film_002.mkv": 2}
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0
    assert all(" % or " in row["why"] and "known clips" in row["why"] for row in rows)
    assert {row["label"] for row in rows} == {""}


@pytest.fixture
def film(sample_films: Path) -> Path:
    return sample_films / "films" / "film_000.mp4"


def test_every_annotated_span_gets_an_answer_or_a_reason(
    model: Path, film: Path, sample_films: Path, tmp_path: Path
) -> None:
    spans = tmp_path / "spans.csv"
    rows = [
        row for row in csv.DictReader((sample_films / "annotations.csv").open()) if row["film"] in str(film)
    ]
    lines = [f"{row['film']},{row['start']},{row['end']},{row['label']}" for row in rows]
    beyond = [f"{film.name},900,901,sad", f"{film.name},5,4,sad", "other.mp4,1,2,sad"]
    spans.write_text("\n".join(["film,start,end,label", *lines, *beyond]) + "\n")
    run = emodal("predict", model, film, "--annotations", spans, "--out", tmp_path / "out", "--json")
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert len(result["spans"]) == len(rows) + 1
    assert [(s["start_s"], s["label"]) for s in result["spans"][:-1]] == [
        (float(row["start"]), row["label"] or None) for row in rows
    ]
    for span in result["spans"][:-1]:
        assert span["used"] is not None
        assert sum(span[name] for name in LABELS) == pytest.approx(1, abs=1e-5)
        assert span["predicted"] == max(LABELS, key=lambda name: span[name])
        assert (span["face_reason"] is None) == (span["used"] in ("both", "image"))
        assert (span["sound_reason"] is None) == (span["used"] in ("both", "audio"))
    last = result["spans"][-1]
    assert (last["used"], last["predicted"], last["angry"]) == (None, None, None)
    assert (last["face_reason"], last["sound_reason"]) == ("span_outside_film", "span_outside_film")
    assert [row["reason"] for row in result["wrong_rows"]] == ["end_not_after_start"]
    assert f"spans.csv: row {len(rows) + 3}: end_not_after_start" in run.stderr
    assert f"emodal: written {tmp_path / 'out' / 'predictions.csv'}\n" in run.stderr
    table = list(csv.DictReader((tmp_path / "out" / "predictions.csv").open()))
    assert [row["predicted"] for row in table] == [s["predicted"] or "" for s in result["spans"]]
    assert (tmp_path / "out" / "timeline.png").read_bytes().startswith(b"\x89PNG")


def test_a_recurrent_network_is_given_the_frames_of_each_span(film: Path, tmp_path: Path) -> None:
    from emodal_model.core.config import ModelConfig
    from emodal_model.data.contract import FRAMES
    from emodal_model.inference.predictor import load, save
    from emodal_model.network.build import Normalisation, build_network, with_probabilities

    scales = Normalisation(0.0, 1.0, [0.0] * 68, [1.0] * 68)
    network = build_network("audio_recurrent", ModelConfig(recurrent_units=4), scales, 4)
    audio = {"short_term": True, "step_s": 0.03}
    file = tmp_path / "audio_recurrent.keras"
    about = {"labels": LABELS, "clips": {}, "face": {}, "audio": audio}
    save(with_probabilities([(network, {"audio": 1.0})]), about, file)
    (tmp_path / "spans.csv").write_text(f"film,start,end,label\n{film.name},1,3.5,\n{film.name},900,901,\n")
    run = emodal("predict", file, film, "--annotations", tmp_path / "spans.csv", "--json")
    assert run.returncode == 0, run.stderr
    heard, beyond = json.loads(run.stdout)["spans"]
    assert (beyond["used"], beyond["sound_reason"]) == (None, "span_outside_film")
    (seen,) = extract_features(film, [Span(1.0, 3.5)], settings_of(about))
    assert seen.short_term is not None and seen.short_term.shape == (1 + (40000 - 800) // 480, 68)
    assert list(load(file).network.input) == [FRAMES]
    (expected,) = load(file).predict(None, [seen.short_term])
    assert heard["used"] == "audio"
    assert [heard[name] for name in LABELS] == pytest.approx(expected.tolist(), abs=1e-5)


def test_without_annotations_spans_of_speech_are_found(film: Path) -> None:
    questions = found_questions(film, film, ClipsConfig())
    assert questions.are_found and len(questions.asked) >= 3
    assert all(1 <= question.span.length_s <= 6 for question in questions.asked)
    assert questions.length_s == pytest.approx(max(q.span.end_s for q in questions.asked), abs=5)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["predict", "{model}", "nowhere.mp4"], "film_missing"),
        (["predict", "nowhere", "{film}"], "no model here"),
        (["predict", "{model}", "{film}", "--annotations", "{others}"], "no row is about film_000.mp4"),
        (["predict", "{model}", "{others}"], "film_unreadable"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    model: Path, film: Path, tmp_path: Path, arguments: list[str], text: str
) -> None:
    others = tmp_path / "others.csv"
    others.write_text("film,start,end,label\nother.mp4,1,2,sad\n")
    run = emodal(*(part.format(model=model, film=film, others=others) for part in arguments))
    assert run.returncode == 2, run.stderr
    assert run.stdout == ""
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("emodal: ")]
    assert text in line and "Traceback" not in run.stderr


def test_rows_of_one_span_are_one_question_and_their_labels_votes(film: Path, tmp_path: Path) -> None:
    spans = tmp_path / "spans.csv"
    spans.write_text(
        "film,start,end,label,annotator\n"
        "films/film_000,4,5,sad,a\nfilm_000.mp4,4,5,angry,b\nfilm_000.mp4,4,5,angry,c\n"
        "film_000.mp4,1,2,sad,a\nfilm_000.mp4,1,2,happy,b\nxfilm_000.mp4,7,8,sad,a\n"
    )
    questions = given_questions(film, film, spans, ClipsConfig())
    assert questions.asked == [Question(Span(1.0, 2.0), None), Question(Span(4.0, 5.0), "angry")]


def test_a_film_is_read_with_the_settings_the_model_was_trained_with() -> None:
    settings = settings_of({"face": {"min_width_px": 40.0}, "audio": {"step_s": 0.03}})
    assert (settings.face.min_width_px, settings.audio.step_s, settings.clips) == (40.0, 0.03, ClipsConfig())
    with pytest.raises(InputError, match="a setting wavelets that this version does not know"):
        settings_of({"audio": {"wavelets": 3}})


def test_a_model_file_cannot_raise_the_limits_of_this_machine() -> None:
    greedy = {
        "memory_mb": 10**9,
        "timeout_s": 1e9,
        "max_pixels": 10**12,
        "max_clip_s": 60.0,
        "audio_mix": "dialogue",
    }
    settings = settings_of({"clips": greedy}).clips
    own = ClipsConfig()
    assert (settings.memory_mb, settings.timeout_s, settings.max_pixels) == (
        own.memory_mb,
        own.timeout_s,
        own.max_pixels,
    )
    assert (settings.max_clip_s, settings.audio_mix) == (60.0, "dialogue")
    with pytest.raises(InputError, match="settings are not what emodal train writes"):
        settings_of({"clips": ["memory_mb"]})


@pytest.mark.parametrize(
    "about", [{}, {"labels": 3}, {"labels": ["a\x1b[2J", "b"]}, {"labels": ["a", "b"], "label_settings": 3}]
)
def test_classes_of_a_model_file_that_are_no_words_are_refused(about: dict[str, object]) -> None:
    with pytest.raises(InputError, match="classes are not what emodal train writes"):
        labels_of(about)


def test_the_table_has_empty_cells_where_there_is_no_answer() -> None:
    film = Path("a, b.mp4")
    questions = Questions(film, film, 9.0, [Question(Span(0, 1)), Question(Span(1, 2), "sad")], True, [])
    observed = [
        SpanFeatures(Span(0, 1), face_reason=Reason.NO_FACE, sound_reason=Reason.AUDIO_SILENT),
        SpanFeatures(Span(1, 2), frame_s=1.48, face_reason=Reason.NO_FACE),
    ]
    answers = [Answer(None, None), Answer(np.array([0.1, 0.2, 0.3, 0.4], np.float32), "audio")]
    rows = list(csv.reader(io.StringIO(as_csv(predictions(questions, observed, answers, LABELS), LABELS))))
    assert rows[1:] == [
        ["a, b.mp4", "0", "1", "", "", "", "", "", "", "", "no_face", "audio_silent", ""],
        ["a, b.mp4", "1", "2", "sad", "sad", "0.1", "0.2", "0.3", "0.4", "audio", "no_face", "", "1.48"],
    ]
    assert rows[0][:5] == ["film", "start_s", "end_s", "label", "predicted"]


def test_a_class_or_target_named_like_another_column_gets_a_column_of_its_own() -> None:
    assert answer_columns(["angry", "film"], ["valence", "used", "angry"]) == [
        "angry",
        "film_probability",
        "valence",
        "used_value",
        "angry_value",
    ]


def test_labels_beside_the_answers_are_words_of_the_models_own_classes(film: Path, tmp_path: Path) -> None:
    about = {
        "labels": ["fear", "joy"],
        "label_settings": {"classes": ["fear", "joy"], "map": {"afraid": "fear"}},
    }
    annotations = tmp_path / "spans.csv"
    annotations.write_text("film,start,end,label\nfilm_000.mp4,0,1,afraid\nfilm_000.mp4,1,2,angry\n")
    questions = given_questions(film, film, annotations, ClipsConfig(), labels_of(about))
    assert [question.label for question in questions.asked] == ["fear", None]
