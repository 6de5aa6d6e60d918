"""Corpora of sound alone, of pictures alone, and of both in separate files."""

import json
import wave
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.media import open_film
from tests.flows.commands import emodal

#: Clips of the sample films that have a clear face and a voice are nearly all; these many are taken.
CLIPS = 16


@pytest.fixture(scope="module")
def halves(sample_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips: those with an even number as .wav without a picture, the others as .jpg."""
    here = tmp_path_factory.mktemp("halves")
    (here / "films").mkdir()
    table = pd.read_csv(sample_films / "annotations.csv", dtype=str, keep_default_na=False)
    rows = table[table["label"] != ""].head(CLIPS).to_dict("records")
    lines = ["film,label,speaker"]
    for number, row in enumerate(rows):
        start_s, end_s = float(row["start"]), float(row["end"])
        name = f"{row['label']}_{number:02}.{'jpg' if number % 2 else 'wav'}"
        with open_film(sample_films / "films" / row["film"]) as film:
            if number % 2:
                cv2.imwrite(str(here / "films" / name), film.frame_at((start_s + end_s) / 2).rgb[..., ::-1])
            else:
                write_wav(here / "films" / name, film.audio(start_s, end_s))
        lines.append(f"{name},{row['label']},{row['speaker']}")
    (here / "spans.csv").write_text("\n".join(lines) + "\n")
    return here


def write_wav(path: Path, sound: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def build(here: Path, modalities: str) -> dict[str, list[object]]:
    """The ledger of a build, by column."""
    out = here / modalities
    places = ["--films", here / "films", "--annotations", here / "spans.csv", "--out", out]
    settings = [f"clips.modalities={modalities}", "split.allow_imbalance=true", "augment.per_clip=1"]
    command = [*map(str, places), "--no-train", *(word for one in settings for word in ("--set", one))]
    run = emodal("build", *command)
    assert run.returncode == 0, run.stderr
    return pq.read_table(out / "dataset" / "ledger.parquet").to_pydict()


def shards(here: Path, modalities: str) -> pa.Table:
    files = sorted((here / modalities / "dataset" / "data").glob("*.parquet"))
    return pa.concat_tables([pq.read_table(path) for path in files])


def test_with_any_each_clip_has_the_half_that_its_file_has(halves: Path) -> None:
    ledger = build(halves, "any")
    table = shards(halves, "any").to_pylist()
    assert len(table) > CLIPS
    for sample in table:
        is_sound = sample["film"].endswith(".wav")
        assert (sample["image"] is None) == is_sound
        assert (sample["audio_features"] is None) != is_sound
        assert (sample["face_score"] is None) == is_sound
        assert (sample["frame_s"] is None) == is_sound
    kept = {
        film for film, outcome in zip(ledger["film"], ledger["outcome"], strict=True) if outcome == "kept"
    }
    assert len(kept) >= CLIPS - 3
    assert {Path(film).suffix for film in kept} == {".wav", ".jpg"}
    for name, start_s, end_s in zip(ledger["film"], ledger["start_s"], ledger["end_s"], strict=True):
        if name.endswith(".jpg"):
            assert (start_s, end_s) == (0.0, 0.0)
        else:
            with wave.open(str(halves / "films" / name)) as file:
                assert (start_s, end_s) == (0.0, pytest.approx(file.getnframes() / 16000, abs=1e-6))
    augmented = {row["augmentation"] for row in table if row["film"].endswith(".wav")} - {"none"}
    assert augmented
    assert not any("mirror" in text or "rotate" in text for text in augmented)
    run = emodal("verify", halves / "any")
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("modalities", "suffix", "network"), [("audio", ".wav", "audio"), ("image", ".jpg", "image")]
)
def test_a_corpus_of_one_half_becomes_a_dataset_and_a_network_of_that_half(
    halves: Path, modalities: str, suffix: str, network: str
) -> None:
    table = pd.read_csv(halves / "spans.csv")
    table[table["film"].str.endswith(suffix)].to_csv(halves / f"{modalities}.csv", index=False)
    out = halves / f"only-{modalities}"
    tiny = ("model.epochs=1", "model.members=1", "model.filters=[2,2,2]", "split.allow_imbalance=true")
    settings = [*tiny, f"clips.modalities={modalities}", "split.test_fraction=0.4"]
    command = [
        "build",
        "--films",
        halves / "films",
        "--annotations",
        halves / f"{modalities}.csv",
        "--out",
        out,
    ]
    run = emodal(*command, *(w for one in settings for w in ("--set", one)))
    assert run.returncode == 0, run.stderr
    missing = "audio_features" if modalities == "image" else "image"
    samples = [row for split in ("train", "test") for row in read_split(out, split).to_pylist()]
    assert len({row["clip_id"] for row in samples}) >= CLIPS // 2 - 3
    assert [row for row in samples if row[missing] is not None] == []
    assert {Path(row["film"]).suffix for row in samples} == {suffix}
    metrics = json.loads((out / "model" / "metrics.json").read_bytes())
    assert list(metrics["training"]) == [network]
    assert metrics["networks"][network]["n"] == read_split(out, "test").num_rows > 0
    assert set(metrics["left_out"]) == {"emodal", "image" if network == "audio" else "audio"}
    page = (out / "dataset" / "report" / "index.html").read_text()
    assert "undefined" not in page and "NaN" not in page


@pytest.mark.parametrize(
    ("modalities", "reason"), [("both", "no_video"), ("image", "no_video"), ("audio", "film_unreadable")]
)
def test_a_file_without_the_half_that_clips_need_is_refused_with_a_reason(
    halves: Path, modalities: str, reason: str
) -> None:
    places = ["--films", halves / "films", "--annotations", halves / "spans.csv", "--out", halves / "plan"]
    command = ["plan", *map(str, places), "--json", "--set", f"clips.modalities={modalities}"]
    run = emodal(*command)
    wrong = json.loads(run.stdout)["wrong_rows"]
    wanted = ".jpg" if modalities == "audio" else ".wav"
    reasons = {row["reason"] for row in wrong if row["value"].endswith(wanted)}
    assert reasons == {reason}
    assert len(wrong) == (CLIPS if modalities == "both" else CLIPS // 2)
