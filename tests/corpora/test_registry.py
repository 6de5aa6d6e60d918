"""Corpora by name, plug-ins, and what `emodal corpus` refuses."""

import json
import sys
from pathlib import Path

import pytest

from emodal_data.core.label_words import PRESETS
from emodal_data.corpora import corpora, corpus_named
from emodal_data.corpora.facts import facts_text
from tests.corpora.layouts import Corpus, put_media, put_text, run

TOY = """
from emodal_data.corpora import Corpus, Facts, Row

def read(folder, choices):
    for name, match in folder.matching(r"(?P<label>glad|cross)_(?P<speaker>[a-z]+)\\\\.mp4"):
        yield Row(name, match["label"], speaker=match["speaker"])

CORPUS = Corpus(
    "toy", "Toy corpus", "Two clips.",
    Facts("none", "from nowhere", "Nobody (2026)", "glad_anna.mp4"),
    read, classes=("glad", "cross"), group_by="speaker",
)
"""


def install(folder: Path, entry: str, patch: pytest.MonkeyPatch, code: str = TOY) -> None:
    """A distribution with an entry point, as pip would install it, on sys.path."""
    put_text(folder, "toy_plugin.py", code.replace("\\\\", "\\"))
    put_text(folder, "toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    put_text(folder, "toy-1.0.dist-info/entry_points.txt", f"[emodal.corpora]\ntoy = {entry}\n")
    patch.syspath_prepend(str(folder))
    patch.delitem(sys.modules, "toy_plugin", raising=False)


def test_list_names_every_corpus_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    run("corpus", "list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(corpora())
    run("corpus", "list", "--json")
    assert list(json.loads(capsys.readouterr().out)) == list(corpora())


@pytest.mark.parametrize("name", sorted(corpora()))
def test_every_corpus_says_its_licence_its_source_and_what_was_not_verified(name: str) -> None:
    corpus = corpora()[name]
    text = facts_text(corpus)
    for word in ("licence", "get it", "cite", "files", "unverified"):
        assert f"\n{word}  " in text, word
    assert corpus.facts.faults
    assert max(map(len, text.splitlines())) <= 110
    assert all(meant in corpus.classes or meant in ("drop", "unlabelled") for meant in corpus.map.values())
    assert corpus_named(corpus.title) is corpus


def test_a_name_is_found_in_any_spelling_and_a_wrong_one_has_a_suggestion(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("corpus", "show", "crema-D")
    assert capsys.readouterr().out.startswith("CREMA-D: 91 actors")
    run("corpus", "show", "CREMA_D", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["classes"][1]) == ("crema_d", "disgust")
    with pytest.raises(SystemExit) as stopped:
        run("corpus", "show", "ravdes")
    assert stopped.value.code == 2
    assert "no corpus 'ravdes'; did you mean ravdess?" in capsys.readouterr().err


def test_an_installed_plug_in_is_a_corpus_like_any_other(
    tmp_path: Path, folder: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "toy" not in corpora()
    install(tmp_path / "site", "toy_plugin:CORPUS", monkeypatch)
    assert list(corpora())[-1] == "toy"
    put_media(folder, "glad_anna.mp4", "cross_ben.mp4")
    table = corpus.table("Toy Corpus", folder)
    assert table.cells("film", "label", "speaker") == [
        ("cross_ben.mp4", "cross", "ben"),
        ("glad_anna.mp4", "glad", "anna"),
    ]
    assert table.settings["labels"] == {"classes": ["glad", "cross"]}


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        ("toy_plugin:ABSENT", TOY, "cannot be loaded"),
        ("toy_plugin:read", TOY, "is no emodal_data.corpora.Corpus"),
        ("toy_plugin:CORPUS", TOY.replace('"toy"', '"ravdess"'), "exists already: rename it"),
        ("toy_plugin:CORPUS", "1 / 0", "division by zero"),
    ],
)
def test_a_plug_in_that_does_not_fit_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    entry: str,
    code: str,
    message: str,
) -> None:
    install(tmp_path, entry, monkeypatch, code)
    with pytest.raises(SystemExit) as stopped:
        run("corpus", "list")
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_wrong_arguments_are_refused_with_what_to_do(folder: Path, corpus: Corpus) -> None:
    assert "no such folder" in corpus.refusal("ravdess", folder / "absent")
    assert "no file of RAVDESS to make a row of" in corpus.refusal("ravdess", folder)
    assert "ravdess has no such option; it has modality, channel" in corpus.refusal("ravdess", folder, "x=1")
    assert "--option modality=smell: must be both or audio or image" in corpus.refusal(
        "ravdess", folder, "modality=smell"
    )
    assert "--option modality: write name=value" in corpus.refusal("ravdess", folder, "modality")
    assert "no tabulatedVotes.csv (folder processedResults) here or below" in corpus.refusal(
        "crema_d", folder
    )
    put_text(folder, "tabulatedVotes.csv", "a,b\n1,2\n")
    assert "tabulatedVotes.csv: no column '' in the header" in corpus.refusal("crema_d", folder)
    put_text(folder, "copy/tabulatedVotes.csv", "a,b\n1,2\n")
    assert "is there 2 times, such as copy/tabulatedVotes.csv and tabulatedVotes.csv" in corpus.refusal(
        "crema_d", folder
    )


def test_nothing_is_overwritten_unless_forced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_media(folder, "01-01-03-02-01-02-01.mp4")
    spans, config = tmp_path / "out" / "spans.csv", tmp_path / "out" / "emodal.toml"
    arguments = ("corpus", "table", "ravdess", folder, "--out", spans)
    run(*arguments, "--facts", tmp_path / "facts.txt")
    assert (tmp_path / "facts.txt").read_text() == facts_text(corpora()["ravdess"]) + "\n"
    run(*arguments)  # the same again
    config.write_text("mine")
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    assert f"{config}: already there with another content" in capsys.readouterr().err
    assert config.read_text() == "mine"
    run(*arguments, "--force")
    assert config.read_text().startswith("# RAVDESS")


def test_a_table_may_not_take_the_name_of_the_settings(folder: Path, tmp_path: Path) -> None:
    put_media(folder, "01-01-03-02-01-02-01.mp4")
    with pytest.raises(SystemExit) as stopped:
        run("corpus", "table", "ravdess", folder, "--out", tmp_path / "emodal.toml")
    assert stopped.value.code == 2


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"poster", "ekman7"}))
def test_the_preset_of_a_corpus_has_its_classes(name: str) -> None:
    assert set(PRESETS[name].classes) == set(corpora()[name].classes)
