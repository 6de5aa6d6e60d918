"""A build with seven classes, valence and arousal through the command: every file, and the report in a browser."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from tests.flows.test_cli import emodal
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
        *("--out", folder / "out", "--no-train", "--set", "labels.preset=ekman7"),
        *("--set", 'labels.targets=["valence", "arousal"]', "--set", 'shards.columns=["text"]'),
        *("--set", "split.allow_imbalance=true", "--set", "face.gate=score"),
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


def test_the_commands_take_a_dataset_of_seven_classes(built: Path, tmp_path: Path) -> None:
    assert emodal("verify", built).returncode == 0
    assert emodal("diff", built, built).stdout.startswith("equal")
    run = emodal("export", built, "--to", "huggingface", "--out", tmp_path / "hub")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "hub" / "README.md").read_text().count("| surprise |") >= 1


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
