"""What `emodal plan` says of rows that cannot be used, and how it ends."""

import json
import subprocess
from pathlib import Path

import pytest

from flows.progress.summary import after_build, build_line, build_summary
from tests.flows.commands import emodal

CASES = Path(__file__).parents[3] / "shared" / "cases"


def plan(films: Path, annotations: Path, *more: str) -> subprocess.CompletedProcess[str]:
    places = ["--films", films, "--annotations", annotations, "--out", annotations.parent / "build"]
    return emodal("plan", *places, *more)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(b"no film")
    return tmp_path / "films"


def test_many_wrong_rows_are_counted_by_reason_with_their_commonest_values(films: Path) -> None:
    missing = [*["x.mp4"] * 5, *["y.mp4"] * 3, "z1.mp4", "z2.mp4"]
    table = films.parent / "spans.csv"
    lines = [f"{name},1,2,sad\n" for name in missing] + ["a.mp4,one,2,sad\n"] * 2
    table.write_text("film,start,end,label\n" + "".join(lines) + "a.mp4,1,2,sad\n")
    run = plan(films, table)
    assert run.returncode == 0
    text = run.stdout.splitlines()
    assert "13 rows cannot be used:" in text
    assert "  10 film_missing: x.mp4 x 5, y.mp4 x 3, z1.mp4 x 1, and 1 other values" in text
    assert f"      such as {table}: row 2: film_missing: x.mp4: not under {films}" in run.stdout
    assert "  2 bad_time: column start: 'one' x 2" in text
    assert len(text) < 24
    assert sum(": row " in line for line in plan(films, table, "--all").stdout.splitlines()) == 13
    wrong = json.loads(plan(films, table, "--json").stdout)["wrong_rows"]
    assert len(wrong) == 13
    assert wrong[0]["value"] == "x.mp4"


def test_strict_ends_with_3_if_a_row_cannot_be_used(films: Path) -> None:
    table = films.parent / "spans.csv"
    table.write_text("film,start,end,label\na.mp4,1,2,sad\n")
    run = plan(films, table, "--strict")
    assert run.returncode == 3
    assert f"{table}: row 2: film_unreadable: " in run.stdout
    assert run.stderr == ""


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not beside the checkout")
@pytest.mark.parametrize(
    ("case", "table", "rows", "clips", "wrong"),
    [
        ("06-tsv-with-quotation-marks", "spans.tsv", 4, 4, {}),
        ("06-tsv-with-quotation-marks", "one.tsv", 1, 1, {}),
        ("07-names-composed-and-decomposed", "film.csv", 1, 1, {}),
        ("07-names-composed-and-decomposed", "people.csv", 3, 2, {3: "duplicate_vote"}),
        ("08-numbers-as-names-in-a-spreadsheet", "1917.xlsx", 1, 1, {}),
        ("08-numbers-as-names-in-a-spreadsheet", "ann", 3, 1, {2: "duplicate_vote"}),
        ("22-tables-as-spreadsheets-leave-them", "typed-mm-ss.xlsx", 1, 0, {2: "bad_time"}),
        ("22-tables-as-spreadsheets-leave-them", "formula.xlsx", 1, 0, {2: "bad_time"}),
        ("22-tables-as-spreadsheets-leave-them", "sep.csv", 1, 1, {}),
        ("22-tables-as-spreadsheets-leave-them", "case.csv", 2, 1, {2: "film_missing"}),
    ],
)
def test_the_cases_of_tables_are_planned_by_value(
    tmp_path: Path, case: str, table: str, rows: int, clips: int, wrong: dict[int, str]
) -> None:
    out = str(tmp_path / "build")
    folder = CASES / case
    command = [
        "plan",
        "--films",
        str(folder / "films"),
        "--annotations",
        str(folder / table),
        "--out",
        out,
        "--json",
    ]
    run = emodal(*command)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert (result["rows"], result["clips"]) == (rows, clips)
    assert {row["row"]: row["reason"] for row in result["wrong_rows"]} == wrong


def test_a_build_ends_with_its_places_its_reports_and_the_next_command(tmp_path: Path) -> None:
    out = tmp_path / "my build"
    counts = {"kept": 4, "rows": 4, "dropped": {}, "samples": 9, "samples_per_split": {"train": 9}}
    result = {"warnings": [], "counts": counts, "published": True, "clips_read": 4}
    assert build_summary(out, result).splitlines() == [
        "4 of 4 rows kept; 4 clips read from films",
        "9 samples (train 9)",
        f"dataset  {out}/dataset",
        f"report   {out}/dataset/report/index.html",
    ]
    assert after_build(out, result) == [f"next: emodal train '{out}/dataset' --out '{out}/model'"]
    assert build_line(out, result) == f"{out}/dataset: 4 of 4 rows, 9 samples"
    values = {
        "networks": {},
        "targets": {"valence": {"emodal": {"ccc": 0.5}}, "joy": {"emodal": {"ccc": None}}},
    }
    line = build_line(out, result | {"metrics": values})
    assert line.endswith(f"; {out}/model: CCC of valence of emodal 0.500, CCC of joy of emodal not known")
