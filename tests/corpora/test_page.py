"""docs/corpora.md has three commands for every corpus, and they do what it says."""

import re
import shlex
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", list(TOYS))
def test_the_three_commands_of_a_corpus(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, plan, build = commands(name)
    assert table[:3] == ["corpus", "table", name]
    assert (plan, build) == (
        ["plan", "--config", f"{name}/emodal.toml"],
        ["build", "--config", f"{name}/emodal.toml"],
    )
    monkeypatch.chdir(tmp_path)
    TOYS[name](tmp_path / table[3])
    run(*table)
    assert (tmp_path / name / "spans.csv").is_file()
