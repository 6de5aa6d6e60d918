"""Spans worth annotating: spread over the film, no more looked at than needed, and ready for a build and for labels."""

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emodal_data.annotations import read_annotations
from emodal_data.annotations.label_studio_project import config_xml
from emodal_data.clips.proposals import choose, list_films
from emodal_data.core.errors import InputError
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.core.span import Span
from emodal_data.media import probe
from tests.flows.commands import emodal

SECONDS = [Span(float(start), start + 1.0) for start in range(100)]


def everything(spans: Sequence[Span]) -> list[bool]:
    return [True] * len(spans)


def test_the_chosen_are_spread_over_the_whole_film() -> None:
    assert [span.start_s for span in choose(SECONDS, 4, everything)] == [12, 37, 62, 87]


def test_a_stretch_without_a_clear_span_is_made_up_for_by_the_others() -> None:
    def only_the_second_half(spans: Sequence[Span]) -> list[bool]:
        return [span.start_s >= 50 for span in spans]

    chosen = choose(SECONDS, 4, only_the_second_half)
    assert len(chosen) == 4
    assert sorted(span.start_s // 25 for span in chosen) == [2, 2, 3, 3]


def test_no_more_spans_are_looked_at_than_needed() -> None:
    asked: list[Span] = []

    def counted(spans: Sequence[Span]) -> list[bool]:
        asked.extend(spans)
        return everything(spans)

    choose(SECONDS, 10, counted)
    assert len(asked) == 10


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(1, 6), st.booleans()), max_size=40),
    st.integers(1, 12),
)
def test_as_many_clear_spans_are_chosen_as_there_are_or_as_are_wanted(
    gaps: list[tuple[float, float, bool]], wanted: int
) -> None:
    spans, clear, now_s = [], set(), 0.0
    for gap_s, length_s, is_clear in gaps:
        now_s += gap_s
        spans.append(Span(now_s, now_s + length_s))
        now_s += length_s
        clear |= {spans[-1]} if is_clear else set()
    chosen = choose(spans, wanted, lambda asked: [span in clear for span in asked])
    assert len(chosen) == min(wanted, len(clear))
    assert chosen == sorted(set(chosen) & clear)


def test_films_are_found_below_the_folder_and_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    for name in ("b.MKV", "deep/a.mp4", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert list_films(tmp_path) == ["b.MKV", "deep/a.mp4"]
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no film in this folder"):
        list_films(empty)


def test_the_labelling_interface_offers_the_four_classes_by_key() -> None:
    view = ET.fromstring(config_xml(LABELS))
    choices = {choice.get("value"): choice.get("hotkey") for choice in view.iter("Choice")}
    assert choices == {label: str(key) for key, label in enumerate(LABELS, start=1)}
    (video,), (control,) = view.iter("Video"), view.iter("Choices")
    assert (video.get("value"), control.get("toName")) == ("$video", video.get("name"))


def propose(*arguments: object) -> subprocess.CompletedProcess[str]:
    return emodal("propose", *arguments)


@pytest.fixture(scope="module")
def proposal(sample_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("proposal")
    (films := out / "films").mkdir()
    for name in ("film_000.mp4", "film_002.mkv"):
        shutil.copy(sample_films / "films" / name, films)
    (films / "broken.mp4").write_bytes(b"no film")
    run = propose("--films", films, "--out", out, "--per-film", "3", "--json")
    assert run.returncode == 0, run.stderr
    assert "broken.mp4: film_unreadable" in run.stderr
    result = json.loads(run.stdout)
    assert result["spans"] == {"broken.mp4": 0, "film_000.mp4": 3, "film_002.mkv": 3}
    return out


def test_proposed_spans_show_a_face_and_have_a_voice(proposal: Path, sample_films: Path) -> None:
    truth = pd.read_csv(sample_films / "truth.csv")
    rows = read_annotations(proposal / "annotations.csv")
    assert len(rows) == 6
    for row in rows.itertuples():
        middle_s = (row.start_s + row.end_s) / 2
        there = truth[(truth["film"] == row.film) & (truth["start"] <= middle_s) & (middle_s < truth["end"])]
        assert there["has_face"].tolist() == [True], (row.film, middle_s)
        assert there["has_voice"].tolist() == [True], (row.film, middle_s)


def test_the_table_is_one_of_unlabelled_clips_of_1_to_6_seconds(proposal: Path) -> None:
    rows = read_annotations(proposal / "annotations.csv")
    assert rows["reason"].isna().all()
    assert rows["label"].isna().all()
    assert (rows["end_s"] - rows["start_s"]).between(1, 6).all()
    assert not rows.duplicated(["film", "start_s"]).any()


def tasks_of(proposal: Path) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = json.loads((proposal / "label-studio" / "tasks.json").read_text())
    return tasks


def test_every_task_has_its_clip_where_label_studio_looks_for_it(proposal: Path) -> None:
    for data in (task["data"] for task in tasks_of(proposal)):
        clip = proposal / "label-studio" / unquote(data["video"].removeprefix("/data/local-files/?d="))
        assert probe(clip).duration_s == pytest.approx(data["end"] - data["start"], abs=0.1)


def test_labels_of_the_clips_come_back_as_labels_of_the_spans(proposal: Path, tmp_path: Path) -> None:
    """The form of the export is that of Label Studio 1.23; test_label_studio_server.py asks the program itself."""
    tasks = tasks_of(proposal)
    for task, label in zip(tasks, ["sad", "happy", "angry", "neutral", "sad", "sad"], strict=True):
        chosen = {"type": "choices", "from_name": "label", "to_name": "video", "value": {"choices": [label]}}
        task["annotations"] = [{"completed_by": 1, "was_cancelled": False, "result": [chosen]}]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    labelled = read_annotations(tmp_path / "export.json")
    proposed = read_annotations(proposal / "annotations.csv")
    assert labelled["label"].tolist() == ["sad", "happy", "angry", "neutral", "sad", "sad"]
    for column in ("film", "start_s", "end_s"):
        assert labelled[column].tolist() == proposed[column].tolist()


def test_a_table_that_is_there_is_kept(proposal: Path) -> None:
    before = (proposal / "annotations.csv").read_bytes()
    run = propose("--films", proposal / "films", "--out", proposal)
    assert (run.returncode, run.stdout) == (2, "")
    assert "already there, and may hold labels; choose another --out" in run.stderr
    assert (proposal / "annotations.csv").read_bytes() == before
