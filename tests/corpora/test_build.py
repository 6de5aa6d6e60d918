"""From a corpus's own files to a dataset: its classes, its words, its split and its speakers."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from emodal_data import read_split
from tests.corpora.layouts import put_text
from tests.flows.commands import emodal as run_command

WORDS = {"angry": "Mad", "happy": "Joyful", "neutral": "Peaceful", "sad": "Sad"}
HEADER = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n"


def emodal(folder: Path, *arguments: str) -> str:
    """Standard output and error of the command, which must not fail."""
    ended = run_command(*arguments, folder=folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_emorynlp_becomes_a_dataset_of_its_own_seven_classes_in_its_official_split(
    sample_films: Path, tmp_path: Path
) -> None:
    """The sample films stand for episodes: two for training, one for validation, one for the test."""
    rows = pd.read_csv(sample_films / "annotations.csv", dtype=str, keep_default_na=False)
    films = sorted(rows["film"].unique())
    parts = dict(zip(films, ("train", "train", "dev", "test"), strict=True))
    for number, film in enumerate(films, start=1):
        episode = tmp_path / "friends" / f"Friends.S01E0{number}{Path(film).suffix}"
        episode.parent.mkdir(exist_ok=True)
        shutil.copy(sample_films / "films" / film, episode)
    tables = dict.fromkeys(("train", "dev", "test"), HEADER)
    for place, row in enumerate(rows[rows["label"] != ""].itertuples()):
        episode = films.index(row.film) + 1
        line = f"W,['{row.speaker}'],{WORDS[row.label]},1,{place},1,{episode},{row.start},{row.end}\n"
        tables[parts[row.film]] += line
    for part, text in tables.items():
        put_text(tmp_path / "friends", f"emorynlp_{part}_final.csv", text)

    emodal(tmp_path, "corpus", "table", "emorynlp", "friends", "--out", "emorynlp/spans.csv")
    emodal(tmp_path, "build", "--config", "emorynlp/emodal.toml", "--no-train", "--set", "augment.per_clip=0")
    dataset = tmp_path / "emorynlp" / "build" / "dataset"
    ledger = pq.read_table(dataset / "ledger.parquet").to_pandas()
    kept = ledger[ledger["outcome"] == "kept"]
    assert len(kept) >= 12
    spoken = {"Mad": "mad", "Joyful": "joyful", "Peaceful": "peaceful", "Sad": "sad"}
    assert set(zip(kept["label_as_written"], kept["label"], strict=True)) == set(spoken.items())
    official = {"train": {"S01E01", "S01E02"}, "validation": {"S01E03"}, "test": {"S01E04"}}
    assert kept.groupby("split")["episode"].agg(set).to_dict() == official
    classes = ["joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared"]
    label_of = dict(zip(kept["clip_id"], kept["label"], strict=True))
    for split in official:
        samples = read_split(dataset, split)
        assert samples.num_rows == (kept["split"] == split).sum()
        pairs = zip(samples["clip_id"].to_pylist(), samples["label"].to_pylist(), strict=True)
        assert {clip: classes[number] for clip, number in pairs} == {
            clip: label_of[clip] for clip in samples["clip_id"].to_pylist()
        }
