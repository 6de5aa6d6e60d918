"""Columns that look like times and are read as something else are refused or reported."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from emodal_data.annotations import read_annotations
from emodal_data.core.config import TableConfig, TableFile
from emodal_data.core.errors import InputError

WHOLE = TableConfig(columns={"start": "=", "end": "="})


def spans(header: str, *rows: str) -> str:
    return "\n".join([f"film,{header},label", *(f"a,{row},sad" for row in rows)]) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (spans("in,out", "1,2"), r"\(did you mean 'in'\?\), 'end' \(did you mean 'out'\?\)"),
        (
            spans("nr,anfang,schluss", "1,3.5,5", "2,9,0:12", "3,5,7", "4,7.5,8.25"),
            r"columns 'anfang' and 'schluss' look like the times of spans: set table\.columns = "
            r'\{ start = "anfang", end = "schluss" \}; for whole files, start = "=" and end = "="',
        ),
        (
            spans("frame", "1", "2"),
            "column 'frame' looks like a time within the film: a span needs start and end",
        ),
        (spans("END_TIME", "0:04", "0:08"), r"'end' \(did you mean 'END_TIME'\?\)"),
    ],
)
def test_spans_in_columns_that_nobody_mapped_are_no_votes_for_whole_files(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_annotations(tmp_path / "t.csv")
    rows = read_annotations(tmp_path / "t.csv", WHOLE)
    assert rows["start_s"].isna().all()
    found = (
        re.escape(str(tmp_path / "t.csv"))
        + r": columns? .* looks? like .* but each row counts for its whole film"
    )
    odd = [line for line in rows.attrs["warnings"] if re.match(found, line)]
    assert len(odd) == (len(rows) > 1)  # a film that is named once is a whole file


def test_times_in_a_table_without_a_header_are_no_votes_for_whole_files(tmp_path: Path) -> None:
    (tmp_path / "ava.csv").write_text("a,902.5,0.1,sad\na,903.5,0.1,sad\n", encoding="utf-8")
    with pytest.raises(InputError, match="column '2' looks like a time within the film"):
        read_annotations(tmp_path / "ava.csv", TableConfig(header=False, columns={"film": "1", "label": "4"}))


@pytest.mark.parametrize(
    "text",
    [
        spans("rater,seconds_taken", "1,25.5", "2,30", "3,21", "4,22"),
        spans("valence,arousal", "0.1,0.5", "0.2,0.9", "0.3,0.6", "0.1,0.7"),
        "film,time,label\na,2,sad\nb,3,sad\n",
        spans("note", "9" * 5000 + ":00", "1:00"),
        "film,duration,label\na,2,sad\nb,3,sad\n",
    ],
)
def test_numbers_of_raters_and_lengths_of_whole_files_are_no_spans(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    config = WHOLE if "duration" in text else TableConfig()
    rows = read_annotations(tmp_path / "t.csv", config)
    assert rows["reason"].isna().all()
    assert rows["start_s"].isna().all()


def test_times_whose_column_or_digits_say_another_unit_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("film,startFrame,end_ms,label\na,10,20,sad\n", encoding="utf-8")
    columns = {"start": "startFrame", "end": "end_ms"}
    assert read_annotations(path, TableConfig(columns=columns)).attrs["warnings"] == (
        f"{path}: column 'startFrame' is read in seconds: set table.unit = \"frames\" if it counts frames",
    )
    assert read_annotations(path, TableConfig(columns=columns, unit="ms")).attrs["warnings"] == ()
    decimals = {
        25: "00:00:00.00': if they count frames, write a colon before them and set table.frame_rate",
        100: None,
        60: "0.00': if they count seconds after minutes, write 1:30 for 1.30",
    }
    for limit, told in decimals.items():
        clock, width = ("", 1) if limit == 60 else ("00:00:", 2)
        lines = [
            f"a,{clock}{n:0{width}}.{n * 7 % limit:02},{clock}{n + 1:0{width}}.{n * 7 % limit:02},sad"
            for n in range(0, 40, 2)
        ]
        path.write_text("\n".join(["film,start,end,label", *lines]), encoding="utf-8")
        counted = f"{path}: the last digits of 40 times are all below {30 if limit == 25 else 60}, as in '"
        assert read_annotations(path).attrs["warnings"] == ((counted + told,) if told else ())


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("start_min", "write seconds if it counts minutes"),
        ("Begin (minutes)", "write seconds if it counts minutes"),
        ("startframe", 'set table.unit = "frames" if it counts frames'),
        ("StartSample", "write seconds if it counts samples"),
        ("start_us", "write seconds if it counts microseconds"),
        ("start_percent", "write seconds if it counts percent"),
        ("start_days", 'set table.unit = "days" if it counts days'),
        ("t_min", None),  # beside t_max
        ("start_sec", None),
    ],
)
def test_every_unit_in_the_name_of_a_column_of_times_is_reported(
    name: str, counted: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"film,{name},t_max,label\na,1.5,2.5,sad\n", encoding="utf-8")
    end = "t_max" if name == "t_min" else "=2.5"
    told = read_annotations(path, TableConfig(columns={"start": name, "end": end})).attrs["warnings"]
    assert told == ((f"{path}: column {name!r} is read in seconds: {counted}",) if counted else ())


def clock_table(times: Iterable[str]) -> str:
    return "film,start,end,label\n" + "".join(f"a,{time},,sad\n" for time in times)


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (
            [f"0:{n:02}:{n * 7 % 25:02}" for n in range(30)],
            "if they count frames, as in 00:01:02:06, write all",
        ),
        ([f"0:00:{n:02}" for n in range(30)], None),  # short films
        ([f"0:{n:02}:{n * 7 % 60:02}" for n in range(30)], None),
        ([f"{n:02}:{n * 7 % 60:02}:00" for n in range(12)], "all times are whole minutes, as in '11:17:00'"),
        ([f"{n}:00" for n in range(12)], None),  # minutes and seconds
        ([str(n / 86400) for n in range(9, 29)], 'set table.unit = "days" if they are a spreadsheet'),
        ([str(n / 10) for n in range(20)], None),
    ],
)
def test_clock_times_that_a_spreadsheet_or_an_editor_counts_otherwise_are_reported(
    times: list[str], told: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(clock_table(times), encoding="utf-8")
    warnings = read_annotations(path).attrs["warnings"]
    assert len(warnings) == (told is not None)
    assert told is None or told in warnings[0]


def test_labels_and_times_side_by_side_are_not_lost_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("film,start,end,label,label_2,label 3,row2\na,1,2,sad,happy,sad,4\n", encoding="utf-8")
    assert read_annotations(path).attrs["warnings"] == (
        f"{path}: of 'label' and 'label_2', 'label 3' only the first is read: if all hold labels or times, name the "
        "file once for each of them in table.files",
    )
    files = [
        TableFile(path="t.csv", columns={"label": name, "annotator": f"={name}"})
        for name in ("label", "label_2", "label 3")
    ]
    rows = read_annotations(tmp_path, TableConfig(files=files))
    assert rows["label"].tolist() == ["sad", "happy", "sad"]
    assert rows.attrs["warnings"] == ()


def test_records_within_json_lines_are_no_votes_for_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"film": "a", "label": "sad", "parts": [{"start": 1, "end": 2}]}\n', encoding="utf-8")
    with pytest.raises(
        InputError, match=r"column 'parts' holds lists of records: map columns in it, such as"
    ):
        read_annotations(path)
    columns = {"start": "parts.start", "end": "parts.end"}
    rows = read_annotations(path, TableConfig(columns=columns))
    assert rows[["start_s", "end_s"]].to_numpy().tolist() == [[1.0, 2.0]]
