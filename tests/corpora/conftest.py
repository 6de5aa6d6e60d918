"""The command on a corpus, with an output folder of the test's own."""

from pathlib import Path

import pytest

from tests.corpora.layouts import Corpus


@pytest.fixture
def corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Corpus:
    return Corpus(tmp_path / "out", capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for the files of a corpus."""
    path = tmp_path / "corpus"
    path.mkdir()
    return path
