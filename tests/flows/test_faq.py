"""docs/faq.md answers messages that the program really gives: each is brought about here, and compared."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from emodal_data.core.config import SplitConfig
from emodal_data.dataset.split.assignment import split_clips
from emodal_data.storage.locks import exclusive
from flows.cli import app
from flows.cli.exits import clear_errors

PAGE = Path(__file__).parents[2] / "docs" / "faq.md"
PATHS = ["--films", "films", "--annotations", "spans.csv", "--out", "build"]


def answers() -> dict[str, list[str]]:
    """Heading -> the lines of the message below it."""
    found = re.findall(r"^## ([^\n]+)\n\n```text\n(.+?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return {heading: message.splitlines() for heading, message in found}


def emodal(*arguments: str) -> None:
    app(list(arguments), prog_name="emodal", standalone_mode=False)


def spans(text: str) -> None:
    Path("spans.csv").write_text(text)
    Path("films").mkdir(exist_ok=True)
    Path("films/heat.mkv").write_bytes(b"no film")


def no_film_is_found() -> None:
    spans("film,start,end,label\nheat.mp4,1,2,sad\n")
    emodal("plan", *PATHS)


def a_column_is_missing() -> None:
    spans("film,start,end,labels\nheat.mkv,1,2,sad\n")
    emodal("plan", *PATHS)


def rows_cannot_be_used() -> None:
    spans("film,start,end,label\nheat.mkv,1:75,80,sad\nheat.mkv,9,8,sad\n")
    emodal("plan", *PATHS)


def labels_are_outside_the_classes() -> None:
    spans("film,start,end,label\nheat.mkv,1,2,bored\n")
    emodal("plan", *PATHS)


def a_column_may_be_misspelt() -> None:
    spans("film,start,end,label,anotator\nheat.mkv,1,2,sad,anna\n")
    emodal("plan", *PATHS)


def a_setting_is_not_known() -> None:
    spans("film,start,end,label\nheat.mkv,1,2,sad\n")
    emodal("plan", *PATHS, "--set", "face.min_scor=0.5")


def paths_are_missing() -> None:
    emodal("build")


def the_split_cannot_be_made() -> None:
    clips = pd.DataFrame({"label": ["sad"] * 8, "group": ["heat.mkv"] * 8}, index=[f"c{n}" for n in range(8)])
    split_clips(clips, SplitConfig())


def the_folder_is_in_use() -> None:
    with exclusive(Path("build")), exclusive(Path("build")):
        pass


def label_studio_s_file_is_refused() -> None:
    spans("")
    region = {"start": 1.0, "end": 2.0, "labels": ["sad"]}
    Path("spans.json").write_text(
        json.dumps([{"video": "heat.mkv", "id": 1, "label": [region], "annotator": 1}])
    )
    emodal("plan", "--films", "films", "--annotations", "spans.json", "--out", "build")


def the_table_may_hold_labels() -> None:
    spans("")
    Path("to-label").mkdir()
    Path("to-label/annotations.csv").write_text("")
    emodal("propose", "--films", "films", "--out", "to-label")


def a_decision_is_about_no_clip() -> None:
    spans("film,start,end,label\nheat.mkv,1,2,sad\n")
    Path("overrides.csv").write_text("clip_id,decision\n3ba7c8376610a97cfdbe,drop\n")
    emodal("plan", *PATHS, "--overrides", "overrides.csv")


def there_is_no_model() -> None:
    emodal("predict", "build/model", "heat.mkv")


def a_package_is_missing() -> None:
    from emodal_data.audio_features.egemaps import _smile, egemaps_names

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "opensmile", None)
        _smile.cache_clear()
        egemaps_names()


SITUATIONS: dict[str, Callable[[], None]] = {
    "No film is found": no_film_is_found,
    "A column is missing": a_column_is_missing,
    "Rows cannot be used": rows_cannot_be_used,
    "Labels are outside the classes": labels_are_outside_the_classes,
    "A column may be misspelt": a_column_may_be_misspelt,
    "A setting is not known": a_setting_is_not_known,
    "Paths are missing": paths_are_missing,
    "The split cannot be made": the_split_cannot_be_made,
    "The folder is in use": the_folder_is_in_use,
    "Label Studio's file is refused": label_studio_s_file_is_refused,
    "The table may hold labels": the_table_may_hold_labels,
    "A decision is about no clip": a_decision_is_about_no_clip,
    "There is no model": there_is_no_model,
    "A package is missing": a_package_is_missing,
}


def test_every_answer_has_a_situation() -> None:
    assert list(answers()) == list(SITUATIONS)


@pytest.mark.parametrize("heading", SITUATIONS)
def test_the_message_is_what_the_program_says(
    heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        with clear_errors():
            SITUATIONS[heading]()
    except SystemExit:
        pass
    said = "".join(capsys.readouterr())
    # Whose process it is differs; numbers of rows and films are not what the page is about.
    said = re.sub(r"process \d+ on \S+;", "process 4321 on this-machine;", said)
    told = [
        line
        for line in said.splitlines()
        if not re.match(r"\d+ (rows?|clips?)|heat.mkv .* is beyond|.*film_unreadable", line)
    ]
    assert told == answers()[heading]
