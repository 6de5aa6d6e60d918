"""Names from files on a terminal and in a spreadsheet."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from emodal_data.annotations import read_annotations
from emodal_data.core.text import cell_as_meant, markdown_text, plain_cell, printable
from flows.cli.options import note, print_result
from flows.operations.predict import as_csv
from flows.progress.terminal import Terminal

ROOT = Path(__file__).parents[2]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
STEERING = "film\x1b[2J\x1b]0;owned\x07\r\x9b31m\u202e.mp4"
SHOWN = "film\\x1b[2J\\x1b]0;owned\\x07\\r\\x9b31m\\u202e.mp4"


def test_lines_of_commands_are_printed_in_one_place() -> None:
    prints = re.compile(r"\bprint\(|typer\.echo|sys\.std(?:out|err)\.write")
    found = {
        str(path.relative_to(ROOT)) for path in ROOT.glob("flows/**/*.py") if prints.search(path.read_text())
    }
    assert found == {f"flows/cli/{name}.py" for name in ("app", "exits", "options")} | {
        "flows/progress/lines.py",
        "flows/progress/terminal.py",
    }


def test_control_characters_are_shown_and_letters_of_every_script_stay() -> None:
    assert printable(STEERING) == SHOWN
    assert printable("two\nlines\tof žluťoučký 映画 \U0001f600 می‌خواهم") == (
        "two\nlines\tof žluťoučký 映画 \U0001f600 می‌خواهم"
    )
    assert printable("half \ud83d") == "half \\ud83d"


def test_results_logs_and_errors_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_result({}, STEERING, as_json=False)
    note(STEERING)
    terminal = Terminal()
    terminal.log(STEERING)
    terminal.close()
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"{SHOWN}\n", f"emodal: {SHOWN}\n{SHOWN}\n")
    code = (
        "from flows.cli.exits import clear_errors; from emodal_data.core.errors import InputError\n"
        f"with clear_errors(): raise InputError({STEERING!r})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 2
    assert "\x1b" not in run.stderr and "\x9b" not in run.stderr and "\\x1b[2J" in run.stderr


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "=HYPERLINK(1).mp4"]
)
def test_a_cell_that_would_be_a_formula_is_text_and_read_back_as_it_was(text: str) -> None:
    assert plain_cell(text) == f"'{text}"
    assert cell_as_meant(plain_cell(text)) == text


@pytest.mark.parametrize("text", ["-1.5", "+2", "film.mp4", "'tis", "", "a=b", "-inf"])
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    assert plain_cell(text) == text
    assert cell_as_meant(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>.mp4",
        "[x](javascript:alert(1))",
        "![x](https://example.org/x.png) <https://example.org>",
        "https://example.org/a www.example.org",
        "a | b",
        "`*__a__*` ~~b~~ &lt; \\[x]",
        "# two\n# lines",
        "film_000.mp4",
    ],
)
def test_a_name_is_text_in_markdown(name: str) -> None:
    """In a cell of a table, by the rules of CommonMark with tables and strikes."""
    page = MARKDOWN.render(f"| {markdown_text(name)} |\n|---|\n")
    inside = re.fullmatch(r"<table>\n<thead>\n<tr>\n<th>(.*)</th>\n</tr>\n</thead>\n</table>\n", page)
    assert inside and html.unescape(inside[1]) == " ".join(name.split())


def test_every_csv_that_is_written_goes_through_one_place() -> None:
    """emodal_model knows no text of emodal_data: tests/model/test_suspects.py has the test of its file."""
    writers = re.compile(r"csv\.(?:Dict)?[Ww]riter|\.to_csv|csv\.write_csv")
    packages = [
        path
        for name in ("emodal", "emodal_data", "emodal_model", "flows")
        for path in ROOT.glob(f"{name}/**/*.py")
    ]
    found = {str(path.relative_to(ROOT)) for path in packages if writers.search(path.read_text())}
    assert found == {"emodal_data/core/text.py", "emodal_model/evaluation/suspects.py"}


def test_predictions_hold_no_formula() -> None:
    line = {"film": "=cmd.mp4", "start_s": -1.0, "end_s": 2.0, "label": "@x", "predicted": None, "+sad": 0.5}
    line |= {"used": "both", "face_reason": None, "sound_reason": None, "frame_s": None}
    header, row = as_csv([line], ["+sad"]).splitlines()
    assert header.startswith("film,start_s,end_s,label,predicted,'+sad,used")
    assert row == "'=cmd.mp4,-1.0,2.0,'@x,,0.5,both,,,"


def test_a_table_that_was_written_so_names_the_same_film(tmp_path: Path) -> None:
    path = tmp_path / "spans.csv"
    path.write_text("film,start,end,label\n'=a.mp4,1,2,sad\n'tis.mp4,1,2,sad\n")
    assert read_annotations(path)["film"].tolist() == ["=a.mp4", "'tis.mp4"]
