"""Seven classes, valence and arousal through the command: build, report, networks, predictions and every export."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from tests.flows.commands import emodal
from tests.presentation.test_page import DRAWN, choose, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: What the annotators write, and the class of the preset ekman7 that it means.
WORDS = {
    "Anger": "angry",
    "disgusted": "disgust",
    "SCARED": "fear",
    "joy": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprise",
}


TARGETS = ("valence", "arousal")
#: Networks that are trained in seconds, and know next to nothing.
TINY = [
    word
    for setting in ("epochs=1", "members=1", "filters=[2,2,2]", f"targets={json.dumps(TARGETS)}")
    for word in ("--set", f"model.{setting}")
]


@pytest.fixture(scope="module")
def built(few_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seven")
    with (few_films / "annotations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "spans.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "valence", "arousal", "text"])
        writer.writeheader()
        for n, row in enumerate(rows):
            values = {"valence": f"{n / 10 - 0.5:.1f}", "arousal": f"0,{n % 10}", "text": f"line {n}"}
            writer.writerow({**row, "label": list(WORDS)[n % 7], **values})
    run = emodal(
        *("build", "--films", few_films / "films", "--annotations", folder / "spans.csv"),
        *("--out", folder / "out", "--set", "labels.preset=ekman7", *TINY),
        *("--set", 'labels.targets=["valence", "arousal"]', "--set", 'shards.columns=["text"]'),
        *("--set", "split.allow_imbalance=true", "--set", "face.gate=score"),
        *("--set", "split.group_by=clip", "--set", "split.test_fraction=0.34"),
    )
    assert run.returncode == 0, run.stderr
    return folder / "out" / "dataset"


def test_the_ledger_has_the_word_and_the_class_and_shards_have_the_numbers(built: Path) -> None:
    ledger = pq.read_table(built / "ledger.parquet").to_pylist()
    assert [(row["label_as_written"], row["label"], row["label_mapped_to"]) for row in ledger] == [
        (word, WORDS[word], WORDS[word]) for word in (list(WORDS)[n % 7] for n in range(len(ledger)))
    ]
    row_of = {row["clip_id"]: n for n, row in enumerate(ledger)}
    manifest = json.loads((built / "manifest.json").read_bytes())
    assert manifest["labels"] == sorted(WORDS.values())
    samples = [sample for split in ("train", "test") for sample in read_split(built, split).to_pylist()]
    assert {sample["clip_id"] for sample in samples} == {
        row["clip_id"] for row in ledger if row["outcome"] == "kept"
    }
    for sample in samples:
        n = row_of[sample["clip_id"]]
        assert manifest["labels"][sample["label"]] == ledger[n]["label"]
        assert sample["valence"] == pytest.approx(n / 10 - 0.5, abs=1e-6)
        assert sample["arousal"] == pytest.approx((n % 10) / 10, abs=1e-6)
        assert sample["text"] == f"line {n}"


def test_networks_learn_the_classes_and_the_targets_of_the_dataset(built: Path) -> None:
    classes = sorted(WORDS.values())
    metrics = json.loads((built.parent / "model" / "metrics.json").read_bytes())
    tested = sum(metrics["dataset"]["test"]["classes"].values())
    assert tested == read_split(built, "test").num_rows > 0
    for name in ("audio", "image", "emodal"):
        assert list(metrics["networks"][name]["recall"]) == classes
        assert len(metrics["networks"][name]["confusion"]) == 7
        for target in TARGETS:
            scores = metrics["targets"][target][name]
            assert (scores["n"], scores["rmse"] >= 0) == (tested, True)
    again = json.loads(emodal("evaluate", built.parent / "model", built, "--json").stdout)
    assert again["targets"]["valence"]["emodal"] == metrics["targets"]["valence"]["emodal"]


def test_a_prediction_names_every_class_and_target(built: Path, few_films: Path, tmp_path: Path) -> None:
    film = min((few_films / "films").iterdir())
    (tmp_path / "spans.csv").write_text(f"film,start,end,label\n{film.name},0.5,2.5,\n")
    run = emodal("predict", built.parent, film, "--annotations", tmp_path / "spans.csv", "--json")
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert (answer["labels"], answer["targets"]) == (sorted(WORDS.values()), list(TARGETS))
    (line,) = answer["spans"]
    assert sum(line[name] for name in answer["labels"]) == pytest.approx(1.0, abs=1e-3)
    assert line["predicted"] == max(answer["labels"], key=lambda name: line[name])
    assert all(-10 < line[target] < 10 for target in TARGETS)


def test_the_exported_network_answers_with_seven_classes_and_two_values(built: Path, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra onnx")
    run = emodal("export", built.parent / "model", "--to", "onnx", "--out", tmp_path, "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["largest_difference"] < 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "emodal.onnx"), providers=["CPUExecutionProvider"])
    shapes = {output.name: output.shape[1:] for output in session.get_outputs()}
    assert [shapes[name] for name in ("both", "audio", "image")] == [[7], [7], [7]]
    assert shapes["both_values"] == [2]
    about = json.loads(session.get_modelmeta().custom_metadata_map["emodal"])
    assert (about["labels"], about["targets"]) == (sorted(WORDS.values()), list(TARGETS))


def test_every_export_of_the_dataset_has_the_classes_and_the_targets(built: Path, tmp_path: Path) -> None:
    import datasets
    import tensorflow as tf
    import webdataset

    assert emodal("verify", built).returncode == 0
    assert emodal("diff", built, built).stdout.startswith("equal")
    samples = read_split(built, "train").to_pylist()
    for to in ("huggingface", "webdataset", "tfrecord"):
        run = emodal("export", built, "--to", to, "--out", tmp_path / to)
        assert run.returncode == 0, run.stderr
        assert (tmp_path / to / "README.md").read_text().count("| surprise |") >= 1
    hub = datasets.load_dataset(str(tmp_path / "huggingface"), cache_dir=str(tmp_path / "cache"))["train"]
    assert hub.features["label"].names == sorted(WORDS.values())
    tar = str(tmp_path / "webdataset" / "train-00000-of-00001.tar")
    read = [json.loads(one["json"]) for one in webdataset.WebDataset(tar, shardshuffle=False)]
    file = str(tmp_path / "tfrecord" / "train-00000-of-00001.tfrecord")
    records = [
        tf.train.Example.FromString(one.numpy()).features.feature for one in tf.data.TFRecordDataset(file)
    ]
    for name in ("label", *TARGETS):
        wanted = [sample[name] for sample in samples]
        assert hub[name][:] == wanted
        assert [one[name] for one in read] == pytest.approx(wanted)
        kind = "int64_list" if name == "label" else "float_list"
        assert [getattr(one[name], kind).value[0] for one in records] == pytest.approx(wanted)


def test_the_report_shows_seven_classes_and_the_columns(browser: "Browser", built: Path) -> None:
    page = opened(browser, built)
    page.wait_for_selector(DRAWN, timeout=120_000)
    labels = page.eval_on_selector_all("#filters [name=label] option", "all => all.map((one) => one.value)")
    assert labels == ["all", *sorted(WORDS.values())]
    shown = choose(page, "label", "surprise")
    assert shown
    page.click(f"[data-clip='{shown[0]}']")
    choices = page.locator("#choices label").all_inner_texts()
    assert [text.strip() for text in choices[2:]] == [f"relabel: {name}" for name in sorted(WORDS.values())]
    page.keyboard.press("3")
    assert f"{shown[0]}," in page.evaluate("emodal.review.csv()")
    assert ",relabel,fear," in page.evaluate("emodal.review.csv()")
    page.keyboard.press("Escape")
    assert page.locator("#columns figure").count() == 3
    assert page.locator("#columns svg").count() == 3
    assert page.heard == []  # type: ignore[attr-defined]
    page.close()
