"""docs/corpora.md has three commands for every corpus, and they do what it says."""

import json
import re
import shlex
from pathlib import Path

import pytest

from emodal_data.annotations.columns import _TAKEN
from emodal_data.corpora import corpora
from tests.corpora.layouts import run
from tests.corpora.toys import TOYS

PAGE = (Path(__file__).parents[2] / "docs" / "corpora.md").read_text(encoding="utf-8")


def commands(name: str) -> list[list[str]]:
    """The lines of the page for a corpus, as arguments."""
    part = PAGE.split("## Each corpus in three commands", 1)[1].split("## A corpus of your own", 1)[0]
    (block,) = [block for block in part.split("\n### ") if f"emodal corpus table {name} " in block]
    return [shlex.split(line)[1:] for line in re.findall(r"^    (emodal .*)$", block, re.MULTILINE)]


def test_there_is_a_toy_of_every_corpus() -> None:
    assert list(TOYS) == list(corpora())


#: Clips of each toy: what is left of its rows after votes are counted.
CLIPS = {
    **{
        "ravdess": 3,
        "crema_d": 2,
        "savee": 3,
        "enterface05": 3,
        "emodb": 3,
        "iemocap": 4,
        "meld": 3,
        "emorynlp": 3,
    },
    **{"m3ed": 3, "mosei": 3, "mer2023": 2, "caer": 3, "afew": 2, "dfew": 5, "ferv39k": 2, "mafw": 5},
    **{"liris_accede": 2, "studyforrest": 2},
}

#: Clips of each split, for corpora whose own split is followed.
SPLITS: dict[str, dict[str, int]] = {
    **{
        name: {"train": 1, "validation": 1, "test": 1}
        for name in ("meld", "emorynlp", "m3ed", "mosei", "caer")
    },
    "afew": {"train": 1, "validation": 1},
    **{name: {"train": 1, "test": 1} for name in ("ferv39k", "liris_accede")},
    **{name: {"train": 4, "test": 1} for name in ("dfew", "mafw")},
}


@pytest.mark.parametrize("name", list(TOYS))
def test_the_three_commands_of_a_corpus_make_a_plan_without_a_wrong_row(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table, plan, build = commands(name)
    assert table[:3] == ["corpus", "table", name]
    assert (plan, build) == (
        ["plan", "--config", f"{name}/emodal.toml"],
        ["build", "--config", f"{name}/emodal.toml"],
    )
    monkeypatch.chdir(tmp_path)
    TOYS[name](tmp_path / table[3])
    run(*table)
    header = (tmp_path / name / "spans.csv").read_text().splitlines()[0].split(",")
    assert set(header) & _TAKEN <= {"split", "fold"}, "the reader renames these columns"
    capsys.readouterr()
    run(*plan, "--json")
    planned = json.loads(capsys.readouterr().out)
    assert planned["wrong_rows"] == []
    assert planned["clips"] == CLIPS[name]
    if name in SPLITS:
        assert planned["split"]["clips_per_split"] == SPLITS[name]
